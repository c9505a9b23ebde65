# ruff: noqa: RUF001 - Cyrillic on purpose
from __future__ import annotations

import csv

import pytest

from aeras.respond.defence import Mark, Repeats, gibberish, marks_of, straight


@pytest.mark.parametrize(
    "text",
    [
        *("asdfghjkl", "qwertz", "aaaaaaaa", "lololololol", "sdfkjhsdfkjh", "xcvbnm xcvbnm"),
        *("hjkl hjkl asdf", "dfgkjdfg lkjdfg", "йцукен", "ааааааа", "123456789", "がががががが"),
    ],
)
def test_what_is_no_text_is_marked(text):
    assert gibberish(text)


@pytest.mark.parametrize(
    "text",
    [
        *("too sweet", "ok", "", "!!!!!!", "strč prst skrz krk", "Schlechtschmeckend", "rhythm"),
        *("甘すぎる", "ไม่อร่อย", "לא טעים", "слишком сладко", "Zu teuer für 500 g", "haha zu teuer"),
    ],
)
def test_what_may_be_text_is_not(text):
    assert not gibberish(text)


@pytest.mark.shared
def test_of_real_sentences_in_five_languages_next_to_none_is_marked(shared):
    with (shared / "data" / "text" / "multilingual.csv").open(encoding="utf-8") as lines:
        texts = [row["text"] for row in csv.DictReader(lines)]
    assert len(texts) > 1000
    assert sum(map(gibberish, texts)) <= len(texts) / 200


def test_scales_that_all_got_the_same_are_marked_from_three_on():
    assert straight([3, 3, 3])
    assert not straight([3, 3])
    assert not straight([3, 3, 4])


def test_marks_are_told_apart():
    plain = {"age_s": 30.0, "trap": "", "repeated": False, "scales": [1, 2, 3], "text": "too dry"}
    assert marks_of(**plain) == ()
    assert marks_of(**plain | {"age_s": 0.5}) == (Mark.FAST,)
    assert marks_of(**plain | {"age_s": None, "trap": "http://x"}) == (Mark.TRAP,)
    assert marks_of(**plain | {"repeated": True, "text": "asdfasdf"}) == (
        Mark.REPEAT,
        Mark.GIBBERISH,
    )


def test_repeats_are_counted_by_browser_and_item_within_an_hour():
    now = [0.0]
    repeats = Repeats(lambda: now[0], most=2)
    assert [repeats.again("phone", "gum") for _ in range(4)] == [False, False, True, True]
    assert not repeats.again("phone", "cola")
    assert not repeats.again("other", "gum")
    assert not repeats.again("", "gum")
    now[0] = 3601
    assert not repeats.again("phone", "gum")
