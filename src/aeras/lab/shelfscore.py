"""Compares what the shelf said happened with what did; pure counting, no video.

A found event counts when its kind is right and its time near enough; each matches at most one true
event. The item is judged among the matched only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from aeras.domain.kept import Kind

HANDLED = frozenset({Kind.TAKE, Kind.PUT_BACK})
TOUCH = "touch"
TOUCH_S = 0.3
"""A reach matches a touch whose contact, widened by this much, it overlaps."""
_SCORED, _ITEM, _UNSCORED = 1000.0, 1.0, 0.1
"""What a match is worth: first as many as can be, then right items, then doubtful true events."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Seconds by which a time may be off.

    Attributes:
        take_s: A take, either way from the item leaving its place.
        early_s: A put back, before the item is down.
        late_s: A put back, after the hand let go.
    """

    take_s: float
    early_s: float
    late_s: float


LOOSE = Tolerance(0.7, 0.7, 0.7)
STRICT = Tolerance(0.5, 0.3, 0.5)


@dataclass(frozen=True, slots=True)
class Truth:
    """A true event: ``take``, ``put_back`` or ``touch``.

    Attributes:
        from_s, to_s: take: first contact to the item leaving; put_back: item down to hand released;
            touch: contact.
        scored: False for an event that the annotator was not sure of: it may be found or not.
    """

    kind: str
    item: str
    from_s: float
    to_s: float
    scored: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """An interaction as far as it is compared."""

    kind: str
    item: str | None
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What adds up over clips; ``wrong_item`` and ``no_item`` are of the matched."""

    seconds: float = 0.0
    hits: int = 0
    missed: int = 0
    false: int = 0
    wrong_item: int = 0
    no_item: int = 0
    strict_hits: int = 0
    strict_missed: int = 0
    strict_false: int = 0
    touches_found: int = 0
    touches_missed: int = 0
    touches_false: int = 0

    def __add__(self, other: Counts) -> Counts:
        names = [field.name for field in fields(Counts)]
        return Counts(*(getattr(self, name) + getattr(other, name) for name in names))


@dataclass(frozen=True, slots=True)
class Row:
    """One true or found event of a clip and what became of it, for reading by eye."""

    outcome: str
    true: Truth | None = None
    found: Found | None = None

    def line(self) -> str:
        """Such as ``missed  take cream_jar at 3.20``."""
        parts = [f"{self.outcome:10}"]
        if self.true:
            span = f"{self.true.from_s:.2f}-{self.true.to_s:.2f}"
            parts.append(f"{self.true.kind} {self.true.item} at {span} s")
        if self.found:
            span = f"{self.found.start_s:.2f}-{self.found.end_s:.2f}"
            told = "told " if self.true else ""
            parts.append(f"{told}{self.found.kind} {self.found.item or '(fixture)'} at {span} s")
        return "  ".join(parts)


def compare(
    truth: Sequence[Truth], found: Sequence[Found], seconds: float, *, items: bool = True
) -> tuple[Counts, list[Row]]:
    """One clip.

    Args:
        truth: Its true events.
        found: What the shelf told, any kinds.
        seconds: Its length.
        items: Whether items can be told at all; without, no item is wrong.
    """
    true = [event for event in truth if event.kind in HANDLED]
    told = [one for one in found if one.kind in HANDLED]
    pairs = match(true, told, LOOSE)
    hits = [(i, j) for i, j in pairs if true[i].scored]
    missed = [e for i, e in enumerate(true) if e.scored and i not in {i for i, _ in pairs}]
    false = [one for j, one in enumerate(told) if j not in {j for _, j in pairs}]
    wrong = [(i, j) for i, j in hits if items and told[j].item not in {None, true[i].item}]
    none = sum(items and told[j].item is None for _, j in hits)
    strict = match(true, told, STRICT)
    strict_hits = sum(true[i].scored for i, _ in strict)
    touches = _touches(truth, found)
    counts = Counts(
        seconds,
        len(hits),
        len(missed),
        len(false),
        len(wrong),
        none,
        strict_hits,
        sum(event.scored for event in true) - strict_hits,
        len(told) - len(strict),
        *touches,
    )
    rows = [Row("wrong item" if p in wrong else "found", true[p[0]], told[p[1]]) for p in hits]
    rows += [Row("missed", event) for event in missed]
    rows += [Row("false", found=one) for one in false]
    return counts, sorted(rows, key=_when)


@dataclass(frozen=True, slots=True)
class Tally:
    """Things of one kind: how many were found, were missed, and were told and are not so."""

    found: int = 0
    missed: int = 0
    false: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.found + other.found, self.missed + other.missed, self.false + other.false)


def tally(truth: Sequence[Truth], found: Sequence[Found], kind: str) -> Tally:
    """What stands beside takes and put backs (misplaced, knocked over): right where the time, as
    of a put back, and the item are.
    """
    true = [replace(e, kind=Kind.PUT_BACK) for e in truth if e.kind == kind]
    told = [replace(one, kind=Kind.PUT_BACK) for one in found if one.kind == kind]
    right = sum(true[i].item == told[j].item for i, j in match(true, told, LOOSE))
    return Tally(right, len(true) - right, len(told) - right)


def match(
    truth: Sequence[Truth], found: Sequence[Found], tolerance: Tolerance
) -> list[tuple[int, int]]:
    """The best one-to-one matches, as pairs of indices."""
    worth = np.array([[_worth(e, one, tolerance) for one in found] for e in truth])
    worth = worth.reshape(len(truth), len(found))
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if worth[i, j] > 0]


def _worth(event: Truth, one: Found, tolerance: Tolerance) -> float:
    if event.kind != one.kind:
        return 0.0
    if event.kind == Kind.TAKE:
        fits = abs(one.end_s - event.to_s) <= tolerance.take_s
    else:
        early, late = event.from_s - tolerance.early_s, event.to_s + tolerance.late_s
        fits = early <= one.start_s <= late
    if not fits:
        return 0.0
    return (_SCORED if event.scored else _UNSCORED) + _ITEM * (event.item == one.item)


def _touches(truth: Sequence[Truth], found: Sequence[Found]) -> tuple[int, int, int]:
    """Touches found, touches missed, and reaches where nothing at all was handled."""
    reaches = [one for one in found if one.kind == Kind.REACH]
    touches = [event for event in truth if event.kind == TOUCH and event.scored]
    hit = sum(any(_overlap(event, one) for one in reaches) for event in touches)
    false = sum(not any(_overlap(event, one) for event in truth) for one in reaches)
    return hit, len(touches) - hit, false


def _overlap(event: Truth, one: Found) -> bool:
    return one.start_s <= event.to_s + TOUCH_S and event.from_s - TOUCH_S <= one.end_s


def _when(row: Row) -> float:
    one = row.true or row.found
    if isinstance(one, Truth):
        return one.to_s
    return one.end_s if one else 0.0


def figures(
    groups: Sequence[Iterable[Counts]], *, items: bool = True, seed: int = 0
) -> dict[str, float | int | list[float] | None]:
    """F1 and the rest over all clips, with a 95 % interval by bootstrap over groups.

    Args:
        groups: Counts of clips; clips that show the same moments stand in one group.
        items: Whether items could be told.
        seed: Of the bootstrap.
    """
    sums = [sum(group, Counts()) for group in groups]
    total = sum(sums, Counts())
    minutes = total.seconds / 60
    right = total.hits - total.wrong_item - total.no_item
    return {
        "clips_s": round(total.seconds, 1),
        "events": total.hits + total.missed,
        "found": total.hits,
        "false": total.false,
        "F1": round(f1(total.hits, total.missed, total.false), 3),
        "F1_interval": _interval(sums, seed),
        "F1_strict": round(f1(total.strict_hits, total.strict_missed, total.strict_false), 3),
        "false_per_min": round(total.false / minutes, 2) if minutes else None,
        "right_item": round(right / total.hits, 3) if items and total.hits else None,
        "fixture_only": total.no_item if items else None,
        "touches": total.touches_found + total.touches_missed,
        "touches_found": total.touches_found,
        "touches_false": total.touches_false,
    }


def f1(hits: float, missed: float, false: float) -> float:
    """2 TP / (2 TP + FP + FN); 1 where nothing happened and nothing was told."""
    of = 2 * hits + missed + false
    return 2 * hits / of if of else 1.0


def _interval(sums: Sequence[Counts], seed: int, draws: int = 2000) -> list[float] | None:
    """Percentile bootstrap (Efron 1979) over groups; None for a single one."""
    if len(sums) < 2:  # noqa: PLR2004 - one group has no spread
        return None
    table = np.array([[c.hits, c.missed, c.false] for c in sums], dtype=np.float64)
    chance = np.full(len(sums), 1 / len(sums))
    drawn = np.random.default_rng(seed).multinomial(len(sums), chance, size=draws) @ table
    of = 2 * drawn[:, 0] + drawn[:, 1] + drawn[:, 2]
    scores = np.where(of > 0, 2 * drawn[:, 0] / np.maximum(of, 1), 1.0)
    return [round(float(q), 3) for q in np.quantile(scores, (0.025, 0.975))]
