r"""A running shop: workers, stores, triggers, surveys and the pages, put together.

camera workers -> events -> store -> triggers -> surveys
               \-> previews, health -> board -> pages
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import structlog

from aeras.config import Site, load_site, reads_faces
from aeras.domain.errors import InputError, StoreError
from aeras.domain.kept import Answer, Origin
from aeras.domain.oversight import SYSTEM, Act
from aeras.domain.ports import Clock, utc_now
from aeras.domain.vitals import Delays
from aeras.fleet.spool import Spool
from aeras.insight import rates
from aeras.insight.topics.apart import Apart
from aeras.privacy.publish import Publisher
from aeras.respond.desk import Desk
from aeras.respond.formdesk import Forms
from aeras.shelf.planogram import next_change
from aeras.store.control import Control
from aeras.store.folder import make_folder
from aeras.store.quick import QuickEvents
from aeras.wiring import orders
from aeras.wiring.advice import AdviceRoom, write_version
from aeras.wiring.asking import AskRoom
from aeras.wiring.board import ShopBoard
from aeras.wiring.connectors import ConnectRoom
from aeras.wiring.expiry import Expiry
from aeras.wiring.feed import Feed
from aeras.wiring.insight import ShopInsight
from aeras.wiring.keeper import Keeper
from aeras.wiring.mailing import DailyReports
from aeras.wiring.oversight import check_start, log_start, make_oversight, stop_file
from aeras.wiring.passing import PassagesOf
from aeras.wiring.reports import Reports
from aeras.wiring.rig import groups
from aeras.wiring.shelves import ShopShelves
from aeras.wiring.topics import ShopTopics, quiet_at
from aeras.wiring.triggers import TriggerRoom, rules_of
from aeras.wiring.usual import load_usual, save_usual
from aeras.wiring.vitals import Paced
from aeras.wiring.worker import Kept, Passed, Picture, Shelf, Usual, WorkerPlan, plans
from aeras.wiring.workers import Workers

log = structlog.get_logger(__name__)

WATCH_EVERY_S = 1.0
TIDY_EVERY_S = 600.0
HOUR_S = 3600.0
LATENCY_SAMPLES = 10_000


class Runtime:
    """Owns the databases and the workers of one site from `start` to `stop`.

    Args:
        site: The validated site.
        clock: The present moment in UTC.
        cameras: False leaves the cameras off, for pages over stored records only.
        simulated: Marks survey answers as simulated (the demo shop, where items do not exist).

    Raises:
        PrivacyError: The profile forbids what the site asks for.
        StoreError: A database cannot be opened.
    """

    def __init__(
        self,
        site: Site,
        *,
        clock: Clock = utc_now,
        cameras: bool = True,
        simulated: bool = False,
    ) -> None:
        check_start(site)
        self.site = site
        self._clock = clock
        make_folder(site.data)
        self.store = QuickEvents(site.data / "events.duckdb", site.shop.timezone)
        self.publisher = Publisher(site.privacy.k, share=rates.share, mean=rates.mean)
        self.control = Control(site.data / "control.sqlite")
        self.oversight = make_oversight(site, self.control, clock)
        self._feed = Feed()
        self.board = ShopBoard(
            site.shop,
            store=self.store,
            book=self.control,
            answers=self.control,
            publisher=self.publisher,
            feed=self._feed,
            refusals=self.control.refusals,
        )
        self.shelves = ShopShelves(
            lambda: self.site,
            store=self.store,
            publisher=self.publisher,
            feed=self._feed,
            clock=clock,
        )
        self.forms = Forms(
            self.control, clock, language=site.shop.language, changed=self._form_changed
        )
        self.asking = AskRoom(site, control=self.control, publisher=self.publisher, clock=clock)
        self.desk = Desk(
            site.shop,
            trials=self.asking.trials_of_site,
            prompted=self.asking.prompted,
            forms=self.forms,
            versions=self.forms.version,
            on_refused=self.forms.refused,
            rules=rules_of(site),
            triggers=self.control,
            answers=self.control,
            secret=self.control.secret("desk"),
            clock=clock,
            grain=site.privacy.time_grain,
            origin=Origin.SIMULATED if simulated else Origin.CAMERA,
            on_answer=self._answered,
        )
        self.asking.desk = self.desk
        self.triggers = TriggerRoom(
            site,
            store=self.store,
            control=self.control,
            publisher=self.publisher,
            audit=self.oversight.audit,
            clock=clock,
            row=self.board.trigger_row,
            on_step=self.board.saw_step,
            context=self.shelves,
            outbox=self.asking.post,
        )
        self.reports = Reports(self.board, self.shelves, clock)
        self.mail = DailyReports(
            site,
            reports=self.reports,
            post=self.asking.post,
            audit=self.oversight.audit,
            clock=clock,
        )
        self.topics = ShopTopics(
            self.control,
            self.publisher,
            Apart(site.privacy.k),
            clock=clock,
            quiet=quiet_at(lambda: self.site),
            changed=self._topic_changed,
        )
        self.advice = AdviceRoom(
            lambda: self.site,
            store=self.store,
            book=self.control,
            k=site.privacy.k,
            audit=self.oversight.audit,
            clock=clock,
            quiet=quiet_at(lambda: self.site),
            arrange=self._arrange,
        )
        self.connect = ConnectRoom(
            site,
            store=self.store,
            control=self.control,
            audit=self.oversight.audit,
            clock=clock,
            changed=self._told,
        )
        self.statistics = ShopInsight(
            lambda: self.site,
            store=self.store,
            publisher=self.publisher,
            asides=self.triggers.asides,
            changes=self.triggers.changes,
            clock=clock,
        )
        self._catalogue_told = threading.Event()
        self._catalogue_told.set()
        self.keeper = Keeper(self.store)
        self.passages = Keeper(PassagesOf(self.store))
        self._expiry = Expiry(self.store, self.control, site.privacy.retention)
        self._with_cameras = cameras
        self._plans = self._plans_for(site)
        self._workers = Workers(self._plans, on_lost=self.board.lost_camera)
        self._next_change = next_change(site.planograms, clock())
        self._stop = threading.Event()
        self._started = False
        self._threads: list[threading.Thread] = []
        self.frames_of: dict[str, int] = {}  # by camera
        self.frame_delays: dict[str, Delays] = {}
        self.paced = Paced(site.privacy.k)
        self.halted = ""
        self.spool: Spool | None = None
        self._sent: dict[str, tuple[int, int]] = {}
        self._site_change = threading.Lock()
        self._wanted: list[WorkerPlan] | None = None
        self._again: deque[str] = deque()
        self.counts = {"events": 0, "triggers": 0, "answers": 0}
        self.delays_s: deque[float] = deque(maxlen=LATENCY_SAMPLES)

    @property
    def clock(self) -> Clock:
        """The present moment in UTC."""
        return self._clock

    @property
    def frames(self) -> int:
        """Frames analysed so far."""
        return sum(self.frames_of.values())

    @property
    def alive(self) -> bool:
        """Whether the threads that everything rests on run, as from `start` to `stop`."""
        needed = [t for t in self._threads if t.name != self._keep_ready.__name__]
        return all(thread.is_alive() for thread in needed)

    @property
    def workers(self) -> tuple[int, int]:
        """Worker processes that run, and that should when nothing is halted."""
        return len(self._workers.pids), len(self._plans)

    @property
    def ended(self) -> dict[str, int]:
        """By camera, how often its worker ended unasked."""
        return {camera.id: self._workers.ended[camera.id] for camera in self.site.shop.cameras}

    def start(self) -> None:
        """Starts the workers and the threads that serve them; returns at once.

        Raises:
            StoreError: The start cannot be recorded; nothing was started then.
        """
        log_start(self.site, self.control, self.oversight.audit)
        self._started = True
        self.asking.post.start()
        self.connect.start()
        self.topics.start()
        self.advice.start()
        self.mail.start()
        for work in (self._serve_workers, self._look_after, self._keep_ready):
            thread = threading.Thread(target=work, name=work.__name__, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ends the workers, stores what they had sent, closes the databases."""
        self._stop.set()
        self.connect.stop()
        self.topics.stop()
        self.advice.stop()
        self.mail.stop()
        for thread in self._threads:
            thread.join(timeout=5)
        for kept in self._workers.stop():
            self._keep(kept)
        self.keeper.flush(force=True)
        self.passages.flush(force=True)
        if self.keeper.waiting:
            log.error("events_lost", count=self.keeper.waiting, reason=self.keeper.trouble)
        self.asking.post.stop()
        self.store.close()
        self._log_end()
        self.control.close()

    def _log_end(self) -> None:
        if not self._started:
            return
        try:
            self.oversight.audit.add(Act.END, SYSTEM)
        except StoreError as error:  # the end cannot be prevented; the next start tells of it
            log.warning("end_not_recorded", reason=str(error))

    # --- changes of the site file --------------------------------------------------------------

    def reload(self) -> tuple[str, ...]:
        """Takes cameras, fixtures, items, planogram and triggers of the changed site file into use;
        all else (privacy, server) stays as it was at the start.

        Returns:
            The cameras whose worker starts again.

        Raises:
            ConfigError: The file is wrong; nothing changes.
        """
        with self._site_change:
            now = self._clock()
            return self._take_site(load_site(self.site.path, now), now)

    def restart_camera(self, camera: str) -> str:
        """Starts one camera's worker again, and nothing else; says which cameras that were.

        Raises:
            InputError: There is no such camera, or nothing is read now.
        """
        found = next((p.cameras for p in self._plans if camera in p.cameras), None)
        if found is None:
            known = ", ".join(c.id for c in self.site.shop.cameras) or "none"
            raise InputError(f"it has no camera {camera[:40]!r}", todo=f"Known: {known}")
        if self.halted:
            raise InputError(f"no camera is read now: the shop is {self.halted}")
        self._again.append(camera)
        return " ".join(found)

    def copy_events(self) -> str:
        """Writes a copy of the event store as it is now into the data folder; its file's name."""
        path = self.site.data / orders.FOLDER / "events.duckdb"
        self.store.copy_to(path)
        return path.name

    def sent_size(self, camera: str) -> tuple[int, int] | None:
        """Size of the pictures that a camera sends, None before the first."""
        return self._sent.get(camera)

    def _plans_for(self, site: Site) -> list[WorkerPlan]:
        wanted = plans(
            site.shop,
            groups(site.shop) if self._with_cameras else [],
            faces=reads_faces(site),
            expression=site.privacy.expression,
            grain=site.privacy.time_grain,
            hours=site.hours,
            stop_file=stop_file(site),
            stock_hold_s=site.file.stock.hold.total_seconds() if site.file.stock.watch else None,
        )
        return [replace(p, usual=load_usual(self.control, p.cameras)) for p in wanted]

    def _take_site(self, site: Site, now: datetime) -> tuple[str, ...]:
        """Takes the site as it is at the moment ``now`` into use."""
        self.site = replace(
            self.site,
            shop=site.shop,
            file=site.file,
            planograms=site.planograms,
            triggers=site.triggers,
        )
        self.connect.take(site.shop)
        before, self._plans = self._plans, self._plans_for(self.site)  # prices are not theirs
        self._show_catalogue(anew=True)
        self._next_change = next_change(site.planograms, now)
        self._wanted = self._plans
        changed = [plan for plan in self._plans if plan not in before]
        restarting = tuple(camera for plan in changed for camera in plan.cameras)
        for camera in restarting:
            self.board.restarts_camera(camera)
        return restarting

    # --- the two threads -------------------------------------------------------------------

    def _serve_workers(self) -> None:
        while not self._stop.is_set():
            state = self._may_not_read()
            self.board.halt(state)
            self.halted = state
            wanted, self._wanted = self._wanted, None
            if wanted is not None:
                self._workers.take(wanted)
            while self._again:
                for camera in self._workers.restart(self._again.popleft()):
                    self.board.restarts_camera(camera)
            self._workers.tend(halted=bool(state))
            for message in self._workers.messages(0.05 if state else 0.25):
                if isinstance(message, Kept | Shelf | Passed | Usual):
                    self._keep(message)
                elif isinstance(message, Picture):
                    self.board.saw_picture(message.camera, message.jpeg)
                else:
                    self.frames_of[message.status.id] = message.frames
                    self.frame_delays[message.status.id] = message.delays
                    if message.sent_size:
                        self._sent[message.status.id] = message.sent_size
                    self.board.saw_camera(message.status)
            self.keeper.flush()
            self.passages.flush()

    def _may_not_read(self) -> str:
        """``stopped`` or ``closed``, or "" while reading is allowed. The workers look for
        themselves as well: this ends them, and shows it.
        """
        try:
            if self.oversight.switch.stopped():
                return "stopped"
        except StoreError as error:  # nobody can tell whether it is stopped: then it is
            log.warning("stop_unknown", reason=str(error))
            return "stopped"
        hours = self.site.hours
        return "" if hours is None or hours.open_at(self._clock()) else "closed"

    def _look_after(self) -> None:
        tidy_due = time.monotonic()
        while not self._stop.wait(WATCH_EVERY_S):
            self._change_planogram()
            self._obey()
            if self._catalogue_told.is_set():
                with self._site_change:
                    self._show_catalogue()
            try:
                self._fire_triggers()
                self.roll()
                if time.monotonic() >= tidy_due:
                    tidy_due += TIDY_EVERY_S
                    self._expiry.tick(self._clock(), time.monotonic())
                    self.asking.tidy()
            except StoreError as error:  # a full disk must not end the watch; it is tried again
                log.warning("watch_waits", reason=str(error))

    def _keep_ready(self) -> None:
        """At the start and each hour: what pages would else have to wait for."""
        while not self._stop.is_set():
            try:
                self.get_ready()
            except StoreError as error:  # pages reckon it themselves then
                log.warning("not_ready", reason=str(error))
            self._stop.wait(HOUR_S - self._clock().timestamp() % HOUR_S)

    # --- what they do ------------------------------------------------------------------------

    def get_ready(self) -> None:
        """Sums up the days and reckons the sales model of this hour. Raises StoreError."""
        self.store.get_ready()
        self.statistics.get_ready()

    def _keep(self, message: Kept | Shelf | Passed | Usual) -> None:
        if isinstance(message, Kept):
            self._take(message)
            return
        if isinstance(message, Passed):
            self.passages.keep(message.passages)
            return
        try:
            if isinstance(message, Shelf):
                self.shelves.keep(message.levels)
            else:
                save_usual(self.control, message.cameras, message.usual)
        except StoreError as error:  # both are told anew before long
            log.warning("not_kept", what=type(message).__name__, reason=str(error))

    def _take(self, kept: Kept) -> None:
        self.keeper.keep(kept.events)
        for event in kept.events:
            self.board.saw_event(event, kept.captured)
            self.asking.near(event.item, event.fixture)
        self.counts["events"] += len(kept.events)
        self.delays_s.append(time.time() - kept.captured)
        self.paced.add(kept.events, self.delays_s[-1])

    def _told(self) -> None:
        """A connector told sales, stock or products: pages ask anew."""
        self._catalogue_told.set()
        self._feed.publish({"type": "sales"})

    def _show_catalogue(self, *, anew: bool = False) -> None:
        """Takes items and prices as the connectors tell them; the cameras' workers need neither."""
        self._catalogue_told.clear()
        shop = self.connect.shown(self.site.shop)
        if shop is self.site.shop and not anew:
            return
        self.site = replace(self.site, shop=shop)
        self.board.shop = shop
        self.triggers.take(self.site)
        self.desk.take(shop, rules_of(self.site))

    def _change_planogram(self) -> None:
        """Takes the next version of the planogram into use when its time has come."""
        if self._next_change is not None and self._clock() >= self._next_change:
            with self._site_change:
                now = self._clock()
                self._take_site(self.site.at(now), now)
            log.info("planogram", version=self.site.shop.planogram)

    def _obey(self) -> None:
        """Does what a command asks for that runs beside the shop."""
        known: orders.Orders = {"restart": self.restart_camera, "copy": self.copy_events}
        try:
            orders.obey(self.site.data, known)
        except OSError as error:  # a full disk: who asked is not answered
            log.warning("order_waits", reason=str(error))

    def _fire_triggers(self) -> None:
        for trigger in self.triggers.check():
            self.counts["triggers"] += 1
            log.info("trigger", rule=trigger.rule, item=trigger.item)
            self.board.saw_trigger(trigger)

    def roll(self) -> int:
        """Makes published blocks of the time grains that have closed; how many were finished."""
        return self.store.roll(self._clock() - self.site.privacy.time_grain, self.publisher.fold)

    def _form_changed(self, who: str, what: str, form: str, version: int) -> None:
        self.oversight.audit.add(Act.FORM_CHANGED, who, what=what, form=form, version=str(version))

    def _arrange(self, name: str, changed: Mapping[str, str], at: datetime) -> None:
        write_version(self.site, name, changed, at)
        self.reload()

    def _topic_changed(self, who: str, what: str, topic: str) -> None:
        self.oversight.audit.add(Act.TOPIC_CHANGED, who, what=what, topic=topic)

    def _answered(self, answer: Answer) -> None:
        self.counts["answers"] += 1
        self.board.saw_answer(answer)
        self.asking.heard(answer)
