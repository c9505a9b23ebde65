"""Draws a story: the still set, what moves, and the shoppers, seen by the stage's camera."""

# ruff: noqa: PLR2004
# Drawing is made of plain numbers; to name each would hide more than it tells.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from aeras.lab.render import canvas
from aeras.lab.render.actors import Actor, actor
from aeras.lab.render.body import Pose, pose_at
from aeras.lab.render.canvas import Colour, Image
from aeras.lab.render.figure import Worn, draw_body, draw_head
from aeras.lab.render.goods import Ware
from aeras.lab.render.solids import Pose6, draw_solid
from aeras.lab.render.stage import Set, Stage
from aeras.lab.render.tales import Tale, Unit, falling

NEARER_M: Final = 0.05
OUT_M: Final = 0.25
"""A held item is turned fully to its holder this far from where it stood."""


@dataclass(frozen=True, slots=True)
class Outfit:
    """What somebody wears instead of their own clothes.

    Attributes:
        worn: A pattern on chest and back.
        top: Colour of the upper garment.
    """

    worn: Worn | None = None
    top: Colour | None = None

    def dressed(self, who: Actor) -> Actor:
        """The actor in it."""
        if self.top is None:
            return who
        return replace(who, top=self.top, accent=STRIPE, pattern="stripes")


STRIPE: Final = (190.0, 196.0, 198.0)
"""Reflecting tape."""


class Tableau:
    """Draws a tale's frames.

    Args:
        tale: What happens.
        stage: Where, and who looks.
        wear: What some of the shoppers wear, by their number in the tale.
    """

    def __init__(self, tale: Tale, stage: Stage, wear: Mapping[int, Outfit] | None = None) -> None:
        self._wear = wear or {}
        self._tale = tale
        self._stage = stage
        self._set = Set(stage)
        self._stills: dict[tuple[int, ...], Image] = {}

    def draw(self, time_s: float) -> Image:
        """Return the frame at a time, BGR, uint8."""
        frame = self._still(time_s).copy()
        camera = self._stage.camera
        held: dict[tuple[int, int], Unit] = {}
        for unit in self._tale.units:
            span = unit.at(time_s)
            if span.mode == "held":
                held[span.shopper, span.hand] = unit
            elif span.mode == "falls":
                fallen = falling(unit, time_s)
                draw_solid(frame, camera, unit.ware, fallen, self._set.gain(fallen.at[2]))
        people = [
            (pose_at(shopper, actor(shopper.actor), time_s), n, shopper.actor)
            for n, shopper in enumerate(self._tale.shoppers)
            if shopper.start_s <= time_s <= shopper.end_s
        ]
        for pose, _, _ in people:
            self._shadows(frame, pose)
        for pose, n, number in sorted(people, key=lambda p: -camera.depth(p[0].chest)):
            carried = [(hand, unit) for (who, hand), unit in held.items() if who == n]
            outfit = self._wear.get(n, Outfit())
            self._person(frame, pose, (number, outfit), carried, time_s)
        return frame

    def _still(self, time_s: float) -> Image:
        spans = [unit.at(time_s) for unit in self._tale.units]
        pairs = list(zip(self._tale.units, spans, strict=True))
        key = tuple(u.spans.index(s) if s.mode == "stands" else -1 for u, s in pairs)
        if key not in self._stills:
            if len(self._stills) > 3:
                self._stills.clear()
            standing = [(u.ware, s.pose, u.row) for u, s in pairs if s.mode == "stands"]
            self._stills[key] = self._set.with_goods(standing)
        return self._stills[key]

    def _shadows(self, frame: Image, pose: Pose) -> None:
        camera = self._stage.camera
        x, y, scale = camera.pixel((float(pose.chest[0]), float(pose.chest[1]) - 0.3, 0.0))
        near = float(np.clip(1.3 - pose.chest[2], 0, 1))
        canvas.soft_shadow(frame, (x, y), (0.45 * scale, 0.8 * scale), 0.22 * near)
        for grip in pose.grips:
            if grip[2] < 0.12 and self._stage.form == "table":
                x, y, scale = camera.pixel((grip[0], self._stage.boards_m[0], grip[2]))
                canvas.soft_shadow(frame, (x, y), (0.16 * scale, 0.14 * scale), 0.35)

    def _person(
        self,
        frame: Image,
        pose: Pose,
        who: tuple[int, Outfit],
        carried: list[tuple[int, Unit]],
        time_s: float,
    ) -> None:
        number, outfit = who
        camera = self._stage.camera
        chest = camera.depth(pose.chest)
        items = [self._held(pose, hand, unit, time_s) for hand, unit in carried]
        over = [camera.depth(p.at) < chest - NEARER_M for _, p in items]
        for (ware, where), nearer in zip(items, over, strict=True):
            if not nearer:
                draw_solid(frame, camera, ware, where)
        draw_body(frame, camera, pose, outfit.dressed(actor(number)), number, worn=outfit.worn)
        for (ware, where), nearer in zip(items, over, strict=True):
            if nearer:
                draw_solid(frame, camera, ware, where)
        draw_head(frame, camera, pose, number, from_above=True)

    def _held(self, pose: Pose, hand: int, unit: Unit, time_s: float) -> tuple[Ware, Pose6]:
        span = unit.at(time_s)
        grip = pose.grips[hand]
        rest = span.pose
        place = unit.spans.index(span)
        away = float(np.linalg.norm(grip - rest.at))
        goal = rest
        if place + 1 < len(unit.spans) and unit.spans[place + 1].mode == "stands":
            back = float(np.linalg.norm(grip - unit.spans[place + 1].pose.at))
            if time_s - span.from_s > 0.6 and back < OUT_M:
                away, goal = back, unit.spans[place + 1].pose
        out = float(np.clip(away / OUT_M, 0, 1)) if span.from_s > 0 else 1.0
        width, height, _ = unit.ware.size_m
        side = 1 if hand else -1
        aside = pose.right * (-side * max(width / 2 - 0.04, 0.0) * out)
        at = grip + aside + np.array([0.0, height * 0.1 * out, 0.0])
        turn = float(np.rad2deg(np.arctan2(-pose.ahead[0], -pose.ahead[2]))) * out
        tip = goal.tip_deg + (-18.0 - goal.tip_deg) * out
        where = (float(at[0]), float(at[1]), float(at[2]))
        held = Pose6(where, goal.turn_deg * (1 - out) + turn, tip, -7.0 * side * out)
        return unit.ware, held
