"""An event store that keeps the published sums of each day of the shop at hand.

Pages ask for whole days, of which one holds thousands of blocks. Beside the blocks stands a table
with one row a day, place and measure, in memory only: it is made when it is first needed (about a
second for ten million blocks), what is rolled is added to it, and it goes with the connection.
Blocks are sums, so that sums of days are sums of whole blocks, too.

What was asked of the sums is remembered until the next block is finished, and what the facings
showed last until the next level is told: both change a few times an hour, pages ask at every look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from aeras.domain.kept import Block, Measure, ShelfLevel, Tally
from aeras.domain.ports import Fold
from aeras.store.arrow import BLOCKS, blocks_table, naive_utc
from aeras.store.events import DuckEvents
from aeras.store.reading import PUBLISHED_SQL, tally_of

_SUMMED = [name for name in BLOCKS.names if name not in BLOCKS.names[:6]]
_PLACED = ", ".join(f'"{name}"' for name in BLOCKS.names[1:6])
_DAYS = f"""
SELECT s.start AS "at", {_PLACED}, {", ".join(f'sum("{n}")::{{}} AS "{n}"' for n in _SUMMED)}
FROM {{blocks}} b
JOIN (SELECT g."at", d.start FROM (SELECT DISTINCT "at" FROM {{blocks}}) g
    ASOF JOIN aeras_days d ON g."at" >= d.start) s ON b."at" = s."at"
GROUP BY ALL ORDER BY 1
""".format(  # noqa: S608 - our own names
    *("DOUBLE" if n == "coverage" else "BIGINT" for n in _SUMMED), blocks="{blocks}"
)
_SOLD = """SELECT d.start, item, sum(quantity) FROM sales s
ASOF JOIN aeras_days d ON s."at" >= d.start WHERE s."at" >= ? AND s."at" < ?
GROUP BY ALL ORDER BY ALL"""
_STEPPED = """FROM (SELECT b.*, s.step FROM blocks b ASOF JOIN aeras_steps s ON b."at" >= s.start)
"""
_DAYWISE = ("item", "facing", "site")
_MOST_KEPT = 64
_STEPS = pa.schema([("start", pa.timestamp("us")), ("step", pa.string())])


class QuickEvents(DuckEvents):
    """A `DuckEvents` whose figures of whole days come at once, however many events there are.

    Args:
        path: As of `DuckEvents`.
        timezone: IANA zone whose days are meant.
    """

    def __init__(self, path: Path, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._shown_from = "blocks"
        self._summed: Any = None  # the connection that holds the sums
        self._kept: dict[tuple[object, ...], list[Tally]] = {}
        self._shown: list[tuple[ShelfLevel, datetime]] | None = None
        super().__init__(path)

    def published(
        self, by: str, since: datetime, until: datetime, *, item: str | None = None
    ) -> list[Tally]:
        """Sums of whole finished blocks; see `EventStore.published`."""
        if by in _DAYWISE and self._starts_day(since) and self._starts_day(until):
            return self._of_days(by, since, until, item)
        return super().published(by, since, until, item=item)

    def published_daily(
        self, since: datetime, until: datetime, *, by: str = "moment", item: str | None = None
    ) -> list[Tally]:
        """As ``published(by, ...)`` for a ``by`` of moments, but one row a day of the shop: the
        moment is the day's start (UTC, ISO). Both ends must be starts of days.
        """
        return self._of_days(by, since, until, item)

    def published_in(
        self, by: str, since: datetime, until: datetime, steps: Mapping[datetime, str]
    ) -> dict[str, dict[str, Tally]]:
        """As ``published(by, ...)`` for ``item`` or ``facing``, by step and place.

        Args:
            by: ``item`` or ``facing``.
            since: Start, UTC.
            until: End, UTC, not included.
            steps: Name of the step by the start (UTC) of each of its pieces; the first not after
                ``since``.
        """
        sql = PUBLISHED_SQL.format(
            place=by, moment="step", visits=Measure.VISITS.value, narrowed=""
        ).replace("FROM blocks ", _STEPPED)
        table = {"start": [naive_utc(at) for at in steps], "step": list(steps.values())}
        found: dict[str, dict[str, Tally]] = {}
        with self._guarded(), self._named(aeras_steps=pa.table(table, schema=_STEPS)):
            rows = self._run(sql, [naive_utc(since), naive_utc(until)])
        for place, step, *counts in rows:
            found.setdefault(step, {})[place] = tally_of(place, *counts)
        return found

    def sold_daily(self, since: datetime, until: datetime) -> dict[datetime, dict[str, float]]:
        """Units sold per item, by the start (UTC) of each day of the shop with sales."""
        ends = [naive_utc(since), naive_utc(until)]
        found: dict[datetime, dict[str, float]] = {}
        with self._guarded(), self._named(aeras_days=self._days(*ends)):
            rows = self._run(_SOLD, ends)
        for start, item, units in rows:
            found.setdefault(start.replace(tzinfo=UTC), {})[item] = units
        return found

    def get_ready(self) -> None:
        """Sums up the days, so that nobody has to wait for it."""
        with self._guarded():
            self._sum_up()
            now = datetime.now(UTC)
            self.sold(now, now)  # its query is written at the first use

    def shown_now(self) -> list[tuple[ShelfLevel, datetime]]:
        """What each facing showed last, and since when; see `ShelfBook.shown_now`."""
        with self._guarded():
            if self._shown is None:
                self._shown = super().shown_now()
            return list(self._shown)

    def append_levels(self, levels: Sequence[ShelfLevel]) -> None:
        """Stores levels; see `ShelfBook.append_levels`."""
        with self._guarded():
            self._shown = None
            super().append_levels(levels)

    def delete_before(self, moment: datetime) -> int:
        """Drops what is older than the moment; see `EventStore.delete_before`."""
        with self._guarded():
            self._shown = None
            return super().delete_before(moment)

    def roll(self, until: datetime, fold: Fold) -> int:
        """Makes blocks of the events that are in none; see `EventStore.roll`."""
        made: list[Block] = []

        def noting(
            pending: Sequence[Block], cells: Sequence[Block]
        ) -> tuple[list[Block], list[Block]]:
            done, still = fold(pending, cells)
            made.extend(done)
            return done, still

        with self._guarded():
            count = super().roll(until, noting)
            if made:
                self._kept = {}
            if made and self._summed is self._con:
                self._summed = None  # if adding fails, all of it is summed anew
                self._add(blocks_table(made))
                self._summed = self._con
        return count

    def _starts_day(self, at: datetime) -> bool:
        return at.astimezone(self._zone).time() == time()

    def _of_days(self, by: str, since: datetime, until: datetime, item: str | None) -> list[Tally]:
        with self._guarded():
            self._sum_up()
            key = (by, since, until, item)
            if key not in self._kept:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept = {}
                self._shown_from = "day_blocks"
                try:
                    self._kept[key] = super().published(by, since, until, item=item)
                finally:
                    self._shown_from = "blocks"
            return list(self._kept[key])

    def _run(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        if self._shown_from != "blocks":
            sql = sql.replace("FROM blocks ", f"FROM {self._shown_from} ")
        return super()._run(sql, values)

    def _sum_up(self) -> None:
        if self._summed is self._con:
            return
        self._kept, self._shown = {}, None
        self._run("DROP TABLE IF EXISTS day_blocks")
        self._run("CREATE TEMP TABLE day_blocks AS SELECT * FROM blocks LIMIT 0")
        self._add(None)
        self._summed = self._con

    def _add(self, blocks: Any) -> None:
        """Adds blocks, or all that are stored, to the sums."""
        given = {} if blocks is None else {"aeras_batch": blocks}
        name = next(iter(given), "blocks")
        with self._named(**given):
            first, last = self._run(f'SELECT min("at"), max("at") FROM {name}')[0]  # noqa: S608 - ours
            if first is None:
                return
            with self._named(aeras_days=self._days(first, last)):
                self._run(f"INSERT INTO day_blocks {_DAYS.format(blocks=name)}")

    def _days(self, first: datetime, last: datetime) -> Any:
        """Starts of the days from ``first`` to ``last`` (UTC without zone)."""
        day = first.replace(tzinfo=UTC).astimezone(self._zone).date()
        end = last.replace(tzinfo=UTC).astimezone(self._zone).date()
        starts = []
        while day <= end:
            starts.append(naive_utc(datetime.combine(day, time(), self._zone)))
            day += timedelta(days=1)
        return pa.table({"start": pa.array(starts, pa.timestamp("us"))})
