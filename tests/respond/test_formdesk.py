from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from records import NOON, small_shop

from aeras.domain.errors import InputError
from aeras.domain.kept import Trigger
from aeras.respond import formdesk
from aeras.respond.desk import Desk
from aeras.respond.formdesk import Forms, differences
from aeras.respond.surveys import Form, built_in_forms
from aeras.store.control import Control

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
CLIENT = "0123456789abcdef" * 2
GOOD = {"consent": True, "rating": 2, "choice": "price"}


class Bench:
    def __init__(self, folder):
        self.book = Control(folder / "control.sqlite", hasher=QUICK)
        self.now = NOON
        self.log: list[tuple[str, str, str, int]] = []
        self.forms = self.make()

    def clock(self):
        self.now += timedelta(seconds=1)
        return self.now

    def make(self) -> Forms:
        return Forms(self.book, self.clock, changed=lambda *what: self.log.append(what))

    def edited(self, form: str = "put-back", title: str = "Why?"):
        """The newest version's JSON with another title for the rating."""
        source = json.loads(json.dumps(self.forms.open(form).source))
        source["pages"][1]["elements"][0]["title"]["en"] = title
        return source


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.book.close()


def test_the_shipped_forms_are_in_use_from_the_start_and_stored_once(bench):
    assert set(bench.forms) == set(built_in_forms())
    assert {form.version for form in bench.forms.values()} == {1}
    bench.make()
    assert len(bench.book.form_versions("put-back")) == 1


def test_a_saved_version_is_asked_only_once_it_is_published(bench):
    saved = bench.forms.save("put-back", bench.edited(), "ann")
    assert (saved.version, bench.forms["put-back"].version) == (2, 1)
    bench.forms.publish("put-back", 2, "ann")
    assert bench.forms["put-back"].version == 2
    assert bench.make()["put-back"].version == 2
    old = bench.forms.version("put-back", 1)
    assert old is not None
    assert old.source["pages"][1]["elements"][0]["title"]["en"] == "How do you like this product?"
    bench.forms.publish("put-back", 1, "ann")
    assert bench.forms["put-back"].version == 1
    assert bench.log == [
        ("ann", "saved", "put-back", 2),
        ("ann", "published", "put-back", 2),
        ("ann", "published", "put-back", 1),
    ]


def test_new_wording_from_aeras_replaces_its_own_and_never_the_shops(bench, monkeypatch):
    bench.forms.publish(
        "taste", bench.forms.save("taste", bench.edited("taste"), "ann").version, "ann"
    )
    newer = {
        name: Form(name, 1, form.languages, {**form.source, "title": {"en": "Newer"}})
        for name, form in built_in_forms().items()
    }
    monkeypatch.setattr(formdesk, "built_in_forms", lambda: newer)
    after = bench.make()
    assert after["price"].titled("en") == "Newer"
    assert (after["taste"].version, after["taste"].titled("en")) == (2, "Taste and smell")
    assert [one.version for one in bench.book.form_versions("taste")] == [1, 2, 3]


def test_a_form_with_faults_is_not_saved(bench):
    source = bench.edited()
    source["pages"][1]["elements"][0]["rateMax"] = 7
    with pytest.raises(InputError, match=r"pages\[1\].elements\[0\].rateMax: is '7'"):
        bench.forms.save("put-back", source, "ann")
    [problem] = bench.forms.review("put-back", source).problems
    assert problem.path == "pages[1].elements[0].rateMax"
    assert len(bench.book.form_versions("put-back")) == 1


def test_a_form_without_its_id_is_reviewed_as_it_would_be_saved(bench):
    source = {key: value for key, value in bench.edited().items() if key != "id"}
    assert bench.forms.review("put-back", source).problems == ()


def test_a_form_that_lacks_a_translation_can_be_saved_but_not_published(bench):
    source = bench.edited()
    del source["pages"][1]["elements"][1]["title"]["ja"]
    reviewed = bench.forms.review("put-back", source)
    assert reviewed.missing == (("pages[1].elements[1].title", "ja"),)
    assert (
        reviewed.previews["ja"]["pages"][1]["elements"][1]["title"] == "What was the main reason?"
    )
    bench.forms.save("put-back", source, "ann")
    with pytest.raises(InputError, match=r"elements\[1\].title: the text in 'ja' is missing"):
        bench.forms.publish("put-back", 2, "ann")


def test_a_new_form_starts_from_a_template(bench):
    bench.forms.create("my-taste", "taste", "ann")
    assert "my-taste" not in bench.forms
    bench.forms.publish("my-taste", 1, "ann")
    assert bench.forms["my-taste"].id == "my-taste"
    row = next(row for row in bench.forms.forms() if row.id == "my-taste")
    assert (row.title, row.used, row.questions, row.by) == ("Taste and smell", 1, 3, "ann")
    for name, template in (("my-taste", "taste"), ("My Taste", "taste"), ("other", "none")):
        with pytest.raises(InputError):
            bench.forms.create(name, template, "ann")


def test_differences_name_question_and_text(bench):
    before = bench.forms["put-back"].source
    after = bench.edited(title="Why?")
    rating, choice, text = after["pages"][1]["elements"]
    choice["choices"] = choice["choices"][1:]
    after["pages"][1]["elements"] = [choice, rating, {**text, "name": "other"}]
    found = {(c.kind, c.path): (c.before, c.after) for c in differences(before, after)}
    assert found["changed", "rating.title.en"] == ("How do you like this product?", "Why?")
    assert found["changed", "choice.choices"][1] == "price, fit, label, quality, other"
    assert found["changed", "choice.choices.taste.text.en"] == ("Taste or smell", "")
    assert found["added", "other"] == ("", "Anything you want to add?")
    assert ("removed", "text") in found
    assert {path for kind, path in found if kind == "moved"} == {"rating", "choice"}
    assert differences(before, before) == []


@pytest.fixture
def desk(bench):
    bench.book.open_trigger(Trigger("t1", "rule", "gum", NOON, {}, "put-back"))
    return Desk(
        small_shop(),
        forms=bench.forms,
        versions=bench.forms.version,
        on_refused=bench.forms.refused,
        rules=(),
        triggers=bench.book,
        answers=bench.book,
        secret="secret",
        clock=bench.clock,
    )


def test_an_answer_names_the_version_that_was_shown_even_if_a_newer_came_meanwhile(bench, desk):
    bench.forms.publish(
        "put-back", bench.forms.save("put-back", bench.edited(), "ann").version, "ann"
    )
    assert desk.form("put-back", "en")["version"] == 2
    desk.answer_kiosk("t1", GOOD, "en", CLIENT, 1)
    desk.answer_kiosk("t1", GOOD, "en", CLIENT[::-1])
    assert sorted(answer.version for answer in bench.book.answers()) == [1, 2]
    with pytest.raises(InputError, match="no version 9"):
        desk.answer_kiosk("t1", GOOD, "en", CLIENT, 9)


def test_of_a_refusal_only_a_count_is_kept(bench, desk):
    for turn in range(3):
        assert desk.answer(desk.invite("gum", "qr"), {**GOOD, "consent": False}, "en") is None
        assert desk.answer_kiosk("t1", {"consent": False}, "en", f"{turn:032x}") is None
    assert bench.book.answers() == []
    assert [(r.version, r.channel, r.count) for r in bench.book.refusals()] == [
        (1, "kiosk", 3),
        (1, "qr", 3),
    ]


def test_further_questions_are_stored_with_the_answer(bench, desk):
    source = bench.edited()
    extra = {"type": "checkbox", "name": "where", "title": dict.fromkeys(source["languages"], "?")}
    codes = ("a", "b")
    extra["choices"] = [{"value": c, "text": dict.fromkeys(source["languages"], c)} for c in codes]
    source["pages"][1]["elements"] = [*source["pages"][1]["elements"][:2], extra]
    bench.forms.publish("put-back", bench.forms.save("put-back", source, "ann").version, "ann")
    desk.answer_kiosk("t1", {**GOOD, "where": ["b"]}, "en", CLIENT)
    [stored] = bench.book.answers()
    assert stored.more == {"where": ("b",)}
    assert replace(stored, more={}).choice == "price"


def test_the_receipt_of_a_kiosk_is_the_start_of_its_own_id(bench, desk):
    receipt = desk.answer_kiosk("t1", GOOD, "en", CLIENT)
    assert receipt == "AERU-KZ4J-VPG6-6AJD"
    assert desk.withdraw(receipt)
