"""Numbers of the printed tags, of the ArUco dictionary 4x4_50."""

from __future__ import annotations

TAGS = 50
"""Numbers are 0 to 49."""
STAFF_TAGS = (4, 11)
OBJECTION_TAGS = (25, 26)
"""What ``any`` means. Of all pairs of pairs these are among those that differ most from one
another in every rotation, by 7 of 16 cells at least.
"""
