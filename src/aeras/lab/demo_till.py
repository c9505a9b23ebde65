"""The demo shop's till: made-up receipts that come in as a real export would, file by file."""

from __future__ import annotations

import csv
import random
import shutil
import threading
from pathlib import Path
from typing import Any, Final

from aeras.domain.ports import Clock
from aeras.domain.shop import Item

FOLDER: Final = "till"
EVERY_S: Final = 20.0
MOST_LINES: Final = 3
CONNECTOR: Final[dict[str, Any]] = {
    "id": "till",
    "kind": "folder",
    "path": FOLDER,
    "every": "5 s",
    "settle": "1 s",
    "simulated": True,
}
"""As it stands in the demo's site file."""


class DemoTill:
    """Writes a file with one receipt now and then, and clears away what was read.

    Args:
        folder: Of the demo's site file.
        items: What is sold.
        clock: UTC.
        seed: For what is bought.
    """

    def __init__(self, folder: Path, items: tuple[Item, ...], clock: Clock, *, seed: int) -> None:
        self._folder = folder / FOLDER
        self._items = [item for item in items if item.price]
        self._clock = clock
        self._rng = random.Random(seed)
        self._folder.mkdir(exist_ok=True)

    def start(self) -> None:
        """Sells in the background until the program ends."""
        threading.Thread(target=self._sell_on, name="till", daemon=True).start()

    def sell(self) -> Path:
        """Writes one receipt; whole at once, under a name that is not read until it is."""
        now = self._clock()
        name = f"{now:%Y%m%dT%H%M%S%f}"
        bought = self._rng.sample(
            self._items, self._rng.randint(1, min(MOST_LINES, len(self._items)))
        )
        path = self._folder / f"{name}.csv"
        part = path.with_suffix(".part")
        with part.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["receipt", "at", "sku", "quantity", "amount"])
            for item in bought:
                pieces = self._rng.choice((1, 1, 1, 2))
                amount = (item.price or 0) * pieces / 100
                rows.writerow([name, now.isoformat(), item.id, pieces, f"{amount:.2f}"])
        part.rename(path)
        return path

    def _sell_on(self) -> None:
        pause = threading.Event()
        while True:
            shutil.rmtree(self._folder / "done", ignore_errors=True)
            self.sell()
            pause.wait(EVERY_S * self._rng.uniform(0.5, 1.5))
