"""What to look at first in words, for the overview and for the report."""

from __future__ import annotations

from aeras.domain.attention import Thing
from aeras.domain.published import Rate, Totals
from aeras.serve.words import Words


def evidence(words: Words, thing: Thing, k: int) -> list[str]:
    """What a finding rests on, line by line."""
    lines = [words.fact(fact) for fact in thing.facts[:2]]
    if thing.rate:
        lines.append((rated if thing.kind == "answers" else _rejected)(words, thing.rate))
    if thing.choice:
        lines.append(words.t("look.answers.choice", choice=words.or_plain("choice", thing.choice)))
    if thing.place:
        place = words.or_plain("camera", thing.place) if thing.kind == "camera" else thing.place
        lines.append(place)
    if thing.since:
        lines.append(words.t("look.since", when=words.moment(thing.since, True)))
    if thing.affected is None:
        lines.append(words.t("look.affected.few", k=k))
    else:
        lines.append(words.t("look.affected", n=max(1, round(thing.affected))))
    return lines


def rated(words: Words, rate: Rate) -> str:
    """A mean rating."""
    value, low, high = (words.num(v, 1) for v in (rate.value, rate.low, rate.high))
    return words.t("look.answers.rate", value=value, low=low, high=high, n=rate.n)


def _rejected(words: Words, rate: Rate) -> str:
    value, interval = words.pct(rate.value), words.interval(rate)
    return words.t("look.rejected", value=value, n=rate.n, interval=interval)


def nothing(words: Words, totals: Totals) -> list[str]:
    """That there is nothing to look at, and how much could not be told."""
    lines = [words.t("look.none.text")]
    unclear = totals.numbers.unclear
    if unclear:
        share = words.pct(unclear.value)
        lines.append(words.t("look.none.unclear", n=unclear.n, share=share))
    if totals.items_withheld:
        lines.append(words.t("look.none.withheld", n=totals.items_withheld))
    return lines
