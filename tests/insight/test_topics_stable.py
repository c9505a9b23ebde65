"""Topics keep their ids when answers come and go, and what a person did to them lasts."""

from __future__ import annotations

import zlib
from collections import Counter
from itertools import count

import numpy as np
import pytest

from aeras.domain.errors import GroupingError
from aeras.domain.topics import NO_TOPIC
from aeras.insight.topics import stable
from aeras.insight.topics.apart import Apart
from aeras.insight.topics.embed import Vectors
from aeras.insight.topics.stable import Before
from tests.insight.test_topics import ANSWERS

K = 5
CENTRES = np.random.default_rng(3).normal(size=(6, 512))
KINDS = ("price", "taste", "staff", "queue", "light", "music")


def embed(texts: list[str]) -> Vectors:
    """A made-up embedding: texts are near the centre of the kind that they begin with."""
    rows = np.array(
        [
            CENTRES[KINDS.index(text.split()[0]) if text.split()[0] in KINDS else 0]
            + 0.8 * np.random.default_rng(zlib.crc32(text.encode())).normal(size=512)
            for text in texts
        ]
    )
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def said(start: int, each: int, kinds: int = 3) -> dict[str, tuple[str, str]]:
    return {
        f"{kind}-{n}": (f"{kind} remark number {n}", "en")
        for kind in KINDS[:kinds]
        for n in range(start, start + each)
    }


def group(texts, before=None, ids=None):
    numbers = ids or count()
    return stable.group(
        texts, before or Before(), k=K, new_id=lambda: f"new{next(numbers)}", embedder=embed
    )


def main_topic(of, kind: str) -> str:
    found = Counter(topic for name, topic in of.items() if name.startswith(kind))
    topic, times = found.most_common(1)[0]
    assert times > 0.9 * found.total()
    return topic


def topics_by_kind(found, kinds: int = 3) -> dict[str, str]:
    return {kind: main_topic(found.of, kind) for kind in KINDS[:kinds]}


def test_ids_go_on_while_answers_come_and_go_and_new_topics_get_new_ids():
    first = group(said(0, 20))
    names = topics_by_kind(first)
    assert len(set(names.values())) == 3
    later = said(8, 30, 4)
    again = group(later, Before(first.of, frozenset(), first.means), count(100))
    assert topics_by_kind(again) == names
    assert main_topic(again.of, "queue") not in names.values()
    assert set(again.of) == set(later)


def test_a_topic_whose_answers_are_all_gone_is_known_again_by_its_mean():
    first = group(said(0, 20))
    again = group(said(500, 20), Before({}, frozenset(), first.means), count(100))
    assert topics_by_kind(again) == topics_by_kind(first)


def test_what_a_person_holds_is_not_taken_apart_and_gets_the_new_answers():
    texts = said(0, 20)
    of = {name: "mine" if name[:5] in {"price", "taste"} else "other" for name in texts}
    before = Before(of, frozenset({"mine"}))
    again = group(texts | said(20, 10), before)
    assert {topic for name, topic in again.of.items() if name[:5] in {"price", "taste"}} == {"mine"}
    assert main_topic(again.of, "staff") == "other"


def test_new_answers_go_to_the_nearest_topic_or_to_none():
    found = group(said(0, 40))
    names = topics_by_kind(found)
    placed = stable.place(
        said(100, 20) | {"odd": ("music remark number 3", "en")},
        found.means,
        found.languages,
        embedder=embed,
    )
    assert placed.pop("odd") == NO_TOPIC
    right = sum(topic == names[name.split("-")[0]] for name, topic in placed.items())
    wrong = sum(topic not in {NO_TOPIC, names[n.split("-")[0]]} for n, topic in placed.items())
    assert right > 0.7 * len(placed)
    assert wrong == 0
    assert stable.place(said(0, 2), {}, {}, embedder=embed).keys() == said(0, 2).keys()


def test_no_mean_of_fewer_than_k_answers_is_given_out():
    found = group(said(0, 4) | said(0, 30, 1))
    sizes = Counter(found.of.values())
    assert set(found.means) == {name for name, n in sizes.items() if n >= K and name}
    assert min(sizes.values()) < K
    assert all(mean.answers >= K for mean in (*found.means.values(), *found.languages.values()))
    assert len(next(iter(found.means.values())).vector) == 4 * 512


def test_a_split_keeps_the_id_for_the_largest_part():
    texts = said(0, 12, 2) | {
        f"price-{n}": (f"price remark number {n}", "en") for n in range(50, 60)
    }
    ids = count()
    parts = stable.split(texts, "old", k=K, new_id=lambda: f"new{next(ids)}", embedder=embed)
    assert main_topic(parts.of, "price") == "old"
    assert main_topic(parts.of, "taste").startswith("new")
    assert parts.means == {}


@pytest.mark.parametrize(
    ("text", "form", "told"),
    [
        ("das Brot ist leider immer viel zu trocken", "en", "de"),
        ("ok", "de-AT", "de"),
        ("高すぎて買えません", "en", "ja"),
        ("🙂", "es", "es"),
        ("", "", "und"),
    ],
)
def test_the_language_is_as_it_reads_else_the_form_s(text: str, form: str, told: str):
    others = ["it is far too expensive for what it is", "der Preis ist mir viel zu hoch"]
    assert stable.spoken([*others, text], ["en", "de", form])[-1] == told


def test_a_process_of_its_own_finds_topics_and_is_ended_in_time():
    texts = {str(n): (text, language) for n, (_, language, text) in enumerate(ANSWERS)}
    apart = Apart(K)
    found = apart.group(texts, {}, [], {})
    assert 3 <= len(found.labels) <= 4
    assert set(found.of) == set(texts)
    topic = found.of["0"]
    assert apart.place({"x": ("the price is far too high", "en")}, found.means, found.languages)
    part = {name: text for name, text in texts.items() if found.of[name] == topic}
    assert topic in set(apart.split(part, topic).of.values())
    with pytest.raises(GroupingError, match="longer than 0 s"):
        Apart(K, budget_s=0.05).group(texts, {}, [], {})
    with pytest.raises(GroupingError, match="failed"):
        Apart(K, memory=50_000_000).group(texts, {}, [], {})
    apart.stop()
    with pytest.raises(GroupingError, match="not looked for"):
        apart.group(texts, {}, [], {})
