"""The live preview of one camera: a thorough search for faces, then the blurred picture.

What reads faces looks at the frame, or its zones, once. For the preview that is not enough: a face
that only a closer look finds would be shown. So at most once a second the whole picture and its
enlarged parts are searched, and whatever was a face a moment ago stays covered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from aeras.domain.geometry import Box, Polygon
from aeras.domain.seen import Detections, Frame
from aeras.privacy.preview import grown, heads, render_preview

EVERY_S = 1.0
PARTS = 2
OVERLAP = 1.3
"""Each part is so many times as large as it need be, so that no face is cut by all of them."""
REMEMBER_S = 1.5
GROW_PER_S = 0.5
"""A face of so long ago is covered this much larger, a second."""


class Finder(Protocol):
    """What is needed of `aeras.perceive.Perception`."""

    def detect(
        self,
        frame: Frame,
        tasks: frozenset[str],
        *,
        face_regions: Sequence[Box] = (),
        readable: Callable[[Box], bool] | None = None,
    ) -> Detections:
        """Runs the named tasks on a frame."""


class Showing:
    """Makes the previews of one camera.

    Args:
        finder: Finds faces.
        faces: False where no face model may be loaded: then whole bodies are covered.
        black: Zones (frame pixels) that are shown black.
    """

    def __init__(self, finder: Finder, *, faces: bool, black: Sequence[Polygon] = ()) -> None:
        self._finder = finder
        self._faces = faces
        self._black = black
        self._made_s = float("-inf")
        self._earlier: list[tuple[float, Box]] = []

    def due(self, frame: Frame, seen: Detections) -> bool:
        """Whether a preview can and should be made of a frame: somebody was looked for in it."""
        waited = not 0 <= frame.t_s - self._made_s < EVERY_S
        return waited and bool(seen.ran & {"faces", "people"})

    def found(self, frame: Frame, seen: Detections) -> Detections:
        """All that is to be covered in a frame; the search for it runs models."""
        self._made_s = frame.t_s
        everything = self._searched(frame, seen) if self._faces else seen
        self._earlier = [e for e in self._earlier if 0 <= frame.t_s - e[0] <= REMEMBER_S]
        covered = [grown(box, 1 + GROW_PER_S * (frame.t_s - t)) for t, box in self._earlier]
        self._earlier += [(frame.t_s, box) for box in heads(everything)]
        return replace(everything, unsure=(*everything.unsure, *covered))

    def picture(self, frame: Frame, everything: Detections) -> bytes:
        """A JPEG of a frame and all that was `found` in it, see
        `aeras.privacy.preview.render_preview`; runs no model.
        """
        return render_preview(frame, everything, age_s=0.0, excluded=self._black)

    def _searched(self, frame: Frame, seen: Detections) -> Detections:
        more = self._finder.detect(
            frame, frozenset({"faces"}), face_regions=parts(frame.size), readable=lambda _: False
        )
        return replace(
            seen,
            faces=(*seen.faces, *more.faces),
            unsure=(*seen.unsure, *more.unsure),
            ran=seen.ran | {"faces"},
            unlooked=(),
        )


def parts(size: tuple[int, int]) -> list[Box]:
    """The whole picture and its overlapping parts, xyxy."""
    width, height = float(size[0]), float(size[1])
    across, down = (min(side, side / PARTS * OVERLAP) for side in (width, height))
    steps = [n / (PARTS - 1) for n in range(PARTS)]
    inner = [(x * (width - across), y * (height - down)) for y in steps for x in steps]
    return [(0.0, 0.0, width, height), *((x, y, x + across, y + down) for x, y in inner)]
