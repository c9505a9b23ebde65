"""Topics of a set of texts; how many there are is found, never given.

A graph joins each text with its nearest; vectors are smoothed along it, then merged by Ward's rule,
and of all cuts of that tree the one with the largest modularity of the unsmoothed graph is taken
(Newman 2006, PNAS 103:8577-8582). Of more than 3,000 different texts a sample is clustered and the
others follow their nearest, so that memory and time grow with the number of texts only.

Vectors of single texts live only while `fit` runs; what it returns holds none, only the mean of
each topic. A text that was given often weighs more, up to a few times, so that it cannot fill a
neighbourhood by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage

from aeras.insight.topics.embed import LONGEST, Vectors, embed
from aeras.insight.topics.labels import name_topics
from aeras.insight.topics.languages import detect
from aeras.insight.topics.space import Ints, centred, groups, unit, view

NONE = -1
"""Topic of a text that belongs to none."""


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How topics are found.

    Attributes:
        sample: Different texts that are clustered; the others follow.
        most: Topics at most.
        least_size: Answers that make a topic.
        least_confidence: Below it a text is left in no topic.
        least_texts: Answers of a topic that hold a word before it may stand in the label.
        seed: Of the sample.
    """

    sample: int = 3_000
    most: int = 100
    least_size: int = 2
    least_confidence: float = 0.25
    least_texts: int = 2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Topics:
    """What was found in N texts.

    Attributes:
        of: (N,) topic of each text, the largest first from 0; `NONE` where it belongs to none.
        confidence: (N,) 0 to 1: the share of a text's nearest texts that are of its topic.
        labels: For each topic its label by language.
        centroids: (K, 512) unit means of the topics' vectors, each language centred.
        languages: Of each text.
    """

    of: Ints
    confidence: NDArray[np.float32]
    labels: tuple[Mapping[str, str], ...]
    centroids: Vectors
    languages: tuple[str, ...]

    def members(self, topic: int) -> Ints:
        """Positions of the texts of a topic."""
        return np.flatnonzero(self.of == topic)

    @property
    def unclustered(self) -> float:
        """Share of the texts that belong to no topic."""
        return float((self.of == NONE).mean()) if len(self.of) else 0.0

    def label(self, topic: int, language: str) -> str:
        """The label in that language, else in the topic's main one; "" if no word is common."""
        labels = self.labels[topic]
        return labels.get(language) or next(iter(labels.values()), "")


def fit(
    texts: Sequence[str],
    languages: Sequence[str] | None = None,
    *,
    options: FitOptions = FitOptions(),
    embedder: Callable[[Sequence[str]], Vectors] = embed,
) -> Topics:
    """Finds the topics of texts.

    Args:
        texts: Answers; empty ones belong to no topic.
        languages: BCP 47 code of each; those left out, "" or None, are told from the texts.
        options: See there.
        embedder: Texts -> (N, 512) unit rows.
    """
    given = [code.strip().lower().split("-")[0] for code in languages or [""] * len(texts)]
    if len(given) != len(texts):
        raise ValueError(f"{len(texts)} texts, but {len(given)} languages")
    told = given if all(given) else detect(texts)
    spoken = tuple(code or guess for code, guess in zip(given, told, strict=True))
    keys = [key(text) for text in texts]
    place: dict[tuple[str, str], int] = {}
    which = np.array(
        [
            place.setdefault((one, tongue), len(place)) if one else NONE
            for one, tongue in zip(keys, spoken, strict=True)
        ],
        dtype=np.intp,
    )
    of = np.full(len(texts), NONE, dtype=np.intp)
    confidence = np.zeros(len(texts), dtype=np.float32)
    said = which >= 0
    if not said.any():
        return Topics(of, confidence, (), np.zeros((0, 512), np.float32), spoken)
    different = [text for text, _ in place]
    tongues = [tongue for _, tongue in place]
    vectors = embedder(different)
    times = np.bincount(which[said], minlength=len(different))
    topic, sure = _cluster(vectors, different, tongues, times, options=options, embedder=embedder)
    of[said], confidence[said] = topic[which[said]], sure[which[said]]
    of[confidence < options.least_confidence] = NONE
    of = _by_size(of, options.least_size)
    count = int(of.max()) + 1
    base = centred(vectors, groups(tongues)) if len(vectors) > 1 else vectors
    means = [base[which[of == one]].mean(axis=0) for one in range(count)]
    centroids = unit(np.array(means)) if means else np.zeros((0, vectors.shape[1]), np.float32)
    labels = name_topics(texts, spoken, of.tolist(), count, least=options.least_texts)
    return Topics(of, confidence, labels, centroids, spoken)


def key(text: str) -> str:
    """What is read of a text; texts with the same count as one that was given often."""
    return " ".join(text[:LONGEST].casefold().split())


_HANDFUL = 6
"""Different texts below which there is no graph to speak of."""
_ALIKE = 0.5
"""Cosine of two texts that say about the same."""
_COPIES = 4
"""Times a text counts at most."""
_FEWEST = 8
"""Neighbours of a text, where there are texts enough."""


def _cluster(
    vectors: Vectors,
    texts: Sequence[str],
    languages: Sequence[str],
    times: Ints,
    *,
    options: FitOptions,
    embedder: Callable[[Sequence[str]], Vectors],
) -> tuple[Ints, NDArray[np.float32]]:
    """Topic and confidence of each of some different texts that were given some times."""
    count = len(texts)
    if count == 1:
        return np.zeros(1, np.intp), np.ones(1, np.float32)
    if count < _HANDFUL:
        tree = linkage(vectors.astype(float), "average", metric="cosine")
        few = fcluster(tree, 1 - _ALIKE, "distance").astype(np.intp) - 1
        return few, np.ones(count, np.float32)
    copies = np.repeat(np.arange(count), np.minimum(times, _COPIES))
    if len(copies) > options.sample:
        rng = np.random.default_rng(options.seed)
        copies = np.sort(rng.choice(copies, options.sample, replace=False))
    rows = view(
        vectors[copies],
        [texts[int(at)] for at in copies],
        [languages[int(at)] for at in copies],
        embedder,
    )
    neighbours = max(2, min(max(_FEWEST, round(np.sqrt(len(rows)) / 2)), len(rows) // 5))
    graph = nearest_graph(rows, neighbours)
    found = best_cut(smoothed(rows, graph), graph, options.most)
    topic, sure = np.zeros(count, np.intp), np.zeros(count, np.float32)
    others = np.setdiff1d(np.arange(count), copies)
    if len(others):
        base = centred(vectors, groups(languages))
        topic[others], sure[others] = _follow(base[others], base[copies], found)
    topic[copies], sure[copies] = found, _agreement(graph, found)
    return topic, sure


def nearest_graph(rows: Vectors, neighbours: int) -> sparse.csr_array:
    """Symmetric (N, N) graph of each row's nearest, weighted by cosine."""
    likeness = rows @ rows.T
    np.fill_diagonal(likeness, -1.0)
    near = np.argpartition(-likeness, neighbours, axis=1)[:, :neighbours]
    start = np.repeat(np.arange(len(rows)), neighbours)
    weight = np.maximum(likeness[start, near.ravel()], 1e-6)
    graph = sparse.csr_array((weight, (start, near.ravel())), shape=likeness.shape)
    return sparse.csr_array(graph.maximum(graph.T))


def smoothed(
    rows: Vectors, graph: sparse.csr_array, *, pull: float = 0.8, steps: int = 6
) -> Vectors:
    """Rows drawn to the mean of their neighbours, some steps along the graph."""
    walk = sparse.diags_array(1 / np.asarray(graph.sum(axis=1))) @ graph
    moved = rows
    for _ in range(steps):
        moved = unit((1 - pull) * moved + pull * (walk @ moved))
    return moved


def best_cut(rows: Vectors, graph: sparse.csr_array, most: int) -> Ints:
    """The finest cut of Ward's tree whose modularity on the graph is about the largest."""
    middle = rows - rows.mean(axis=0)
    _, axes = np.linalg.eigh(middle.T @ middle)
    tree = linkage((middle @ axes[:, -_AXES:]).astype(float), "ward")
    edges = graph.tocoo()
    degree = np.asarray(graph.sum(axis=1))
    total = degree.sum()
    best, best_value = np.zeros(len(rows), np.intp), 0.0
    for count in range(2, max(3, min(most, len(rows) // 3) + 1)):
        cut = fcluster(tree, count, "maxclust").astype(np.intp) - 1
        inside = edges.data[cut[edges.row] == cut[edges.col]].sum() / total
        value = inside - float(((np.bincount(cut, weights=degree) / total) ** 2).sum())
        if value > best_value - (_AS_GOOD if best.any() else 0.0):
            best, best_value = cut, max(value, best_value)
    return best


_AXES = 128
_AS_GOOD = 0.003
"""Modularity that a finer cut may be behind; its curve is flat at the top."""


def _agreement(graph: sparse.csr_array, topic: Ints) -> NDArray[np.float32]:
    """The share of each text's ties that stay inside its topic."""
    edges = graph.tocoo()
    same = edges.data * (topic[edges.row] == topic[edges.col])
    inside = np.bincount(edges.row, weights=same, minlength=len(topic))
    return (inside / np.asarray(graph.sum(axis=1))).astype(np.float32)


def _follow(
    rows: Vectors, known: Vectors, topic: Ints, *, neighbours: int = 10, block: int = 1_000
) -> tuple[Ints, NDArray[np.float32]]:
    """The topic most of the nearest known rows have, and their share; in blocks of bounded size."""
    found = np.zeros(len(rows), np.intp)
    sure = np.zeros(len(rows), np.float32)
    kinds = int(topic.max()) + 1
    for start in range(0, len(rows), block):
        likeness = rows[start : start + block] @ known.T
        near = np.argpartition(-likeness, neighbours, axis=1)[:, :neighbours]
        weight = np.maximum(np.take_along_axis(likeness, near, axis=1), 1e-6)
        votes = np.zeros((len(near), kinds), np.float32)
        for column in range(neighbours):
            np.add.at(votes, (np.arange(len(near)), topic[near[:, column]]), weight[:, column])
        found[start : start + block] = votes.argmax(axis=1)
        sure[start : start + block] = votes.max(axis=1) / votes.sum(axis=1)
    return found, sure


def _by_size(of: Ints, least: int) -> Ints:
    """Topics numbered anew from the largest; those that are too small are none."""
    counts = np.bincount(of[of >= 0], minlength=1)
    order = [int(one) for one in np.argsort(-counts, kind="stable") if counts[one] >= least]
    number = np.full(len(counts), NONE, dtype=np.intp)
    number[order] = np.arange(len(order))
    return np.where(of >= 0, number[of], NONE)
