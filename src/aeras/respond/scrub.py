"""Light scrubbing of open answers before they are stored: control characters go, e-mail addresses,
links and phone numbers become a mark. Names are not recognised; the form asks not to give any.
"""

from __future__ import annotations

import re
import unicodedata

EMAIL_MARK = "[e-mail removed]"
LINK_MARK = "[link removed]"
NUMBER_MARK = "[number removed]"

_EMAIL = re.compile(r"[^\s@<>()\[\],;:]{1,64}\s?@\s?[^\s@<>()\[\],;:]{1,190}\.[^\W\d_]{2,24}")
_LINK = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])\+?\(?\d(?:[ \t./()\-\u2010-\u2015]{0,3}\d){6,18}(?!\w)")
_SPACES = re.compile(r"[ \t]{2,}")


def scrub(text: str) -> str:
    """The text without control characters, e-mail addresses, links and numbers of 7 to 19 digits
    (phones, cards, accounts). Full-width forms, as a Japanese keyboard types them, are folded to
    plain ones first (Unicode NFKC).
    """
    text = plain(text)
    text = _EMAIL.sub(EMAIL_MARK, text)
    text = _LINK.sub(LINK_MARK, text)
    return _NUMBER.sub(NUMBER_MARK, text)


def plain(text: str) -> str:
    """Printable text: NFKC, no control, format, private or unassigned characters, spaces folded."""
    folded = unicodedata.normalize("NFKC", text.replace("\r\n", "\n"))
    kept = "".join(c for c in folded if c == "\n" or unicodedata.category(c)[0] != "C")
    return _SPACES.sub(" ", kept).strip()
