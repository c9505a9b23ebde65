"""Logs go to stderr; what the command line sets holds for the workers it starts, too."""

from __future__ import annotations

import logging
import os
import sys

import structlog

LEVEL = "AERAS_LOG"
"""Environment variable with the least level that is shown: debug, info, warning or error."""


def set_up_logs(level: str | None = None) -> None:
    """Sets the level for this process and its children; without one, takes the parent's."""
    if level is not None:
        os.environ[LEVEL] = level
    chosen = logging.getLevelNamesMapping().get(os.environ.get(LEVEL, "warning").upper())
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(chosen or logging.WARNING),
        # Asked for at each call: whoever redirects stderr later is followed.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
