"""Shoppers as the aisle camera sees them: from behind and from the side, down to the knees."""

# ruff: noqa: PLR2004
# Drawing is made of plain numbers; to name each would hide more than it tells.

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

LIT_PX_PER_M: Final = 320.0
"""Scale at which figures are lit, then enlarged; coarser than the picture to save time."""
MARGIN_M: Final = 0.16
NEAREST_M: Final = 0.12
"""Nothing nearer to the camera than this is drawn."""
JACKET_M: Final = 0.006
TORSO_HALF_M: Final = 0.11
INK: Final = (28.0, 26.0, 26.0)
CARD: Final = (232.0, 236.0, 238.0)
SQUARE: Final = ((-1, -1), (1, -1), (1, 1), (-1, 1))
FINGER_SPREAD: Final = (-0.5, -0.17, 0.17, 0.5)
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Worn:
    """A flat square pattern worn on chest and back.

    Attributes:
        cells: (N, N), True where it is dark.
        side_m: Its side, metres.
        drop_m: From the shoulder line down to its middle.
        chest, back: Where it is worn.
    """

    cells: npt.NDArray[np.bool_]
    side_m: float
    drop_m: float = 0.16
    chest: bool = True
    back: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """How a figure's world is mapped into its own small image.

    Attributes:
        camera: The aisle camera.
        left: Left edge of the small image in the camera's, px.
        top: Top edge, px.
        depth_m: Depth that counts as height 0.
        detail: Scale of the small image.
    """

    camera: Camera
    left: int
    top: int
    depth_m: float
    detail: float = 1.0

    def clipped(self, start: Vector, end: Vector) -> tuple[Vector, Vector] | None:
        """Return the part of a segment in front of the camera, None if there is none."""
        near, far = (self.camera.depth(p) - NEAREST_M for p in (start, end))
        if near <= 0 and far <= 0:
            return None
        crossing = start + (end - start) * (near / (near - far) if near != far else 0.0)
        return (crossing, end) if near < 0 else (start, crossing) if far < 0 else (start, end)

    def knot(self, point: Vector, radius_m: float) -> Knot:
        """Return a joint as a capsule's end, px of the small image."""
        x, y, px_per_m = self.camera.pixel(point)
        scale = px_per_m * self.detail
        height = (self.depth_m - self.camera.focal_px / px_per_m) * scale
        x, y = (x - self.left) * self.detail, (y - self.top) * self.detail
        return Knot(x, y, height, radius_m * scale)


@cache
def _cloth(seed: int, height: int, width: int) -> FloatImage:
    """Return soft diagonal creases, px of height at `LIT_PX_PER_M`, tileable by cropping."""
    rng = np.random.default_rng(seed)
    broad = canvas.smooth_noise(rng, height, width, 46)
    fine = canvas.smooth_noise(rng, height, width, 17)
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    # Drapery: a few slanted ridges bent by noise, strong in patches, absent elsewhere.
    ridges = np.sin((across * 0.75 + down * 0.4) * 0.085 + broad * 1.7 + fine * 0.35)
    patches = np.clip(canvas.smooth_noise(rng, height, width, 60) + 0.5, 0, 1.4)
    relief = np.sign(ridges) * np.abs(ridges) ** 0.8 * patches * 1.5 + fine * 0.3
    return canvas.floats(cv2.GaussianBlur(canvas.floats(relief), (0, 0), 1.6))


def _window(camera: Camera, pose: Pose) -> tuple[int, int, int, int]:
    joints = [
        pose.head,
        *pose.shoulders,
        *pose.elbows,
        *pose.grips,
        *pose.hips,
        *pose.knees,
        *pose.ankles,
    ]
    points = np.array(joints)
    grown = np.vstack([points - MARGIN_M, points + MARGIN_M])
    pixels = camera.project(grown)[0]
    width, height = camera.size
    x0, y0 = np.floor(pixels.min(axis=0)).astype(int)
    x1, y1 = np.ceil(pixels.max(axis=0)).astype(int)
    return max(int(x0), 0), max(int(y0), 0), min(int(x1), width), min(int(y1), height)


def _torso(relief: Relief, view: View, pose: Pose, actor: Actor, *, cloth: int, pants: int) -> None:
    k = view.knot
    waist = pose.pelvis + np.array([0, 0.1, 0])
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
        relief.capsule(k(shoulder, 0.06), k(pose.chest + np.array([0, 0.055, 0]), 0.055), cloth)


def _legs(relief: Relief, view: View, pose: Pose, pants: int) -> None:
    for hip, knee, ankle in zip(pose.hips, pose.knees, pose.ankles, strict=True):
        relief.capsule(
            view.knot(hip - (0, 0.05, 0), 0.096), view.knot(knee, 0.064), pants, folds=0.5
        )
        relief.capsule(view.knot(knee, 0.064), view.knot(ankle, 0.05), pants, folds=0.6)


def _limb(
    relief: Relief,
    view: View,
    ends: tuple[Vector, Vector],
    radii: tuple[float, float],
    material: int,
    *,
    folds: float = 0.0,
) -> None:
    part = view.clipped(*ends)
    if part is not None:
        a, b = (view.knot(end, radius) for end, radius in zip(part, radii, strict=True))
        relief.capsule(a, b, material, folds=folds)


def _arm(
    relief: Relief, view: View, pose: Pose, actor: Actor, side: int, *, paints: tuple[int, int]
) -> None:
    cloth, skin = paints
    shoulder = pose.shoulders[side] - (0, 0.012, 0)
    elbow, wrist = pose.elbows[side], pose.wrists[side]
    long = actor.sleeves > 0.5
    _limb(relief, view, (shoulder, elbow), (0.06, 0.046), cloth if long else skin, folds=0.7)
    if not long:
        end = shoulder + (elbow - shoulder) * 0.55
        _limb(relief, view, (shoulder, end), (0.066, 0.06), cloth, folds=0.5)
        _limb(relief, view, (elbow, wrist), (0.042, 0.028), skin)
        return
    cuff = elbow + (wrist - elbow) * 0.93
    _limb(relief, view, (elbow, cuff), (0.047, 0.036), cloth, folds=0.8)
    _limb(relief, view, (cuff, wrist), (0.028, 0.027), skin)


def _hand(relief: Relief, view: View, pose: Pose, side: int, skin: int) -> None:
    wrist, grip = pose.wrists[side], pose.grips[side]
    if view.clipped(wrist, grip + (grip - wrist)) is None or _too_near(view.camera, grip):
        return
    along = (grip - wrist) / max(float(np.linalg.norm(grip - wrist)), 1e-6)
    outward = pose.right * (1 if side else -1)
    active = pose.following[side] > 0.3
    up = np.array([0.0, 1.0, 0.0])
    # A hanging palm faces the thigh, a reaching one is upright: thumb up, fingers in a column.
    spread = up if active else pose.ahead
    spread = spread - along * float(spread @ along)
    spread = spread / max(float(np.linalg.norm(spread)), 1e-6)
    palm = -outward
    curl = pose.closed[side] if active else 0.35
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
    return camera.depth(point) < 2 * NEAREST_M


def draw_head(
    frame: Image, camera: Camera, pose: Pose, number: int, *, from_above: bool = False
) -> None:
    """Draw a shopper's head, in place; `from_above` minds how far below the camera it is."""
    at_x, at_y, scale = camera.pixel(pose.head)
    from_camera = np.rad2deg(
        np.arctan2(pose.head[0] - camera.position[0], camera.position[2] - pose.head[2])
    )
    body_yaw = np.rad2deg(np.arctan2(pose.ahead[0], -pose.ahead[2]))
    yaw = 180 - (body_yaw + pose.head_deg[0]) + from_camera
    step = heads.YAW_STEP_DEG
    above = 0
    if from_above:
        level = np.hypot(*(np.subtract(camera.position, pose.head)[[0, 2]]))
        above_deg = np.rad2deg(np.arctan2(camera.position[1] - pose.head[1], level))
        above = round(float(above_deg - pose.nod_deg) / step) * step
    picture = heads.head(number, round(yaw / step) * step % 360, above)
    anchor = heads.CENTRE_M[0] * heads.PX_PER_M, heads.CENTRE_M[1] * heads.PX_PER_M
    matrix = canvas.placed((at_x, at_y), anchor, scale / heads.PX_PER_M, pose.head_deg[2])
    canvas.warp(frame, picture, matrix)


def draw_figure(frame: Image, camera: Camera, pose: Pose, actor: Actor, number: int) -> None:
    """Draw a shopper with head into an aisle frame, in place."""
    draw_body(frame, camera, pose, actor, number)
    draw_head(frame, camera, pose, number)


def draw_body(
    frame: Image,
    camera: Camera,
    pose: Pose,
    actor: Actor,
    number: int,
    *,
    worn: Worn | None = None,
) -> None:
    """Draw a shopper up to the neck, in place."""
    x0, y0, x1, y1 = _window(camera, pose)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return
    depth = camera.depth(pose.chest)
    detail = min(LIT_PX_PER_M * depth / camera.focal_px, 1.0)
    view = View(camera, x0, y0, depth, detail)
    size = max(round((x1 - x0) * detail), 2), max(round((y1 - y0) * detail), 2)
    relief, limbs = Relief(*size), Relief(*size)
    cloth, pants = relief.paint(actor.top), relief.paint(actor.trousers)
    accent = relief.paint(actor.accent)
    ink, card = relief.paint(INK), relief.paint(CARD)
    skin = relief.paint(actor.skin)
    scale = camera.focal_px / depth * detail
    _legs(relief, view, pose, pants)
    _torso(relief, view, pose, actor, cloth=cloth, pants=pants)
    soften(relief, 0.022 * scale)
    for side in (0, 1):
        _arm(limbs, view, pose, actor, side, paints=(cloth, skin))
    soften(limbs, 0.006 * scale)
    for side in (0, 1):
        _hand(limbs, view, pose, side, skin)
    _pattern(relief, view, pose, actor, paints=(cloth, accent))
    if worn is not None:
        _wear(relief, view, pose, worn, cloth=(cloth, accent), paints=(ink, card))
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
    centre_x, centre_y, scale = camera.pixel(joint)
    half = int(0.09 * scale)
    view = View(camera, int(centre_x) - half, int(centre_y) - half, camera.depth(joint))
    relief = Relief(2 * half, 2 * half)
    skin = relief.paint(actor.skin)
    relief.capsule(view.knot(base, 0.019), view.knot(joint, 0.0145), skin)
    relief.capsule(view.knot(joint, 0.0145), view.knot(tip, 0.011), skin)
    soften(relief, 1.2)
    canvas.blend(frame, lit(relief), view.left, view.top)


def _pattern(
    relief: Relief, view: View, pose: Pose, actor: Actor, *, paints: tuple[int, int]
) -> None:
    """Repaint parts of the torso's cloth in the garment's second colour."""
    if actor.pattern == "plain":
        return
    chest, waist = view.knot(pose.chest, 0.1), view.knot(pose.pelvis, 0.1)
    per_m = chest.radius / 0.1
    down = (np.arange(relief.height, dtype=np.float32)[:, None] - chest.y) / per_m
    along = np.clip((down * per_m) / max(waist.y - chest.y, 1.0), 0, 1)
    middle = chest.x + (waist.x - chest.x) * along
    aside = (np.arange(relief.width, dtype=np.float32)[None] - middle) / per_m
    if actor.pattern == "stripes":
        bent = down + 0.25 * aside**2
        second = (np.mod(bent, 0.058) < 0.02) & (down > 0.03)
    elif actor.pattern == "block":
        second = (down > 0.15) & (aside > -1)
    else:
        ahead = view.camera.depth(pose.chest) - view.camera.depth(pose.chest + pose.ahead * 0.1)
        opening = np.clip(0.085 - 0.06 * down, 0.035, 0.1)
        second = (np.abs(aside) < opening) if ahead > 0.05 else np.zeros(1, dtype=bool)
    seen = (relief.material == paints[0]) & second
    relief.material[seen] = paints[1]
    # The shirt under a jacket lies deeper, which gives the jacket's edges their shade.
    if actor.pattern == "jacket":
        relief.level[seen] -= np.float32(JACKET_M * per_m)


def _wear(
    relief: Relief,
    view: View,
    pose: Pose,
    worn: Worn,
    *,
    cloth: tuple[int, int],
    paints: tuple[int, int],
) -> None:
    """Repaint the cloth of chest or back, whichever is seen, with a pattern; arms cover it."""
    spine = pose.pelvis - pose.chest
    down = spine / max(float(np.linalg.norm(spine)), 1e-6)
    eye = np.array(view.camera.position)
    for side, there in ((1.0, worn.chest), (-1.0, worn.back)):
        out = pose.ahead * side
        middle = pose.chest + down * worn.drop_m + out * TORSO_HALF_M
        if not there or float(out @ (eye - middle)) <= 0 or view.camera.depth(middle) < NEAREST_M:
            continue
        # Who looks at a chest has its right on their left.
        across = -pose.right * side * worn.side_m / 2
        drop = down * worn.side_m / 2
        corners = [middle + x * across + y * drop for x, y in SQUARE]
        pixels = [view.camera.pixel(corner)[:2] for corner in corners]
        small = (np.array(pixels) - (view.left, view.top)) * view.detail
        count = len(worn.cells)
        cells = np.array([(0, 0), (count, 0), (count, count), (0, count)], dtype=np.float32)
        matrix = cv2.getPerspectiveTransform(small.astype(np.float32), cells)
        y, x = np.mgrid[0 : relief.height, 0 : relief.width].astype(np.float32) + 0.5
        at = cv2.perspectiveTransform(np.stack([x, y], axis=-1), matrix)
        inside = ((at >= 0) & (at < count)).all(axis=-1) & np.isin(relief.material, cloth)
        column, row = at[inside].astype(int).T
        relief.material[inside] = np.where(worn.cells[row, column], *paints)


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
