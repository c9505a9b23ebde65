"""Starts the rigs' processes, watches over them and starts again what has died."""

from __future__ import annotations

import multiprocessing
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any

import structlog

from aeras.wiring.worker import Health, Kept, Picture, WorkerPlan, run_worker

log = structlog.get_logger(__name__)

SHOWN_BACKLOG = 16  # previews and health reports; older ones are worthless
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
STEADY_S = 60.0  # a worker that ran this long is trusted again
STOP_S = 5.0


@dataclass(slots=True)
class _Running:
    plan: WorkerPlan
    process: BaseProcess | None = None
    started: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    due: float = field(default=0.0)


class Workers:
    """One process a rig. A dead one is started again after a pause that doubles each time.

    Args:
        plans: One a rig.
        on_lost: Told each camera of a worker that died, with the reason in words.
    """

    def __init__(self, plans: Sequence[WorkerPlan], *, on_lost: Callable[[str, str], None]) -> None:
        # A fresh interpreter: forking a process that runs threads and native runtimes can hang.
        self._context = multiprocessing.get_context("spawn")
        self._kept: Any = self._context.Queue()
        self._shown: Any = self._context.Queue(SHOWN_BACKLOG * max(1, len(plans)))
        self._stop = self._context.Event()
        self._running = [_Running(plan) for plan in plans]
        self._on_lost = on_lost

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers alive."""
        return [r.process.pid for r in self._running if r.process and r.process.pid]

    def tend(self) -> None:
        """Starts what is not running and is due; call about once a second."""
        now = time.monotonic()
        for running in self._running:
            if running.process is not None and not running.process.is_alive():
                self._bury(running, now)
            if running.process is None and now >= running.due:
                self._start(running, now)

    def kept(self, timeout_s: float) -> Kept | None:
        """The next events, or None when none came in time."""
        kept: Kept | None = _next(self._kept, timeout_s)
        return kept

    def shown(self, timeout_s: float) -> Picture | Health | None:
        """The next preview or health report, or None when none came in time."""
        shown: Picture | Health | None = _next(self._shown, timeout_s)
        return shown

    def stop(self) -> Iterator[Kept]:
        """Ends all workers and yields what they had still sent."""
        self._stop.set()
        deadline = time.monotonic() + STOP_S
        for running in self._running:
            if running.process is None:
                continue
            while running.process.is_alive() and time.monotonic() < deadline:
                yield from self._rest()  # a process cannot end while its queue is full
                running.process.join(0.1)
            if running.process.is_alive():
                running.process.terminate()
                running.process.join(1)
        yield from self._rest()
        for channel in (self._kept, self._shown):
            channel.close()
            channel.cancel_join_thread()

    def _rest(self) -> Iterator[Kept]:
        while _next(self._shown, 0) is not None:
            pass
        while (kept := _next(self._kept, 0.05)) is not None:
            yield kept

    def _start(self, running: _Running, now: float) -> None:
        process = self._context.Process(
            target=run_worker,
            args=(running.plan, self._kept, self._shown, self._stop),
            name=f"rig-{'-'.join(running.plan.cameras)}",
            daemon=True,
        )
        process.start()
        running.process, running.started = process, now

    def _bury(self, running: _Running, now: float) -> None:
        assert running.process is not None
        code = running.process.exitcode
        running.process = None
        if now - running.started > STEADY_S:
            running.pause_s = FIRST_PAUSE_S
        running.due = now + running.pause_s
        reason = f"its worker ended (code {code}); starting again in {running.pause_s:.0f} s"
        running.pause_s = min(LONGEST_PAUSE_S, running.pause_s * 2)
        log.error("worker_ended", cameras=running.plan.cameras, code=code)
        for camera in running.plan.cameras:
            self._on_lost(camera, reason)


def _next(channel: Any, timeout_s: float) -> Any:
    try:
        return channel.get(timeout=timeout_s) if timeout_s else channel.get_nowait()
    except queue.Empty:
        return None
