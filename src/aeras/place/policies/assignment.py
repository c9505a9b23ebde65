"""Linear assignment of items to slots on the calibrated choice model."""

from __future__ import annotations

from aeras.place.plan import Floats, Ints
from aeras.place.policy import Known, own_choice


class Assignment:
    """The best arrangement by the model's best guess; see `aeras.place.fit.Fit.best`."""

    name = "assignment"

    def propose(self, known: Known, block: int, slots: Ints) -> Ints:
        """See `aeras.place.policy.Policy`."""
        return known.fit.best(known.rules, block, slots, known.today[slots])

    def prefer(self, known: Known, candidates: Ints, features: Floats, own: Ints) -> Floats:
        """See `aeras.place.policy.Policy`."""
        return own_choice(candidates, own)


make = Assignment
