"""Light scrubbing of open answers before they are stored: control characters go, e-mail addresses,
links, phone numbers and names that are introduced as such ("my name is", "Frau", "Sr.", "さん")
become a mark. A bare name is not recognised; the form asks not to give any.
"""

from __future__ import annotations

import re
import unicodedata

EMAIL_MARK = "[e-mail removed]"
LINK_MARK = "[link removed]"
NUMBER_MARK = "[number removed]"
NAME_MARK = "[name removed]"

_EMAIL = re.compile(r"[^\s@<>()\[\],;:]{1,64}\s?@\s?[^\s@<>()\[\],;:]{1,190}\.[^\W\d_]{2,24}")
_LINK = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?<![A-Za-z\d_.])\+?\(?\d(?:[ \t./()\-\u2010-\u2015]{0,3}\d){6,18}(?![A-Za-z\d_])"
)
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w'\u2019-]*"
_PARTICLE = r"(?:(?:von|van|der|den|de|del|la|las|los|zu|y)\s+){0,3}"
_FULL = rf"{_CAPITAL}(?:[ \t]+{_PARTICLE}{_CAPITAL}){{0,3}}"
_INTRODUCED = (
    r"(?i:\b(?:my name is|i am called|signed|mein name ist|ich hei(?:ß|ss)e|me llamo|mi nombre es"
    r"|soy)\b:?\s+)"
)
_TITLE = (
    r"\b(?:[Mm]r|[Mm]rs|[Mm]s|[Mm]iss|[Dd]r|[Pp]rof|[Ff]rau|[Hh]errn?|[Ss]ra?|[Ss]e[nñ]ora?|[Dd]oña)\b"
    r"\.?\s+"
)
_NAMES = (
    re.compile(rf"({_INTRODUCED}){_PARTICLE}{_FULL}"),
    re.compile(rf"({_TITLE}){_PARTICLE}{_FULL}"),
    re.compile(
        r"((?:私の)?(?:名前|氏名)は\s*)[\u3040-\u30ff\u3400-\u9fff々ー]{1,10}?(?=です|と申|。|、|\s|$)"
    ),
    re.compile(
        r"()(?:[\u3400-\u9fff々]{1,4}|[\u30a0-\u30ff]{2,10})(?=さん|様|君|ちゃん)"
        r"(?<!店員)(?<!お客)(?<!客)(?<!皆)"
    ),
)
_SPACES = re.compile(r"[ \t]{2,}")


def scrub(text: str) -> str:
    """The text without control characters, e-mail addresses, links, introduced names and numbers of
    7 to 19 digits (phones, cards, accounts). Full-width forms, as a Japanese keyboard types them,
    are folded to plain ones first (Unicode NFKC).
    """
    text = plain(text)
    text = _EMAIL.sub(EMAIL_MARK, text)
    text = _LINK.sub(LINK_MARK, text)
    text = _NUMBER.sub(NUMBER_MARK, text)
    for name in _NAMES:
        text = name.sub(rf"\1{NAME_MARK}", text)
    return text


def plain(text: str) -> str:
    """Printable text: NFKC, no control, format, private or unassigned characters, spaces folded."""
    folded = unicodedata.normalize("NFKC", text.replace("\r\n", "\n"))
    kept = "".join(c for c in folded if c == "\n" or unicodedata.category(c)[0] != "C")
    return _SPACES.sub(" ", kept).strip()
