from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from aeras import lab
from aeras.domain.seen import Frame, Image
from aeras.perceive import Perception

ACTORS = Path(lab.__file__).parent / "assets" / "actors"


@pytest.fixture
def actor() -> Callable[..., Image]:
    """Puts faces of nobody into a 640x360 picture: (name, height of the portrait) from the left."""

    def draw(*placed: tuple[str, int], size: tuple[int, int] = (640, 360)) -> Image:
        picture = np.full((size[1], size[0], 3), 90, dtype=np.uint8)
        left = 10
        for name, side in placed:
            portrait = cv2.imread(str(ACTORS / f"{name}.jpg"))
            assert portrait is not None, name
            small = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
            picture[10 : 10 + side, left : left + side] = small
            left += side + 10
        return picture

    return draw


@pytest.fixture(scope="session")
def perception() -> Perception:
    return Perception()


@pytest.fixture
def as_frame() -> Callable[[Image], Frame]:
    return lambda image: Frame("cam", datetime(2026, 5, 1, tzinfo=UTC), 0.0, image)
