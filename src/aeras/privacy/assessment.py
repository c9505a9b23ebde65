"""The impact assessment (GDPR Art. 35(7)) and the technical file (EU AI Act Annex IV).

Both are drafts made from the configuration in force and the models' cards; what only people can
judge is marked. Their words stand in ``documents/*.toml``, one file a language.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aeras.privacy.papers import INTEREST, Document, Facts, ModelFact, Part, Table, length_in_words

DOCUMENTS = Path(__file__).parent / "documents"
DOCUMENT_LANGUAGES = ("en", "de")


def impact_assessment(facts: Facts, language: str = "en") -> Document:
    """The data protection impact assessment, by the letters of GDPR Art. 35(7)."""
    draft = _Draft(facts, language)
    say = draft.say
    interest = INTEREST.get(facts.profile.name, "")
    basis = (
        say("dpia.need.basis_consent")
        if facts.consent
        else say("dpia.need.basis_interest", article=interest)
        if interest
        else draft.words["open"]
    )
    return Document(
        say("dpia.title"),
        draft.under(facts.dpia or say("never_said")),
        (
            draft.part(
                "dpia.what",
                say(
                    "dpia.what.cameras",
                    reading=say(f"dpia.what.reading_{'on' if facts.expression else 'off'}"),
                ),
                *(
                    say(f"dpia.what.{name}")
                    for name in ("steps", "purpose", "controller", "people")
                ),
            ),
            draft.part("dpia.settings", tables=(draft.settings(),)),
            draft.part("dpia.data", tables=(draft.table("data"),)),
            draft.part("dpia.access", tables=(draft.table("access"),)),
            draft.part("dpia.cameras", tables=(draft.cameras(),)),
            draft.part("dpia.models", say("dpia.models.text"), tables=(draft.models(),)),
            draft.part(
                "dpia.need",
                say("dpia.need.why"),
                say("dpia.need.basis", basis=basis),
                say(f"dpia.need.special_{'on' if facts.expression else 'off'}"),
                say("dpia.need.minimal"),
                say("dpia.need.rules"),
                tables=(draft.rules(),),
            ),
            draft.part("dpia.risks", say("dpia.risks.text"), tables=(draft.table("risks"),)),
            draft.part(
                "dpia.rights",
                say("dpia.rights.text"),
                *(say(f"objection.{way}") for way in facts.objection),
            ),
            draft.part(
                "dpia.signed",
                *(
                    say(f"dpia.signed.{name}")
                    for name in ("officer", "views", "prior", "rights", "reviewed")
                ),
            ),
        ),
        language,
    )


def technical_file(facts: Facts, language: str = "en") -> Document:
    """The technical documentation, by the headings of Annex IV of the EU AI Act."""
    draft = _Draft(facts, language)
    say = draft.say
    expression = next((m for m in facts.models if m.task == "expression"), None)
    card = Card(expression.card if expression else "")
    own = "no_expression" if expression is None else "ready_made" if card.text else "no_card"
    high = "high_risk" if facts.expression else "not_high"
    general = ("purpose", "version", "hardware", "interface", high)
    return Document(
        say("technical.title"),
        draft.under(say("technical.reference")),
        (
            draft.part(
                "technical.general",
                *(say(f"technical.general.{name}") for name in general),
                tables=(draft.settings(),),
            ),
            draft.part(
                "technical.elements",
                *(
                    say(f"technical.elements.{name}")
                    for name in ("design", "oversight", "changes", "security", own)
                ),
                points=card.paragraphs("Data", "Training", "Intended use", "Forbidden"),
                tables=(draft.models(),),
            ),
            draft.part(
                "technical.monitoring",
                say("technical.monitoring.limits"),
                *card.paragraphs("Limits"),
                *(
                    say(f"technical.monitoring.{name}")
                    for name in ("unintended", "logs", "input", "access")
                ),
                tables=(draft.table("access"), draft.cameras()),
            ),
            draft.part(
                "technical.metrics",
                say("technical.metrics.why"),
                say("technical.metrics.card") if card.text else "",
                points=tuple(f"{m.name}: {m.measured}" for m in facts.models),
                tables=card.tables(),
            ),
            draft.part(
                "technical.risks", say("technical.risks.text"), tables=(draft.table("risks"),)
            ),
            *(
                draft.part(f"technical.{name}", say(f"technical.{name}.text"))
                for name in ("changes", "standards", "declaration", "after")
            ),
        ),
        language,
    )


class _Draft:
    """The words of one language, with the facts of one site filled in."""

    def __init__(self, facts: Facts, language: str) -> None:
        self.facts = facts
        self.language = language
        self.words = _words(language)
        profile = facts.profile
        self._gaps: dict[str, object] = {
            "site": facts.site,
            "version": facts.version,
            "cameras": len(facts.cameras),
            "profile": profile.name,
            "profile_version": profile.version,
            "as_of": profile.as_of,
            "configuration": facts.configuration()[:16],
            "k": facts.k,
            "grain": length_in_words(self.words, facts.grain),
            "retention": length_in_words(self.words, facts.retention),
            "controller": facts.controller or self.words["open"].strip(),
            "jurisdiction": facts.jurisdiction or self.words["open"].strip(),
            "consent": facts.consent,
            "open": self.words["open"],
            "timezone": facts.timezone,
        }
        self._gaps["hours"] = self.hours()

    def say(self, key: str, **more: object) -> str:
        """The text of a dotted key."""
        found: Any = self.words
        for name in key.split("."):
            found = found[name]
        return str(found).format_map({**self._gaps, **more}).strip()

    def part(
        self, key: str, *text: str, points: tuple[str, ...] = (), tables: tuple[Table, ...] = ()
    ) -> Part:
        """A section under its heading, without what is empty."""
        return Part(self.say(f"{key}.heading"), tuple(t for t in text if t), points, tables)

    def under(self, reference: str) -> str:
        """What stands under the title."""
        note = f" {self.words['simulated']}" if self.facts.simulated else ""
        return self.say("under", reference=reference) + note

    def table(self, name: str) -> Table:
        """A table whose rows are words."""
        rows = [[cell.format_map(self._gaps) for cell in row] for row in self.words[name]["rows"]]
        return self.words[name]["head"], rows

    def settings(self) -> Table:
        """The settings in force."""
        facts = self.facts
        text, none = self.words["settings"], self.words["none"]
        chosen = {
            "profile": f"{facts.profile.title_in(self.language)} ({'; '.join(facts.profile.law)})",
            "expression": text["expression_on" if facts.expression else "expression_off"],
            "faces": text["faces_on" if facts.faces else "faces_off"],
            "hours": self.hours(),
            "k": self.say("settings.k_value"),
            "grain": str(self._gaps["grain"]),
            "retention": str(self._gaps["retention"]),
            "notice": facts.notice or none,
            "consent": facts.consent or none,
            "staff": self._yes(facts.staff_marker),
        }
        return text["head"], [(text[name], value) for name, value in chosen.items()]

    def hours(self) -> str:
        """When faces may be read, in this language."""
        text = self.words["hours"]
        if not self.facts.hours:
            return str(text["unsaid"])
        if self.facts.hours == "always":
            return str(text["always"])
        days: Mapping[str, str] = self.words["day"]
        named = re.sub(r"\b[a-z]+\b", lambda day: days.get(day[0], day[0]), self.facts.hours)
        return str(text["said"]).format(hours=named, timezone=self.facts.timezone)

    def cameras(self) -> Table:
        """The cameras and their zones."""
        return self.words["cameras"]["head"], [
            (c.id, c.role, str(c.staff), str(c.excluded), self._yes(c.simulated))
            for c in self.facts.cameras
        ]

    def models(self) -> Table:
        """The models that may be loaded."""
        return self.words["models"]["head"], [
            (m.name, m.task, m.title, m.sha256[:16], f"{m.source}; {m.licence}", m.measured)
            for m in self.facts.models
        ]

    def rules(self) -> Table:
        """The profile's rules and whether they are met."""
        met = {True: "yes", False: "no", None: "idle"}
        return self.words["rules"]["head"], [
            (r.why_in(self.language), r.cites, self.words["met"][met[r.met]], r.value)
            for r in self.facts.rules
        ]

    def _yes(self, value: bool) -> str:
        return str(self.words["yes" if value else "no"])


class Card:
    """A model card (Markdown) as it ships beside its model: paragraphs that start with a bold name,
    and tables.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def paragraphs(self, *names: str) -> tuple[str, ...]:
        """The paragraphs of these names, in this order; what the card lacks is left out."""
        found = {}
        for block in self.text.split("\n\n"):
            start = re.match(r"\*\*([^*]+?)\.?\*\*", block)
            if start:
                found[start[1]] = _plain(" ".join(block.split()))
        return tuple(found[name] for name in names if name in found)

    def tables(self) -> tuple[Table, ...]:
        """All tables; rows are made as long as their head."""
        found = []
        for block in re.findall(r"(?:^\|.*\n?)+", self.text, re.MULTILINE):
            rows = [
                [_plain(cell.strip()) for cell in line.strip().strip("|").split("|")]
                for line in block.splitlines()
            ]
            head, _, *body = rows
            found.append((head, [(row + [""] * len(head))[: len(head)] for row in body]))
        return tuple(found)


def card_of(model: ModelFact, folder: Path) -> str:
    """The text of a model's card, "" if none ships with this very file."""
    try:
        text = (folder / f"{model.name}-card.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    return text if model.sha256 in text else ""


def _plain(text: str) -> str:
    return re.sub(r"[*`]", "", text)


@cache
def _words(language: str) -> Mapping[str, Any]:
    return tomllib.loads((DOCUMENTS / f"{language}.toml").read_text(encoding="utf-8"))
