"""The pipeline of one rig: the cameras that share fixtures, read together.

    perceive -> track -> interactions per fixture -> join with faces by time -> reaction

Everything a rig knows of people is in memory, belongs to open visits, and goes with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from aeras.domain.geometry import Box
from aeras.domain.kept import Kind, UsualLength
from aeras.domain.seen import Detections, FacingState, Frame, Interaction, Track
from aeras.domain.shop import CameraRole, CameraSpec, Shop
from aeras.shelf.attention import Attention
from aeras.shelf.faces import FaceLog
from aeras.shelf.fixture import FixtureOptions
from aeras.shelf.pace import Pace
from aeras.shelf.react import Reactor
from aeras.shelf.whereabouts import Whereabouts
from aeras.track.byte import ByteOptions
from aeras.wiring.eye import Eye
from aeras.wiring.holding import IN_VIEW, Claim, Holding
from aeras.wiring.passing import Gone, Passing
from aeras.wiring.stocktake import in_view, outer_box


class Perceiver(Protocol):
    """What the rig needs of `aeras.perceive.Perception`."""

    def detect(
        self,
        frame: Frame,
        tasks: frozenset[str],
        *,
        face_regions: Sequence[Box] = (),
        hand_regions: Sequence[Box] = (),
        readable: Callable[[Box], bool] | None = None,
    ) -> Detections:
        """Runs the named tasks (``faces``, ``people``, ``hands``) on a frame."""


@dataclass(frozen=True, slots=True)
class RigOptions:
    """Settings of a `Rig`.

    Attributes:
        faces: False never looks for a face (profile behaviour-only); bodies stand in for them on
            shelf cameras, and every coverage is 0.
        people_every_s: With nobody about and nothing moving, people are sought this often.
        moving: Share of a fixture's surroundings that must move before models run on them.
        fixture: Settings of the shelf room.
        people: Settings of the body tracker.
        face_tracks: Settings of the face tracker: faces are rarely hidden for long, and a visit
            to a shelf may be short.
    """

    faces: bool = True
    people_every_s: float = 1.0
    moving: float = 0.004
    fixture: FixtureOptions = field(default_factory=FixtureOptions)
    people: ByteOptions = field(
        default_factory=lambda: ByteOptions(high=0.35, start=0.4, confirm=2)
    )
    face_tracks: ByteOptions = field(
        default_factory=lambda: ByteOptions(high=0.5, start=0.6, confirm=1, lost_s=1.0)
    )


def groups(shop: Shop) -> list[tuple[CameraSpec, ...]]:
    """Cameras that must be read by one worker: those that a fixture's picture and faces join."""
    leader = {camera.id: camera.id for camera in shop.cameras}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for fixture in shop.fixtures:
        if fixture.camera in leader and fixture.face_camera in leader:
            leader[find(fixture.face_camera or "")] = find(fixture.camera or "")
    together: dict[str, list[CameraSpec]] = {}
    for camera in shop.cameras:
        together.setdefault(find(camera.id), []).append(camera)
    return [tuple(cameras) for cameras in together.values()]


class Rig:
    """Reads the frames of some cameras, in whatever order they come.

    Args:
        shop: The site.
        cameras: The cameras of this rig; frames of others are refused.
        perception: Finds faces, people and hands.
        options: See `RigOptions`.
        usual: How long things took in earlier runs.
    """

    def __init__(
        self,
        shop: Shop,
        cameras: Sequence[CameraSpec],
        perception: Perceiver,
        options: RigOptions | None = None,
        usual: Sequence[UsualLength] = (),
    ) -> None:
        self.options = options or RigOptions()
        self._perception = perception
        self._faces = FaceLog()
        self._attention = Attention()
        self._pace = Pace(usual)
        self._reactor = Reactor(self._faces, self._pace)
        self._facings = {facing.id: facing for f in shop.fixtures for facing in f.facings}
        self._whereabouts = Whereabouts(cameras)
        self._face_cameras = {f.id: f.face_camera for f in shop.fixtures if f.face_camera}
        names = {camera.id for camera in cameras}
        self._eyes = {camera.id: self._eye(shop, camera, names) for camera in cameras}
        self._holding = Holding({name: eye.staff for name, eye in self._eyes.items()})
        self._passing = Passing(self._whereabouts.place)

    def update(self, frame: Frame) -> tuple[Detections, list[Interaction]]:
        """Takes one frame of one of the cameras; gives what was decided with it.

        Raises:
            KeyError: The frame's camera does not belong to this rig.
        """
        eye = self._eyes[frame.camera]
        detections = self._perceive(eye, frame)
        tracks = eye.track(detections, frame)
        self._locate(eye, frame, detections, tracks)
        self._leave_alone(eye)
        self._log_faces(eye, detections, frame)
        found = [i for reader in eye.readers for i in reader.update(frame, detections, tracks)]
        self._passing.see(eye, frame, tracks, found)
        self._holding.stands(IN_VIEW, frame.camera, tracks, frame.t_s)
        for reader in eye.readers:
            standing = [track for track in tracks if reader.stands_here(track)]
            self._holding.stands(reader.fixture.id, frame.camera, standing, frame.t_s)
        self._holding.hold(self._react(eye, found))
        return detections, self._holding.release()

    def eye(self, camera: str) -> Eye:
        """The state of one of its cameras."""
        return self._eyes[camera]

    def states(self, frame: Frame) -> list[FacingState]:
        """What the facings in a frame that was just taken show."""
        eye = self._eyes[frame.camera]
        people = [track.box for track in eye.tracks] if eye.subject == "people" else []
        return [
            state
            for reader in eye.readers
            for state in in_view(
                reader.states,
                {
                    facing.id: outer_box(facing.polygon, eye.camera.size, frame.size)
                    for facing in reader.fixture.facings
                    if facing.polygon
                },
                people,
                calibrated=reader.is_calibrated,
            )
        ]

    def passers(self) -> tuple[Gone, ...]:
        """Who has come past a fixture since this was asked last."""
        return self._passing.take()

    def watched(self, camera: str) -> tuple[str, ...]:
        """Fixtures past which a camera can now see people come."""
        return self._passing.watched(self._eyes[camera])

    def usual(self) -> tuple[UsualLength, ...]:
        """How long things usually take here."""
        return tuple(self._pace.usual())

    def is_calibrated(self, camera: str) -> bool:
        """Whether a camera of this rig still stands where its facings were drawn."""
        return self._eyes[camera].is_calibrated

    def finish(self) -> list[Interaction]:
        """Closes what is open in all cameras (end of a file or of the shift)."""
        for eye in self._eyes.values():
            found = [i for reader in eye.readers for i in reader.finish()]
            self._passing.finish(eye, found)
            self._holding.hold(self._react(eye, found))
        return self._holding.release(final=True)

    def _perceive(self, eye: Eye, frame: Frame) -> Detections:
        tasks = eye.tasks(frame)
        if not tasks:
            return Detections()
        faces, hands = eye.face_regions(frame), eye.hand_regions(frame)
        if not eye.staff.needed:
            return self._perception.detect(frame, tasks, face_regions=faces, hand_regions=hands)
        return self._perception.detect(
            frame, tasks, face_regions=faces, hand_regions=hands, readable=eye.staff.readable
        )

    def _locate(
        self, eye: Eye, frame: Frame, detections: Detections, tracks: Sequence[Track]
    ) -> None:
        """Where the tracks are on the map, so that one person is one visit on all cameras."""
        faces = eye.subject == "faces"
        self._whereabouts.add(eye.camera.id, frame.t_s, tracks, detections, frame.size, faces=faces)

    def _leave_alone(self, eye: Eye) -> None:
        """Drops who is left alone: on the other cameras too, and what was read of them so far."""
        alone = eye.staff.alone
        for track in alone - eye.dropped:
            for fixture in eye.faced:
                self._faces.forget(fixture.id, track)
                self._attention.forget(fixture.id, track)
        eye.dropped = alone
        for track in alone if self._whereabouts.joins else ():
            visit = self._whereabouts.visit(eye.camera.id, track)
            for camera, other in self._whereabouts.tracks(visit).items():
                self._eyes[camera].staff.exclude(other)

    def _one_visit(self, eye: Eye, found: Interaction) -> Interaction:
        """The interaction with its visit numbered for the whole rig instead of the camera."""
        if found.visit is None:
            return found
        return replace(found, visit=self._whereabouts.visit(eye.camera.id, found.visit))

    def _face_of(self, eye: Eye, found: Interaction) -> int | None:
        """The track of an interaction's visit on the fixture's face camera, where it is known."""
        if found.visit is None or not self._whereabouts.joins:
            return None
        tracks = self._whereabouts.tracks(self._whereabouts.visit(eye.camera.id, found.visit))
        return tracks.get(self._face_cameras.get(found.fixture, ""))

    def _log_faces(self, eye: Eye, detections: Detections, frame: Frame) -> None:
        if "faces" in detections.ran:
            for fixture in eye.faced:
                everyone = eye.before(fixture, frame)
                self._holding.stands(fixture.id, frame.camera, everyone, frame.t_s)
                tracks = eye.staff.readable_tracks(everyone)
                self._faces.add(fixture.id, frame.t_s, detections.faces, tracks)
                self._attention.add(fixture, frame.t_s, detections.faces, tracks, frame.size)

    def _react(self, eye: Eye, found: Sequence[Interaction]) -> list[Claim]:
        own_face = eye.subject == "faces"
        reacted = [
            i
            if i.kind.beside
            else self._reactor.react(
                i, eye.now_s, own_face=own_face, face=self._face_of(eye, i), moves=eye.moves(i)
            )
            for i in (self._looked_at(each, own_face=own_face) for each in found)
        ]
        return [Claim(eye.camera.id, i.visit, self._one_visit(eye, i)) for i in reacted]

    def _looked_at(self, found: Interaction, *, own_face: bool) -> Interaction:
        """A stay at the facing that was looked at, where one was clearly."""
        if found.kind is not Kind.DWELL or found.facing is not None:
            return found
        track = found.visit if own_face else None
        look = self._attention.looked_at(found.fixture, found.start_s, found.end_s, track)
        if look is None:
            return found
        facing = self._facings[look.facing]
        sure = found.confidence * look.share
        return replace(found, facing=facing.id, item=facing.item, confidence=sure)

    def _eye(self, shop: Shop, camera: CameraSpec, names: set[str]) -> Eye:
        options = self.options
        reads = [
            f
            for f in shop.fixtures
            if f.camera == camera.id or (f.camera not in names and f.face_camera == camera.id)
        ]
        faces_of = [
            f
            for f in shop.fixtures
            if f.face_camera == camera.id
            or (f.face_camera is None and f.camera == camera.id and camera.role is CameraRole.SHELF)
        ]
        shelf = camera.role is CameraRole.SHELF and options.faces
        return Eye(
            camera,
            reads,
            faces_of,
            reads_faces=options.faces,
            tracking=options.face_tracks if shelf else options.people,
            fixture_options=options.fixture,
            marks=shop.marks,
            people_every_s=options.people_every_s,
            moving=options.moving,
        )
