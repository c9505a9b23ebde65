"""How long answering a form takes: reading, deciding, tapping and typing, in seconds.

Reading speeds are those of the International Reading Speed Texts (Trauzettel-Klosinski and Dietz
2012: characters a minute, adults reading aloud, which bounds silent reading from below); typing is
36 words a minute on a phone (Palin et al. 2019), for an open answer of ten words. Deciding and
tapping are round figures of ours. The sum is an estimate to keep forms short, not a promise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from aeras.respond.conditions import Condition

CHARS_PER_MIN = {"en": 987, "de": 920, "es": 1025, "fr": 998, "ja": 357}
OTHER_CHARS_PER_MIN = 863
"""Mean over the 17 languages of the study."""

DECIDE_S = {"boolean": 1.0, "rating": 2.0, "radiogroup": 1.5, "checkbox": 3.0, "comment": 2.0}
TAP_S = 1.0
TYPE_S = 10 / 36 * 60
_WAYS = 5000
"""Above so many combinations of answers, every question counts as shown."""

READ = (
    "title",
    "description",
    "labelTrue",
    "labelFalse",
    "minRateDescription",
    "maxRateDescription",
)
"""Texts of a question that are read before it is answered."""
Step = tuple[Mapping[str, Any], tuple[Condition, ...]]


def seconds(steps: Sequence[Step], language: str) -> float:
    """Time for the longest way through the form by somebody who consents.

    Args:
        steps: Questions with the conditions under which each is shown.
        language: BCP 47 code.
    """
    cost = {element["name"]: _question_s(element, language) for element, _ in steps}
    asked = {name for _, shown in steps for condition in shown for name in condition.names}
    turns = {e["name"]: _answers(e) for e, _ in steps if e["name"] in asked}
    if prod(map(len, turns.values())) > _WAYS:
        return sum(cost.values())
    ways = product(*turns.values())
    return max(_way_s(steps, cost, dict(zip(turns, way, strict=True))) for way in ways)


def _way_s(steps: Sequence[Step], cost: Mapping[str, float], answers: dict[str, object]) -> float:
    total, given = 0.0, dict(answers)
    for element, shown in steps:
        if all(condition.holds(given) for condition in shown):
            total += cost[element["name"]]
        else:
            given.pop(element["name"], None)
    return total


def _answers(element: Mapping[str, Any]) -> list[object]:
    """Answers that may lead to different questions."""
    kind = element["type"]
    if kind == "boolean":
        return [True]
    if kind == "rating":
        return [None, 1, 2, 3, 4, 5]
    if kind == "comment":
        return ["", "text"]
    codes = [choice["value"] for choice in element["choices"]]
    return [None, *([code] for code in codes)] if kind == "checkbox" else [None, *codes]


def _question_s(element: Mapping[str, Any], language: str) -> float:
    texts = [element.get(key) for key in READ]
    texts += [choice["text"] for choice in element.get("choices", ())]
    chars = sum(len(_shown(text, language)) for text in texts if text)
    speed = CHARS_PER_MIN.get(language.split("-", maxsplit=1)[0], OTHER_CHARS_PER_MIN)
    kind = element["type"]
    act = TYPE_S if kind == "comment" else TAP_S
    return chars / speed * 60 + DECIDE_S[kind] + act


def _shown(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language) or next((text for text in texts.values() if text), "")
