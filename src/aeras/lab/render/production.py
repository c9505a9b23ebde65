"""Renders the pair of demo videos with their truth, in one process a camera."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import cv2

from aeras.lab.render.aisle import AisleView
from aeras.lab.render.frontal import ShelfView
from aeras.lab.render.scene import (
    AISLE_CAMERA,
    FULL_SIZE,
    SHELF_CAMERA,
    Layout,
    demo_layout,
    layout_for,
)
from aeras.lab.render.script import Plan, plan_demo
from aeras.lab.render.video import finished, write_video

Role = Literal["aisle", "shelf"]
ROLES: Final[tuple[Role, Role]] = ("aisle", "shelf")
POLL_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class RenderedDemo:
    """The demo's files.

    Attributes:
        aisle: Video of the aisle camera.
        shelf: Video of the shelf camera, in step with the aisle's.
        truth: JSON: what really happens, and where the facings are.
    """

    aisle: Path
    shelf: Path
    truth: Path


@dataclass(frozen=True, slots=True)
class Order:
    """One video to be rendered: everything a worker process needs, picklable.

    Attributes:
        role: Which camera.
        path: The video file.
        seed: Source of the story, the shop's decoration and the noise.
        seconds: Length.
        fps: Frames per second.
        size: Width and height, px, both even.
    """

    role: Role
    path: Path
    seed: int
    seconds: float
    fps: int
    size: tuple[int, int]


class Interrupted(Exception):  # noqa: N818 - it is a request to stop, not an error
    """Raised inside a worker when the other camera's rendering failed or was broken off."""


_shares: Any = None
"""Shared array of a worker process: share done for each role, and a flag that asks to stop."""


def _share_progress(shares: Any) -> None:
    global _shares  # noqa: PLW0603 - set once by the pool when a worker process starts
    _shares = shares


def view(plan: Plan, layout: Layout, order: Order) -> AisleView | ShelfView:
    """Return what draws an order's frames."""
    if order.role == "aisle":
        return AisleView(plan, layout, AISLE_CAMERA.resized(order.size), order.seed)
    return ShelfView(plan, layout, SHELF_CAMERA.resized(order.size), order.seed)


def render_order(order: Order, on_frame: Callable[[float], None]) -> None:
    """Render one video in this process."""
    layout = layout_for(AISLE_CAMERA.resized(order.size))
    plan = plan_demo(layout, seed=order.seed, seconds=order.seconds)
    drawn = view(plan, layout, order)
    write_video(
        order.path,
        drawn.draw,
        size=order.size,
        seconds=order.seconds,
        fps=order.fps,
        seed=order.seed + ROLES.index(order.role),
        on_frame=on_frame,
    )


def _work(order: Order) -> None:
    place = ROLES.index(order.role)

    def on_frame(share: float) -> None:
        if _shares[2]:
            raise Interrupted
        _shares[place] = share

    cv2.setNumThreads(1)
    render_order(order, on_frame)


def truth_of(layout: Layout, plan: Plan, *, seconds: float, fps: int) -> dict[str, object]:
    """Return the truth file's content."""
    return {
        "seconds": seconds,
        "fps": fps,
        "size": list(layout.size),
        "facings": [
            {"id": f.id, "item": f.item, "polygon": [list(p) for p in f.polygon]}
            for f in layout.facings
        ],
        "fixture_polygon": [list(p) for p in layout.fixture_polygon],
        "events": [asdict(event) for event in plan.events],
    }


def render_demo(
    directory: Path,
    *,
    seed: int = 7,
    seconds: float = 150.0,
    fps: int = 15,
    processes: int = 2,
    on_progress: Callable[[float], None] | None = None,
) -> RenderedDemo:
    """Render the demo's two videos and their truth.

    Each file appears under its name only when it is complete.

    Args:
        directory: Folder for the files; made if missing.
        seed: Source of all randomness; the same seed gives the same frames.
        seconds: Length of both videos.
        fps: Frames per second.
        processes: 1 renders in this process, more start one process a camera.
        on_progress: Called now and then with the share done, 0 to 1, in this thread.

    Raises:
        OSError: The folder cannot be written.
    """
    return render_sized(
        directory,
        FULL_SIZE,
        seed=seed,
        seconds=seconds,
        fps=fps,
        processes=processes,
        on_progress=on_progress,
    )


def render_sized(
    directory: Path,
    size: tuple[int, int],
    *,
    seed: int,
    seconds: float,
    fps: int,
    processes: int = 1,
    on_progress: Callable[[float], None] | None = None,
) -> RenderedDemo:
    """Render the demo at another resolution; see `render_demo`."""
    directory.mkdir(parents=True, exist_ok=True)
    made = RenderedDemo(*(directory / name for name in ("aisle.mp4", "shelf.mp4", "truth.json")))
    report = on_progress or (lambda _: None)
    orders = [
        Order(role, path, seed, seconds, fps, size)
        for role, path in zip(ROLES, (made.aisle, made.shelf), strict=True)
    ]
    report(0.0)
    if processes > 1:
        _render_apart(orders, report)
    else:
        for place, order in enumerate(orders):
            render_order(order, lambda share, place=place: report((place + share) / 2))  # type: ignore[misc]
    layout = demo_layout() if size == FULL_SIZE else layout_for(AISLE_CAMERA.resized(size))
    plan = plan_demo(layout, seed=seed, seconds=seconds)
    # Written last: whoever finds the truth finds both videos as well.
    with finished(made.truth) as part:
        truth = truth_of(layout, plan, seconds=seconds, fps=fps)
        part.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    report(1.0)
    return made


def _render_apart(orders: list[Order], report: Callable[[float], None]) -> None:
    context = multiprocessing.get_context("spawn")
    shares = context.Array("d", [0.0, 0.0, 0.0], lock=False)
    with ProcessPoolExecutor(
        len(orders), mp_context=context, initializer=_share_progress, initargs=(shares,)
    ) as pool:
        jobs: set[Future[None]] = {pool.submit(_work, order) for order in orders}
        try:
            while jobs:
                done, jobs = wait(jobs, timeout=POLL_S)
                for job in done:
                    job.result()
                report(min((shares[0] + shares[1]) / 2, 0.999))
        except BaseException:
            # Ask the workers to stop at their next frame, so that the pool can close.
            shares[2] = 1.0
            raise


__all__ = ["Interrupted", "Order", "RenderedDemo", "render_demo", "render_order",
           "render_sized", "truth_of", "view"]  # fmt: skip
