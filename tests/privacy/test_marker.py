"""Tags are read however small the product says it can, and nothing else is taken for one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aeras.domain.shop import Vest
from aeras.domain.tags import OBJECTION_TAGS, STAFF_TAGS
from aeras.lab.staffbench import CONDITIONS, tag_on_cloth
from aeras.privacy.marker import READABLE_PX, TagReader, tag_image, vest_share

ALL = (*STAFF_TAGS, *OBJECTION_TAGS)


@pytest.mark.parametrize("name", [name for name in CONDITIONS if name != "softer"])
def test_a_tag_of_the_size_that_counts_as_readable_is_read_in_nearly_every_look(name):
    how, reader, read = CONDITIONS[name], TagReader(ALL), 0
    for number in range(30):
        rng = np.random.default_rng(number)
        side = READABLE_PX / np.cos(np.deg2rad(how["yaw"]))
        image, tag = tag_on_cloth(side, rng, **how)
        whole = (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))
        read += [one.id for one in reader.read(image, whole, READABLE_PX)] == [tag]
    assert read >= 29


def test_large_tags_are_read_too_and_found_where_they_are():
    image = np.full((900, 900, 3), 120, np.uint8)
    card = cv2.cvtColor(tag_image(STAFF_TAGS[0], 40), cv2.COLOR_GRAY2BGR)
    image[300:620, 400:720] = card
    (found,) = TagReader(ALL).read(image, (0.0, 0.0, 900.0, 900.0), 100.0)
    assert found.id == STAFF_TAGS[0]
    assert found.centre == pytest.approx((560, 460), abs=3)


def test_other_numbers_mirrored_tags_and_noise_are_none():
    image = np.full((400, 1600, 3), 150, np.uint8)
    for place, number in enumerate((0, 7, 33)):
        image[40:360, 40 + place * 380 : 360 + place * 380] = tag_image(number, 40)[:, :, None]
    image[40:360, 1180:1500] = tag_image(STAFF_TAGS[0], 40)[:, ::-1, None]
    reader = TagReader(ALL)
    assert reader.read(image, (0.0, 0.0, 1600.0, 400.0), 200.0) == []
    rng = np.random.default_rng(1)
    for grain in (1, 2, 4, 8):
        noise = rng.integers(0, 256, (300 // grain, 300 // grain, 3), dtype=np.uint8)
        noise = cv2.resize(noise, (300, 300), interpolation=cv2.INTER_NEAREST)
        assert reader.read(noise, (0.0, 0.0, 300.0, 300.0), 24.0) == []


def test_regions_beyond_the_picture_and_empty_ones_are_fine():
    image = np.zeros((60, 60, 3), np.uint8)
    reader = TagReader(ALL)
    for region in ((-50.0, -50.0, 500.0, 500.0), (70.0, 70.0, 90.0, 90.0), (5.0, 5.0, 5.0, 5.0)):
        assert reader.read(image, region, 24.0) == []
    assert TagReader(()).read(image, (0.0, 0.0, 60.0, 60.0), 24.0) == []


VEST = Vest((52.0, 90.0))


def painted(bgr) -> np.ndarray:
    image = np.random.default_rng(2).integers(0, 255, (120, 120, 3), dtype=np.uint8)
    image[30:90, 30:90] = bgr
    return image


CORE = (30.0, 30.0, 90.0, 90.0)


def test_the_colour_of_a_vest_is_told_from_others():
    assert vest_share(painted((60, 230, 210)), CORE, VEST) == pytest.approx(1.0)
    assert vest_share(painted((60, 60, 210)), CORE, VEST) == 0.0
    assert vest_share(painted((40, 40, 40)), CORE, VEST) in (0.0, None)
    red = Vest((340.0, 380.0))
    assert vest_share(painted((40, 40, 220)), CORE, red) == pytest.approx(1.0)


def test_where_colours_cannot_be_told_nothing_is_said():
    grey = cv2.cvtColor(
        cv2.cvtColor(painted((60, 230, 210)), cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR
    )
    dark = (painted((60, 230, 210)) * 0.08).astype(np.uint8)
    assert vest_share(grey, CORE, VEST) is None
    assert vest_share(dark, CORE, VEST) is None
    assert vest_share(painted((60, 230, 210)), (30.0, 30.0, 34.0, 34.0), VEST) is None
