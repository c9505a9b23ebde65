"""What is on the package: GTINs, GS1 element strings and links, in-store codes of weighed goods."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from stdnum import ean

_GTIN = 14
_WEIGHT_AI = "310"
_IN_STORE = ("02", "002")
_ELEMENT = 16


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a code says: the GTIN (14 digits, of weighed goods with the measure set to 0), and for
    weighed goods kilograms or the price, where they stand in it.
    """

    gtin: str
    weight_kg: Decimal | None = None
    price: Decimal | None = None


def gtin14(text: str | None) -> str | None:
    """A GTIN-8, 12, 13 or 14 as 14 digits; None if it is none or the check digit is wrong."""
    digits = (text or "").strip().replace(" ", "").replace("-", "")
    if not digits.isdecimal() or not digits.isascii() or not ean.is_valid(digits):
        return None
    return digits.zfill(_GTIN)


@lru_cache(maxsize=65_536)
def scan(text: str, region: str | None) -> Scanned | None:
    """What a code says; None if it is no code of GS1.

    Args:
        text: Digits, a GS1 element string (``(01)...`` or with its symbology identifier) or a GS1
            Digital Link.
        region: See `aeras.connect.port.Options`; without it the codes of weighed goods are taken
            as they are.
    """
    plain = gtin14(text)
    if plain is not None:
        return _in_store(plain, region) or Scanned(plain)
    import biip  # noqa: PLC0415 - slow to load, and most shops' tills send plain GTINs
    from biip.gs1_messages import GS1Message  # noqa: PLC0415

    try:
        if text.startswith("("):
            message: GS1Message | None = GS1Message.parse_hri(text)
            gtin = None
        elif text.startswith(("]", "http")) or (text.startswith("01") and len(text) >= _ELEMENT):
            found = biip.parse(text)
            message, gtin = found.gs1_message, found.gtin
        else:
            return None
    except biip.ParseError:
        return None
    whole = message.element_strings.get(ai="01") if message else None
    weight = message.element_strings.get(ai=_WEIGHT_AI) if message else None
    gtin = gtin or (whole.gtin if whole else None)
    return Scanned(gtin.as_gtin_14(), weight.decimal if weight else None) if gtin else None


def _in_store(gtin: str, region: str | None) -> Scanned | None:
    """A code that a shop printed on weighed goods, by its country's rules."""
    if region is None or not gtin.startswith(_IN_STORE):
        return None
    import biip  # noqa: PLC0415 - as above
    from biip.rcn import Rcn, RcnRegion  # noqa: PLC0415

    config = biip.ParseConfig(
        rcn_region=RcnRegion[region.upper()], rcn_verify_variable_measure=False
    )
    try:
        found = biip.parse(gtin.removeprefix("0"), config=config).gtin
        if not isinstance(found, Rcn) or (found.weight is None and found.price is None):
            return None
        whole = found.without_variable_measure()
    except (biip.ParseError, biip.EncodeError):
        return None
    return Scanned(whole.as_gtin_14(), found.weight, found.price)
