"""What a trigger rests on, as facts for the pages.

No exact counts: a trigger's window is cut anywhere, and with the figures of whole blocks they would
tell of single visits. Counts are rounded down to tens, and below k visits only that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aeras.domain.kept import Trigger
from aeras.domain.published import Fact
from aeras.respond.rate import MEASURES
from aeras.serve.words import CATALOGUES

ENOUGH_EVIDENCE = 1_000_000
"""Above it no figure of the evidence is shown."""
USUAL_COUNT = 5
"""Threshold of the count that is shown beside a rate (in 2 h)."""


def facts_of(trigger: Trigger, k: int) -> tuple[Fact, ...]:
    """The lines of evidence of one trigger.

    Args:
        trigger: With its evidence.
        k: Visits below which nothing but that is told.
    """
    found = trigger.evidence
    many = found["visits"] >= k
    visits = Fact("evidence.many" if many else "evidence.few", {"k": k})
    if "e_value" not in found:
        measure = MEASURES[int(found.get("measure", 0))]
        asked = {"threshold": found["threshold"], "window_h": found["window_h"]}
        seen = (*_untold(found), *_reasons(found, k), *_quiet(found)) if many else ()
        return (Fact(f"evidence.count.{measure}", asked), visits, *seen)
    return tuple(_of_rate(found, k)) if many else (visits,)


def _of_rate(found: Mapping[str, float], k: int) -> Iterator[Fact]:
    measure = MEASURES[int(found["measure"])]
    shares = {
        "rate_share": found["rate"],
        "low_share": found["rate_low"],
        "high_share": found["rate_high"],
    }
    yield Fact(f"evidence.rate.{measure}", shares)
    between = {
        "baseline_share": found["baseline"],
        "low_share": found["baseline_low"],
        "high_share": found["baseline_high"],
    }
    if "controls_after" in found:
        controls = {f"{name}_share": found[name] for name in ("controls_before", "controls_after")}
        yield Fact("evidence.before", {"before_share": found["before"]})
        yield Fact("evidence.controls", {**controls, **between})
    else:
        yield Fact("evidence.baseline", between)
    trials = found.get("trials", found["handled"])
    yield Fact("evidence.trials", {"trials": _tens(trials), "window_h": found["window_h"]})
    yield from _untold(found)
    needed = {"needed": found["needed"]}
    if found["e_value"] > ENOUGH_EVIDENCE:
        yield Fact("evidence.beyond", {"most": ENOUGH_EVIDENCE, **needed})
    else:
        yield Fact("evidence.strength", {"e_value": found["e_value"], **needed})
    yield from _reasons(found, k)
    for name, hours in found.items():
        if name.startswith("aside."):
            yield Fact(f"evidence.{name}", {"hours": hours})
    closes = {"closes_below": found["closes_below"]}
    if "away" in found:
        away = max(10.0, _tens(found["away"] + 9))
        yield Fact("evidence.away", {**closes, "away": away, "baseline_share": found["baseline"]})
    else:
        yield Fact("evidence.closes", closes)
    if "counted" in found:
        yield Fact(
            "evidence.counted" if found["counted"] > USUAL_COUNT else "evidence.uncounted", {}
        )


def _untold(found: Mapping[str, float]) -> Iterator[Fact]:
    if "unclear" in found and found["handled"]:
        yield Fact("evidence.unclear", {"unclear_share": found["unclear"] / found["handled"]})


def _reasons(found: Mapping[str, float], k: int) -> Iterator[Fact]:
    """Those that were seen at least k times; ``evidence.reason:CODE``."""
    for name, count in found.items():
        known = CATALOGUES["en"].get(name)
        if name.startswith("reason.") and count >= k and known:
            code = name.removeprefix("reason.")
            yield Fact(f"evidence.reason:{code}", {"times": _tens(count)})


def _quiet(found: Mapping[str, float]) -> Iterator[Fact]:
    if "quiet_h" in found:
        asked = {name: found[name] for name in ("quiet_h", "window_h", "threshold")}
        yield Fact("evidence.quiet", asked)


def _tens(count: float) -> float:
    return count // 10 * 10
