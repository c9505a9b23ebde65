"""Where texts lie: their vectors with the language taken out, joined with the words they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import svds

from aeras.insight.topics.embed import Vectors
from aeras.insight.topics.labels import UNSPACED, terms

Ints = NDArray[np.intp]

FEW = 8
"""Texts of a language that are too few to have a mean of their own."""
_ONE_LANGUAGE = 0.9
"""Share of the texts from which on shared words are looked at too."""
_TERMS_WEIGHT = 0.6
_WORDS_WEIGHT = 0.8
_DIMENSIONS = 100
_CENTRES = (14, 20, 28)
"""Numbers of soft clusters; the mean of all hangs less on one."""


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Each row with length one; rows of nothing stay so."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows: Vectors = (vectors / np.maximum(length, 1e-9)).astype(np.float32)
    return rows


def groups(languages: Sequence[str]) -> Ints:
    """The language of each text as a number; rare ones are one group together."""
    counts = Counter(languages)
    usual = sorted(name for name, count in counts.items() if count >= FEW)
    number = {name: at for at, name in enumerate(usual)}
    return np.array([number.get(name, len(usual)) for name in languages], dtype=np.intp)


def centred(vectors: Vectors, group: Ints) -> Vectors:
    """The vectors with the mean of their group taken away, unit length again."""
    moved = vectors.copy()
    for one in np.unique(group):
        moved[group == one] -= vectors[group == one].mean(axis=0)
    return unit(moved)


def view(
    vectors: Vectors,
    texts: Sequence[str],
    languages: Sequence[str],
    embed_words: Callable[[Sequence[str]], Vectors],
) -> Vectors:
    """Unit rows in which texts of one topic are close, whatever their language.

    Where nearly all texts are of one language, words say more than the sentence's vector alone:
    TF-IDF reduced to 100 dimensions, and the mean of the vectors of the words weighted by how rare
    they are, are joined to it. With several languages these would pull the languages apart, and
    `mixed` takes the language out of the vectors instead.
    """
    group = groups(languages)
    base = centred(vectors, group)
    name, most = Counter(languages).most_common(1)[0]
    if most < _ONE_LANGUAGE * len(texts):
        return unit(sum((mixed(base, group, centres=centres) for centres in _CENTRES), 0 * base))
    tokens = [terms(text, one) for text, one in zip(texts, languages, strict=True)]
    parts = [base, _TERMS_WEIGHT * shared_terms(tokens)]
    if name not in UNSPACED:
        parts.append(_WORDS_WEIGHT * rare_words(tokens, embed_words))
    return unit(np.hstack(parts))


def shared_terms(tokens: Sequence[Sequence[str]]) -> Vectors:
    """TF-IDF of words and pairs that two texts or more hold, by its strongest directions."""
    grams = [Counter([*words, *pairwise(words)]) for words in tokens]
    held = Counter(gram for counter in grams for gram in counter)
    column = {gram: at for at, gram in enumerate(g for g, count in held.items() if count > 1)}
    cells = [
        (
            row,
            column[gram],
            (1 + np.log(times)) * (np.log((1 + len(tokens)) / (1 + held[gram])) + 1),
        )
        for row, counter in enumerate(grams)
        for gram, times in counter.items()
        if gram in column
    ]
    dimensions = min(_DIMENSIONS, len(column) - 1, len(tokens) - 1)
    if dimensions < 1:
        return np.zeros((len(tokens), 1), dtype=np.float32)
    rows, columns, values = zip(*cells, strict=True)
    table = sparse.csr_array(
        (np.array(values), (np.array(rows), np.array(columns))), shape=(len(tokens), len(column))
    )
    length = np.sqrt(table.multiply(table).sum(axis=1))
    table = sparse.diags_array(1 / np.maximum(length, 1e-9)) @ table
    start = np.random.default_rng(0).normal(size=min(table.shape))
    left, strength, _ = svds(table, k=dimensions, v0=start)
    return unit(left * strength)


def rare_words(
    tokens: Sequence[Sequence[str]], embed_words: Callable[[Sequence[str]], Vectors]
) -> Vectors:
    """Mean of the vectors of a text's words, each weighted by how rare it is, centred."""
    held = Counter(word for words in tokens for word in set(words))
    known = sorted(word for word, count in held.items() if count > 1)
    if not known:
        return np.zeros((len(tokens), 1), dtype=np.float32)
    at = {word: place for place, word in enumerate(known)}
    vectors = embed_words(known)
    vectors -= vectors.mean(axis=0)
    weights = {word: np.log(len(tokens) / held[word]) for word in known}
    mean = np.zeros((len(tokens), vectors.shape[1]), dtype=np.float32)
    for row, words in enumerate(tokens):
        for word in set(words) & at.keys():
            mean[row] += weights[word] * vectors[at[word]]
    mean = unit(mean)
    return unit(mean - mean.mean(axis=0))


def mixed(
    base: Vectors,
    group: Ints,
    *,
    centres: int = 20,
    width: float = 0.1,
    shrink: float = 5.0,
    rounds: int = 4,
) -> Vectors:
    """Vectors moved so that the languages lie on one another, topic by topic.

    Soft clusters that are kept from holding one language alone; in each, a language's mean is
    pulled to the cluster's (Harmony: Korsunsky et al. 2019, Nature Methods 16:1289-1296).

    Args:
        base: Unit rows, centred by language.
        group: Language of each.
        centres: Soft clusters.
        width: Of the soft assignment.
        shrink: Texts worth of doubt in a language's mean.
        rounds: Of clustering and moving.
    """
    kinds = np.unique(group)
    one_hot = (group[:, None] == kinds).astype(np.float32)
    share = one_hot.mean(axis=0)
    centres = min(centres, len(base) // 4)
    if len(kinds) < 2 or centres < 2:  # noqa: PLR2004 (nothing to mix)
        return base
    moved = unit(base)
    for _ in range(rounds):
        centre = spherical_means(moved, centres)
        for _ in range(6):
            near = np.exp(-2 * (1 - moved @ centre.T) / width)
            soft = near / near.sum(axis=1, keepdims=True)
            expected = soft.sum(axis=0)[:, None] * share
            rare = (expected + 1) / (soft.T @ one_hot + 1)
            soft = near * (one_hot @ rare.T)
            soft /= soft.sum(axis=1, keepdims=True)
            centre = unit(soft.T @ moved)
        part = (soft[:, :, None] * one_hot[:, None, :]).reshape(len(base), -1)
        size = part.sum(axis=0)[:, None]
        mean = (soft.T @ base) / np.maximum(soft.sum(axis=0), 1e-9)[:, None]
        away = part.T @ base - size * np.repeat(mean, len(kinds), axis=0)
        shift = part @ (away / (size + shrink))
        moved = unit(base - shift)
    return moved


def spherical_means(rows: Vectors, count: int, *, tries: int = 3) -> Vectors:
    """Centres of k-means by cosine, started by k-means++; the best of some tries."""
    best, best_fit = rows[:count], -np.inf
    for seed in range(tries):
        rng = np.random.default_rng(seed)
        picked = [int(rng.integers(len(rows)))]
        far = np.maximum(1 - rows @ rows[picked[0]], 1e-9)
        while len(picked) < count:
            picked.append(int(rng.choice(len(rows), p=far / far.sum())))
            far = np.minimum(far, np.maximum(1 - rows @ rows[picked[-1]], 1e-9))
        centre = rows[picked]
        for _ in range(25):
            likeness = rows @ centre.T
            nearest = likeness.argmax(axis=1)
            own = (nearest[:, None] == np.arange(count)).astype(np.float32)
            centre = unit(np.where(own.any(axis=0)[:, None], own.T @ rows, centre))
        fit = float((rows @ centre.T).max(axis=1).sum())
        if fit > best_fit:
            best, best_fit = centre, fit
    return best
