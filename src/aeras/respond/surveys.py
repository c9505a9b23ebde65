"""Survey forms (SurveyJS JSON with every text in several languages) and what they accept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from aeras.domain.errors import ConfigError, InputError
from aeras.respond.scrub import plain, scrub

CONSENT = "consent"
DEFAULT_FORM = "put-back"

_OWN_KEYS = ("id", "version", "languages")
_KINDS = {"boolean": CONSENT, "rating": "rating", "radiogroup": "choice", "comment": "text"}
"""Which field of an answer each element type fills; a form has at most one of each."""
_MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """A checked, scrubbed payload to which its giver has consented."""

    rating: int | None
    choice: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Form:
    """One version of a survey form.

    Attributes:
        id: Unique among the site's forms.
        version: Counts up with every change of wording.
        languages: BCP 47 codes in which every text is given.
        source: SurveyJS JSON, its texts as ``{language: text}``; consent is the first element.
    """

    id: str
    version: int
    languages: tuple[str, ...]
    source: Mapping[str, Any] = field(repr=False)

    def in_language(self, language: str) -> dict[str, object]:
        """SurveyJS JSON with the texts of one language; InputError if the form lacks it."""
        if language not in self.languages:
            raise InputError(
                f"form {self.id!r} is not written in {language[:35]!r}, "
                f"expected one of {', '.join(self.languages)}"
            )
        resolved = _resolve(dict(self.source), language, frozenset(self.languages))
        return {**resolved, "locale": language}

    def elements(self) -> Iterator[Mapping[str, Any]]:
        """The questions in order."""
        for page in self.source["pages"]:
            yield from page["elements"]


def form_from_json(text: str, *, where: str) -> Form:
    """Reads a form; ConfigError, naming the place, for one that cannot be used.

    Args:
        text: JSON.
        where: File name, for the message.
    """
    try:
        data = json.loads(text)
        source = {key: value for key, value in data.items() if key not in _OWN_KEYS}
        form = Form(str(data["id"]), int(data["version"]), tuple(data["languages"]), source)
        kinds = [element["type"] for element in form.elements()]
        names = [element["name"] for element in form.elements()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"is no survey form ({type(error).__name__}: {error})",
            where=where,
            todo="It needs id, version, languages and pages with elements that have type and name",
        ) from None
    if kinds[:1] != ["boolean"] or names[:1] != [CONSENT]:
        raise ConfigError(
            "does not ask for consent first",
            where=where,
            todo='Make the first element {"type": "boolean", "name": "consent"}',
        )
    if set(kinds) - set(_KINDS) or len(set(kinds)) < len(kinds) or len(set(names)) < len(names):
        raise ConfigError(
            f"has the elements {', '.join(kinds)}; expected at most one of each of "
            f"{', '.join(_KINDS)}, with names of their own",
            where=where,
        )
    return form


@cache
def built_in_forms() -> dict[str, Form]:
    """The forms that ship with AERAS, by id."""
    files = resources.files("aeras.respond.forms").iterdir()
    forms = [
        form_from_json(file.read_text(encoding="utf-8"), where=file.name)
        for file in files
        if file.name.endswith(".json")
    ]
    return {form.id: form for form in forms}


def validate_answer(form: Form, payload: Mapping[str, object]) -> Reply | None:
    """What the form's giver said, or None when consent was refused (then nothing may be stored).

    Args:
        form: The form that was shown.
        payload: Field name -> value, as SurveyJS sends it.

    Raises:
        InputError: For a missing consent, unknown fields, wrong types, values off the scale, a
            text that is too long, or a required question left out.
    """
    if not isinstance(payload, Mapping):
        raise InputError(f"an answer is a set of fields, not {type(payload).__name__}")
    known = {element["name"]: element for element in form.elements()}
    strange = [str(name)[:40] for name in payload if name not in known]
    if strange:
        raise InputError(f"the form {form.id!r} has no question {strange[0]!r}")
    consent = payload.get(CONSENT)
    if not isinstance(consent, bool):
        raise InputError("the question of consent was not answered", todo="Choose yes or no")
    if not consent:
        return None
    values = {
        _KINDS[element["type"]]: _CHECKS[element["type"]](element, payload.get(name))
        for name, element in known.items()
    }
    return Reply(
        rating=values.get("rating"), choice=values.get("choice"), text=values.get("text") or ""
    )


def _required(element: Mapping[str, Any], *, empty: bool) -> None:
    if empty and element.get("isRequired"):
        raise InputError(f"the question {element['name']!r} needs an answer")


def _consent(_element: Mapping[str, Any], value: object) -> object:
    return value


def _rating(element: Mapping[str, Any], value: object) -> int | None:
    _required(element, empty=value is None)
    if value is None:
        return None
    low, high = int(element.get("rateMin", 1)), int(element.get("rateMax", 5))
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"the rating {_short(value)} is not a whole number from {low} to {high}")
    return value


def _choice(element: Mapping[str, Any], value: object) -> str | None:
    _required(element, empty=value in (None, ""))
    if value in (None, ""):
        return None
    codes = [choice["value"] for choice in element["choices"]]
    if not isinstance(value, str) or value not in codes:
        raise InputError(f"{_short(value)} is not one of the choices {', '.join(codes)}")
    return value


def _text(element: Mapping[str, Any], value: object) -> str:
    _required(element, empty=value in (None, ""))
    if value in (None, ""):
        return ""
    if not isinstance(value, str):
        raise InputError(f"the open answer is {type(value).__name__}, expected text")
    longest = min(int(element.get("maxLength", _MAX_TEXT)), _MAX_TEXT)
    if len(value) > longest:  # before anything reads it: it may be megabytes
        raise InputError(
            f"the open answer has {len(value)} characters, at most {longest} are taken",
            todo="Please shorten it",
        )
    return scrub(value)


_CHECKS: dict[str, Any] = {
    "boolean": _consent,
    "rating": _rating,
    "radiogroup": _choice,
    "comment": _text,
}


def _short(value: object) -> str:
    return (
        repr(plain(str(value)[:40]))
        if isinstance(value, str | int | float)
        else type(value).__name__
    )


def _resolve(node: Any, language: str, languages: frozenset[str]) -> Any:
    """Replaces every ``{language: text}`` by its text."""
    if isinstance(node, dict):
        if node and set(node) <= languages:
            return node.get(language) or next(iter(node.values()))
        return {key: _resolve(value, language, languages) for key, value in node.items()}
    if isinstance(node, list):
        return [_resolve(value, language, languages) for value in node]
    return node
