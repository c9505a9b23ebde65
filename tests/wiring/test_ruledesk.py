from __future__ import annotations

import pytest
from lived_shop import LivedShop

from aeras.domain.site_desk import ConflictError
from aeras.serve.rules import fields_of
from aeras.wiring.web import _rule_desk


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A shop with a day in which oat milk stood out."""
    made = LivedShop(tmp_path_factory.mktemp("seen"))
    made.pass_hours(12, {"oat-milk": 6, "tea": 3}, look=False)
    yield made
    made.close()


@pytest.fixture
def shop(tmp_path):
    made = LivedShop(tmp_path)
    yield made
    made.close()


RATE = {"id": "new", "mode": "rate", "window": "14 d", "survey": "put-back"}


def test_a_preview_names_what_a_rule_would_have_flagged_and_what_the_count_would(seen):
    before = seen.path.read_text()
    found = _rule_desk(seen.runtime).preview(RATE, "")
    assert found.problems == ()
    assert found.flagged == ("Oat milk",)
    assert found.count_flagged == 2  # tea has 3 in an hour, so 6 in two
    assert seen.path.read_text() == before


def test_a_preview_of_a_count_follows_its_threshold_and_its_part_of_the_day(seen):
    desk = _rule_desk(seen.runtime)
    asked = {"id": "often", "threshold": 11, "window": "2 h"}
    assert desk.preview(asked, "").flagged == ("Oat milk",)
    assert desk.preview({**asked, "threshold": 12}, "").flagged == ()
    at_night = {**asked, "when": {"hours": "22:00-06:00"}}
    assert desk.preview(at_night, "").flagged == ()


def test_items_with_few_visits_are_not_named(tmp_path):
    shop = LivedShop(tmp_path)
    shop.pass_hours(1, {"oat-milk": 10}, look=False)
    desk = _rule_desk(shop.runtime)
    desk._k = 11
    assert desk.preview({"id": "any", "threshold": 0}, "").flagged == ()
    desk._k = 10
    assert "Oat milk" in desk.preview({"id": "any", "threshold": 0}, "").flagged
    shop.close()


def test_a_measure_that_needs_sales_says_so_where_there_are_none(seen):
    rule = {**RATE, "measure": "positive_without_purchase"}
    found = _rule_desk(seen.runtime).preview(rule, "")
    assert (found.needs_sales, found.flagged) == (True, ())


def test_a_preview_of_a_named_day_finds_what_rose_since(tmp_path):
    shop = LivedShop(tmp_path)
    shop.pass_hours(30, {}, look=False)
    shop.pass_hours(30, {"cola": 8}, look=False)
    rule = {"id": "since", "mode": "change", "since": "2026-11-03", "survey": "put-back"}
    found = _rule_desk(shop.runtime).preview(rule, "")
    assert found.problems == ()
    assert found.flagged == ("Cola",)
    assert found.changes == 5
    shop.close()


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ({"id": "a b"}, "'a b' is not an id"),
        ({"id": "above"}, "the id 'above' is used twice"),
        ({"id": "x", "item": "oatmilk"}, "unknown item 'oatmilk'; did you mean 'oat-milk'?"),
        ({"id": "x", "fixture": "shelve"}, "unknown fixture 'shelve'; did you mean 'shelf'?"),
        ({"id": "x", "category": "drink"}, "unknown category 'drink'; did you mean 'drinks'?"),
        ({"id": "x", "window": "2"}, "write 90 s, 15 min, 2 h or 7 d"),
        ({"id": "x", "mode": "rate", "window": "2 h"}, "window of 1 d or more"),
        ({"id": "x", "mode": "change", "since": "lately"}, "neither planogram nor price nor a day"),
        ({"id": "x", "mode": "change", "before": "30 d"}, "looks back further than events are"),
        ({"id": "x", "when": {"hours": "16 to 20"}}, 'write "09:00-20:00"'),
        ({"id": "x", "survey": "nope"}, "no survey 'nope'"),
        ({"id": "x", "survey": None}, "action survey but no survey"),
        ({"id": "x", "follow_up": "1 h"}, "follow_up of 1 d or more"),
    ],
)
def test_what_is_wrong_with_a_rule_is_one_clear_line_and_nothing_is_written(seen, rule, line):
    desk = _rule_desk(seen.runtime)
    before = seen.path.read_text()
    saved = desk.save(rule, "", desk.rules().revision, "ann")
    assert [problem for problem in saved.problems if line in problem], saved.problems
    assert len(saved.problems) == 1
    assert seen.path.read_text() == before


def test_a_saved_rule_keeps_the_rest_of_the_file_is_logged_and_in_use_at_once(shop):
    desk = _rule_desk(shop.runtime)
    rule = {"id": "often", "mode": "count", "threshold": 3, "survey": "put-back"}
    assert desk.save(rule, "", desk.rules().revision, "ann").problems == ()
    text = shop.path.read_text()
    assert text.startswith("# A shop for tests: this line must survive every change.")
    assert [one["id"] for one in desk.rules().rules] == ["above", "often"]
    entry = shop.runtime.oversight.audit.last(1)[0]
    assert (entry.who, entry.about["what"]) == ("ann", "rule often")
    shop.pass_hours(1, {"tea": 4})
    assert [(t.rule, t.item) for t in shop.opened] == [("often", "tea")]


def test_a_changed_rule_takes_the_place_of_the_old_one(shop):
    desk = _rule_desk(shop.runtime)
    [old] = desk.rules().rules
    fields = fields_of(old)
    assert (fields["window"], fields["action"]) == ("14 d", "label_proposal")
    new = {**old, "id": "higher", "margin": 1.5}
    assert desk.save(new, "above", desk.rules().revision, "ann").problems == ()
    assert desk.rules().rules == (new,)


def test_a_deleted_rule_opens_nothing_any_more(shop):
    desk = _rule_desk(shop.runtime)
    desk.delete("above", desk.rules().revision, "ann")
    shop.pass_hours(8, {"oat-milk": 6})
    assert shop.opened == []


def test_who_comes_second_is_told(shop):
    desk = _rule_desk(shop.runtime)
    revision = desk.rules().revision
    desk.save({"id": "one", "survey": "put-back"}, "", revision, "ann")
    with pytest.raises(ConflictError, match="changed since"):
        desk.save({"id": "two", "survey": "put-back"}, "", revision, "bob")
    assert [one["id"] for one in desk.rules().rules] == ["above", "one"]
