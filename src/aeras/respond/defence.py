"""What looks odd about an answer. Nothing here turns anybody away: answers are marked, those that
look as if made by a machine are kept out of the figures, and the page says how many.

No third party, no puzzle, nothing stored on the person's device. Links are single-use and signed,
so that a flood has to begin with scanning.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable
from enum import StrEnum
from itertools import pairwise

MIN_S = 2.0
"""Seconds from a link's making to the answer below which nobody has read the form."""
SAME_CLIENT = 10
SAME_WINDOW_S = 3600.0
MAX_CLIENTS = 20_000


class Mark(StrEnum):
    """What is odd.

    ``TRAP``: a field was filled that people do not see. ``FAST``: sooner than anybody can read.
    ``REPEAT``: the eleventh about this item within an hour from one address and browser.
    ``LINE``: every scale got the same value. ``GIBBERISH``: the text is no text.

    A trap, or fast and repeated, keeps an answer out of the figures (`aeras.domain.kept.ASIDE`):
    phones of one model in one shop look alike, but do not answer within two seconds.
    """

    TRAP = "trap"
    FAST = "fast"
    REPEAT = "repeat"
    LINE = "line"
    GIBBERISH = "gibberish"


def marks_of(
    *, age_s: float | None, trap: str, repeated: bool, scales: Iterable[int], text: str
) -> tuple[Mark, ...]:
    """The marks of an answer.

    Args:
        age_s: Seconds since its link was made; None where there is no link.
        trap: Content of the field that people do not see.
        repeated: See `Repeats`.
        scales: Values of its scales.
        text: Its open answer.
    """
    odd = {
        Mark.TRAP: bool(trap),
        Mark.FAST: age_s is not None and age_s < MIN_S,
        Mark.REPEAT: repeated,
        Mark.LINE: straight(list(scales)),
        Mark.GIBBERISH: gibberish(text),
    }
    return tuple(mark for mark, found in odd.items() if found)


class Repeats:
    """Counts answers by client and item, in memory and under a key that is thrown away each day.

    Args:
        monotonic: Seconds.
        most: Within `SAME_WINDOW_S`.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, most: int = SAME_CLIENT
    ) -> None:
        self._monotonic = monotonic
        self._most = most
        self._key = secrets.token_bytes(32)
        self._key_until = 0.0
        self._seen: dict[bytes, list[float]] = {}
        self._lock = threading.Lock()

    def again(self, client: str, item: str) -> bool:
        """Counts an answer; whether there were too many before it. "" is nobody in particular."""
        if not client:
            return False
        with self._lock:
            now = self._monotonic()
            if now >= self._key_until:
                self._key, self._key_until = secrets.token_bytes(32), now + 86_400
                self._seen.clear()
            name = hmac.digest(self._key, f"{client}\0{item}".encode(), hashlib.sha256)[:16]
            times = [t for t in self._seen.pop(name, []) if t > now - SAME_WINDOW_S]
            self._seen[name] = [*times[-self._most :], now]
            if len(self._seen) > MAX_CLIENTS:
                del self._seen[next(iter(self._seen))]
            return len(times) >= self._most


def straight(scales: list[int]) -> bool:
    """Whether three or more scales all got the same value."""
    return len(scales) >= 3 and len(set(scales)) == 1  # noqa: PLR2004 - two alike say nothing


_ROWS: tuple[str, ...] = (
    "qwertyuiop",
    "qwertzuiopü",
    "azertyuiop",
    "asdfghjklöä",
    "qsdfghjklm",
    "zxcvbnm",
    "yxcvbnm",
)
_ROWS += ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю", "1234567890")
_NEIGHBOURS = {pair for row in _ROWS for way in (row, row[::-1]) for pair in pairwise(way)}
_VOWELS = frozenset("aeiouyаеиоуыэюя")  # noqa: RUF001 - Latin and Cyrillic
_SHORTEST = 6


def gibberish(text: str) -> bool:
    """Whether a text is no text in any language: one letter or pattern over and over, walks along
    the keyboard, or letters without vowels. Of other scripts than Latin and Cyrillic only the first
    is judged.
    """
    folded = unicodedata.normalize("NFD", text.lower())
    letters = [c for c in folded if c.isalnum()]
    if len(letters) < _SHORTEST:
        return False
    return _periodic("".join(letters)) or _walks(text.lower()) or _no_vowels(folded)


def _periodic(letters: str) -> bool:
    """A pattern of up to four letters, at least three times and over more than nine tenths."""
    size = len(letters)
    for period in range(1, 5):
        if size < max(3 * period, _SHORTEST):
            break
        same = sum(letters[i] == letters[i + period] for i in range(size - period))
        if same >= 0.9 * (size - period):
            return True
    return False


def _walks(text: str) -> bool:
    """More than half of the steps from letter to letter go to the key beside."""
    steps = [pair for word in re.findall(r"\w+", text) for pair in pairwise(word)]
    return len(steps) >= _SHORTEST - 1 and sum(p in _NEIGHBOURS for p in steps) > 0.6 * len(steps)


def _no_vowels(folded: str) -> bool:
    """More than half of the Latin and Cyrillic letters stand in long runs without a vowel."""
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    known = [c for c in plain if c.isalpha() and _known(c)]
    if len(known) < _SHORTEST:
        return False
    runs = re.findall(r"[^\W\d_]+", plain)
    bare = sum(
        len(run)
        for word in runs
        for run in re.split(f"[{''.join(sorted(_VOWELS))}]", word)
        if len(run) > _SHORTEST - 1 and all(map(_known, run))
    )
    return bare > len(known) / 2


def _known(letter: str) -> bool:
    return letter.isascii() or "\u0430" <= letter <= "\u044f"
