"""One place on a fixture as a small state machine: is its item there, hidden, or away?

The machine sees feature patches only. It remembers one committed look with the item and one
without, keeps a short history while something is going on, and when a new look has come to rest
in free view it decides what happened and dates it back to the frame in which it happened.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from aeras.shelf.appearance import changed_share, edge_energy, shifted_correlation, votes
from aeras.shelf.view import Bytes, Look, Mask

_Value = TypeVar("_Value", bound=np.generic)


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
        settle_s: A new look must be still and in free view this long.
        patience_s: If something from outside stays in the view but the place itself is still this
            long, it is judged all the same.
        hidden: Share of the place covered by what came in from outside, from which the place is
            not in free view.
        moved: Correlation from which an item counts as merely moved or turned a little.
        history_s: How far back an event can be dated.
        unsure_s: Before the place has been seen at rest this long, its first look is not trusted
            to show the item.
    """

    change: float = 0.10
    telling: float = 0.35
    rest: float = 0.06
    settle_s: float = 0.5
    patience_s: float = 2.0
    hidden: float = 0.04
    moved: float = 0.72
    history_s: float = 15.0
    unsure_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """What a place decided.

    Attributes:
        to: The new state.
        contact_s: First disturbance that led to it.
        happened_s: The item left, or stood down.
        rested_s: Nothing disturbed the place any more (the hand let go).
        sure: In [0, 1].
        free: The new look was seen without anything from outside before it.
    """

    to: State
    contact_s: float
    happened_s: float
    rested_s: float
    sure: float
    free: bool


@dataclass(frozen=True, slots=True)
class Touch:
    """A place was disturbed from outside and then looked as before."""

    from_s: float
    to_s: float


@dataclass(slots=True, eq=False)
class _Seen:
    t_s: float
    patch: Bytes
    hidden: bool


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
    _box: tuple[int, int, int, int] = (0, 0, 0, 0)
    _wide: tuple[int, int, int, int] = (0, 0, 0, 0)
    _pad: int = 4
    _inside: Mask = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))
    _looks: dict[State, Bytes] = field(default_factory=dict)
    _history: deque[_Seen] = field(default_factory=deque)
    _rested_s: float = 0.0
    _confirmed: bool = False

    def __post_init__(self) -> None:
        rows, columns = np.nonzero(self.mask)
        if not len(rows):
            raise ValueError("a place without a single pixel in the view")
        height, width = self.mask.shape
        self._box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        x0, y0, x1, y1 = self._box
        self._inside = self.mask[y0:y1, x0:x1]
        self._pad = int(np.clip(0.35 * min(x1 - x0, y1 - y0), 3, 14))
        # Near the picture's edge the search for a moved item stays smaller, but symmetric.
        self._pad = max(0, min(self._pad, x0, y0, width - x1, height - y1))
        pad = self._pad
        self._wide = (x0 - pad, y0 - pad, x1 + pad, y1 + pad)

    def update(self, look: Look, intruding: Mask) -> Change | Touch | None:
        """Takes one frame.

        Args:
            look: The fixture's view.
            intruding: (h, w) pixels of what reaches in from outside.
        """
        patch = self._cut(look.features)
        hidden = float(self._cut(intruding)[self._inside].mean()) > self.options.hidden
        if self.state not in self._looks:
            self._looks[self.state] = patch
        self._remember(_Seen(look.t_s, patch, hidden))
        if look.shaken:
            return None
        share = changed_share(patch, self._looks[self.state], self._inside, look.threshold)
        if share < self.options.rest and not hidden:
            return self._at_rest(patch, look)
        if self.disturbed_s is None and (hidden or share >= self.options.change):
            self.disturbed_s = look.t_s
        if self.disturbed_s is None:
            return None
        return self._disturbed(look, share, hidden)

    def finish(self, look: Look) -> Change | Touch | None:
        """Decides what can still be decided from the last frame (end of a file)."""
        if self.disturbed_s is None or self._looks.get(self.state) is None:
            return None
        share = changed_share(
            self._history[-1].patch, self._looks[self.state], self._inside, look.threshold
        )
        if share < self.options.change or self._still_s(look) < self.options.settle_s / 2:
            return None
        return self._decide(look, free=not self._history[-1].hidden)

    def _at_rest(self, patch: Bytes, look: Look) -> Touch | None:
        """The committed look, in free view: learn it, and close what was going on."""
        known = self._looks[self.state].astype(np.float32)
        self._looks[self.state] = np.round(known + 0.2 * (patch - known)).astype(np.uint8)
        begun, self.disturbed_s = self.disturbed_s, None
        if begun is None:
            self._rested_s += look.t_s - self._history[-2].t_s if len(self._history) > 1 else 0.0
            self._confirmed = self._confirmed or self._rested_s >= self.options.unsure_s
            return None
        return Touch(begun, look.t_s)

    def _disturbed(self, look: Look, share: float, hidden: bool) -> Change | Touch | None:
        still_s = self._still_s(look)
        free = not hidden
        if still_s < (self.options.settle_s if free else self.options.patience_s):
            return None
        if share < self._least_change(look.threshold):
            if free:
                # A small change that stays: shadow, neighbour, dust. Take it in.
                self._looks[self.state] = self._history[-1].patch
                return self._at_rest(self._history[-1].patch, look)
            return None
        return self._decide(look, free=free)

    def _least_change(self, threshold: float) -> float:
        """Share of the place that must differ for a change of state."""
        if len(self._looks) < len(State):
            return self.options.change
        both = changed_share(
            self._looks[State.PRESENT], self._looks[State.AWAY], self._inside, threshold
        )
        return max(self.options.change, self.options.telling * both)

    def _decide(self, look: Look, *, free: bool) -> Change | Touch | None:
        """A new look has come to rest: the same item moved, or a change of state?"""
        patch = self._history[-1].patch
        scene = self._cut_wide(look.features)
        best, _ = shifted_correlation(self._looks[self.state], scene, self._inside)
        if best >= self.options.moved:
            if not free:
                return None
            self._looks[self.state] = patch
            return self._at_rest(patch, look)
        return self._change(look, patch, free=free)

    def _change(self, look: Look, patch: Bytes, *, free: bool) -> Change:
        old = self._looks[self.state]
        new_state = self._state_of(patch, old)
        before, after = votes(
            [seen.patch for seen in self._history], old, patch, self._inside, look.threshold
        )
        times = [seen.t_s for seen in self._history]
        happened = _when(times, before, after)
        contact = self.disturbed_s if self.disturbed_s is not None else happened
        rested = self._last_hidden_s(happened)
        change = Change(new_state, min(contact, happened), happened, rested, 0.9, free)
        if new_state is self.state:
            self._looks[self.state] = patch
        self.state = new_state
        self._looks[new_state] = patch
        self.disturbed_s = None
        return change

    def _state_of(self, patch: Bytes, old: Bytes) -> State:
        """Normally the other one; if the first look was never confirmed, by edge energy."""
        if self.state is State.PRESENT and not self._confirmed:
            self._confirmed = True
            appeared = edge_energy(patch, self._inside) > 1.15 * edge_energy(old, self._inside)
            return State.PRESENT if appeared else State.AWAY
        return State.AWAY if self.state is State.PRESENT else State.PRESENT

    def _last_hidden_s(self, since: float) -> float:
        """When the place was last covered or stirred after ``since``."""
        last = since
        latest = self._history[-1].patch
        for seen in self._history:
            if seen.t_s > since and (
                seen.hidden or changed_share(seen.patch, latest, self._inside, 16.0) > 0.1  # noqa: PLR2004 - stirred
            ):
                last = seen.t_s
        return last

    def _still_s(self, look: Look) -> float:
        """Seconds for which nine tenths of the place have been still."""
        return float(np.quantile(self._cut(look.still_s)[self._inside], 0.1))

    def _remember(self, seen: _Seen) -> None:
        self._history.append(seen)
        keep = self.options.history_s if self.disturbed_s is not None else 2.0
        while self._history[0].t_s < seen.t_s - keep:
            self._history.popleft()

    def _cut(self, image: NDArray[_Value]) -> NDArray[_Value]:
        x0, y0, x1, y1 = self._box
        return image[y0:y1, x0:x1]

    def _cut_wide(self, features: Bytes) -> Bytes:
        x0, y0, x1, y1 = self._wide
        return features[y0:y1, x0:x1]


def _when(times: list[float], before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Dates a change back: when the new look first stood, and stayed.

    The new look must lead from then on. If the old look was hidden long before the new one
    appears (an arm rests there), the truth lies between; the later end is nearer to it, since
    hands come some time before the item goes.
    """
    leads = after > np.maximum(before, 0.3)
    lost = np.flatnonzero(before > np.maximum(after, 0.3))
    start = int(lost[-1]) + 1 if len(lost) else 0
    first = np.flatnonzero(leads[start:])
    if not len(first):
        return times[-1]
    return times[start + int(first[0])]
