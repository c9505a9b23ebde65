"""The process that owns a rig: the cameras that share fixtures. Pictures live and die in here.

What leaves it: anonymous events, blurred JPEG previews as opaque bytes, and the cameras' health.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import structlog

from aeras.capture import CameraSource, open_source
from aeras.domain.errors import AerasError
from aeras.domain.hours import OpeningHours
from aeras.domain.kept import Event, Passage, ShelfLevel, UsualLength
from aeras.domain.ports import utc_now
from aeras.domain.published import CameraStatus
from aeras.domain.seen import Frame
from aeras.domain.shop import CameraSpec, Shop
from aeras.domain.vitals import Delays
from aeras.perceive import Perception, PerceptionOptions
from aeras.privacy.gate import Gate
from aeras.privacy.levels import LevelGate
from aeras.privacy.passing import PassageGate
from aeras.wiring.hardening import keep_out_of_swap, no_core_dumps
from aeras.wiring.logs import set_up_logs
from aeras.wiring.rig import Rig, RigOptions
from aeras.wiring.showing import Showing

log = structlog.get_logger(__name__)

HEALTH_EVERY_S = 1.0
LOOK_EVERY_S = 0.2  # for the stop file, beside the look before each frame
STOCK_EVERY_S = 1.0
USUAL_EVERY_S = 300.0
LATENCY_SAMPLES = 200
FPS_OVER_S = 5.0


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What one worker is to do.

    Attributes:
        shop: The site.
        cameras: Ids of the rig's cameras.
        faces: Whether faces may be looked for at all.
        expression: Whether their expression may be read.
        grain: Coarseness of event times.
        hours: Nothing is read outside them; None: always.
        stop_file: Nothing is read while it exists.
        stock_hold_s: How long a facing's level must hold to be told; None: levels are not.
        usual: How long things took in earlier runs; a plan stays the same when they change.
    """

    shop: Shop
    cameras: tuple[str, ...]
    faces: bool
    expression: bool
    grain: timedelta
    hours: OpeningHours | None = None
    stop_file: Path | None = None
    stock_hold_s: float | None = None
    usual: tuple[UsualLength, ...] = field(default=(), compare=False)

    def may_read(self) -> bool:
        """Whether frames may be looked at now; asked before and after each look."""
        if self.stop_file is not None and self.stop_file.exists():
            return False
        return self.hours is None or self.hours.open_at(utc_now())


@dataclass(frozen=True, slots=True)
class Kept:
    """Events of one frame and the wall-clock second (Unix time) that frame was captured at."""

    events: tuple[Event, ...]
    captured: float


@dataclass(frozen=True, slots=True)
class Shelf:
    """What facings showed."""

    levels: tuple[ShelfLevel, ...]


@dataclass(frozen=True, slots=True)
class Passed:
    """How many people came past fixtures, in grains that are over."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Usual:
    """How long things usually take at the fixtures of a rig, for the next start."""

    cameras: tuple[str, ...]
    usual: tuple[UsualLength, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A blurred preview, made in ``privacy``."""

    camera: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Health:
    """State of one camera, how many frames it has analysed since the worker started, the size of
    the pictures that it sends, and how long each took until it was analysed.
    """

    status: CameraStatus
    frames: int
    sent_size: tuple[int, int] | None = None
    delays: Delays = field(default_factory=Delays)


@dataclass(slots=True)
class _Eye:
    """One camera of the rig, with the counters behind its health."""

    spec: CameraSpec
    source: CameraSource | None = None
    failed: str = ""
    frames: int = 0
    sent_size: tuple[int, int] | None = None
    first_s: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=512))
    delays: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCY_SAMPLES))
    all_delays: Delays = field(default_factory=Delays)

    def count(self, frame: Frame) -> None:
        """Notes that a frame has been analysed."""
        now = time.monotonic()
        self.first_s = self.first_s or now
        self.frames += 1
        self.sent_size = frame.sent_size
        self.recent.append(now)
        self.delays.append((utc_now() - frame.at).total_seconds())
        self.all_delays = self.all_delays.plus(self.delays[-1])

    def health(self, now: float, *, calibrated: bool = True) -> Health:
        """State and figures; ``dropped`` is how many frames were due but not analysed."""
        working = self.source is not None and not self.failed
        state = str(self.source.state) if self.source and working else "down"
        reason = self.source.reason if self.source and working else self.failed
        state = "uncalibrated" if state == "up" and not calibrated else state
        due = (now - self.first_s) * self.spec.fps if self.frames else 0.0
        delays = list(self.delays)
        status = CameraStatus(
            id=self.spec.id,
            role=str(self.spec.role),
            state=state,
            reason=reason,
            fps=round(sum(now - moment <= FPS_OVER_S for moment in self.recent) / FPS_OVER_S, 1),
            latency_p95_s=round(float(np.percentile(delays, 95)), 3) if delays else None,
            dropped=max(0, round(due) - self.frames),
            simulated=self.spec.simulated,
        )
        return Health(status, self.frames, self.sent_size, self.all_delays)


def run_worker(plan: WorkerPlan, pipe: Connection) -> None:
    """Entry of the worker process; returns when told to stop or when its parent is gone.

    Args:
        plan: What to do.
        pipe: Sends `Message`; anything received, or its end, means stop. A
            pipe of its own, and no lock shared with others: a killed worker leaves nothing locked.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    no_core_dumps()
    keep_out_of_swap()
    set_up_logs()
    outbox = Outbox(pipe)
    Worker(plan, outbox).run(pipe)
    outbox.close()


Record = Kept | Shelf | Passed | Usual
"""None of these is ever dropped."""
Message = Record | Picture | Health


class Outbox:
    """Sends from a thread of its own, so that a slow parent never holds up a camera.

    Events are kept in order until they are sent; of previews and health only the newest matters.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._kept: deque[Record] = deque()
        self._shown: dict[tuple[type, str], Picture | Health] = {}
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._send, name="outbox", daemon=True)
        self._thread.start()

    def keep(self, record: Record) -> None:
        """Sends a record; none is dropped."""
        with self._change:
            self._kept.append(record)
            self._change.notify()

    def show(self, camera: str, message: Picture | Health) -> None:
        """Sends a preview or health report, unless a newer one overtakes it."""
        with self._change:
            self._shown[type(message), camera] = message
            self._change.notify()

    def close(self) -> None:
        """Sends what is waiting and ends."""
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join(timeout=5)

    def _send(self) -> None:
        with suppress(OSError):  # the parent is gone: there is nobody to send to
            while (batch := self._next()) is not None:
                for message in batch:
                    self._pipe.send(message)

    def _next(self) -> list[Message] | None:
        with self._change:
            while not (self._kept or self._shown or self._closed):
                self._change.wait()
            batch = [*self._kept, *self._shown.values()]
            self._kept.clear()
            self._shown.clear()
        return batch or None


class Worker:
    """Reads the cameras of a rig, one thread each, and analyses their frames one at a time."""

    def __init__(self, plan: WorkerPlan, outbox: Outbox) -> None:
        self._plan = plan
        self._outbox = outbox
        self._stop = threading.Event()
        self._turn = threading.Lock()
        specs = tuple(plan.shop.camera(name) for name in plan.cameras)
        perception = Perception(PerceptionOptions(expression=plan.expression))
        options = RigOptions(faces=plan.faces)
        self._rig = Rig(plan.shop, specs, perception, options, plan.usual)
        self._showings = {
            spec.id: Showing(perception, faces=plan.faces, black=(*spec.excluded, *spec.staff))
            for spec in specs
        }
        self._gate = Gate(plan.shop, grain=plan.grain, shared_visits=True)
        hold_s = plan.stock_hold_s
        self._levels = LevelGate(plan.shop, grain=plan.grain, hold_s=hold_s) if hold_s else None
        self._passages = PassageGate(plan.shop, grain=plan.grain)
        self._stock_due_s: dict[str, float] = {}
        perception.warm_up(frozenset({"faces"} if plan.faces else set()) | {"people", "hands"})
        # Only now, with the models loaded, do files played as cameras begin, all at one moment:
        # two recordings of the same scene stay in step, and none of it is missed.
        self._started_s = time.monotonic()
        self._eyes = [self._open(spec) for spec in specs] if plan.may_read() else []

    def run(self, orders: Connection) -> None:
        """Blocks until something arrives on ``orders``, its other end is closed, or reading is
        forbidden: the parent starts another worker when it is allowed again.
        """
        threads = [
            threading.Thread(target=self._watch, args=(eye,), name=eye.spec.id, daemon=True)
            for eye in self._eyes
            if eye.source
        ]
        for thread in threads:
            thread.start()
        report_due = time.monotonic()
        usual_due = report_due + USUAL_EVERY_S
        while not orders.poll(LOOK_EVERY_S) and self._plan.may_read():
            if time.monotonic() >= report_due:
                report_due += HEALTH_EVERY_S
                self._report()
            if time.monotonic() >= usual_due:
                usual_due += USUAL_EVERY_S
                with self._turn:
                    self._outbox.keep(Usual(self._plan.cameras, self._rig.usual()))
        self._stop.set()
        for eye in self._eyes:
            if eye.source:
                eye.source.close()
        for thread in threads:
            thread.join(timeout=2)
        with self._turn:
            if self._levels:
                self._outbox.keep(Shelf(tuple(self._levels.finish())))
            self._outbox.keep(Passed(tuple(self._passages.finish())))
            self._outbox.keep(Usual(self._plan.cameras, self._rig.usual()))

    def _open(self, spec: CameraSpec) -> _Eye:
        eye = _Eye(spec)
        try:
            eye.source = open_source(
                spec,
                clock=utc_now,
                loop=True,  # a file plays as if it were a live camera
                start_s=self._started_s,
                sample_fps=spec.fps,
            )
        except AerasError as error:  # one camera down must not stop the others
            eye.failed = str(error)
            log.warning("camera_down", camera=spec.id, reason=str(error))
        return eye

    def _watch(self, eye: _Eye) -> None:
        assert eye.source is not None
        try:
            for frame in eye.source.frames():
                self._analyse(eye, frame)
                if self._stop.is_set():
                    return
        except AerasError as error:
            eye.failed = str(error)
            log.warning("camera_down", camera=eye.spec.id, reason=str(error))

    def _analyse(self, eye: _Eye, frame: Frame) -> None:
        with self._turn:
            if not self._plan.may_read():
                return
            detections, interactions = self._rig.update(frame)
            if not self._plan.may_read():  # what was seen while the stop came is not kept
                return
            events = tuple(self._gate.admit(interaction) for interaction in interactions)
            levels = self._take_stock(frame)
            watched, gone = self._rig.watched(frame.camera), self._rig.passers()
            passages = tuple(self._passages.see(watched, gone, frame.at, frame.t_s))
            # A frame in which nobody was looked for (nothing moved) cannot be shown safely; the
            # last preview stays until the next look, at most a second later.
            showing = self._showings[eye.spec.id]
            shown = showing.found(frame, detections) if showing.due(frame, detections) else None
        if events:
            self._outbox.keep(Kept(events, frame.at.timestamp()))
        if levels:
            self._outbox.keep(Shelf(levels))
        if passages:
            self._outbox.keep(Passed(passages))
        if shown is not None:
            self._outbox.show(eye.spec.id, Picture(eye.spec.id, showing.picture(frame, shown)))
        eye.count(frame)

    def _take_stock(self, frame: Frame) -> tuple[ShelfLevel, ...]:
        """Records of what the facings show, looked at about once a second."""
        wait_s = self._stock_due_s.get(frame.camera, frame.t_s) - frame.t_s
        if not self._levels or 0 < wait_s <= STOCK_EVERY_S:  # longer: the clock went back
            return ()
        self._stock_due_s[frame.camera] = frame.t_s + STOCK_EVERY_S
        return tuple(self._levels.see(self._rig.states(frame), frame.at, frame.t_s))

    def _report(self) -> None:
        for eye in self._eyes:
            calibrated = self._rig.is_calibrated(eye.spec.id)
            health = eye.health(time.monotonic(), calibrated=calibrated)
            self._outbox.show(eye.spec.id, health)


def plans(
    shop: Shop,
    groups: Sequence[Sequence[CameraSpec]],
    *,
    faces: bool,
    expression: bool,
    grain: timedelta,
    hours: OpeningHours | None = None,
    stop_file: Path | None = None,
    stock_hold_s: float | None = None,
) -> list[WorkerPlan]:
    """One plan a rig; it knows of its own cameras and fixtures only, so that a change elsewhere in
    the shop leaves it as it is.
    """
    return [
        WorkerPlan(
            _part(shop, group),
            tuple(spec.id for spec in group),
            faces,
            expression,
            grain,
            hours,
            stop_file,
            stock_hold_s,
        )
        for group in groups
    ]


def _part(shop: Shop, cameras: Sequence[CameraSpec]) -> Shop:
    names = {camera.id for camera in cameras}
    fixtures = tuple(f for f in shop.fixtures if {f.camera, f.face_camera} & names)
    return replace(shop, cameras=tuple(cameras), fixtures=fixtures, map_image=None)
