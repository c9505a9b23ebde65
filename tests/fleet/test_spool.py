from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from records import event
from small_disks import fill

from aeras.domain.errors import StoreError
from aeras.fleet.clock import doubts, told
from aeras.fleet.spool import Spool, Stamp, read_clocks
from aeras.fleet.wire import unpack


def ids(spool: Spool, most: int = 100) -> list[str]:
    return [e.id for m in spool.next(most) for e in unpack(m.body, "corner")]


def test_events_come_in_order_and_the_same_messages_again_until_they_are_done(tmp_path):
    spool = Spool(tmp_path / "s", "corner")
    events = [event() for _ in range(1203)]
    for start in range(0, 1203, 3):
        spool.put(events[start : start + 3])
    first = spool.next(2)
    assert [m.events for m in first] == [498, 498]  # whole rows, as many as there is room for
    spool.put([event()])
    assert spool.next(2) == first
    assert ids(spool)[:1203] == [e.id for e in events]
    spool.done([first[0].n])
    assert spool.next(1) == [first[1]]
    assert spool.waiting == 1204 - 498
    spool.close()
    again = Spool(tmp_path / "s", "corner")
    assert again.next(1) == [first[1]]
    again.close()


def test_two_spools_never_use_the_same_name(tmp_path):
    names = set()
    for number in range(2):
        spool = Spool(tmp_path / str(number), "corner")
        spool.put([event()])
        names |= {m.name for m in spool.next(1)}
        spool.close()
    assert len(names) == 2


def test_a_full_spool_drops_the_oldest_and_counts_them(tmp_path):
    spool = Spool(tmp_path / "s", "corner", most_bytes=300_000)
    events = [event() for _ in range(4000)]
    for start in range(0, 4000, 50):
        spool.put(events[start : start + 50])
    assert spool.lost > 0
    assert spool.waiting + spool.lost == 4000
    assert ids(spool) == [e.id for e in events[spool.lost :]]
    assert (tmp_path / "s").stat().st_size < 400_000
    spool.close()


def test_a_set_clock_divides_messages_and_is_found_out_later(tmp_path):
    now = read_clocks()
    clock = [now]
    spool = Spool(tmp_path / "s", "corner", clocks=lambda: clock[0])
    spool.put([event()])
    clock[0] = replace(now, wall=now.wall + 3600, awake=now.awake + 1)
    spool.put([event()])
    clock[0] = replace(now, wall=now.wall + 10, awake=now.awake + 10)
    spool.put([event()])
    later = replace(now, wall=now.wall + 86_400, awake=now.awake + 86_400)
    reached = datetime.fromtimestamp(later.wall, UTC)
    found = [doubts(told(m.stamp, later), reached) for m in spool.next(9)]
    assert found == ["", "clock ahead", ""]
    spool.close()


def test_after_a_new_start_of_the_machine_the_clock_at_sending_counts(tmp_path):
    was, now = Stamp(1_000_000.0, 50.0, "a"), Stamp(1_400_000.0, 60.0, "b")

    def reached(seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC)

    assert doubts(told(was, now), reached(1_400_001)) == ""
    assert doubts(told(was, now), reached(1_403_601)) == "clock behind"
    assert doubts(None, reached(0)) == "no clock told"
    assert doubts("nan nan nan", reached(0)) != ""


def test_a_file_of_something_else_or_of_another_shop_is_one_clear_error(tmp_path):
    (tmp_path / "x").write_bytes(b"precious " * 1000)
    with pytest.raises(StoreError, match="is no spool of AERAS"):
        Spool(tmp_path / "x", "corner")
    assert (tmp_path / "x").read_bytes() == b"precious " * 1000
    Spool(tmp_path / "s", "corner").close()
    with pytest.raises(StoreError, match="holds events of the shop 'corner'"):
        Spool(tmp_path / "s", "other")
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600


PUT_UNTIL_KILLED = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from records import event
    from aeras.fleet.spool import Spool
    spool = Spool(Path(sys.argv[1]), "corner")
    for number in range(100_000):
        spool.put([event(), event(), event()])
        print(number, flush=True)
"""


def test_what_was_put_survives_a_kill(tmp_path):
    support = Path(__file__).parents[1] / "support"
    command = [sys.executable, "-c", textwrap.dedent(PUT_UNTIL_KILLED), str(tmp_path / "s")]
    with subprocess.Popen([*command, str(support)], stdout=subprocess.PIPE, text=True) as writer:
        told_of = [writer.stdout.readline() for _ in range(40)]
        writer.kill()
        told_of += writer.stdout.read().split("\n")[:-1]
    spool = Spool(tmp_path / "s", "corner")
    assert len(told_of) * 3 <= spool.waiting <= (len(told_of) + 1) * 3
    assert len(ids(spool)) == spool.waiting
    spool.close()


def put_for_ever(spool: Spool) -> Iterator[int]:
    while True:
        spool.put([event() for _ in range(100)])
        yield 100


def test_a_full_disk_loses_nothing_that_was_put(small_disk):
    spool = Spool(small_disk / "s", "corner")
    ballast = fill(small_disk, 300_000)
    stored: list[int] = []
    with pytest.raises(StoreError, match="the disk is full"):
        stored.extend(put_for_ever(spool))
    assert spool.waiting == sum(stored)
    with pytest.raises(StoreError, match="the disk is full"):
        spool.put([event() for _ in range(500)])
    ballast.unlink()
    spool.put([event()])
    assert len(ids(spool)) == sum(stored) + 1
    spool.close()


def test_a_damaged_spool_is_one_clear_error(tmp_path):
    spool = Spool(tmp_path / "s", "corner")
    spool.put([event()])
    spool.close()
    with sqlite3.connect(tmp_path / "s") as con:
        con.execute("DROP TABLE about")
    con.close()
    Spool(tmp_path / "s", "corner").close()  # its name is new, its events are there
