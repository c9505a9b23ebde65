"""Triggers, surveys and their channels."""
