from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from argon2 import PasswordHasher
from records import NOON

from aeras.domain.asking import ArmHour, Counted
from aeras.insight.proportions import difference
from aeras.respond.trial import Arm, TrialOptions, Trials
from aeras.store.asking import count
from aeras.store.control import Control

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
WORDS = TrialOptions(id="words", survey="taste", b=Arm(survey="price"))
HOUR = timedelta(hours=1)


class Bench:
    def __init__(self, folder) -> None:
        self.book = Control(folder / "control.sqlite", hasher=QUICK)
        self.now = NOON
        self.seconds = 0.0
        self.trials = Trials(
            [WORDS],
            book=self.book,
            settings=self.book,
            compare=difference,
            clock=lambda: self.now,
            monotonic=lambda: self.seconds,
        )

    def invite(self, arm: str, hour: int, invited: int, answered: int) -> None:
        counted = Counted("taste", "qr", "2026-11-20", ArmHour("words", arm, NOON + hour * HOUR))

        def work(connection) -> None:
            for _ in range(invited):
                count(connection, counted, "invited")
            for _ in range(answered):
                count(connection, counted, "answered")

        self.book._write(work)

    def look(self):
        self.seconds += 61
        [verdict] = self.trials.verdicts()
        return verdict


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.book.close()


def test_chance_shares_out_by_the_link_s_own_random_part(bench):
    arms = [bench.trials.draw(WORDS, str(n)) for n in range(2000)]
    assert arms == [bench.trials.draw(WORDS, str(n)) for n in range(2000)]
    assert 0.45 < arms.count("a") / 2000 < 0.55


def test_an_hour_counts_when_its_time_to_answer_is_over(bench):
    bench.invite("a", 0, 20, 10)
    bench.invite("b", 0, 20, 2)
    bench.now = NOON + timedelta(hours=24)
    assert bench.look().invited == {"a": 0, "b": 0}
    bench.now += HOUR
    assert bench.look().invited == {"a": 20, "b": 20}


def test_it_ends_by_itself_and_all_go_on_with_the_better_arm(bench):
    rng = np.random.default_rng(3)
    for hour in range(60):
        bench.invite("a", hour, 10, int(rng.binomial(10, 0.5)))
        bench.invite("b", hour, 10, int(rng.binomial(10, 0.2)))
        bench.now = NOON + timedelta(hours=hour + 25)
        verdict = bench.look()
        if verdict.ended:
            break
    assert verdict.winner == "a"
    assert hour < 40
    assert {bench.trials.draw(WORDS, str(n)) for n in range(50)} == {"a"}


def test_arms_that_are_the_same_are_refused():
    with pytest.raises(ValueError, match="both arms are the same"):
        TrialOptions(id="x", survey="taste", b=Arm())
