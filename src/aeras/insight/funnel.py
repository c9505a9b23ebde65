"""How far shoppers came: passed, stopped, reached, took, put back, bought.

Each step is a share of one before it, with Wilson's interval. What no camera and no till tells is
said to be unmeasured; nothing is filled in. Steps count different things (visits, handlings,
units), so that one may be more than the step it is held against: then no share is given.
"""

from __future__ import annotations

from aeras.domain.insight import Funnel, Stage, Step
from aeras.domain.kept import Tally
from aeras.domain.published import Numbers
from aeras.insight.rates import share

BASES = {
    Step.REACHED: Step.STOPPED,
    Step.TOOK: Step.REACHED,
    Step.PUT_BACK: Step.TOOK,
    Step.BOUGHT: Step.STOPPED,
}
"""What each step is a share of."""


def funnel(key: str, tally: Tally, shown: Numbers, sold: float | None, k: int) -> Funnel:
    """The funnel of sums of published blocks.

    Args:
        key: Of the funnel.
        tally: Its sums.
        shown: What of it may be shown (`aeras.privacy.publish.Publisher.one`).
        sold: Units, None without a till.
        k: Count below which nothing is shown.
    """
    handled = tally.handled if shown.visits is not None and tally.handled >= k else None
    counts = {
        Step.PASSED: None,
        Step.STOPPED: shown.visits,
        Step.REACHED: handled,
        Step.TOOK: shown.takes,
        Step.PUT_BACK: shown.put_backs,
        Step.BOUGHT: None if sold is None else round(sold),
    }
    unmeasured = {Step.PASSED} | ({Step.BOUGHT} if sold is None else set())
    stages = tuple(_stage(step, counts, unmeasured) for step in Step)
    return Funnel(key, stages, shown.coverage, shown.simulated)


def _stage(step: Step, counts: dict[Step, int | None], unmeasured: set[Step]) -> Stage:
    count, base = counts[step], BASES.get(step)
    if count is None:
        return Stage(step, None, why="unmeasured" if step in unmeasured else "withheld")
    if base is None:
        return Stage(step, count)
    whole = counts[base]
    if not whole:
        return Stage(step, count, base=base, why="withheld")
    if not 0 <= count <= whole:
        return Stage(step, count, base=base, why="apart")
    return Stage(step, count, share(count, whole), base)
