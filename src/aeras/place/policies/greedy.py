"""Greedy by sales: what sells most to where people look most, as many shops do it by hand.

It takes sales as they are, so an item that sells little because nobody sees it stays there.
"""

from __future__ import annotations

import numpy as np

from aeras.place.plan import Floats, Ints
from aeras.place.policy import Known, own_choice


class Greedy:
    """Margin sold by item, and dwells by slot, both as counted."""

    name = "greedy"

    def propose(self, known: Known, block: int, slots: Ints) -> Ints:
        """See `aeras.place.policy.Policy`."""
        sold = np.zeros(len(known.layout.items))
        facings = np.full(len(sold), 1e-9)
        for week in known.weeks:
            np.add.at(sold, week.plan, week.taken)
            np.add.at(facings, week.plan, 1.0)
        worth = known.looks[slots][:, None] * (sold * known.layout.margin / facings)[None, :]
        return known.rules.arrange(slots, known.today[slots], worth)

    def prefer(self, known: Known, candidates: Ints, features: Floats, own: Ints) -> Floats:
        """See `aeras.place.policy.Policy`."""
        return own_choice(candidates, own)


make = Greedy
