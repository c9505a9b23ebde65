"""``mode: rate``: what is asked, when a trigger fades, and the numbers that it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from aeras.domain.evidence import Finding, Question, Watched
from aeras.domain.kept import Trigger
from aeras.domain.shop import Shop
from aeras.respond.rules import HOUR, ChangeRule, RateRule, judged_by

_FEW = 2
MEASURES = list(Watched)
"""A trigger's evidence holds numbers only: its ``measure`` is the place in this list."""


def question(rule: RateRule, shop: Shop) -> tuple[dict[str, str], Question]:
    """Category by item id of all that is compared, and what is asked of those that it covers."""
    judged = judged_by(rule, shop)
    wanted = {item.category for item in shop.items if item.id in judged}
    categories = {item.id: item.category for item in shop.items if item.category in wanted}
    return categories, Question(
        rule.measure, rule.margin, rule.fdr, judged, rule.min_handled, rule.min_visits
    )


def fades(rule: RateRule, trigger: Trigger, finding: Finding | None, now: datetime) -> bool:
    """Whether an open trigger closes by itself.

    In its own window it does when the evidence falls below what one look at one item would need.
    In the next, once as many trials as it rested on have not brought that evidence again; at the
    latest when that window is over. After a change, when it is no longer watched.
    """
    if finding is not None and finding.e_value >= 1 / rule.fdr:
        return False
    if isinstance(rule, ChangeRule):
        return finding is not None or now - trigger.opened_at >= rule.window
    fresh = rule.start(now) - rule.start(trigger.opened_at)
    if fresh >= _FEW * rule.window:
        return True
    seen = finding.rate.n if finding else 0
    return fresh == timedelta() or seen >= trigger.evidence["trials"]


def evidence_of(
    rule: RateRule,
    finding: Finding,
    *,
    left_out: Mapping[str, float] | None = None,
    reasons: Mapping[str, int] | None = None,
    counted: float = 0.0,
) -> dict[str, float]:
    """The numbers that a trigger keeps.

    Args:
        rule: That was asked.
        finding: What was found.
        left_out: Hours that did not count, by reason.
        reasons: Hits by reason code.
        counted: What ``mode: count`` would have seen in its default window.
    """
    return {
        "visits": float(finding.visits),
        "handled": float(finding.handled),
        "trials": float(finding.rate.n),
        "hits": float(finding.hits),
        "unclear": float(finding.unclear),
        "rate": finding.rate.value,
        "rate_low": finding.rate.low,
        "rate_high": finding.rate.high,
        "baseline": finding.baseline.value,
        "baseline_low": finding.baseline.low,
        "baseline_high": finding.baseline.high,
        "e_value": min(finding.e_value, 1e12),
        "needed": finding.needed,
        "closes_below": 1 / rule.fdr,
        "margin": rule.margin,
        "measure": float(MEASURES.index(rule.measure)),
        "window_h": rule.window / HOUR,
        "counted": counted,
        **({} if finding.away is None else {"away": float(finding.away)}),
        **finding.more,
        **{f"aside.{why}": hours for why, hours in (left_out or {}).items()},
        **{f"reason.{code}": float(count) for code, count in (reasons or {}).items()},
    }
