"""Shoppers as the aisle camera sees them: from behind and from the side, down to the knees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from aeras.lab.render import canvas, heads
from aeras.lab.render.actors import Actor
from aeras.lab.render.body import Pose
from aeras.lab.render.canvas import FloatImage, Image
from aeras.lab.render.relief import Knot, Relief, lit, merged, soften
from aeras.lab.render.scene import Camera

DETAIL: Final = 0.6
"""Scale at which figures are lit; a person in front of the shelf is out of focus anyway."""
MARGIN_M: Final = 0.16
NEAREST_M: Final = 0.12
"""Nothing nearer to the camera than this is drawn."""
FINGER_SPREAD: Final = (-0.5, -0.17, 0.17, 0.5)
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class View:
    """How a figure's world is mapped into its own small image.

    Attributes:
        camera: The aisle camera.
        left: Left edge of the small image in the camera's, px.
        top: Top edge, px.
        depth_m: Depth that counts as height 0.
    """

    camera: Camera
    left: int
    top: int
    depth_m: float

    def clipped(self, start: Vector, end: Vector) -> tuple[Vector, Vector] | None:
        """Return the part of a segment in front of the camera, None if there is none."""
        forward = self.camera.axes()[2]
        near, far = ((p - self.camera.position) @ forward - NEAREST_M for p in (start, end))
        if near <= 0 and far <= 0:
            return None
        crossing = start + (end - start) * (near / (near - far) if near != far else 0.0)
        return (crossing, end) if near < 0 else (start, crossing) if far < 0 else (start, end)

    def knot(self, point: Vector, radius_m: float) -> Knot:
        """Return a joint as a capsule's end, px of the small image."""
        at, depth = self.camera.project(point)
        scale = self.camera.focal_px / float(depth[0]) * DETAIL
        x, y = (at[0] - (self.left, self.top)) * DETAIL
        height = (self.depth_m - float(depth[0])) * scale
        return Knot(float(x), float(y), height, radius_m * scale)


@cache
def _cloth(seed: int, height: int, width: int) -> FloatImage:
    """Return soft diagonal creases, px of height at `DETAIL`, tileable by cropping."""
    rng = np.random.default_rng(seed)
    coarse = canvas.smooth_noise(rng, height, width, 26)
    fine = canvas.smooth_noise(rng, height, width, 11)
    ridges = np.abs(np.sin(coarse * 1.5 + fine * 0.4))
    return cv2.GaussianBlur((ridges * 1.5 + fine * 0.25).astype(np.float32), (0, 0), 1.2)


def _window(camera: Camera, pose: Pose) -> tuple[int, int, int, int]:
    joints = [pose.head, *pose.shoulders, *pose.elbows, *pose.grips, *pose.hips, *pose.knees,
              *pose.ankles]  # fmt: skip
    points = np.array(joints)
    grown = np.vstack([points - MARGIN_M, points + MARGIN_M])
    pixels = camera.project(grown)[0]
    width, height = camera.size
    x0, y0 = np.floor(pixels.min(axis=0)).astype(int)
    x1, y1 = np.ceil(pixels.max(axis=0)).astype(int)
    return max(int(x0), 0), max(int(y0), 0), min(int(x1), width), min(int(y1), height)


def _torso(relief: Relief, view: View, pose: Pose, actor: Actor, cloth: int, pants: int) -> None:
    k = view.knot
    waist = pose.pelvis + (0, 0.1, 0)
    slim = 0.9 if actor.female else 1.0
    for side in (-1.0, 0.0, 1.0):
        top = pose.chest + pose.right * side * 0.085 - (0, 0.07, 0)
        mid = waist + pose.right * side * 0.065 * slim
        low = pose.pelvis + pose.right * side * 0.075 - (0, 0.03, 0)
        relief.capsule(k(top, 0.105), k(mid, 0.1 * slim), cloth)
        relief.capsule(k(mid, 0.1 * slim), k(low, 0.104), cloth)
        relief.capsule(k(low - (0, 0.05, 0), 0.1), k(low - (0, 0.1, 0), 0.098), pants)
    inner = [shoulder + (pose.chest - shoulder) * 0.16 for shoulder in pose.shoulders]
    relief.capsule(k(inner[0], 0.068), k(inner[1], 0.068), cloth)
    for shoulder in inner:
        relief.capsule(k(shoulder, 0.06), k(pose.chest + (0, 0.055, 0), 0.055), cloth)


def _legs(relief: Relief, view: View, pose: Pose, pants: int) -> None:
    for hip, knee, ankle in zip(pose.hips, pose.knees, pose.ankles, strict=True):
        relief.capsule(view.knot(hip - (0, 0.05, 0), 0.096), view.knot(knee, 0.064), pants,
                       folds=0.5)  # fmt: skip
        relief.capsule(view.knot(knee, 0.064), view.knot(ankle, 0.05), pants, folds=0.6)


def _limb(relief: Relief, view: View, ends: tuple[Vector, Vector], radii: tuple[float, float],
          material: int, folds: float = 0.0) -> None:  # fmt: skip
    part = view.clipped(*ends)
    if part is not None:
        a, b = (view.knot(end, radius) for end, radius in zip(part, radii, strict=True))
        relief.capsule(a, b, material, folds=folds)


def _arm(relief: Relief, view: View, pose: Pose, actor: Actor, side: int, paints: tuple[int, int]
         ) -> None:  # fmt: skip
    cloth, skin = paints
    shoulder = pose.shoulders[side] - (0, 0.012, 0)
    elbow, wrist = pose.elbows[side], pose.wrists[side]
    long = actor.sleeves > 0.5
    _limb(relief, view, (shoulder, elbow), (0.06, 0.046), cloth if long else skin, 0.7)
    if not long:
        end = shoulder + (elbow - shoulder) * 0.55
        _limb(relief, view, (shoulder, end), (0.066, 0.06), cloth, 0.5)
        _limb(relief, view, (elbow, wrist), (0.042, 0.028), skin)
        return
    cuff = elbow + (wrist - elbow) * 0.93
    _limb(relief, view, (elbow, cuff), (0.047, 0.036), cloth, 0.8)
    _limb(relief, view, (cuff, wrist), (0.028, 0.027), skin)


def _hand(relief: Relief, view: View, pose: Pose, side: int, skin: int) -> None:
    wrist, grip = pose.wrists[side], pose.grips[side]
    if view.clipped(wrist, grip + (grip - wrist)) is None or _too_near(view.camera, grip):
        return
    along = (grip - wrist) / max(float(np.linalg.norm(grip - wrist)), 1e-6)
    outward = pose.right * (1 if side else -1)
    active = side == pose.active and pose.following > 0.3
    up = np.array([0.0, 1.0, 0.0])
    # A hanging palm faces the thigh, a reaching one is upright: thumb up, fingers in a column.
    spread = up if active else pose.ahead
    spread = spread - along * float(spread @ along)
    spread = spread / max(float(np.linalg.norm(spread)), 1e-6)
    palm = -outward
    curl = pose.grip if active else 0.35
    k = view.knot
    knuckles = wrist + along * 0.075
    for lane in FINGER_SPREAD:
        root = knuckles + spread * lane * 0.05
        relief.capsule(k(wrist + spread * lane * 0.03, 0.017), k(root, 0.014), skin)
        middle = root + (along * (1 - 0.45 * curl) + palm * 0.5 * curl) * 0.042
        tip = middle + (along * (1 - 1.2 * curl) + palm * (0.25 + curl)) * 0.032
        relief.capsule(k(root, 0.0115), k(middle, 0.0105), skin)
        relief.capsule(k(middle, 0.0105), k(tip, 0.009), skin)
    base = wrist + along * 0.025 + spread * 0.026
    joint = base + (along * 0.6 + spread * (0.75 - 0.4 * curl) + palm * 0.4) * 0.042
    relief.capsule(k(base, 0.016), k(joint, 0.0125), skin)
    relief.capsule(k(joint, 0.0125), k(joint + (along * 0.9 + palm * 0.5) * 0.032, 0.01), skin)


def _too_near(camera: Camera, point: Vector) -> bool:
    return float((point - camera.position) @ camera.axes()[2]) < 2 * NEAREST_M


def _head(frame: Image, camera: Camera, pose: Pose, number: int) -> None:
    at_x, at_y, scale = camera.pixel((float(pose.head[0]), float(pose.head[1]),
                                      float(pose.head[2])))  # fmt: skip
    from_camera = np.rad2deg(np.arctan2(pose.head[0] - camera.position[0],
                                        camera.position[2] - pose.head[2]))  # fmt: skip
    body_yaw = np.rad2deg(np.arctan2(pose.ahead[0], -pose.ahead[2]))
    yaw = 180 - (body_yaw + pose.head_deg[0]) + from_camera
    step = heads.YAW_STEP_DEG
    picture = heads.head(number, round(yaw / step) * step % 360)
    anchor = heads.CENTRE_M[0] * heads.PX_PER_M, heads.CENTRE_M[1] * heads.PX_PER_M
    matrix = canvas.placed((at_x, at_y), anchor, scale / heads.PX_PER_M, pose.head_deg[2])
    canvas.warp(frame, picture, matrix)


def draw_figure(frame: Image, camera: Camera, pose: Pose, actor: Actor, number: int) -> None:
    """Draw a shopper with head into an aisle frame, in place."""
    draw_body(frame, camera, pose, actor, number)
    _head(frame, camera, pose, number)


def draw_body(frame: Image, camera: Camera, pose: Pose, actor: Actor, number: int) -> None:
    """Draw a shopper up to the neck, in place."""
    x0, y0, x1, y1 = _window(camera, pose)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return
    depth = float(camera.project(pose.chest)[1][0])
    view = View(camera, x0, y0, depth)
    size = round((x1 - x0) * DETAIL), round((y1 - y0) * DETAIL)
    relief, limbs = Relief(*size), Relief(*size)
    cloth, pants = relief.paint(actor.top), relief.paint(actor.trousers)
    skin = relief.paint(actor.skin)
    scale = camera.focal_px / depth * DETAIL
    _legs(relief, view, pose, pants)
    _torso(relief, view, pose, actor, cloth, pants)
    soften(relief, 0.022 * scale)
    for side in (0, 1):
        _arm(limbs, view, pose, actor, side, (cloth, skin))
    soften(limbs, 0.006 * scale)
    for side in (0, 1):
        _hand(limbs, view, pose, side, skin)
    merged(relief, limbs)
    texture = _texture(number, view, pose, relief)
    body = cv2.resize(lit(relief, texture), (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
    canvas.blend(frame, body.astype(np.uint8), x0, y0)


def draw_thumb(frame: Image, camera: Camera, pose: Pose, actor: Actor) -> None:
    """Draw the thumb that lies over a held item, in place."""
    wrist, grip = pose.wrists[pose.active], pose.grips[pose.active]
    if _too_near(camera, grip):
        return
    inward = -pose.right * (1 if pose.active else -1)
    near = pose.ahead * 0.03
    base = wrist + (grip - wrist) * 0.45 + near
    joint = base + inward * 0.022 + np.array([0, 0.035, 0])
    tip = joint + inward * 0.026 + np.array([0, 0.02, 0])
    centre_x, centre_y, scale = camera.pixel((float(joint[0]), float(joint[1]), float(joint[2])))
    half = int(0.09 * scale)
    view = View(camera, int(centre_x) - half, int(centre_y) - half, float(scale))
    relief = Relief(round(2 * half * DETAIL), round(2 * half * DETAIL))
    skin = relief.paint(actor.skin)
    relief.capsule(view.knot(base, 0.019), view.knot(joint, 0.0145), skin)
    relief.capsule(view.knot(joint, 0.0145), view.knot(tip, 0.011), skin)
    soften(relief, 1.2)
    picture = cv2.resize(lit(relief), (2 * half, 2 * half), interpolation=cv2.INTER_LINEAR)
    canvas.blend(frame, picture.astype(np.uint8), view.left, view.top)


def _texture(number: int, view: View, pose: Pose, relief: Relief) -> FloatImage:
    """Return the cloth's creases, moving with the chest; skin stays smooth."""
    chest = view.knot(pose.chest, 0.1)
    cloth = _cloth(number, 1100, 1100)
    left, top = int(550 - chest.x), int(400 - chest.y)
    left, top = np.clip((left, top), 0, (1100 - relief.width, 1100 - relief.height))
    part = cloth[top : top + relief.height, left : left + relief.width]
    plain = relief.material == len(relief.paints) - 1
    return np.where(plain, np.float32(0), part)


def shadow_on_shelf(frame: Image, camera: Camera, pose: Pose) -> None:
    """Darken the shelf softly where the shopper keeps the aisle's light off it."""
    x, y, scale = camera.pixel((float(pose.chest[0]) - 0.05, float(pose.chest[1]) - 0.3, 0.0))
    nearness = float(np.clip(1.4 - pose.chest[2], 0, 1))
    canvas.soft_shadow(frame, (x, y), (0.42 * scale, 0.85 * scale), 0.24 * nearness)

