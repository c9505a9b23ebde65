"""Topics on random draws of intents: ``python benchmarks/topics.py FILE.csv TEXT LABEL [DRAWS]``.

Each draw takes 12 intents at random, with all texts they have.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from aeras.cli_common import print_plain as say
from aeras.insight.topics.embed import Vectors, embed
from aeras.insight.topics.fit import fit
from aeras.lab.topics import mutual_information, rand_index, read_columns

INTENTS = 12


def main(path: str, text: str, label: str, draws: str = "20") -> None:
    """Prints a line a draw, then mean, standard deviation and range."""
    texts, labels = read_columns(Path(path), [text, label])
    known = dict(zip(texts, embed(texts), strict=True))

    def remembered(some: list[str]) -> Vectors:
        new = [one for one in some if one not in known]
        known.update(zip(new, embed(new), strict=True))
        return np.array([known[one] for one in some])

    scores = []
    for seed in range(int(draws)):
        rng = np.random.default_rng(seed)
        intents = set(rng.choice(sorted(set(labels)), INTENTS, replace=False).tolist())
        rows = [at for at, one in enumerate(labels) if one in intents]
        truth = [labels[at] for at in rows]
        topics = fit([texts[at] for at in rows], embedder=remembered)
        nmi, ari = mutual_information(truth, topics.of), rand_index(truth, topics.of)
        scores.append((nmi, ari, len(topics.labels), topics.unclustered))
        say(f"{seed:3} n={len(rows)} clusters={len(topics.labels)} NMI={nmi:.3f} ARI={ari:.3f}")
    for name, column in zip(
        ("NMI", "ARI", "clusters", "unclustered"), np.array(scores).T, strict=True
    ):
        told = f"mean {column.mean():.3f} sd {column.std(ddof=1):.3f}"
        say(f"{name}: {told} from {column.min():.3f} to {column.max():.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
