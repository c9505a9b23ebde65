"""Today's plan: what every other policy has to beat."""

from __future__ import annotations

from aeras.place.plan import Floats, Ints
from aeras.place.policy import Known, own_choice


class Today:
    """Changes nothing."""

    name = "today"

    def propose(self, known: Known, block: int, slots: Ints) -> Ints:
        """See `aeras.place.policy.Policy`."""
        return known.today[slots]

    def prefer(self, known: Known, candidates: Ints, features: Floats, own: Ints) -> Floats:
        """See `aeras.place.policy.Policy`."""
        return own_choice(candidates, own)


make = Today
