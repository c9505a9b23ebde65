"""Placement: a calibrated shop, policies that propose moves, and their evaluation before anyone
acts.
"""
