"""How topics last: ``python benchmarks/topics_time.py FILE.csv TEXT LABEL LANGUAGE``.

Seven in ten texts are grouped; the others are placed, then all are grouped anew.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np

from aeras.cli_common import print_plain as say
from aeras.domain.topics import NO_TOPIC
from aeras.insight.topics import stable
from aeras.insight.topics.embed import Vectors, embed
from aeras.lab.topics import read_columns


def main(path: str, text: str, label: str, language: str, draws: str = "5") -> None:
    """Prints a line a draw."""
    texts, labels, languages = read_columns(Path(path), [text, label, language])
    known: dict[str, Vectors] = {}

    def remembered(some: Sequence[str]) -> Vectors:
        new = [one for one in dict.fromkeys(some) if one not in known]
        known.update(zip(new, embed(new), strict=True) if new else ())
        return np.array([known[one] for one in some])

    said = {str(n): pair for n, pair in enumerate(zip(texts, languages, strict=True))}
    for seed in range(int(draws)):
        order = np.random.default_rng(seed).permutation(len(texts)).astype(str).tolist()
        early, late = order[: len(order) * 7 // 10], order[len(order) * 7 // 10 :]
        ids = map(str, count())
        first = stable.group(
            {one: said[one] for one in early},
            stable.Before(),
            k=10,
            new_id=ids.__next__,
            embedder=remembered,
        )
        truth = {
            topic: Counter(labels[int(one)] for one in early if first.of[one] == topic)
            for topic in first.labels
        }
        late_of = stable.place(
            {one: said[one] for one in late}, first.means, first.languages, embedder=remembered
        )
        placed = {one: topic for one, topic in late_of.items() if topic != NO_TOPIC}
        right = sum(
            truth[topic].most_common(1)[0][0] == labels[int(one)] for one, topic in placed.items()
        )
        own = sum(found.most_common(1)[0][1] for found in truth.values()) / len(early)
        again = stable.group(
            said,
            stable.Before({**first.of, **late_of}, frozenset(), first.means),
            k=10,
            new_id=ids.__next__,
            embedder=remembered,
        )
        stayed = sum(again.of[one] == first.of[one] for one in early) / len(early)
        say(
            f"{seed} topics={len(first.labels)} placed={len(placed) / len(late):.2f} "
            f"right={right / len(placed):.2f} (grouped ones {own:.2f}) "
            f"again={len(again.labels)} ids kept={len(set(first.labels) & set(again.labels))} "
            f"answers kept={stayed:.2f}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
