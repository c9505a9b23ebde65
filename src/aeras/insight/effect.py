"""What an action changed: difference in differences against matched items where nothing was done.

The item's share after less before, less what the same time did to controls of its category that
were most like it before, in share and in traffic. All move alike on the log-odds scale: a
control's change counts by its slope there, p (1 - p).

Who is chosen for a high share before was partly high by chance and would fall by itself. So the
controls' share before is the empirical Bayes one, drawn to their category as far as items are
alike: given what was counted it is right on average, whatever it was chosen by.

The interval allows for chance in the item's own counts, chance in the controls', and that items
drift apart by themselves. How much they do is taken from the controls, their spread beyond chance,
so that few or restless controls make it wide. Student's t, with Satterthwaite's degrees of freedom
for the part that was estimated.

The same between the halves of the time before is the placebo: nothing was done there, so that its
interval should hold 0. All is reckoned once, after a time fixed in advance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from aeras.domain.evidence import HourOfItem, Watched
from aeras.domain.published import Effect, Rate
from aeras.insight.evidence import pooled
from aeras.insight.rates import Z95

Floats = NDArray[np.float64]

MOST_CONTROLS = 12
FEWEST_CONTROLS = 3
FEWEST_TRIALS = 30
"""Trials of the item, before and after, below which nothing is reckoned."""
FEWEST_OF_CONTROL = 20
MOST_ALIKE = 1000.0
"""Trials that a category's common share may weigh."""
USEFUL = 0.10
"""Half of an interval that is worth waiting for: ten points either way."""


class Estimate(NamedTuple):
    """The change with its interval, and the variances it rests on: the item's own, the rest."""

    change: Rate
    own: float
    rest: float


def estimate(before: Floats, after: Floats, prior: tuple[float, float]) -> Estimate:
    """Difference in differences with its 95 % interval.

    Args:
        before: (2, 1 + C): trials and hits of the item, then of each control.
        after: The same afterwards.
        prior: Beta distribution of the category's shares, for the controls' share before.
    """
    (n0, y0), (n1, y1) = before.copy(), after
    n0[1:] += sum(prior)
    y0[1:] += prior[0]
    start = np.clip(y0 / n0, 0.01, 0.99)
    slope = start * (1 - start)
    moved = (y1 / n1 - y0 / n0) / slope
    chance = (_variance(n0, y0) + _variance(n1, y1)) / slope**2
    value, own, rest, half = (part * slope[0] for part in against(moved, chance))
    change = Rate(value, max(-1.0, value - half), min(1.0, value + half), int(n0[0] + n1[0]))
    return Estimate(change, own * slope[0], rest * slope[0])


def against(moved: Floats, chance: Floats) -> tuple[float, float, float, float]:
    """What the first moved less what the others did, the variances of that (its own, the rest), and
    half of its 95 % interval.

    Args:
        moved: (1 + C,) on a scale on which all move alike.
        chance: (1 + C,) variance of each by chance alone.
    """
    controls, noise = moved[1:], chance[1:]
    count = len(controls)
    spread = float(np.var(controls, ddof=1))
    drift = max(0.0, spread - float(noise.mean()))  # the first drifts by itself as they do
    rest = drift + max(spread, float(noise.mean())) / count
    own = float(chance[0])
    free = (count - 1) * ((own + rest) / rest) ** 2
    half = float(special.stdtrit(min(free, 1e6), 0.975)) * math.sqrt(own + rest)
    return float(moved[0] - controls.mean()), own, rest, half


def _variance(n: Floats, y: Floats) -> Floats:
    """Of a share; drawn a little to the middle, so that 0 of 40 is not taken for certain."""
    p = (y + 0.5) / (n + 1)
    found: Floats = p * (1 - p) / n
    return found


def matched(
    before: Floats, usable: NDArray[np.bool_], prior: tuple[float, float]
) -> NDArray[np.intp]:
    """Indices of the controls most like the item (column 0) in share and traffic before.

    Args:
        before: (2, 1 + C) trials and hits.
        usable: (C,) whether a control has enough trials.
        prior: As in `estimate`.
    """
    n, y = before
    share = (y + prior[0]) / (n + sum(prior))
    logit = np.log(share / (1 - share))
    traffic = np.log(np.maximum(n, 1))
    far = (logit[1:] - logit[0]) ** 2 + (traffic[1:] - traffic[0]) ** 2
    far[~usable] = np.inf
    return np.argsort(far, kind="stable")[: min(MOST_CONTROLS, int(usable.sum()))]


def _usable(before: Floats, after: Floats) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (np.minimum(before[0], after[0]) >= FEWEST_OF_CONTROL)[1:]
    return found


def _chosen(before: Floats, after: Floats) -> tuple[NDArray[np.intp], tuple[float, float]]:
    """Columns of the item and its matched controls, and how the category's shares spread."""
    usable = _usable(before, after)
    prior = pooled(before[1, 1:][usable], before[0, 1:][usable], MOST_ALIKE)
    return np.concatenate([[0], 1 + matched(before, usable, prior)]), prior


def compare(before: Floats, after: Floats) -> Estimate:
    """The change of the item (column 0) against the best matched of the others; trials and hits in
    (2, 1 + C) before and after.
    """
    chosen, prior = _chosen(before, after)
    return estimate(before[:, chosen], after[:, chosen], prior)


def measure_effect(
    counts: Sequence[HourOfItem],
    categories: Mapping[str, str],
    item: str,
    *,
    measure: Watched,
    acted: datetime,
    k: int = 0,
    spoilt: frozenset[str] = frozenset(),
    selected: bool = False,
) -> Effect:
    """The effect of what was done about an item at a moment; see the module.

    Args:
        counts: From the beginning of the time before to now.
        categories: Category by item id.
        item: The item.
        measure: Which share.
        acted: When the action took effect (UTC).
        k: Visits below which nothing is told.
        spoilt: Items that are no control: something was done about them too.
        selected: See `aeras.domain.published.Effect`.
    """
    alike = [name for name, category in categories.items() if category == categories.get(item)]
    others = set(alike) - spoilt - {item}
    names = [item, *sorted(others)]
    known = [one for one in counts if one.item == item or one.item in others]
    middle = _middle([one.at for one in known if one.at < acted])
    early = _table([one for one in known if middle and one.at < middle], names, measure)
    late = _table([one for one in known if middle and middle <= one.at < acted], names, measure)
    after = _table([one for one in known if one.at >= acted], names, measure)
    before = early + late
    visits = [
        sum(o.visits for o in known if o.item == item and (o.at < acted) == b) for b in (1, 0)
    ]
    if _usable(before, after).sum() < FEWEST_CONTROLS:
        return Effect(measure.value, enough=False, why="controls", selected=selected)
    if before[0, 0] < FEWEST_TRIALS:
        return Effect(measure.value, enough=False, why="before", selected=selected)
    if after[0, 0] < FEWEST_TRIALS or min(visits) < k:
        short = max(FEWEST_TRIALS - int(after[0, 0]), k - visits[1], 1)
        return Effect(measure.value, enough=False, why="after", needed=short, selected=selected)
    chosen, prior = _chosen(before, after)
    (n0, y0), (n1, y1) = before[:, chosen], after[:, chosen]
    found = estimate(before[:, chosen], after[:, chosen], prior)
    return Effect(
        measure=measure.value,
        enough=True,
        change=found.change,
        before=_plain(y0[0], n0[0]),
        after=_plain(y1[0], n1[0]),
        controls=len(chosen) - 1,
        controls_before=float((y0 / n0)[1:].mean()),
        controls_after=float((y1 / n1)[1:].mean()),
        placebo=_placebo(early, late, chosen),
        needed=_still_needed(found, n1[0], y1[0]),
        selected=selected,
    )


def _placebo(early: Floats, late: Floats, chosen: NDArray[np.intp]) -> Rate | None:
    enough = (np.minimum(early[0], late[0]) >= FEWEST_OF_CONTROL / 2)[chosen]
    if not enough[0] or enough[1:].sum() < FEWEST_CONTROLS:
        return None
    used = chosen[enough]
    prior = pooled(early[1, used[1:]], early[0, used[1:]], MOST_ALIKE)
    return estimate(early[:, used], late[:, used], prior).change


def _still_needed(found: Estimate, n: float, y: float) -> int | None:
    """Further trials until the interval is `USEFUL`; 0 if it is, None if more would not do it."""
    if (found.change.high - found.change.low) / 2 <= USEFUL:
        return 0
    after = float(_variance(np.array([n]), np.array([y]))[0])
    room = (USEFUL / Z95) ** 2 - found.rest - (found.own - after)
    return math.ceil(after * n / room - n) if room > 0 else None


def _plain(hits: float, n: float) -> Rate:
    value = hits / n
    half = Z95 * math.sqrt(float(_variance(np.array([n]), np.array([hits]))[0]))
    return Rate(float(value), max(0.0, float(value - half)), min(1.0, float(value + half)), int(n))


def _table(counts: Sequence[HourOfItem], names: Sequence[str], measure: Watched) -> Floats:
    """Trials and hits by item, (2, I)."""
    number = {name: i for i, name in enumerate(names)}
    found = np.zeros((2, len(names)))
    for one in counts:
        found[:, number[one.item]] += one.trials(measure), one.hits(measure)
    return found


def _middle(times: Sequence[datetime]) -> datetime | None:
    """The block that halves what happened before."""
    return sorted(times)[len(times) // 2] if times else None
