"""The aisle camera's frames: the still life, the goods that moved, and the shoppers."""

from __future__ import annotations

from typing import Final

import numpy as np

from aeras.lab.render import canvas
from aeras.lab.render.actors import actor
from aeras.lab.render.body import Pose, held_at, pose_at
from aeras.lab.render.canvas import Image
from aeras.lab.render.figure import draw_figure, shadow_on_shelf
from aeras.lab.render.fixture import draw_item, pack_near, standing, still_life
from aeras.lab.render.scene import BACK_ROW_Z_M, FRONT_ROW_Z_M, Camera, Facing, Item, Layout
from aeras.lab.render.script import RESTOCK_S, Placement, Plan
from aeras.lab.render.tracks import ease

HELD_TILT_DEG: Final = 7.0
NEARER_M: Final = 0.05
"""A held item counts as in front of its shopper when it is this much nearer to the camera."""


class AisleView:
    """Draws a plan as an aisle camera sees it.

    Args:
        plan: What happens.
        layout: The shop.
        camera: Where it is seen from, at which size.
        seed: Varies the shop's decoration.
    """

    def __init__(self, plan: Plan, layout: Layout, camera: Camera, seed: int) -> None:
        self._plan = plan
        self._layout = layout
        self._camera = camera
        self._still = still_life(camera, layout, seed)

    def draw(self, time_s: float) -> Image:
        """Return the frame at a time, BGR, uint8, without the sensor's noise."""
        frame = self._still.full.copy()
        held: dict[int, Item] = {}
        for facing in self._layout.facings:
            placement = self._plan.placement(facing.id, time_s)
            if placement is not None:
                self._patch(frame, facing, placement, time_s)
                if placement.state == "held":
                    held[placement.shopper] = self._layout.item(facing.item)
        present = [
            (pose_at(shopper, actor(shopper.actor), time_s), index, shopper.actor)
            for index, shopper in self._plan.present(time_s)
        ]
        for pose, _, _ in present:
            shadow_on_shelf(frame, self._camera, pose)
        for pose, index, number in sorted(present, key=lambda one: one[0].chest[2]):
            self._person(frame, pose, number, held.get(index))
        return frame

    def _patch(self, frame: Image, facing: Facing, placement: Placement, time_s: float) -> None:
        x0, y0, x1, y1 = self._still.boxes[facing.id]
        frame[y0:y1, x0:x1] = self._still.front_empty[y0:y1, x0:x1]
        item = self._layout.item(facing.item)
        if placement.state == "pushed":
            share = ease((time_s - placement.start_s) / RESTOCK_S)
            z = BACK_ROW_Z_M + (FRONT_ROW_Z_M - BACK_ROW_Z_M) * share
            draw_item(frame, self._camera, item, standing(facing, z=z))
        elif placement.state == "shifted":
            turn = standing(facing, shift_m=placement.offset_m, tilt_deg=placement.tilt_deg)
            draw_item(frame, self._camera, item, turn)

    def _person(self, frame: Image, pose: Pose, number: int, item: Item | None) -> None:
        if item is None:
            draw_figure(frame, self._camera, pose, actor(number), number)
            return
        hand, chest = (self._camera.depth(p) for p in (pose.grips[pose.active], pose.chest))
        nearer = hand < chest - NEARER_M
        if not nearer:
            self._held(frame, pose, item)
        draw_figure(frame, self._camera, pose, actor(number), number)
        if nearer:
            self._held(frame, pose, item)

    def _held(self, frame: Image, pose: Pose, item: Item) -> None:
        out = float(np.clip((pose.grips[pose.active][2] - FRONT_ROW_Z_M) / 0.25, 0, 1))
        middle = held_at(pose, item.size_m, out)
        x, y, scale = self._camera.pixel(middle)
        picture = pack_near(item.id, scale)
        side = 1 if pose.active else -1
        anchor = picture.shape[1] / 2, picture.shape[0] / 2
        size = scale * item.size_m[1] / picture.shape[0]
        matrix = canvas.placed((x, y), anchor, size, side * HELD_TILT_DEG * out)
        canvas.warp(frame, picture, matrix)
