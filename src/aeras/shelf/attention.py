"""Which facing a shopper looks at: from where the head points, told as probabilities.

A head's pose is read against the line from the face to the camera. Where the face camera sits on
the fixture is known from the site file, so a ray can be laid from the face to the plane of the
shelf. A head points only roughly where eyes look, and its pose is read with an error: the ray is a
cone, its probability is spread over the facings it may hit, and what lies beside them is
"elsewhere".

The shelf is taken as a plane through the camera, across its axis; distance comes from the height of
an adult's face. All of this is rough: over a second or two it tells neighbouring facings of a few
hand widths apart, not two cans side by side. `Attention.looked_at` says so by giving no facing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, degrees, erf, radians, sqrt, tan

from aeras.domain.geometry import Box, Point, polygon_box
from aeras.domain.seen import Face, HeadPose, Track
from aeras.domain.shop import Fixture
from aeras.shelf.faces import standing_there
from aeras.shelf.whereabouts import FACE_M

KEEP_S = 120.0


@dataclass(frozen=True, slots=True)
class AttentionOptions:
    """Settings of `Attention`.

    Attributes:
        error_deg: Standard deviation between where a head is read to point and where the eyes look:
            the pose's own error and what eyes add to it (Stiefelhagen and Zhu 2002 found heads to
            give 69 % of a gaze's direction), sideways and up or down.
        yaw_gain: By how much heads are turned further than they are read to be, measured on
            rendered faces: `python -m aeras.lab.headpose`.
        face_m: Height of an adult's face as the detector boxes it.
        view_deg: Horizontal angle of view of a face camera.
        least_s: A shorter look says nothing.
        clear: Share of the looks at all facings that one must have to be named.
    """

    error_deg: tuple[float, float] = (9.0, 9.0)
    yaw_gain: float = 1.25
    face_m: float = FACE_M
    view_deg: float = 70.0
    least_s: float = 0.8
    clear: float = 0.5


@dataclass(frozen=True, slots=True)
class Gaze:
    """Where somebody stands and looks, in metres from the face camera and degrees.

    Attributes:
        x, y, z: The face: x to the camera's right, y up, z away from the shelf.
        across: Direction of the look, 0 straight at the shelf, more to the camera's right.
        up: The same upwards.
    """

    x: float
    y: float
    z: float
    across: float
    up: float

    def hits(self) -> Point:
        """Where it meets the shelf: metres to the camera's right, and up."""
        return (
            self.x + self.z * tan(radians(self.across)),
            self.y + self.z * tan(radians(self.up)),
        )


def gaze_of(box: Box, pose: HeadPose, size: tuple[int, int], options: AttentionOptions) -> Gaze:
    """The gaze of a face.

    Args:
        box: Of the face, xyxy pixels.
        pose: Of the head.
        size: (width, height) of the camera's picture.
        options: See `AttentionOptions`.
    """
    focal = size[0] / 2 / tan(radians(options.view_deg / 2))
    z = focal * options.face_m / max(box[3] - box[1], 1.0)
    x = ((box[0] + box[2]) / 2 - size[0] / 2) / focal * z
    y = (size[1] / 2 - (box[1] + box[3]) / 2) / focal * z
    # A pose of 0 looks into the camera, which is at (0, 0, 0).
    across = degrees(atan2(-x, z)) + options.yaw_gain * pose.yaw
    up = degrees(atan2(-y, z)) + pose.pitch
    return Gaze(x, y, z, max(-80.0, min(80.0, across)), max(-80.0, min(80.0, up)))


def spread(gaze: Gaze, places: Sequence[Box], options: AttentionOptions) -> list[float]:
    """Probability of each place to be looked at; what is missing to 1 is elsewhere.

    Args:
        gaze: See `Gaze`.
        places: xyxy on the shelf, metres to the camera's right and up, not overlapping.
        options: Its ``error_deg`` is used.
    """
    across, up = options.error_deg
    return [
        _between(gaze.across, across, *(_angle(edge - gaze.x, gaze.z) for edge in (x0, x1)))
        * _between(gaze.up, up, *(_angle(edge - gaze.y, gaze.z) for edge in (y0, y1)))
        for x0, y0, x1, y1 in places
    ]


def _angle(offset: float, distance: float) -> float:
    return degrees(atan2(offset, distance))


def _between(mean: float, deviation: float, low: float, high: float) -> float:
    """Share of a normal distribution between two values."""
    scale = deviation * sqrt(2)
    return (erf((high - mean) / scale) - erf((low - mean) / scale)) / 2


def places_of(fixture: Fixture) -> dict[str, Box]:
    """Facings as xyxy on the shelf, metres to the face camera's right and up; {} where unknown.

    The fixture's own camera sees the shelf from the front, the face camera sees the shopper: what
    is right for one is left for the other.
    """
    if fixture.face_camera_at is None or fixture.on_map is None or not fixture.polygon:
        return {}
    left, _, right, _ = polygon_box(fixture.polygon)
    x0, y0, x1, y1 = fixture.on_map
    metre = (right - left) / max(x1 - x0, y1 - y0)
    at_x, at_y = fixture.face_camera_at
    boxes = {facing.id: polygon_box(facing.polygon) for facing in fixture.facings if facing.polygon}
    return {
        name: (
            (at_x - b[2]) / metre,
            (at_y - b[3]) / metre,
            (at_x - b[0]) / metre,
            (at_y - b[1]) / metre,
        )
        for name, b in boxes.items()
    }


@dataclass(frozen=True, slots=True)
class Look:
    """Seconds for which a facing was looked at, and its share of the looks at all facings."""

    facing: str
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class _Glance:
    t_s: float
    lasted_s: float
    track: int
    shares: dict[str, float]


class Attention:
    """Who looked at which facing of the fixtures of a rig; in memory, for two minutes."""

    def __init__(self, options: AttentionOptions | None = None) -> None:
        self.options = options or AttentionOptions()
        self._places: dict[str, dict[str, Box]] = {}
        self._glances: dict[str, deque[_Glance]] = {}
        self._last_s: dict[str, float] = {}

    def add(
        self,
        fixture: Fixture,
        t_s: float,
        faces: Sequence[Face],
        tracks: Sequence[Track],
        size: tuple[int, int],
    ) -> None:
        """Takes one analysed frame of a fixture's face camera.

        Args:
            fixture: The fixture.
            t_s: Seconds.
            faces: Detections of the frame; those without a pose are passed over.
            tracks: Face tracks that stand before the fixture.
            size: (width, height) of the frame.
        """
        if fixture.id not in self._places:
            self._places[fixture.id] = places_of(fixture)
        places = self._places[fixture.id]
        lasted = min(t_s - self._last_s.get(fixture.id, t_s), 0.5)
        self._last_s[fixture.id] = t_s
        glances = self._glances.setdefault(fixture.id, deque())
        while glances and glances[0].t_s < t_s - KEEP_S:
            glances.popleft()
        for track, face in standing_there(faces, tracks) if places else ():
            if face.pose is None:
                continue
            gaze = gaze_of(face.box, face.pose, size, self.options)
            shares = dict(
                zip(places, spread(gaze, list(places.values()), self.options), strict=True)
            )
            glances.append(_Glance(t_s, lasted, track.id, shares))

    def forget(self, fixture: str, track: int) -> None:
        """Drops where a track looked."""
        glances = self._glances.get(fixture, deque())
        self._glances[fixture] = deque(g for g in glances if g.track != track)

    def looks(
        self, fixture: str, from_s: float, to_s: float, track: int | None = None
    ) -> list[Look]:
        """The facings that were looked at, most first.

        Args:
            fixture: Fixture id.
            from_s: First second.
            to_s: Last second, included.
            track: Whose looks; None: everybody's, unless two were there, who cannot be told apart.
        """
        inside = [g for g in self._glances.get(fixture, ()) if from_s <= g.t_s <= to_s]
        own = [g for g in inside if track is None or g.track == track]
        if len({glance.t_s for glance in own}) < len(own):
            return []
        seconds: dict[str, float] = {}
        for glance in own:
            for facing, share in glance.shares.items():
                seconds[facing] = seconds.get(facing, 0.0) + share * glance.lasted_s
        total = sum(seconds.values())
        ranked = sorted(seconds.items(), key=lambda item: -item[1])
        return [Look(name, spent, spent / total) for name, spent in ranked if total > 0]

    def looked_at(
        self, fixture: str, from_s: float, to_s: float, track: int | None = None
    ) -> Look | None:
        """The one facing that was clearly looked at most, or None: see `looks`."""
        first = next(iter(self.looks(fixture, from_s, to_s, track)), None)
        how = self.options
        if first is None or first.seconds < how.least_s or first.share < how.clear:
            return None
        return first
