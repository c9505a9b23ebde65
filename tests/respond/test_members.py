from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from records import NOON

from aeras.domain.asking import NotAsked
from aeras.domain.errors import ConfigError, InputError
from aeras.respond.members import Members, MembersOptions, member_hash, rows_of_csv
from aeras.store.control import Control

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
OLD, NEW = "an old key of the site", "the new key of the site"
WHERE = {"text": "v2", "at": "2026-05-01T10:00:00+02:00", "source": "app"}


class Bench:
    def __init__(self, folder) -> None:
        self.book = Control(folder / "control.sqlite", hasher=QUICK)
        self.now = NOON
        self.path = folder / "control.sqlite"
        self.members = self.make()

    def make(self, *keys: str, **changes) -> Members:
        options = MembersOptions.model_validate({"secret": "${X}", "text": "v2"} | changes)
        keys = keys or (NEW,)
        return Members(
            options, keys, book=self.book, timezone="Europe/Berlin", clock=lambda: self.now
        )


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.book.close()


def row(member: str, **changes: str) -> dict[str, str]:
    return {"member": member, **WHERE, **changes}


def test_only_who_agreed_to_the_text_in_force_is_asked(bench):
    assert bench.members.add([row("4711"), row("4712", text="v1")]) == 2
    assert bench.members.ask("4713", "taste") is NotAsked.NO_CONSENT
    assert bench.members.ask("4712", "taste") is NotAsked.OLD_TEXT
    assert bench.members.ask(" 4711 ", "taste") == member_hash(NEW, "4711")


def test_no_membership_id_is_in_the_files_and_withdrawal_leaves_nothing(bench):
    bench.members.add([row("member-4711-xyz")])
    held = bench.members.ask("member-4711-xyz", "taste")
    bench.book.put_message(["app"], "survey.invitation", held, {"member": held}, at=NOON)
    for file in bench.path.parent.iterdir():
        assert b"4711" not in file.read_bytes()
    assert bench.members.remove("member-4711-xyz")
    assert not bench.members.remove("member-4711-xyz")
    assert bench.book.members() == 0
    assert bench.book.channel_counts() == {}
    assert bench.members.ask("member-4711-xyz", "taste") is NotAsked.NO_CONSENT


def test_cool_down_cap_and_quota(bench):
    members = bench.make(cool_down="1 d", cap=2, cap_window="30 d", quota=3, quota_window="30 d")
    members.add([row("a"), row("b"), row("c")])
    assert members.ask("a", "taste") == member_hash(NEW, "a")
    assert members.ask("a", "taste") is NotAsked.COOL_DOWN
    bench.now += timedelta(days=1)
    assert isinstance(members.ask("a", "taste"), str)
    bench.now += timedelta(days=1)
    assert members.ask("a", "taste") is NotAsked.CAP
    assert members.ask("b", "taste") == member_hash(NEW, "b")
    assert members.ask("c", "taste") is NotAsked.QUOTA
    assert members.ask("c", "price") == member_hash(NEW, "c")
    bench.now += timedelta(days=31)
    assert members.ask("a", "taste") == member_hash(NEW, "a")
    assert bench.book.forget_asks(bench.now) == 4


@pytest.mark.parametrize(
    ("at", "quiet"),
    [
        (datetime(2026, 7, 1, 18, 59, tzinfo=UTC), False),  # 20:59 in Berlin, summer
        (datetime(2026, 7, 1, 19, 0, tzinfo=UTC), True),
        (datetime(2026, 12, 1, 19, 30, tzinfo=UTC), False),  # 20:30, winter
        (datetime(2026, 12, 1, 20, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 29, 5, 59, tzinfo=UTC), True),  # 07:59 after the clocks went ahead
        (datetime(2026, 3, 29, 6, 0, tzinfo=UTC), False),
        (datetime(2026, 10, 25, 6, 30, tzinfo=UTC), True),  # 07:30 after they went back
        (datetime(2026, 10, 25, 7, 0, tzinfo=UTC), False),
    ],
)
def test_quiet_hours_go_by_the_clock_on_the_wall(bench, at, quiet):
    bench.members.add([row("a")])
    bench.now = at
    assert (bench.members.ask("a", "taste") is NotAsked.QUIET) == quiet
    if not quiet:
        assert at < bench.members.until_quiet(at) <= at + timedelta(hours=14)


def test_a_new_key_takes_over_member_by_member(bench):
    bench.make(OLD).add([row("a"), row("b")])
    rotated = bench.make(NEW, OLD)
    assert rotated.ask("a", "taste") == member_hash(NEW, "a")
    assert rotated.ask("a", "taste") is NotAsked.COOL_DOWN
    alone = bench.make(NEW)
    assert alone.ask("a", "taste") is NotAsked.COOL_DOWN
    assert alone.ask("b", "taste") is NotAsked.NO_CONSENT
    assert rotated.remove("b")


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (row("b", at="yesterday"), "row 2: 'yesterday' is no time"),
        (row("b", at="2026-05-01T10:00:00"), "row 2: .* has no offset"),
        (row("b", at="2031-01-01T00:00:00+00:00"), "row 2: .* lies in the future"),
        (row(" "), "row 2: a membership id of 0 characters"),
        (row("b", source=""), "row 2: text and source are needed"),
        ({"member": "b"}, "row 2 lacks 'at'"),
    ],
)
def test_one_wrong_row_stores_none(bench, bad, complaint):
    with pytest.raises(InputError, match=complaint):
        bench.members.add([row("a"), bad])
    assert bench.book.members() == 0


def test_an_older_consent_does_not_replace_a_newer_one(bench):
    bench.members.add([row("a")])
    bench.members.add([row("a", text="v1", at="2025-01-01T00:00:00+00:00")])
    assert isinstance(bench.members.ask("a", "taste"), str)


def test_a_csv_file_needs_its_columns_and_a_key_its_length(bench):
    text = "\ufeffmember,text,at,source\n4711,v2,2026-05-01T10:00:00+02:00,app\n"
    assert rows_of_csv(text, where="m.csv")[0]["member"] == "4711"
    with pytest.raises(InputError, match="lacks the columns at, source, text"):
        rows_of_csv("member\n1\n", where="m.csv")
    with pytest.raises(ConfigError, match="shorter than 16"):
        bench.make("short")
