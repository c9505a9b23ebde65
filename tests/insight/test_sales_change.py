from __future__ import annotations

import numpy as np
import pytest

from aeras.insight.sales_change import sales_change

SEASON = 1 + 0.5 * np.sin(np.arange(56) / 9)


def sold(factor: float, items: int = 12) -> np.ndarray:
    rng = np.random.default_rng(8)
    mean = rng.uniform(8, 25, items)[:, None] * SEASON
    mean[0, 28:] *= factor
    return rng.poisson(mean).astype(float)


def test_a_change_is_told_apart_from_the_season() -> None:
    moved = sales_change(sold(0.6), 28)
    assert moved is not None
    assert moved.change.low < -0.4 < moved.change.high
    assert moved.change.high < -0.2
    assert moved.controls == 11
    assert moved.placebo is not None
    assert moved.placebo.low < 0 < moved.placebo.high


@pytest.mark.parametrize(
    ("items", "at"), [(3, 28), (12, 5), (12, 52)], ids=["controls", "before", "after"]
)
def test_too_little_is_not_reckoned(items: int, at: int) -> None:
    assert sales_change(sold(1.0, items), at) is None


def test_an_item_that_hardly_sells_is_not_reckoned() -> None:
    units = sold(1.0)
    units[0] = 0.2
    assert sales_change(units, 28) is None


def test_without_two_weeks_before_there_is_no_placebo() -> None:
    moved = sales_change(sold(1.0), 10)
    assert moved is not None
    assert moved.placebo is None
