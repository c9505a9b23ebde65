"""Implements the rule desk: the rules page to the site file, and rules held against the past."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from aeras.config import SiteFile, read_site_text
from aeras.domain.errors import ConfigError, InputError
from aeras.domain.ports import Clock
from aeras.domain.rule_desk import Preview, RuleList, RuleSaved
from aeras.insight import evidence
from aeras.respond.hours import Hours, hours_for
from aeras.respond.preview import (
    Flagged,
    change_flagged,
    count_flagged,
    default_count,
    named,
    rate_flagged,
)
from aeras.respond.rules import DAY, HOUR, ChangeRule, CountRule, Rule, floor
from aeras.wiring.sitefile import Document, read_text, revision_of, write_text
from aeras.wiring.triggers import STATISTICS, TriggerRoom, rule_of

PREVIEW_DAYS = 30


class SiteRules:
    """Implements `aeras.domain.rule_desk.RuleDesk` over a site file.

    A preview looks at single events, as rules do. It tells names of items with k visits behind them
    and numbers of items, nothing else.

    Args:
        path: The site file.
        room: Knows the events, and what does not count.
        k: Visits below which an item is not named.
        clock: The present moment in UTC.
        reload: Takes the changed file into use.
        changed: Told who has changed what, once it is written (for the audit log).
        forms: Ids of the survey forms that there are.
    """

    def __init__(
        self,
        path: Path,
        *,
        room: TriggerRoom,
        k: int,
        clock: Clock,
        reload: Callable[[], object],
        changed: Callable[[str, str], None],
        forms: Callable[[], list[str]],
    ) -> None:
        self._path = path
        self._room = room
        self._k = k
        self._clock = clock
        self._reload = reload
        self._changed = changed
        self._forms = forms
        self._turn = threading.Lock()
        self._hours: dict[tuple[str | None, bool], Hours] = {}

    def rules(self) -> RuleList:
        """As they stand."""
        text = read_text(self._path)
        rows = _document(text, self._path).data.get("triggers") or []
        return RuleList(tuple(_plain(row) for row in rows), revision_of(text))

    def save(self, rule: Mapping[str, object], was: str, revision: str, who: str) -> RuleSaved:
        """See `aeras.domain.rule_desk.RuleDesk.save`."""
        with self._turn:
            text, _file, problems = self._with(rule, was)
            if problems:
                return RuleSaved(problems)
            return self._write(text, revision, who, f"rule {rule.get('id')}")

    def delete(self, was: str, revision: str, who: str) -> RuleSaved:
        """See `aeras.domain.rule_desk.RuleDesk.delete`."""
        with self._turn:
            document = _document(read_text(self._path), self._path)
            rows = document.data.get("triggers") or []
            row = next((row for row in rows if row.get("id") == was), None)
            if row is None:
                raise InputError(f"there is no rule {was[:64]!r}", todo="See /rules")
            rows.remove(row)
            if not rows:
                document.data.pop("triggers")
            return self._write(document.text(), revision, who, f"rule {was} deleted")

    def _write(self, text: str, revision: str, who: str, what: str) -> RuleSaved:
        """Writes the file, tells of it and takes it into use."""
        write_text(self._path, text, revision=revision)
        self._changed(who, what)
        self._reload()
        return RuleSaved(revision=revision_of(text))

    def _with(
        self, rule: Mapping[str, object], was: str
    ) -> tuple[str, SiteFile | None, tuple[str, ...]]:
        """The text with the rule in it, and what is wrong with that."""
        document = _document(read_text(self._path), self._path)
        _put_rule(document, rule, was)
        text = document.text()
        file, errors = read_site_text(self._path, text)
        problems = [_sentence(error) for error in errors]
        survey = rule.get("survey", "put-back")
        if not problems and survey is not None and survey not in self._forms():
            problems = [f"there is no survey {str(survey)[:64]!r}. See /forms for those there are"]
        return text, file, tuple(problems)

    # --- the past ------------------------------------------------------------------------------

    def preview(self, rule: Mapping[str, object], was: str) -> Preview:
        """See `aeras.domain.rule_desk.RuleDesk.preview`."""
        _text, file, problems = self._with(rule, was)
        if problems or file is None:
            return Preview(problems)
        section = next(one for one in file.triggers if one.id == rule.get("id"))
        asked = rule_of(section, file.site.timezone)
        now = self._clock().astimezone(UTC)
        with self._turn:
            return self._look_back(asked, floor(now, HOUR) - PREVIEW_DAYS * DAY, now)

    def _look_back(self, rule: Rule, since: datetime, now: datetime) -> Preview:
        shop, room = self._room.shop, self._room
        hours = self._counted(rule)
        counts = hours.between(since, now, rule.when)
        changes: int | None = None
        if isinstance(rule, CountRule):
            flagged = count_flagged(rule, shop, counts)
        elif isinstance(rule, ChangeRule):
            flagged, changes = self._changes(rule, since, now)
        else:
            flagged = rate_flagged(rule, shop, counts, evidence.first_found)
        names = named(flagged, shop, self._k)
        usual = named(count_flagged(default_count(rule), shop, counts), shop, self._k)
        sales = rule.measure.needs_sales and not room.store.sold(since, now)
        return Preview((), PREVIEW_DAYS, names, len(usual), sales, changes)

    def _changes(self, rule: ChangeRule, since: datetime, now: datetime) -> tuple[Flagged, int]:
        hours = hours_for(rule, self._room.store, self._room.asides, self._room.grain)
        span = (since, now)
        return change_flagged(
            rule, self._room.shop, hours, self._room.changes, weigh=STATISTICS.change, span=span
        )

    def _counted(self, rule: Rule) -> Hours:
        """Counts of the past, kept from one preview to the next."""
        key = (rule.fixture, rule.measure.needs_sales)
        if key not in self._hours:
            self._hours[key] = hours_for(
                rule, self._room.store, self._room.asides, self._room.grain
            )
        return self._hours[key]


def _document(text: str, path: Path) -> Document:
    try:
        return Document(text)
    except YAMLError:
        raise ConfigError(
            "not valid YAML", where=str(path), todo="Run `aeras check` on it"
        ) from None


def _put_rule(document: Document, rule: Mapping[str, object], was: str) -> None:
    """Writes a rule in the place of another, or behind the last; what does not change stays as it
    is written.
    """
    if not document.data.get("triggers"):
        document.data["triggers"] = CommentedSeq()
    rows: CommentedSeq = document.data["triggers"]
    row = next((row for row in rows if row.get("id") == was and was), None)
    if row is None:
        row = CommentedMap()
        row.fa.set_flow_style()
        rows.append(row)
    for key in [key for key in row if key not in rule]:
        del row[key]
    for key, value in rule.items():
        if _plain(row.get(key)) != value or key not in row:
            row[key] = _flow(value)


def _flow(value: object) -> object:
    if isinstance(value, Mapping):
        made = CommentedMap({key: _flow(one) for key, one in value.items()})
        made.fa.set_flow_style()
        return made
    if isinstance(value, list):
        rows = CommentedSeq(value)
        rows.fa.set_flow_style()
        return rows
    return value


def _plain(value: Any) -> Any:
    """YAML's own kinds of values as Python's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bool | date | timedelta) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _sentence(error: ConfigError) -> str:
    return f"{error.what}. {error.todo}" if error.todo else error.what
