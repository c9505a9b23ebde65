"""What was done before bears on how an interaction reads."""

from __future__ import annotations

from dataclasses import replace

from handled import HELD

from aeras.domain.kept import Kind
from aeras.domain.seen import Interaction
from aeras.shelf.faces import FaceLog
from aeras.shelf.react import Reactor


def put_back(at_s: float, item: str = "tea", *, hold_s: float = 6.0, visit: int = 1) -> Interaction:
    return replace(
        HELD,
        facing=item,
        item=item,
        start_s=at_s,
        end_s=at_s + 0.3,
        hold_s=hold_s,
        visit=visit,
    )


def dwell(from_s: float, to_s: float, visit: int = 1) -> Interaction:
    return replace(
        HELD, kind=Kind.DWELL, item=None, start_s=from_s, end_s=to_s, hold_s=0.0, visit=visit
    )


def reasons(*found: Interaction) -> tuple[str, ...]:
    """Reasons of the last of several interactions."""
    reactor = Reactor(FaceLog())
    read = [reactor.react(one, one.end_s + 1) for one in found]
    return read[-1].reaction.reasons


def test_taken_up_again_soon_after_is_a_second_thought() -> None:
    assert "taken_again" in reasons(put_back(10), put_back(30))
    assert "taken_again" not in reasons(put_back(10), put_back(90))
    assert "taken_again" not in reasons(put_back(10), put_back(30, "coffee"))


def test_a_take_begins_with_its_contact_not_with_the_hold_that_follows() -> None:
    again = replace(put_back(12), kind=Kind.TAKE, outcome=True, hold_s=10.0)
    assert "taken_again" in reasons(put_back(10), again)


def test_back_and_forth_between_two_items_is_more_than_a_change() -> None:
    once = reasons(put_back(10), put_back(20, "coffee"))
    often = reasons(*(put_back(10.0 * n, "tea" if n % 2 else "coffee") for n in range(1, 5)))
    assert "compared" in once
    assert "alternated" in often
    assert "compared" not in often


def test_one_item_held_for_long_is_reading() -> None:
    assert "read_label" in reasons(put_back(30, hold_s=20))


def test_who_left_and_returned_came_back() -> None:
    assert "came_back" in reasons(dwell(0, 5), put_back(20))
    assert "came_back" in reasons(dwell(0, 5), dwell(15, 20))
    assert "came_back" not in reasons(dwell(0, 5), dwell(6, 9))  # a gap in the tracking
    assert "came_back" not in reasons(dwell(0, 5), put_back(20, visit=2))


def test_another_visit_has_no_part_in_it() -> None:
    assert reasons(put_back(10, visit=1), put_back(30, visit=2)) == reasons(put_back(30, visit=2))


def test_shorter_than_this_item_usually_is() -> None:
    usual = [put_back(100.0 * n, hold_s=9.0 + n % 3, visit=n) for n in range(2, 40)]
    assert "shorter_than_usual" in reasons(*usual, put_back(5000, hold_s=5.0, visit=99))
    assert "shorter_than_usual" not in reasons(*usual, put_back(5000, hold_s=9.5, visit=99))


def test_who_handled_something_did_not_just_come_and_go() -> None:
    reactor = Reactor(FaceLog())
    reactor.react(put_back(10), 11)
    read = reactor.react(dwell(5, 12), 13, moves=frozenset({"came_and_went"}))
    assert "came_and_went" not in read.reaction.reasons
