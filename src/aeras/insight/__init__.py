"""Rates, intervals and summaries."""
