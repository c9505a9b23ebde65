from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from records import NOON, answer

from aeras.domain.forms import Refused
from aeras.domain.kept import Answer
from aeras.insight import rates
from aeras.privacy.publish import Publisher
from aeras.wiring.formanswers import form_answers

ONE = answer(survey="taste", version=2, item="gum", rating=4, choice="price", text="")


def publisher() -> Publisher:
    return Publisher(5, share=rates.share, mean=rates.mean)


def given(n: int, **changes: object) -> list[Answer]:
    return [
        replace(ONE, id=f"{i}{changes}", at=NOON - timedelta(hours=i), **changes)  # type: ignore[arg-type]
        for i in range(n)
    ]


def test_each_version_is_counted_by_channel_and_small_channels_are_withheld():
    answers = [*given(6), *given(4, channel="qr"), *given(4, version=1)]
    new, old = form_answers("taste", answers, [], publisher())
    assert (new.version, new.summary.answers) == (2, 10)
    assert new.channels == (("kiosk", 6), ("qr", None))
    assert new.summary.ratings == (0, 0, 0, 10, 0)
    assert (old.version, old.summary.answers, old.channels) == (1, None, (("kiosk", None),))
    assert old.more == ()


def test_refusals_are_shown_in_multiples_of_k_only():
    for n, shown in ((4, None), (5, 5), (9, 5), (14, 10)):
        [row] = form_answers("taste", [], [Refused("taste", 3, "qr", n)], publisher())
        assert (row.version, row.refused) == (3, shown)


def test_further_questions_are_counted_by_code():
    answers = [*given(3, more={"where": ("a", "b"), "smell": 2}), *given(2, more={"where": ("a",)})]
    [row] = form_answers("taste", answers, [], publisher())
    assert row.more == (("smell", (("2", 3),)), ("where", (("a", 5), ("b", 3))))
    [few] = form_answers("taste", answers[:4], [], publisher())
    assert few.more == ()
