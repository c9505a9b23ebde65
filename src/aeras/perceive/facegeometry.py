"""Head pose from fitted landmarks, against the canonical face that comes with the landmark model.

The canonical face and the weights of its rigid landmarks are read from
``geometry_pipeline_metadata_landmarks.binarypb`` of MediaPipe's face_landmarker.task, a protocol
buffer (GeometryPipelineMetadata in MediaPipe's face_geometry.proto).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import ModelError
from aeras.domain.seen import HeadPose

_MESH, _BASIS = 1, 2
"""Field numbers: the canonical mesh, and the landmarks (id, weight) to fit on."""
_VERTICES = 3
_VERTEX_FLOATS = 5
"""x, y, z in centimetres (right, up, towards the viewer) and two texture coordinates."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True, eq=False)
class FaceModel:
    """The rigid landmarks of an average face looking straight at the viewer.

    Attributes:
        index: (N,) landmark numbers.
        weight: (N,) how much each counts.
        points: (N, 3) centimetres: x to the viewer's right, y up, z towards the viewer.
    """

    index: NDArray[np.int64] = field(repr=False)
    weight: NDArray[np.float64] = field(repr=False)
    points: NDArray[np.float64] = field(repr=False)


def read_face_model(data: bytes, where: str) -> FaceModel:
    """Reads the metadata file. Raises ModelError when it is damaged."""
    try:
        top = list(_fields(data))
        mesh = next(value for number, value in top if number == _MESH)
        floats = [v for number, v in _fields(mesh) if number == _VERTICES]
        vertices = np.frombuffer(b"".join(floats), dtype="<f4").reshape(-1, _VERTEX_FLOATS)
        basis = [dict(_fields(value)) for number, value in top if number == _BASIS]
        index = np.array([int.from_bytes(row[1], "little") for row in basis])
        weight = np.array([struct.unpack("<f", row[2])[0] for row in basis])
        return FaceModel(index, weight, vertices[index, :3].astype(np.float64))
    except (StopIteration, IndexError, KeyError, ValueError, struct.error) as error:
        raise ModelError(
            "the canonical face in the landmark model is damaged",
            where=where,
            todo="Reinstall the package, or rebuild the file with tools/fetch_models.py",
        ) from error


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Field numbers and raw values of a protocol buffer message, one level deep."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == _VARINT:
            number, at = _varint(data, at)
            value = number.to_bytes(8, "little")
        else:
            if wire == _BYTES:
                length, at = _varint(data, at)
            else:
                length = {_FIXED32: 4, _FIXED64: 8}[wire]
            value = data[at : at + length]
            at += length
        yield key >> 3, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:  # noqa: PLR2004 - the top bit marks that more follows
            return value, at


def head_pose(landmarks: NDArray[np.floating], model: FaceModel) -> HeadPose:
    """The rotation that turns the canonical face into the fitted one (Kabsch 1976, weighted).

    The camera is taken as far away (weak perspective), which is good to a few degrees at shelf
    distance and needs no camera parameters.

    Args:
        landmarks: (478, 3) x right, y down, z away from the viewer; any scale.
        model: See `read_face_model`.
    """
    seen = np.asarray(landmarks, dtype=np.float64)[model.index] * (1, -1, -1)
    share = (model.weight / model.weight.sum())[:, None]
    centred = model.points - (model.points * share).sum(axis=0)
    target = seen - (seen * share).sum(axis=0)
    u, _, vt = np.linalg.svd((centred * share).T @ target)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    return pose_of(vt.T @ flip @ u.T)


def pose_of(rotation: NDArray[np.float64]) -> HeadPose:
    """Angles of a (3, 3) rotation of the head in x right, y up, z towards the viewer."""
    forward = rotation[:, 2]
    yaw = np.arctan2(forward[0], forward[2])
    pitch = np.arcsin(np.clip(forward[1], -1, 1))
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    rest = (turn @ nod).T @ rotation
    roll = -np.arctan2(rest[1, 0], rest[0, 0])
    return HeadPose(*(float(np.degrees(angle)) for angle in (yaw, pitch, roll)))
