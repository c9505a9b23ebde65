"""Does the camera still stand where it was calibrated? A lasting shift of the whole view says no.

A bump passes, and goods change a place here and there; only when everything lies aside by the same
few pixels for a while do the facings no longer lie where they were drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from aeras.shelf.view import Bytes, Floats32, Look, Mask


@dataclass(frozen=True, slots=True)
class SteadyOptions:
    """Settings of `Steady`.

    Attributes:
        every_s: Seconds between two comparisons.
        meet_s: The picture is taken as a reference after this long.
        shift_px: A shift of the reduced view from which facings no longer fit.
        sure: Response of the phase correlation from which a shift is believed, in [0, 1].
        most: A larger shift, as a share of the view's longer side, is no answer: goods repeat.
        lasting: Comparisons in a row that must agree.
        visible: Share of the view that must be in view.
        follow: Weight of the new picture in the reference, while nothing has moved.
    """

    every_s: float = 2.0
    meet_s: float = 3.0
    shift_px: float = 3.0
    sure: float = 0.15
    most: float = 0.15
    lasting: int = 3
    visible: float = 0.6
    follow: float = 0.1


class Steady:
    """Compares the view with how it was."""

    def __init__(self, options: SteadyOptions | None = None) -> None:
        self.options = options or SteadyOptions()
        self.moved = False
        self._reference: Floats32 | None = None
        self._window: Floats32 | None = None
        self._first_s: float | None = None
        self._due_s = 0.0
        self._against = 0

    def update(self, look: Look, covered: Mask) -> bool:
        """Takes one frame; whether the camera has moved for good (and not come back)."""
        if self._first_s is None:
            self._first_s = look.t_s
        early = look.t_s < self._first_s + self.options.meet_s
        hidden = float((~covered).mean()) < self.options.visible
        if early or hidden or look.shaken or look.t_s < self._due_s:
            return self.moved
        self._due_s = look.t_s + self.options.every_s
        self._compare(look.features, covered)
        return self.moved

    def _compare(self, features: Bytes, covered: Mask) -> None:
        now = features[..., 0].astype(np.float32) - 128
        if self._reference is None or self._window is None:
            self._reference = now
            height, width = now.shape
            self._window = cv2.createHanningWindow((width, height), cv2.CV_32F).astype(np.float32)
            return
        then = self._reference.copy()
        now[covered], then[covered] = 0, 0
        shift, response = cv2.phaseCorrelate(then, now, self._window)
        apart = float(np.hypot(shift[0], shift[1]))
        if response < self.options.sure or apart > self.options.most * max(now.shape):
            return
        if apart < 0.5:  # noqa: PLR2004 - only what has not moved at all may teach
            seen = (~covered).astype(np.uint8)
            cv2.accumulateWeighted(now, self._reference, self.options.follow, mask=seen)
        away = apart >= self.options.shift_px
        self._against = self._against + 1 if away != self.moved else 0
        if self._against >= self.options.lasting:
            self.moved, self._against = away, 0
