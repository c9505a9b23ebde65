"""Every word the pages say, by key; a module for each language and part of the pages. Never says
what a person feels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale

if TYPE_CHECKING:
    from aeras.domain.published import Fact, Rate
    from aeras.serve.schemas import LiveOut

PARTS = (
    *("", "site_", "triggers_", "people_", "forms_", "channels_", "map_"),
    *("topics_", "reports_", "connectors_", "insight_", "placement_"),
)
"""Modules of each language, ``<part><language>.py``."""

LANGUAGES = ("en", "de", "es", "ja")
DEFAULT = "en"


def _catalogue(language: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for part in PARTS:
        words |= import_module(f"{__name__}.{part}{language}").WORDS
    return words


CATALOGUES: dict[str, Mapping[str, str]] = {code: _catalogue(code) for code in LANGUAGES}

NAMES = {"en": "English", "de": "Deutsch", "es": "Español", "fr": "Français", "ja": "日本語"}
DASH = "\N{EN DASH}"

SHOWN_REASONS = 2
"""A feed line names at most this many reasons."""


def choose(accept: str, offered: tuple[str, ...]) -> str:
    """The best offered language for an Accept-Language header (RFC 9110), else the first offered.

    Args:
        accept: The header's value; parts that cannot be read are skipped.
        offered: BCP 47 codes.
    """
    wanted: list[tuple[float, str]] = []
    for part in accept[:500].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((float(weight or 1), tag.lower()))
        except ValueError:
            continue
    for _, tag in sorted(wanted, key=lambda pair: -pair[0]):
        for code in offered:
            if tag in (code.lower(), "*") or tag.split("-")[0] == code.lower().split("-")[0]:
                return code
    return offered[0]


class _Form(NamedTuple):
    """How a language writes numbers, by Unicode's locale data.

    Attributes:
        signs: Maps the English decimal point and thousands' comma to its own.
        gap: What stands before the per cent sign.
        plural: Unicode's plural category of a number, such as ``one``.
    """

    signs: dict[int, str]
    gap: str
    plural: Callable[[object], str]


@lru_cache
def _form(language: str) -> _Form:
    locale = Locale.parse(language)
    symbols = locale.number_symbols["latn"]
    signs = {ord("."): symbols["decimal"], ord(","): symbols["group"]}
    gap = " " if locale.percent_formats[None].pattern.endswith("\N{NO-BREAK SPACE}%") else ""
    rule = locale.plural_form
    return _Form(signs, gap, lambda n: str(rule(n)) if isinstance(n, int | float) else "other")


class Words:
    """One language's words, numbers and dates.

    Args:
        language: A key of `CATALOGUES`.
        timezone: IANA zone in which times are shown.
        now: UTC, for "5 min ago".
        currency: ISO 4217 code.
    """

    def __init__(self, language: str, timezone: str, now: datetime, currency: str = "EUR") -> None:
        self.language = language if language in CATALOGUES else DEFAULT
        self._words = CATALOGUES[self.language]
        self._form = _form(self.language)
        self._zone = ZoneInfo(timezone)
        self._now = now
        self._currency = currency

    def t(self, key: str, **values: object) -> str:
        """The text of a key; ``one|many`` is chosen by ``n``. An unknown key raises KeyError."""
        text = self._words[key]
        if "|" in text:
            one, many = text.split("|")
            text = one if self._form.plural(values.get("n")) == "one" else many
        shown = {k: self.num(v) if isinstance(v, int) else v for k, v in values.items()}
        return text.format(**shown)

    def has(self, key: str) -> bool:
        """Whether the key exists."""
        return key in self._words

    def or_plain(self, prefix: str, code: str) -> str:
        """The word for a code, or the code with blanks for underscores."""
        return self._words.get(f"{prefix}.{code}", code.replace("_", " "))

    def script_words(self) -> dict[str, str]:
        """The words that scripts need."""
        return {k[3:]: v for k, v in self._words.items() if k.startswith("js.")}

    def fact(self, fact: Fact) -> str:
        """A line of evidence, with its numbers as this language writes them."""
        key, _, code = fact.key.partition(":")
        name = {"name": self.or_plain("reason", code)} if code else {}
        return self.t(key, **name, **{k: self._amount(k, v) for k, v in fact.values.items()})

    def _amount(self, name: str, value: float) -> str:
        if name.endswith("_share"):
            return self.pct(value)
        if not name.endswith("_h"):
            return self.num(value)
        if value < 2:  # noqa: PLR2004 - reads better
            return f"{self.num(value * 60)} min"
        return self.t("span.days", n=round(value / 24)) if value >= 48 else f"{value:g} h"  # noqa: PLR2004

    def num(self, value: float | None, digits: int = 0) -> str:
        """A number as this language writes it; the word for withheld if None."""
        if value is None:
            return self._words["withheld"]
        text = f"{value:,.{digits}f}"
        return text.translate(self._form.signs)

    def pct(self, share: float | None, digits: int = 0) -> str:
        """A share as per cent."""
        if share is None:
            return self._words["withheld"]
        return f"{self.num(share * 100, digits)}{self._form.gap}%"

    def interval(self, rate: Rate) -> str:
        """An interval as per cent, ``24-41 %``."""
        low, high = self.num(rate.low * 100), self.pct(rate.high)
        return f"{low}{DASH}{high}"

    def price(self, minor: int | None) -> str:
        """A price in minor units."""
        return "" if minor is None else f"{self.num(minor / 100, 2)} {self._currency}"

    def on(self, day: date) -> str:
        """A day, the month in words."""
        month = self._words[f"month.{day.month}"]
        return self.t("date", d=str(day.day), m=month, y=str(day.year))

    def span(self, first: date, last: date) -> str:
        """A range of days."""
        if first == last:
            return self.on(first)
        return self.t("span", first=self.on(first), last=self.on(last))

    def moment(self, at: datetime, hourly: bool) -> str:
        """The hour or day that starts at ``at``, in the site's zone."""
        local = at.astimezone(self._zone)
        return f"{self.on(local)}, {local:%H:%M}" if hourly else self.on(local)

    def second(self, at: datetime) -> str:
        """A moment to the second, in the site's zone."""
        local = at.astimezone(self._zone)
        return f"{self.on(local)}, {local:%H:%M:%S}"

    def ago(self, at: datetime) -> str:
        """How long ago, roughly."""
        seconds = (self._now - at).total_seconds()
        for limit, size, key in (
            (90, 0, "ago.now"),
            (90 * 60, 60, "ago.minutes"),
            (36 * 3600, 3600, "ago.hours"),
        ):
            if seconds < limit:
                return self.t(key, n=round(seconds / size) if size else 0)
        return self.t("ago.days", n=round(seconds / 86400))

    def live(self, message: LiveOut) -> LiveOut:
        """The message with its line in words."""
        line = _LINES.get(message.type)
        return message.model_copy(update={"text": line(self, message) if line else None})

    def event_line(self, message: LiveOut) -> str:
        """``Put back - Oat milk, held 5-15 s, brow lowered``."""
        name = message.item_name or message.item or message.fixture_name or message.fixture or ""
        parts = [self.t("live.event", kind=self.or_plain("kind", message.kind or ""), name=name)]
        length = (message.dwell or "").replace("-", DASH)
        key = f"live.length.{message.kind}"
        if length and self.has(key):
            parts.append(self.t(key, length=length))
        return ", ".join(part for part in [*parts, *self._reasons(message)] if part)

    def _reasons(self, message: LiveOut) -> list[str]:
        """The strongest reasons: codes in this language, or words that came ready; those that
        only repeat the length are left out.
        """
        length = (message.dwell or "-").removesuffix(" s")
        words = [self.or_plain("reason", code) for code in message.reasons]
        return [word for word in words if word and length not in word][:SHOWN_REASONS]

    def trigger_line(self, message: LiveOut) -> str:
        """A trigger opened, or moved on."""
        if message.state:
            name, stage = message.item_name or message.item or "", self.t(f"stage.{message.state}")
            return self.t("live.trigger.moved", name=name, stage=stage, dash=DASH)
        return self.t("live.trigger", name=message.item_name or message.item or "")

    def answer_line(self, message: LiveOut) -> str:
        """An answer came in."""
        return self.t("live.answer", name=message.item_name or message.item or "")

    def camera_line(self, message: LiveOut) -> str:
        """A camera changed its state."""
        state = self.or_plain("camera", message.state or "")
        return self.t("live.camera", name=message.camera or "", state=state)


def _shelf_line(words: Words, message: LiveOut) -> str:
    """A facing became empty, low or full."""
    name = message.item_name or message.facing or ""
    line = words.t(f"live.shelf.{message.level}", name=name)
    return f"{line} ({message.fixture_name})" if message.fixture_name else line


_LINES = {
    "shelf": _shelf_line,
    "event": Words.event_line,
    "trigger": Words.trigger_line,
    "answer": Words.answer_line,
    "camera": Words.camera_line,
}
