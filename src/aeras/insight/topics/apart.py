"""Topics found in a process of its own: the lowest priority, one thread, bounded time and memory.

The pages and the cameras go on beside it. Texts come by a pipe and touch no disk; when the process
ends, all vectors of single texts are gone.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aeras.domain.errors import GroupingError
from aeras.domain.topics import Grouped, TopicMean

BUDGET_S = 600.0
MEMORY = 2 * 1024**3
"""Bytes of data that a process may hold; 10,000 answers need about 0.4 GB."""


class Apart:
    """Implements `aeras.domain.topics.Grouper`.

    Args:
        k: Answers below which no mean is given out.
        budget_s: Seconds after which the process is ended.
        memory: Bytes of data it may hold.
    """

    def __init__(self, k: int, *, budget_s: float = BUDGET_S, memory: int = MEMORY) -> None:
        self._k = k
        self._budget_s = budget_s
        self._memory = memory
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def group(
        self,
        texts: Mapping[str, tuple[str, str]],
        before: Mapping[str, str],
        held: Sequence[str],
        means: Mapping[str, TopicMean],
    ) -> Grouped:
        """Groups all answers, keeping earlier ids."""
        known = {"before": dict(before), "held": list(held), "means": _packed(means)}
        return _grouped(self._run({"work": "group", "texts": dict(texts), **known}))

    def place(
        self,
        texts: Mapping[str, tuple[str, str]],
        means: Mapping[str, TopicMean],
        languages: Mapping[str, TopicMean],
    ) -> dict[str, str]:
        """The nearest topic of further answers."""
        known = {"means": _packed(means), "languages": _packed(languages)}
        of: dict[str, str] = self._run({"work": "place", "texts": dict(texts), **known})["of"]
        return of

    def split(self, texts: Mapping[str, tuple[str, str]], topic: str) -> Grouped:
        """Divides the answers of one topic in two; the larger part keeps the id."""
        return _grouped(self._run({"work": "split", "texts": dict(texts), "topic": topic}))

    def stop(self) -> None:
        """Ends what runs; nothing runs afterwards."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _run(self, job: dict[str, Any]) -> dict[str, Any]:
        job |= {"k": self._k, "memory": self._memory}
        with self._lock:
            if self._stopped:
                raise GroupingError("topics are not looked for any more", todo="Start again")
            process = subprocess.Popen(  # noqa: S603 (this module, by this Python)
                [sys.executable, "-c", f"from {__name__} import serve; serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )
            self._running.add(process)
        try:
            said, trouble = process.communicate(json.dumps(job).encode(), self._budget_s)
        except subprocess.TimeoutExpired:
            raise GroupingError(
                f"looking for topics took longer than {self._budget_s:.0f} s and was ended",
                todo="It is tried again at the next quiet time",
            ) from None
        finally:
            _end(process)
            with self._lock:
                self._running.discard(process)
        if process.returncode:
            lines = trouble.decode(errors="replace").strip().splitlines() or ["ended early"]
            raise GroupingError(f"looking for topics failed ({lines[-1][:200]})")
        answer: dict[str, Any] = json.loads(said)
        return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends it with the process that shares its work."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def serve() -> None:
    """The other process: a job as JSON on stdin, what came of it on stdout."""
    os.nice(19)
    job = json.load(sys.stdin.buffer)
    resource.setrlimit(resource.RLIMIT_DATA, (job["memory"], job["memory"]))
    sys.stdout.write(json.dumps(_done(job)))


def _done(job: Mapping[str, Any]) -> dict[str, Any]:
    from aeras.insight.topics import stable  # noqa: PLC0415 (heavy, and only in that process)

    texts = {name: (text, language) for name, (text, language) in job["texts"].items()}
    if job["work"] == "place":
        means, languages = _unpacked(job["means"]), _unpacked(job["languages"])
        return {"of": stable.place(texts, means, languages)}
    if job["work"] == "split":
        found = stable.split(texts, job["topic"], k=job["k"], new_id=_new_id)
    else:
        held, means = frozenset(job["held"]), _unpacked(job["means"])
        before = stable.Before(job["before"], held, means)
        found = stable.group(texts, before, k=job["k"], new_id=_new_id)
    return {
        "of": dict(found.of),
        "labels": {name: dict(labels) for name, labels in found.labels.items()},
        "means": _packed(found.means),
        "languages": _packed(found.languages),
    }


def _new_id() -> str:
    return secrets.token_hex(8)


def _grouped(answer: Mapping[str, Any]) -> Grouped:
    means, languages = _unpacked(answer["means"]), _unpacked(answer["languages"])
    return Grouped(answer["of"], answer["labels"], means, languages)


def _packed(means: Mapping[str, TopicMean]) -> dict[str, list[Any]]:
    return {
        name: [base64.b64encode(mean.vector).decode(), mean.answers, mean.reach]
        for name, mean in means.items()
    }


def _unpacked(means: Mapping[str, list[Any]]) -> dict[str, TopicMean]:
    return {
        name: TopicMean(base64.b64decode(vector), answers, reach)
        for name, (vector, answers, reach) in means.items()
    }
