"""Topics in the control database: a new grouping goes over the old, what people did stays."""

from __future__ import annotations

import pytest
from records import NOON, answer

from aeras.domain.errors import InputError
from aeras.domain.topics import Grouped, TopicMean
from aeras.store.control import Control

MEAN = TopicMean(b"\0" * 2048, 12, 0.25)


@pytest.fixture
def control(tmp_path):
    book = Control(tmp_path / "control.sqlite")
    for n in range(4):
        book.add_answer(answer(id=f"a{n}", receipt=f"R{n}", text=f"text {n}"))
    yield book
    book.close()


def grouped(of, **means):
    return Grouped(
        of, {topic: {"en": topic} for topic in set(of.values()) if topic}, means, {"en": MEAN}
    )


def test_names_and_merges_stay_when_topics_are_grouped_anew(control):
    control.keep_topics(grouped({"a0": "p", "a1": "q", "a2": ""}, p=MEAN), NOON)
    control.name_topic("p", "Price")
    control.merge_topic("q", "p")
    control.keep_topics(grouped({"a0": "p", "a1": "r", "a2": "r"}), NOON)
    known = {topic.id: topic for topic in control.topics()}
    assert {name: (t.name, t.into, t.held) for name, t in known.items()} == {
        "p": ("Price", None, True),
        "q": ("", "p", True),
        "r": ("", None, False),
    }
    assert control.topic_means() == ({}, {"en": TopicMean(MEAN.vector, 12)})
    control.merge_topic("q", None)
    control.keep_topics(grouped({"a0": "p"}), NOON)
    assert [topic.id for topic in control.topics()] == ["p", "q"]
    for change in (lambda: control.name_topic("x", "y"), lambda: control.merge_topic("p", "x")):
        with pytest.raises(InputError, match="no topic 'x'"):
            change()


def test_a_divided_topic_is_held_and_an_answer_that_goes_leaves_no_trace(control):
    control.keep_topics(grouped({"a0": "p", "a1": "p"}), NOON)
    control.divide_topic("p", grouped({"a0": "p", "a1": "n"}), NOON)
    control.place_answers({"a3": "n", "gone": "n"})
    assert all(topic.held for topic in control.topics())
    assert control.topic_of() == {"a0": "p", "a1": "n", "a3": "n"}
    before = control.topics_state()
    assert control.withdraw("R3")
    assert control.topic_of() == {"a0": "p", "a1": "n"}
    assert control.topics_state() != before
