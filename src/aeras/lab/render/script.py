"""Who comes when and does what: stories with known truth, apart from any drawing.

A story is planned once into keyframe tracks (where the body, the hand and the face are), into
placements (where the item is) and into truth events. Both cameras read the same plan, so they
stay in step by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from aeras.lab.render.scene import Facing, Layout, Point
from aeras.lab.render.tracks import Track, TrackBuilder

StoryKind = Literal["smile", "repelled", "puzzled", "touch", "dwell", "swap"]
Expression = Literal["neutral", "smile", "puzzled", "repelled"]
EventKind = Literal["take", "put_back", "reach", "dwell"]

SHOPPER_Z_M: Final = 0.68
COMPANION_X_M: Final = 0.84
COMPANION_Z_M: Final = 1.02
ENTRY_X_M: Final = 1.95
"""Where shoppers start and end: outside of both images."""
WALK_M_PER_S: Final = 1.35
HAND_REST: Final = (0.0, 0.9, 0.6, 0.0)
"""A hand track's value (x, y, z, weight) while the arm hangs; weight 0 ignores the position."""
EXPRESSION_WEIGHTS: Final[dict[Expression, tuple[float, float, float]]] = {
    "neutral": (0.0, 0.0, 0.0),
    "smile": (1.0, 0.0, 0.0),
    "puzzled": (0.0, 1.0, 0.0),
    "repelled": (0.0, 0.0, 1.0),
}
LEFTMOST_M: Final = -0.4
FACES: Final = 14
"""How many faces there are; numbers above give the same face other hair and clothes."""
RESTOCK_S: Final = 0.5
GAP_S: Final = 1.9
TAIL_S: Final = 2.6
"""Empty seconds at the end, in which everything still missing is restocked."""
DEMO_ORDER: Final[tuple[tuple[StoryKind, str, str], ...]] = (
    ("repelled", "kale-crisps", ""),
    ("smile", "cookies", ""),
    ("repelled", "kale-crisps", ""),
    ("touch", "honey", ""),
    ("repelled", "kale-crisps", ""),
    ("smile", "oat-drink", "dwell"),
    ("puzzled", "olive-oil", ""),
    ("repelled", "kale-crisps", ""),
    ("swap", "jam:honey", ""),
    ("dwell", "crunch", ""),
    ("smile", "coffee", "dwell"),
    ("puzzled", "kale-crisps", ""),
    ("smile", "crunch", ""),
    ("repelled", "tomatoes", ""),
)
"""Kind, item (``first:second`` for a swap) and what a companion does meanwhile.

Three of the first five put the same item back repelled, so that a rule of three rejections
fires in the first minute of the demo.
"""


@dataclass(frozen=True, slots=True)
class TruthEvent:
    """What really happened, for judging what the pipeline says.

    Attributes:
        kind: ``take`` runs from first contact until the item left its place, ``put_back`` from
            the item standing again until the hand let go, ``reach`` is a touch without taking,
            ``dwell`` the standing time of a visit that only looks.
        facing: Facing id.
        item: Item id.
        start_s: Start, seconds of the video.
        end_s: End, seconds of the video.
        expression: What the face shows during the visit.
    """

    kind: EventKind
    facing: str
    item: str
    start_s: float
    end_s: float
    expression: Expression


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the front item of one facing is during a span; outside all spans it stands.

    Attributes:
        facing: Facing id.
        start_s: Start of the span.
        end_s: End of the span.
        state: ``held`` (in the hand of `shopper`), ``gone``, ``pushed`` (moving up from the
            back row) or ``shifted`` (standing, by `offset_m` and `tilt_deg` off its place).
        shopper: Index into the plan's shoppers, -1 for none.
        offset_m: Shift along the board, metres.
        tilt_deg: Rotation in the image plane, degrees.
    """

    facing: str
    start_s: float
    end_s: float
    state: Literal["held", "gone", "pushed", "shifted"]
    shopper: int = -1
    offset_m: float = 0.0
    tilt_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Shopper:
    """One visit, as tracks over the video's time.

    Attributes:
        actor: Index of the actor who plays it.
        start_s: When the visit starts, out of sight.
        end_s: When it ends, out of sight.
        arm: +1 when the arm on the side of positive x reaches, -1 for the other.
        body: x, z of the feet (m), yaw (degrees, 0 faces the shelf, 90 faces positive x), lean
            (0 upright, 1 bent to the shelf).
        hand: x, y, z of what the hand holds or touches (m) and the share by which the arm
            follows it (0 hangs, 1 is there).
        grip: How far the fingers are closed, 0 to 1.
        face: Weights of smile, puzzled and repelled.
        head: Yaw, pitch and roll of the head against the body, degrees.
        blinks_s: Times of the blinks.
        second_hand: As `hand`, of the other arm; None while it always hangs.
        second_grip: As `grip`, of the other hand.
    """

    actor: int
    start_s: float
    end_s: float
    arm: int
    body: Track
    hand: Track
    grip: Track
    face: Track
    head: Track
    blinks_s: tuple[float, ...]
    second_hand: Track | None = None
    second_grip: Track | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the drawing needs to know about the video's course."""

    seconds: float
    shoppers: tuple[Shopper, ...]
    placements: tuple[Placement, ...]
    events: tuple[TruthEvent, ...]

    def present(self, time_s: float) -> list[tuple[int, Shopper]]:
        """Return the shoppers on stage at a time, with their indices."""
        return [(n, s) for n, s in enumerate(self.shoppers) if s.start_s <= time_s <= s.end_s]

    def placement(self, facing: str, time_s: float) -> Placement | None:
        """Return where a facing's front item is, None while it stands in its place."""
        for placement in self.placements:
            if placement.facing == facing and placement.start_s <= time_s < placement.end_s:
                return placement
        return None


class _Visit:
    """Builds one visit beat by beat; `now` is the time up to which it is told."""

    def __init__(self, rng: np.random.Generator, index: int, actor: int, start_s: float) -> None:
        self._rng = rng
        self._index = index
        self._actor = actor
        self.start_s = self.now = start_s
        self.arm = 1
        self.stand: tuple[float, float] = (0.0, SHOPPER_Z_M)
        self.events: list[TruthEvent] = []
        self.placements: list[Placement] = []
        self._hand = TrackBuilder(start_s, *HAND_REST)
        self._grip = TrackBuilder(start_s, 0.15)
        self._face = TrackBuilder(start_s, 0.0, 0.0, 0.0)
        self._head = TrackBuilder(start_s, 0.0, 0.0, 0.0)
        self._body = TrackBuilder(start_s, 0.0, SHOPPER_Z_M, 0.0, 0.0)

    def _span(self, low: float, high: float) -> float:
        return float(self._rng.uniform(low, high))

    def walk_in(self, stand_x: float, stand_z: float, side: int) -> None:
        """Enter from one side of the images and turn to the shelf."""
        self.stand = (stand_x, stand_z)
        start_x = side * ENTRY_X_M
        walk_s = abs(start_x - stand_x) / WALK_M_PER_S
        turned = -side * 78.0
        self._body = TrackBuilder(self.now, start_x, stand_z + 0.12, turned, 0.0)
        self._head.to(self.now, side * 30.0, 0.0, 0.0)
        self._body.to(self.now + walk_s * 0.8, stand_x + side * 0.1, stand_z, turned * 0.6, 0.0)
        self._body.to(self.now + walk_s + 0.35, stand_x, stand_z, 0.0, 0.0)
        self._head.move(self.now + walk_s * 0.6, self.now + walk_s + 0.3, 0.0, 0.0, 0.0)
        self.now += walk_s + 0.35

    def look(self, seconds: float, facing: Facing) -> None:
        """Look at a facing, the head turned a little towards it."""
        yaw = float(np.clip((facing.base[0] - self.stand[0]) * 14, -9, 9))
        self._head.to(self.now + 0.4, yaw, self._span(-2, 3), self._span(-2, 2))
        self.now += seconds
        self._head.hold(self.now)

    def reach(self, facing: Facing, height_m: float) -> float:
        """Bring the hand to the item; returns the time of first contact."""
        x, y, z = facing.base
        move_s = self._span(0.75, 0.95)
        toward = self.arm * 0.1
        self._hand.hold(self.now)
        if self._hand.last[3] == 0.0:
            start = (self.stand[0] + self.arm * 0.3, 1.0, self.stand[1] - 0.12, 0.35)
            self._hand.to(self.now + 0.3, *start)
        self._hand.to(self.now + move_s, x, y + height_m * 0.5, z, 1.0)
        self._grip.move(self.now, self.now + move_s * 0.7, 0.0)
        stand_x, stand_z = self.stand
        lean_to = (stand_x + toward, stand_z - 0.06, self.arm * 14.0, 1.0)
        self._body.move(self.now, self.now + move_s, *lean_to)
        self.now += move_s
        return self.now

    def draw_back(self) -> None:
        """Straighten up and let the arm hang."""
        self._hand.move(self.now, self.now + 0.65, *self._hand.last[:3], 0.0)
        self._grip.move(self.now, self.now + 0.6, 0.15)
        self._straighten(0.6)
        self.now += 0.6

    def _straighten(self, seconds: float) -> None:
        self._body.move(self.now, self.now + seconds, *self.stand, 0.0, 0.0)

    def take(self, facing: Facing, height_m: float, expression: Expression) -> None:
        """Grasp the item and bring it in front of the chest."""
        contact = self.reach(facing, height_m)
        x, y, z = facing.base
        self._grip.move(self.now, self.now + 0.22, 1.0)
        self.now += 0.28
        self._hand.hold(self.now)
        self._hand.to(self.now + 0.4, x, y + height_m * 0.5 + 0.03, z + 0.26, 1.0)
        left = self.now + 0.4
        self._event("take", facing, contact, left, expression)
        self.placements.append(Placement(facing.id, self.now, left, "held", self._index))
        self._straighten(1.0)
        self._hand.to(self.now + 1.15, *self._chest(height_m), 1.0)
        self.now += 1.15

    def _chest(self, height_m: float) -> Point:
        x, z = self.stand
        return (x + self.arm * 0.26, 1.4 - height_m / 2, z - 0.16)

    def inspect(self, seconds: float, height_m: float, expression: Expression) -> None:
        """Hold the item up, look at it and show an expression."""
        x, y, z = self._chest(height_m)
        weights = EXPRESSION_WEIGHTS[expression]
        self._head.to(self.now + 0.3, self.arm * 4.0, 5.0, 0.0)
        self._face.move(self.now + 0.25, self.now + 0.75, *weights)
        self._head.to(self.now + 0.8, self.arm * 2.0, 1.0, self._tilt(expression))
        steps = max(int(seconds / 0.9), 1)
        for step in range(1, steps + 1):
            drift = self._rng.normal(0, 0.008, 3)
            at = self.now + seconds * step / steps
            self._hand.to(at, x + drift[0], y + drift[1], z + drift[2], 1.0)
        self.now += seconds
        self._head.hold(self.now)

    def _tilt(self, expression: Expression) -> float:
        return self._span(5, 8) * self.arm if expression == "puzzled" else self._span(-2, 2)

    def put_back(self, facing: Facing, height_m: float, expression: Expression) -> None:
        """Return the item to its place, a touch off where it stood, and let go."""
        x, y, z = facing.base
        offset, tilt = float(self._rng.normal(0, 0.005)), float(self._rng.normal(0, 0.8))
        lean_to = (self.stand[0] + self.arm * 0.1, self.stand[1] - 0.06, self.arm * 14.0, 1.0)
        self._body.move(self.now, self.now + 0.9, *lean_to)
        self._hand.to(self.now + 0.6, x + offset, y + height_m * 0.5 + 0.03, z + 0.22, 1.0)
        self._hand.to(self.now + 1.0, x + offset, y + height_m * 0.5, z, 1.0)
        down = self.now + 1.0
        self._grip.move(down + 0.08, down + 0.3, 0.0)
        self._close_hold(facing, down)
        shifted = Placement(facing.id, down, np.inf, "shifted", -1, offset, tilt)
        self.placements.append(shifted)
        self.now = down + 0.3
        self._hand.hold(self.now)
        self._event("put_back", facing, down, self.now, expression)
        self._head.hold(self.now)

    def keep(self, facing: Facing) -> None:
        """Carry the item off: the hand sinks to the side with it."""
        x, z = self.stand
        self._hand.to(self.now + 0.7, x + self.arm * 0.27, 1.02, z - 0.16, 1.0)
        self.now += 0.5
        self._close_hold(facing, np.inf)

    def _close_hold(self, facing: Facing, end_s: float) -> None:
        held = self.placements.pop()
        self.placements.append(Placement(facing.id, held.start_s, end_s, "held", self._index))

    def leave(self, side: int, *, carrying: bool) -> None:
        """Turn and walk out of both images."""
        stand_x, stand_z = self.stand
        walk_s = abs(side * ENTRY_X_M - stand_x) / WALK_M_PER_S
        self._body.hold(self.now)
        self._body.to(self.now + 0.4, stand_x + side * 0.12, stand_z, side * 55.0, 0.0)
        goal = (side * ENTRY_X_M, stand_z + 0.1)
        self._body.to(self.now + 0.4 + walk_s, *goal, side * 78.0, 0.0)
        self._head.move(self.now, self.now + 0.5, -side * 22.0, 0.0, 0.0)
        if carrying:
            # The hand keeps its place beside the walking body, so it gets the body's own keys.
            dx, y = self._hand.last[0] - stand_x, self._hand.last[1]
            dz = self._hand.last[2] - stand_z
            self._hand.hold(self.now)
            moved = (stand_x + side * 0.12 + dx, y, stand_z + dz, 1.0)
            self._hand.to(self.now + 0.4, *moved)
            self._hand.to(self.now + 0.4 + walk_s, goal[0] + dx, y, goal[1] + dz, 1.0)
        self.now += 0.4 + walk_s
        self._face.move(self.now - 0.3, self.now, 0.0, 0.0, 0.0)

    def _event(
        self, kind: EventKind, facing: Facing, start_s: float, end_s: float, face: Expression
    ) -> None:
        times = round(start_s, 3), round(end_s, 3)
        self.events.append(TruthEvent(kind, facing.id, facing.item, *times, face))

    def touch(self, facing: Facing, height_m: float) -> None:
        """Lay the hand on the item and withdraw it."""
        contact = self.reach(facing, height_m)
        self._grip.move(self.now, self.now + 0.3, 0.45)
        self.now += self._span(0.6, 0.9)
        self._hand.hold(self.now)
        self._event("reach", facing, contact, self.now, "neutral")
        self.draw_back()

    def dwell(self, facing: Facing, seconds: float) -> None:
        """Stand and look, without touching anything."""
        start = self.now
        self.look(seconds * 0.5, facing)
        self._head.to(self.now + 0.5, -6.0 * self.arm, 2.0, 0.0)
        self.now += seconds * 0.5
        self._event("dwell", facing, start, self.now, "neutral")

    def shopper(self) -> Shopper:
        """Return the finished visit."""
        blinks = np.cumsum(self._rng.uniform(1.6, 4.0, 12)) + self.start_s
        return Shopper(
            actor=self._actor,
            start_s=self.start_s,
            end_s=self.now,
            arm=self.arm,
            body=self._body.build(),
            hand=self._hand.build(),
            grip=self._grip.build(),
            face=self._face.build(),
            head=self._head.build(),
            blinks_s=tuple(map(float, blinks)),
        )


def _stand_for(facing: Facing, rng: np.random.Generator) -> tuple[float, int]:
    """Return where to stand for a facing, so that the body never hides it, and the arm to use.

    The aisle camera looks from the right, so a shopper covers shelf to the left of the feet;
    only the leftmost column has to be reached from its right.
    """
    x = facing.base[0]
    jitter = float(rng.uniform(-0.02, 0.02))
    if x < LEFTMOST_M:
        return x + 0.56 + jitter, -1
    return max(x - 0.37, -0.5) + jitter, 1


def plan_visit(
    rng: np.random.Generator,
    layout: Layout,
    kind: StoryKind,
    facings: Sequence[Facing],
    *,
    index: int,
    actor: int,
    start_s: float,
    companion: bool = False,
) -> tuple[Shopper, list[Placement], list[TruthEvent]]:
    """Plan one story.

    Args:
        rng: Source of all randomness.
        layout: The shop.
        kind: What happens.
        facings: The facing concerned; for a swap the one put back and the one kept.
        index: The shopper's number in the plan.
        actor: Number of the actor.
        start_s: When the shopper starts walking, out of sight.
        companion: Stand behind and apart, for a second shopper at the same time.
    """
    visit = _Visit(rng, index, actor, start_s)
    first = facings[0]
    heights = [layout.item(facing.item).size_m[1] for facing in facings]
    stand_x, visit.arm = _stand_for(first, rng)
    stand_z = COMPANION_Z_M if companion else SHOPPER_Z_M
    sides = rng.choice((-1, 1), 2)
    # Coming from and leaving to the far side keeps a companion from walking through the other.
    enter, leave = (1, 1) if companion else (int(sides[0]), int(sides[1]))
    visit.walk_in(COMPANION_X_M if companion else stand_x, stand_z, enter)
    visit.look(float(rng.uniform(0.6, 1.1)), first)
    carrying = _act(visit, rng, kind, facings, heights)
    visit.leave(leave, carrying=carrying)
    return visit.shopper(), visit.placements, visit.events


def _act(
    visit: _Visit,
    rng: np.random.Generator,
    kind: StoryKind,
    facings: Sequence[Facing],
    heights: Sequence[float],
) -> bool:
    """Play the middle of a story; returns whether the shopper leaves with an item."""
    first, height = facings[0], heights[0]
    if kind == "dwell":
        visit.dwell(first, float(rng.uniform(3.0, 4.2)))
        return False
    if kind == "touch":
        visit.touch(first, height)
        return False
    face: Expression = "neutral" if kind == "swap" else kind
    visit.take(first, height, face)
    visit.inspect(float(rng.uniform(2.0, 2.7)), height, face)
    if kind != "smile":
        visit.put_back(first, height, face)
        if kind != "swap":
            visit.draw_back()
            return False
        visit.take(facings[1], heights[1], "smile")
        visit.inspect(float(rng.uniform(1.6, 2.1)), heights[1], "smile")
    visit.keep(facings[-1])
    return True


def plan_demo(layout: Layout, *, seed: int, seconds: float) -> Plan:
    """Plan the demo's course: as many stories of `DEMO_ORDER` (repeated) as fit.

    The first and last moments show the whole shelf with every item in place, so that the video
    loops without a jump.
    """
    rng = np.random.default_rng(seed)
    actors = _casting(rng)
    shoppers: list[Shopper] = []
    placements: list[Placement] = []
    events: list[TruthEvent] = []
    now, story = 0.6, 0
    while True:
        kind, items, companion = DEMO_ORDER[story % len(DEMO_ORDER)]
        facings = [next(f for f in layout.facings if f.item == i) for i in items.split(":")]
        cast = [(kind, facings, False)]
        if companion:
            cast.append(("dwell", [layout.facings[3]], True))
        plans = []
        for part, (kind_, facings_, second) in enumerate(cast):
            plans.append(
                plan_visit(
                    rng,
                    layout,
                    kind_,
                    facings_,
                    index=len(shoppers) + part,
                    actor=actors[(len(shoppers) + part) % len(actors)],
                    start_s=now + 1.2 * part,
                    companion=second,
                )
            )
        end = max(plan[0].end_s for plan in plans)
        if end + TAIL_S > seconds:
            break
        for shopper, moved, told in plans:
            shoppers.append(shopper)
            placements += moved
            events += told
        now, story = end + float(rng.uniform(GAP_S, GAP_S + 0.8)) - 0.6, story + 1
    placements = restocked(placements, shoppers, seconds)
    events.sort(key=lambda event: (event.start_s, event.end_s))
    return Plan(seconds, tuple(shoppers), tuple(placements), tuple(events))


def _casting(rng: np.random.Generator) -> list[int]:
    """Return actors' numbers so that everybody has played before anybody plays again."""
    faces = rng.permutation(FACES)
    return [int(face + FACES * look) for look in rng.permutation(4) for face in faces]


def restocked(
    placements: Sequence[Placement], shoppers: Sequence[Shopper], seconds: float
) -> list[Placement]:
    """Close open spans: kept items are restocked, shifted ones straightened, in empty gaps.

    A kept item stays missing through at least the next story, so that a reader which compares
    the facing before and after can see it gone; it is back before the video ends.
    """
    gaps = sorted(
        one.end_s
        for one in shoppers
        if not any(other.start_s < one.end_s < other.end_s for other in shoppers)
    )
    done: list[Placement] = []
    for number, placement in enumerate(placements):
        later = [p for p in placements[number + 1 :] if p.facing == placement.facing]
        until = later[0].start_s if later else seconds
        if placement.state == "held" and placement.end_s == np.inf:
            out = shoppers[placement.shopper].end_s
            after = [gap for gap in gaps if out + 4 < gap < until - 2]
            push = (after[0] if after else min(seconds, until) - 1.9) + 0.5
            name = placement.facing
            done.append(Placement(name, placement.start_s, out, "held", placement.shopper))
            done.append(Placement(name, out, push, "gone"))
            done.append(Placement(name, push, push + RESTOCK_S, "pushed"))
        elif placement.state == "shifted":
            name, start = placement.facing, placement.start_s
            turn = placement.offset_m, placement.tilt_deg
            done.append(Placement(name, start, until, "shifted", -1, *turn))
        else:
            done.append(placement)
    return done
