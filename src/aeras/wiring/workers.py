"""Starts the rigs' processes, watches over them and starts again what has died."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import structlog

from aeras.wiring.worker import Message, Record, Usual, WorkerPlan, run_worker

log = structlog.get_logger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
RESTART_S = 3.0  # the same for one that is to start again: what it has seen must come over
HALT_S = 0.4  # a worker that has not ended by itself this long after a stop is killed
STEADY_S = 60.0  # a worker that ran this long is trusted again
STOP_S = 5.0


@dataclass(slots=True)
class _Running:
    plan: WorkerPlan
    process: BaseProcess | None = None
    pipe: Connection | None = None
    started: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    due: float = 0.0
    told: float | None = None  # when it was asked to end
    leaving: bool = False  # its plan is no longer wanted
    again: bool = False  # it is to end and start again at once


class Workers:
    """One process a rig. A dead one is started again after a pause that doubles each time.

    All methods are for one thread.

    Args:
        plans: One a rig.
        on_lost: Told each camera of a worker that died, with the reason in words.
    """

    def __init__(self, plans: Sequence[WorkerPlan], *, on_lost: Callable[[str, str], None]) -> None:
        # A fresh interpreter: forking a process that runs threads and native runtimes can hang.
        self._context = multiprocessing.get_context("spawn")
        self._running = [_Running(plan) for plan in plans]
        self._on_lost = on_lost
        self._stopping = False
        self._halted = False
        self.ended: Counter[str] = Counter()  # unasked, by camera

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers alive."""
        return [r.process.pid for r in self._running if r.process and r.process.pid]

    def tend(self, *, halted: bool = False) -> None:
        """Starts what is not running and is due; call about once a second, or oftener.

        Args:
            halted: Nothing may be read now: ends all workers, kills those that do not obey, and
                starts none.
        """
        now = time.monotonic()
        self._halted = halted
        for running in self._running:
            if halted or running.leaving:
                self._halt(running, now)
            elif running.again and running.process is not None:
                self._halt(running, now, RESTART_S)
            elif running.process is None and now >= running.due and not self._in_use(running):
                self._start(running, now)
        self._running = [r for r in self._running if r.process or not r.leaving]

    def take(self, plans: Sequence[WorkerPlan]) -> None:
        """Ends the workers whose plan is not among these and starts those that are new; the
        others go on. A camera is let go before another worker opens it.
        """
        wanted = list(plans)
        for running in self._running:
            if running.plan in wanted and not running.leaving:
                wanted.remove(running.plan)
            else:
                running.leaving = True
        self._running += [_Running(plan) for plan in wanted]

    def restart(self, camera: str) -> tuple[str, ...]:
        """Ends the worker of a camera and starts it again at once; the others go on.

        Returns:
            The cameras of that worker; none if no worker has it.
        """
        for running in self._running:
            if camera in running.plan.cameras and not running.leaving:
                running.again, running.due, running.pause_s = True, 0.0, FIRST_PAUSE_S
                return running.plan.cameras
        return ()

    def _in_use(self, wanted: _Running) -> bool:
        cameras = set(wanted.plan.cameras)
        return any(r.leaving and r.process and cameras & set(r.plan.cameras) for r in self._running)

    def _halt(self, running: _Running, now: float, patience_s: float = HALT_S) -> None:
        if running.process is None or running.pipe is None:
            running.due, running.pause_s = 0.0, FIRST_PAUSE_S
        elif running.told is None:
            running.told = now
            _tell_to_stop(running.pipe)
        elif now - running.told > patience_s:
            running.process.kill()

    def messages(self, timeout_s: float) -> Iterator[Message]:
        """What the workers have sent, waiting at most so long for the first of it."""
        open_pipes = {id(r.pipe): r for r in self._running if r.pipe is not None}
        if not open_pipes:
            time.sleep(timeout_s)
            return
        for ready in wait([r.pipe for r in open_pipes.values() if r.pipe], timeout_s):
            running = open_pipes[id(ready)]
            try:
                assert running.pipe is not None
                message: Message = running.pipe.recv()
            except (EOFError, OSError):
                self._bury(running)
                continue
            if isinstance(message, Usual):  # a worker that starts again goes on from there
                running.plan = replace(running.plan, usual=message.usual)
            yield message

    def stop(self) -> Iterator[Record]:
        """Ends all workers and yields the records that they had still to send."""
        for running in self._running:
            if running.pipe is not None:
                _tell_to_stop(running.pipe)
        deadline = time.monotonic() + STOP_S
        self._stopping = True
        while any(r.pipe for r in self._running) and time.monotonic() < deadline:
            yield from (m for m in self.messages(0.1) if isinstance(m, Record))
        for running in self._running:
            if running.process is not None:
                running.process.terminate()
                running.process.join(1)

    def _start(self, running: _Running, now: float) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=run_worker,
            args=(running.plan, theirs),
            name=f"rig-{'-'.join(running.plan.cameras)}",
            daemon=True,
        )
        process.start()
        theirs.close()  # so that the end of the worker is the end of the pipe
        running.process, running.pipe, running.started = process, ours, now
        running.told, running.again = None, False

    def _bury(self, running: _Running) -> None:
        assert running.process is not None
        assert running.pipe is not None
        running.process.join(STOP_S)
        code = running.process.exitcode
        running.pipe.close()
        running.process = running.pipe = None
        again, running.again = running.again, False
        if self._stopping or self._halted or running.leaving or again:
            return
        now = time.monotonic()
        if now - running.started > STEADY_S:
            running.pause_s = FIRST_PAUSE_S
        running.due = now + running.pause_s
        reason = f"its worker ended (code {code}); starting again in {running.pause_s:.0f} s"
        running.pause_s = min(LONGEST_PAUSE_S, running.pause_s * 2)
        log.warning("worker_ended", cameras=running.plan.cameras, code=code)
        for camera in running.plan.cameras:
            self.ended[camera] += 1
            self._on_lost(camera, reason)


def _tell_to_stop(pipe: Connection) -> None:
    try:
        pipe.send("stop")
    except OSError:
        return  # it has ended by itself
