"""From what places decided to interactions: which take was kept, which was put back, what was
only touched. Rules only; no pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from aeras.domain.kept import Kind
from aeras.shelf.place import Change, Shift, State, Touch


@dataclass(frozen=True, slots=True)
class HandlingOptions:
    """Settings of `Handling`, in seconds.

    Attributes:
        max_hold_s: A take that was not put back by then counts as kept; a later put back is still
            told.
        contact_s: A take begins at most this long before the item leaves, so that its times stay
            telling when a hand has long rested at the place.
        carried_s: For this long an item that was taken may still be in a hand before the shelf.
        forget_s: An item that comes back later than this was restocked, not put back.
    """

    max_hold_s: float = 10.0
    contact_s: float = 0.7
    carried_s: float = 30.0
    forget_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing done at one place; becomes an `Interaction` once it has names and a reaction.

    ``attribution``: see `aeras.shelf.attribution`. ``item``: other than the place's own, or None.
    """

    kind: Kind
    start_s: float
    end_s: float
    hold_s: float
    confidence: float
    outcome: bool
    visit: int | None
    attribution: float | None = None
    item: str | None = None


@dataclass(slots=True)
class _Open:
    """An item that is away."""

    contact_s: float
    left_s: float
    confidence: float
    free: bool
    visit: int | None
    attribution: float | None = None
    told: bool = False


class Handling:
    """The handling rules of one place."""

    def __init__(self, options: HandlingOptions | None = None) -> None:
        self.options = options or HandlingOptions()
        self._open: _Open | None = None
        self._held: tuple[float, float] | None = None

    def held_during(self, from_s: float, to_s: float) -> bool:
        """Whether this place's item was in a hand at some moment of a time, as far as is known."""
        gone = self._open
        now = (
            gone is not None
            and gone.contact_s <= to_s
            and (from_s <= gone.left_s + self.options.max_hold_s)
        )
        before = self._held is not None and self._held[0] <= to_s and from_s <= self._held[1]
        return now or before

    @property
    def holder(self) -> int | None:
        """Visit that holds this place's item, where known."""
        return self._open.visit if self._open and not self._open.told else None

    def changed(
        self, change: Change, visit: int | None, attribution: float | None = None
    ) -> list[Deed]:
        """The place changed state; ``attribution`` is the probability that it was this place."""
        if change.to is State.AWAY:
            # Another unit of it left: the first one is not coming back to be seen.
            before = self.finish(change.happened_s)
            self._open = _Open(
                change.contact_s, change.happened_s, change.sure, change.free, visit, attribution
            )
            return before
        gone, self._open = self._open, None
        hold_s = change.happened_s - gone.left_s if gone else 0.0
        if hold_s > self.options.forget_s:
            return []
        self._held = (gone.contact_s if gone else change.contact_s, change.rested_s)
        deeds = []
        if gone and not gone.told:
            deeds.append(self._take(gone, hold_s=hold_s, kept=False))
        visit = visit if visit is not None or gone is None else gone.visit
        return [*deeds, replace(_put_back(change, hold_s, visit), attribution=attribution)]

    def is_held(self, t_s: float) -> bool:
        """Whether this place's item was taken lately and may still be in a hand at the shelf."""
        return self._open is not None and t_s - self._open.left_s <= self.options.carried_s

    @property
    def is_open(self) -> bool:
        """Whether this place's item is away, as far as is known."""
        return self._open is not None

    def forget(self, left_s: float) -> None:
        """Takes back a take at ``left_s`` that was not told yet: it was a neighbour's."""
        if self._open is not None and not self._open.told and self._open.left_s == left_s:
            self._open = None

    def attribute(self, left_s: float, attribution: float) -> None:
        """Corrects the attribution of a take at ``left_s`` that was not told yet."""
        if self._open is not None and self._open.left_s == left_s:
            self._open.attribution = attribution

    def left_s(self) -> float | None:
        """When this place's item left, while it is away."""
        return self._open.left_s if self._open else None

    def strayed(self, t_s: float) -> tuple[list[Deed], int | None]:
        """This place's item was put down elsewhere: its take, if not told yet, and who had it."""
        gone, self._open = self._open, None
        if gone is None:
            return [], None
        self._held = (gone.contact_s, t_s)
        deeds = [] if gone.told else [self._take(gone, hold_s=t_s - gone.left_s, kept=False)]
        return deeds, gone.visit

    def received(
        self, change: Change, item: str | None, hold_s: float, visit: int | None
    ) -> list[Deed]:
        """Another place's item was put down at this one."""
        back = replace(_put_back(change, hold_s, visit), item=item)
        return [back, replace(back, kind=Kind.MISPLACED, outcome=False)]

    def fell(self, shift: Shift, visit: int | None) -> list[Deed]:
        """What stands here fell, and nobody took it."""
        return [
            Deed(
                Kind.KNOCKED_OVER,
                shift.happened_s,
                max(shift.rested_s, shift.happened_s),
                0.0,
                shift.sure,
                outcome=False,
                visit=visit,
            )
        ]

    def touched(self, touch: Touch, visit: int | None) -> list[Deed]:
        """The place was touched and left as it was."""
        return [
            Deed(Kind.REACH, touch.from_s, touch.to_s, 0.0, touch.chance, outcome=True, visit=visit)
        ]

    def tick(self, t_s: float, *, left: bool) -> list[Deed]:
        """Closes a take whose holder left, or that has lasted long enough.

        Args:
            t_s: Now.
            left: The visit that holds the item has left the fixture.
        """
        gone = self._open
        if gone is None or gone.told:
            return []
        held_s = t_s - gone.left_s
        if not left and held_s < self.options.max_hold_s:
            return []
        return self._keep(gone, held_s)

    def finish(self, t_s: float) -> list[Deed]:
        """End of the file: what is away was kept, as far as anybody can tell."""
        gone = self._open
        return self._keep(gone, t_s - gone.left_s) if gone and not gone.told else []

    def _keep(self, gone: _Open, held_s: float) -> list[Deed]:
        gone.told = True
        return [self._take(gone, hold_s=held_s, kept=True)]

    def _take(self, gone: _Open, *, hold_s: float, kept: bool) -> Deed:
        start_s = max(gone.contact_s, gone.left_s - self.options.contact_s)
        return Deed(
            Kind.TAKE,
            start_s,
            gone.left_s,
            max(0.0, hold_s),
            gone.confidence,
            kept,
            gone.visit,
            gone.attribution,
        )


def _put_back(change: Change, hold_s: float, visit: int | None) -> Deed:
    return Deed(
        Kind.PUT_BACK,
        change.happened_s,
        max(change.rested_s, change.happened_s),
        hold_s,
        change.sure,
        outcome=True,
        visit=visit,
    )
