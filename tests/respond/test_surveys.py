from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeras.domain.errors import ConfigError, InputError
from aeras.domain.forms import LIMIT_S
from aeras.respond.surveys import (
    DEFAULT_FORM,
    Form,
    Reply,
    built_in_forms,
    form_from_json,
    form_from_source,
    missing_texts,
    problems,
    validate_answer,
)

FORM = built_in_forms()[DEFAULT_FORM]
GOOD = {"consent": True, "rating": 2, "choice": "price", "text": "too dear"}
CODES = ["taste", "price", "fit", "label", "quality", "other"]


def texts(node: object) -> list[object]:
    """Every value that a person would read."""
    if isinstance(node, dict):
        return [t for value in node.values() for t in texts(value)]
    return [t for value in node for t in texts(value)] if isinstance(node, list) else [node]


@pytest.mark.parametrize("language", ["en", "de", "es", "ja"])
def test_the_built_in_form_is_whole_in_each_language_and_asks_consent_first(language):
    form = FORM.in_language(language)
    assert form["locale"] == language
    first, second = form["pages"]
    assert [e["name"] for e in first["elements"]] == ["consent"]
    assert second["visibleIf"] == "{consent} = true"
    rating, choice, text = second["elements"]
    assert (rating["rateMin"], rating["rateMax"]) == (1, 5)
    assert [c["value"] for c in choice["choices"]] == CODES
    assert text["maxLength"] == 500
    assert all(isinstance(t, str | int | bool) for t in texts(form))
    assert form != FORM.in_language("en") or language == "en"


def test_a_language_the_form_lacks_is_refused():
    with pytest.raises(InputError, match="not written in 'fr', expected one of en, de"):
        FORM.in_language("fr")


def test_a_good_answer_is_taken():
    assert validate_answer(FORM, GOOD) == Reply(2, "price", "too dear")
    assert validate_answer(FORM, {"consent": True, "rating": 5}) == Reply(5, None, "")


def test_refused_consent_gives_nothing_to_store_whatever_else_was_sent():
    assert validate_answer(FORM, {**GOOD, "consent": False}) is None


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        ({}, "consent was not answered"),
        ({"rating": 3}, "consent was not answered"),
        ({**GOOD, "consent": "yes"}, "consent was not answered"),
        ({**GOOD, "consent": 1}, "consent was not answered"),
        ({"consent": True}, "'rating' needs an answer"),
        ({**GOOD, "rating": 0}, "whole number from 1 to 5"),
        ({**GOOD, "rating": 6}, "whole number from 1 to 5"),
        ({**GOOD, "rating": True}, "whole number from 1 to 5"),
        ({**GOOD, "rating": 2.5}, "whole number from 1 to 5"),
        ({**GOOD, "rating": "3"}, "whole number from 1 to 5"),
        ({**GOOD, "choice": "colour"}, "not one of the choices taste, price"),
        ({**GOOD, "choice": ["price"]}, "not one of the choices"),
        ({**GOOD, "text": 7}, "is int, expected text"),
        ({**GOOD, "text": {"$gt": ""}}, "is dict, expected text"),
        ({**GOOD, "text": "x" * 501}, "501 characters, at most 500"),
        ({**GOOD, "face": "x"}, "no question 'face'"),
        (["consent"], "set of fields, not list"),
    ],
)
def test_what_does_not_fit_the_form_is_refused_in_plain_words(payload, complaint):
    with pytest.raises(InputError, match=complaint):
        validate_answer(FORM, payload)


def test_ten_megabytes_are_refused_at_once():
    started = time.process_time()
    for field in ("text", "choice", "rating", "consent"):
        with pytest.raises(InputError) as refused:
            validate_answer(FORM, {**GOOD, field: "a@b." * 2_500_000})
        assert len(str(refused.value)) < 300
    assert time.process_time() - started < 1


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=500))
def test_stored_text_has_no_control_characters_and_no_addresses(text):
    reply = validate_answer(FORM, {**GOOD, "text": text})
    assert reply is not None
    assert all(c == "\n" or c.isprintable() or c.isspace() for c in reply.text)
    assert not any(c in reply.text for c in "\x00\x1b\u202e\u200b")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
names = st.sampled_from(["consent", "rating", "choice", "text", "other"])


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(names, anything))
def test_any_payload_is_taken_or_refused_never_a_crash(payload):
    try:
        reply = validate_answer(FORM, payload)
    except InputError:
        return
    assert reply is None or isinstance(reply.rating, int)


def source(*questions: dict[str, object], **changes: object) -> dict[str, object]:
    consent = {"type": "boolean", "name": "consent", "title": {"en": "May we?"}}
    pages = [{"elements": [consent, *questions]}]
    return {"id": "own", "version": 1, "languages": ["en"], "pages": pages, **changes}


def asked(kind: str, name: str, **more: object) -> dict[str, object]:
    return {"type": kind, "name": name, "title": {"en": f"Which {name}?"}, **more}


def of(*codes: str, **more: object) -> list[dict[str, object]]:
    return [{"value": code, "text": {"en": code}, **more} for code in codes]


def form(*questions: dict[str, object], **changes: object) -> Form:
    return form_from_source(source(*questions, **changes), where="own.json")


def test_a_form_of_ones_own_may_ask_less():
    assert validate_answer(form(), {"consent": True}) == Reply(None, None, "")


def test_questions_beyond_the_first_of_a_kind_are_kept_by_name():
    own = form(
        asked("radiogroup", "why", choices=of("a", "b")),
        asked("radiogroup", "where", choices=of("c", "d")),
        asked("checkbox", "which", choices=[*of("e", "f"), *of("none", isExclusive=True)]),
        asked("rating", "taste"),
        asked("rating", "smell"),
    )
    answers = {"why": "a", "where": "d", "which": ["f", "e"], "taste": 4, "smell": 2}
    reply = validate_answer(own, {"consent": True, **answers})
    assert reply == Reply(4, "a", "", {"where": "d", "which": ("e", "f"), "smell": 2})
    for wrong in (["e", "none"], ["x"], "e", [["e"]], ["e"] * 99):
        with pytest.raises(InputError):
            validate_answer(own, {"consent": True, "which": wrong})


BRANCHED = form(
    asked("rating", "rating"),
    asked("radiogroup", "choice", choices=of("price", "other"), visibleIf="{rating} <= 2"),
    asked("comment", "text", visibleIf="{choice} = 'price' or {rating} = 5", isRequired=True),
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"rating": 2, "choice": "price", "text": "dear"}, Reply(2, "price", "dear")),
        ({"rating": 3, "choice": "price", "text": "dear"}, Reply(3, None, "")),
        ({"rating": 5, "choice": "nonsense", "text": "fine"}, Reply(5, None, "fine")),
        ({"choice": "price"}, Reply(None, None, "")),
    ],
)
def test_what_was_not_shown_is_dropped_and_what_was_is_required(given, kept):
    assert validate_answer(BRANCHED, {"consent": True, **given}) == kept
    with pytest.raises(InputError, match="'text' needs an answer"):
        validate_answer(BRANCHED, {"consent": True, "rating": 1, "choice": "price"})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "own.json: is no JSON"),
        ("[]", r"own.json: \$: is list"),
        ("{}", "own.json: id: NoneType is no name"),
        (source(version="one"), "version: is 'one'"),
        (source(languages=["english please"]), "languages: expected 1 to 12"),
        (source(pages=[{}]), r"pages\[0\]: expected a page"),
        (source(pages=[{"elements": []}]), "does not ask for consent first"),
        (source(pages=[{"elements": [asked("rating", "r")]}]), "does not ask for consent first"),
        (source(asked("file", "photo")), r"pages\[0\].elements\[1\].type: 'file' is not one of"),
        (source(asked("rating", "r", rateMax=99)), r"rateMax: is '99'; ratings run"),
        (source(asked("rating", "r", html="<b>")), r"elements\[1\].html: is not known here"),
        (source(asked("rating", "consent")), "'consent' is the name of another"),
        (source(asked("rating", "r", title={"fr": "?"})), "title.fr: the form's languages are en"),
        (source(asked("rating", "r", title="?")), "title: expected a text for each language"),
        (source(asked("radiogroup", "c", choices=of("a"))), "choices: expected 2 to 15"),
        (source(asked("radiogroup", "c", choices=of("a", "a"))), "two choices have the same"),
        (source(asked("rating", "r", visibleIf="{x} = 1")), "no earlier question 'x'"),
        (source(asked("rating", "r", visibleIf="alert(1)")), "visibleIf: the condition 'alert"),
        (source(asked("comment", "a"), asked("comment", "b")), "more than one open answer"),
        (
            source(
                asked("comment", "a", title={"en": "why " * 110}, description={"en": "so " * 110})
            ),
            "about 6[0-9] s in .en., at most 60",
        ),
    ],
)
def test_a_form_that_cannot_be_used_names_file_and_place(text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        form_from_json(text if isinstance(text, str) else json.dumps(text), where="own.json")


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        anything,
        lambda inner: st.dictionaries(
            st.sampled_from(
                ["id", "languages", "pages", "elements", "type", "name", "title", "choices"]
            ),
            inner | st.lists(inner, max_size=3),
        ),
        max_leaves=8,
    )
)
def test_no_json_makes_the_reader_of_forms_crash(data):
    assert problems(data)


def test_the_longest_way_counts_and_each_language_at_its_own_pace():
    short = form(asked("rating", "rating"))
    long = form(asked("rating", "rating"), asked("comment", "text", visibleIf="{rating} = 1"))
    never = form(
        asked("rating", "rating"),
        asked("comment", "text", visibleIf="{rating} = 1 and {rating} = 2"),
    )
    assert never.seconds() == short.seconds()
    assert long.seconds()["en"] - short.seconds()["en"] > 15
    assert FORM.seconds()["ja"] > FORM.seconds()["en"]


def test_a_text_without_translation_falls_back_and_is_reported():
    own = form(
        asked("rating", "rating", title={"en": "How?", "de": "Wie?"}), languages=["en", "de"]
    )
    german = own.in_language("de")["pages"][0]["elements"]
    assert [e["title"] for e in german] == ["May we?", "Wie?"]
    assert missing_texts(own) == [("pages[0].elements[0].title", "de")]


@pytest.mark.parametrize("name", sorted(built_in_forms()))
def test_templates_are_short_whole_and_leave_a_way_out(name):
    template = built_in_forms()[name]
    assert template.languages == ("en", "de", "es", "ja")
    assert missing_texts(template) == []
    assert max(template.seconds().values()) < LIMIT_S
    questions = list(template.elements())[1:]
    assert len(questions) <= 4
    assert [q["type"] for q in questions].count("comment") == 1
    for question in questions:
        if "choices" in question:
            codes = {choice["value"] for choice in question["choices"]}
            assert codes & {"none", "dont_know", "other"}
