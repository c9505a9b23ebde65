"""How far shoppers came: passed, stopped, reached, took, put back, bought.

Each step is a share of one before it, with Wilson's interval. What no camera and no till tells is
said to be unmeasured; nothing is filled in. Steps count different things (visits, handlings,
units), so that one may be more than the step it is held against: then no share is given.
"""

from __future__ import annotations

from dataclasses import replace

from aeras.domain.insight import Funnel, Stage, Step
from aeras.domain.kept import Tally
from aeras.domain.ports import PassedSum
from aeras.domain.published import Numbers, Rate
from aeras.insight.rates import share

BASES = {
    Step.STOPPED: Step.PASSED,
    Step.REACHED: Step.STOPPED,
    Step.TOOK: Step.REACHED,
    Step.PUT_BACK: Step.TOOK,
    Step.BOUGHT: Step.STOPPED,
}
"""What each step is a share of."""


def funnel(  # noqa: PLR0917 - the sources of its steps, in their order
    key: str,
    tally: Tally,
    shown: Numbers,
    sold: float | None,
    k: int,
    passed: PassedSum | None = None,
    *,
    of: str = "item",
) -> Funnel:
    """The funnel of sums of published blocks.

    Args:
        key: Of the funnel.
        tally: Its sums.
        shown: What of it may be shown (`aeras.privacy.publish.Publisher.one`).
        sold: Units, None without a till.
        k: Count below which nothing is shown.
        passed: Who came past, None where no camera tells it.
        of: ``item`` (past its fixtures: who did anything with it are visits of the item),
            ``fixture`` (who stopped are those of the same people who did anything there) or
            ``hour`` (past all fixtures, which is no count of people: no share).
    """
    handled = tally.handled if shown.visits is not None and tally.handled >= k else None
    past = _from(passed.passed if passed else 0, k)
    counts = {
        Step.PASSED: past,
        Step.STOPPED: shown.visits,
        Step.REACHED: handled,
        Step.TOOK: shown.takes,
        Step.PUT_BACK: shown.put_backs,
        Step.BOUGHT: None if sold is None else round(sold),
    }
    if passed is not None and of == "fixture":
        counts[Step.STOPPED] = _from(passed.stopped, k)
    unmeasured = {Step.PASSED} if passed is None else set()
    unmeasured |= {Step.BOUGHT} if sold is None else set()
    stages = {step: _stage(step, counts, unmeasured) for step in Step}
    stopped = stages[Step.STOPPED]
    if of == "hour" and stopped.base is not None:
        stages[Step.STOPPED] = replace(stopped, of=None, why="apart")
    elif stopped.of is not None and passed is not None and not passed.simulated:
        stages[Step.STOPPED] = replace(stopped, of=_waiting(stopped.of, stopped.count or 0, k))
    return Funnel(
        key,
        tuple(stages.values()),
        shown.coverage,
        max(shown.simulated, passed.simulated / passed.passed if passed and past else 0.0),
        None if passed is None or past is None else round(passed.coverage, 2),
    )


def _from(count: int, k: int) -> int | None:
    return count if count >= k else None


def _waiting(rate: Rate, count: int, k: int) -> Rate:
    """Wider by what blocks hold back: up to k - 1 of either count are not shown yet, or belong to
    the time before.
    """
    low = share(max(0, count - k + 1), rate.n)
    high = share(min(rate.n, count + k - 1), rate.n)
    return replace(rate, low=low.low, high=high.high)


def _stage(step: Step, counts: dict[Step, int | None], unmeasured: set[Step]) -> Stage:
    count, base = counts[step], BASES.get(step)
    if count is None:
        return Stage(step, None, why="unmeasured" if step in unmeasured else "withheld")
    if base is None or base in unmeasured:
        return Stage(step, count)
    whole = counts[base]
    if not whole:
        return Stage(step, count, base=base, why="withheld")
    if not 0 <= count <= whole:
        return Stage(step, count, base=base, why="apart")
    return Stage(step, count, share(count, whole), base)
