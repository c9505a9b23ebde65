from __future__ import annotations

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from records import NOON

from aeras.domain.errors import InputError
from aeras.respond.incentives import IncentiveOptions, Incentives, Redeemed
from aeras.store.control import Control

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
RECEIPT, OTHER = "ABCD-EFGH-IJKL-MNOP", "AAAA-BBBB-CCCC-DDDD"
TEXT = {"en": "One coffee", "de": "Ein Kaffee"}
MADE = IncentiveOptions(id="coffee", survey="taste", text=TEXT)
LISTED = IncentiveOptions(id="list", survey="price", kind="list", text=TEXT)


class Bench:
    def __init__(self, folder) -> None:
        self.path = folder / "control.sqlite"
        self.book = Control(self.path, hasher=QUICK)
        self.now = NOON
        self.codes = self.make()

    def make(self, secret: str = "secret") -> Incentives:
        options = (MADE, LISTED)
        return Incentives(options, book=self.book, secret=secret, clock=lambda: self.now)


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.book.close()


def test_a_made_code_is_the_same_for_the_same_answer_and_used_once(bench):
    reward = bench.codes.reward("taste", RECEIPT, "de")
    assert reward.text == "Ein Kaffee"
    assert bench.codes.reward("taste", RECEIPT.lower(), "fr").code == reward.code
    assert bench.codes.reward("taste", OTHER, "de").code != reward.code
    assert bench.codes.reward("fit", RECEIPT, "de") is None
    assert bench.codes.redeem(f" {reward.code.lower()} ") is Redeemed.TAKEN
    assert bench.codes.redeem(reward.code) is Redeemed.USED


def test_asking_again_in_another_month_gives_no_second_coffee(bench):
    first = bench.codes.reward("taste", RECEIPT, "en")
    bench.now += timedelta(days=31)
    second = bench.codes.reward("taste", RECEIPT, "en")
    assert bench.codes.redeem(second.code) is Redeemed.TAKEN
    assert bench.codes.redeem(first.code) is Redeemed.USED


def test_a_code_ends_and_one_from_elsewhere_is_unknown(bench):
    code = bench.codes.reward("taste", RECEIPT, "en").code
    changed = ("B" if code[0] == "A" else "A") + code[1:]
    elsewhere = bench.make("another").reward("taste", RECEIPT, "en").code
    for unknown in (changed, elsewhere, "", "🙂", "A" * 500, "hello-world"):
        assert bench.codes.redeem(unknown) is Redeemed.UNKNOWN
    bench.now += timedelta(days=100)
    assert bench.codes.redeem(code) is Redeemed.EXPIRED


def test_a_list_is_given_away_once_each_and_then_there_is_none(bench):
    assert bench.codes.add("list", ["AAA-1", "", "AAA-2 ", "AAA-1"]) == 2
    first = bench.codes.reward("price", RECEIPT, "en").code
    second = bench.codes.reward("price", OTHER, "en").code
    assert {first, second} == {"AAA-1", "AAA-2"}
    assert bench.codes.reward("price", RECEIPT, "en").code == first
    assert bench.codes.reward("price", "ZZZZ", "en") is None
    assert bench.book.codes_left("list") == 0
    assert bench.codes.redeem(first) is Redeemed.TAKEN
    assert bench.codes.redeem(first) is Redeemed.USED


def test_a_code_that_nobody_got_cannot_be_used(bench):
    bench.codes.add("list", ["AAA-1"])
    assert bench.codes.redeem("AAA-1") is Redeemed.UNKNOWN


@pytest.mark.parametrize(
    ("campaign", "codes", "complaint"),
    [("coffee", ["AAAA"], "no incentive"), ("list", ["A B C D"], "is no code")],
)
def test_what_is_no_list_of_codes_is_refused(bench, campaign, codes, complaint):
    with pytest.raises(InputError, match=complaint):
        bench.codes.add(campaign, codes)


def test_neither_receipt_nor_answer_is_stored_with_a_code(bench):
    bench.codes.add("list", ["AAA-1"])
    bench.codes.reward("price", RECEIPT, "en")
    raw = b"".join(file.read_bytes() for file in bench.path.parent.iterdir())
    assert RECEIPT.encode() not in raw
    assert RECEIPT.replace("-", "").encode() not in raw
