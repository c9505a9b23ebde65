"""The conditions under which a question is shown: the part of SurveyJS's expressions that the
server can check as well.

``{rating} <= 3``, ``{choice} = 'price' or {choice} = 'label'``, ``{reasons} contains 'taste'``,
``{text} notempty``; ``and`` binds before ``or``, and there are no brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aeras.domain.errors import InputError

_TERM = re.compile(
    r"\{(?P<name>[A-Za-z][\w-]*)\}\s*(?P<op>notempty|empty|<>|!=|>=|<=|=|>|<|contains|notcontains)"
    r"\s*(?P<value>'[^'{}]*'|-?\d+(?:\.\d+)?|true|false)?"
)
_NO_VALUE = ("empty", "notempty")
_MAX_CHARS = 400


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _ordered(compare: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    def check(have: object, want: object) -> bool:
        left, right = _number(have), _number(want)
        return left is not None and right is not None and compare(left, right)

    return check


def _contains(have: object, want: object) -> bool:
    return want in have if isinstance(have, list | tuple) else have == want


_CHECKS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda have, want: have == want,
    "<>": lambda have, want: have != want,
    "!=": lambda have, want: have != want,
    ">": _ordered(lambda a, b: a > b),
    ">=": _ordered(lambda a, b: a >= b),
    "<": _ordered(lambda a, b: a < b),
    "<=": _ordered(lambda a, b: a <= b),
    "contains": _contains,
    "notcontains": lambda have, want: not _contains(have, want),
    "empty": lambda have, _: have in (None, "", [], ()),
    "notempty": lambda have, _: have not in (None, "", [], ()),
}


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison of a question's answer."""

    name: str
    op: str
    value: object = None

    def holds(self, answers: Mapping[str, object]) -> bool:
        """Whether it holds for these answers; a question without one counts as empty."""
        return _CHECKS[self.op](answers.get(self.name), self.value)


@dataclass(frozen=True, slots=True)
class Condition:
    """Terms joined by ``and``, these groups joined by ``or``."""

    groups: tuple[tuple[Term, ...], ...]

    def holds(self, answers: Mapping[str, object]) -> bool:
        """Whether it holds for these answers."""
        return any(all(term.holds(answers) for term in group) for group in self.groups)

    @property
    def names(self) -> set[str]:
        """The questions it looks at."""
        return {term.name for term in self.terms}

    @property
    def terms(self) -> list[Term]:
        """All comparisons."""
        return [term for group in self.groups for term in group]


def parse(text: str) -> Condition:
    """Reads a condition; InputError for one that is not understood."""
    if len(text) > _MAX_CHARS:
        raise InputError(f"the condition has {len(text)} characters, at most {_MAX_CHARS}")
    groups = re.split(r"\s+or\s+", text.strip(), flags=re.IGNORECASE)
    split = (re.split(r"\s+and\s+", group, flags=re.IGNORECASE) for group in groups)
    return Condition(tuple(tuple(map(_term, terms)) for terms in split))


def _term(text: str) -> Term:
    found = _TERM.fullmatch(text.strip())
    if found is None or (found["value"] is None) != (found["op"] in _NO_VALUE):
        raise InputError(
            f"the condition {text[:60]!r} is not understood",
            todo="Write it like {rating} <= 3, {choice} = 'price' or {text} notempty",
        )
    return Term(found["name"], found["op"], _value(found["value"]))


def _value(text: str | None) -> object:
    if text is None:
        return None
    if text.startswith("'"):
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    return float(text) if "." in text else int(text)
