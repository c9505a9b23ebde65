"""Who comes past the fixtures of a simulated shop: every stop, and those who walk on."""

from __future__ import annotations

import numpy as np

from aeras.domain.kept import Origin, Passage
from aeras.domain.shop import Shop
from aeras.lab.simulated.shoppers import Floats, Shelf, Stops, moment
from aeras.privacy.gate import GRAIN, floor_time

STREAM = 77
"""Draws of their own, so that the other records of a seed stay as they are."""
ROUND_S = 600.0
"""Within so long after its start a visit walks past what it does not stop at."""
GOES_BY = (0.25, 0.75)
"""Share of visits that walk past a fixture without stopping there: from and to."""
WATCHED = 0.95


def passages_of(
    shop: Shop, shelf: Shelf, visits: Floats, stops: Stops, seed: int
) -> tuple[list[Passage], dict[str, float]]:
    """Counts by fixture and grain, and the share of passers of each fixture that stopped.

    Args:
        shop: The site.
        shelf: Its fixtures.
        visits: (V,) starts, Unix seconds.
        stops: Which of them stopped where.
        seed: Of the simulation.
    """
    rng = np.random.default_rng([seed, STREAM])
    count = len(shelf.fixtures)
    stopped = np.zeros((len(visits), count), dtype=np.bool_)
    at_s = visits[:, None] + rng.uniform(0, ROUND_S, (len(visits), count))
    stopped[stops.visit, stops.fixture] = True
    at_s[stops.visit, stops.fixture] = stops.at_s
    passed = stopped | (rng.random(stopped.shape) < rng.uniform(*GOES_BY, count))
    counts: dict[tuple[int, int], list[int]] = {}
    grain_s = GRAIN.total_seconds()
    for visit, fixture in zip(*np.nonzero(passed), strict=True):
        key = int(at_s[visit, fixture] // grain_s), int(fixture)
        cell = counts.setdefault(key, [0, 0])
        cell[0] += 1
        cell[1] += int(stopped[visit, fixture])
    made = [
        Passage(
            rng.bytes(16).hex(),
            floor_time(moment(grain * grain_s), GRAIN),
            shop.id,
            shelf.fixtures[fixture],
            passed=cell[0],
            stopped=cell[1],
            coverage=WATCHED,
            origin=Origin.SIMULATED,
        )
        for (grain, fixture), cell in sorted(counts.items())
    ]
    seen = passed.sum(axis=0)
    share = stopped.sum(axis=0) / np.maximum(seen, 1)
    return made, dict(zip(shelf.fixtures, share.round(4).tolist(), strict=True))
