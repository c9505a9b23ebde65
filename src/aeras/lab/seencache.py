"""Perception that remembers what the body and hand models said of a video's frames.

Reading a video again then costs its decoding and the shelf's own work. Boxes and joints are kept
on the developer's disk, never pictures.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aeras.domain.geometry import Box
from aeras.domain.seen import Detections, Frame, Hand, Person
from aeras.perceive import PerceptionOptions, hands, list_models, people
from aeras.wiring.rig import Perceiver

KEPT = frozenset({"people", "hands"})


class CachedPerception:
    """Implements `aeras.wiring.rig.Perceiver` for one video; other tasks are never cached.

    Args:
        video: The file whose frames will come.
        folder: Where the cache lives; it is made.
        perception: Runs what is not known yet.
    """

    def __init__(self, video: Path, folder: Path, perception: Perceiver) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{_digest(video.read_bytes())}-{_models()}.json.gz"
        self._perception = perception
        self._known: dict[str, list[Any]] = {}
        self._dirty = False
        if self._path.is_file():
            self._known = json.loads(gzip.decompress(self._path.read_bytes()))

    def detect(
        self,
        frame: Frame,
        tasks: frozenset[str],
        *,
        face_regions: Sequence[Box] = (),
        hand_regions: Sequence[Box] = (),
        readable: Callable[[Box], bool] | None = None,
    ) -> Detections:
        """See `Perceiver.detect`."""
        rest = tasks - KEPT
        found = None
        if rest:
            found = self._perception.detect(
                frame, rest, face_regions=face_regions, readable=readable
            )
        return Detections(
            faces=found.faces if found else (),
            people=self._people(frame) if "people" in tasks else (),
            hands=self._hands(frame, hand_regions) if "hands" in tasks else (),
            ran=tasks,
        )

    def save(self) -> None:
        """Writes what is new."""
        if self._dirty:
            text = json.dumps(self._known, separators=(",", ":"))
            aside = self._path.with_suffix(".new")
            aside.write_bytes(gzip.compress(text.encode(), compresslevel=3))
            aside.replace(self._path)
        self._dirty = False

    def _people(self, frame: Frame) -> tuple[Person, ...]:
        key = f"people {frame.t_s:.4f}"
        if key not in self._known:
            seen = self._perception.detect(frame, frozenset({"people"}))
            self._add(key, [[p.box, p.score, p.keypoints.tolist()] for p in seen.people])
        return tuple(
            Person((b[0], b[1], b[2], b[3]), score, np.array(points, dtype=np.float32))
            for b, score, points in self._known[key]
        )

    def _hands(self, frame: Frame, regions: Sequence[Box]) -> tuple[Hand, ...]:
        places = json.dumps([[round(float(v), 2) for v in box] for box in regions])
        key = f"hands {frame.t_s:.4f} {places}"
        if key not in self._known:
            seen = self._perception.detect(frame, frozenset({"hands"}), hand_regions=regions)
            rows = [[h.box, h.score, _listed(h.points)] for h in seen.hands]
            self._add(key, rows)
        return tuple(
            Hand(
                (b[0], b[1], b[2], b[3]),
                score,
                None if points is None else np.array(points, dtype=np.float32),
            )
            for b, score, points in self._known[key]
        )

    def _add(self, key: str, rows: list[Any]) -> None:
        # Through JSON at once, so that a first run and a later one see the very same numbers.
        self._known[key] = json.loads(json.dumps(rows))
        self._dirty = True


def _listed(points: np.ndarray[Any, Any] | None) -> Any:
    return None if points is None else points.tolist()


def _models() -> str:
    """Changes with the models, their options and the code that runs them."""
    hashes = [card.sha256 for card in list_models() if card.name in {"movenet", "palm", "hand"}]
    options = PerceptionOptions()
    parts = [*hashes, repr(options.people), repr(options.hands)]
    parts += [_digest(Path(str(room.__file__)).read_bytes()) for room in (people, hands)]
    return _digest(" ".join(parts).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
