"""Topics of a running shop: only answers that may be shown, in the background, and as people set
them right.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from records import answer

from aeras.domain.errors import GroupingError, InputError
from aeras.domain.kept import Origin
from aeras.domain.topics import Grouped, TopicMean
from aeras.insight import rates
from aeras.privacy.publish import Publisher
from aeras.store.control import Control
from aeras.wiring.topics import ShopTopics

K = 10
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MEAN = TopicMean(b"\0" * 2048, 12, 0.2)


class FirstWord:
    """A grouper by the first word of a text; "odd" belongs to none."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.error: Exception | None = None

    def _of(self, texts):
        firsts = {one: text.split()[0] for one, (text, _) in texts.items()}
        return {one: "" if first == "odd" else first for one, first in firsts.items()}

    def group(self, texts, before, held, means):
        self.calls.append(("group", len(texts)))
        if self.error:
            raise self.error
        of = {
            one: before.get(one) if before.get(one) in held else topic
            for one, topic in self._of(texts).items()
        }
        labels = {t: {"en": f"{t}, words", "de": f"{t}, Worte"} for t in set(of.values()) if t}
        return Grouped(of, labels, dict.fromkeys(labels, MEAN), {"en": MEAN})

    def place(self, texts, means, languages):
        self.calls.append(("place", len(texts)))
        return self._of(texts)

    def split(self, texts, topic):
        of = {one: topic if n % 3 else "new" for n, one in enumerate(texts)}
        return Grouped(of, {name: {"en": f"{name} part"} for name in set(of.values())})

    def stop(self):
        pass


class Shop:
    def __init__(self, path):
        self.control = Control(path / "control.sqlite")
        self.grouper = FirstWord()
        self.now = NOW
        self.quiet = False
        self.log: list[tuple[str, str, str]] = []
        self.topics = ShopTopics(
            self.control,
            Publisher(K, share=rates.share, mean=rates.mean),
            self.grouper,
            clock=lambda: self.now,
            quiet=lambda _: self.quiet,
            changed=lambda *what: self.log.append(what),
        )
        self._n = 0
        self._at = 0.0

    def say(self, start: str, times: int = 1, **more) -> None:
        """Simulated answers are settled at once."""
        facts = {"origin": Origin.SIMULATED, "at": self.now - timedelta(days=3), "rating": 2}
        answers = []
        for _ in range(times):
            self._n += 1
            told = {"id": f"a{self._n}", "receipt": f"R{self._n}", "text": f"{start} {self._n}"}
            answers.append(answer(**{**told, **facts, **more}))
        self.control.add_answers(answers)

    def tick(self) -> str:
        self._at += 10_000.0
        return self.topics.tick(self._at)

    def rows(self, item: str | None = None, language: str = "en"):
        found = self.topics.topics(language, item)
        return {row.id: row for row in found.rows}


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path)
    yield shop
    shop.control.close()


def test_nothing_is_told_or_grouped_below_k(shop):
    shop.say("price too high", 9)
    assert shop.tick() == ""
    found = shop.topics.topics("en")
    assert (found.answers, found.rows, found.other) == (None, (), None)
    shop.say("price too high")
    assert shop.topics.topics("en").waiting.value == 1
    assert shop.tick() == "grouped"
    found = shop.topics.topics("en")
    assert (found.answers, found.waiting.value, found.grouped_at) == (10, 0, NOW)


def test_real_answers_are_grouped_and_quoted_by_whole_batches_only(shop):
    shop.say("price my secret", 14, origin=Origin.CAMERA)
    shop.tick()
    assert shop.grouper.calls == [("group", 10)]
    assert shop.topics.topics("en").answers == 10
    assert shop.control.withdraw("R3")
    found = shop.topics.topics("en")
    assert (found.answers, found.rows) == (None, ())


def test_shares_add_up_and_quotes_begin_at_k(shop):
    shop.say("price is high, call 0171 2345678", 20)
    shop.say("taste is sour", 9)
    shop.say("odd", 11)
    shop.say("", 4, text="")
    shop.tick()
    found = shop.topics.topics("en")
    assert (found.answers, found.wordless) == (40, 4)
    rows = shop.rows()
    assert Counter({name: row.answers for name, row in rows.items()}) == {"price": 20, "taste": 9}
    total = sum(row.share.value for row in rows.values()) + found.other.value
    assert total + found.waiting.value == pytest.approx(1)
    assert (rows["price"].share.low, rows["price"].share.n) == (pytest.approx(0.352, abs=0.01), 40)
    assert rows["price"].quotes
    assert "2345678" not in "".join(rows["price"].quotes)
    assert rows["taste"].quotes == ()
    assert rows["taste"].rating is None
    assert rows["price"].rating.n == 20
    assert shop.rows(language="de")["price"].name == "price, Worte"


def test_a_trend_needs_k_answers_in_both_spans_and_has_an_interval(shop):
    shop.say("price x", 30)
    shop.say("taste x", 30)
    shop.tick()
    assert shop.rows()["price"].change is None
    shop.say("price y", 5, at=NOW - timedelta(days=40))
    shop.say("taste y", 35, at=NOW - timedelta(days=40))
    shop.tick()
    change = shop.rows()["price"].change
    assert change.value == pytest.approx(0.5 - 5 / 40)
    assert 0.15 < change.low < change.value < change.high < 0.6
    weeks = shop.rows()["price"].weeks
    assert [week.share for week in weeks[-2:]] == [None, 0.5]
    assert len(weeks) == 12


def test_newcombe_s_interval_is_that_of_his_paper():
    # Newcombe 1998, table II: 56/70 - 48/80 is 0.0524 to 0.3339 by method 10.
    found = rates.difference(rates.share(56, 70), rates.share(48, 80))
    assert (found.low, found.high) == (pytest.approx(0.0524, 1e-2), pytest.approx(0.3339, 1e-3))


def test_an_item_has_its_own_shares_and_k(shop):
    shop.say("price x", 20)
    shop.say("taste x", 20, item="other")
    shop.say("price x", 4, item="third")
    shop.tick()
    assert set(shop.rows("other")) == {"taste"}
    assert shop.topics.topics("en", "third").answers is None


def test_names_joins_and_divisions_stay(shop):
    shop.say("price x", 20)
    shop.say("taste x", 20)
    shop.say("sour x", 12)
    shop.tick()
    shop.topics.rename("price", "  Too\tdear ", "ann")
    shop.topics.merge("sour", "taste", "ann")
    shop.topics.split("price", "ann")
    shop.say("sour x", 3)
    shop.now += timedelta(days=1)
    assert shop.tick() == "grouped"
    rows = shop.rows()
    assert rows["price"].name == "Too dear"
    assert rows["price"].answers + rows["new"].answers == 20
    assert rows["taste"].answers == 35
    assert rows["taste"].merged == (("sour", "sour, words"),)
    shop.topics.release("sour", "ann")
    assert shop.rows()["sour"].answers == 15
    assert [(who, what) for who, what, _ in shop.log] == [
        *(("ann", "renamed"), ("ann", "merged"), ("ann", "divided"), ("ann", "released")),
    ]


def test_what_cannot_be_done_is_said_and_changes_nothing(shop):
    shop.say("price x", 20)
    shop.say("taste x", 3)
    shop.tick()
    before = shop.control.topics()
    for deed, why in (
        (lambda: shop.topics.rename("price", "x" * 81, "ann"), "81 characters"),
        (lambda: shop.topics.rename("none", "x", "ann"), "no topic"),
        (lambda: shop.topics.merge("price", "price", "ann"), "into itself"),
        (lambda: shop.topics.merge("price", "none", "ann"), "no topic"),
        (lambda: shop.topics.split("taste", "ann"), "too few to divide"),
    ):
        with pytest.raises(InputError, match=why):
            deed()
    shop.topics.merge("taste", "price", "ann")
    with pytest.raises(InputError, match="one of its parts"):
        shop.topics.merge("price", "taste", "ann")
    assert [t.id for t in shop.control.topics()] == [t.id for t in before]


def test_many_answers_are_placed_by_day_and_grouped_anew_when_it_is_quiet(shop):
    shop.say("price x", 600)
    assert shop.tick() == "grouped"
    shop.say("taste x", 200)
    assert shop.tick() == "placed"
    assert shop.grouper.calls[-1] == ("place", 200)
    assert shop.tick() == ""
    shop.quiet = True
    assert shop.tick() == "grouped"
    assert shop.tick() == ""


def test_trouble_is_told_and_what_was_found_before_is_shown(shop):
    shop.say("price x", 20)
    shop.tick()
    shop.grouper.error = GroupingError("looking for topics took longer than 600 s and was ended")
    shop.say("price x", 5)
    assert shop.tick() == ""
    found = shop.topics.topics("en")
    assert "took longer" in found.trouble
    assert found.rows[0].answers == 20
    assert found.waiting.value == pytest.approx(5 / 25)
    shop.grouper.error = None
    assert shop.tick() == ""  # not at once again
    shop._at += 7 * 3600
    assert shop.tick() == "grouped"
    assert shop.topics.topics("en").trouble == ""
