"""Units of measure: pieces for what is counted, kilograms, litres and metres for what is measured.

Codes are those of UN/ECE Recommendation 20 (as EDIFACT and GS1 use them) and what tills write.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

_NAMES = {
    "1": "piece pieces pc pcs pce ea each unit units stk stck stück stueck st h87 c62 nar u un",
    "12": "dozen dzn dz dutzend",
    "2": "pair pairs pr npr paar",
    "144": "gross gro",
    "1000": "mil thousand t3",
    "1 kg": "kg kgm kgs kilo kilogram kilograms kilogramm",
    "0.001 kg": "g gr grm gram grams gramm",
    "0.45359237 kg": "lb lbs lbr pound pounds",
    "0.028349523125 kg": "oz onz ounce ounces",
    "1 l": "l ltr lt liter litre liters litres",
    "0.01 l": "cl clt",
    "0.001 l": "ml mlt",
    "1 m": "m mtr meter metre meters metres",
    "0.01 m": "cm cmt",
}
_FACTORS = {
    name: Decimal(factor.split()[0]) for factor, names in _NAMES.items() for name in names.split()
} | {"": Decimal(1)}


def in_base(quantity: Decimal, unit: str, packs: Mapping[str, Decimal]) -> Decimal | None:
    """A quantity in pieces, kilograms, litres or metres; None for a unit that nobody explained.

    Args:
        quantity: In ``unit``.
        unit: As the source writes it; case does not matter.
        packs: Pieces in one of the source's own units (``{CT: 12}``); goes first.
    """
    wanted = unit.strip().lower()
    for name, pieces in packs.items():
        if name.lower() == wanted:
            return quantity * pieces
    factor = _FACTORS.get(wanted)
    return None if factor is None else quantity * factor
