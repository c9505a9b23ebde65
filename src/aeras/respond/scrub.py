"""Light scrubbing of open answers before they are stored: control characters go, e-mail addresses,
links, handles, phone numbers and names become a mark. A name is known by what stands around it ("my
name is", "Frau", "Sr.", "さん"), or by a list of common given names (with the family name behind
it) and Japanese family names. A rarer name by itself, one in small letters, and a number in words
are not recognised: the form asks not to give any. Measured in tests/respond/test_scrub.py.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources

EMAIL_MARK = "[e-mail removed]"
LINK_MARK = "[link removed]"
NUMBER_MARK = "[number removed]"
NAME_MARK = "[name removed]"
HANDLE_MARK = "[handle removed]"

_EMAIL = re.compile(r"[^\s@<>()\[\],;:]{1,64}\s?@\s?[^\s@<>()\[\],;:]{1,190}\.[^\W\d_]{2,24}")
_AT = r"(?:[(\[{]\s?(?:at|@|ät|arroba)\s?[)\]}]|(?<=\s)(?:at|ät|arroba|アット(?:マーク)?)(?=\s))"
_DOT = r"(?:[(\[{]\s?(?:dot|punkt|punto)\s?[)\]}]|(?<=\s)(?:dot|punkt|punto|ドット)(?=\s)|\.)"
_ENDS = "com|de|net|org|es|jp|uk|eu|info|io|ch|at|fr|it|nl|pl|mx|ar|us|dev|app|me"
_SPELT = re.compile(
    rf"[^\s@<>()\[\],;:]{{1,64}}\s?{_AT}\s?[\w-]{{1,63}}(?:\s?{_DOT}\s?[\w-]{{2,63}}){{0,2}}"
    rf"\s?{_DOT}\s?(?:{_ENDS})\b",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<![\w@.])@[A-Za-z0-9_][\w.]{2,29}")
_LINK = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?<![A-Za-z\d_.])\+?\(?\d(?:[ \t./()\-\u2010-\u2015]{0,3}\d){6,18}(?![A-Za-z\d_])"
)
_LETTER = r"[A-ZÀ-ÖØ-Þ]"
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
_WORD = re.compile(rf"(?<![\w.])({_LETTER}\w*(?:-{_LETTER}\w*)?)((?:[ \t]+{_PARTICLE}{_CAPITAL})?)")
_JAPANESE = (
    "佐藤|鈴木|高橋|田中|伊藤|渡辺|山本|中村|小林|加藤|吉田|山田|佐々木|山口|松本|井上|木村|斎藤|齋藤|"
    "山崎|阿部|池田|橋本|石川|前田|藤田|小川|後藤|岡田|長谷川|近藤|村上|遠藤|青木|坂本|斉藤|藤井|西村|"
    "太田|岡本|三浦|藤原|松田|中島|中川|原田|小野|竹内|金子|和田|中山|石田|上田|森田"
)
_FAMILY = re.compile(
    rf"(?<![\u3400-\u9fff々])(?:{_JAPANESE})[ \u3400-\u9fff々]{{0,3}}(?![\u3400-\u9fff々])"
)
_SPACES = re.compile(r"[ \t]{2,}")


def scrub(text: str) -> str:
    """The text without control characters, e-mail addresses, links, introduced names and numbers of
    7 to 19 digits (phones, cards, accounts). Full-width forms, as a Japanese keyboard types them,
    are folded to plain ones first (Unicode NFKC).
    """
    text = plain(text)
    text = _EMAIL.sub(EMAIL_MARK, text)
    text = _SPELT.sub(EMAIL_MARK, text)
    text = _LINK.sub(LINK_MARK, text)
    text = _HANDLE.sub(HANDLE_MARK, text)
    text = _NUMBER.sub(NUMBER_MARK, text)
    for name in _NAMES:
        text = name.sub(rf"\1{NAME_MARK}", text)
    text = _WORD.sub(_without_given_name, text)
    return _FAMILY.sub(NAME_MARK, text)


def _without_given_name(found: re.Match[str]) -> str:
    first, rest = found.groups()
    plain_letters = unicodedata.normalize("NFD", first.split("-")[0].replace("ß", "ss"))
    bare = "".join(c for c in plain_letters if not unicodedata.combining(c))
    return NAME_MARK if bare in _given_names() else first + rest


@cache
def _given_names() -> frozenset[str]:
    held = resources.files("aeras.respond").joinpath("given_names.txt").read_text("utf-8")
    return frozenset(held.partition("\n")[2].split())


def plain(text: str) -> str:
    """Printable text: NFKC, no control, format, private or unassigned characters, spaces folded."""
    folded = unicodedata.normalize("NFKC", text.replace("\r\n", "\n"))
    kept = "".join(c for c in folded if c == "\n" or unicodedata.category(c)[0] != "C")
    return _SPACES.sub(" ", kept).strip()
