"""How connectors to a shop's API read on: part after part, page after page, and each time a little
of what they had already, because a change may become visible later than its time says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

from aeras.connect.port import BadDataError, Connector, Context, Options, Page, revision_of

ITEMS, SALES, STOCK = "items", "sales", "stock"
_SECOND = timedelta(seconds=1)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
OVERLAP = timedelta(minutes=5)
"""Read again at each run: a long transaction is stamped when it starts and seen when it ends, and
several servers of one source do not share a clock. What was told already changes nothing.
"""


class StalePageError(BadDataError):
    """The source no longer knows the page we ask for; the part is read again from its beginning."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of one part.

    Attributes:
        page: Its records; cursor and more are not looked at.
        next: Where the part goes on, "" at its end.
        newest: Time of the newest change in it.
        at: The source's clock, for parts that are not read in the order of changes: what changes
            while they are read may have been passed already, and is read next time. The earliest of
            all pages counts, for one may come from a copy that lags behind.
    """

    page: Page
    next: str = ""
    newest: datetime | None = None
    at: datetime | None = None


Part = Callable[[datetime, str], Found]
"""Reads what has changed at or since a moment (UTC), from a place on ("" at the beginning)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The cursor: which part is being read, where in it, and since when each part is read."""

    part: str
    next: str = ""
    newest: str = ""
    began: str = ""
    since: dict[str, str] = field(default_factory=dict)


class Sweep(Connector):
    """A connector made of parts that are read in turn, in the order of the mapping.

    Args:
        options: Of the connector; ``since`` is how far back the first run reads sales.
        context: Of the site.
        parts: By name. All but ``sales`` are read from the `BEGINNING` first: a shop's catalogue
            and stock are wanted whole.
    """

    def __init__(self, options: Options, context: Context, parts: Mapping[str, Part]) -> None:
        self.name = options.id
        self._clock = context.clock
        self._first = options.since
        self._parts = dict(parts)

    def pull(self, cursor: str | None) -> Page:
        """The next page; see `Connector`."""
        mark = self._mark(cursor)
        if mark.part not in mark.since:
            start = self._clock() - self._first if mark.part == SALES else BEGINNING
            mark.since[mark.part] = _iso(start)
        from_ = datetime.fromisoformat(mark.since[mark.part])
        try:
            found = self._parts[mark.part](from_, mark.next)
        except StalePageError:
            if not mark.next:
                raise
            return Page(cursor=_written(Mark(mark.part, since=mark.since)), more=True)
        mark, more = self._after(mark, found, from_)
        page = found.page
        return Page(page.sales, page.stock, page.items, _written(mark), more, page.spoilt)

    def _mark(self, cursor: str | None) -> Mark:
        first = next(iter(self._parts))
        if cursor is None:
            return Mark(first)
        try:
            mark = Mark(**json.loads(cursor))
        except (ValueError, TypeError):
            raise BadDataError("the stored cursor cannot be read", where=self.name) from None
        # A part that was switched off in the site file since then.
        return mark if mark.part in self._parts else Mark(first, since=mark.since)

    def _after(self, mark: Mark, found: Found, from_: datetime) -> tuple[Mark, bool]:
        newest = max(mark.newest, _iso(found.newest))
        began = min(filter(None, (mark.began, _iso(found.at))), default="")
        if found.next:
            return Mark(mark.part, found.next, newest, began, mark.since), True
        since = {**mark.since, mark.part: self._since(newest, began, from_)}
        order = list(self._parts)
        index = order.index(mark.part) + 1
        return Mark(order[index % len(order)], since=since), index < len(order)

    def _since(self, newest: str, began: str, from_: datetime) -> str:
        """Where the part is read from next time: never later than our clock, so that one record
        from the future does not hide all that comes before it.
        """
        if not newest:
            return _iso(from_)
        least = min(filter(None, (newest, began, _iso(self._clock()))))
        return max(_iso(datetime.fromisoformat(least) - OVERLAP), _iso(from_))


def settled(changed: datetime, at: datetime) -> int:
    """A revision from a time of change that has whole seconds only.

    A record that was read within the second in which it changed may change once more in it. So it
    gets a higher revision once it was read after that second; the overlap sees to such a reading.

    Args:
        changed: As the source tells it.
        at: The source's clock when it was read.
    """
    return revision_of(changed) + (at - changed >= 2 * _SECOND)


def _iso(at: datetime | None) -> str:
    """In UTC with microseconds, so that texts sort as times do; "" for None."""
    return at.astimezone(UTC).isoformat(timespec="microseconds") if at else ""


def _written(mark: Mark) -> str:
    return json.dumps(asdict(mark), separators=(",", ":"))
