"""Where a shopper's joints are at a time: the pose both cameras draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from aeras.lab.render.actors import Actor
from aeras.lab.render.script import Shopper

Vector = npt.NDArray[np.float64]
UPPER_ARM_M: Final = 0.295
FOREARM_M: Final = 0.27
HAND_M: Final = 0.085
"""From the wrist to the middle of the closed hand."""
HALF_HIPS_M: Final = 0.085
STRIDE_M: Final = 1.3
BLINK_S: Final = 0.11
"""Time to close the lids, and again to open them."""
WALKING_YAW_DEG: Final = 50.0
NOD_DEG: Final = 10.0
"""How far the head bends forward for each unit of lean."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Joints in world metres.

    Attributes:
        right: Unit vector to the body's right.
        ahead: Unit vector in which the body faces.
        pelvis: Middle of the hips.
        chest: Middle of the shoulder line.
        head: Middle of the head.
        shoulders: Left and right shoulder joint.
        elbows: Left and right elbow.
        wrists: Left and right wrist.
        grips: Left and right middle of the hand.
        hips: Left and right hip joint.
        knees: Left and right knee.
        ankles: Left and right ankle.
        active: Index of the arm that reaches, 0 left, 1 right.
        following: Shares by which the left and the right arm follow the script, 0 to 1.
        closed: How far the left and the right fingers are closed, 0 to 1.
        head_deg: Yaw (against the shelf), pitch and roll of the head.
        face: Weights of smile, puzzled, repelled.
        blink: How far the lids are closed, 0 to 1.
        nod_deg: How far the head is bent forward with the body.
    """

    right: Vector
    ahead: Vector
    pelvis: Vector
    chest: Vector
    head: Vector
    shoulders: tuple[Vector, Vector]
    elbows: tuple[Vector, Vector]
    wrists: tuple[Vector, Vector]
    grips: tuple[Vector, Vector]
    hips: tuple[Vector, Vector]
    knees: tuple[Vector, Vector]
    ankles: tuple[Vector, Vector]
    active: int
    following: tuple[float, float]
    closed: tuple[float, float]
    head_deg: tuple[float, float, float]
    face: tuple[float, float, float]
    blink: float
    nod_deg: float


def bent_elbow(shoulder: Vector, wrist: Vector, hint: Vector) -> Vector:
    """Return the elbow of a two-bone arm; a wrist out of reach stretches both bones alike."""
    along = wrist - shoulder
    distance = max(float(np.linalg.norm(along)), 1e-6)
    along = along / distance
    reach = max((UPPER_ARM_M + FOREARM_M) * 0.995, distance) / (UPPER_ARM_M + FOREARM_M)
    upper, fore = UPPER_ARM_M * max(reach, 1.0), FOREARM_M * max(reach, 1.0)
    share = (upper**2 - fore**2 + distance**2) / (2 * distance)
    aside = np.sqrt(max(upper**2 - share**2, 0.0))
    normal = hint - along * float(hint @ along)
    normal = normal / max(float(np.linalg.norm(normal)), 1e-6)
    elbow: Vector = shoulder + along * share + normal * aside
    return elbow


def _blink(blinks_s: tuple[float, ...], time_s: float) -> float:
    return max((1 - abs(time_s - at) / BLINK_S for at in blinks_s), default=0.0)


def pose_at(shopper: Shopper, actor: Actor, time_s: float) -> Pose:
    """Return where everything of a shopper is at a time of the video."""
    x, z, yaw, lean = shopper.body.at(time_s)
    angle = np.deg2rad(yaw)
    ahead = np.array([np.sin(angle), 0.0, -np.cos(angle)])
    right = np.array([np.cos(angle), 0.0, np.sin(angle)])
    up = np.array([0.0, 1.0, 0.0])
    tall = actor.stature
    walking = min(abs(yaw) / WALKING_YAW_DEG, 1.0)
    phase = x * 2 * np.pi / STRIDE_M
    sway = 0.006 * np.sin(time_s * 1.7 + shopper.actor)
    bob = 0.018 * walking * np.cos(2 * phase) + 0.003 * np.sin(time_s * 2.3)
    feet = np.array([x, 0.0, z])
    pelvis = feet + up * (0.94 * tall + bob)
    chest = pelvis + up * (0.47 * tall - 0.02 * lean) + ahead * (0.11 * lean + 0.02) + right * sway
    head = chest + up * 0.205 * tall + ahead * (0.025 + 0.03 * lean) + right * sway
    half = (0.165 if actor.female else 0.19) * tall
    shoulders = chest - right * half, chest + right * half
    hips, knees, ankles = _legs(pelvis, (right, ahead, tall), walking, phase)
    active = 1 if shopper.arm > 0 else 0
    arms = [
        _hanging(shoulders[n], right * (1 if n else -1), ahead, walking, phase + np.pi * n)
        for n in (0, 1)
    ]
    following, closed = [0.0, 0.0], [0.0, 0.0]
    hands = [(active, shopper.hand, shopper.grip)]
    if shopper.second_hand and shopper.second_grip:
        hands.append((1 - active, shopper.second_hand, shopper.second_grip))
    for n, hand, grip in hands:
        *target, following[n] = hand.at(time_s)
        (closed[n],) = grip.at(time_s)
        if following[n] > 0:
            outward = right * (1 if n else -1)
            arms[n] = _reaching(
                shoulders[n],
                arms[n][1],
                np.array(target),
                following[n],
                outward=outward,
                ahead=ahead,
            )
    yaw_head, pitch, roll = shopper.head.at(time_s)
    nod = 1.2 * np.sin(time_s * 1.1 + shopper.actor)
    smile, puzzled, repelled = shopper.face.at(time_s)
    return Pose(
        right,
        ahead,
        pelvis,
        chest,
        head,
        shoulders,
        (arms[0][0], arms[1][0]),
        (arms[0][1], arms[1][1]),
        (arms[0][2], arms[1][2]),
        hips,
        knees,
        ankles,
        active,
        (following[0], following[1]),
        (closed[0], closed[1]),
        (yaw_head + yaw * 0.25, pitch + nod, roll),
        (smile, puzzled, repelled),
        max(_blink(shopper.blinks_s, time_s), 0.0),
        NOD_DEG * max(lean, 0.0),
    )


def _legs(
    pelvis: Vector, pose: tuple[Vector, Vector, float], walking: float, phase: float
) -> tuple[tuple[Vector, Vector], ...]:
    """Return hips, knees and ankles; `pose` is the body's right, ahead and stature."""
    right, ahead, tall = pose
    joints: list[list[Vector]] = [[], [], []]
    for side in (-1, 1):
        swing = walking * np.sin(phase + (np.pi if side > 0 else 0.0))
        start = pelvis + right * side * HALF_HIPS_M * tall
        knee = start + ahead * (0.15 * swing + 0.01) - np.array([0, 0.44 * tall, 0])
        ankle = start + ahead * (0.26 * swing - 0.02) - np.array([0, 0.86 * tall, 0])
        for part, joint in zip(joints, (start, knee, ankle), strict=True):
            part.append(joint)
    hips, knees, ankles = ((part[0], part[1]) for part in joints)
    return hips, knees, ankles


def _hanging(
    shoulder: Vector, outward: Vector, ahead: Vector, walking: float, phase: float
) -> tuple[Vector, Vector, Vector]:
    swing = 0.16 * walking * np.sin(phase)
    drop = np.array([0.0, -0.535, 0.0])
    wrist = shoulder + drop + outward * 0.075 + ahead * (0.05 + swing)
    elbow = bent_elbow(shoulder, wrist, outward * 0.4 - ahead)
    along = wrist - elbow
    grip = wrist + along / np.linalg.norm(along) * HAND_M
    return elbow, wrist, grip


def _reaching(
    shoulder: Vector,
    rest: Vector,
    target: Vector,
    following: float,
    *,
    outward: Vector,
    ahead: Vector,
) -> tuple[Vector, Vector, Vector]:
    arm = target - shoulder
    distance = max(float(np.linalg.norm(arm)), 1e-6)
    # Far away the hand points where the arm does; close to the body it turns in and up.
    near = float(np.clip((0.5 - distance) / 0.18, 0, 1))
    turned = np.array([0.0, 0.55, 0.0]) - outward * 0.65 + ahead * 0.35
    direction = arm / distance * (1 - near) + turned * near
    direction = direction / max(float(np.linalg.norm(direction)), 1e-6)
    wrist = rest + (target - direction * HAND_M - rest) * following
    hint = np.array([0.0, -1.0, 0.0]) + outward * 0.75
    elbow = bent_elbow(shoulder, wrist, hint)
    along = wrist - elbow
    fore = along / max(float(np.linalg.norm(along)), 1e-6)
    pointing = fore + (direction - fore) * following
    return elbow, wrist, wrist + pointing / np.linalg.norm(pointing) * HAND_M


def held_at(pose: Pose, size_m: tuple[float, float], out: float) -> Vector:
    """Return the middle of a held item, world metres.

    On the shelf the hand closes on the item's middle; once it is out the hand has it by its
    side, so that both the item and the hand can be seen.

    Args:
        pose: Who holds it.
        size_m: Width and height of the item.
        out: How far the item has left its place, 0 to 1.
    """
    side = 1 if pose.active else -1
    aside = -side * max(size_m[0] / 2 - 0.045, 0.0) * out
    grip = pose.grips[pose.active]
    middle: Vector = grip + pose.right * aside + np.array([0.0, size_m[1] * 0.1 * out, 0.0])
    return middle
