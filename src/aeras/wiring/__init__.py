"""Puts the rooms together; the only place that knows them all."""
