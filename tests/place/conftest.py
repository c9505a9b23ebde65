from __future__ import annotations

import numpy as np
import pytest

from aeras.lab.placement import Market, Truth

SMALL = Market(blocks=8, slots=(4, 6), visits=(20000.0, 20001.0))


@pytest.fixture(scope="session")
def truth():
    return Truth(SMALL, np.random.default_rng(3))
