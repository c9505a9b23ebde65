"""What may be shown: raw tallies in, numbers with at least k visits behind them out.

Rules (the defaults of statistical offices for frequency tables, Hundepool et al. 2012,
"Statistical Disclosure Control", ch. 4):

- a group with fewer than k visits shows nothing;
- a count of 1 to k-1 within a larger group is withheld, a count of 0 is shown;
- a rate is shown when at least k handlings are its denominator;
- where the groups of one table add up to a total that is shown too, what is withheld must not be
  got back by subtraction: the withheld cells of a column number at least two and hold at least k
  together, or further cells, smallest first, are withheld with them.

Not covered here: differences between overlapping queries (other filters, shifted times).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from aeras.domain.errors import PrivacyError
from aeras.domain.kept import Answer, Origin, Tally
from aeras.domain.published import Numbers, Rate, SurveySummary

DEFAULT_K = 10
RATINGS = range(1, 6)

ShareOf = Callable[[int, int], Rate]
"""(count, n) -> share with interval; ``insight.rates.share``."""

_COLUMNS = ("visits", "dwells", "reaches", "takes", "put_backs", "handled")


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
        """Numbers of a group that stands alone (the site's total)."""
        return self.table([tally], total_shown=False)[0]

    def table(self, tallies: Sequence[Tally], *, total_shown: bool = True) -> list[Numbers]:
        """Numbers of groups that split a whole (items, facings, hours), in the same order.

        Args:
            tallies: One for each group.
            total_shown: Whether their total can be seen somewhere; then complementary
                suppression applies.
        """
        withheld = {
            column: self._withheld(tallies, column, total_shown=total_shown) for column in _COLUMNS
        }
        return [
            self._numbers(tally, {column for column in _COLUMNS if index in withheld[column]})
            for index, tally in enumerate(tallies)
        ]

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

    def count(self, n: int) -> int | None:
        """A bare count of people's doings (answers on an item), None below k."""
        return n if n >= self.k else None

    def counts(self, cells: Sequence[int]) -> list[int | None]:
        """Counts that split a whole (answers by item), with complementary suppression."""
        hidden = complement(cells, {i for i, n in enumerate(cells) if n < self.k}, self.k)
        return [None if index in hidden else n for index, n in enumerate(cells)]

    def _rating(self, ratings: Sequence[int]) -> Rate | None:
        if len(ratings) < self.k:
            return None
        return self._mean(ratings, bounds=(RATINGS[0], RATINGS[-1]))

    def _withheld(self, tallies: Sequence[Tally], column: str, *, total_shown: bool) -> set[int]:
        """Indexes of the tallies whose cell in this column is not shown."""
        cells: list[int] = [getattr(tally, column) for tally in tallies]
        hidden = {
            index
            for index, (tally, cell) in enumerate(zip(tallies, cells, strict=True))
            if tally.visits < self.k or 0 < cell < self.k or (column == "handled" and not cell)
        }
        return complement(cells, hidden, self.k) if total_shown else hidden

    def _numbers(self, tally: Tally, withheld: set[str]) -> Numbers:
        def count(column: str) -> int | None:
            return None if column in withheld else int(getattr(tally, column))

        def rate(column: str) -> Rate | None:
            if "handled" in withheld:
                return None
            return self._share(int(getattr(tally, column)), tally.handled)

        events = tally.dwells + tally.reaches + tally.takes + tally.put_backs
        shown = "visits" not in withheld
        return Numbers(
            visits=count("visits"),
            dwells=count("dwells"),
            reaches=count("reaches"),
            takes=count("takes"),
            put_backs=count("put_backs"),
            rejection=rate("rejected"),
            hesitation=rate("hesitant"),
            positive=rate("positive"),
            unclear=rate("unclear"),
            coverage=round(tally.coverage, 2) if shown else None,
            simulated=_simulated(tally.simulated, events, exact=shown),
        )


def complement(cells: Sequence[int], hidden: set[int], k: int) -> set[int]:
    """Grows a set of withheld cells until subtraction from the total gives nothing away.

    Cells of 0 hide nobody and do not count. The result holds at least two non-zero cells with a
    sum of at least k, or every non-zero cell, in which case the total itself is what can be
    learned, and that is published by its own threshold; or no non-zero cell at all.
    """
    hidden = set(hidden)
    shown = sorted(
        (i for i in range(len(cells)) if i not in hidden and cells[i]), key=cells.__getitem__
    )
    for index in shown:
        occupied = [cells[i] for i in hidden if cells[i]]
        if not occupied or (len(occupied) > 1 and sum(occupied) >= k):
            break
        hidden.add(index)
    return hidden


def _ranked(codes: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counts = {code: codes.count(code) for code in sorted(set(codes))}
    return tuple(sorted(counts.items(), key=lambda pair: -pair[1]))


def _simulated(simulated: int, events: int, *, exact: bool) -> float:
    """Share of simulated records; below k only none (0), some (0.5) or all (1)."""
    if simulated == 0 or simulated >= events:
        return float(simulated > 0)
    return min(0.99, max(0.01, round(simulated / events, 2))) if exact else 0.5
