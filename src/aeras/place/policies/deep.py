"""Deep reinforcement learning: a DQN that exchanges slots in the calibrated shop.

Needs the extra ``aeras[deep]``. A real shop gives far too few tries to learn from, so the network
learns in `aeras.place.shop.ShopEnv` only, and can be no better than the calibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from stable_baselines3 import DQN

from aeras.place.plan import Floats, Ints
from aeras.place.policy import Known, own_choice
from aeras.place.shop import FEATURES, ShopEnv

DRAWS = 6
"""Shops drawn from each calibration's posterior, so that the network does not lean on one guess."""
STEPS = 200_000


class Deep:
    """Follows a trained network, exchange by exchange, to the best arrangement on its way.

    Args:
        network: From `train`; without it, one is trained in the shop that it is asked about.
        steps: Of that training.
    """

    name = "deep"

    def __init__(self, network: Any = None, steps: int = STEPS) -> None:
        self._network, self._steps = network, steps
        self._env: tuple[Known, ShopEnv] | None = None

    def propose(self, known: Known, block: int, slots: Ints) -> Ints:
        """See `aeras.place.policy.Policy`."""
        if self._network is None:
            self._network = train([known], steps=self._steps)
        if self._env is None or self._env[0] is not known:
            size = self._network.observation_space.shape[0] // FEATURES
            self._env = (known, ShopEnv([known.fit], [known.rules], [known.today], size=size))
        env = self._env[1]
        seen, _ = env.reset(options={"shop": 0, "block": block})
        best, most = env.at, env.now
        for _ in range(env.steps):
            scores = self._scores(seen)
            scores[~env.mask()] = -np.inf
            action = np.int64(scores.argmax())
            seen, _, stopped, over, _ = env.step(action)
            if env.now > most:
                best, most = env.at, env.now
            if stopped or over:
                break
        return best

    def prefer(self, known: Known, candidates: Ints, features: Floats, own: Ints) -> Floats:
        """See `aeras.place.policy.Policy`."""
        return own_choice(candidates, own)

    def _scores(self, seen: Any) -> Floats:
        with torch.no_grad():
            values = self._network.q_net(torch.as_tensor(seen[None, :]))
        found: Floats = values.numpy()[0].astype(np.float64)
        return found


def train(known: Sequence[Known], *, size: int = 0, steps: int = STEPS, seed: int = 7) -> Any:
    """Trains a network on calibrated shops and draws of their posteriors.

    Args:
        known: Shops.
        size: Largest block that it will ever be asked about, if larger than theirs.
        steps: Exchanges tried.
        seed: Of everything random.
    """
    torch.set_num_threads(1)
    fits, rules, todays = [], [], []
    for shop in known:
        for fit in (shop.fit, *(shop.fit.draw(shop.rng) for _ in range(DRAWS))):
            fits.append(fit)
            rules.append(shop.rules)
            todays.append(shop.today)
    network = DQN(
        "MlpPolicy",
        ShopEnv(fits, rules, todays, size=size),
        learning_rate=5e-4,
        buffer_size=50_000,
        learning_starts=1000,
        batch_size=128,
        gamma=0.95,
        train_freq=4,
        target_update_interval=1000,
        exploration_fraction=0.5,
        policy_kwargs={"net_arch": [128, 128]},
        seed=seed,
        device="cpu",
    )
    network.learn(steps)
    return network


make = Deep
