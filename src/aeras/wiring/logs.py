"""Logs go to stderr; what the command line sets holds for the workers it starts, too."""

from __future__ import annotations

import logging
import os
import sys

import structlog

LEVEL = "AERAS_LOG"
"""Environment variable with the least level that is shown: debug, info, warning or error."""

FORMAT = "AERAS_LOG_FORMAT"
"""Environment variable: ``json`` for one JSON object a line, anything else for people."""


def set_up_logs(level: str | None = None) -> None:
    """Sets the level for this process and its children; without one, takes the parent's."""
    if level is not None:
        os.environ[LEVEL] = level
    chosen = logging.getLevelNamesMapping().get(os.environ.get(LEVEL, "warning").upper())
    as_json: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=as_json if os.environ.get(FORMAT) == "json" else None,
        wrapper_class=structlog.make_filtering_bound_logger(chosen or logging.WARNING),
        # Asked for at each call: whoever redirects stderr later is followed.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
