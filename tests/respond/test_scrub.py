from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeras.respond.scrub import EMAIL_MARK, LINK_MARK, NUMBER_MARK, scrub


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to a.b+c@mail.example.com please", f"write to {EMAIL_MARK} please"),
        ("jörg@müller.de", EMAIL_MARK),
        ("a @ b.com", EMAIL_MARK),
        ("call +49 (0)170 / 123 45 67!", f"call {NUMBER_MARK}!"),
        ("030-1234567", NUMBER_MARK),
        ("090\uff0d1234\uff0d5678 まで", f"{NUMBER_MARK} まで"),
        ("\uff10\uff19\uff10-\uff11\uff12\uff13\uff14-5678", NUMBER_MARK),
        ("4111 1111 1111 1111", NUMBER_MARK),
        ("see https://me.example/x?y=1 ok", f"see {LINK_MARK} ok"),
    ],
)
def test_ways_to_reach_a_person_are_removed(text, expected):
    assert scrub(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "3.99 is too much, 2.49 would do",
        "6 x 1.5 l for 3.49 EUR",
        "bought 2 of 12, 100 g",
        "味が薄いです。",
        "me @ home",
        "50% off!",
        "best before 22.11.",
    ],
)
def test_plain_remarks_stay_as_they_are(text):
    assert scrub(text) == text


def test_control_characters_go_and_line_breaks_stay():
    assert scrub("a\x00b\x1b[31m\r\nc\u202ed  e\t") == "ab[31m\ncd e"


@pytest.mark.parametrize("unit", ["a@", "1 ", "@.", "http://", "+1(", "a.b@c"])
def test_hostile_text_takes_no_time(unit):
    started = time.process_time()
    scrub((unit * 500)[:500])
    assert time.process_time() - started < 0.2


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_scrubbing_twice_changes_nothing(text):
    assert scrub(scrub(text)) == scrub(text)
