"""One place on a fixture as a small state machine: is its item there, hidden, or away?

The machine sees feature patches only. It remembers one committed look with the item and one
without, keeps a short history while something is going on, and when a new look has come to rest
it measures the cues of that change, lets the learned judge weigh them, and dates the change back to
the frame in which it happened.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from aeras.shelf.appearance import changed_share, edge_energy, votes
from aeras.shelf.cues import (
    Bare,
    Brief,
    Came,
    Real,
    border,
    compactness,
    correlations,
    in_colour,
    likeness,
    measure_sign,
    nearness,
    similarity,
    spill,
)
from aeras.shelf.judge import Judge, load_judge
from aeras.shelf.view import Bytes, Look, Mask, difference, unlikeness

_Value = TypeVar("_Value", bound=np.generic)

LEADS = 0.3
"""Share of telling pixels that must show a look before it counts as seen."""
HIDDEN_LONG_S = 1.2
LEAST_SPELL_S = 0.15
"""A shorter contact is a hand that passes, or one wrongly seen."""
AT = 0.7
"""A hand is at a place from this nearness up, see `Around`."""
STIRRED = 16.0
"""Difference of features from which a place counts as stirred while a hand lets go."""
BARE = 0.33
"""Share of a place that must look otherwise before it is asked whether it looks bare."""
AGAIN_S = 0.3
"""A change that was not believed is looked at again after this long."""
SURE = 4.0
"""Log-odds beyond which the belief in a place's state does not grow."""


class State(StrEnum):
    """Whether the item stands at its place, as far as was last seen."""

    PRESENT = "present"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class PlaceOptions:
    """Settings of `Place`; shares are of the place's area, times in seconds.

    Attributes:
        change: A look may be another one from this share of changed pixels up.
        rest: Below this share it is the same look.
        visible: Share of the place that must be in view to judge it at all.
        free: Share of the place in view from which nothing counts as before it.
        settle_s: A new look in free view must be still this long.
        partly_s: A new look must be still this long while something covers part of the place.
        telling: Once both looks are known, this share of the pixels that tell them apart must be
            in view.
        contact_s: While something covers part of the place, a change counts only if a hand was
            near the place within this time of it.
        somebody_s: Items do not come and go by themselves: a change without anything before the
            place within this time of it is a cut, a lamp or restocking, and no shopper's doing.
        believed: Probability from which a change is told.
        moved: Correlation from which a look that is found again a little aside is the same.
        fallen: From here on, what happened is told as a fall.
        doubted: Below this one, a look in free view is taken in at once as the same state.
        doubt_s: In between, it is taken in after this long.
        history_s: How far back an event can be dated.
        unsure_s: Before the place has been seen at rest this long, a touch is not told.
        present: Log-odds that the item stands at its place at the start.
        comparable: Share of the place that must have been seen before to judge it at all.
        meet_s: A place that was hidden until now is learned when still for this long.
    """

    change: float = 0.10
    rest: float = 0.06
    visible: float = 0.45
    free: float = 0.96
    settle_s: float = 0.5
    partly_s: float = 1.0
    telling: float = 0.35
    contact_s: float = 2.0
    somebody_s: float = 0.8
    believed: float = 0.4
    moved: float = 0.98
    fallen: float = 0.5
    doubted: float = 0.2
    doubt_s: float = 2.0
    history_s: float = 20.0
    unsure_s: float = 1.0
    present: float = 0.7
    comparable: float = 0.3
    meet_s: float = 0.15


@dataclass(frozen=True, slots=True)
class Change:
    """What a place decided.

    Attributes:
        to: The new state.
        contact_s: First contact that led to it.
        happened_s: The item left, or stood down.
        rested_s: Nothing disturbed the place any more (the hand let go).
        sure: Probability that it is one, in [0, 1].
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
        chance: Probability that it was a touch.
        away_s: From when to when its item was away meanwhile, if it was.
        sure: Probability of the latter.
    """

    from_s: float
    to_s: float
    chance: float = 0.0
    away_s: tuple[float, float] | None = None
    sure: float = 0.0


@dataclass(frozen=True, slots=True)
class Shift:
    """What stands at a place fell or was pushed over, and is still there.

    Attributes:
        happened_s: When.
        rested_s: Nothing disturbed the place any more.
        sure: Probability that it did.
    """

    happened_s: float
    rested_s: float
    sure: float


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """What goes on round a place in a frame.

    Attributes:
        contact: A hand is at or near the place.
        reach: How near the nearest hand is: 1 at the place, falling with the place's size.
        restless: See `Real`.
        crowd: See `Real`.
        held: See `Real`.
        gone: This place's item is in somebody's hand.
        best: Of all places this one is nearest to a hand.
        hanging: (h, w) of the fixture's crop: what reaches in from outside; None for nothing.
    """

    contact: bool = False
    reach: float = 0.0
    restless: float = 0.0
    crowd: float = 0.0
    held: float = 0.0
    gone: bool = False
    best: bool = False
    hanging: Mask | None = None


@dataclass(slots=True, eq=False)
class Seen:
    """One moment of a place's history.

    Attributes:
        t_s: Seconds.
        patch: (h, w, 3) of its wider box.
        covered: Something was before it.
        contact, reach, best: See `Around`.
        shown: Share of the place that showed the known look.
        open: Share that was in view and did not.
        bare: Likeness of the latter's colours to what is round the place.
        hidden: Share that somebody hid.
    """

    t_s: float
    patch: Bytes
    covered: bool
    contact: bool
    reach: float = 0.0
    shown: float = 1.0
    open: float = 0.0
    bare: float = 0.0
    hidden: float = 0.0
    best: bool = False


@dataclass(slots=True, eq=False)
class Known:
    """A committed look.

    Attributes:
        patch: (h, w, 3) of the wider box.
        where: (h, w) the pixels of it that have been in view.
        seen_s: For how long it was seen, in seconds.
        last_s: When it was last seen.
    """

    patch: Bytes
    where: Mask
    seen_s: float = 0.0
    last_s: float = 0.0

    def learn(self, patch: Bytes, seen: Mask, t_s: float, dt: float) -> None:
        """Follows slow change, and takes in what was covered before."""
        old = self.patch.astype(np.float32)
        followed = np.round(old + 0.2 * (patch - old)).astype(np.uint8)
        fresh = np.where(self.where[..., None], followed, patch)
        self.patch = np.where(seen[..., None], fresh, self.patch)
        self.where = self.where | seen
        self.seen_s += dt
        self.last_s = t_s


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A change that was weighed; for the learning of the weights and for tests."""

    real: Real
    came: Came
    before_s: float
    happened_s: float
    now_s: float
    to: State
    chance: float
    free: bool
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """A disturbance after which a place looked as before; for the learning of the weights."""

    brief: Brief
    from_s: float
    to_s: float
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """A look at a place at rest; for the learning of the weights."""

    bare: Bare
    t_s: float
    place: Place


Witness = Callable[[Candidate | Episode | Rest], None]


@dataclass(slots=True, eq=False)
class Place:
    """One place; feed it every `Look` through `update`.

    Args:
        mask: (h, w) of the fixture's crop: the facing.
        options: See `PlaceOptions`.
        judge: Weighs the cues.
        belief: Log-odds that the names of the two looks are right.
        name: Of the item that belongs here, where known.
        witness: Is told each candidate.
    """

    mask: Mask
    options: PlaceOptions = field(default_factory=PlaceOptions)
    state: State = State.PRESENT
    judge: Judge = field(default_factory=load_judge)
    belief: float | None = None
    name: str | None = None
    witness: Witness | None = None
    disturbed_s: float | None = None
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    _wide: tuple[int, int, int, int] = (0, 0, 0, 0)
    _inside: Mask = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))
    _ring: Mask = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))
    _looks: dict[State, Known] = field(default_factory=dict)
    _history: deque[Seen] = field(default_factory=deque)
    _rested_s: float = 0.0
    _weighed_s: float = float("-inf")
    _told_s: float = float("-inf")
    _around: Around = field(default_factory=Around)
    _item: Known | None = None
    _came: Mask = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))

    def __post_init__(self) -> None:
        rows, columns = np.nonzero(self.mask)
        if not len(rows):
            raise ValueError("a place without a single pixel in the view")
        height, width = self.mask.shape
        x0, y0 = int(columns.min()), int(rows.min())
        x1, y1 = int(columns.max()) + 1, int(rows.max()) + 1
        self.box = (x0, y0, x1, y1)
        pad = int(np.clip(0.6 * max(x1 - x0, y1 - y0), 6, 32))
        self._wide = (
            max(0, x0 - pad),
            max(0, y0 - pad),
            min(width, x1 + pad),
            min(height, y1 + pad),
        )
        self._inside = self._cut(self.mask)
        self._ring = border(self._inside, int(np.clip(0.35 * min(x1 - x0, y1 - y0), 3, 6)))
        if self.belief is None:
            self.belief = self.options.present

    @property
    def wide(self) -> tuple[int, int, int, int]:
        """The place with some surroundings, x0, y0, x1, y1 of the fixture's crop."""
        return self._wide

    def judge_past(
        self, before: Known, past: Sequence[Seen], look: Look, covered: Mask, around: Around
    ) -> Change | Shift | None:
        """Weighs a change that has come to rest where nobody had watched a place.

        Args:
            before: Look of the wider box before it.
            past: What was seen there since.
            look: The view now.
            covered: See `update`.
            around: See `Around`.
        """
        self._looks, self._around = {self.state: before}, around
        self._history.extend(past)
        self.disturbed_s = past[0].t_s
        open_view = ~self._cut(covered)
        seen = self._inside & open_view
        if not self._is_known(seen):
            return None
        share = self._changed(self._history[-1].patch, seen, look.threshold)
        return self._weigh(look, open_view, share, free=True)

    @property
    def is_known_present(self) -> bool:
        """Whether the item stands there and has been seen standing there for a while."""
        return self.state is State.PRESENT and self._rested_s >= self.options.unsure_s

    def update(self, look: Look, covered: Mask, around: Around) -> Change | Touch | Shift | None:
        """Takes one frame.

        Args:
            look: The fixture's view.
            covered: (h, w) pixels that cannot be judged, since somebody is before them.
            around: See `Around`.
        """
        self._around = around
        patch = self._cut(look.features)
        open_view = ~self._cut(covered)
        seen = self._inside & open_view
        visible = float(seen.sum() / self._inside.sum())
        free = visible >= self.options.free
        if not self._looks:
            self._looks[self.state] = Known(patch, open_view, last_s=look.t_s)
        other = unlikeness(patch, self._looks[self.state].patch) > look.threshold
        self._remember(self._seen(patch, seen, other, look.t_s))
        if look.shaken:
            return None
        if not self._is_known(seen):
            if free and self._still_s(look, self._inside) >= self.options.meet_s:
                self._at_rest(patch, open_view, look)  # hidden so far: met now
            return None
        share = float(other[seen & self._looks[self.state].where].mean())
        if free and share < self.options.rest:
            return self._at_rest(patch, open_view, look)
        if self.disturbed_s is None and (not free or share >= self.options.change):
            self.disturbed_s = look.t_s
        if self.disturbed_s is None or visible < self.options.visible:
            return None
        return self._disturbed(look, open_view, share, free=free)

    @property
    def in_view(self) -> bool:
        """Whether nothing stands before it now."""
        return bool(self._history) and not self._history[-1].covered

    def bare(self) -> Bare:
        """The cues of an empty place, of what is seen now; raises IndexError before the first."""
        patch = self._history[-1].patch
        inside, ring = edge_energy(patch, self._inside) + 2.0, edge_energy(patch, self._ring) + 2.0
        item, known = self._looks.get(State.PRESENT), float(len(self._looks) == len(State))
        belief = self.belief if self.belief is not None else 0.0
        return Bare(
            like=likeness(patch, self._inside, self._ring),
            edges=float(np.log(inside)),
            rougher=float(np.log(inside / ring)),
            away=(belief if self.state is State.AWAY else -belief) / SURE,
            item=similarity(patch, self._inside, item.patch, self._inside)
            if item and known
            else 0.0,
            known=known,
            uneven=float(patch[self._inside].astype(np.float32).std(axis=0).max()) / 32,
        )

    def alike(self, other: Place) -> float:
        """How much what came here last looks like another place's item (or this one's), [0, 1]."""
        here, item = self._looks.get(State.PRESENT), other._looks.get(State.PRESENT)
        if other is self:
            item = self._item
        if here is None or item is None or not self._came.any():
            return 0.0
        return similarity(here.patch, self._came, item.patch, other._inside & item.where)

    def _seen(self, patch: Bytes, seen: Mask, other: Mask, t_s: float) -> Seen:
        """A moment; ``other`` is what looks otherwise than the known look, hidden or not."""
        around, known = self._around, self._looks[self.state]
        area = self._inside.sum()
        changed = seen & known.where & other
        bare = 0.0
        if changed.sum() > BARE * area:
            bare = likeness(patch, changed, self._ring)
        hidden = float(1 - seen.sum() / area)
        return Seen(
            t_s,
            patch,
            1 - hidden < self.options.free,
            around.contact,
            around.reach,
            shown=float((self._inside & ~other).sum() / area),
            open=float(changed.sum() / area),
            bare=bare,
            hidden=hidden,
            best=around.best,
        )

    def share_of(self, mask: Mask) -> float:
        """Share of the place that a mask of the fixture's crop, (h, w), covers."""
        return float((self._cut(mask) & self._inside).sum() / self._inside.sum())

    def finish(self, look: Look) -> Change | Touch | Shift | None:
        """Decides what can still be decided from the last frame (end of a file)."""
        if self.disturbed_s is None or self._history[-1].covered:
            return None
        if not self._is_known(self._inside):
            return None
        share = self._changed(self._history[-1].patch, self._inside, look.threshold)
        if share < self.options.change:
            return None
        if self._still_s(look, self._inside) < self.options.settle_s / 2:
            return None
        return self._weigh(look, np.ones_like(self._inside), share, free=True)

    def _changed(self, patch: Bytes, seen: Mask, threshold: float) -> float:
        """Share of what can be compared that differs from the committed look."""
        known = self._looks[self.state]
        return changed_share(patch, known.patch, seen & known.where, threshold)

    def _is_known(self, seen: Mask) -> bool:
        """Whether enough of what is in view can be compared with the committed look."""
        compared = (seen & self._looks[self.state].where).sum()
        return bool(compared >= self.options.comparable * self._inside.sum())

    def _at_rest(self, patch: Bytes, open_view: Mask, look: Look) -> Touch | None:
        """The committed look, in free view: learn it, and close what was going on."""
        dt = look.t_s - self._history[-2].t_s if len(self._history) > 1 else 0.0
        begun, self.disturbed_s = self.disturbed_s, None
        touch = self._brief(begun, look) if begun is not None else None
        self._looks[self.state].learn(patch, open_view, look.t_s, dt)
        if begun is None:
            self._rested_s += dt
        return touch

    def _brief(self, begun: float, look: Look) -> Touch:
        """What went on since, now that the place looks as before."""
        moments = [s for s in self._history if begun <= s.t_s]
        step = (look.t_s - moments[0].t_s) / max(1, len(moments) - 1)
        gone = [s for s in moments if s.open > BARE]
        fine = changed_share(
            self._history[-1].patch, self._looks[self.state].patch, self._inside, look.threshold / 2
        )
        brief = Brief(
            gone=max(s.open for s in moments),
            gone_s=min(len(gone) * step, 2.0) / 2,
            bare=max((s.bare for s in gone), default=0.0),
            least=min(s.shown for s in moments),
            least_s=min(sum(s.shown < LEADS for s in moments) * step, 2.0) / 2,
            lasted=min(look.t_s - begun, 4.0) / 4,
            reach=min(sum(s.reach > AT for s in moments) * step, 2.0) / 2,
            nearest=max(s.reach for s in moments),
            best=min(sum(s.best for s in moments) * step, 2.0) / 2,
            body=float(np.mean([s.hidden for s in moments])),
            after=fine,
            held=self._around.held,
            away=float(self.state is State.AWAY),
        )
        if self.witness is not None:
            self.witness(Episode(brief, begun, look.t_s, self))
        away = None
        if self.state is State.PRESENT and gone:
            most = max(s.open * (0.2 + s.bare) for s in gone)
            there = [s.t_s for s in gone if s.open * (0.2 + s.bare) >= 0.6 * most]
            away = (there[0], there[-1] + step)
        sure = self.judge.brief.chance(brief)
        return Touch(begun, look.t_s, self.judge.touch.chance(brief), away, sure)

    def _disturbed(
        self, look: Look, open_view: Mask, share: float, *, free: bool
    ) -> Change | Touch | Shift | None:
        needed_s = self.options.settle_s if free else self.options.partly_s
        still_s = self._still_s(look, self._inside & open_view)
        if still_s < needed_s or look.t_s - self._weighed_s < AGAIN_S:
            return None
        self._weighed_s = look.t_s
        patch = self._history[-1].patch
        if share >= self.options.change and self._tells(patch, open_view, look.threshold):
            change = self._weigh(look, open_view, share, free=free)
            if change is not None or self.disturbed_s is None:
                return change
        if not free:
            return None
        # A change that stays and is no change of state: moved a little, a shadow, the neighbour.
        self._looks[self.state] = Known(patch, open_view, last_s=look.t_s)
        return self._at_rest(patch, open_view, look)

    def _tells(self, patch: Bytes, open_view: Mask, threshold: float) -> bool:
        """Whether enough is in view of the pixels that tell the two looks apart."""
        if len(self._looks) < len(State):
            return True
        telling = self._telling(threshold)
        in_view = int((telling & open_view).sum())
        return in_view >= max(1.0, self.options.telling * float(telling.sum()))

    def _telling(self, threshold: float) -> Mask:
        here, other = self._looks[self.state], self._looks[_opposite(self.state)]
        differ = difference(here.patch, other.patch) > threshold
        return np.asarray(differ & here.where & other.where & self._inside)

    def _turned(self, patch: Bytes, open_view: Mask, threshold: float) -> float:
        """Share of the telling pixels in view that no longer show the committed look. What may
        have gone must look like the empty place: a hand that lets go looks like neither.
        """
        in_view = self._telling(threshold) & open_view
        here, other = self._looks[self.state], self._looks[_opposite(self.state)]
        from_here = difference(patch, here.patch)[in_view]
        if self.state is State.AWAY:
            return float((from_here > threshold).mean())
        return float((difference(patch, other.patch)[in_view] < from_here).mean())

    def _weigh(
        self, look: Look, open_view: Mask, share: float, *, free: bool
    ) -> Change | Shift | None:
        """A new look has come to rest: a change of state, or the same item moved?"""
        patch, known = self._history[-1].patch, self._looks[self.state]
        seen = self._inside & open_view & known.where
        ring = self._ring & open_view & known.where
        came = self._sign(
            measure_sign(known.patch, patch, seen, ring, look.threshold), open_view, look
        )
        new_state, belief = self._name(came)
        before, after = votes(
            [s.patch for s in self._history], known.patch, patch, seen, look.threshold
        )
        times = [s.t_s for s in self._history]
        contacts = [s.t_s for s in self._history if s.contact]
        happened, gap_s = when(times, before, after, contacts, new_state)
        if happened <= self._told_s:
            # Nothing can have come before the change told last: that one, now in full view.
            return None
        real = self._measure(look, open_view, share, came, (happened, gap_s))
        chance, fell = self.judge.is_real(real), self.judge.fell.chance(real)
        if real.same > self.options.moved:
            chance = 0.0  # the very same picture, a little aside
        rested = self._last_stirred_s(happened)
        if self.witness is not None:
            told = Candidate(
                real, came, known.last_s, happened, look.t_s, new_state, chance, free, self
            )
            self.witness(told)
        near = [t_s for t_s in contacts if abs(t_s - happened) <= self.options.contact_s]
        falls = fell >= self.options.fallen
        if chance < self.options.believed or not (near and free if falls else near or free):
            return None
        begun = self.disturbed_s if self.disturbed_s is not None else happened
        self._told_s = happened
        if falls:
            self._looks[self.state] = Known(patch, open_view, last_s=look.t_s)
            self.disturbed_s = None
            return Shift(happened, rested, chance * fell)
        self._commit(new_state, belief, look, open_view, free=free)
        if not self._somebody(happened):
            return None  # nobody was there: lights, restocking out of sight, a cut in the video
        contact = min(min(near, default=begun), happened)
        return Change(new_state, contact, happened, rested, chance, free)

    def _sign(self, came: Came, open_view: Mask, look: Look) -> Came:
        """The cues of the sign with what is known of the place and of hands."""
        assert self.belief is not None
        present = self.state is State.PRESENT
        sign = -1.0 if present else 1.0
        returns = 0.0
        if len(self._looks) == len(State):
            returns = sign * self._turned(self._history[-1].patch, open_view, look.threshold)
        return replace(
            came,
            returns=returns,
            belief=sign * self.belief / SURE,
            held=self._around.held,
            gone=float(self._around.gone),
        )

    def _name(self, came: Came) -> tuple[State, float]:
        """The state that the new look shows, and the belief in it."""
        odds = self.judge.has_come(came)
        return (State.PRESENT if odds > 0 else State.AWAY), min(abs(odds), SURE)

    def _commit(self, to: State, belief: float, look: Look, open_view: Mask, *, free: bool) -> None:
        patch = self._history[-1].patch
        if to is State.PRESENT:
            self._item = self._looks.get(State.PRESENT)
            apart = difference(patch, self._looks[self.state].patch)
            self._came = self._inside & open_view & (apart > look.threshold)
        if to is self.state:  # the looks had each other's name
            self._looks = {_opposite(state): known for state, known in self._looks.items()}
        self.state, self.belief, self.disturbed_s = to, belief, None
        if free or to not in self._looks:
            self._looks[to] = Known(patch, open_view, last_s=self._history[-1].t_s)

    def _measure(
        self, look: Look, open_view: Mask, share: float, came: Came, dated: tuple[float, float]
    ) -> Real:
        happened, gap_s = dated
        patch, known = self._history[-1].patch, self._looks[self.state]
        seen = self._inside & open_view & known.where
        ring = self._ring & open_view & known.where
        apart = difference(known.patch, patch)
        wider = open_view & known.where & (apart > look.threshold)
        change = self._inside & wider
        apart = apart[change]
        hanging = self._around.hanging
        hangs = self._cut(hanging)[change] if hanging is not None and change.any() else None
        x0, y0, x1, y1 = self.box
        left, top = self._wide[:2]
        same, stayed = correlations(
            known.patch, patch, (x0 - left, y0 - top, x1 - left, y1 - top), seen
        )
        both = len(self._looks) == len(State)
        around = [s for s in self._history if abs(s.t_s - happened) <= 1.0]
        contacts = [s.t_s for s in self._history if s.contact]
        held = sum(
            t1 - t0 for t0, t1 in bouts(contacts) if t1 > happened - 1.5 and t0 < happened + 1.5
        )
        return Real(
            visible=float((self._inside & open_view).sum() / self._inside.sum()),
            changed=share,
            strength=float(np.median(apart)) / 64 if len(apart) else 0.0,
            same=same,
            stayed=stayed,
            spill=spill(known.patch, patch, ring, look.threshold),
            definite=abs(came.outline),
            turned=abs(came.returns) if both else 0.5,
            known=float(both),
            hand=nearness(contacts, happened),
            hand_now=nearness(contacts, look.t_s),
            contact=min(held, 2.0) / 2,
            busy=sum(s.covered or s.contact for s in around) / max(len(around), 1),
            hidden=min(gap_s, 3.0) / 3,
            settled=min(self._still_s(look, self._inside & open_view), 2.0) / 2,
            trusted=min(known.seen_s, 2.0) / 2,
            size=float(np.sqrt(self._inside.sum() / look.differs.size)),
            restless=self._around.restless,
            hangs=float(hangs.mean()) if hangs is not None else 0.0,
            body=float((~open_view & ~self._inside).sum() / max(1, int((~self._inside).sum()))),
            chroma=in_colour(known.patch, patch, change, look.threshold),
            compact=compactness(change),
            crowd=self._around.crowd,
            reach=max((s.reach for s in around), default=0.0),
            held=self._around.held,
            away=float(self.state is State.AWAY),
            kept=similarity(known.patch, wider, patch, wider),
            awaited=self._awaited(came),
            farther=float((wider & ~self._inside).sum() / max(1, int(wider.sum()))),
        )

    def _awaited(self, came: Came) -> float:
        """See `Real`."""
        if self.judge.has_come(came) <= 0:
            return 0.0
        return 1.0 if self._around.held or self._around.gone else -1.0

    def _somebody(self, happened: float) -> bool:
        return any(
            s.covered or s.contact
            for s in self._history
            if abs(s.t_s - happened) <= self.options.somebody_s
        )

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

    def _remember(self, seen: Seen) -> None:
        self._history.append(seen)
        keep = self.options.history_s if self.disturbed_s is not None else 2.0
        while self._history[0].t_s < seen.t_s - keep:
            self._history.popleft()

    def _cut(self, image: NDArray[_Value]) -> NDArray[_Value]:
        x0, y0, x1, y1 = self._wide
        return image[y0:y1, x0:x1]


def _opposite(state: State) -> State:
    return State.AWAY if state is State.PRESENT else State.PRESENT


def when(
    times: Sequence[float],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    contacts: Sequence[float],
    to: State,
) -> tuple[float, float]:
    """Dates a change back: when the new look first stood, and stayed.

    If the place was hidden for long between the last sight of the old look and the first of the
    new one, only the hand can tell: the longest contact in between ended with the take, or began
    with the item down. Without one, the first sight of the new look is nearer to the truth, since
    hands come some time before the item goes.

    Returns:
        The moment, and for how long the place was hidden before the new look was seen; seconds.
    """
    lost = np.flatnonzero(before > np.maximum(after, LEADS))
    start = int(lost[-1]) + 1 if len(lost) else 0
    first = np.flatnonzero((after > np.maximum(before, LEADS))[start:])
    appeared = times[start + int(first[0])] if len(first) else times[-1]
    gone = times[start - 1] if start else appeared
    if appeared - gone <= HIDDEN_LONG_S:
        return appeared, appeared - gone
    spells = bouts([t_s for t_s in contacts if gone - 0.5 <= t_s <= appeared])
    spells = [spell for spell in spells if spell[1] - spell[0] >= LEAST_SPELL_S]
    if not spells:
        return appeared, appeared - gone
    longest = max(spells, key=lambda spell: spell[1] - spell[0])
    return (longest[1] if to is State.AWAY else longest[0]), appeared - gone


def bouts(moments: Iterable[float], gap_s: float = 0.45) -> list[tuple[float, float]]:
    """Joins moments (seconds, ascending) that are at most ``gap_s`` apart to (from, to) spells."""
    spells: list[tuple[float, float]] = []
    for t_s in moments:
        if spells and t_s - spells[-1][1] <= gap_s:
            spells[-1] = (spells[-1][0], t_s)
        else:
            spells.append((t_s, t_s))
    return spells
