"""The one-page report, as pages and commands ask for it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

FORMS = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}
"""Forms of the page, and their media types."""


class Span(Protocol):
    """Whole local days, as half-open UTC [since, until)."""

    @property
    def first(self) -> date:
        """First local day."""

    @property
    def last(self) -> date:
        """Last local day, included."""

    @property
    def since(self) -> datetime:
        """Start of the first day, UTC."""

    @property
    def until(self) -> datetime:
        """End of the last day, UTC."""

    def days_so_far(self, now: datetime) -> int:
        """Number of local days that have begun."""


class ReportDesk(Protocol):
    """Makes reports of what the pages show."""

    def page(self, form: str, span: Span, language: str) -> bytes:
        """The page over some days, in one of `FORMS`."""
