"""What may be shown: events in, blocks of at least k visits out, and sums of whole blocks.

A block counts one thing (visits, takes, handlings ...) at one facing, or at one item, or in the
whole shop. It stays open until at least k visits, and k of what it counts, have come together; then
it is finished, dated, and never divided again. Every figure for any item, facing, category or
period is a sum of whole blocks, and no event is in two blocks of one measure. So the difference
of any figures of a measure, however many, is again a sum of whole blocks: it is nothing, or has at
least k visits behind it. This is microaggregation (Domingo-Ferrer and Mateo-Sanz 2002) along time.
The price is that up to one block of each facing is not shown yet.

Visits of the shop and of an item are two measures, and the one less the other is no sum of blocks:
the visits that touched nothing. So blocks of shop visits hold multiples of k, what is over begins
the next one: what is known of them is always a span of k, which leaves nobody alone. The same holds
for who came past a fixture and who of them stopped.

What fills too slowly at a facing is counted for its item after a week, and then for the shop.
Simulated events protect nobody: their blocks are finished at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from aeras.domain.errors import PrivacyError
from aeras.domain.kept import Answer, Block, Measure, Origin, Tally
from aeras.domain.published import Numbers, Rate, SurveySummary

DEFAULT_K = 10
RATINGS = range(1, 6)

ShareOf = Callable[[int, int], Rate]
"""(count, n) -> share with interval; ``insight.rates.share``."""

_MULTIPLES = {Measure.STARTS, Measure.PASSED, Measure.STOPPED}
"""What is shown in multiples of k; all that is counted in it is alike."""

PATIENCE = timedelta(days=7)
"""How long a block may stay open before it is counted for something wider."""

_COLUMNS = (
    *("visits", "dwells", "reaches", "takes", "put_backs", "handled"),
    *("misplaced", "knocked_over"),
)


class MeanOf(Protocol):
    """Mean with interval; ``insight.rates.mean``."""

    def __call__(self, values: Sequence[float], *, bounds: tuple[float, float]) -> Rate:
        """The mean of values that lie within bounds."""


class Publisher:
    """Applies the k-threshold.

    Args:
        k: Visits (for surveys: answers) below which nothing is shown; at least 2.
        share: Makes a rate of a count and its n.
        mean: Makes a rate of ratings.
    """

    def __init__(self, k: int = DEFAULT_K, *, share: ShareOf, mean: MeanOf) -> None:
        if k < 2:  # noqa: PLR2004 - with 1 every single visit would show
            raise PrivacyError(
                f"k is {k}, expected 2 or more",
                where="privacy.k",
                todo=f"Leave it out for the default of {DEFAULT_K}",
            )
        self.k = k
        self._share = share
        self._mean = mean

    def one(self, tally: Tally) -> Numbers:
        """Numbers of a group of published sums. What it leaves out is guarded by the blocks; that
        nothing below k is shown is checked here once more.
        """
        shown = tally.visits >= self.k
        counted = sum(getattr(tally, column) for column in _COLUMNS)

        def count(n: int) -> int | None:
            return int(n) if shown and n >= self.k else None

        def beside(n: int) -> int | None:
            return int(n) if n >= self.k else None

        def rate(n: int) -> Rate | None:
            return None if count(tally.handled) is None else self._share(int(n), tally.handled)

        return Numbers(
            visits=count(tally.visits),
            dwells=count(tally.dwells),
            reaches=count(tally.reaches),
            takes=count(tally.takes),
            put_backs=count(tally.put_backs),
            rejection=rate(tally.rejected),
            hesitation=rate(tally.hesitant),
            positive=rate(tally.positive),
            unclear=rate(tally.unclear),
            coverage=round(tally.coverage, 2) if shown else None,
            misplaced=beside(tally.misplaced),
            knocked_over=beside(tally.knocked_over),
            simulated=_simulated(tally.simulated, counted, exact=shown),
        )

    def fold(
        self, pending: Sequence[Block], cells: Sequence[Block]
    ) -> tuple[list[Block], list[Block]]:
        """Puts counts of single grains into blocks; see `aeras.domain.ports.Fold`."""
        return fold(pending, cells, self.k)

    def survey(self, item: str, answers: Sequence[Answer], asked: int | None) -> SurveySummary:
        """Summary of the answers on one item; empty below k answers. Whoever answers has agreed to
        it and cannot be linked to a visit, so from k answers on single cells may be small.

        Args:
            item: Item id.
            answers: All answers on it, newest first.
            asked: Invitations given out, None where they cannot be counted (kiosk).
        """
        ratings = [answer.rating for answer in answers if answer.rating is not None]
        chosen = [answer.choice for answer in answers if answer.choice is not None]
        enough = len(answers) >= self.k
        simulated = sum(answer.origin is Origin.SIMULATED for answer in answers)
        return SurveySummary(
            item=item,
            answers=len(answers) if enough else None,
            asked=asked if enough else None,
            rating=self._rating(ratings),
            ratings=tuple(map(ratings.count, RATINGS)) if len(ratings) >= self.k else None,
            choices=_ranked(chosen) if len(chosen) >= self.k else None,
            quotes=tuple(answer.text for answer in answers if answer.text) if enough else (),
            simulated=_simulated(simulated, len(answers), exact=enough),
        )

    def settled(
        self, answers: Sequence[Answer], batches: Mapping[str, str], since: datetime | None = None
    ) -> list[Answer]:
        """The answers that may be shown, newest first: simulated ones, and real ones by whole
        batches, so that no two looks differ by fewer than k.

        Args:
            answers: Newest first.
            batches: Batch by answer id (`aeras.domain.ports.AnswerBook.batches`).
            since: Leaves out batches whose newest answer is older.
        """
        sizes = Counter(batches.values())
        newest: dict[str, datetime] = {}
        for answer in answers:
            newest.setdefault(_batch(answer, batches), answer.at)
        return [
            answer
            for answer in answers
            if (answer.origin is Origin.SIMULATED or sizes[_batch(answer, batches)] >= self.k)
            and (since is None or newest[_batch(answer, batches)] >= since)
        ]

    def count(self, n: int) -> int | None:
        """A bare count of settled answers, None below k."""
        return n if n >= self.k else None

    def _rating(self, ratings: Sequence[int]) -> Rate | None:
        if len(ratings) < self.k:
            return None
        return self._mean(ratings, bounds=(RATINGS[0], RATINGS[-1]))


class _Key(NamedTuple):
    """Where and what a block counts."""

    fixture: str | None
    facing: str | None
    item: str | None
    simulated: bool
    measure: Measure

    @property
    def wider(self) -> _Key:
        """The item of a facing, the shop of an item."""
        item = None if self.facing is None and self.fixture is None else self.item
        return _Key(None, None, item, self.simulated, self.measure)


def fold(
    pending: Sequence[Block], cells: Sequence[Block], k: int
) -> tuple[list[Block], list[Block]]:
    """Adds counts to what is pending and finishes every block that has become large enough.

    Args:
        pending: Blocks that are not finished, one a place and measure.
        cells: Counts of single time grains, in order of time.
        k: Least number of visits, and of what is counted, in a block.

    Returns:
        Finished blocks, and those pending from now on.
    """
    piles = _Piles(pending, k)
    day = None
    for cell in cells:
        if cell.at.date() != day:
            day = cell.at.date()
            piles.widen(cell.at)
        piles.add(_key(cell), cell, cell.at)
    return piles.done, list(piles.open.values())


def _key(block: Block) -> _Key:
    return _Key(block.fixture, block.facing, block.item, block.simulated, block.measure)


class _Piles:
    """Blocks while they are filled."""

    def __init__(self, pending: Sequence[Block], k: int) -> None:
        self.open = {_key(block): block for block in pending}
        self.done: list[Block] = []
        self._k = k

    def add(self, key: _Key, more: Block, at: datetime) -> None:
        """Adds counts of the grain that starts at ``at``; finishes the block if it is enough."""
        have = self.open.pop(key, None)
        pile = _sum(have, more) if have else more
        if not (pile.count > 0 if key.simulated else min(pile.visits, pile.count) >= self._k):
            self.open[key] = pile
            return
        over = pile.count % self._k if key.measure in _MULTIPLES and not key.simulated else 0
        if over:  # they are all alike: which of them wait does not matter
            left = replace(pile, at=at, visits=over, count=over, events=0, coverage=0.0)
            self.open[key] = left
            pile = replace(pile, visits=pile.visits - over, count=pile.count - over)
        self.done.append(replace(pile, at=at))

    def widen(self, now: datetime) -> None:
        """Counts for the item, or the shop, what has waited too long."""
        late = now - PATIENCE
        slow = [key for key, pile in self.open.items() if pile.at < late and key.wider != key]
        for key in sorted(slow, key=lambda key: key.fixture is None):  # facings, then items
            pile = self.open.get(key)
            if pile is not None and pile.at < late:
                del self.open[key]
                item = key.wider.item
                wider = replace(pile, at=now, fixture=None, facing=None, item=item)
                self.add(key.wider, wider, now)


def _sum(have: Block, more: Block) -> Block:
    """Written out, because it runs for every grain of every facing."""
    return Block(
        have.at,
        have.fixture,
        have.facing,
        have.item,
        have.simulated,
        have.measure,
        have.visits + more.visits,
        have.count + more.count,
        have.positive + more.positive,
        have.hesitant + more.hesitant,
        have.rejected + more.rejected,
        have.neutral + more.neutral,
        have.unclear + more.unclear,
        have.events + more.events,
        have.coverage + more.coverage,
    )


def _batch(answer: Answer, batches: Mapping[str, str]) -> str:
    """Its batch; a simulated answer is one by itself."""
    return answer.id if answer.origin is Origin.SIMULATED else batches.get(answer.id, "")


def _ranked(codes: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counts = {code: codes.count(code) for code in sorted(set(codes))}
    return tuple(sorted(counts.items(), key=lambda pair: -pair[1]))


def _simulated(simulated: int, events: int, *, exact: bool) -> float:
    """Share of simulated records; below k only none (0), some (0.5) or all (1)."""
    if simulated == 0 or simulated >= events:
        return float(simulated > 0)
    return min(0.99, max(0.01, round(simulated / events, 2))) if exact else 0.5
