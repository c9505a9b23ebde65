"""Topics that stay the same over time, and that people may name, join and divide.

A new grouping is matched with the earlier one by the answers that both hold (Kuhn 1955; topics
whose answers have all expired, by their means). What a person has held is never taken apart: its
answers stay in it, and a cluster that is mostly of it joins it.

Of vectors only means are given out, of k answers or more each, so that none is anybody's sentence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from aeras.domain.topics import NO_TOPIC, Grouped, TopicMean
from aeras.insight.topics.embed import Vectors, embed
from aeras.insight.topics.fit import NONE, FitOptions, fit, key
from aeras.insight.topics.labels import name_topics
from aeras.insight.topics.languages import UNKNOWN, detect, words
from aeras.insight.topics.space import FEW, Ints, centred, groups, unit

Embedder = Callable[[Sequence[str]], Vectors]
Texts = Mapping[str, tuple[str, str]]
"""Text and language of the form by answer id."""

_SAME = 0.2
"""Least likeness (Jaccard) of a cluster and an earlier topic that are one."""
_CLOSE = 0.8
"""Least cosine of their means where the earlier topic has no answer left."""
_WORDS_TO_TELL = 4
"""Words by which a text tells its language better than the form does."""
_FAR = 10
"""Per cent of a topic's answers that lie farther from its mean than ``reach``."""


@dataclass(frozen=True, slots=True)
class Before:
    """The earlier grouping.

    Attributes:
        of: Topic by answer id, `NO_TOPIC` for none; answers not looked at are missing.
        held: Topics that are a person's.
        means: Of its topics.
    """

    of: Mapping[str, str] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    means: Mapping[str, TopicMean] = field(default_factory=dict)


def group(
    texts: Texts,
    before: Before,
    *,
    k: int,
    new_id: Callable[[], str],
    embedder: Embedder = embed,
) -> Grouped:
    """Groups all answers anew, keeping the ids of topics that go on.

    Args:
        texts: Text and language of the form by answer id.
        before: The earlier grouping.
        k: Answers below which no mean is given out.
        new_id: For topics that are new.
        embedder: Texts -> (N, 512) unit rows.
    """
    said = [text for text, _ in texts.values()]
    remembered = _Remembering(embedder)
    languages = spoken(said, [language for _, language in texts.values()])
    found = fit(said, languages, embedder=remembered)
    of = carried(
        found.of, [before.of.get(one) for one in texts], before, found.centroids, new_id=new_id
    )
    return _described(dict(zip(texts, of, strict=True)), said, languages, remembered, k)


def split(
    texts: Texts,
    topic: str,
    *,
    k: int,
    new_id: Callable[[], str],
    embedder: Embedder = embed,
) -> Grouped:
    """Divides the answers of one topic in two; the larger part keeps its id, and so do answers that
    belong to neither.
    """
    said = [text for text, _ in texts.values()]
    remembered = _Remembering(embedder)
    languages = spoken(said, [language for _, language in texts.values()])
    found = fit(said, languages, options=FitOptions(most=2), embedder=remembered)
    ids = [topic, *(new_id() for _ in found.labels[1:])]
    of = [ids[max(0, one)] for one in found.of.tolist()]
    parts = _described(dict(zip(texts, of, strict=True)), said, languages, remembered, k)
    # Means of a part lie in the part's own space; the next grouping of all gives comparable ones.
    return replace(parts, means={}, languages={})


def place(
    texts: Texts,
    means: Mapping[str, TopicMean],
    languages: Mapping[str, TopicMean],
    *,
    embedder: Embedder = embed,
) -> dict[str, str]:
    """The nearest topic of each answer, `NO_TOPIC` where none is near enough."""
    if not texts or not means or not languages:
        return dict.fromkeys(texts, NO_TOPIC)
    said = [text for text, _ in texts.values()]
    tongues = spoken(said, [language for _, language in texts.values()])
    rest = languages.get("") or max(languages.values(), key=lambda mean: mean.answers)
    middles = np.stack([_vector(languages.get(one, rest)) for one in tongues])
    likeness = (
        unit(embedder([key(text) for text in said]) - middles)
        @ np.stack([_vector(m) for m in means.values()]).T
    )
    reach = np.array([mean.reach for mean in means.values()], dtype=np.float32)
    nearest = likeness.argmax(axis=1)
    enough = likeness[np.arange(len(said)), nearest] >= reach[nearest]
    names = list(means)
    return {
        one: names[at] if near and text.strip() else NO_TOPIC
        for one, text, at, near in zip(texts, said, nearest.tolist(), enough, strict=True)
    }


def spoken(texts: Sequence[str], forms: Sequence[str]) -> list[str]:
    """The language of each text: as it reads if that can be told, else the form's."""
    homes = [code.strip().lower().split("-")[0] for code in forms]
    return [
        told if told != UNKNOWN and (not text.isascii() or _many_words(text)) else home or UNKNOWN
        for text, told, home in zip(texts, detect(texts), homes, strict=True)
    ]


def _many_words(text: str) -> bool:
    return len(words(text[:200])) >= _WORDS_TO_TELL


def carried(
    found: Ints,
    earlier: Sequence[str | None],
    before: Before,
    centroids: Vectors,
    *,
    new_id: Callable[[], str],
) -> list[str]:
    """The id of each answer's topic.

    Args:
        found: (N,) cluster of each answer, `NONE` for none.
        earlier: Its topic before; None if it was not looked at.
        before: The earlier grouping.
        centroids: (K, 512) of the clusters.
        new_id: For clusters that go on from no topic.
    """
    count = int(found.max(initial=NONE)) + 1
    names = sorted({one for one in earlier if one} | set(before.means))
    number = {name: at for at, name in enumerate(names)}
    shared = np.zeros((count, len(names)))
    seen = np.zeros(count)
    for cluster, name in zip(found.tolist(), earlier, strict=True):
        if cluster != NONE and name is not None:
            seen[cluster] += 1
            if name:
                shared[cluster, number[name]] += 1
    sizes = Counter(name for name in earlier if name)
    had = np.array([sizes[name] for name in names], dtype=float)
    likeness = shared / np.maximum(seen[:, None] + had[None, :] - shared, 1)
    for name, mean in before.means.items():
        if not sizes[name] and count:
            near = centroids @ _vector(mean)
            likeness[:, number[name]] = np.where(near >= _CLOSE, near / 2, 0)
    ids = [NO_TOPIC] * count
    for cluster, at in zip(*linear_sum_assignment(likeness, maximize=True), strict=True):
        if likeness[cluster, at] >= _SAME:
            ids[cluster] = names[at]
    for cluster in range(count):
        most = int(shared[cluster].argmax()) if names else 0
        if names and names[most] in before.held and 2 * shared[cluster, most] > seen[cluster]:
            ids[cluster] = names[most]
        ids[cluster] = ids[cluster] or new_id()
    return [
        name if name in before.held else NO_TOPIC if cluster == NONE else ids[cluster]
        for cluster, name in zip(found.tolist(), (one or "" for one in earlier), strict=True)
    ]


def _described(
    of: dict[str, str],
    said: Sequence[str],
    languages: Sequence[str],
    embedder: Embedder,
    k: int,
) -> Grouped:
    """Labels and means of topics."""
    names = sorted(set(of.values()) - {NO_TOPIC})
    number = {name: at for at, name in enumerate(names)}
    which = np.array([number.get(one, NONE) for one in of.values()], dtype=np.intp)
    labels = name_topics(
        said, languages, which.tolist(), len(names), least=FitOptions().least_texts
    )
    vectors = embedder([key(text) for text in said])
    base = centred(vectors, groups(languages)) if len(said) > 1 else vectors
    means = {}
    for name, at in number.items():
        rows = base[which == at]
        if len(rows) >= k:
            total = rows.sum(axis=0, keepdims=True)
            likeness = (unit(total - rows) * rows).sum(axis=1)  # to the mean without itself
            reach = float(np.percentile(likeness, _FAR))
            means[name] = TopicMean(_bytes(unit(total)[0]), len(rows), reach)
    counts = Counter(languages)
    by_language = np.array([one if counts[one] >= FEW else "" for one in languages])
    tongues = {
        str(name): TopicMean(_bytes(rows.mean(axis=0)), len(rows))
        for name in np.unique(by_language)
        if len(rows := vectors[by_language == name]) >= k
    }
    return Grouped(of, dict(zip(names, labels, strict=True)), means, tongues)


def _bytes(vector: Vectors) -> bytes:
    return vector.astype("<f4").tobytes()


def _vector(mean: TopicMean) -> Vectors:
    return np.frombuffer(mean.vector, dtype="<f4").astype(np.float32)


class _Remembering:
    """Embeds each text once in a run; goes with it."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}

    def __call__(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._embedder(new), strict=True))
        return np.stack([self._known[text] for text in texts])
