"""One place on a fixture as a small state machine: is its item there, hidden, or away?

The machine sees feature patches only. It remembers one committed look with the item and one
without, keeps a short history while something is going on, and when a new look has come to rest
in free view it decides what happened and dates it back to the frame in which it happened.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from aeras.shelf.appearance import changed_share, edge_energy, shifted_correlation, votes
from aeras.shelf.view import Bytes, Look, Mask, difference

_Value = TypeVar("_Value", bound=np.generic)

LEADS = 0.3
"""Share of telling pixels that must show a look before it counts as seen."""
HIDDEN_LONG_S = 1.2
STIRRED = 16.0
"""Difference of features from which a place counts as stirred while a hand lets go."""


class State(StrEnum):
    """Whether the item stands at its place, as far as was last seen."""

    PRESENT = "present"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class PlaceOptions:
    """Settings of `Place`; shares are of the place's area, times in seconds.

    Attributes:
        change: A look counts as another one from this share of changed pixels up.
        telling: Once both looks are known, a change of state must show in this share of the
            pixels that tell the two looks apart.
        rest: Below this share it is the same look.
        visible: Share of the place that must be in view to judge it at all.
        free: Share of the place in view from which nothing counts as before it.
        settle_s: A new look in free view must be still this long.
        partly_s: A new look must be still this long while something covers part of the place.
        contact_s: While something covers part of the place, a change counts only if a hand was
            near the place within this time of it.
        somebody_s: Items do not come and go by themselves: a change without anything before the
            place within this time of it is a cut, a lamp or restocking, and no shopper's doing.
        moved: Correlation from which an item counts as merely moved or turned a little.
        history_s: How far back an event can be dated.
        unsure_s: Before the place has been seen at rest this long, its first look is not trusted
            to show the item.
    """

    change: float = 0.10
    telling: float = 0.35
    rest: float = 0.06
    visible: float = 0.45
    free: float = 0.96
    settle_s: float = 0.5
    partly_s: float = 1.0
    contact_s: float = 2.0
    somebody_s: float = 0.8
    moved: float = 0.72
    history_s: float = 20.0
    unsure_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """What a place decided.

    Attributes:
        to: The new state.
        contact_s: First contact that led to it.
        happened_s: The item left, or stood down.
        rested_s: Nothing disturbed the place any more (the hand let go).
        sure: In [0, 1].
        free: The new look was seen with nothing before it.
    """

    to: State
    contact_s: float
    happened_s: float
    rested_s: float
    sure: float
    free: bool


@dataclass(frozen=True, slots=True)
class Touch:
    """A place was disturbed and then looked as before.

    Attributes:
        from_s: Beginning of the disturbance.
        to_s: Its end.
    """

    from_s: float
    to_s: float


@dataclass(slots=True, eq=False)
class _Seen:
    t_s: float
    patch: Bytes
    covered: bool
    contact: bool


@dataclass(slots=True, eq=False)
class _Known:
    """A committed look: (h, w, 3) and the pixels of it that have been in view."""

    patch: Bytes
    where: Mask

    def learn(self, patch: Bytes, seen: Mask) -> None:
        """Follows slow change, and takes in what was covered before."""
        old = self.patch.astype(np.float32)
        followed = np.round(old + 0.2 * (patch - old)).astype(np.uint8)
        self.patch = np.where(self.where[..., None], followed, patch)
        self.where = self.where | seen


@dataclass(slots=True, eq=False)
class Place:
    """One place; feed it every `Look` through `update`.

    Args:
        mask: (h, w) of the fixture's crop: the facing.
        options: See `PlaceOptions`.
    """

    mask: Mask
    options: PlaceOptions = field(default_factory=PlaceOptions)
    state: State = State.PRESENT
    disturbed_s: float | None = None
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    _pad: int = 4
    _inside: Mask = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))
    _looks: dict[State, _Known] = field(default_factory=dict)
    _history: deque[_Seen] = field(default_factory=deque)
    _rested_s: float = 0.0
    _confirmed: bool = False

    def __post_init__(self) -> None:
        rows, columns = np.nonzero(self.mask)
        if not len(rows):
            raise ValueError("a place without a single pixel in the view")
        height, width = self.mask.shape
        x0, y0 = int(columns.min()), int(rows.min())
        x1, y1 = int(columns.max()) + 1, int(rows.max()) + 1
        self.box = (x0, y0, x1, y1)
        self._inside = self.mask[y0:y1, x0:x1]
        pad = int(np.clip(0.35 * min(x1 - x0, y1 - y0), 3, 14))
        # Near the picture's edge the search for a moved item stays smaller, but symmetric.
        self._pad = max(0, min(pad, x0, y0, width - x1, height - y1))

    @classmethod
    def known(
        cls, mask: Mask, options: PlaceOptions, state: State, *, present: Bytes, away: Bytes
    ) -> Place:
        """A place both of whose looks are known: (h, w, 3) of the mask's own box."""
        place = cls(mask, options, state)
        place._looks = {
            State.PRESENT: _Known(present, place._inside),
            State.AWAY: _Known(away, place._inside),
        }
        place._confirmed = True
        return place

    @property
    def is_known_present(self) -> bool:
        """Whether the item stands there and has been seen standing there for a while."""
        return self.state is State.PRESENT and self._confirmed

    def update(self, look: Look, covered: Mask, *, contact: bool) -> Change | Touch | None:
        """Takes one frame.

        Args:
            look: The fixture's view.
            covered: (h, w) pixels that cannot be judged, since somebody is before them.
            contact: A hand is at or near the place.
        """
        patch = self._cut(look.features)
        seen = self._inside & ~self._cut(covered)
        visible = float(seen.sum() / self._inside.sum())
        free = visible >= self.options.free
        if not self._looks:
            self._looks[self.state] = _Known(patch, seen)
        self._remember(_Seen(look.t_s, patch, not free, contact))
        if look.shaken:
            return None
        share = self._changed(patch, seen, look.threshold)
        if free and share < self.options.rest:
            return self._at_rest(patch, seen, look)
        if self.disturbed_s is None and (not free or share >= self.options.change):
            self.disturbed_s = look.t_s
        if self.disturbed_s is None or visible < self.options.visible:
            return None
        return self._disturbed(look, share, seen, free=free)

    def finish(self, look: Look) -> Change | Touch | None:
        """Decides what can still be decided from the last frame (end of a file)."""
        if self.disturbed_s is None or self._history[-1].covered:
            return None
        patch = self._history[-1].patch
        share = self._changed(patch, self._inside, look.threshold)
        if self._still_s(look, self._inside) < self.options.settle_s / 2:
            return None
        if not self._is_other(patch, self._inside, share, look.threshold):
            return None
        return self._decide(look, self._inside, free=True)

    def _changed(self, patch: Bytes, seen: Mask, threshold: float) -> float:
        """Share of what can be compared that differs from the committed look."""
        known = self._looks[self.state]
        compared = seen & known.where
        # With hardly anything to compare there is no telling: neither rest nor change.
        if compared.sum() < 0.3 * self._inside.sum():
            return self.options.rest
        return changed_share(patch, known.patch, compared, threshold)

    def _at_rest(self, patch: Bytes, seen: Mask, look: Look) -> Touch | None:
        """The committed look, in free view: learn it, and close what was going on."""
        self._looks[self.state].learn(patch, seen)
        begun, self.disturbed_s = self.disturbed_s, None
        if begun is None:
            self._rested_s += look.t_s - self._history[-2].t_s if len(self._history) > 1 else 0.0
            self._confirmed = self._confirmed or self._rested_s >= self.options.unsure_s
            return None
        return Touch(begun, look.t_s)

    def _disturbed(
        self, look: Look, share: float, seen: Mask, *, free: bool
    ) -> Change | Touch | None:
        needed_s = self.options.settle_s if free else self.options.partly_s
        if self._still_s(look, seen) < needed_s:
            return None
        patch = self._history[-1].patch
        if self._is_other(patch, seen, share, look.threshold):
            return self._decide(look, seen, free=free)
        if not free:
            return None
        # A change that stays and is no change of state: a shadow, the neighbour, dust. Take it in.
        self._looks[self.state] = _Known(patch, seen)
        return self._at_rest(patch, seen, look)

    def _is_other(self, patch: Bytes, seen: Mask, share: float, threshold: float) -> bool:
        """Whether what is seen may be the other state.

        Once both looks are known, only the pixels that tell them apart count, and enough of them
        must be in view. What may have gone must look more like the empty place than like the item:
        a hand that lets go looks like neither.
        """
        if len(self._looks) < len(State):
            return share >= self.options.change
        here, other = self._looks[self.state], self._looks[_opposite(self.state)]
        telling = (difference(here.patch, other.patch) > threshold) & here.where & other.where
        in_view = telling & seen
        if in_view.sum() < max(1.0, self.options.telling * float(telling.sum())):
            return False
        from_here = difference(patch, here.patch)[in_view]
        if float((from_here > threshold).mean()) < self.options.telling:
            return False
        if self.state is State.AWAY:
            return True
        return bool((difference(patch, other.patch)[in_view] < from_here).mean() > 0.5)  # noqa: PLR2004 - a majority

    def _decide(self, look: Look, seen: Mask, *, free: bool) -> Change | Touch | None:
        """A new look has come to rest: the same item moved, or a change of state?"""
        patch = self._history[-1].patch
        known = self._looks[self.state]
        best, _ = shifted_correlation(
            known.patch, self._cut_wide(look.features), seen & known.where
        )
        if best >= self.options.moved:
            if not free:
                return None
            self._looks[self.state] = _Known(patch, seen)
            return self._at_rest(patch, seen, look)
        return self._change(look, seen, free=free)

    def _change(self, look: Look, seen: Mask, *, free: bool) -> Change | None:
        patch, old = self._history[-1].patch, self._looks[self.state]
        before, after = votes(
            [s.patch for s in self._history],
            old.patch,
            patch,
            seen & old.where,
            look.threshold,
        )
        new_state = self._state_of(patch, old.patch)
        contacts = [s.t_s for s in self._history if s.contact]
        happened = when([s.t_s for s in self._history], before, after, contacts, new_state)
        near = [t_s for t_s in contacts if abs(t_s - happened) <= self.options.contact_s]
        if not free and not near:
            return None
        begun = self.disturbed_s if self.disturbed_s is not None else happened
        somebody = any(
            s.covered or s.contact
            for s in self._history
            if abs(s.t_s - happened) <= self.options.somebody_s
        )
        rested = self._last_stirred_s(happened)
        self.state = new_state
        if free or new_state not in self._looks:
            self._looks[new_state] = _Known(patch, seen)
        self.disturbed_s = None
        if not somebody:
            return None  # nobody was there: lights, restocking out of sight, a cut in the video
        contact = min(min(near, default=begun), happened)
        return Change(new_state, contact, happened, rested, 0.9 if free else 0.75, free)

    def _state_of(self, patch: Bytes, old: Bytes) -> State:
        """Normally the other one; if the first look was never confirmed, by edge energy."""
        if self.state is State.PRESENT and not self._confirmed:
            self._confirmed = True
            appeared = edge_energy(patch, self._inside) > 1.15 * edge_energy(old, self._inside)
            return State.PRESENT if appeared else State.AWAY
        return _opposite(self.state)

    def _last_stirred_s(self, since: float) -> float:
        """When the place was last covered or stirred after ``since``: the hand's release."""
        latest = self._history[-1].patch
        stirred = [
            s.t_s
            for s in self._history
            if s.t_s > since
            and (
                s.covered
                or changed_share(s.patch, latest, self._inside, STIRRED) > self.options.change
            )
        ]
        return max(stirred, default=since)

    def _still_s(self, look: Look, seen: Mask) -> float:
        """Seconds for which nine tenths of what is in view have been still."""
        return float(np.quantile(self._cut(look.still_s)[seen], 0.1))

    def _remember(self, seen: _Seen) -> None:
        self._history.append(seen)
        keep = self.options.history_s if self.disturbed_s is not None else 2.0
        while self._history[0].t_s < seen.t_s - keep:
            self._history.popleft()

    def _cut(self, image: NDArray[_Value]) -> NDArray[_Value]:
        x0, y0, x1, y1 = self.box
        return image[y0:y1, x0:x1]

    def _cut_wide(self, features: Bytes) -> Bytes:
        x0, y0, x1, y1 = self.box
        pad = self._pad
        return features[y0 - pad : y1 + pad, x0 - pad : x1 + pad]


def _opposite(state: State) -> State:
    return State.AWAY if state is State.PRESENT else State.PRESENT


def when(
    times: Sequence[float],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    contacts: Sequence[float],
    to: State,
) -> float:
    """Dates a change back: when the new look first stood, and stayed.

    If the place was hidden for long between the last sight of the old look and the first of the
    new one, only the hand can tell: the longest contact in between ended with the take, or began
    with the item down. Without one, the first sight of the new look is nearer to the truth, since
    hands come some time before the item goes.
    """
    lost = np.flatnonzero(before > np.maximum(after, LEADS))
    start = int(lost[-1]) + 1 if len(lost) else 0
    first = np.flatnonzero((after > np.maximum(before, LEADS))[start:])
    appeared = times[start + int(first[0])] if len(first) else times[-1]
    gone = times[start - 1] if start else appeared
    if appeared - gone <= HIDDEN_LONG_S:
        return appeared
    spells = bouts([t_s for t_s in contacts if gone - 0.5 <= t_s <= appeared])
    if not spells:
        return appeared
    longest = max(spells, key=lambda spell: spell[1] - spell[0])
    return longest[1] if to is State.AWAY else longest[0]


def bouts(moments: Iterable[float], gap_s: float = 0.45) -> list[tuple[float, float]]:
    """Joins moments (seconds, ascending) that are at most ``gap_s`` apart to (from, to) spells."""
    spells: list[tuple[float, float]] = []
    for t_s in moments:
        if spells and t_s - spells[-1][1] <= gap_s:
            spells[-1] = (spells[-1][0], t_s)
        else:
            spells.append((t_s, t_s))
    return spells
