"""The rule desk: what the rules page needs from whoever keeps the site file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

OF_MODES: Mapping[str, frozenset[str]] = {
    "threshold": frozenset({"count"}),
    "margin": frozenset({"rate", "change"}),
    "fdr": frozenset({"rate", "change"}),
    "min_handled": frozenset({"rate", "change"}),
    "since": frozenset({"change"}),
    "before": frozenset({"change"}),
}
"""Settings of a rule that only some modes know."""


@dataclass(frozen=True, slots=True)
class RuleList:
    """The rules as the site file writes them, and its revision; a save names it."""

    rules: tuple[Mapping[str, object], ...]
    revision: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would have flagged.

    Attributes:
        problems: What is wrong with it, a line each; nothing else is given then.
        days: How far back it looked.
        flagged: Names of items, in the order in which they would have been flagged. An item with
            fewer than k visits behind it is left out.
        count_flagged: How many the default count would have flagged, by the same measure.
        needs_sales: It compares with sales, and there are none.
        changes: Changes that it would have watched; None in other modes.
    """

    problems: tuple[str, ...] = ()
    days: int = 0
    flagged: tuple[str, ...] = ()
    count_flagged: int = 0
    needs_sales: bool = False
    changes: int | None = None


@dataclass(frozen=True, slots=True)
class RuleSaved:
    """What came of a save: problems, a line each, or the new revision."""

    problems: tuple[str, ...] = ()
    revision: str = ""


class RuleDesk(Protocol):
    """Reads and changes the rules of the site file. Methods may be called from any thread."""

    def rules(self) -> RuleList:
        """As they stand."""

    def preview(self, rule: Mapping[str, object], was: str) -> Preview:
        """What a rule, as the site file would write it, would have flagged. Changes nothing.

        Args:
            rule: Key by key.
            was: Id of the rule that it replaces, "" for a new one.
        """

    def save(self, rule: Mapping[str, object], was: str, revision: str, who: str) -> RuleSaved:
        """Writes a rule to the site file and takes it into use at once; with any problem nothing
        is written. Raises ConflictError if the file has changed since.
        """

    def delete(self, was: str, revision: str, who: str) -> RuleSaved:
        """Takes a rule out; what it opened stays open."""
