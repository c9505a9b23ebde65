"""What the calibration page writes: only what was drawn, whole or not at all."""

from __future__ import annotations

import difflib
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aeras.config import load_site
from aeras.domain.errors import ConfigError, InputError
from aeras.domain.site_desk import ConflictError, Draft, DraftFacing, DraftFixture
from aeras.lab.render.scene import Camera
from aeras.wiring.scaffold import EXAMPLE
from aeras.wiring.sitedesk import SiteFileDesk

NOW = datetime(2026, 4, 1, tzinfo=UTC)
EMPTY = """\
# My shop, written by hand.
site: {name: Corner, timezone: Europe/Berlin}

items:      # two so far
  - {id: tea, name: Tea}
  - {id: milk, name: Milk}
cameras:
  - {id: cam, source: "0", role: aisle, size: [640, 480]}   # over the door
"""
CAMERA = Camera((2.5, 2.8, 5.5), (2.4, 0.3, 2.2), 0.8, (640, 480))
POINTS = tuple(
    (*(round(v, 1) for v in CAMERA.pixel((x, 0, y))[:2]), x, y)
    for x, y in ((1.2, 1.0), (4.0, 1.2), (3.4, 3.0), (1.6, 2.8), (2.5, 1.8))
)
SQUARE = ((100.0, 100.0), (300.0, 100.0), (300.0, 300.0), (100.0, 300.0))
SLOT = ((120.0, 120.0), (180.0, 120.0), (180.0, 200.0), (120.0, 200.0))
DRAFT = Draft(
    points=POINTS,
    staff=(((500.0, 0.0), (640.0, 0.0), (640.0, 90.0)),),
    fixtures=(
        DraftFixture(
            "shelf", "Tea shelf", SQUARE, (1, 1, 3, 1.5), (DraftFacing("s1", SLOT, "tea"),)
        ),
    ),
    map_size=(5, 4),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(EMPTY)
    return file


def desk(path: Path, **more) -> SiteFileDesk:
    return SiteFileDesk(path, clock=lambda: NOW, **more)


def save(desk: SiteFileDesk, draft: Draft, camera: str = "cam"):
    return desk.save(camera, draft, desk.open(camera).revision, "ann")


def test_an_empty_camera_is_drawn_and_loads(path: Path) -> None:
    told: list[tuple[str, str]] = []
    one = desk(path, reload=lambda: ["cam"], stream=lambda _: (1280, 960),
               changed=lambda *what: told.append(what))  # fmt: skip
    saved = save(one, DRAFT)
    assert saved.restarting == ("cam",)
    assert told == [("ann", "calibration of cam")]
    shop = load_site(path).shop
    camera = shop.camera("cam")
    assert camera.marks[0].place == (1.2, 1)
    assert camera.calibrated_on == (1280, 960)
    assert shop.fixture("shelf").facings[0].item == "tea"
    assert shop.map_size == (5, 4)
    again = one.open("cam")
    assert again.revision == saved.revision
    assert again.draft.fixtures == tuple(
        replace(f, was=f.id, facings=tuple(replace(g, was=g.id) for g in f.facings))
        for f in DRAFT.fixtures
    )
    assert again.draft.staff == DRAFT.staff
    text = path.read_text()
    for kept in ("# My shop, written by hand.", "# two so far", "# over the door"):
        assert kept in text
    assert path.with_name("site.yaml.bak").read_text() == EMPTY


def test_a_comment_that_belongs_to_what_follows_stays_there(path: Path) -> None:
    path.write_text(EMPTY + "\n# the server\nserver: {port: 0}\n")
    save(desk(path), DRAFT)
    assert "\n# the server\nserver: {port: 0}\n" in path.read_text()
    assert len(load_site(path).shop.camera("cam").marks) == len(POINTS)


def test_a_save_changes_only_the_lines_of_what_was_dragged(path: Path) -> None:
    path.write_text(EXAMPLE)
    one = desk(path)
    draft = one.open("aisle-1").draft
    assert one.check("aisle-1", draft).problems == ()
    save(one, draft, "aisle-1")
    assert path.read_text() == EXAMPLE
    first = draft.fixtures[0]
    moved = replace(first.facings[1], polygon=((440.0, 150.0), *first.facings[1].polygon[1:]))
    save(
        one,
        replace(draft, fixtures=(replace(first, facings=(first.facings[0], moved)),)),
        "aisle-1",
    )
    changed = [
        line
        for line in difflib.ndiff(EXAMPLE.splitlines(), path.read_text().splitlines())
        if line[0] in "+-"
    ]
    assert len(changed) == 2
    assert "[440, 150]" in changed[1]


def test_what_is_taken_away_is_removed(path: Path) -> None:
    one = desk(path)
    save(one, DRAFT)
    save(one, Draft())
    camera = load_site(path).shop.camera("cam")
    assert camera.marks == ()
    assert camera.staff == ()
    assert load_site(path).shop.fixtures == ()
    assert "over the door" in path.read_text()


def test_a_fixture_and_a_facing_can_be_renamed(path: Path) -> None:
    one = desk(path)
    save(one, DRAFT)
    fixture = one.open("cam").draft.fixtures[0]
    facing = replace(fixture.facings[0], id="on")  # which YAML would read as true
    save(one, replace(DRAFT, fixtures=(replace(fixture, id="7", name="", facings=(facing,)),)))
    shop = load_site(path).shop
    assert [f.id for f in shop.fixtures] == ["7"]
    assert shop.fixtures[0].facings[0].id == "on"


def test_a_file_that_was_edited_meanwhile_is_left_alone(path: Path) -> None:
    one = desk(path)
    revision = one.open("cam").revision
    path.write_text(EMPTY + "# edited\n")
    with pytest.raises(ConflictError, match="changed since this page was loaded; nothing was"):
        one.save("cam", DRAFT, revision, "ann")
    assert path.read_text() == EMPTY + "# edited\n"


def test_a_folder_that_cannot_be_written_loses_nothing(path: Path, monkeypatch) -> None:
    one = desk(path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aeras.wiring.sitefile.os.fsync", full)
    with pytest.raises(ConfigError, match="No space left on device; the old file is unchanged"):
        save(one, DRAFT)
    assert path.read_text() == EMPTY
    assert [p.name for p in path.parent.iterdir()] == ["site.yaml"]


def test_the_file_s_rights_stay(path: Path) -> None:
    path.chmod(0o640)
    save(desk(path), DRAFT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def facing(polygon, item="tea", name="s1"):
    fixture = replace(DRAFT.fixtures[0], facings=(DraftFacing(name, polygon, item),))
    return replace(DRAFT, fixtures=(fixture,))


@pytest.mark.parametrize(
    ("draft", "at", "says"),
    [
        (facing(((1.0, 1.0), (9.0, 9.0), (9.0, 1.0), (1.0, 9.0))),
         ("fixtures", 0, "facings", 0, "polygon"), "edges cross"),
        (facing(((600.0, 1.0), (700.0, 1.0), (700.0, 9.0))),
         ("fixtures", 0, "facings", 0, "polygon"), "off the picture of camera 'cam'"),
        (facing(SLOT, item="coffee"), ("fixtures", 0, "facings", 0, "item"), "unknown item"),
        (facing(SLOT, name="no spaces"), ("fixtures", 0, "facings", 0, "id"), "is not an id"),
        (replace(DRAFT, points=POINTS[:3]), ("points",), "3 pairs of points"),
        (replace(DRAFT, points=(*POINTS[:4], POINTS[0])), ("points",), "same place twice"),
        (replace(DRAFT, points=(*POINTS[:4], (300, 300, 50, 1))), ("points", 4), "off the map"),
        (replace(DRAFT, map_size=None), (), "no map"),
    ],
)  # fmt: skip
def test_what_cannot_be_saved_says_where_it_is(path: Path, draft: Draft, at: tuple, says: str):
    one = desk(path)
    problems = one.check("cam", draft).problems
    assert [p.at[: len(at)] for p in problems] == [at]
    assert says in problems[0].what
    with pytest.raises(InputError, match=says):
        save(one, draft)
    assert path.read_text() == EMPTY


def test_points_are_judged_in_metres(path: Path) -> None:
    figures = desk(path).check("cam", DRAFT).floor
    assert figures
    assert figures.left_out
    assert len(figures.errors) == len(POINTS)
    assert figures.mean_m <= figures.max_m < 0.02
    assert figures.place == pytest.approx((2.5, 5.5, 2.8), abs=0.1)
    assert len(figures.seen) >= 4


def test_a_camera_that_does_not_exist_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match="no camera 'nope'"):
        desk(path).open("nope")


def test_a_floor_plan_is_made_anew_only_when_it_or_the_site_file_changed(path: Path) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 5 4"><text>{}</text></svg>'
    drawn = path.with_name("plan.svg")
    drawn.write_text(svg.format("old"))
    path.write_text(EMPTY + "map: {size: [5, 4], image: plan.svg}\n")
    one = desk(path)
    first = one.plan_image()
    assert first is not None
    assert b"old" in first[0]
    assert one.plan_image() is first
    drawn.write_text(svg.format("newer"))
    again = one.plan_image()
    assert again is not None
    assert b"newer" in again[0]
    drawn.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        one.plan_image()
    path.write_text(EMPTY)
    assert one.plan_image() is None


NEW = "version,valid_from,valid_to,facing,item\nspring,2026-05-01,,s1,milk\n"


def test_the_first_import_keeps_what_stood_in_the_site_file(path: Path) -> None:
    one = desk(path)
    save(one, DRAFT)
    done = one.import_planogram(NEW, "new.csv", "ann")
    assert done.faults == ()
    assert done.added == ("spring",)
    assert [(v.id, v.state) for v in one.planograms()] == [("1", "valid"), ("spring", "coming")]
    (change,) = one.compare("1", "spring")
    assert (change.facing, change.before, change.after) == ("s1", "tea", "milk")
    assert "item: tea" not in path.read_text()
    before, after = load_site(path, NOW), load_site(path, datetime(2026, 6, 1, tzinfo=UTC))
    assert [s.shop.planogram for s in (before, after)] == ["1", "spring"]
    assert [s.shop.fixtures[0].facings[0].item for s in (before, after)] == ["tea", "milk"]
    assert one.export_planogram("csv").startswith("version,valid_from")
    assert one.import_planogram(one.export_planogram("json"), "same.json", "ann").added == ()


def test_an_import_with_a_fault_writes_nothing(path: Path) -> None:
    one = desk(path)
    save(one, DRAFT)
    text = path.read_text()
    done = one.import_planogram(NEW.replace("milk", "coffee"), "new.csv", "ann")
    assert done.faults == ("new.csv:2: the site has no item 'coffee'",)
    assert path.read_text() == text
    assert not path.with_name("planogram.csv").exists()
