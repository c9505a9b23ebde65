"""What the shelf's cues look at: a small, light-normalised crop of a frame round one fixture.

Everything here is cheap on purpose (a few milliseconds for 720p): the crop is reduced first, and
all further work is on the reduced picture. Nothing is kept beyond what the cues need.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box
from aeras.domain.seen import Image

Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Floats32 = NDArray[np.float32]

LONG_SIDE_PX = 320
"""The crop's longer side after reduction. Small goods (10 px on a 640 px picture) stay visible,
since a crop is never enlarged and that of a small fixture is hardly reduced."""

LIGHT = 100.0
"""A picture whose median is darker than this (8 bit) is brightened to it ..."""
MOST_LIFT = 3.0
"""... by at most this much, since its noise grows too."""


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """Settings of `FixtureView`.

    Attributes:
        structure_px: Size of the neighbourhood whose mean brightness is taken away, as a share
            of the crop's longer side. Shadows and lamps change that mean; edges and prints stay.
        least_difference: Smallest difference of two looks, in feature units (8 bit), that counts;
            raised where the camera is noisier.
        noise_factor: The same as a multiple of the measured noise.
        absorb_s: A change outside all facings that stays this long belongs to the background;
            longer than anybody stands without stirring.
        first_s: The first picture is not trusted (it may be a poor one): for this long the
            background takes in whatever is still.
        shake_share: When more than this share of the textured crop differs from the frame before,
            the camera moved or the light jumped, and the frame says nothing.
        trust_s: The background is known where it has been in view and still for this long.
    """

    structure_px: float = 0.12
    least_difference: float = 11.0
    noise_factor: float = 5.0
    absorb_s: float = 20.0
    first_s: float = 1.0
    shake_share: float = 0.6
    trust_s: float = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One frame as the cues see it; all arrays are (h, w) of the reduced crop.

    Attributes:
        t_s: Seconds of the camera.
        features: (h, w, 3) uint8: local structure, and the two colour axes of CIELAB.
        still_s: Seconds for which each pixel has not moved.
        differs: Pixels that differ from the fixture's background.
        moved: Share of the crop that moved since the frame before, in [0, 1].
        shaken: True when the whole view changed at once.
        threshold: Difference of features that counts, in 8-bit units.
    """

    t_s: float
    features: Bytes
    still_s: Floats32
    differs: Mask
    moved: float
    shaken: bool
    threshold: float


def difference(a: Bytes, b: Bytes) -> Floats32:
    """Distance of two looks per pixel, (..., 3) uint8 -> (...) float32.

    The largest of the three axes rather than their sum, so that noise does not add up; colour
    counts half as much again, since 8-bit CIELAB spreads shop goods over few steps there.
    """
    return _weighed(cv2.absdiff(np.ascontiguousarray(a), np.ascontiguousarray(b)))


def unlikeness(a: Bytes, b: Bytes) -> Floats32:
    """The same for pictures, (h, w, 3): what is found again one pixel aside is no difference.

    A camera that trembles and a coder that rounds move every edge by a fraction of a pixel.
    """
    return _apart(_Ranged(a), _Ranged(b))


class _Ranged:
    """A picture with the least and the greatest value round each pixel."""

    def __init__(self, picture: Bytes) -> None:
        self.at: Bytes = np.ascontiguousarray(picture)
        self.least: Bytes = np.asarray(cv2.erode(self.at, _AROUND), np.uint8)
        self.most: Bytes = np.asarray(cv2.dilate(self.at, _AROUND), np.uint8)


_AROUND = np.ones((3, 3), np.uint8)


def _apart(a: _Ranged, b: _Ranged) -> Floats32:
    one = cv2.max(cv2.subtract(a.at, b.most), cv2.subtract(b.least, a.at))
    other = cv2.max(cv2.subtract(b.at, a.most), cv2.subtract(a.least, b.at))
    return _weighed(cv2.max(one, other))


def _weighed(apart: NDArray[Any]) -> Floats32:
    colour = np.maximum(apart[..., 1], apart[..., 2]).astype(np.float32)
    weighed: Floats32 = np.maximum(apart[..., 0].astype(np.float32), np.float32(1.5) * colour)
    return weighed


@dataclass(slots=True, eq=False)
class _Memory:
    """What a view remembers from frame to frame."""

    t_s: float
    features: _Ranged
    still_s: Floats32
    background: Floats32
    reference: Floats32  # (h, w, 3) BGR the light is normalised to
    noise: float = 2.0
    first_s: float = 0.0
    since_change_s: Floats32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    known_s: Floats32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    trusted: Mask = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))


class FixtureView:
    """Turns frames into `Look`s.

    Args:
        region: Crop, xyxy frame pixels.
        options: See `ViewOptions`.
    """

    def __init__(self, region: Box, options: ViewOptions | None = None) -> None:
        x0, y0, x1, y1 = region
        self.region: Box = (float(int(x0)), float(int(y0)), float(int(x1)), float(int(y1)))
        self.options = options or ViewOptions()
        self.scale = min(1.0, LONG_SIDE_PX / max(x1 - x0, y1 - y0))
        self.shape = (
            max(8, round((int(y1) - int(y0)) * self.scale)),
            max(8, round((int(x1) - int(x0)) * self.scale)),
        )
        self._memory: _Memory | None = None

    def see(self, image: Image, t_s: float) -> Look:
        """Takes a whole frame, (H, W, 3) BGR, at ``t_s`` seconds."""
        small = self._reduce(image)
        memory = self._memory
        if memory is None:
            features = self._features(small, None)
            still = np.zeros(self.shape, np.float32)
            self._memory = _Memory(
                t_s,
                _Ranged(features),
                still,
                features.astype(np.float32),
                small,
                since_change_s=still.copy(),
                known_s=still.copy(),
                trusted=np.zeros(self.shape, dtype=bool),
                first_s=t_s,
            )
            nothing = np.zeros(self.shape, dtype=bool)
            return Look(t_s, features, still, nothing, 0.0, False, self.options.least_difference)
        features = self._features(small, memory)
        return self._compare(features, t_s, memory)

    def background(self) -> Bytes:
        """The committed look of the whole view, (h, w, 3) uint8; raises before the first frame."""
        if self._memory is None:
            raise RuntimeError("no frame has been seen yet")
        return np.round(self._memory.background).astype(np.uint8)

    def adopt(self, mask: Mask) -> None:
        """Takes the pixels of a mask, as they look now, into the background."""
        if self._memory is not None:
            self._memory.background[mask] = self._memory.features.at[mask]
            self._memory.known_s[mask] = 0.0

    def trust(self, covered: Mask) -> None:
        """Says what is behind somebody: what has not been in view and still for a moment is not
        known, and nothing can differ from it.
        """
        memory = self._memory
        if memory is None or memory.trusted.all():
            return
        fresh = ~memory.trusted & ~covered & (memory.still_s >= self.options.trust_s)
        memory.background[fresh] = memory.features.at[fresh]
        memory.trusted |= fresh

    def trusted(self) -> Mask:
        """(h, w) pixels of the background that have been in view; see `trust`."""
        assert self._memory is not None
        return self._memory.trusted

    def known_s(self, mask: Mask) -> float:
        """For how long the background of a mask has been seen, in seconds."""
        assert self._memory is not None
        return float(np.median(self._memory.known_s[mask]))

    def _reduce(self, image: Image) -> Floats32:
        x0, y0, x1, y1 = (int(v) for v in self.region)
        height, width = self.shape
        small = cv2.resize(image[y0:y1, x0:x1], (width, height), interpolation=cv2.INTER_AREA)
        return cv2.GaussianBlur(small, (3, 3), 0).astype(np.float32)

    def _features(self, small: Floats32, memory: _Memory | None) -> Bytes:
        if memory is not None:
            small = small / _gain(small, memory.reference)
        reference = small if memory is None else memory.reference
        small = small * _lift(reference)
        lab: Bytes = np.asarray(
            cv2.cvtColor(np.clip(small, 0, 255).astype(np.uint8), cv2.COLOR_BGR2LAB), np.uint8
        )
        light = lab[..., 0].astype(np.float32)
        side = max(5, int(self.options.structure_px * max(self.shape)) | 1)
        lab[..., 0] = np.clip(light - cv2.blur(light, (side, side)) + 128, 0, 255).astype(np.uint8)
        return lab

    def _compare(self, features: Bytes, t_s: float, memory: _Memory) -> Look:
        options = self.options
        dt = max(t_s - memory.t_s, 1e-3)
        ranged = _Ranged(features)
        plain = difference(features[::2, ::2], memory.features.at[::2, ::2])
        memory.noise += 0.05 * (1.48 * float(np.median(plain)) - memory.noise)
        step = _apart(ranged, memory.features)
        threshold = max(options.least_difference, options.noise_factor * memory.noise)
        moving = step > threshold
        moved = float(moving.mean())
        memory.still_s = np.where(moving, np.float32(0), memory.still_s + np.float32(dt))
        apart = _apart(ranged, _Ranged(np.round(memory.background).astype(np.uint8)))
        differs = (apart > threshold) & memory.trusted
        memory.known_s[~(differs | moving)] += np.float32(dt)
        memory.since_change_s = np.where(
            differs & ~moving, memory.since_change_s + np.float32(dt), np.float32(0)
        )
        self._learn(features, differs, dt, memory)
        memory.features, memory.t_s = ranged, t_s
        shaken = moved > options.shake_share
        return Look(t_s, features, memory.still_s, differs, moved, shaken, threshold)

    def _learn(self, features: Bytes, differs: Mask, dt: float, memory: _Memory) -> None:
        """Lets the background follow slow light, and take in what has long stood still."""
        follow = min(1.0, dt / 4.0)
        weight = np.where(differs, np.float32(0), np.float32(follow))[..., None]
        memory.background += weight * (features - memory.background)
        old = memory.since_change_s > self.options.absorb_s
        if memory.t_s - memory.first_s < self.options.first_s:
            old |= memory.still_s >= self.options.first_s / 2
        if old.any():
            memory.background[old] = features[old]


def _lift(reference: Floats32) -> np.float32:
    """By how much a dark picture is brightened, so that its goods differ as they do in daylight."""
    usual = float(np.median(reference[::4, ::4])) + 1.0
    return np.float32(np.clip(LIGHT / usual, 1.0, MOST_LIFT))


def _gain(small: Floats32, reference: Floats32) -> Floats32:
    """Brightness per channel relative to the reference, by the median of a sparse grid.

    The median ignores whatever covers less than half of the view; exposure jumps, lamps and
    white balance are divided out.
    """
    now, then = small[::4, ::4] + 8.0, reference[::4, ::4] + 8.0
    gain: Floats32 = np.clip(np.median((now / then).reshape(-1, 3), axis=0), 0.3, 3.0)
    return gain.astype(np.float32)
