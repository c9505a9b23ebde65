"""Chooses what is folded into the last layer: how much prior is given back, and a temperature.

Both are chosen on validation faces of the training set alone, but so that they hold elsewhere. A
temperature fitted on undisturbed faces and majority labels is overconfident in a shop: there the
pictures are worse, rare expressions are less rare, and people disagree. So confidence shall say
which share of people would name the same expression, on average over faces in several conditions,
each expression weighing as the root of its count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from aeras.lab.expression import Degradation, calibration_error
from aeras.lab.train.augment import augment_batch
from aeras.lab.train.data import NO_LABEL, to_square

if TYPE_CHECKING:
    from aeras.lab.train.data import Floats, Grey, Split
    from aeras.lab.train.loop import Run

TEMPERATURES = np.round(np.arange(0.7, 2.01, 0.05), 2)
SHARES = np.round(np.arange(0.0, 1.51, 0.1), 2)
ACCURACY_FOR_RARITY = 0.003
"""Accuracy that may be given up for reading rare expressions more often."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is folded into the last layer: logits become (logits + prior) / temperature.

    Attributes:
        prior_share: how much of the prior that training took away is given back, 0..1.
        temperature: above 1 makes the network less sure.
        gap: mean difference of confidence and agreement that is left in the conditions.
    """

    prior_share: float
    temperature: float
    gap: float


def calibrate(run: Run, rng: np.random.Generator) -> Calibration:
    """Chooses prior and temperature on the run's validation split (see the module).

    Args:
        run: a trained run.
        rng: disturbs the faces.

    Returns:
        The choice; what training had, if there are no validation faces.
    """
    valid = run.splits.valid
    if not len(valid):
        return Calibration(1.0, 1.0, float("nan"))
    prior = run.adjustment.numpy()
    share = _choose_share(run.raw_logits(valid.images), prior, valid)
    seen = [run.raw_logits(images) + share * prior for images in _conditions(run, rng)]
    gaps = [np.mean([_gap(logits / t, valid.targets) for logits in seen]) for t in TEMPERATURES]
    best = int(np.argmin(gaps))
    return Calibration(share, float(TEMPERATURES[best]), round(float(gaps[best]), 4))


def _choose_share(logits: Floats, prior: Floats, valid: Split) -> float:
    """The least share whose accuracy is nearly that of the best."""
    scored = valid.labels != NO_LABEL
    accuracies = np.array(
        [((logits + s * prior).argmax(1) == valid.labels)[scored].mean() for s in SHARES]
    )
    return float(SHARES[np.argmax(accuracies >= accuracies.max() - ACCURACY_FOR_RARITY)])


def _conditions(run: Run, rng: np.random.Generator) -> list[Grey]:
    """Validation faces as they are, small, very small, and disturbed as in training."""
    faces, px = run.splits.valid.images, run.config.face_px
    disturbed = augment_batch(faces, run.config.augment, rng, px)[:, 0].astype(np.uint8)
    return [faces, _degrade(faces, 24), _degrade(faces, 16), disturbed]


def _degrade(faces: Grey, px: int) -> Grey:
    out = np.empty_like(faces)
    how = Degradation(downscale_px=px, jpeg=60)
    for row, face in enumerate(faces):
        bgr = np.asarray(cv2.cvtColor(face, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
        worse = cv2.cvtColor(how.apply(bgr, len(face))[0], cv2.COLOR_BGR2GRAY)
        out[row] = to_square(np.asarray(worse, dtype=np.uint8), len(face))
    return out


def _gap(logits: Floats, votes: Floats) -> float:
    """Gap between confidence and the share of votes for the class named, classes root-weighted."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    confidence = powers.max(1) / powers.sum(1)
    agreement = votes[np.arange(len(votes)), logits.argmax(1)]
    leading = votes.argmax(1)
    weights = 1 / np.sqrt(np.bincount(leading, minlength=votes.shape[1])[leading])
    return calibration_error(confidence, agreement, weights)
