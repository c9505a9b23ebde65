"""Short random stories at a stage: who comes, which hand moves which item where, and the truth."""

# ruff: noqa: PLR2004
# Acting is made of plain numbers; to name each would hide more than it tells.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np

from aeras.lab.render.actors import actor
from aeras.lab.render.goods import Ware
from aeras.lab.render.scene import Point
from aeras.lab.render.script import FACES, HAND_REST, Shopper
from aeras.lab.render.solids import Pose6
from aeras.lab.render.stage import Cell, Stage
from aeras.lab.render.tracks import TrackBuilder, ease

Kind = Literal[
    "buy", "inspect", "hesitate", "swap", "misplace", "touch", "knock-over", "two-hands",
    "two-people", "pass-by", "dwell", "restock", "quiet",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = tuple(kind for kind in get_args(Kind) if kind != "quiet")
"""Those with somebody in them."""
Deed = Literal["take", "put_back", "touch", "dwell", "knock_over", "restock"]
ARM_M: Final = 0.6
WALK_M_PER_S: Final = 1.35
FARTHEST_ENTRY_M: Final = 3.4
FALL_S: Final = 0.35
LEAD_S: Final = (1.2, 2.2)
"""Empty seconds before anybody comes."""
TAIL_S: Final = 1.8


@dataclass(frozen=True, slots=True)
class Told:
    """One true event.

    Attributes:
        kind: What happened.
        facing: Where.
        item: With which item; for a misplacement not the one the planogram has there.
        contact_s: First contact (for a dwell its start).
        from_s: The item begins to move, or stands again.
        to_s: The item has left its place, or the hand has let go.
        shopper: Index of the shopper.
        hand: 0 left, 1 right; -1 for none.
        misplaced: Put back at another facing than its own.
        in_view: The shopper's own body leaves the camera a sight of the item.
    """

    kind: Deed
    facing: str
    item: str
    contact_s: float
    from_s: float
    to_s: float
    shopper: int
    hand: int = -1
    misplaced: bool = False
    in_view: bool = True


@dataclass(frozen=True, slots=True)
class Span:
    """Where one unit is during a time.

    Attributes:
        from_s: Start; it ends where the unit's next span starts.
        mode: Standing at `pose`, in a hand, falling from the last pose to this one, or away.
        pose: Where it stands, or falls to; in a hand, how it stood before.
        shopper: Who holds it.
        hand: In which hand.
    """

    from_s: float
    mode: Literal["stands", "held", "falls", "away"]
    pose: Pose6
    shopper: int = -1
    hand: int = -1


@dataclass(slots=True)
class Unit:
    """One piece of an item and all that happens to it."""

    ware: Ware
    cell: str
    row: int
    spans: list[Span]

    def at(self, time_s: float) -> Span:
        """Return the span of a time."""
        return [s for s in self.spans if s.from_s <= time_s or s is self.spans[0]][-1]


@dataclass(frozen=True, slots=True)
class Gaze:
    """Which facing a shopper looks at during a time."""

    from_s: float
    to_s: float
    shopper: int
    facing: str


@dataclass(frozen=True, slots=True)
class Tale:
    """A whole story."""

    kind: Kind
    seconds: float
    shoppers: tuple[Shopper, ...]
    units: tuple[Unit, ...]
    events: tuple[Told, ...]
    gazes: tuple[Gaze, ...]


@dataclass(slots=True)
class _World:
    """What the shoppers of one story share."""

    rng: np.random.Generator
    stage: Stage
    units: list[Unit]
    events: list[Told] = field(default_factory=list)
    gazes: list[Gaze] = field(default_factory=list)

    def front_of(self, cell: Cell, time_s: float) -> Unit | None:
        """The unit of a facing that stands foremost."""
        there = [
            unit for unit in self.units if unit.cell == cell.id and unit.at(time_s).mode == "stands"
        ]
        return max(there, key=lambda u: u.at(time_s).pose.at[2], default=None)


class _Visit:
    """One shopper, told beat by beat; `now` is the time up to which it is told."""

    def __init__(self, world: _World, index: int, number: int, start_s: float) -> None:
        self.world = world
        self.rng = world.rng
        self.index = index
        self.number = number
        self.start_s = self.now = start_s
        self.tall = actor(number).stature
        self.stand = (0.0, 0.6)
        self._hands = [TrackBuilder(start_s, *HAND_REST) for _ in (0, 1)]
        self._grips = [TrackBuilder(start_s, 0.15) for _ in (0, 1)]
        self._head = TrackBuilder(start_s, 0.0, 0.0, 0.0)
        self._body = TrackBuilder(start_s, 0.0, 0.6, 0.0, 0.0)
        self.holds: dict[int, tuple[Unit, Pose6]] = {}

    def span(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    # --- walking -----------------------------------------------------------------------------

    def entry_x(self, side: int, z: float) -> float:
        """Where somebody is out of the picture on one side."""
        camera = self.world.stage.camera
        for x in np.arange(1.2, FARTHEST_ENTRY_M, 0.2):
            spots = [(side * float(x), y, z) for y in (0.2, 1.0, 1.7)]
            if min(camera.depth(p) for p in spots) < 0.3:
                return side * float(x)
            pixels = [camera.pixel(p) for p in spots]
            margin = 0.45
            if all(
                not -margin * s < u < camera.size[0] + margin * s
                or not -margin * s < v < camera.size[1] + margin * s
                for u, v, s in pixels
            ):
                return side * float(x)
        return side * FARTHEST_ENTRY_M

    def walk_in(self, stand_x: float, stand_z: float, side: int) -> None:
        self.stand = (stand_x, stand_z)
        far_z = stand_z + self.span(0.0, 0.25)
        start_x = self.entry_x(side, far_z)
        walk_s = abs(start_x - stand_x) / WALK_M_PER_S
        turned = -side * 78.0
        self._body = TrackBuilder(self.now, start_x, far_z, turned, 0.0)
        self._body.to(self.now + walk_s * 0.8, stand_x + side * 0.1, stand_z, turned * 0.6, 0.0)
        self._body.to(self.now + walk_s + 0.35, stand_x, stand_z, 0.0, 0.0)
        self._head.to(self.now + walk_s * 0.6, side * 30.0, 0.0, 0.0)
        self._head.to(self.now + walk_s + 0.3, 0.0, 0.0, 0.0)
        self.now += walk_s + 0.35

    def walk_by(self, side: int, z: float) -> None:
        start_x, end_x = self.entry_x(side, z), self.entry_x(-side, z)
        walk_s = abs(end_x - start_x) / self.span(1.0, 1.6)
        self.stand = (end_x, z)
        self._body = TrackBuilder(self.now, start_x, z, -side * 85.0, 0.0)
        self._body.to(self.now + walk_s, end_x, z, -side * 85.0, 0.0)
        self._head.to(self.now + walk_s * 0.3, self.span(-5, 5), 0.0, 0.0)
        self._head.to(self.now + walk_s * 0.6, side * self.span(0, 30), 0.0, 0.0)
        self.now += walk_s

    def shift(self, stand_x: float) -> None:
        """Step aside."""
        if abs(stand_x - self.stand[0]) < 0.12:
            return
        seconds = abs(stand_x - self.stand[0]) / 0.8 + 0.2
        old = self.stand
        self.stand = (stand_x, old[1])
        self._body.hold(self.now)
        self._body.to(self.now + seconds, *self.stand, 0.0, 0.0)
        for hand in self.holds:
            self._carry(hand, self.now, self.now + seconds, stand_x - old[0], 0.0)
        self.now += seconds

    def leave(self, side: int) -> None:
        stand_x, stand_z = self.stand
        goal = (self.entry_x(side, stand_z), stand_z + self.span(0.0, 0.2))
        walk_s = abs(goal[0] - stand_x) / WALK_M_PER_S
        self._body.hold(self.now)
        self._body.to(self.now + 0.4, stand_x + side * 0.12, stand_z, side * 55.0, 0.0)
        self._body.to(self.now + 0.4 + walk_s, *goal, side * 78.0, 0.0)
        self._head.move(self.now, self.now + 0.5, -side * 22.0, 0.0, 0.0)
        for hand in self.holds:
            self._carry(hand, self.now, self.now + 0.4, side * 0.12, 0.0)
            self._carry(
                hand,
                self.now + 0.4,
                self.now + 0.4 + walk_s,
                goal[0] - stand_x - side * 0.12,
                goal[1] - stand_z,
            )
        self.now += 0.4 + walk_s
        for unit, pose in self.holds.values():
            unit.spans.append(Span(self.now, "away", pose))

    def _carry(self, hand: int, from_s: float, to_s: float, dx: float, dz: float) -> None:
        x, y, z, share = self._hands[hand].last
        self._hands[hand].move(from_s, to_s, x + dx, y, z + dz, share)

    # --- looking -----------------------------------------------------------------------------

    def turn_to(self, cell: Cell) -> None:
        """Step aside if a facing is far, or hidden from the camera by the shopper."""
        at = cell.front[0].at
        clear = clearance_m(self.world.stage, at, self.stand, self.tall) > 0
        if not clear or abs(at[0] - self.stand[0]) > 0.5:
            stand_x, _ = _stand_for(self.world, cell, 1 if at[0] > self.stand[0] else -1)
            self.shift(stand_x)

    def look(self, seconds: float, cell: Cell) -> None:
        x, y, z = cell.front[0].at
        yaw = float(np.rad2deg(np.arctan2(x - self.stand[0], self.stand[1] - z)))
        down = float(np.rad2deg(np.arctan2(1.55 * self.tall - y, self.stand[1] - z)))
        self._head.move(self.now, self.now + 0.35, np.clip(yaw, -55, 55), -0.3 * down, 0.0)
        self.world.gazes.append(Gaze(self.now, self.now + seconds, self.index, cell.id))
        self.now += seconds
        self._head.hold(self.now)

    # --- hands -------------------------------------------------------------------------------

    def hand_for(self, at: Point) -> int:
        free = [n for n in (0, 1) if n not in self.holds]
        near = 1 if at[0] > self.stand[0] else 0
        return near if near in free or not free else free[0]

    def _lean(self, at: Point, hand: int, seconds: float) -> None:
        """Turn and bend the body towards what a hand goes to."""
        x, z = self.stand
        shoulder = (x + (0.18 if hand else -0.18), 1.38 * self.tall, z - 0.05)
        turn = 12.0 if hand else -12.0
        lean_to = (x + turn * 0.006, z - 0.05, turn, _lean_for(at, shoulder))
        self._body.move(self.now, self.now + seconds, *lean_to)

    def reach(self, at: Point, hand: int) -> float:
        """Bring a hand to a point; returns the time of contact."""
        move_s = self.span(0.55, 0.95)
        track = self._hands[hand]
        track.hold(self.now)
        if track.last[3] == 0.0:
            aside = 0.3 if hand else -0.3
            start = (self.stand[0] + aside, 1.0, self.stand[1] - 0.12, 0.35)
            track.to(self.now + 0.3, *start)
        track.to(self.now + move_s, *at, 1.0)
        self._grips[hand].move(self.now, self.now + move_s * 0.7, 0.0)
        self._lean(at, hand, move_s)
        self.now += move_s
        return self.now

    def straighten(self, seconds: float) -> None:
        self._body.move(self.now, self.now + seconds, *self.stand, 0.0, 0.0)

    def draw_back(self, hand: int) -> None:
        self._hands[hand].move(self.now, self.now + 0.6, *self._hands[hand].last[:3], 0.0)
        self._grips[hand].move(self.now, self.now + 0.6, 0.15)
        self.straighten(0.6)
        self.now += 0.6

    def hover(self, cell: Cell) -> None:
        """Reach towards an item, stop short, and withdraw."""
        x, y, z = cell.front[0].at
        hand = self.hand_for((x, y, z))
        self.reach((x, y + 0.04, z + self.span(0.16, 0.24)), hand)
        pause = self.span(0.2, 0.6)
        self._hands[hand].hold(self.now + pause)
        self.now += pause
        self.draw_back(hand)

    def touch(self, cell: Cell, *, topples: bool = False) -> None:
        unit = self.world.front_of(cell, self.now)
        if unit is None:
            return
        old = unit.at(self.now).pose
        hand = self.hand_for(old.at)
        contact = self.reach(old.at, hand)
        self._grips[hand].move(self.now, self.now + 0.3, 0.4)
        stays = self.span(0.3, 1.1)
        if topples:
            self._topple(unit, old, self.now + 0.1)
            self._told("knock_over", cell, unit, (contact, self.now + 0.1, self.now + 0.5), hand)
        elif self.rng.random() < 0.5:
            # A touch may turn or push it a little.
            x, y, z = old.at
            at = (x + self.span(-0.012, 0.012), y, z)
            nudged = Pose6(at, old.turn_deg + self.span(-8, 8), old.tip_deg, old.roll_deg)
            unit.spans.append(Span(self.now + 0.15, "falls", nudged))
            unit.spans.append(Span(self.now + 0.15 + FALL_S, "stands", nudged))
        self.now += max(stays, 0.6 if topples else 0.0)
        self._hands[hand].hold(self.now)
        if not topples:
            self._told("touch", cell, unit, (contact, contact, self.now), hand)
        self.draw_back(hand)

    def _topple(self, unit: Unit, old: Pose6, at_s: float) -> None:
        width, height, depth = unit.ware.size_m
        if old.tip_deg:  # it lies already: it is pushed askew
            x, y, z = old.at
            fallen = Pose6((x + self.span(0.02, 0.05), y, z), old.turn_deg + 35, old.tip_deg)
        else:
            foot = old.at[1] - height / 2
            side = float(self.rng.choice((-1, 1)))
            at = (old.at[0] + side * height * 0.3, foot + width / 2, old.at[2] + 0.01)
            round_ = unit.ware.kind in ("bottle", "jar", "tin")
            turn = self.span(-25, 25) if round_ else self.span(-10, 10)
            fallen = Pose6(at, old.turn_deg + turn, 0.0, -90.0 * side)
            if not round_ and depth < width:
                at = (old.at[0], foot + depth / 2, old.at[2] + 0.03)
                fallen = Pose6(at, old.turn_deg + turn, -90.0)
        unit.spans.append(Span(at_s, "falls", fallen))
        unit.spans.append(Span(at_s + FALL_S, "stands", fallen))

    def take(self, cell: Cell, hand: int | None = None) -> int:
        """Grasp the front unit and bring it before the chest; returns which hand has it."""
        unit = self.world.front_of(cell, self.now)
        assert unit is not None, "only what stands there is taken"
        old = unit.at(self.now).pose
        hand = self.hand_for(old.at) if hand is None else hand
        contact = self.reach(old.at, hand)
        self._grips[hand].move(self.now, self.now + 0.2, 1.0)
        self.now += self.span(0.12, 0.4)
        self._hands[hand].hold(self.now)
        out_s = self.span(0.3, 0.5)
        x, y, z = old.at
        lift = 0.16 if self.world.stage.form == "table" else 0.03
        out = (x, y + lift, z + (0.1 if self.world.stage.form == "table" else 0.26))
        self._hands[hand].to(self.now + out_s, *out, 1.0)
        unit.spans.append(Span(self.now, "held", old, self.index, hand))
        self.holds[hand] = (unit, old)
        self._told("take", cell, unit, (contact, self.now, self.now + out_s), hand)
        self.now += out_s
        self.straighten(0.8)
        return hand

    def lift(self, hand: int, seconds: float = 0.7) -> None:
        """Bring what a hand holds up to look at it."""
        aside = self.span(0.1, 0.28) * (1 if hand else -1)
        chest = (
            self.stand[0] + aside,
            self.span(1.1, 1.32) * self.tall,
            self.stand[1] - self.span(0.2, 0.32),
        )
        self._hands[hand].move(self.now, self.now + seconds, *chest, 1.0)
        self.now += seconds

    def inspect(self, hand: int, seconds: float) -> None:
        self._head.move(self.now, self.now + 0.3, 8.0 if hand else -8.0, -12.0, 0.0)
        x, y, z, _ = self._hands[hand].last
        steps = max(int(seconds / 0.8), 1)
        begun = self.now
        for step in range(1, steps + 1):
            drift = self.rng.normal(0, 0.014, 3)
            at = begun + seconds * step / steps
            self._hands[hand].to(at, x + drift[0], y + drift[1], z + drift[2], 1.0)
        self.now = begun + seconds
        self._head.hold(self.now)

    def put(self, cell: Cell, hand: int, pose: Pose6 | None = None, *, told: bool = True) -> None:
        """Put what a hand holds down at a facing, a touch off its place, and let go."""
        unit, old = self.holds[hand]
        goal = pose or old
        x, y, z = goal.at
        at = (x + float(self.rng.normal(0, 0.006)), y, z + float(self.rng.normal(0, 0.003)))
        rest = Pose6(at, goal.turn_deg + self.span(-5, 5), goal.tip_deg, goal.roll_deg)
        seconds = self.span(0.8, 1.1)
        lift = 0.14 if self.world.stage.form == "table" else 0.03
        near = (at[0], at[1] + lift, at[2] + (0.08 if lift > 0.1 else 0.22))
        self._lean(at, hand, seconds * 0.8)
        self._hands[hand].hold(self.now)
        self._hands[hand].to(self.now + seconds * 0.6, *near, 1.0)
        down = self.now + seconds
        self._hands[hand].to(down, *at, 1.0)
        self._grips[hand].move(down + 0.05, down + 0.25, 0.0)
        unit.spans.append(Span(down, "stands", rest))
        unit.cell, unit.row = cell.id, cell.row
        del self.holds[hand]
        self.now = down + self.span(0.15, 0.35)
        self._hands[hand].hold(self.now)
        if told:
            self._told("put_back", cell, unit, (down, down, self.now), hand)

    def lower(self, hand: int) -> None:
        """Let what a hand holds sink to the side, to carry it off."""
        x = self.stand[0] + (0.27 if hand else -0.27)
        goal = (x, 1.0 * self.tall, self.stand[1] - 0.14, 1.0)
        self._hands[hand].move(self.now, self.now + 0.6, *goal)
        self.now += 0.45

    def bring(self, unit: Unit, hand: int) -> None:
        """Have an item in a hand from the start of the visit on."""
        pose = unit.spans[0].pose
        held = Span(self.start_s, "held", pose, self.index, hand)
        unit.spans[:] = [Span(0.0, "away", pose), held]
        self.holds[hand] = (unit, pose)

    def carry_in(self, hand: int, walked_s: float) -> None:
        """Give a hand that came in with an item the body's own way."""
        x, y, z = self.stand[0], 1.05 * self.tall, self.stand[1] - 0.16
        aside = 0.27 if hand else -0.27
        track = TrackBuilder(self.start_s, self._body_start[0] + aside, y, z, 1.0)
        track.to(self.start_s + walked_s, x + aside, y, z, 1.0)
        self._hands[hand] = track
        self._grips[hand] = TrackBuilder(self.start_s, 1.0)

    @property
    def _body_start(self) -> tuple[float, ...]:
        return self._body.build().values[0]

    def _told(
        self, kind: Deed, cell: Cell, unit: Unit, times: tuple[float, float, float], hand: int
    ) -> None:
        contact, begun, done = (round(t, 3) for t in times)
        misplaced = kind == "put_back" and cell.ware.id != unit.ware.id
        self.world.events.append(
            Told(
                kind, cell.id, unit.ware.id, contact, begun, done, self.index, hand, misplaced,
                clearance_m(self.world.stage, cell.front[0].at, self.stand, self.tall) > 0,
            )
        )  # fmt: skip

    def shopper(self) -> Shopper:
        blinks = np.cumsum(self.rng.uniform(1.6, 4.0, 12)) + self.start_s
        return Shopper(
            actor=self.number,
            start_s=self.start_s,
            end_s=self.now,
            arm=1,
            body=self._body.build(),
            hand=self._hands[1].build(),
            grip=self._grips[1].build(),
            face=TrackBuilder(self.start_s, 0.0, 0.0, 0.0).build(),
            head=self._head.build(),
            blinks_s=tuple(map(float, blinks)),
            second_hand=self._hands[0].build(),
            second_grip=self._grips[0].build(),
        )


def _lean_for(at: Point, shoulder: Point) -> float:
    """Return how far a body leans so that its arm reaches a point, 0.4 to 3.4."""
    far = float(np.linalg.norm(np.subtract(at, shoulder))) - ARM_M
    return float(np.clip(0.4 + far / 0.085, 0.4, 3.4))


def clearance_m(stage: Stage, at: Point, stand: tuple[float, float], tall: float) -> float:
    """Return how far a shopper's body stays from the camera's sight of an item, metres.

    Negative where head or trunk hide its middle. The body leans to what the hand reaches for.
    """
    x, z = stand
    lean = _lean_for(at, (x, 1.38 * tall, z - 0.05))
    hips = np.array([x, 0.9 * tall, z])
    neck = np.array([x, (1.42 - 0.02 * lean) * tall, z - 0.03 - 0.11 * lean])
    head = np.array([x, (1.6 - 0.02 * lean) * tall, z - 0.06 - 0.14 * lean])
    trunk = [(hips + (neck - hips) * share, 0.24) for share in (0.0, 0.33, 0.66, 1.0)]
    sight = np.subtract(stage.camera.position, at)
    length = float(np.linalg.norm(sight))
    sight = sight / length
    best = 9.0
    for spot, radius in (*trunk, (head, 0.15)):
        along = float(np.clip(np.dot(spot - at, sight), 0, length))
        best = min(best, float(np.linalg.norm(spot - at - sight * along)) - radius)
    return best


def _stand_for(world: _World, cell: Cell, side: int) -> tuple[float, float]:
    """Return where to stand for a facing so that the body does not hide it from the camera."""
    stage, rng = world.stage, world.rng
    at = cell.front[0].at
    x = at[0]
    stand_z = float(rng.uniform(0.3, 0.4) if stage.form == "table" else rng.uniform(0.5, 0.62))
    spots = [x + float(v) for v in rng.uniform(-0.5, 0.5, 12)]
    # Near and on the side they come from, as long as the item can be seen.
    spots.sort(key=lambda spot: abs(spot - x) + (0.08 if (spot - x) * side < 0 else 0))
    clear = {spot: clearance_m(stage, at, (spot, stand_z), 1.0) for spot in spots}
    seen = [spot for spot in spots if clear[spot] > 0.04]
    if seen:
        return seen[int(rng.integers(min(len(seen), 3)))], stand_z
    return max(spots, key=lambda spot: clear[spot]), stand_z


def _cells(world: _World, count: int) -> list[Cell]:
    """Return stocked facings, all different."""
    stocked = [c for c in world.stage.cells if c.stocked]
    picks = world.rng.permutation(len(stocked))[:count]
    return [stocked[int(n)] for n in picks]


def _near(world: _World, cell: Cell, farthest_m: float) -> list[Cell]:
    x = cell.front[0].at[0]
    return [
        c for c in world.stage.cells if c.id != cell.id and abs(c.front[0].at[0] - x) <= farthest_m
    ]


def _come(visit: _Visit, cell: Cell) -> None:
    side = int(visit.rng.choice((-1, 1)))
    visit.walk_in(*_stand_for(visit.world, cell, side), side)
    visit.look(visit.span(0.4, 1.2), cell)


def _go(visit: _Visit) -> None:
    for hand in list(visit.holds):
        visit.lower(hand)
    visit.leave(int(visit.rng.choice((-1, 1))))


def _fetch(visit: _Visit, cell: Cell) -> int:
    _come(visit, cell)
    return visit.take(cell)


def _buy(visit: _Visit, cell: Cell) -> None:
    hand = _fetch(visit, cell)
    if visit.rng.random() < 0.5:
        visit.lift(hand)
        visit.inspect(hand, visit.span(0.5, 2.0))
    _go(visit)


def _inspect(visit: _Visit, cell: Cell) -> None:
    hand = _fetch(visit, cell)
    visit.lift(hand)
    visit.inspect(hand, visit.span(0.8, 4.5))
    visit.put(cell, hand)
    visit.draw_back(hand)
    _go(visit)


def _hesitate(visit: _Visit, cell: Cell) -> None:
    _come(visit, cell)
    visit.hover(cell)
    visit.look(visit.span(0.5, 1.2), cell)
    hand = visit.take(cell)
    visit.put(cell, hand)  # straight back, without looking at it
    if visit.rng.random() < 0.4:
        visit.draw_back(hand)
        visit.take(cell)
    else:
        visit.draw_back(hand)
    _go(visit)


def _swap(visit: _Visit, cell: Cell) -> None:
    hand = _fetch(visit, cell)
    visit.lift(hand)
    visit.inspect(hand, visit.span(0.6, 1.8))
    others = [c for c in _near(visit.world, cell, 0.6) if visit.world.front_of(c, visit.now)]
    if not others:
        visit.put(cell, hand)
        visit.draw_back(hand)
    elif visit.rng.random() < 0.5:
        other = others[int(visit.rng.integers(len(others)))]
        visit.put(cell, hand)
        visit.draw_back(hand)
        visit.turn_to(other)
        visit.look(visit.span(0.3, 0.8), other)
        visit.take(other)
    else:
        other = others[int(visit.rng.integers(len(others)))]
        visit.turn_to(other)
        visit.look(visit.span(0.3, 0.8), other)
        visit.take(other, 1 - hand)
        visit.lift(1 - hand)
        visit.turn_to(cell)
        visit.put(cell, hand)
        visit.draw_back(hand)
    _go(visit)


def _misplace(visit: _Visit, cell: Cell) -> None:
    hand = _fetch(visit, cell)
    unit, old = visit.holds[hand]
    visit.lift(hand)
    visit.inspect(hand, visit.span(0.4, 1.5))
    goal = _wrong_place(visit, cell, unit, old)
    visit.turn_to(goal[0])
    visit.put(goal[0], hand, goal[1])
    visit.draw_back(hand)
    _go(visit)


def _wrong_place(visit: _Visit, cell: Cell, unit: Unit, old: Pose6) -> tuple[Cell, Pose6]:
    """Return a neighbour's empty place, or room before or beside what stands there."""
    stage = visit.world.stage
    width, _, depth = unit.ware.size_m
    foot = old.at[1] - stage.boards_m[unit.row if stage.form == "shelf" else 0]
    options: list[tuple[Cell, Pose6]] = []
    for other in _near(visit.world, cell, 0.65):
        if other.width_m < width:
            continue
        board = stage.boards_m[other.row if stage.form == "shelf" else 0]
        x, _, z = other.front[0].at
        standing = visit.world.front_of(other, visit.now)
        if standing is None:
            options.append((other, Pose6((x, board + foot, z), 0.0, old.tip_deg)))
        elif stage.form == "shelf" and stage.front_room_m > 0.1:
            ahead = -depth / 2 - 0.005
            options.append((other, Pose6((x, board + foot, ahead), 0.0)))
        elif other.width_m - standing.ware.size_m[0] > width + 0.01:
            beside = x + other.width_m / 2 - width / 2 - 0.005
            options.append((other, Pose6((beside, board + foot, z), 0.0, old.tip_deg)))
    if not options:
        return cell, old
    return options[int(visit.rng.integers(len(options)))]


def _touch(visit: _Visit, cell: Cell) -> None:
    _come(visit, cell)
    visit.touch(cell)
    _go(visit)


def _knock(visit: _Visit, cell: Cell) -> None:
    _come(visit, cell)
    visit.touch(cell, topples=True)
    _go(visit)


def _two_hands(visit: _Visit, cell: Cell) -> None:
    others = [c for c in _near(visit.world, cell, 0.5) if visit.world.front_of(c, visit.now)]
    if not others:
        _inspect(visit, cell)
        return
    other = others[int(visit.rng.integers(len(others)))]
    left, right = sorted((cell, other), key=lambda c: c.front[0].at[0])
    middle = (left.front[0].at[0] + right.front[0].at[0]) / 2
    side = int(visit.rng.choice((-1, 1)))
    _, z = _stand_for(visit.world, cell, side)
    # Between both items, unless that hides one of them.
    spots = [middle + float(v) for v in (visit.span(-0.06, 0.06), *visit.rng.uniform(-0.4, 0.4, 8))]
    hidden = [
        min(
            clearance_m(visit.world.stage, c.front[0].at, (spot, z), visit.tall)
            for c in (left, right)
        )
        for spot in spots
    ]
    clear = [spot for spot, room in zip(spots, hidden, strict=True) if room > 0.04]
    visit.walk_in((clear or [spots[int(np.argmax(hidden))]])[0], z, side)
    visit.look(visit.span(0.4, 0.9), left)
    begun = visit.now
    visit.take(left, 0)
    # The other hand starts a moment later, not when the first has done.
    done, visit.now = visit.now, begun + visit.span(0.0, 0.5)
    visit.take(right, 1)
    visit.now = max(done, visit.now)
    begun = visit.now
    visit.lift(0)
    visit.now = begun
    visit.lift(1)
    visit.inspect(0, visit.span(0.5, 1.5))
    if visit.rng.random() < 0.6:
        visit.put(right, 1)
        visit.draw_back(1)
        if visit.rng.random() < 0.5:
            visit.put(left, 0)
            visit.draw_back(0)
    _go(visit)


def _pass_by(visit: _Visit, _: Cell) -> None:
    stage = visit.world.stage
    farthest = max(min(1.3, stage.camera.position[2] - 0.7), 0.56)
    if stage.angle == "top-down":
        farthest = 1.0
    visit.walk_by(int(visit.rng.choice((-1, 1))), visit.span(0.5, farthest))


def _dwell(visit: _Visit, cell: Cell) -> None:
    _come(visit, cell)
    begun = visit.now
    for one in (cell, *_cells(visit.world, 2)):
        visit.look(visit.span(0.8, 1.8), one)
    visit.world.events.append(
        Told("dwell", cell.id, cell.ware.id, begun, begun, round(visit.now, 3), visit.index)
    )
    _go(visit)


def _restock(visit: _Visit, cell: Cell) -> None:
    """Somebody comes with an item in the hand and fills a gap."""
    unit = visit.world.front_of(cell, 0.0)
    if unit is None:
        return
    side = int(visit.rng.choice((-1, 1)))
    pose = unit.spans[0].pose
    hand = int(visit.rng.integers(2))
    visit.bring(unit, hand)
    visit.walk_in(*_stand_for(visit.world, cell, side), side)
    visit.carry_in(hand, visit.now - visit.start_s)
    visit.look(visit.span(0.2, 0.5), cell)
    visit.put(cell, hand, pose, told=False)
    down = unit.spans[-1].from_s
    visit._told("restock", cell, unit, (down, down, visit.now), hand)
    visit.draw_back(hand)
    _go(visit)


ACTS: Final[dict[Kind, Callable[[_Visit, Cell], None]]] = {
    "buy": _buy,
    "inspect": _inspect,
    "hesitate": _hesitate,
    "swap": _swap,
    "misplace": _misplace,
    "touch": _touch,
    "knock-over": _knock,
    "two-hands": _two_hands,
    "pass-by": _pass_by,
    "dwell": _dwell,
    "restock": _restock,
}


def random_tale(rng: np.random.Generator, stage: Stage, kind: Kind) -> Tale:
    """Return a random story of a kind at a stage."""
    units = [
        Unit(cell.ware, cell.id, cell.row, [Span(0.0, "stands", pose)])
        for cell in stage.cells
        for pose in cell.front[: cell.stocked]
    ]
    world = _World(rng, stage, units)
    start = float(rng.uniform(*LEAD_S))
    numbers = [int(n) for n in rng.permutation(FACES * 4)[:2]]
    cells = _cells(world, 2)
    visits = []
    if kind == "quiet":
        return Tale(kind, 12.0, (), tuple(units), (), ())
    if kind == "two-people":
        if len(cells) > 1:
            cells.sort(key=lambda c: c.front[0].at[0])
        acts: list[Callable[[_Visit, Cell], None]] = [_buy, _inspect, _touch, _dwell, _pass_by]
        for n, cell in enumerate(cells):
            visit = _Visit(world, n, numbers[n], start + n * float(rng.uniform(0.3, 2.5)))
            act = acts[int(rng.integers(2 if n == 0 else len(acts)))]
            act(visit, cell)
            visits.append(visit)
    else:
        visits.append(_Visit(world, 0, numbers[0], start))
        ACTS[kind](visits[0], cells[0])
    end = max(visit.now for visit in visits) + TAIL_S
    return Tale(
        kind,
        round(end, 1),
        tuple(visit.shopper() for visit in visits),
        tuple(units),
        tuple(sorted(world.events, key=lambda e: e.to_s)),
        tuple(world.gazes),
    )


def falling(unit: Unit, time_s: float) -> Pose6:
    """Return where a falling unit is."""
    span = unit.at(time_s)
    before = unit.spans[unit.spans.index(span) - 1].pose
    return before.towards(span.pose, ease((time_s - span.from_s) / FALL_S) ** 2)
