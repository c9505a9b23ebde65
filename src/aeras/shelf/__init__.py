"""Tracks and facings to interactions with a reaction."""
