"""Nothing is taken or put back when nobody handles anything, whatever the camera goes through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from aeras.lab.render.stage import ANGLES, Angle
from aeras.lab.render.tales import Span
from aeras.lab.render.weather import TROUBLES, Disturbance, Trouble
from aeras.lab.shelfscore import HANDLED
from aeras.lab.stories import Story, play, story
from aeras.perceive import Perception
from aeras.wiring.rig import Perceiver, Rig

FPS = 5.0
SIZE = (640, 360)
NUMBERS = {angle: 101 + place for place, angle in enumerate(ANGLES)}
"""One test story an angle."""


@pytest.fixture(scope="module")
def perception() -> Perception:
    return Perception()


def handled(
    one: Story, frames: Iterable[tuple[float, np.ndarray]], perception: Perceiver
) -> list[str]:
    """Takes and put backs the product tells of a story's frames."""
    shop = one.shop()
    found = play(Rig(shop, shop.cameras, perception), frames)
    return [
        f"{i.kind} {i.facing} {i.start_s:.1f}-{i.end_s:.1f}" for i in found if i.kind in HANDLED
    ]


def quiet(angle: Angle, *disturbances: Disturbance) -> Story:
    return story(NUMBERS[angle], kind="quiet", angle=angle, size=SIZE, disturbances=disturbances)


@pytest.mark.parametrize("angle", ["frontal", "oblique-50"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_troubled_camera_tells_nothing(
    trouble: Trouble, angle: Angle, perception: Perception
) -> None:
    one = quiet(angle, Disturbance(trouble, 5.0))
    assert handled(one, one.frames(FPS), perception) == []


@pytest.mark.parametrize("angle", ["frontal", "top-down"])
def test_light_that_comes_back_tells_nothing(angle: Angle, perception: Perception) -> None:
    one = quiet(angle, Disturbance("light switched", 4.0), Disturbance("light switched", 8.0, -1.6))
    assert handled(one, one.frames(FPS), perception) == []


@pytest.mark.parametrize("angle", ANGLES)
def test_a_cut_over_which_an_item_has_gone_tells_nothing(
    angle: Angle, perception: Perception
) -> None:
    one = quiet(angle)
    assert handled(one, _cut(one), perception) == []


def _cut(one: Story) -> Iterator[tuple[float, np.ndarray]]:
    """The stream is gone for two seconds; then one item is away, and nobody was seen."""
    unit = one.tale.units[0]
    unit.spans[:] = [Span(0.0, "stands", unit.spans[0].pose), Span(5.0, "away", unit.spans[0].pose)]
    for t_s, image in one.frames(FPS):
        if not 4.0 < t_s < 6.0:
            yield t_s, image


@pytest.mark.parametrize("angle", ANGLES)
def test_a_passing_person_tells_nothing(angle: Angle, perception: Perception) -> None:
    one = story(NUMBERS[angle], kind="pass-by", angle=angle, size=SIZE)
    assert handled(one, one.frames(FPS), perception) == []


@pytest.mark.parametrize("angle", ["oblique-30", "top-down"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_while_somebody_only_looks_tells_nothing(
    trouble: Trouble, angle: Angle, perception: Perception
) -> None:
    calm = story(NUMBERS[angle], kind="dwell", angle=angle, size=SIZE)
    (dwell,) = calm.tale.events
    one = story(NUMBERS[angle], kind="dwell", angle=angle, size=SIZE,
                disturbances=[Disturbance(trouble, dwell.from_s + 0.5)])  # fmt: skip
    assert handled(one, one.frames(FPS), perception) == []


def test_the_same_reader_does_tell_of_something_handled(perception: Perception) -> None:
    one = story(NUMBERS["oblique-30"], kind="inspect", angle="oblique-30", light="bright",
                size=SIZE)  # fmt: skip
    assert handled(one, one.frames(FPS), perception)
