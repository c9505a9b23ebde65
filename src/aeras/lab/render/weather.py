"""What light, lens, sensor and coding do to a drawn frame, and what may disturb a camera."""

# ruff: noqa: PLR2004
# Drawing is made of plain numbers; to name each would hide more than it tells.

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import cv2
import numpy as np

from aeras.lab.render.canvas import Image

Light = Literal["bright", "dim", "cast", "drift"]
LIGHTS: Final[tuple[Light, ...]] = get_args(Light)
Trouble = Literal[
    "light switched", "light drift", "exposure jump", "bump", "lasting move", "keyframe pulse",
    "refocus",
]  # fmt: skip
TROUBLES: Final[tuple[Trouble, ...]] = get_args(Trouble)
TILE_PX: Final = 64
PULSE_S: Final = 2.0
REFOCUS_S: Final = 0.8
BREATH: Final = 0.015
"""How much wider a small lens sees while it hunts for focus."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that happens to the camera or the lamps.

    Attributes:
        kind: What.
        at_s: When; drift and pulses last from then on.
        strength: 1 for the usual size.
    """

    kind: Trouble
    at_s: float
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Weather:
    """How a story's camera sees.

    Attributes:
        gains: Light in blue, green and red, relative to the drawing.
        drift: Share by which the light wanders up and down.
        drift_s: How long a wave of it takes.
        noise: Spread of the sensor's noise, of 255.
        blur: Spread of the lens's blur, px.
        jpeg: Quality of each frame's coding, None for none.
        disturbances: See `Disturbance`.
    """

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    drift: float = 0.0
    drift_s: float = 20.0
    noise: float = 1.3
    blur: float = 0.0
    jpeg: int | None = None
    disturbances: tuple[Disturbance, ...] = ()


def random_weather(rng: np.random.Generator, light: Light) -> Weather:
    """Return random conditions under a kind of light."""
    level = float(rng.uniform(0.85, 1.15))
    gains = np.full(3, level)
    noise, drift = float(rng.uniform(0.8, 3.0)), 0.0
    if light == "dim":
        gains *= float(rng.uniform(0.28, 0.55)) / level
        noise = float(rng.uniform(2.0, 5.0))
    if light == "cast":
        gains *= rng.uniform(0.7, 1.12, 3)
    if light == "drift":
        drift = float(rng.uniform(0.08, 0.22))
    coded = rng.random() < 0.6
    blue, green, red = map(float, gains)
    return Weather(
        (blue, green, red),
        drift,
        float(rng.uniform(12, 40)),
        noise,
        float(rng.choice((0.0, 0.0, 0.6, 0.9))),
        int(rng.integers(35, 93)) if coded else None,
    )


class Sight:
    """Turns drawn frames into what a camera would give.

    Args:
        weather: See `Weather`.
        size: Width and height, px.
        seed: Source of noise and of the drift's phase.
    """

    def __init__(self, weather: Weather, size: tuple[int, int], seed: int) -> None:
        self._weather = weather
        self._size = size
        self._rng = np.random.default_rng((seed, 3))
        width, height = size
        grain = self._rng.normal(0, weather.noise, (height + TILE_PX, width + TILE_PX, 3))
        self._grain = np.clip(np.rint(grain), -127, 127).astype(np.int8)
        self._phase = float(self._rng.uniform(0, 2 * np.pi))
        angle = float(self._rng.uniform(0, 2 * np.pi))
        self._aside = np.array([np.cos(angle), np.sin(angle)])

    def see(self, frame: Image, time_s: float) -> Image:
        """Return a drawn frame as it arrives, BGR, uint8."""
        weather, (width, height) = self._weather, self._size
        shift = self._shift(time_s)
        if np.abs(shift).max() > 0.01:
            matrix = np.array([[1.0, 0, shift[0]], [0, 1.0, shift[1]]])
            frame = _image(
                cv2.warpAffine(frame, matrix, self._size, borderMode=cv2.BORDER_REPLICATE)
            )
        frame = self._focused(frame, time_s)
        if weather.blur:
            frame = _image(cv2.GaussianBlur(frame, (0, 0), weather.blur))
        frame = _image(cv2.LUT(frame, self._table(time_s)))
        x, y = self._rng.integers(0, TILE_PX, 2)
        grain = self._grain[y : y + height, x : x + width]
        frame = _image(cv2.add(frame, grain, dtype=cv2.CV_8U))
        quality = self._quality(time_s)
        return frame if quality is None else coded(frame, quality)

    def _table(self, time_s: float) -> Image:
        weather = self._weather
        wave = np.sin(2 * np.pi * time_s / weather.drift_s + self._phase)
        level = 1 + weather.drift * wave
        for one in self._of("light switched", time_s):
            level *= 1 - 0.45 * one.strength
        for one in self._of("exposure jump", time_s):
            level *= 1 + 0.4 * one.strength * float(np.exp(-(time_s - one.at_s) / 0.5))
        for one in self._of("light drift", time_s):
            level *= 1 - 0.35 * one.strength * min((time_s - one.at_s) / 8, 1)
        steps = np.arange(256)[:, None] * np.array(weather.gains)[None] * level
        table: Image = np.clip(np.rint(steps), 0, 255).astype(np.uint8)[None]
        return table

    def _shift(self, time_s: float) -> np.ndarray:
        scale = self._size[0] / 640
        shift = np.zeros(2)
        for one in self._of("bump", time_s):
            since = time_s - one.at_s
            swing = 6 * one.strength * np.exp(-since / 0.35) * np.cos(since * 14)
            shift += self._aside * swing * scale
        for one in self._of("lasting move", time_s):
            shift += self._aside * 5 * one.strength * scale
        return shift

    def _focused(self, frame: Image, time_s: float) -> Image:
        """Return the frame as a lens that hunts for focus sees it: soft, and a little nearer."""
        for one in self._of("refocus", time_s):
            share = (time_s - one.at_s) / REFOCUS_S
            if share < 1:
                soft = float(np.sin(np.pi * share)) * one.strength
                width, height = self._size
                zoom = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1 + BREATH * soft)
                frame = _image(
                    cv2.warpAffine(frame, zoom, self._size, borderMode=cv2.BORDER_REPLICATE)
                )
                sigma = max(3.0 * soft * width / 640, 0.3)
                frame = _image(cv2.GaussianBlur(frame, (0, 0), sigma))
        return frame

    def _quality(self, time_s: float) -> int | None:
        for one in self._of("keyframe pulse", time_s):
            # Quality falls from key frame to key frame and jumps back up.
            since = (time_s - one.at_s) % PULSE_S
            return int(max(70 - 55 * one.strength * since / PULSE_S, 8))
        return self._weather.jpeg

    def _of(self, kind: Trouble, time_s: float) -> list[Disturbance]:
        return [d for d in self._weather.disturbances if d.kind == kind and d.at_s <= time_s]


def coded(frame: Image, quality: int) -> Image:
    """Return a frame after JPEG coding."""
    _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _image(cv2.imdecode(data, cv2.IMREAD_COLOR))


def _image(values: object) -> Image:
    return np.asarray(values, dtype=np.uint8)
