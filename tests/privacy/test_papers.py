from __future__ import annotations

import re
import tomllib
from dataclasses import replace

import pytest

from aeras.privacy.assessment import (
    DOCUMENT_LANGUAGES,
    DOCUMENTS,
    impact_assessment,
    technical_file,
)
from aeras.privacy.papers import (
    LANGUAGES,
    NOTICES,
    CameraFact,
    Facts,
    Part,
    notice_text,
    sign,
)
from aeras.privacy.papers import Document as Paper
from aeras.privacy.printing import document_html, document_pdf
from aeras.privacy.profiles import load_profile

FACTS = Facts(
    site="Corner <Shop>",
    timezone="Europe/Berlin",
    language="en",
    version="1",
    profile=load_profile("eu"),
    rules=(),
    expression=True,
    faces=True,
    jurisdiction="DE",
    controller="Corner Ltd",
    dpia="D-1",
    notice="N-1",
    consent="",
    cameras=(CameraFact("a", "shelf", 0, 1, False),),
    models=(),
    hours="mon 09:00-20:00",
    k=10,
    grain="15 min",
    retention="30 d",
)


def flat(notice) -> str:
    return " ".join([notice.title, notice.lead, *(t for _, ts in notice.sections for t in ts)])


def _keys(table, prefix=""):
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", set(re.findall(r"\{(\w+)\}", value))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_with_the_same_gaps(language):
    english, other = (
        dict(_keys(tomllib.loads((NOTICES / f"{code}.toml").read_text("utf-8"))))
        for code in ("en", language)
    )
    assert other == english


@pytest.mark.parametrize("language", LANGUAGES)
def test_shoppers_are_told_who_answers_what_is_kept_and_how_to_object(language):
    text = flat(notice_text(FACTS, language))
    for fact in ("Corner Ltd", "D-1", "30 ", "15 ", "10", "DE", "Art. 6(1)(f)"):
        assert fact in text, fact
    assert "{" not in text
    assert len(notice_text(FACTS, language).sections) == 4


def test_what_is_told_follows_the_configuration():
    on = flat(notice_text(FACTS, "en"))
    off = flat(notice_text(replace(FACTS, expression=False, hours="", consent="R-1"), "en"))
    assert "reads the expression" in on
    assert "Outside opening hours" in on
    assert "reads the expression" not in off
    assert "No face is looked for" in off
    assert "Outside opening hours" not in off
    assert "R-1" in off
    assert "legitimate interest" not in off
    assert "authority" not in flat(notice_text(replace(FACTS, profile=load_profile("us")), "en"))
    simulated = replace(FACTS, cameras=(CameraFact("a", "shelf", 0, 0, True),))
    assert "Simulation" in sign(simulated, "en").lines[0]
    assert "Simulation" not in sign(FACTS, "en").lines[0]


def test_a_document_cannot_be_broken_by_what_the_site_file_says():
    paper = Paper(
        "<b>T</b>", "a & b", (Part("H", ("日本語 <script>",), ("p",), ((("a",), [["<i>"]]),)),)
    )
    page = document_html(paper).decode()
    assert "<script>" not in page
    assert "<b>" not in page
    assert document_pdf(paper).startswith(b"%PDF-")


@pytest.mark.parametrize("language", DOCUMENT_LANGUAGES)
def test_documents_say_the_same_in_each_language(language):
    english, other = (
        tomllib.loads((DOCUMENTS / f"{code}.toml").read_text("utf-8")) for code in ("en", language)
    )
    assert shape(other) == shape(english)


def shape(value):
    """Keys, lengths of lists, and gaps of texts."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return set(re.findall(r"\{(\w+)\}", value))


@pytest.mark.parametrize("language", DOCUMENT_LANGUAGES)
@pytest.mark.parametrize("make", [impact_assessment, technical_file])
@pytest.mark.parametrize(
    "changes",
    [{}, {"expression": False, "hours": "", "dpia": "", "controller": ""}, {"consent": "R-1"}],
)
def test_no_gap_of_a_document_is_left_open_but_those_marked_for_people(language, make, changes):
    paper = make(replace(FACTS, **changes), language)
    page = document_html(paper).decode()
    assert f'<html lang="{language}">' in page
    assert "{" not in page.split("</style>")[1]
    assert paper.language == language
    for part in paper.parts:
        assert part.text or part.tables, part.heading


def test_the_assessment_has_every_part_that_the_law_asks_for():
    paper = impact_assessment(FACTS)
    text = " ".join(part.heading for part in paper.parts)
    for letter in ("35(7)(a)", "35(7)(b)", "35(7)(c), (d)"):
        assert letter in text
    everything = str(paper)
    for asked in ("Art. 35(2)", "Art. 35(9)", "Art. 35(11)", "Art. 36", "Art. 28", "Art. 22"):
        assert asked in everything, asked
    ratings = next(
        table for part in paper.parts for table in part.tables if "Likelihood" in table[0][-1]
    )
    assert all(re.fullmatch(r"(low|medium|high), (low|medium|high)", row[-1]) for row in ratings[1])


def test_a_printed_document_brings_its_fonts_an_outline_and_its_language():
    pdf = document_pdf(impact_assessment(FACTS, "de"))
    assert b"FontFile2" in pdf  # umlauts look alike everywhere
    assert b"/Outlines" in pdf
    assert re.search(rb"/Lang\s*\(\s*de\s*\)", pdf)
