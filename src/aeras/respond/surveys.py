"""Survey forms (SurveyJS JSON with every text in several languages) and what they accept.

A form is a consent question and after it ratings (1 to 5), single and multiple choices and one
open answer. The first rating, single choice and open answer fill the fields of an answer that
every figure counts; further questions are kept by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from aeras.domain.errors import ConfigError, InputError
from aeras.domain.forms import LIMIT_S, Problem
from aeras.respond import pace
from aeras.respond.conditions import Condition, parse
from aeras.respond.scrub import plain, scrub

CONSENT = "consent"
DEFAULT_FORM = "put-back"
TEXTS = (*pace.READ, "text")
"""Keys whose value is a text in each language."""

_FIELDS = {"rating": "rating", "radiogroup": "choice", "comment": "text"}
"""Which field of an answer the first question of each type fills."""

_QUESTION_KEYS = ("type", "name", "title", "description", "isRequired", "visibleIf")
_OWN_KEYS: dict[str, tuple[str, ...]] = {
    "boolean": ("labelTrue", "labelFalse"),
    "rating": ("rateMin", "rateMax", "minRateDescription", "maxRateDescription"),
    "radiogroup": ("choices",),
    "checkbox": ("choices",),
    "comment": ("maxLength",),
}
_FORM_KEYS = (
    "id",
    "version",
    "languages",
    "title",
    "pages",
    "showProgressBar",
    "showQuestionNumbers",
)
_SCALE = {"rateMin": 1, "rateMax": 5}
_MAX_TEXT = 500
_MAX_QUESTIONS = 8
_MAX_CHOICES = 15
_MAX_WORDING = 600
_MAX_SOURCE = 100_000
_CODE = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")

Value = int | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A checked, scrubbed payload to which its giver has consented; ``more`` holds the questions
    that no other field does, by name.
    """

    rating: int | None
    choice: str | None
    text: str
    more: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Form:
    """One version of a survey form.

    Attributes:
        id: Unique among the site's forms.
        version: Counts up with every change of wording.
        languages: BCP 47 codes in which it is given, the first one complete.
        source: SurveyJS JSON, its texts as ``{language: text}``; consent is the first element.
    """

    id: str
    version: int
    languages: tuple[str, ...]
    source: Mapping[str, Any] = field(repr=False)

    def in_language(self, language: str) -> dict[str, object]:
        """SurveyJS JSON with the texts of one language, a text that lacks it in the first that has
        it; InputError if the form is not given in that language.
        """
        if language not in self.languages:
            raise InputError(
                f"form {self.id!r} is not written in {language[:35]!r}, "
                f"expected one of {', '.join(self.languages)}"
            )
        order = (language, *self.languages)
        return {**_resolve(self.source, order), "locale": language, "version": self.version}

    def elements(self) -> Iterator[Mapping[str, Any]]:
        """The questions in order."""
        for page in self.source["pages"]:
            yield from page["elements"]

    def steps(self) -> Iterator[tuple[Mapping[str, Any], tuple[Condition, ...]]]:
        """The questions in order, each with the conditions under which it is shown."""
        for page in self.source["pages"]:
            for element in page["elements"]:
                shown = (page.get("visibleIf"), element.get("visibleIf"))
                yield element, tuple(parse(text) for text in shown if text)

    def titled(self, language: str) -> str:
        """Its title, in that language if it has it."""
        found = _pick(self.source.get("title") or {}, (language, *self.languages))
        return found or self.id

    def seconds(self) -> dict[str, float]:
        """Estimated time to answer by language, along the longest way through."""
        return {code: pace.seconds(list(self.steps()), code) for code in self.languages}


def form_from_json(text: str, *, where: str, version: int | None = None) -> Form:
    """Reads a form; ConfigError, naming file and place, for one that cannot be used.

    Args:
        text: JSON.
        where: File name, for the message.
        version: Overrides the number in the text.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError(
            f"is no JSON ({error})", where=where, todo="Mend it at that place, or start a new one"
        ) from None
    return form_from_source(data, where=where, version=version)


def form_from_source(data: object, *, where: str, version: int | None = None) -> Form:
    """A form of parsed JSON; ConfigError as `form_from_json`."""
    found = problems(data)
    if found or not isinstance(data, Mapping):
        first = found[0]
        raise ConfigError(first.what, where=f"{where}: {first.path}")
    source = {key: value for key, value in data.items() if key not in ("id", "version")}
    number = int(data.get("version", 1)) if version is None else version
    return Form(data["id"], number, tuple(data["languages"]), source)


@cache
def built_in_forms() -> dict[str, Form]:
    """The forms that ship with AERAS, by id."""
    files = resources.files("aeras.respond.forms").iterdir()
    forms = [
        form_from_json(file.read_text(encoding="utf-8"), where=file.name)
        for file in files
        if file.name.endswith(".json")
    ]
    return {form.id: form for form in sorted(forms, key=lambda form: form.id)}


# --- what a form may be ---------------------------------------------------------------------------


def problems(data: object) -> list[Problem]:
    """Everything that is wrong with a form, each with its place; empty if it can be used."""
    return _Review().form(data)


class _Review:
    """Collects what is wrong while it walks through a form."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.languages: tuple[str, ...] = ()
        self.known: dict[str, Mapping[str, Any]] = {}

    def say(self, path: str, what: str) -> None:
        self.found.append(Problem(path or "$", what))

    def form(self, data: object) -> list[Problem]:
        if not isinstance(data, Mapping):
            self.say("", f"is {type(data).__name__}, expected an object with id and pages")
            return self.found
        self.keys("", data, _FORM_KEYS)
        self.code("id", data.get("id"))
        version = data.get("version", 1)
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            self.say("version", f"is {_short(version)}, expected a whole number from 1")
        self.languages = self.spoken(data.get("languages"))
        if "title" in data:
            self.texts("title", data["title"])
        pages = data.get("pages")
        if not isinstance(pages, list) or not pages:
            self.say("pages", "expected a list of at least one page")
            return self.found
        for index, page in enumerate(pages):
            self.page(f"pages[{index}]", page)
        self.whole(pages)
        if not self.found:
            self.length(data)
        return self.found

    def spoken(self, given: object) -> tuple[str, ...]:
        good = isinstance(given, list) and 0 < len(given) <= 12  # noqa: PLR2004 - see message
        if not good or not all(isinstance(c, str) and _LANGUAGE.fullmatch(c) for c in given):  # type: ignore[attr-defined]
            self.say("languages", 'expected 1 to 12 language codes like ["en", "de"]')
            return ()
        return tuple(given)  # type: ignore[arg-type]

    def page(self, path: str, page: object) -> None:
        if not isinstance(page, Mapping) or not isinstance(page.get("elements"), list):
            self.say(path, "expected a page with a list of elements")
            return
        self.keys(path, page, ("name", "elements", "visibleIf"))
        self.condition(path, page)
        for index, element in enumerate(page["elements"]):
            self.element(f"{path}.elements[{index}]", element)

    def element(self, path: str, element: object) -> None:
        if not isinstance(element, Mapping):
            self.say(path, f"is {type(element).__name__}, expected a question")
            return
        kind = element.get("type")
        if kind not in _OWN_KEYS:
            self.say(f"{path}.type", f"{_short(kind)} is not one of {', '.join(_OWN_KEYS)}")
            return
        self.keys(path, element, (*_QUESTION_KEYS, *_OWN_KEYS[kind]))
        self.condition(path, element)
        name = element.get("name")
        self.code(f"{path}.name", name)
        if isinstance(name, str):
            if name in self.known:
                self.say(f"{path}.name", f"{name!r} is the name of another question, too")
            self.known[name] = element
        if "title" not in element:
            self.say(f"{path}.title", "the question has no text")
        for key in TEXTS:
            if key in element:
                self.texts(f"{path}.{key}", element[key])
        if "choices" in _OWN_KEYS[kind]:
            self.choices(f"{path}.choices", element.get("choices"))
        self.numbers(path, element)

    def numbers(self, path: str, element: Mapping[str, Any]) -> None:
        for key, only in _SCALE.items():
            if element.get(key, only) != only:
                self.say(f"{path}.{key}", f"is {_short(element[key])}; ratings run from 1 to 5")
        longest = element.get("maxLength", _MAX_TEXT)
        if not isinstance(longest, int) or not 0 < longest <= _MAX_TEXT:
            self.say(f"{path}.maxLength", f"expected 1 to {_MAX_TEXT}")
        if not isinstance(element.get("isRequired", False), bool):
            self.say(f"{path}.isRequired", "expected true or false")

    def choices(self, path: str, choices: object) -> None:
        if not isinstance(choices, list) or not 2 <= len(choices) <= _MAX_CHOICES:  # noqa: PLR2004
            self.say(path, f"expected 2 to {_MAX_CHOICES} choices")
            return
        codes = []
        for index, choice in enumerate(choices):
            at = f"{path}[{index}]"
            if not isinstance(choice, Mapping):
                self.say(at, "expected an object with value and text")
                continue
            self.keys(at, choice, ("value", "text", "isExclusive"))
            self.code(f"{at}.value", choice.get("value"))
            self.texts(f"{at}.text", choice.get("text"))
            codes.append(choice.get("value"))
        if len(set(map(str, codes))) < len(codes):
            self.say(path, "two choices have the same value")

    def texts(self, path: str, texts: object) -> None:
        if not isinstance(texts, Mapping) or not texts:
            self.say(
                path,
                f'expected a text for each language, like {{"en": "..."}}, '
                f"not {type(texts).__name__}",
            )
            return
        for code, text in texts.items():
            at = f"{path}.{str(code)[:35]}"
            if code not in self.languages:
                self.say(at, f"the form's languages are {', '.join(self.languages)}")
            elif not isinstance(text, str) or len(text) > _MAX_WORDING:
                self.say(at, f"expected a text of at most {_MAX_WORDING} characters")
        if not any(texts.values()):
            self.say(path, "is empty in every language")

    def condition(self, path: str, node: Mapping[str, Any]) -> None:
        text = node.get("visibleIf")
        if text is None:
            return
        at = f"{path}.visibleIf"
        if not isinstance(text, str):
            self.say(at, f"is {type(text).__name__}, expected a text")
            return
        try:
            condition = parse(text)
        except InputError as error:
            self.say(at, f"{error.what}. {error.todo}")
            return
        for term in condition.terms:
            element = self.known.get(term.name)
            if element is None:
                self.say(at, f"there is no earlier question {term.name!r}")
            elif "choices" in element and isinstance(term.value, str):
                codes = [c["value"] for c in element["choices"] if isinstance(c, Mapping)]
                if term.value not in codes:
                    self.say(at, f"{term.name!r} has no choice {term.value!r}")

    def code(self, path: str, given: object) -> None:
        if not isinstance(given, str) or not _CODE.fullmatch(given):
            self.say(
                path,
                f"{_short(given)} is no name: small letters, digits, - and _, a letter first",
            )

    def keys(self, path: str, node: Mapping[str, Any], allowed: Sequence[str]) -> None:
        for key in node:
            if key not in allowed:
                at = f"{path}.{str(key)[:40]}".lstrip(".")
                self.say(at, f"is not known here; expected {', '.join(allowed)}")

    def whole(self, pages: Sequence[Any]) -> None:
        """What holds for all questions together."""
        elements = [e for p in pages if isinstance(p, Mapping) for e in p.get("elements") or ()]
        kinds = [e.get("type") for e in elements if isinstance(e, Mapping)]
        first = elements[0] if elements and isinstance(elements[0], Mapping) else {}
        if (first.get("type"), first.get("name")) != ("boolean", CONSENT):
            self.say(
                "pages[0].elements[0]",
                "the form does not ask for consent first: make the first question "
                '{"type": "boolean", "name": "consent", ...}',
            )
        if kinds.count("boolean") > 1:
            self.say("pages", "only the question of consent may be a yes or no (boolean)")
        if kinds.count("comment") > 1:
            self.say("pages", "more than one open answer (comment); keep one")
        if len(kinds) - 1 > _MAX_QUESTIONS:
            self.say("pages", f"{len(kinds) - 1} questions after consent, at most {_MAX_QUESTIONS}")
        if len(json.dumps(pages)) > _MAX_SOURCE:
            self.say("pages", f"the form is longer than {_MAX_SOURCE} characters")

    def length(self, data: Mapping[str, Any]) -> None:
        form = Form(data["id"], 1, self.languages, {"pages": data["pages"]})
        took = form.seconds()
        slowest = max(took, key=lambda code: took[code])
        if took[slowest] > LIMIT_S:
            self.say(
                "pages",
                f"answering takes about {took[slowest]:.0f} s in {slowest!r}, at most "
                f"{LIMIT_S:.0f} s are allowed: leave out a question or shorten the texts",
            )


def missing_texts(form: Form) -> list[tuple[str, str]]:
    """Texts that lack one of the form's languages: (path, language)."""
    return [
        (path, code)
        for path, texts in _all_texts(form.source, "")
        for code in form.languages
        if not str(texts.get(code, "")).strip()
    ]


def _all_texts(node: Any, path: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            at = f"{path}.{key}".lstrip(".")
            if key in TEXTS and isinstance(value, Mapping):
                yield at, value
            else:
                yield from _all_texts(value, at)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _all_texts(value, f"{path}[{index}]")


# --- answers --------------------------------------------------------------------------------------


def validate_answer(form: Form, payload: Mapping[str, object]) -> Reply | None:
    """What the form's giver said, or None when consent was refused (then nothing may be stored).

    What was sent for a question that these answers do not show is dropped unread: its giver did
    not see it when they sent the form.

    Args:
        form: The form that was shown.
        payload: Field name -> value, as SurveyJS sends it.

    Raises:
        InputError: For a missing consent, unknown fields, wrong types, values off the scale, a
            text that is too long, or a required question left out.
    """
    if not isinstance(payload, Mapping):
        raise InputError(f"an answer is a set of fields, not {type(payload).__name__}")
    known = {element["name"] for element in form.elements()}
    strange = [str(name)[:40] for name in payload if name not in known]
    if strange:
        raise InputError(f"the form {form.id!r} has no question {strange[0]!r}")
    consent = payload.get(CONSENT)
    if not isinstance(consent, bool):
        raise InputError("the question of consent was not answered", todo="Choose yes or no")
    if not consent:
        return None
    given: dict[str, Any] = {CONSENT: True}
    fields: dict[str, Any] = {}
    for element, conditions in form.steps():
        name = element["name"]
        if name == CONSENT or not all(condition.holds(given) for condition in conditions):
            continue
        value = _CHECKS[element["type"]](element, payload.get(name))
        given[name] = value
        place = _FIELDS.get(element["type"])
        if place is not None and _first(form, element):
            fields[place] = value
        elif value not in (None, ()):
            fields.setdefault("more", {})[name] = value
    return Reply(
        rating=fields.get("rating"),
        choice=fields.get("choice"),
        text=fields.get("text") or "",
        more=fields.get("more", {}),
    )


def _first(form: Form, element: Mapping[str, Any]) -> bool:
    return next(e for e in form.elements() if e["type"] == element["type"]) is element


def _required(element: Mapping[str, Any], *, empty: bool) -> None:
    if empty and element.get("isRequired"):
        raise InputError(f"the question {element['name']!r} needs an answer")


def _rating(element: Mapping[str, Any], value: object) -> int | None:
    _required(element, empty=value is None)
    if value is None:
        return None
    low, high = _SCALE.values()
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"the rating {_short(value)} is not a whole number from {low} to {high}")
    return value


def _choice(element: Mapping[str, Any], value: object) -> str | None:
    _required(element, empty=value in (None, ""))
    if value in (None, ""):
        return None
    return _code_of(element, value)


def _code_of(element: Mapping[str, Any], value: object) -> str:
    codes = [choice["value"] for choice in element["choices"]]
    if not isinstance(value, str) or value not in codes:
        raise InputError(f"{_short(value)} is not one of the choices {', '.join(codes)}")
    return value


def _choices(element: Mapping[str, Any], value: object) -> tuple[str, ...]:
    _required(element, empty=value in (None, []))
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _MAX_CHOICES:
        raise InputError(f"{_short(value)} is no list of choices of {element['name']!r}")
    codes = {_code_of(element, code) for code in value}
    alone = {c["value"] for c in element["choices"] if c.get("isExclusive")}
    if len(codes) > 1 and codes & alone:
        raise InputError(f"{min(codes & alone)!r} cannot be chosen together with others")
    return tuple(c["value"] for c in element["choices"] if c["value"] in codes)


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
    "rating": _rating,
    "radiogroup": _choice,
    "checkbox": _choices,
    "comment": _text,
}


def _short(value: object) -> str:
    return (
        repr(plain(str(value)[:40]))
        if isinstance(value, str | int | float)
        else type(value).__name__
    )


def _pick(texts: Mapping[str, str], order: Sequence[str]) -> str:
    return next((texts[code] for code in order if texts.get(code)), "")


def _resolve(node: Any, order: Sequence[str]) -> Any:
    """Replaces every ``{language: text}`` by its text, in the first language that it has."""
    if isinstance(node, Mapping):
        return {
            key: _pick(value, order)
            if key in TEXTS and isinstance(value, Mapping)
            else _resolve(value, order)
            for key, value in node.items()
            if key != "languages"
        }
    if isinstance(node, list):
        return [_resolve(value, order) for value in node]
    return node
