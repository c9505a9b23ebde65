"""MediaPipe's face landmarks and blendshapes (Grishchenko et al. 2020, "Attention Mesh")."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import ModelError
from aeras.domain.seen import Face, HeadPose, Image
from aeras.perceive.facegeometry import head_pose, read_face_model
from aeras.perceive.registry import model_bytes, model_card
from aeras.perceive.runtimes import LiteRtModel
from aeras.perceive.warping import TurnedSquare

LANDMARKS = 478

BLENDSHAPES = {
    "browDownLeft": 1,
    "browDownRight": 2,
    "browInnerUp": 3,
    "eyeBlinkLeft": 9,
    "eyeBlinkRight": 10,
    "jawOpen": 25,
    "mouthSmileLeft": 44,
    "mouthSmileRight": 45,
}
"""The outputs worth reading, of 52; others are dead (noseSneer) or follow the smile."""


@dataclass(frozen=True, slots=True)
class FaceMeshOptions:
    """How to fit landmarks.

    Attributes:
        margin: Side of the crop as a share of the face box's longer side.
        presence: Least certainty of the network that its crop shows a face.
    """

    margin: float = 1.5
    presence: float = 0.9


class Fit(NamedTuple):
    """A fitted face: (478, 3) landmarks in frame pixels, pose, blendshapes, certainty 0..1."""

    landmarks: NDArray[np.float32]
    pose: HeadPose
    blendshapes: dict[str, float]
    presence: float


class MediaPipeFaceMesh:
    """Fits 478 landmarks, reads the head pose and eight blendshapes.

    Raises:
        ModelError: The model file is missing, damaged or replaced.
    """

    def __init__(self, options: FaceMeshOptions | None = None) -> None:
        self.options = options or FaceMeshOptions()
        parts = _members(model_bytes("face_landmarker"))
        self._landmarks = LiteRtModel(parts["face_landmarks_detector.tflite"], "face_landmarker")
        self._blendshapes = LiteRtModel(parts["face_blendshapes.tflite"], "face_landmarker")
        self._model = read_face_model(
            parts["geometry_pipeline_metadata_landmarks.binarypb"], "face_landmarker"
        )
        self._side = self._landmarks.input_shape[1]
        self._points = np.array(model_card("face_landmarker").spec["blendshape_points"])

    def fit(self, image: Image, face: Face) -> Fit | None:
        """Fits one face.

        Args:
            image: (H, W, 3) BGR.
            face: From the detector: box and five points.

        Returns:
            The fit, the landmarks' depth in pixels as well (smaller is nearer); None where the
            network sees no face.
        """
        square = self._square(face)
        outputs = self._landmarks.run(square.crop(image, self._side))
        logit = float(outputs["Identity_1"].ravel()[0])
        presence = float(1 / (1 + np.exp(-logit)))
        if presence < self.options.presence:
            return None
        points = outputs["Identity"].reshape(LANDMARKS, 3)
        landmarks = square.points_to_image(points, self._side)
        pose = head_pose(landmarks, self._model)
        return Fit(landmarks, pose, self._read(landmarks), presence)

    def _square(self, face: Face) -> TurnedSquare:
        x0, y0, x1, y1 = face.box
        right_eye, left_eye = face.points[0], face.points[1]
        across = left_eye - right_eye
        return TurnedSquare(
            x=(x0 + x1) / 2,
            y=(y0 + y1) / 2,
            side=max(x1 - x0, y1 - y0) * self.options.margin,
            angle=float(np.arctan2(across[1], across[0])),
        )

    def _read(self, landmarks: NDArray[np.float32]) -> dict[str, float]:
        points = landmarks[None, self._points, :2]
        (values,) = self._blendshapes.run(points).values()
        return {name: float(values[at]) for name, at in BLENDSHAPES.items()}


def _members(data: bytes) -> dict[str, bytes]:
    """Files of the bundle, which is a zip archive; nothing is unpacked to disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            return {name: bundle.read(name) for name in bundle.namelist()}
    except zipfile.BadZipFile as error:
        raise ModelError(
            "the landmark bundle is no zip archive", where="face_landmarker", todo="Reinstall it"
        ) from error
