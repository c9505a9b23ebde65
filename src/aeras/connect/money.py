"""Amounts: from what a source tells to hundredths of the site's currency, tax included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

_HUNDREDTH = Decimal("0.01")


def rate_to(site: str, currency: str, rates: Mapping[str, Decimal]) -> Decimal | None:
    """What one unit of a currency is worth in the site's; None if nobody said."""
    return Decimal(1) if currency == site else rates.get(currency)


def hundredths(amount: Decimal) -> int:
    """An amount in hundredths of its currency, halves to even. Every currency alike: AERAS keeps
    all amounts so, those without a smaller coin (yen) too.
    """
    return int(amount.quantize(_HUNDREDTH, ROUND_HALF_EVEN) * 100)


def shared_out(total: int, weights: Sequence[Decimal]) -> list[int]:
    """Whole parts of a total, in proportion to the weights; they add up to it exactly.

    Args:
        total: What is shared out; may be below 0.
        weights: At least one; none below 0. All 0 means equal parts.
    """
    if not any(weights):
        weights = [Decimal(1)] * len(weights)
    whole, parts, given, reached = sum(weights), [], 0, Decimal(0)
    for weight in weights:
        reached += weight
        until = int((Decimal(total) * reached / whole).quantize(Decimal(1), ROUND_HALF_EVEN))
        parts.append(until - given)
        given = until
    return parts
