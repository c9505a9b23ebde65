"""The measure of staff counts what it says: what is read or told of a visit spoils it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aeras.cli import app
from aeras.domain.errors import InputError
from aeras.domain.kept import Kind, Reaction
from aeras.domain.seen import Interaction
from aeras.domain.shop import Marks
from aeras.lab.blurbench import measure as measure_blur
from aeras.lab.render.tableau import Outfit
from aeras.lab.staffbench import (
    MARKS,
    Objections,
    Played,
    Player,
    StaffOptions,
    Visit,
    before_shelf,
    left_alone,
    measure,
    object_halfway,
    outfit,
)


def told(from_s: float, to_s: float) -> Interaction:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Interaction(
        Kind.TAKE, "f", None, None, from_s, to_s, 0, 1, Reaction(0, 0, 0, 1), False, 1, at
    )


def test_a_visit_is_spoilt_by_its_own_readings_and_by_what_is_told_of_its_time():
    visits = [
        Visit(0, 10, lambda _: (100.0, 100.0)),
        Visit(5, 15, lambda _: (500.0, 100.0)),
        Visit(20, 30, lambda _: (100.0, 100.0)),
    ]
    done = Played(reads=[(6.0, (480.0, 60.0, 540.0, 140.0))])
    assert left_alone(visits, done, 640) == [True, False, True]
    done = Played(told=[told(22, 23)])
    assert left_alone(visits, done, 640) == [True, True, False]


def test_staff_before_a_rendered_shelf_are_left_alone_and_undressed_they_are_not():
    scene, player = before_shelf(4, 16.0), Player()
    dressed = player.play(scene.shop(MARKS["tag"]), scene.frames(outfit("tag"), 0.0))
    assert all(left_alone(scene.visits, dressed, scene.shop(Marks()).cameras[0].size[0]))
    assert dressed.met_s
    assert dressed.alone
    plain = player.play(scene.shop(MARKS["tag"]), scene.frames(Outfit(), 0.0))
    assert plain.cleared_s
    assert plain.reads
    first_read, first_clear = plain.reads[0][0], min(plain.cleared_s.values())
    assert first_read > first_clear
    assert min(plain.met_s.values()) <= first_clear - 1.0


def test_who_puts_on_a_card_is_dropped_within_a_second_and_nothing_is_told_after():
    found = Objections()
    object_halfway(Player(), before_shelf(4, 16.0), found)
    assert found.tracks == 1
    assert max(found.delay_s) <= 1.0
    assert found.late == 0


def test_a_folder_without_clips_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no clip"):
        measure(StaffOptions(scenes=0, clips=tmp_path, tags=0))
    with pytest.raises(InputError, match="no video"):
        measure_blur(tmp_path)


def test_tags_are_printed_and_cards_need_a_number_of_their_own(tmp_path):
    run, path = CliRunner(), tmp_path / "tags.pdf"
    done = run.invoke(app, ["privacy", "marker", "--out", str(path), "--json"])
    assert done.exit_code == 0
    assert '"chest": 120.0' in done.output
    assert path.read_bytes().startswith(b"%PDF")
    assert path.read_bytes().count(b"/Type /Page\n") == 4
    same = run.invoke(app, ["privacy", "marker", "--tag", "7", "--card", "7"])
    assert isinstance(same.exception, InputError)
    nowhere = run.invoke(app, ["privacy", "marker", "--out", str(Path(tmp_path, "no", "x.pdf"))])
    assert isinstance(nowhere.exception, InputError)
