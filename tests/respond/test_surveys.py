from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeras.domain.errors import ConfigError, InputError
from aeras.respond.surveys import (
    DEFAULT_FORM,
    Reply,
    built_in_forms,
    form_from_json,
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


def changed(**changes: object) -> str:
    source = {
        "id": "x",
        "version": 1,
        "languages": ["en"],
        "pages": [{"elements": [{"type": "boolean", "name": "consent"}]}],
    }
    return json.dumps({**source, **changes})


def test_a_form_of_ones_own_may_ask_less():
    form = form_from_json(changed(), where="own.json")
    assert validate_answer(form, {"consent": True}) == Reply(None, None, "")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is no survey form"),
        ("[]", "is no survey form"),
        ("{}", "is no survey form"),
        (changed(version="one"), "is no survey form"),
        (changed(pages=[{}]), "is no survey form"),
        (changed(pages=[{"elements": []}]), "does not ask for consent first"),
        (
            changed(pages=[{"elements": [{"type": "rating", "name": "rating"}]}]),
            "does not ask for consent first",
        ),
        (
            changed(
                pages=[
                    {
                        "elements": [
                            {"type": "boolean", "name": "consent"},
                            {"type": "file", "name": "photo"},
                        ]
                    }
                ]
            ),
            "has the elements boolean, file",
        ),
    ],
)
def test_a_form_that_cannot_be_used_names_its_file(text, complaint):
    with pytest.raises(ConfigError, match=f"own.json: {complaint}"):
        form_from_json(text, where="own.json")
