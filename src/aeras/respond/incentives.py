"""Codes as a thank-you for an answer: each once, and none says who answered.

Codes of an imported list are given one after the other. Codes that are made here carry the month in
which they end and a signature, so that none has to be stored before it is used. In both cases the
code hangs on the receipt, whose plain text nobody stores: sending the same answer again gives
the same code, and a code that is used at the till leads to no answer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from aeras.domain.asking import AskingBook, Reward
from aeras.domain.errors import InputError
from aeras.domain.ports import Clock
from aeras.respond.channels import Id

_BODY, _MAC = 7, 5
"""Bytes: two for the month, five at random (40 bits), five of signature."""
_EPOCH_YEAR = 2000
_LISTED_KEPT = timedelta(days=3650)
_CODE = re.compile(r"[A-Za-z0-9-]{4,64}")


class IncentiveOptions(BaseModel):
    """One of ``incentives``.

    Attributes:
        id: Unique among the site's.
        survey: Whose answers get a code.
        kind: ``list``: imported codes; ``made``: signed here.
        months: A made code can be used until the end of so many months after this one.
        text: What it is good for, by language.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: Id
    survey: str
    kind: Literal["list", "made"] = "made"
    months: int = Field(default=2, ge=0, le=24)
    text: dict[str, str] = Field(min_length=1)


class Redeemed(StrEnum):
    """What became of a code at the till."""

    TAKEN = "taken"
    USED = "used"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class Incentives:
    """Gives codes and takes them back.

    Args:
        options: Of the site; of several with one survey the first counts.
        book: Where lists and used codes are kept.
        secret: Signs made codes.
        clock: UTC.
    """

    def __init__(
        self, options: Sequence[IncentiveOptions], *, book: AskingBook, secret: str, clock: Clock
    ) -> None:
        self._options = tuple(options)
        self._book = book
        self._secret = secret.encode()
        self._clock = clock

    def reward(self, survey: str, receipt: str, language: str) -> Reward | None:
        """The code for an answer, the same one for the same receipt; None if there is none."""
        for option in self._options:
            if option.survey != survey:
                continue
            claim = self._claim(receipt)
            if option.kind == "made":
                code: str | None = self._made(option, claim)
            else:
                code = self._book.claim_code(option.id, claim.hex())
            if code is not None:
                texts = option.text
                return Reward(code, texts.get(language) or next(iter(texts.values())))
        return None

    def add(self, campaign: str, codes: Sequence[str]) -> int:
        """Stores a list of codes for a campaign; how many were new. InputError for what is none."""
        option = next((o for o in self._options if o.id == campaign), None)
        if option is None or option.kind != "list":
            known = ", ".join(o.id for o in self._options if o.kind == "list") or "none"
            raise InputError(
                f"there is no incentive {campaign[:64]!r} of kind list", todo=f"Known: {known}"
            )
        cleaned = [code.strip() for code in codes if code.strip()]
        odd = next((c for c in cleaned if not _CODE.fullmatch(c)), None)
        if odd is not None:
            raise InputError(
                f"{odd[:64]!r} is no code: expected 4 to 64 letters, digits and dashes, one a line"
            )
        return self._book.add_codes(campaign, cleaned)

    def redeem(self, code: str) -> Redeemed:
        """Takes a code at the till, once."""
        code = code.strip()
        body = self._read(code)
        if body is not None:
            ends = _end_of(int.from_bytes(body[:2]))
            if ends <= self._clock():
                return Redeemed.EXPIRED
            mark = body[2:]  # the month depends on when it was shown
        elif _CODE.fullmatch(code) and self._book.code_given(code):
            ends, mark = self._clock() + _LISTED_KEPT, code.encode()
        else:
            return Redeemed.UNKNOWN
        used = hashlib.sha256(b"code:" + mark).hexdigest()
        return Redeemed.TAKEN if self._book.redeem_code(used, ends) else Redeemed.USED

    def _claim(self, receipt: str) -> bytes:
        return self._keyed(b"claim:" + re.sub(r"[\s-]", "", receipt).upper().encode())

    def _made(self, option: IncentiveOptions, claim: bytes) -> str:
        now = self._clock()
        month = (now.year - _EPOCH_YEAR) * 12 + now.month - 1 + option.months
        body = month.to_bytes(2) + claim[:5]
        code = base64.b32encode(body + self._keyed(b"code:" + body)[:_MAC]).decode().rstrip("=")
        return "-".join(code[i : i + 5] for i in range(0, len(code), 5))

    def _read(self, code: str) -> bytes | None:
        """The body of a code that was made here."""
        letters = re.sub(r"[\s-]", "", code).upper()
        try:
            raw = base64.b32decode(letters + "=" * (-len(letters) % 8))
        except (binascii.Error, ValueError):
            return None
        body, mac = raw[:_BODY], raw[_BODY:]
        right = hmac.compare_digest(mac, self._keyed(b"code:" + body)[:_MAC])
        return body if len(raw) == _BODY + _MAC and right else None

    def _keyed(self, text: bytes) -> bytes:
        return hmac.digest(self._secret, text, hashlib.sha256)


def _end_of(month: int) -> datetime:
    """The first moment after a month that is counted from January 2000."""
    year, index = divmod(month + 1, 12)
    return datetime(_EPOCH_YEAR + year, index + 1, 1, tzinfo=UTC)
