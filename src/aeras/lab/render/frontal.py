"""The shelf camera's frames: shoppers face to face, what they hold, the shop behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from aeras.lab.render import canvas
from aeras.lab.render.actors import Actor, actor
from aeras.lab.render.body import Pose, held_at, pose_at
from aeras.lab.render.canvas import Image, colour, gradient
from aeras.lab.render.figure import draw_body, draw_thumb
from aeras.lab.render.fixture import lay, pack_near, shop_wall
from aeras.lab.render.portrait import EYES, head_sprite, portrait
from aeras.lab.render.scene import FRONT_ROW_Z_M, Camera, Item, Layout
from aeras.lab.render.script import Plan
from aeras.lab.render.tableau import Outfit

NEAREST_ITEM_M: Final = 0.3
"""A held item nearer to the camera than this is not drawn; it is below the picture then."""
HELD_TILT_DEG: Final = 6.0


def backdrop(camera: Camera, seed: int) -> Image:
    """Return the shop behind the shoppers, out of focus, BGR of the camera's size."""
    width, height = 640, 360
    small = replace(camera, size=(width, height))
    image = gradient(width, height, colour("#f3efe6"), colour("#b8b0a4"))
    horizon = int(small.project([(0.0, camera.position[1], 50.0)])[0][0, 1])
    image[horizon:] = gradient(width, height - horizon, colour("#c9c3b8"), colour("#a49c90"))
    for number, (x, z) in enumerate(((-2.6, 3.6), (3.2, 4.6))):
        wall = shop_wall(seed + number)
        corners = [(x + 2.6, 2.3, z), (x - 2.6, 2.3, z), (x - 2.6, 0.0, z), (x + 2.6, 0.0, z)]
        lay(image, small, corners, wall)
    for x in (-2.2, -0.4, 1.4, 3.0):
        lamp = [
            (x - 0.25, 2.9, 3.0),
            (x + 0.25, 2.9, 3.0),
            (x + 0.25, 2.9, 6.0),
            (x - 0.25, 2.9, 6),
        ]
        canvas.fill(image, small.project(lamp)[0], (250, 254, 255))
    soft = cv2.GaussianBlur(image, (0, 0), 3.6)
    lifted = cv2.addWeighted(soft, 0.84, np.full_like(soft, (158, 168, 176)), 0.16, 0)
    large = cv2.resize(lifted, camera.size, interpolation=cv2.INTER_CUBIC)
    return large.astype(np.uint8)


class ShelfView:
    """Draws a plan as the camera in the shelf sees it.

    Args:
        plan: What happens.
        layout: The shop.
        camera: Where it is seen from, at which size.
        seed: Varies the shop's decoration.
        wear: What some of the shoppers wear, by their number in the plan.
    """

    def __init__(
        self,
        plan: Plan,
        layout: Layout,
        camera: Camera,
        seed: int,
        wear: Mapping[int, Outfit] | None = None,
    ) -> None:
        self._wear = wear or {}
        self._plan = plan
        self._layout = layout
        self._camera = camera
        self._backdrop = backdrop(camera, seed)

    def draw(self, time_s: float) -> Image:
        """Return the frame at a time, BGR, uint8, without the sensor's noise."""
        frame = self._backdrop.copy()
        held = self._held(time_s)
        present = [
            (pose_at(shopper, actor(shopper.actor), time_s), index, shopper.actor)
            for index, shopper in self._plan.present(time_s)
        ]
        for pose, index, number in sorted(present, key=lambda one: -one[0].chest[2]):
            self._person(frame, pose, number, held.get(index), self._wear.get(index, Outfit()))
        return frame

    def _held(self, time_s: float) -> dict[int, Item]:
        held = {}
        for facing in self._layout.facings:
            placement = self._plan.placement(facing.id, time_s)
            if placement is not None and placement.state == "held":
                held[placement.shopper] = self._layout.item(facing.item)
        return held

    def _person(
        self, frame: Image, pose: Pose, number: int, item: Item | None, outfit: Outfit
    ) -> None:
        who = actor(number)
        x, _, scale = self._camera.pixel(pose.head)
        if not -0.4 * scale < x < self._camera.size[0] + 0.4 * scale:
            return
        draw_body(frame, self._camera, pose, outfit.dressed(who), number, worn=outfit.worn)
        self._head(frame, pose, number)
        if item is not None:
            self._item(frame, pose, who, item)

    def _head(self, frame: Image, pose: Pose, number: int) -> None:
        x, y, scale = self._camera.pixel(pose.head)
        yaw, pitch, roll = pose.head_deg
        # Seen from the front, left and right change sides.
        picture = head_sprite(number, pose.face, pose.blink, float(np.clip(-yaw, -14, 14)), pitch)
        size = scale / portrait(number).px_per_m
        canvas.warp(frame, picture, canvas.placed((x, y), EYES, size, roll))

    def _item(self, frame: Image, pose: Pose, who: Actor, item: Item) -> None:
        out = float(np.clip((pose.grips[pose.active][2] - FRONT_ROW_Z_M) / 0.25, 0, 1))
        middle = held_at(pose, item.size_m, out)
        depth = self._camera.depth(middle)
        if depth < NEAREST_ITEM_M:
            return
        x, y, scale = self._camera.pixel(middle)
        picture = pack_near(item.id, scale)
        side = -1 if pose.active else 1
        anchor = picture.shape[1] / 2, picture.shape[0] / 2
        size = scale * item.size_m[1] / picture.shape[0]
        canvas.warp(frame, picture, canvas.placed((x, y), anchor, size, side * HELD_TILT_DEG))
        draw_thumb(frame, self._camera, pose, who)
