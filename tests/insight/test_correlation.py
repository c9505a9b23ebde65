"""The sales model against what is known of it: a reference, a null, a confounded shop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aeras.insight.correlation import Panel, _sales, discoveries, links
from aeras.lab.insight import Market, draw, judged

SMALL = Market(items=24, categories=3, days=60)


def test_a_negative_binomial_regression_agrees_with_a_reference() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=200)
    units = rng.poisson(np.exp(2 + 0.4 * x) * rng.gamma(10, 0.1, 200)).astype(float)
    design = np.stack([x, np.ones(200)], axis=-1)[None]
    fit = _sales(design, units[None], np.ones((1, 200), bool))
    # statsmodels 0.14.6, NegativeBinomial(units, sm.add_constant(x)).fit(): params, bse
    assert fit.slopes[0] == pytest.approx([0.434, 2.019], abs=0.015)
    assert np.sqrt(fit.covariance[0, 0, 0]) == pytest.approx(0.0337, rel=0.1)


def test_confounded_shops_are_read_rightly_where_plain_correlation_is_not() -> None:
    shops = [draw(SMALL, np.random.default_rng([5, n])) for n in range(3)]
    found = judged(shops, SMALL)
    assert found["coverage"]["value"] > 0.88
    assert found["sign_right"]["value"] > 0.9
    assert found["fdr"]["value"] < 0.15
    assert found["naive"]["fdr"]["value"] > 0.4
    assert found["naive"]["coverage"]["value"] < 0.6


def test_an_item_that_cannot_be_judged_is_told_apart() -> None:
    panel = draw(replace(SMALL, items=6, days=30), np.random.default_rng(1)).panel
    units, usable = panel.units.copy(), panel.usable.copy()
    units[0] = 0.0
    usable[1] = False
    found = links(replace(panel, units=units, usable=usable))
    assert np.isnan(found.change[:2]).all()
    assert np.isnan(found.p[:2]).all()
    assert not found.found[:2].any()
    assert np.isfinite(found.change[2:]).all()
    assert (found.low[2:] < found.high[2:]).all()


def test_columns_that_never_change_do_no_harm() -> None:
    panel = draw(replace(SMALL, items=6), np.random.default_rng(1)).panel
    flat = np.concatenate([panel.known, np.full((*panel.units.shape, 1), 7.0)], axis=-1)
    assert links(replace(panel, known=flat)).change == pytest.approx(links(panel).change, abs=1e-3)


def test_a_lag_looks_for_sales_that_come_later() -> None:
    late = replace(SMALL, lag=3, items=40, linked=1.0, effects=(0.3, 0.3))
    drawn = draw(late, np.random.default_rng(4))
    right, wrong = links(drawn.panel, lag=3), links(drawn.panel)
    truth = np.expm1(drawn.effect)
    assert np.abs(right.change - truth).mean() < np.abs(wrong.change - truth).mean()


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    p = np.array([0.001, 0.008, 0.039, 0.041, 0.6, np.nan])
    assert discoveries(p, 0.05).tolist() == [True, True, False, False, False, False]
    assert discoveries(p[:4], 0.05).all()
    assert not discoveries(np.array([np.nan]), 0.05).any()


def test_a_panel_without_other_columns_works() -> None:
    panel = draw(replace(SMALL, items=4), np.random.default_rng(2)).panel
    bare = Panel(panel.units, panel.handled, panel.rejected, panel.known[..., :0], panel.usable)
    assert np.isfinite(links(bare).change).all()
