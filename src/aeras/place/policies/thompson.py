"""Thompson sampling: the best arrangement of a shop drawn from the posterior.

It tries what may be best as often as it may be so, and so learns where it matters.
"""

from __future__ import annotations

from aeras.place.fit import Fit
from aeras.place.plan import Floats, Ints
from aeras.place.policy import Known, own_choice


class Thompson:
    """One draw for all blocks of a moment."""

    name = "thompson"

    def __init__(self) -> None:
        self._drawn: tuple[Known, Fit] | None = None

    def propose(self, known: Known, block: int, slots: Ints) -> Ints:
        """See `aeras.place.policy.Policy`."""
        if self._drawn is None or self._drawn[0] is not known:
            self._drawn = (known, known.fit.draw(known.rng))
        return self._drawn[1].best(known.rules, block, slots, known.today[slots])

    def prefer(self, known: Known, candidates: Ints, features: Floats, own: Ints) -> Floats:
        """See `aeras.place.policy.Policy`."""
        return own_choice(candidates, own)


make = Thompson
