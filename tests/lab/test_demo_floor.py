"""The demo's cameras share its map, as the site file that it writes says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from aeras.config import load_site
from aeras.lab.demo import FLOOR_PLAN, DemoOptions, site_file
from aeras.lab.demo_floor import floor_plan, on_map
from aeras.lab.render import RenderedDemo
from aeras.lab.render.scene import AISLE_CAMERA, SHELF_CAMERA, Camera
from aeras.shelf.floor import fit_floor

SHOPPERS = ((0.0, 1.5, 0.68), (0.84, 1.6, 1.02), (-0.5, 1.2, 0.7))


@pytest.mark.parametrize(("name", "camera"), [("aisle", AISLE_CAMERA), ("shelf", SHELF_CAMERA)])
def test_both_cameras_put_a_shopper_on_the_same_place(
    name: str, camera: Camera, tmp_path: Path
) -> None:
    videos = RenderedDemo(tmp_path / "a.mp4", tmp_path / "s.mp4", tmp_path / "t.json")
    for video in (videos.aisle, videos.shelf):
        video.touch()
    (tmp_path / FLOOR_PLAN).write_text(floor_plan())
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(site_file(videos, DemoOptions())))
    spec = next(c for c in load_site(path).shop.cameras if c.id == name)
    floor = fit_floor(spec.marks, spec.size, spec.lens)
    assert max(floor.errors.left_out) < 0.02  # what the calibration page shows
    pixels, depths = camera.project(SHOPPERS)
    places = floor.at_depth(pixels, depths)[:, :2]
    np.testing.assert_allclose(places, [on_map(place) for place in SHOPPERS], atol=0.02)
