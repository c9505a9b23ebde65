"""What is wrong with a drawing or a planogram, in the reader's language.

The rooms say it in English, wherever it is read. Here each of their sentences that can reach a
page is known by its shape; one that is not stays as it is.
"""

from __future__ import annotations

import re

from aeras.serve.words import problems_de

_KNOWN = {"de": tuple((re.compile(shape), text) for shape, text in problems_de.SHAPES)}
_PLACE = re.compile(r"^(?P<where>(?:camera )?[^\s:]{1,80}:(?:\d+:)? )?(?P<what>.*)$", re.DOTALL)


def said(what: str, language: str) -> str:
    """A sentence of a room in a language; sentences put together by ". " each by themselves.

    Args:
        what: Such as ``plan.csv:3: the site has no facing 'a9'``.
        language: BCP 47.
    """
    known = _KNOWN.get(language)
    if known is None:
        return what
    return ". ".join(_one(part, known) for part in what.split(". "))


def _one(what: str, known: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    whole = _matched(what, known)
    if whole is not None:
        return whole
    found = _PLACE.match(what)
    inner = _matched(found["what"], known) if found and found["where"] else None
    return what if found is None or inner is None else f"{found['where']}{inner}"


def _matched(what: str, known: tuple[tuple[re.Pattern[str], str], ...]) -> str | None:
    for shape, text in known:
        match = shape.fullmatch(what)
        if match:
            return text.format(*match.groups())
    return None
