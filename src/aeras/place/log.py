"""What a shop showed under known plans: counts a slot and week, from AERAS's anonymous records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aeras.domain.kept import Tally
from aeras.place.plan import Floats, Ints, Layout


@dataclass(frozen=True, slots=True)
class Reward:
    """What placement is for; the weights are the retailer's and are shown beside every gain.

    Attributes:
        margin: For each unit of currency of margin.
        positive, rejected: Currency that a handling with a positive reading is worth, and what one
            read as rejected costs. Handlings that could not be read count for neither.
    """

    margin: float = 1.0
    positive: float = 0.10
    rejected: float = 0.10


@dataclass(frozen=True, slots=True, eq=False)
class Week:
    """Counts of one week under one plan.

    Attributes:
        plan: (S,) item at each slot.
        visits: (B,) visits of each block.
        dwells, handled, taken, positive, rejected, read: (S,) counts; ``read`` are handlings
            whose reaction could be told.
        available: (S,) share of the time in which the slot was not empty, in (0, 1].
    """

    plan: Ints
    visits: Floats
    dwells: Floats
    handled: Floats
    taken: Floats
    positive: Floats
    rejected: Floats
    read: Floats
    available: Floats

    def reward(self, layout: Layout, weights: Reward) -> Floats:
        """Of each slot in the week, (S,) currency."""
        found: Floats = (
            weights.margin * layout.margin[self.plan] * self.taken
            + weights.positive * self.positive
            - weights.rejected * self.rejected
        )
        return found


def week_of(
    layout: Layout,
    plan: Ints,
    facings: Mapping[str, Tally],
    visits: Mapping[int, int],
    available: Mapping[str, float] | None = None,
) -> Week:
    """A week from tallies by facing. A take that was put back is a put back: kept are the takes
    less the put backs.

    Args:
        layout: The slots' ids are ids of facings.
        plan: Of that week.
        facings: Tally of each facing; absent means that nothing happened there.
        visits: Of each block.
        available: Share of the time that a facing was not empty, where that is known.
    """
    nothing = Tally("", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0)
    rows = [facings.get(slot, nothing) for slot in layout.slots]

    def column(values: Sequence[float]) -> NDArray[np.float64]:
        return np.asarray(values, dtype=np.float64)

    return Week(
        plan=plan,
        visits=column([visits.get(b, 0) for b in range(len(layout.blocks))]),
        dwells=column([r.dwells for r in rows]),
        handled=column([r.handled for r in rows]),
        # Published blocks of takes and of handlings end at different moments.
        taken=column([min(r.handled, max(0, r.takes - r.put_backs)) for r in rows]),
        positive=column([r.positive for r in rows]),
        rejected=column([r.rejected for r in rows]),
        read=column([r.handled - r.unclear for r in rows]),
        available=column([max(0.02, (available or {}).get(s, 1.0)) for s in layout.slots]),
    )


def by_item(layout: Layout, weeks: Sequence[Week], *columns: str) -> Floats:
    """Sums of columns of `Week` over the weeks by item, (columns, I)."""
    found = np.zeros((len(columns), len(layout.items)))
    for week in weeks:
        for row, column in zip(found, columns, strict=True):
            np.add.at(row, week.plan, getattr(week, column))
    return found
