from __future__ import annotations

import numpy as np

from aeras.insight.ranks import draws, report
from aeras.lab.insight import judged_ranks


def row(item: str, rejected: int, handled: int, category: str = "tea", unclear: int = 0):
    return item, item.title(), category, rejected, handled, unclear


ORDINARY = [row(f"i{n}", 20 + n % 3, 100) for n in range(20)]


def test_what_is_said_to_be_among_the_worst_mostly_is() -> None:
    found = judged_ranks(25, seed=1)
    assert found["coverage"]["value"] > 0.925
    assert abs(found["truly_in_worst_ten"]["value"] - found["said_in_worst_ten"]) < 0.07


def test_a_rate_of_few_handlings_is_drawn_to_its_category() -> None:
    found = {
        one.item: one for one in report([*ORDINARY, row("few", 4, 5)], withheld=0, simulated=0).rows
    }
    assert found["few"].raw.value == 0.8
    assert found["few"].rate.value < 0.4
    assert found["few"].rate.low < found["i0"].rate.value < found["few"].rate.high + 0.2


def test_the_item_that_is_surely_worse_comes_first_and_says_how_sure() -> None:
    found = report([*ORDINARY, row("bad", 70, 100, unclear=10)], withheld=3, simulated=0)
    first = found.rows[0]
    assert first.item == "bad"
    assert first.in_worst > 0.99
    assert first.rank[0] == 1
    assert first.unclear == 0.1
    assert found.worst == 7  # at most a third of all
    assert found.withheld == 3
    widest = max(one.rank[1] - one.rank[0] for one in found.rows[1:])
    assert widest > 10  # the others' order is not known


def test_a_small_category_borrows_the_shops_spread() -> None:
    hits = np.array([20.0, 22, 18, 21, 19, 20, 40, 2])
    handled = np.full(8, 100.0)
    category = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    rate = draws(hits, handled, category, seed=1).mean(axis=0)
    assert 0.3 < rate[6] < 0.4
    assert 0.02 < rate[7] < 0.12


def test_nothing_is_ranked_where_nothing_may_be_shown() -> None:
    assert report([], withheld=5, simulated=0).rows == ()
