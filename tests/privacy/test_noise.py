"""Tables with noise: the noise is what it says, no visit changes a table by more than is assumed,
and nobody gets more tables than the budget holds.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st
from records import NOON, event, reaction, small_shop
from scipy import stats

from aeras.config import NoiseSection
from aeras.domain.errors import InputError, PrivacyError
from aeras.domain.kept import Kind, Origin, ReactionLabel
from aeras.domain.noisy import (
    COLUMNS,
    MICRO,
    Charge,
    NoisyKind,
    NoisyQuestion,
    NoisyTable,
    most_charged,
)
from aeras.domain.oversight import Act
from aeras.domain.seen import Interaction
from aeras.privacy import noise
from aeras.privacy.audit import FileAuditLog
from aeras.privacy.gate import CONTRIBUTIONS, Gate
from aeras.store.control import Control
from aeras.store.events import DuckEvents
from aeras.wiring.noisy import NoisyTables, days_left

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
DAY = timedelta(days=1)
TODAY = NOON.date()
YESTERDAY = TODAY - DAY


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[NoisyTables]:
    store = DuckEvents(tmp_path / "events.duckdb")
    control = Control(tmp_path / "control.sqlite", hasher=QUICK)
    yield NoisyTables(
        shop=small_shop(),
        store=store,
        ledger=control,
        settings=NoiseSection(budget=1, epsilon=0.25),
        retention=timedelta(days=30),
        grain=timedelta(minutes=15),
        audit=FileAuditLog(tmp_path / "audit.jsonl", control, lambda: NOON),
        clock=lambda: NOON,
    )
    store.close()
    control.close()


def ask(
    tables: NoisyTables, kind: str = "visits", ago: int = 1, days: int = 1, **more
) -> NoisyTable:
    last = TODAY - timedelta(days=ago)
    first = last - timedelta(days=days - 1)
    return tables.table(NoisyQuestion(kind, "item", first, last, **more), "olga")


# --- the noise ------------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.1, 0.25, 1.0])
def test_the_noise_is_discrete_laplace_of_the_scale_that_epsilon_asks_for(epsilon):
    drawn = np.array(noise.add_noise([0] * 40_000, epsilon))
    decay = math.exp(-epsilon / CONTRIBUTIONS)  # P(n) = (1 - decay) / (1 + decay) * decay^|n|
    expected = stats.dlaplace(-math.log(decay))
    edges = np.unique(expected.ppf(np.linspace(0.02, 0.98, 25)))
    observed = np.histogram(drawn, [-np.inf, *(edges + 0.5), np.inf])[0]
    shares = np.diff([0.0, *expected.cdf(edges), 1.0])
    # The draws cannot be seeded: false alarms are once in a million runs.
    assert stats.chisquare(observed, shares * len(drawn)).pvalue > 1e-6
    assert np.mean(np.abs(drawn) <= noise.margin(epsilon)) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("epsilon", [0.001, 0.1, 1 / 3, 0.7, 3.0])
def test_opendp_itself_says_that_the_loss_is_no_more_than_epsilon(epsilon):
    loss = noise.measurement(epsilon).map(CONTRIBUTIONS)
    assert epsilon * (1 - 1e-9) <= loss <= epsilon


# --- how much a visit can change ------------------------------------------------------------------


DEEDS = st.builds(
    Interaction,
    kind=st.sampled_from(list(Kind)),
    fixture=st.just("drinks"),
    facing=st.sampled_from(["d1", "d2", "d3"]),
    item=st.sampled_from(["oat-milk", "cola", "gum"]),
    start_s=st.floats(0, 500),
    end_s=st.just(0.0),
    hold_s=st.just(0.0),
    confidence=st.just(0.9),
    reaction=st.sampled_from([reaction(label) for label in ReactionLabel]),
    outcome=st.booleans(),
    visit=st.sampled_from([7, 7, 7, None]),
    at=st.just(NOON - DAY),
)


@settings(max_examples=8, deadline=None)
@given(st.lists(DEEDS, min_size=6, max_size=40))
def test_whatever_a_visit_does_it_changes_no_table_by_more_than_is_assumed(tmp_path_factory, deeds):
    gate = Gate(small_shop())
    ordered = sorted((replace(d, end_s=d.start_s + 1) for d in deeds), key=lambda d: d.end_s)
    store = DuckEvents(tmp_path_factory.mktemp("visit") / "events.duckdb")
    # One person whom the tracker loses at times: lone deeds join the visit that is near.
    near = [replace(d, start_s=d.start_s / 20, end_s=d.start_s / 20 + 1) for d in ordered]
    store.append([gate.admit(deed) for deed in near])
    for by in ("item", "facing", "site"):
        tallies = store.tally_bounded(by, NOON - 2 * DAY, NOON)
        for kind in NoisyKind:
            changed = sum(getattr(t, column) for t in tallies for column in COLUMNS[kind])
            assert changed <= CONTRIBUTIONS
    store.close()


def test_rows_are_those_of_the_site_file_whether_or_not_anything_happened(tables):
    table = ask(tables)
    assert set(table.rows) == {"oat-milk", "cola", "gum"}
    assert not table.simulated


def test_a_table_tells_about_what_happened(tables):
    yesterday = NOON - DAY
    tables.store.append([event(at=yesterday, bounded=True) for _ in range(3000)])
    tables.store.append([event(at=yesterday, bounded=False) for _ in range(500)])
    tables.store.append([event(at=yesterday, bounded=True, item="gum", origin=Origin.SIMULATED)])
    table = ask(tables, "readings", epsilon=0.5)
    assert table.rows["oat-milk"]["rejected"] == pytest.approx(3000, abs=12 * table.margin)
    assert abs(table.rows["cola"]["positive"]) < 12 * table.margin
    assert table.simulated
    assert table.margin == pytest.approx(30, abs=1)


# --- the ledger -----------------------------------------------------------------------------------


def test_the_same_question_costs_once_and_gets_the_same_answer(tables):
    first = ask(tables)
    assert all(ask(tables).rows == first.rows for _ in range(20))
    assert tables.left() == (0.75, 1.0)
    entries = [entry for entry in tables.audit.last(50) if entry.act == Act.EXPORT]
    assert [entry.who for entry in entries] == ["olga"]


def test_past_the_budget_it_is_refused_with_what_is_left(tables):
    for kind in NoisyKind:
        ask(tables, kind)
    with pytest.raises(PrivacyError, match=r"costs epsilon 0.5, and of the 1 .* 0.25 are left"):
        ask(tables, "deeds", epsilon=0.5)
    ask(tables, "deeds", epsilon=0.2)
    with pytest.raises(PrivacyError, match=r"0\.05 are left"):
        ask(tables, "visits", days=3)
    assert ask(tables, "visits", ago=2, days=2).epsilon == 0.25  # other days have their own
    left = days_left(tables.ledger, tables.settings, NOON - 3 * DAY, NOON, "UTC")
    assert [round(x, 6) for x in left.values()] == [0.75, 0.05, 0.05, 1]  # days of UTC


def test_a_restart_and_a_clock_put_back_give_no_budget_back(tables, tmp_path):
    for _, kind in zip(range(3), NoisyKind, strict=True):
        ask(tables, kind)
    ask(tables, "visits", epsilon=0.25 - 1 / MICRO)
    again = Control(tmp_path / "control.sqlite", hasher=QUICK)
    later = [replace(tables, ledger=again, clock=lambda n=n: NOON + n * DAY) for n in (0, -0.4, 20)]
    for one in later:
        with pytest.raises(PrivacyError, match="are left"):
            ask(one, "deeds", epsilon=0.1)
    again.expire(NOON + 400 * DAY, NOON + 430 * DAY)
    assert days_left(again, tables.settings, NOON - DAY, NOON - DAY, "Europe/Berlin")[
        YESTERDAY
    ] == pytest.approx(1 / MICRO)
    again.close()


def test_of_many_who_ask_at_once_no_more_get_a_table_than_the_budget_holds(tables):
    start, got, refused = threading.Barrier(12), [], []

    def one(n: int) -> None:
        start.wait()
        try:
            got.append(ask(tables, "visits", epsilon=0.25 + n / MICRO))
        except PrivacyError:
            refused.append(n)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) + len(refused) == 12
    assert len(got) <= 4
    charges = tables.ledger.charges()
    assert most_charged(charges, NOON - 30 * DAY, NOON) <= MICRO
    assert len(charges) == len(got)


def test_noise_that_fails_costs_nothing(tables, monkeypatch):
    def fails(counts, epsilon):
        raise PrivacyError("no random source")

    monkeypatch.setattr("aeras.wiring.noisy.add_noise", fails)
    with pytest.raises(PrivacyError, match="no random source"):
        ask(tables)
    assert tables.left() == (1.0, 1.0)
    assert tables.ledger.charges() == []


@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        (NoisyQuestion("feelings", "item", YESTERDAY, YESTERDAY), "no table with noise"),
        (NoisyQuestion("visits", "hour", YESTERDAY, YESTERDAY), "no table with noise"),
        (NoisyQuestion("visits", "item", YESTERDAY, TODAY), "not over yet"),
        (NoisyQuestion("visits", "item", TODAY - 60 * DAY, YESTERDAY), "have expired"),
        (NoisyQuestion("visits", "item", TODAY, YESTERDAY), "before they start"),
        (NoisyQuestion("visits", "item", YESTERDAY, YESTERDAY, 0.0), "epsilon is 0"),
        (NoisyQuestion("visits", "item", YESTERDAY, YESTERDAY, float("nan")), "epsilon is nan"),
    ],
)
def test_what_cannot_be_asked_costs_nothing(tables, question, complaint):
    with pytest.raises(InputError, match=complaint):
        tables.table(question, "olga")
    assert tables.ledger.charges() == []


def test_a_site_without_a_budget_gives_out_none(tables):
    with pytest.raises(PrivacyError, match="no tables with noise"):
        ask(replace(tables, settings=None))


MOMENTS = st.integers(0, 20).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + n * DAY)
CHARGES = st.builds(
    lambda since, days, micro: Charge(since, since + days * DAY, micro),
    MOMENTS,
    st.integers(1, 6),
    st.integers(1, 9),
)


@given(st.lists(CHARGES, max_size=12), MOMENTS, st.integers(1, 8))
def test_the_most_that_was_charged_is_that_of_the_worst_day(charges, since, days):
    worst = max(
        sum(c.micro for c in charges if c.since <= since + n * DAY < c.until) for n in range(days)
    )
    assert most_charged(charges, since, since + days * DAY) == worst
