"""How well topics are found in texts whose topics are known, beside plain methods given the count.

A text in no topic counts as one of a further cluster, all of them together: leaving texts out is
not for free.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from aeras.domain.errors import InputError
from aeras.insight.topics.embed import embed
from aeras.insight.topics.fit import fit
from aeras.insight.topics.languages import words

Ints = NDArray[np.intp]


def score_file(
    path: Path, *, text: str, label: str, language: str | None = None, baselines: bool = False
) -> dict[str, Any]:
    """Finds topics in a column of a CSV file and compares them with a column of true ones.

    Args:
        path: CSV in UTF-8 with a head line; commas, semicolons or tabs.
        text: Column of the answers.
        label: Column of the true topics; only compared with.
        language: Column of ISO 639-1 codes; told from the texts if None.
        baselines: Also score TF-IDF with NMF, and Ward on the vectors, both given the true count.

    Raises:
        InputError: The file or a column is missing, or there is nothing in it.
    """
    named = [text, label] if language is None else [text, label, language]
    texts, labels, *rest = read_columns(path, named)
    if not any(part.strip() for part in texts):
        raise InputError(f"the column {text} holds no text", where=str(path))
    started = time.perf_counter()
    topics = fit(texts, rest[0] if rest else None)
    seconds = time.perf_counter() - started
    figures: dict[str, Any] = {
        "n": len(texts),
        "clusters": len(topics.labels),
        "NMI": rounded(mutual_information(labels, topics.of)),
        "ARI": rounded(rand_index(labels, topics.of)),
        "NMI_language": rounded(mutual_information(topics.languages, topics.of)),
        "NMI_language_of_labels": rounded(mutual_information(topics.languages, labels)),
        "unclustered": round(topics.unclustered, 4),
        "languages": "given" if rest else "detected",
        "seconds": round(seconds, 1),
    }
    if baselines:
        figures["baselines"] = plain_methods(texts, labels, topics.languages)
    figures["topics"] = [
        {"size": len(topics.members(one)), "labels": dict(topics.labels[one])}
        for one in range(len(topics.labels))
    ]
    return figures


def read_columns(path: Path, names: Sequence[str]) -> list[list[str]]:
    """The named columns of a CSV file.

    Raises:
        InputError: See `score_file`.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file, long_fields():
            head = file.readline()
            file.seek(0)
            mark = max(",;\t", key=head.count)
            reader = csv.DictReader(file, restval="", delimiter=mark)
            found = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"not a readable CSV file in UTF-8 ({error})", where=str(path)) from None
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(
            f"no column {', '.join(missing)}; found {', '.join(found) or 'no head line'}",
            where=str(path),
            todo="Name columns that are there with --text, --label and --language",
        )
    if not rows:
        raise InputError("a head line and no row", where=str(path), todo="Give one text a row")
    return [[row[name] or "" for row in rows] for name in names]


@contextmanager
def long_fields() -> Iterator[None]:
    """Lets a field of a CSV file be longer than 128 kB."""
    before = csv.field_size_limit(2**30)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def rounded(figure: float) -> float | None:
    """Four digits; None where nothing could be compared."""
    return None if math.isnan(figure) else round(figure, 4)


def crossed(one: Sequence[Any] | Ints, other: Sequence[Any] | Ints) -> NDArray[np.float64]:
    """How often each pair of values stands together."""
    _, rows = np.unique(np.asarray(one), return_inverse=True)
    _, columns = np.unique(np.asarray(other), return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    return table


def mutual_information(one: Sequence[Any] | Ints, other: Sequence[Any] | Ints) -> float:
    """Normalised by the mean of both entropies, 0 to 1; NaN if both have one value only."""
    joint = crossed(one, other)
    joint /= joint.sum()
    apart = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    seen = joint > 0
    shared = float((joint[seen] * np.log(joint[seen] / apart[seen])).sum())
    mean = (_entropy(joint.sum(axis=1)) + _entropy(joint.sum(axis=0))) / 2
    return max(0.0, shared / mean) if mean else math.nan


def _entropy(shares: NDArray[np.float64]) -> float:
    return float(-(shares * np.log(shares)).sum())


def rand_index(one: Sequence[Any] | Ints, other: Sequence[Any] | Ints) -> float:
    """Adjusted for chance, 1 for the same parts; NaN if there is nothing to part."""
    table = crossed(one, other)

    def pairs(counts: NDArray[np.float64]) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    total = pairs(np.array([table.sum()]))
    chance = rows * columns / total if total else 0.0
    spread = (rows + columns) / 2 - chance
    return (both - chance) / spread if spread else math.nan


def plain_methods(
    texts: Sequence[str], labels: Sequence[str], languages: Sequence[str]
) -> dict[str, Any]:
    """What plain methods reach that are told how many topics there are, of at most 3,000 texts."""
    picked = np.sort(np.random.default_rng(0).permutation(len(texts))[:_MOST])
    some = [texts[at] for at in picked]
    truth = [labels[at] for at in picked]
    tongues = [languages[at] for at in picked]
    count = len(set(truth))
    found = {
        "TF-IDF + NMF": factorised(some, count),
        "embedding + Ward": fcluster(
            linkage(embed(some).astype(float), "ward"), count, "maxclust"
        ).astype(np.intp)
        if len(some) > 1
        else np.zeros(1, np.intp),
    }
    return {
        name: {
            "n": len(some),
            "clusters_given": count,
            "NMI": rounded(mutual_information(truth, of)),
            "ARI": rounded(rand_index(truth, of)),
            "NMI_language": rounded(mutual_information(tongues, of)),
        }
        for name, of in found.items()
    }


_MOST = 3_000


def factorised(texts: Sequence[str], count: int, *, rounds: int = 200) -> Ints:
    """The strongest part of each text in a non-negative factorisation of TF-IDF (Lee and Seung)."""
    tokens = [words(text[:1_000]) for text in texts]
    place = {word: at for at, word in enumerate(sorted({word for row in tokens for word in row}))}
    table = np.zeros((len(texts), max(1, len(place))), dtype=np.float32)
    for row, some in enumerate(tokens):
        for word in some:
            table[row, place[word]] += 1
    held = (table > 0).sum(axis=0)
    table *= np.log((1 + len(texts)) / (1 + held)) + 1
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
    rng = np.random.default_rng(0)
    left = rng.random((len(texts), count), dtype=np.float32) + 0.01
    right = rng.random((count, table.shape[1]), dtype=np.float32) + 0.01
    for _ in range(rounds):
        right *= (left.T @ table) / (left.T @ left @ right + 1e-9)
        left *= (table @ right.T) / (left @ (right @ right.T) + 1e-9)
    strongest: Ints = (left * np.linalg.norm(right, axis=1)).argmax(axis=1)
    return strongest
