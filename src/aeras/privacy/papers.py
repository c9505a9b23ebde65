"""What shoppers are told and the officer signs, made from the configuration in force."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aeras.domain.oversight import PublicNotice, RuleState
from aeras.privacy.profiles import Profile

LANGUAGES = ("en", "de", "es", "ja")
NOTICES = Path(__file__).parent / "notices"
TEXT_VERSION = "1"
"""Raised when what the notice says changes in meaning, so that signs must be put up anew."""

INTEREST = {"eu": "GDPR Art. 6(1)(f)", "uk": "UK GDPR Art. 6(1)(f)"}
"""Legal basis by profile, where no consent is asked for."""


@dataclass(frozen=True, slots=True)
class CameraFact:
    """A camera: its id, role, how many zones of each kind it has, and a hash of their outlines."""

    id: str
    role: str
    excluded: int
    staff: int
    simulated: bool
    zones: str = ""


@dataclass(frozen=True, slots=True)
class ModelFact:
    """A model that may be loaded, from the list; ``card``: its card (Markdown), "" if none."""

    name: str
    task: str
    title: str
    sha256: str
    source: str
    licence: str
    measured: str
    card: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """The configuration that the papers describe.

    Attributes:
        site, timezone, language: Of the shop.
        version: Of AERAS.
        profile: The law profile.
        rules: Its rules and whether they are met.
        expression, faces: What is read.
        jurisdiction, controller, dpia, notice, consent: As in the site file, "" if not said.
        cameras, models: See there.
        hours: Opening hours in words, ``always`` or "" if not said.
        k: Visits below which a number is withheld.
        grain, retention: In words (``15 min``).
        url: Address of the public page for phones, "" if there is none.
        staff_marker: Whether staff wear something by which they are told.
        objection: Ways to be left alone by the cameras: ``card``, ``place``.
    """

    site: str
    timezone: str
    language: str
    version: str
    profile: Profile
    rules: tuple[RuleState, ...]
    expression: bool
    faces: bool
    jurisdiction: str
    controller: str
    dpia: str
    notice: str
    consent: str
    cameras: tuple[CameraFact, ...]
    models: tuple[ModelFact, ...]
    hours: str
    k: int
    grain: str
    retention: str
    url: str = ""
    staff_marker: bool = False
    objection: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether no camera films anybody."""
        return bool(self.cameras) and all(camera.simulated for camera in self.cameras)

    def told(self) -> dict[str, str]:
        """What the notice tells shoppers, by name; it is stale when one of these changes."""
        return {
            "site": self.site,
            "controller": self.controller,
            "jurisdiction": self.jurisdiction,
            "profile": f"{self.profile.name} {self.profile.version}",
            "expression": "on" if self.expression else "off",
            "cameras": ", ".join(sorted(f"{c.id} ({c.role})" for c in self.cameras)),
            "hours": self.hours,
            "retention": self.retention,
            "grain": self.grain,
            "k": str(self.k),
            "dpia": self.dpia,
            "consent": self.consent,
            "objection": ", ".join(self.objection),
            "text": TEXT_VERSION,
        }

    def configuration(self) -> str:
        """Hash (hex) of all that the assessment describes: what is told, the zones, the models."""
        return _digest(
            {
                **self.told(),
                "staff_marker": self.staff_marker,
                "notice": self.notice,
                "zones": [asdict(camera) for camera in self.cameras],
                "models": {model.name: model.sha256 for model in self.models},
            }
        )


@dataclass(frozen=True, slots=True)
class NoticeRecord:
    """What a printed notice said, kept beside it.

    Attributes:
        reference: ``privacy.notice`` when it was made.
        made_at: ISO time, UTC.
        told: See `Facts.told`.
    """

    reference: str
    made_at: str
    told: Mapping[str, str]

    def stale(self, facts: Facts) -> list[str]:
        """What has changed since, in words; empty if nothing has."""
        now = facts.told()
        changed = [
            f"{name} was {self.told.get(name) or 'not said'}, is {now.get(name) or 'not said'}"
            for name in {**now, **self.told}
            if self.told.get(name, "") != now.get(name, "")
        ]
        if self.reference != facts.notice:
            changed.insert(0, f"notice was {self.reference}, is {facts.notice or 'not said'}")
        return changed


def notice_text(facts: Facts, language: str) -> PublicNotice:
    """What shoppers are told on the public page."""
    words = _words(language)
    lengths = {name: length_in_words(words, getattr(facts, name)) for name in _LENGTHS}
    gaps = _gaps(facts) | lengths
    text = {key: value.format_map(gaps) for key, value in words["text"].items()}
    sections = {
        "what": [
            text["cameras"],
            text["expression_on" if facts.expression else "expression_off"],
            text["nobody"],
            text["staff"] if facts.expression else "",
            text["staff_marker"] if facts.staff_marker else "",
            text["hours"] if facts.hours not in ("", "always") else "",
        ],
        "kept": [text["kept"]],
        "why": [
            text["purpose"],
            text["controller"] if facts.controller else "",
            text["consent"] if facts.consent else "",
            text["interest"] if not facts.consent and facts.profile.name in INTEREST else "",
            text["assessment"] if facts.dpia else "",
        ],
        "object": [
            *(text[f"object_{way}"] for way in facts.objection),
            text["object"],
            text["no_record"],
            text["authority"] if facts.profile.name in INTEREST and facts.jurisdiction else "",
        ],
    }
    return PublicNotice(
        language,
        words["title"],
        words["lead"].format_map(gaps),
        tuple(
            (words["heading"][name], tuple(line for line in lines if line))
            for name, lines in sections.items()
        ),
        facts.simulated,
    )


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign in one language: what stands on the door and on the shelf."""

    language: str
    door: str
    shelf: str
    lines: tuple[str, ...]
    more: str


def sign(facts: Facts, language: str) -> Sign:
    """The words of the door and shelf signs."""
    words = _words(language)
    gaps = _gaps(facts)
    lines = [
        words["simulated"] if facts.simulated else "",
        words["expression_on" if facts.expression else "expression_off"],
        words["no_picture"],
        *(words[f"object_{way}_short"] for way in facts.objection),
        words["object_short"],
        words["who" if facts.controller else "who_open"].format_map(gaps),
    ]
    return Sign(
        language, words["door"], words["shelf"], tuple(x for x in lines if x), words["more"]
    )


def sign_languages(facts: Facts) -> tuple[str, ...]:
    """The site's own language first, then the others."""
    return tuple(sorted(LANGUAGES, key=lambda code: (code != facts.language, code != "en")))


_LENGTHS = ("grain", "retention")


def length_in_words(words: Mapping[str, Any], text: str) -> str:
    """``15 min`` with its unit in words."""
    number, _, unit = text.partition(" ")
    return f"{number} {words['unit'][unit]}"


def _gaps(facts: Facts) -> dict[str, object]:
    return {
        "site": facts.site,
        "controller": facts.controller,
        "cameras": len(facts.cameras),
        "grain": facts.grain,
        "retention": facts.retention,
        "k": facts.k,
        "consent": facts.consent,
        "dpia": facts.dpia,
        "jurisdiction": facts.jurisdiction,
        "article": INTEREST.get(facts.profile.name, ""),
    }


@cache
def _words(language: str) -> Mapping[str, Any]:
    return tomllib.loads((NOTICES / f"{language}.toml").read_text(encoding="utf-8"))


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


# --- documents ----------------------------------------------------------------------------------

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Head and rows."""


@dataclass(frozen=True, slots=True)
class Part:
    """A section: heading, then paragraphs, then a list, then tables."""

    heading: str
    text: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document to be rendered; ``language`` as BCP 47."""

    title: str
    under: str
    parts: tuple[Part, ...]
    language: str = "en"
