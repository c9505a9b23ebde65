"""Counts of passers: what leaves the worker, and what may be shown of it."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from itertools import combinations

import numpy as np
import pytest
from records import NOON, passage, small_shop

from aeras.domain.errors import PrivacyError
from aeras.domain.kept import Origin, Passage
from aeras.insight import rates
from aeras.privacy.passing import PassageGate
from aeras.privacy.publish import Publisher
from aeras.store.events import DuckEvents

GRAIN, K = timedelta(minutes=15), 10


def test_a_record_knows_its_grain_and_how_much_of_it_was_watched():
    gate = PassageGate(small_shop(), ids=lambda: "id")
    for second in range(0, 900, 3):
        gone = [("drinks", second == 300)] if second in {300, 600} else []
        at = NOON + timedelta(seconds=second)
        assert (
            gate.see(["drinks", "sweets"] if second < 450 else ["drinks"], gone, at, second) == []
        )
    records = gate.see(["drinks"], [("drinks", False)], NOON + GRAIN, 900)
    assert records == [Passage("id", NOON, "corner", "drinks", 2, 1, 1.0)]
    rest = {one.fixture: one for one in gate.finish()}
    assert (rest["drinks"].at, rest["drinks"].passed) == (NOON + GRAIN, 1)
    assert (rest["sweets"].coverage, rest["sweets"].origin) == (0.5, Origin.SIMULATED)
    assert {field.name for field in fields(Passage)} == {
        *("id", "at", "site", "fixture", "passed", "stopped", "coverage", "origin")
    }


def test_a_gap_in_the_looks_was_not_watched():
    gate = PassageGate(small_shop())
    gate.see(["drinks"], [], NOON, 0)
    gate.see(["drinks"], [], NOON + timedelta(minutes=14), 840)
    [one] = gate.finish()
    assert one.coverage == 0.0


def test_a_fixture_that_the_site_does_not_have_is_refused():
    with pytest.raises(PrivacyError, match="'vera'"):
        PassageGate(small_shop()).see([], [("vera", True)], NOON, 0)


def asked(folder, seed: int):
    """What is shown of random passages in many periods, at several moments."""
    rng = np.random.default_rng(seed)
    days = 6
    records = [
        passage(
            at=NOON + n * GRAIN, fixture=fixture, passed=int(p), stopped=int(s), id=f"{n}{fixture}"
        )
        for n in range(96 * days)
        for fixture in ("drinks", "fridge")
        for p in [rng.poisson(rng.choice([0.02, 0.5, 3]))]
        for s in [rng.binomial(p, 0.4)]
    ]
    store = DuckEvents(folder / f"{seed}.duckdb")
    publisher = Publisher(K, share=rates.share, mean=rates.mean)
    cuts = [NOON + timedelta(hours=int(h)) for h in sorted(rng.choice(24 * days, 6, False))]
    found, before = {}, NOON
    for look, now in enumerate((cuts[2], cuts[2] + GRAIN, NOON + days * 24 * 4 * GRAIN)):
        store.append_passages([one for one in records if before <= one.at < now])
        store.roll(now, publisher.fold)
        before = now
        for since, until in combinations(cuts, 2):
            for one in store.published_passages("fixture", since, until):
                found[look, since, until, one.key] = (one.passed, one.stopped)
    store.close()
    return found


def test_pairs_of_questions_isolate_nobody(tmp_path):
    checked = 0
    for seed in range(3):
        found = asked(tmp_path, seed)
        for (look, since, until, key), counts in found.items():
            assert all(count % K == 0 for count in counts)  # a span of k, also passed less stopped
            for (other, first, last, place), part in found.items():
                inside = since <= first and last <= until and other <= look
                if inside and (place, key) == (key, place):
                    rest = [a - b for a, b in zip(counts, part, strict=True)]
                    assert all(one == 0 or one >= K for one in rest)
                    checked += any(rest)
    assert checked > 100


def test_below_k_nothing_is_published_and_a_simulation_at_once(tmp_path):
    store = DuckEvents(tmp_path / "e.duckdb")
    publisher = Publisher(K, share=rates.share, mean=rates.mean)
    store.append_passages([passage(passed=9, stopped=9)])
    store.append_passages([passage(fixture="sweets", passed=1, stopped=0, origin=Origin.SIMULATED)])
    store.roll(NOON + GRAIN, publisher.fold)
    [shown] = store.published_passages("fixture", NOON, NOON + GRAIN)
    assert (shown.key, shown.passed, shown.simulated) == ("sweets", 1, 1)
    store.close()
