"""One block of slots with as many items, for placement."""

from __future__ import annotations

import numpy as np

from aeras.place.plan import Layout


def layout_of(count: int = 4, **changes: object) -> Layout:
    """Slot 0 is the highest; items have brands a, b, a, b ..."""
    told: dict[str, object] = {
        "slots": tuple(f"s{n}" for n in range(count)),
        "items": tuple(f"i{n}" for n in range(count)),
        "block": np.zeros(count, dtype=np.int64),
        "features": np.zeros((count, 1)),
        "height_m": np.linspace(1.6, 0.4, count),
        "cooled": np.zeros(count, dtype=np.bool_),
        "item_block": np.zeros(count, dtype=np.int64),
        "weight_kg": np.ones(count),
        "margin": np.ones(count),
        "cold": np.zeros(count, dtype=np.bool_),
        "brand": tuple("ab"[n % 2] for n in range(count)),
    }
    return Layout(**(told | changes))  # type: ignore[arg-type]
