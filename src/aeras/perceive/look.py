"""One frame through the models: detector, quality gate, landmarks, expression; people; hands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

from aeras.domain.geometry import Box
from aeras.domain.seen import Detections, Face, Frame, Hand, Image, Person
from aeras.domain.seen_ports import ExpressionModel
from aeras.perceive.expression import load_expression, model_sha256
from aeras.perceive.facemesh import FaceMeshOptions, MediaPipeFaceMesh
from aeras.perceive.hands import HandOptions, MediaPipeHands
from aeras.perceive.limits import Limits, limits_of, measure_face
from aeras.perceive.people import MoveNet, PeopleOptions
from aeras.perceive.quality import QualityOptions, cut_off, turned, unreadable
from aeras.perceive.yunet import Yunet, YunetOptions

TASKS = frozenset({"faces", "people", "hands"})


@dataclass(frozen=True, slots=True)
class PerceptionOptions:
    """What is run and how.

    Attributes:
        expression: Whether faces are read. When off, neither the landmark nor the expression
            model is loaded, and every face says ``abstained="off"``.
        expression_model: Name in models.toml, or an ONNX file with its spec beside it.
        biased: See `OnnxExpression`.
        max_read: Most faces read in one frame, the largest first; others say ``skipped``.
    """

    expression: bool = True
    expression_model: str = "expression"
    biased: bool = False
    max_read: int = 4
    faces: YunetOptions = field(default_factory=YunetOptions)
    mesh: FaceMeshOptions = field(default_factory=FaceMeshOptions)
    quality: QualityOptions = field(default_factory=QualityOptions)
    people: PeopleOptions = field(default_factory=PeopleOptions)
    hands: HandOptions = field(default_factory=HandOptions)


class Perception:
    """All models of one camera worker. Models are loaded when first needed, in this process."""

    def __init__(self, options: PerceptionOptions | None = None) -> None:
        self.options = options or PerceptionOptions()

    def detect(
        self,
        frame: Frame,
        tasks: frozenset[str],
        *,
        face_regions: Sequence[Box] = (),
        hand_regions: Sequence[Box] = (),
        people_regions: Sequence[Box] = (),
        readable: Callable[[Box], bool] | None = None,
    ) -> Detections:
        """Looks at one frame.

        Args:
            frame: Of any size.
            tasks: Any of ``faces``, ``people``, ``hands``.
            face_regions: xyxy pixels where faces are looked for; empty: everywhere.
            hand_regions: xyxy pixels where hands are looked for; empty: everywhere.
            people_regions: xyxy pixels where people are looked for; empty: everywhere.
            readable: Whether a face at this box may be read at all; others say ``excluded`` and
                reach neither the landmark nor the expression model. None: all may.

        Raises:
            ValueError: An unknown task.
            ModelError: A model that is needed for the first time cannot be loaded.
        """
        if not tasks <= TASKS:
            raise ValueError(f"tasks {sorted(tasks - TASKS)} are unknown, only {sorted(TASKS)}")
        image = frame.image
        whole = [(0.0, 0.0, float(frame.size[0]), float(frame.size[1]))]
        face_looks = (face_regions or whole) if "faces" in tasks else []
        people_looks = (people_regions or whole) if "people" in tasks else []
        faces: list[Face] = []
        hands: list[Hand] = []
        people: list[Person] = []
        unsure: list[Box] = []
        if "faces" in tasks:
            faces, unsure = self._faces(image, face_regions, readable)
        if "people" in tasks:
            everyone = self._people.detect_all(image, people_regions)
            people = [person for person in everyone if self._people.is_sure(person)]
            unsure += [_top(person.box) for person in everyone[len(people) :]]
        if "hands" in tasks:
            hands = self._hands.detect(image, hand_regions)
        return Detections(
            faces=tuple(faces),
            hands=tuple(hands),
            people=tuple(people),
            ran=tasks,
            unsure=tuple(unsure),
            unlooked=outside(frame.size, [*face_looks, *people_looks]),
        )

    def warm_up(self, tasks: frozenset[str]) -> None:
        """Loads the models of these tasks now; otherwise the first frames pay for it."""
        if "faces" in tasks:
            _ = self._yunet
            if self.options.expression:
                _ = self._mesh, self._expression, self._limits
        if "people" in tasks:
            _ = self._people
        if "hands" in tasks:
            _ = self._hands

    @cached_property
    def _yunet(self) -> Yunet:
        return Yunet(self.options.faces)

    @cached_property
    def _mesh(self) -> MediaPipeFaceMesh:
        return MediaPipeFaceMesh(self.options.mesh)

    @cached_property
    def _expression(self) -> ExpressionModel:
        return load_expression(self.options.expression_model, biased=self.options.biased)

    @cached_property
    def _limits(self) -> Limits:
        model = self.options.expression_model
        return limits_of(model, model_sha256(model))

    @cached_property
    def _people(self) -> MoveNet:
        return MoveNet(self.options.people)

    @cached_property
    def _hands(self) -> MediaPipeHands:
        return MediaPipeHands(self.options.hands)

    def _faces(
        self, image: Image, regions: Sequence[Box], readable: Callable[[Box], bool] | None
    ) -> tuple[list[Face], list[Box]]:
        """Faces with what could be read of them, and boxes of what only may be a face."""
        found = self._yunet.detect_all(image, regions)
        faces = [face for face in found if self._yunet.is_sure(face)]
        unsure = [face.box for face in found[len(faces) :]]
        if not self.options.expression:
            return [replace(face, abstained="off") for face in faces], unsure
        if readable is not None:
            faces = [f if readable(f.box) else replace(f, abstained="excluded") for f in faces]
        allowed = [index for index, face in enumerate(faces) if not face.abstained]
        largest = sorted(allowed, key=lambda i: -_height(faces[i]))
        worth = set(largest[: self.options.max_read])
        return [
            self._read(image, face)
            if index in worth
            else replace(face, abstained=face.abstained or "skipped")
            for index, face in enumerate(faces)
        ], unsure

    def _read(self, image: Image, face: Face) -> Face:
        """The face with pose, blendshapes and expression, or the reason why it is not read."""
        reason = unreadable(image, face, self.options.quality)
        if reason:
            return replace(face, abstained=reason)
        fitted = self._mesh.fit(image, face)
        if fitted is None:
            return replace(face, abstained="hidden")
        if cut_off(fitted.landmarks, image, self.options.quality):
            return replace(face, abstained="cut")
        face = replace(face, pose=fitted.pose, blendshapes=fitted.blendshapes)
        if turned(fitted.pose, self.options.quality):
            return replace(face, abstained="turned")
        quality = measure_face(image, face, fitted.pose, fitted.presence)
        raw = self._expression.read(image, [face.box])[0]
        expression = self._limits.read(raw, quality)
        return replace(face, expression=expression, abstained="" if expression else "unclear")


def outside(size: tuple[int, int], regions: Sequence[Box]) -> tuple[Box, ...]:
    """The rest of a picture: boxes that together cover all that lies in none of the regions.

    Args:
        size: (width, height) of the picture in pixels.
        regions: xyxy pixels; may overlap and reach beyond the picture.
    """
    width, height = size
    xs = sorted({0.0, float(width), *(x for box in regions for x in (box[0], box[2]))})
    ys = sorted({0.0, float(height), *(y for box in regions for y in (box[1], box[3]))})
    cells = [
        (x0, y0, x1, y1)
        for y0, y1 in pairwise(y for y in ys if 0 <= y <= height)
        for x0, x1 in pairwise(x for x in xs if 0 <= x <= width)
    ]
    return tuple(cell for cell in cells if not any(_holds(box, cell) for box in regions))


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and outer[2] >= inner[2]
        and outer[3] >= inner[3]
    )


def _height(face: Face) -> float:
    return face.box[3] - face.box[1]


def _top(box: Box) -> Box:
    """The quarter of a body's box that holds the head."""
    x0, y0, x1, y1 = box
    return (x0, y0, x1, y0 + (y1 - y0) / 4)
