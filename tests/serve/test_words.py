from __future__ import annotations

import re
import string
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest

from aeras.serve import render
from aeras.serve import words as words_room
from aeras.serve.schemas import LiveOut
from aeras.serve.words import CATALOGUES, LANGUAGES, PARTS, Words, choose
from tests.serve.fake import NOW

STATIC = Path(render.__file__).parent / "static/js"


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def module(part: str, language: str) -> dict[str, str]:
    words: dict[str, str] = import_module(f"{words_room.__name__}.{part}{language}").WORDS
    return words


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("part", PARTS)
def test_every_language_has_every_word_with_the_same_gaps(part: str, language: str):
    english, other = module(part, "en"), module(part, language)
    assert set(other) == set(english)
    for key, text in english.items():
        assert fields(other[key]) == fields(text), key


def test_every_module_of_words_is_read():
    folder = Path(words_room.__file__).parent
    found = {path.stem for path in folder.glob("*_en.py")}
    assert {name.removesuffix("en") for name in found} <= set(PARTS)


def test_no_word_stands_in_two_modules():
    keys = [key for part in PARTS for key in module(part, "en")]
    assert sorted({key for key in keys if keys.count(key) > 1}) == []


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_no_sentence_was_left_in_english(language: str):
    """Long texts that are the same in two languages were not translated."""
    same = [
        key
        for key, text in CATALOGUES["en"].items()
        if CATALOGUES[language][key] == text and len(text) > 24 and " " in text
    ]
    assert same == []


def test_scripts_find_their_words():
    known = {key[3:] for key in CATALOGUES["en"] if key.startswith("js.")}
    for path in STATIC.glob("*.js"):
        for key in re.findall(r'\bt\("([\w.]+)"', path.read_text(encoding="utf-8")):
            assert key in known, f"{path.name}: {key}"


@pytest.mark.parametrize("language", sorted(CATALOGUES))
def test_nobody_is_said_to_feel_anything(language: str):
    inner = re.compile(
        r"\b(feel|feels|felt|feeling|emotion\w*|angry|happy|sad|disgust\w*|fühl\w*|gefühl\w*|"
        r"wütend|glücklich|traurig|emotional\w*|siente\w*|sinti\w+|emoci\w+|feliz|triste|enfad\w+)\b"
        "|感情|気持ち|怒|悲し|嬉し",
        re.IGNORECASE,
    )
    for key, text in CATALOGUES[language].items():
        assert not inner.search(text), key
    for template in render.TEMPLATES.glob("*.html"):
        assert not inner.search(re.sub(r"\{.*?\}", "", template.read_text("utf-8"))), template.name


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("fr,en;q=0.4,de;q=0.6", "de"),
        ("ja", "en"),
        ("", "en"),
        ("*", "en"),
        (";;q=,;q=x,de", "de"),
    ],
)
def test_the_reader_s_language_is_chosen(accept: str, expected: str):
    assert choose(accept, ("en", "de")) == expected


def test_numbers_and_times_follow_the_language():
    english = Words("en", "Europe/Berlin", NOW)
    german = Words("de", "Europe/Berlin", NOW)
    assert (english.num(1234.5, 1), german.num(1234.5, 1)) == ("1,234.5", "1.234,5")
    assert english.pct(0.137, 1) == "13.7%"
    assert english.num(None) == "withheld"
    assert english.ago(NOW - timedelta(minutes=5)) == "5 min ago"
    assert german.ago(NOW - timedelta(days=1, hours=20)) == "vor 2 Tagen"
    spanish, japanese = Words("es", "Europe/Madrid", NOW), Words("ja", "Asia/Tokyo", NOW)
    assert (spanish.num(1234.5, 1), spanish.pct(0.137, 1)) == ("1.234,5", "13,7 %")
    assert (japanese.num(1234.5, 1), japanese.pct(0.137)) == ("1,234.5", "14%")
    assert spanish.ago(NOW - timedelta(days=1, hours=13)) == "hace 2 días"
    assert spanish.t("ago.days", n=1) == "hace 1 día"
    assert (spanish.on(NOW), japanese.on(NOW)) == ("22 de noviembre de 2026", "2026年11月22日")


def test_an_event_of_an_unknown_kind_still_reads():
    words = Words("en", "UTC", NOW)
    line = words.live(
        LiveOut(type="event", kind="juggle", item="honey", dwell="<2 s", reasons=["odd_code"])
    )
    assert line.text == "juggle \N{EN DASH} honey, odd code"


def test_a_reason_that_only_repeats_the_length_is_left_out():
    words = Words("en", "UTC", NOW)
    told = ["put back after 5-15 s", "brow lowered"]
    message = LiveOut(type="event", kind="put_back", item="honey", dwell="5-15 s", reasons=told)
    line = words.live(message).text
    assert line == "Put back \N{EN DASH} honey, held 5\N{EN DASH}15 s, brow lowered"
