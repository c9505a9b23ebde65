"""The store map's figures: published blocks, till and shelves, by place and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aeras.domain.errors import InputError
from aeras.domain.kept import Tally
from aeras.domain.ports import Clock, EventStore
from aeras.domain.published import Numbers, Rate
from aeras.domain.shelves import OnShelf, Shelves
from aeras.domain.shop import Shop
from aeras.domain.storemap import Cell, Frame, Layer, Span, Step, Why
from aeras.insight import change
from aeras.privacy.publish import Publisher
from aeras.store.quick import QuickEvents
from aeras.wiring.board import summed

MOST_DAYS = 62
"""Of a period that is played day by day."""
MOST_TILL_DAYS = 14
"""Of a period whose sales are played hour by hour: each hour is asked of the store."""
SLOWEST_HOURS = 2.0
"""A block may take so long to fill where hours are told apart."""

Kinds = Mapping[str, Mapping[str, Tally]]
"""Sums by step and place."""


@dataclass(frozen=True, slots=True)
class _Place:
    facing: str
    item: str


class StoreMaps:
    """Implements `aeras.domain.storemap.Maps`.

    Args:
        shop: The present site.
        store: Published blocks and sales.
        publisher: The k-threshold.
        shelves: What stood on the shelves.
        clock: The present moment in UTC.
    """

    def __init__(
        self,
        shop: Callable[[], Shop],
        *,
        store: EventStore,
        publisher: Publisher,
        shelves: Shelves,
        clock: Clock,
    ) -> None:
        self._shop = shop
        self._store = store
        self._publisher = publisher
        self._shelves = shelves
        self._clock = clock

    def layers(self) -> list[Layer]:
        """Those that something at this site measures; sales once a till has sent some."""
        now = self._clock()
        till = bool(self._store.sold(now - timedelta(days=MOST_DAYS), now))
        return [
            layer
            for layer in Layer
            if (till or not layer.of_item) and (layer is not Layer.STOCK or self._shelves.watched)
        ]

    def frames(self, layer: Layer, span: Span, step: Step) -> list[Frame]:
        """The layer for each step of a period.

        Raises:
            InputError: The period is too long to be cut so finely, or the layer cannot be.
        """
        span = self._until_now(span)
        days = self._days(span)
        if step is not Step.WHOLE:
            _check_length(layer, step, len(days))
        if layer is Layer.STOCK:
            return self._stock(span, step, days)
        steps = self._steps(span, step, days)
        kinds = self._kinds(layer, span, step)
        sold = self._sold(days, step, span) if layer.of_item else {}
        whole = summed(pair for tallies in kinds.values() for pair in tallies.items())
        frames = []
        for key in steps:
            tallies = kinds.get(key, {})
            cells = []
            for place in self._places():
                of = place.item if layer.of_item else place.facing
                cell = self._cell(layer, place, tallies.get(of), sold.get(key))
                if self._too_slow(layer, step, whole.get(of), len(days), len(steps)):
                    cell = replace(cell, value=None, low=None, high=None, n=None, why=Why.SLOW)
                cells.append(cell)
            frames.append(Frame(key, tuple(cells)))
        return frames

    def difference(self, layer: Layer, now: Span, then: Span) -> list[Cell]:
        """How a layer of one period differs from that of another. What is ``clear`` stands after
        allowing for the number of places compared (false discovery rate 5 %).
        """
        now, then = self._until_now(now), self._until_now(then)
        [first] = self.frames(layer, now, Step.WHOLE)
        [second] = self.frames(layer, then, Step.WHOLE)
        if layer is Layer.STOCK:
            return [_stock_change(a, b) for a, b in zip(first.cells, second.cells, strict=True)]
        scatter = self._scatter(layer, now, then)
        changes: list[change.Change | None] = []
        for a, b in zip(first.cells, second.cells, strict=True):
            changes.append(_changed(layer, a, b, (now, then), scatter))
        known = [one for one in changes if one is not None]
        stands = iter(change.discoveries([one.p for one in known]))
        cells = []
        for a, b, one in zip(first.cells, second.cells, changes, strict=True):
            share = max(a.simulated, b.simulated)
            if one is None:
                why = a.why or b.why or Why.FEW
                cells.append(Cell(a.facing, None, why=why, simulated=share))
                continue
            n = None if a.n is None or b.n is None else a.n + b.n
            cells.append(
                Cell(
                    a.facing,
                    one.value,
                    one.low,
                    one.high,
                    n,
                    clear=next(stands),
                    simulated=share,
                )
            )
        return cells

    # --- what it rests on ----------------------------------------------------------------------

    def _places(self) -> list[_Place]:
        return [
            _Place(facing.id, facing.item)
            for fixture in self._shop().fixtures
            for facing in fixture.facings
            if facing.on_map is not None and facing.item is not None
        ]

    def _kinds(self, layer: Layer, span: Span, step: Step) -> Kinds:
        by = "item" if layer.of_item else "facing"
        if step is Step.WHOLE:
            found = self._store.published(by, span.since, span.until)
            return {"": {tally.key: tally for tally in found}}
        if isinstance(self._store, QuickEvents):
            pieces = self._pieces(self._days(span), step)
            steps = {piece.since: self._key(step, piece.since) for piece in pieces}
            return self._store.published_in(by, span.since, span.until, steps)
        pairs: dict[str, list[tuple[str, Tally]]] = {}
        for tally in self._store.published(f"{by}_moment", span.since, span.until):
            place, _, moment = tally.key.rpartition(" ")
            own = pairs.setdefault(self._key(step, datetime.fromisoformat(moment)), [])
            own.append((place, tally))
        return {key: summed(own) for key, own in pairs.items()}

    def _pieces(self, days: list[Span], step: Step) -> list[Span]:
        """Spans that lie in one step each."""
        return days if step is Step.DAY else [hour for day in days for hour in _hours(day)]

    def _key(self, step: Step, at: datetime) -> str:
        local = at.astimezone(ZoneInfo(self._shop().timezone))
        return local.date().isoformat() if step is Step.DAY else f"{local:%H}"

    def _days(self, span: Span) -> list[Span]:
        """The local days of a period."""
        zone = ZoneInfo(self._shop().timezone)
        day, found = span.since.astimezone(zone).date(), []
        since = span.since
        while since < span.until:
            day += timedelta(days=1)
            until = min(span.until, datetime.combine(day, time(), zone).astimezone(UTC))
            found.append(Span(since, until))
            since = until
        return found

    def _steps(self, span: Span, step: Step, days: list[Span]) -> list[str]:
        if step is Step.DAY:
            return [self._key(step, day.since) for day in days]
        if step is Step.HOUR:
            moments = self._store.published("moment", span.since, span.until)
            hours = {self._key(step, datetime.fromisoformat(one.key)) for one in moments}
            return sorted(hours) or ["12"]
        return [""]

    def _until_now(self, span: Span) -> Span:
        return replace(span, until=max(span.since, min(span.until, self._clock())))

    def _sold(self, days: list[Span], step: Step, span: Span) -> dict[str, dict[str, float]]:
        """Units by step and item."""
        if step is Step.WHOLE:
            return {"": self._store.sold(span.since, span.until)}
        if step is Step.DAY and isinstance(self._store, QuickEvents):
            known = self._store.sold_daily(span.since, span.until)
            return {self._key(step, at): units for at, units in known.items()}
        found: dict[str, dict[str, float]] = {}
        for piece in self._pieces(days, step):
            own = found.setdefault(self._key(step, piece.since), {})
            for item, units in self._store.sold(piece.since, piece.until).items():
                own[item] = own.get(item, 0.0) + units
        return found

    def _stock(self, span: Span, step: Step, days: list[Span]) -> list[Frame]:
        spans = days if step is Step.DAY else [span]
        frames = []
        for one in spans:
            told = {row.key: row for row in self._shelves.of_facings(one.since, one.until)}
            cells = tuple(
                _stock_cell(place.facing, told.get(place.facing)) for place in self._places()
            )
            frames.append(Frame(self._key(step, one.since) if step is Step.DAY else "", cells))
        return frames

    # --- single cells --------------------------------------------------------------------------

    def _cell(
        self, layer: Layer, place: _Place, tally: Tally | None, sold: Mapping[str, float] | None
    ) -> Cell:
        numbers = self._publisher.one(tally) if tally is not None else None
        share = numbers.simulated if numbers else 0.0
        if layer.of_item:
            return replace(self._till_cell(layer, place, numbers, sold), simulated=share)
        if numbers is None:
            return Cell(place.facing, None, why=Why.FEW)
        unclear = None if numbers.unclear is None else numbers.unclear.value
        if layer.of_handlings:
            rate: Rate | None = getattr(numbers, layer.value)
            if rate is None:
                return Cell(place.facing, None, why=Why.FEW, simulated=share)
            return Cell(
                place.facing, rate.value, rate.low, rate.high, rate.n, unclear, simulated=share
            )
        count: int | None = getattr(numbers, layer.value)
        if count is None:
            return Cell(place.facing, None, why=Why.FEW, simulated=share)
        return Cell(place.facing, count, n=numbers.visits, simulated=share)

    def _till_cell(
        self,
        layer: Layer,
        place: _Place,
        numbers: Numbers | None,
        sold: Mapping[str, float] | None,
    ) -> Cell:
        if not sold:
            return Cell(place.facing, None, why=Why.NONE)
        units = max(0.0, sold.get(place.item, 0.0))
        visits = numbers.visits if numbers else None
        if layer is Layer.SALES:
            return Cell(place.facing, units, n=visits)
        if not visits:
            return Cell(place.facing, None, why=Why.FEW)
        rate = change.per_visit(units, visits)
        return Cell(place.facing, rate.value * 100, rate.low * 100, rate.high * 100, visits)

    def _too_slow(
        self, layer: Layer, step: Step, whole: Tally | None, days: int, steps: int
    ) -> bool:
        """Whether blocks of real visits fill too slowly for the steps to be told apart."""
        if step is Step.WHOLE or whole is None or layer is Layer.SALES:
            return False
        count = whole.handled if layer.of_handlings else whole.visits
        if layer in {Layer.DWELLS, Layer.TAKES}:
            count = getattr(whole, layer.value)
        if whole.simulated >= count > 0:  # nobody is protected there: blocks are single moments
            return False
        blocks = count / self._publisher.k
        if step is Step.DAY:
            return blocks < days
        return blocks < days * steps / SLOWEST_HOURS

    def _scatter(self, layer: Layer, now: Span, then: Span) -> dict[str, float]:
        """How much more than Poisson's the days' counts scatter: of the layer's own measure
        (``own``) and of visits.
        """
        if layer.of_handlings:
            return {}
        wanted = {"own": layer}
        if layer is Layer.CONVERSION:
            wanted = {"own": Layer.SALES, "visits": Layer.VISITS}
        return {name: self._dispersion(one, (now, then)) for name, one in wanted.items()}

    def _dispersion(self, layer: Layer, spans: tuple[Span, Span]) -> float:
        rows = []
        for span in spans:
            days = self._days(span)
            if layer is Layer.SALES:
                sold = self._sold(days, Step.DAY, span)
                table = [sold.get(self._key(Step.DAY, day.since), {}) for day in days]
                names = sorted({item for one in table for item in one})
                rows += [[max(0.0, one.get(name, 0.0)) for one in table] for name in names]
                continue
            kinds = self._kinds(layer, span, Step.DAY)
            own = [kinds.get(self._key(Step.DAY, day.since), {}) for day in days]
            names = sorted({name for one in own for name in one})
            rows += [
                [float(getattr(one[name], layer.value)) if name in one else 0.0 for one in own]
                for name in names
            ]
        return change.dispersion(rows)


def _check_length(layer: Layer, step: Step, days: int) -> None:
    if layer is Layer.STOCK and step is Step.HOUR:
        raise InputError(
            "stock cannot be played by hours of the day", todo="Choose day by day, or another layer"
        )
    most = MOST_TILL_DAYS if layer.of_item and step is Step.HOUR else MOST_DAYS
    if days > most:
        raise InputError(
            f"{days} days are too many to play, at most {most}", todo="Choose a shorter range"
        )


def _hours(day: Span) -> Iterator[Span]:
    since = day.since
    while since < day.until:
        until = min(day.until, since + timedelta(hours=1))
        yield Span(since, until)
        since = until


def _stock_cell(facing: str, told: OnShelf | None) -> Cell:
    if told is None or told.value is None:
        return Cell(facing, None, why=Why.NONE)
    return Cell(
        facing,
        told.value,
        told.low,
        told.high,
        untold=1 - told.coverage,
        simulated=told.simulated,
    )


def _stock_change(now: Cell, then: Cell) -> Cell:
    """Of the bounds, which hold whatever happened while nothing could be told."""
    share = max(now.simulated, then.simulated)
    if now.value is None or then.value is None:
        return Cell(now.facing, None, why=Why.NONE, simulated=share)
    low = (now.low or 0.0) - (1.0 if then.high is None else then.high)
    high = (1.0 if now.high is None else now.high) - (then.low or 0.0)
    clear = low > 0 or high < 0
    return Cell(now.facing, now.value - then.value, low, high, clear=clear, simulated=share)


def _changed(
    layer: Layer, a: Cell, b: Cell, spans: tuple[Span, Span], scatter: Mapping[str, float]
) -> change.Change | None:
    """None if either side has no figure."""
    if a.value is None or b.value is None:
        return None
    if layer.of_handlings:
        return change.of_shares(_rate(a), _rate(b))
    t, u = map(_length_h, spans)
    if t <= 0 or u <= 0:
        return None
    own = scatter["own"]
    if layer is not Layer.CONVERSION:
        return change.of_rates((a.value, t), (b.value, u), own)
    visits = [(float(n), scatter["visits"]) for n in (a.n or 0, b.n or 0)]
    sold = [cell.value / 100 * (cell.n or 0) for cell in (a, b) if cell.value is not None]
    return change.of_rates((sold[0], a.n or 1), (sold[1], b.n or 1), own, visits)


def _rate(cell: Cell) -> Rate:
    return Rate(cell.value or 0.0, cell.low or 0.0, cell.high or 0.0, cell.n or 1)


def _length_h(span: Span) -> float:
    return (span.until - span.since) / timedelta(hours=1)
