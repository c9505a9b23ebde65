"""No text says that a person feels something: a face shows an expression, and that is all.

Every text is checked: pages, translations, scripts, survey forms, notices, law profiles, reports,
the command line, the documentation. Saying what AERAS does *not* know is allowed where the
sentence denies it.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from aeras.serve.words import CATALOGUES

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "aeras"

PEOPLE = r"(?:he|she|they|who|somebody|someone|nobody|person|people|shoppers?|customers?|visitors?)"
MOODS = (
    r"(?:angry|annoyed|happy|unhappy|sad|disgusted|afraid|scared|upset|pleased|delighted|"
    r"frustrated|anxious|bored|joyful|furious)"
)
PATTERNS = {
    "en": rf"\b(?:feel|feels|felt|feelings?|emotional\w*|moods?)\b"
    rf"|\b{PEOPLE}\s+(?:is|are|was|were|seems?|gets?|got|looks?|must be)\s+(?:\w+\s+)?{MOODS}\b"
    rf"|\b{MOODS}\s+(?:shoppers?|customers?|visitors?|people|person)\b",
    "de": r"\b(?:ge)?fühl\w*|\bgefühl\w*|\bemotional\w*|\b(?:ge)?launt\w*|\bstimmung(?:en)?\b"
    r"|\b(?:ist|sind|war|waren|wirkt|wirken|scheint)\s+(?:\w+\s+)?(?:wütend|verärgert|glücklich|"
    r"unglücklich|traurig|angeekelt|ängstlich|froh|enttäuscht|erfreut|gelangweilt)\b"
    r"|\b(?:wütende|verärgerte|glückliche|traurige|enttäuschte)[rnms]?\s+(?:kund\w*|mensch\w*)",
    "es": r"\bsient[ea]\w*|\bsentir\w*|\bsentimientos?\b|\bemocional\w*|\bestado de ánimo\b"
    r"|\b(?:está|están|estaba|parece|parecen)\s+(?:\w+\s+)?(?:enfadad|feliz|felices|triste|"
    r"content|molest|asustad|decepcionad|aburrid)\w*",
    "ja": r"感じ(?:て|た|る)|気持ち|感情|気分|怒って|悲し(?:い|ん)|喜んで|嬉し|うれし|不満に思",
}
DENIED = {
    "en": r"\b(?:not|never|no|nobody|cannot|without|neither|nor)\b|n't\b",
    "de": r"\b(?:nicht|nie|niemals|kein\w*|niemand\w*|ohne|weder)\b",
    "es": r"\b(?:no|nunca|nadie|ningún|ninguna|sin)\b",
    "ja": r"ません|ない",
}
SENTENCE = re.compile(r"(?<=[.!?:;|。])\s+|\n\s*\n|\n(?=[-*|#])")


def said_to_feel(text: str, language: str) -> list[str]:
    """Sentences that say that somebody feels something."""
    found, denied = re.compile(PATTERNS[language], re.I), re.compile(DENIED[language], re.I)
    sentences = (" ".join(part.split()) for part in SENTENCE.split(text))
    return [s for s in sentences if found.search(s) and not denied.search(s)]


BAD = {
    "en": [
        "The shopper felt disgust.",
        "Shoppers are visibly angry at the price.",
        "She seems happy with it.",
        "3 unhappy customers today",
        "How this person feels",
        "Emotional response: strong",
        "The mood at the shelf",
    ],
    "de": [
        "Die Kundin fühlte sich betrogen.",
        "Der Kunde ist sehr wütend.",
        "Gefühle am Regal",
        "5 verärgerte Kunden",
        "Die Stimmung heute",
    ],
    "es": [
        "El cliente siente rechazo.",
        "La persona está muy enfadada.",
        "Sentimientos en el estante",
        "Parecen felices.",
    ],
    "ja": ["お客様は怒っています。", "商品への感情", "嬉しいお客様", "そのときの気持ち"],
}
GOOD = {
    "en": [
        "Put back after 12 s, brow lowered.",
        "A reading says what a face shows, not what anybody feels.",
        "happiness, anger and disgust are classes of the model",
        "People looked at the shelf. Smile, brow raised.",
    ],
    "de": ["Zurückgestellt nach 12 s, Braue gesenkt.", "Niemand weiß, was jemand fühlt."],
    "es": ["Devuelto tras 12 s, ceño bajado.", "No dice lo que siente nadie."],
    "ja": ["12秒後に棚に戻した、眉が下がった。"],
}


@pytest.mark.parametrize(("language", "text"), [(x, text) for x in BAD for text in BAD[x]])
def test_the_lint_finds_what_may_not_be_said(language, text):
    assert said_to_feel(text, language)


@pytest.mark.parametrize(("language", "text"), [(x, text) for x in GOOD for text in GOOD[x]])
def test_the_lint_lets_pass_what_may_be_said(language, text):
    assert said_to_feel(text, language) == []


def _leaves(value: object, language: str = "en") -> Iterator[tuple[str, str]]:
    """(language, text) of every text in JSON or TOML; keys that are languages name theirs."""
    if isinstance(value, str):
        yield language, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(part, key if key in PATTERNS else language)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part, language)


def _code(path: Path) -> Iterator[tuple[str, str]]:
    """Every text constant of a module, docstrings too (the command line shows them)."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield "en", re.sub(r'"[^"]*"', "", node.value)  # titles that are cited


OWN_WORDS = SOURCE / "lab" / "simulated" / "words.py"
"""What simulated shoppers write in answers is theirs."""


def _program() -> Iterator[tuple[str, str, str]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path.parent.name != "words" and path != OWN_WORDS:
            yield from ((str(path.relative_to(ROOT)), *found) for found in _code(path))
    for path in sorted([*SOURCE.rglob("*.html"), *SOURCE.glob("serve/static/js/*.js")]):
        bare = re.sub(r"\{[%{#].*?[%}#]\}|<[^>]*>", " ", path.read_text("utf-8"), flags=re.S)
        yield str(path.relative_to(ROOT)), "en", bare


def _data() -> Iterator[tuple[str, str, str]]:
    for language, words in CATALOGUES.items():
        yield from ((f"words {key}", language, text) for key, text in words.items())
    for path in sorted(SOURCE.glob("respond/forms/*.json")):
        yield from ((path.name, *found) for found in _leaves(json.loads(path.read_text("utf-8"))))
    for path in sorted(SOURCE.glob("privacy/**/*.toml")):
        language = path.stem if path.stem in PATTERNS else "en"
        told = _leaves(tomllib.loads(path.read_text("utf-8")))
        yield from ((path.name, language, text) for _, text in told)


def _documents() -> Iterator[tuple[str, str, str]]:
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md"):
        for path in sorted(ROOT.glob(pattern)):
            yield str(path.relative_to(ROOT)), "en", path.read_text("utf-8")


def test_nothing_says_that_a_person_feels_something():
    """All that people may read: where it stands, its language, the text."""
    texts = [*_program(), *_data(), *_documents()]
    assert {language for _, language, _ in texts} == set(PATTERNS)
    kinds = {Path(where).suffix for where, _, _ in texts}
    assert kinds >= {".py", ".html", ".js", ".json", ".toml", ".md"}
    wrong = [(where, s) for where, language, text in texts for s in said_to_feel(text, language)]
    assert wrong == []
