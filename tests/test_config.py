from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aeras.config import load_site, read_site
from aeras.domain.errors import ConfigError
from aeras.domain.shop import CameraRole
from aeras.shelf.planogram import versions_of

SMALLEST = """\
site: {name: Corner Shop, timezone: Europe/Berlin}
privacy: {profile: behaviour-only}
items:
  - {id: oat-milk, name: Oat milk 1 l, gtin: "4006381333931", category: drinks}
cameras:
  - {id: aisle-1, source: "rtsp://camera.local/stream", role: aisle, size: [640, 480]}
fixtures:
  - id: drinks-shelf
    camera: aisle-1
    polygon: [[306, 258], [464, 256], [532, 400], [331, 450]]
    facings:
      - {id: drinks-1, item: oat-milk, polygon: [[308, 319], [345, 319], [345, 333], [308, 333]]}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "site.yaml"
        path.write_text(text)
        return path

    return write


def test_the_smallest_useful_file_has_documented_defaults(write):
    site = load_site(write(SMALLEST))
    assert site.shop.id == "corner-shop"
    assert site.shop.camera("aisle-1").role is CameraRole.AISLE
    assert site.shop.camera("aisle-1").fps == 5
    assert site.shop.fixture("drinks-shelf").facings[0].item == "oat-milk"
    assert site.privacy.k == 10
    assert site.privacy.time_grain == timedelta(minutes=15)
    assert site.data == site.path.parent / "data"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('gtin: "4006381333931"', 'gtin: "4006381333932"', 4, ["not a GTIN", "check digit"]),
        ("item: oat-milk", "item: oat-mlk", 12, ["unknown item", "did you mean 'oat-milk'"]),
        ("[331, 450]", "[331, 950]", 10, ["[331, 950]", "off the picture", "640 x 480"]),
        ("[345, 319]", "[945, 319]", 12, ["[945, 319]", "off the picture"]),
        ("role: aisle", "role: ailse", 6, ["'shelf' or 'aisle'"]),
        ("camera: aisle-1", "camera: aisle-9", 9, ["unknown camera 'aisle-9'", "did you mean"]),
        ("camera: aisle-1", "camra: aisle-1", 9, ["unknown key", "did you mean 'camera'"]),
        ("site: {", "hub: {prt: 4222}\nsite: {", 1, ["unknown key", "did you mean 'port'"]),
        ("Europe/Berlin", "Europe/Berln", 1, ["not a time zone", "did you mean 'Europe/Berlin'"]),
        ("rtsp://", "rtsp://me:secret@", 6, ["password", "${NAME}"]),
        ("rtsp://", "rtsp://me:${AERAS_NO_SUCH}@", 6, ["AERAS_NO_SUCH", "not set"]),
        ("[464, 256], [532, 400]", "[532, 400], [464, 256]", 10, ["edges cross"]),
        ("size: [640, 480]", "size: 640", 6, ["cameras.0.size"]),
        ("site: {", "site: {{", 2, ["not valid YAML"]),
        ("name: Corner Shop, ", "", 1, ["'site.name' is missing"]),
        ("behaviour-only}", "behaviour-only, k: 1}", 2, ["privacy.k", "greater than"]),
    ],
)
def test_a_mistake_is_one_line_with_its_place(write, old, new, line, words):
    path = write(SMALLEST.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    assert caught.value.where == f"{path}:{line}"
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "row"),
    [
        ("items:", "  - {id: oat-milk, name: Twice}"),
        ("cameras:", "  - {id: aisle-1, source: '0', role: shelf, size: [640, 480]}"),
        ("fixtures:", "  - {id: drinks-shelf}"),
        ("    facings:", "      - {id: drinks-1, polygon: [[1, 1], [9, 1], [9, 9]]}"),
    ],
)
def test_duplicate_ids_are_refused(write, section, row):
    path = write(SMALLEST.replace(section, f"{section}\n{row}", 1))
    with pytest.raises(ConfigError, match="used twice"):
        load_site(path)


def test_check_lists_every_problem(write):
    text = SMALLEST.replace("item: oat-milk", "item: nope").replace("[331, 450]", "[331, 950]")
    _, problems = read_site(write(text))
    assert len(problems) == 2


def test_the_first_error_says_how_many_more_there_are(write):
    text = SMALLEST.replace("item: oat-milk", "item: nope").replace("[331, 450]", "[331, 950]")
    with pytest.raises(ConfigError, match=r"1 more: run aeras check"):
        load_site(write(text))


def test_a_password_comes_from_the_environment(write, monkeypatch):
    monkeypatch.setenv("CAM_PASSWORD", "s3cret")
    site = load_site(write(SMALLEST.replace("rtsp://", "rtsp://me:${CAM_PASSWORD}@")))
    assert site.shop.cameras[0].source == "rtsp://me:s3cret@camera.local/stream"


def test_items_may_come_from_a_spreadsheet(write, tmp_path):
    (tmp_path / "items.csv").write_text("\ufeffid,name,price\noat-milk,Oat milk,1.99\n")
    text = SMALLEST.replace(SMALLEST.splitlines()[3], "")
    site = load_site(write(text.replace("items:\n", "items_file: items.csv\n")))
    assert site.shop.item("oat-milk").price == 199


def test_a_bad_row_of_the_spreadsheet_is_named(write, tmp_path):
    (tmp_path / "items.csv").write_text("id,name,gtin\noat-milk,Oat milk,123\n")
    text = SMALLEST.replace(SMALLEST.splitlines()[3], "")
    with pytest.raises(ConfigError, match=r"items.csv:2: gtin: '123' is not a GTIN"):
        load_site(write(text.replace("items:\n", "items_file: items.csv\n")))


@pytest.mark.parametrize("grain", ["0 s", "30 s", "7 h", "2 d"])
def test_a_time_grain_that_cuts_no_day_evenly_is_refused(write, grain):
    site = f"site: {{name: Shop}}\nprivacy: {{time_grain: {grain}}}\n"
    with pytest.raises(ConfigError, match=r"site.yaml:2.*does not divide a day"):
        load_site(write(site))


@pytest.mark.parametrize("text", ["", "[]", "just words"])
def test_an_empty_file_is_refused(write, text):
    with pytest.raises(ConfigError, match="aeras init"):
        load_site(write(text))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such site file"):
        load_site(tmp_path / "none.yaml")


def test_facings_without_a_place_are_laid_out_along_their_fixture(write):
    text = SMALLEST.replace("camera: aisle-1\n", "camera: aisle-1\n    on_map: [0, 0, 4, 1]\n")
    extra = "      - {id: drinks-2, polygon: [[350, 319], [360, 319], [360, 333]]}\n"
    facings = load_site(write(text + extra)).shop.fixtures[0].facings
    assert [f.on_map for f in facings] == [(0, 0, 2, 1), (2, 0, 4, 1)]


CALIBRATED = (
    SMALLEST.replace(
        "size: [640, 480]}",
        "size: [640, 480],\n     floor: {size: [640, 480], "
        "points: [[60, 200, 1, 1], [580, 210, 4, 1], "
        "[600, 440, 3.5, 3], [40, 450, 1.5, 3]]}}",
    )
    + "map: {size: [10, 6]}\n"
)


def test_a_calibrated_camera_carries_its_marks(write):
    camera = load_site(write(CALIBRATED)).shop.camera("aisle-1")
    assert len(camera.marks) == 4
    assert camera.marks[1].place == (4, 1)
    assert camera.lens is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("floor: {size: [640, 480]", "floor: {size: [1280, 960]", ["calibrated at 1280 x 960",
                                                                  "calibrate it again"]),
        ("[580, 210, 4, 1], ", "", ["3 pairs of points", "camera aisle-1"]),
        ("[580, 210, 4, 1]", "[580, 210, 14, 1]", ["point 2", "off the map", "10 x 6 m"]),
        ("[580, 210, 4, 1]", "[61, 201, 4, 1]", ["points 1 and 2 are the same place twice"]),
        ("map: {size: [10, 6]}", "", ["no map", "map.size"]),
        ("size: [640, 480],\n", "size: [640, 480], staff: [[[0,0],[10,10],[10,0],[0,10]]],\n",
         ["edges cross"]),
    ],
)  # fmt: skip
def test_a_calibration_that_cannot_hold_is_refused(write, old, new, words):
    text = CALIBRATED.replace(old, new)
    assert text != CALIBRATED
    _, found = read_site(write(text))
    assert len(found) == 1
    for word in words:
        assert word in str(found[0])


PLANNED = SMALLEST.replace("item: oat-milk, ", "") + "planogram_file: planogram.csv\n"


def test_the_planogram_of_the_moment_says_what_stands_where(write):
    path = write(PLANNED)
    path.with_name("planogram.csv").write_text(
        "version,valid_from,valid_to,facing,item\n"
        "old,,2026-03-01,drinks-1,\nnew,2026-03-01,,drinks-1,oat-milk\n"
    )
    before = load_site(path, datetime(2026, 2, 1, tzinfo=UTC))
    after = before.at(datetime(2026, 4, 1, tzinfo=UTC))
    assert [s.shop.planogram for s in (before, after)] == ["old", "new"]
    assert [s.shop.fixtures[0].facings[0].item for s in (before, after)] == [None, "oat-milk"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("a,2026-01-01,,drinks-9,oat-milk", ["planogram.csv:2", "no facing 'drinks-9'"]),
        ("a,2999-01-01,,drinks-1,oat-milk", ["no version", "valid at", "aeras planogram import"]),
    ],
)
def test_a_planogram_that_cannot_hold_is_refused(write, rows, words):
    path = write(PLANNED)
    path.with_name("planogram.csv").write_text(f"version,valid_from,valid_to,facing,item\n{rows}\n")
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    for word in words:
        assert word in str(caught.value)


def test_items_stand_in_one_place_only(write):
    path = write(SMALLEST + "planogram_file: planogram.csv\n")
    path.with_name("planogram.csv").write_text("version,facing,item\n1,drinks-1,oat-milk\n")
    _, found = read_site(path)
    assert "remove one of them" in str(found[0])


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{id: r, mode: rate, threshold: 3}", "threshold, which mode rate does not know"),
        ("{id: r, margin: 1.2}", "margin, which mode count does not know"),
        ("{id: r, mode: rate, window: 2 h}", "a rate needs a window of 1 d or more"),
        ("{id: r, mode: rate, window: 60 d}", "looks back further than events are kept"),
        ("{id: r, mode: rate, margin: 0.5}", "greater than or equal to 1"),
        ("{id: r, mode: rate, measure: mood}", "rejection"),
    ],
)
def test_a_rate_rule_that_cannot_work_is_refused(tmp_path, rule, said):
    path = tmp_path / "site.yaml"
    path.write_text(f"site: {{name: Shop}}\ntriggers:\n  - {rule}\n")
    with pytest.raises(ConfigError, match=said) as caught:
        load_site(path)
    assert caught.value.where == f"{path}:3"


def test_a_rate_rule_looks_back_four_weeks_unless_told_otherwise(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("site: {name: Shop}\ntriggers:\n  - {id: a, mode: rate}\n  - {id: b}\n")
    assert [t.window for t in load_site(path).triggers] == [timedelta(days=28), timedelta(hours=2)]


def test_a_planogram_is_worked_out_once_however_often_the_site_is_loaded(write, monkeypatch):
    asked = []

    def counted(*given):
        asked.append(given)
        return versions_of(*given)

    monkeypatch.setattr("aeras.config.versions_of", counted)
    path = write(PLANNED)
    plan = path.with_name("planogram.csv")
    plan.write_text("version,facing,item\nonce,drinks-1,oat-milk\n")
    assert load_site(path).shop.planogram == load_site(path).shop.planogram == "once"
    assert len(asked) == 1
    plan.write_text("version,facing,item\ntwice,drinks-1,oat-milk\n")
    assert load_site(path).shop.planogram == "twice"
