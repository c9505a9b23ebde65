"""Runs a connector: page by page, each page whole or not at all, and goes on where it stopped.

The order makes a replay safe: products, quarantine, receipts and stock, and the cursor last. Each
of them ignores what it has. So whatever is cut off (a crash, a full disk, half an answer), the same
page is asked for again and ends up the same.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from aeras.connect.catalog import Catalogue, Learnt
from aeras.connect.intake import Intake, Place, Taken, UnusableError
from aeras.connect.port import (
    BadDataError,
    Connector,
    ForgedError,
    Listening,
    Options,
    Page,
    RevokedError,
    Spoilt,
    TemporaryError,
)
from aeras.domain.errors import AerasError, InputError, StoreError
from aeras.domain.feeds import (
    COUNTS,
    RELEASABLE,
    Booked,
    DryRun,
    FeedBook,
    FeedState,
    FeedStatus,
    Held,
    HeldGroup,
    Known,
    Reason,
    TillBook,
)
from aeras.domain.kept import Sale, Stock
from aeras.domain.ports import Clock
from aeras.domain.shop import Shop

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 3600.0
LONGEST_ASKED_S = 86_400.0
"""A source that asks for a longer pause than a day is asked again after a day."""
DRY_PAGES = 20
_BATCH = 1000
_SAMPLES = 20


class SalesStore(TillBook, Protocol):
    """What is kept of sales and stock; `DuckEvents` is one."""

    def append_sales(self, sales: Sequence[Sale]) -> None:
        """Stores till lines; ids already stored are ignored."""

    def append_stock(self, stock: Sequence[Stock]) -> None:
        """Stores stock levels; an identical one is ignored."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Where things are kept: cursors and quarantine, sales and stock."""

    book: FeedBook
    sales: SalesStore


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Receipts of a page by what they are to the store."""

    fresh: list[Booked]
    changed: int
    repeated: int


class Feed:
    """One connector with its cursor, catalogue and quarantine.

    Args:
        options: Of the connector.
        connector: Reads the source.
        stores: Where things are kept.
        shop: The site's items.
        place: The site.
        clock: UTC.
        rng: For the jitter of pauses.
        changed: Told after something new is stored, with the ids of the items concerned.
    """

    def __init__(
        self,
        options: Options,
        connector: Connector,
        *,
        stores: Stores,
        shop: Shop,
        place: Place,
        clock: Clock,
        rng: random.Random,
        changed: Callable[[set[str]], None] = lambda _items: None,
    ) -> None:
        self.options = options
        self.source = options.id
        self._connector = connector
        self._book, self._sales = stores.book, stores.sales
        self._place = place
        self._clock = clock
        self._rng = rng
        self._changed = changed
        self._pulling = threading.Lock()
        self._applying = threading.RLock()
        self._catalogue = self._new_catalogue(shop)
        self._intake = Intake(options, self._catalogue, place)
        self._shop = shop

    @property
    def listens(self) -> bool:
        """Whether it takes webhooks."""
        return isinstance(self._connector, Listening)

    @property
    def running(self) -> bool:
        """Whether a run is going on."""
        return self._pulling.locked()

    def state(self) -> FeedState:
        """Where it stands."""
        return self._book.feed(self.source) or FeedState(self.source)

    def products(self) -> tuple[Known, ...]:
        """Its catalogue."""
        return self._catalogue.products()

    def close(self) -> None:
        """Gives up connections."""
        self._connector.close()

    # --- runs --------------------------------------------------------------------------------

    def run(self, stopped: Callable[[], bool] = lambda: False) -> FeedState:
        """Reads all there is, and plans the next run. Raises nothing of the source's.

        Args:
            stopped: Asked between two pages; True ends the run.
        """
        with self._pulling:
            try:
                more = self._read_on(stopped)
            except RevokedError as error:
                return self._failed(error, FeedStatus.REVOKED)
            except TemporaryError as error:
                return self._failed(error, FeedStatus.WAITING, error.retry_after_s)
            except StoreError as error:
                return self._failed(error, FeedStatus.WAITING)
            except AerasError as error:
                return self._failed(error, FeedStatus.BAD_DATA)
            except Exception as error:  # a fault of one connector may not end the others
                log.exception("connector_fault", source=self.source)
                what = f"the connector failed ({type(error).__name__})"
                told = BadDataError(what, todo="See the log; the next run tries again")
                return self._failed(told, FeedStatus.BAD_DATA)
            now = self._clock()
            pause = timedelta() if more else self.options.every
            reached = {} if more else {"fine_at": now}
            return self._save(
                due_at=now + pause, status=FeedStatus.FINE, trouble="", tries=0, **reached
            )

    def _read_on(self, stopped: Callable[[], bool]) -> bool:
        """Pages until there are no more; whether some are left because it was stopped."""
        cursor = self.state().cursor
        while True:
            page = self._connector.pull(cursor)
            if page.more and page.cursor == cursor:
                raise BadDataError(
                    "the source says that there is more, but does not get on",
                    todo="Report this with the connector's name",
                )
            self._apply(page, cursor=page.cursor)
            self._connector.applied(page.cursor)
            cursor = page.cursor
            if not page.more:
                return False
            if stopped():
                return True

    def _failed(
        self, error: AerasError, status: FeedStatus, retry_after_s: float | None = None
    ) -> FeedState:
        now, tries = self._clock(), self.state().tries + 1
        wait_s = pause_s(tries, retry_after_s, self._rng)
        due = None if status is FeedStatus.REVOKED else now + timedelta(seconds=wait_s)
        log.warning("connector_waits", source=self.source, status=status.value, reason=str(error))
        return self._save(due_at=due, status=status, trouble=str(error), tries=tries)

    def _save(self, **changes: object) -> FeedState:
        with self._applying:
            state = replace(self.state(), ran_at=self._clock(), **changes)  # type: ignore[arg-type]
            self._book.save_feed(state)
            return state

    # --- webhooks ----------------------------------------------------------------------------

    def push(self, headers: Mapping[str, str], body: bytes, url: str) -> bool:
        """Takes a webhook; whether the connector should run at once.

        Raises:
            InputError: It takes none.
            ForgedError: It does not come from the source.
            BadDataError: It cannot be read.
        """
        if not isinstance(self._connector, Listening):
            raise InputError(f"connector {self.source!r} takes no webhooks")
        try:
            push = self._connector.verify_webhook(headers, body, url)
        except ForgedError as error:
            log.warning("webhook_refused", source=self.source, reason=str(error))
            raise
        with self._applying:
            if push.id and self._book.saw_push(self.source, push.id):
                return False
            self._apply(push.page)
            if push.id:
                self._book.note_push(self.source, push.id, self._clock())
            self._save()
        return push.page.more

    # --- one page ----------------------------------------------------------------------------

    def _apply(self, page: Page, **cursor: str | None) -> None:
        """Stores everything of a page; ``cursor`` is stored last, if there is one to store."""
        now = self._clock()
        with self._applying:
            learnt = self._learn(page, now)
            taken = self._intake.read(page, now)
            held = self._bad_codes(learnt, now)
            receipts = self._sort(taken)
            new_held = self._book.hold([*held, *taken.held])
            fresh = {receipt.id: receipt.revision for receipt in receipts.fresh}
            self._book.supersede(self.source, fresh)
            self._sales.put_receipts(receipts.fresh)
            self._sales.append_stock(taken.stock)
            told = {
                "new": len(receipts.fresh) - receipts.changed,
                "changed": receipts.changed,
                "repeated": receipts.repeated,
                "stock": len(taken.stock),
                "items": len(learnt.known),
                "held": new_held,
                "clamped": taken.clamped,
            }
            self._count(told, taken.latest, cursor)
            if learnt.known:
                self.release_known()
        items = {sale.item for receipt in receipts.fresh for sale in receipt.sales}
        items |= {level.item for level in taken.stock} | {known.item for known in learnt.known}
        if items:
            self._changed(items)

    def _learn(self, page: Page, now: datetime) -> Learnt:
        learnt = self._catalogue.learn(page.items, now)
        self._keep(learnt, now)
        return learnt

    def _keep(self, learnt: Learnt, now: datetime) -> None:
        self._book.save_products(learnt.known, now)
        for item, to in learnt.moved:
            self._sales.move_sales(item, to)

    def _bad_codes(self, learnt: Learnt, now: datetime) -> list[Held]:
        why = "the GTIN is none (wrong length or check digit); the product is known by its SKU only"
        spoilt = tuple(Spoilt(f"gtin:{sku}", why, {"sku": sku}) for sku in learnt.bad_codes)
        return self._intake.read(Page(spoilt=spoilt), now).held if spoilt else []

    def _sort(self, taken: Taken) -> _Sorted:
        best: dict[str, Booked] = {}
        for receipt in taken.booked:
            if receipt.id not in best or receipt.revision > best[receipt.id].revision:
                best[receipt.id] = receipt
        stored = self._sales.receipt_revisions(list(best))
        fresh = [r for r in best.values() if r.revision > stored.get(r.id, r.revision - 1)]
        # A page may hold two revisions of a receipt: only the newest's lines may be held.
        last = {r.id: r.revision for r in fresh}
        taken.held = [
            row
            for row in taken.held
            if row.kind != "sale" or row.revision == last.get(row.document)
        ]
        changed = sum(receipt.id in stored for receipt in fresh)
        return _Sorted(fresh, changed, len(taken.booked) - len(fresh))

    def _count(
        self, told: Mapping[str, int], latest: datetime | None, cursor: Mapping[str, str | None]
    ) -> None:
        state = self.state()
        counts = {name: state.counts.get(name, 0) + told[name] for name in COUNTS}
        newest = max((at for at in (state.latest, latest) if at), default=None)
        self._book.save_feed(replace(state, counts=counts, latest=newest, **cursor))  # type: ignore[arg-type]

    # --- quarantine --------------------------------------------------------------------------

    def take(self, shop: Shop) -> None:
        """Goes on with the items of a changed site file."""
        if shop.items == self._shop.items:
            return
        with self._applying:
            self._shop = shop
            self._catalogue.take(shop)
            now = self._clock()
            self._keep(self._catalogue.renew(now), now)
            self.release_known()

    def release_known(self) -> int:
        """Uses what is in quarantine and can be used by now; how many records. Sales from the
        future wait for a person: that their time has come does not make it right.
        """
        groups = [g for g in self._book.held_groups() if g.source == self.source]
        wanted = RELEASABLE - {Reason.FUTURE}
        return sum(self.retry(group) for group in groups if group.reason in wanted)

    def retry(self, group: HeldGroup) -> int:
        """Tries the records of a group again; how many could be used."""
        if group.reason not in RELEASABLE:
            return 0
        used, after = 0, 0
        with self._applying:
            while rows := self._book.held_of(group, after=after, limit=_BATCH):
                done = self._use(rows)
                if not done and group.reason is Reason.UNKNOWN_ITEM:
                    break  # they have their SKU in common: the others fare no better
                used += done
                after = rows[-1].id
        return used

    def _use(self, rows: Sequence[Held]) -> int:
        now = self._clock()
        stored = self._sales.receipt_revisions(list({row.document for row in rows}))
        sales: list[Sale] = []
        stock: list[Stock] = []
        done = []
        for row in rows:
            if row.kind == "sale" and stored.get(row.document) != row.revision:
                if row.document in stored:
                    done.append(row.id)  # a newer revision is stored
                continue  # else its page was cut off: it is told again
            try:
                more_sales, more_stock = self._intake.again(row, now)
            except UnusableError:
                continue
            sales += more_sales
            stock += more_stock
            done.append(row.id)
        self._sales.append_sales(sales)
        self._sales.append_stock(stock)
        self._book.release(done)
        if sales or stock:
            self._changed({sale.item for sale in sales} | {level.item for level in stock})
        return len(done)

    # --- dry run -----------------------------------------------------------------------------

    def dry_run(self, pages: int = DRY_PAGES) -> DryRun:
        """Reads on and tells what would change; changes nothing. Raises FeedError, InputError."""
        if not self._pulling.acquire(blocking=False):
            raise InputError(
                f"connector {self.source!r} is running now", todo="Try again when it has finished"
            )
        try:
            return self._dry(pages)
        finally:
            self._pulling.release()

    def _dry(self, pages: int) -> DryRun:
        catalogue = self._new_catalogue(self._shop)
        intake = Intake(self.options, catalogue, self._place)
        counts, seen = dict.fromkeys(COUNTS, 0), dict[str, int]()
        held: list[Held] = []
        samples: list[Sale] = []
        products: list[Known] = []
        cursor, more, read = self.state().cursor, True, 0
        while more and read < pages:
            page = self._connector.pull(cursor)
            now = self._clock()
            learnt, taken = catalogue.learn(page.items, now), intake.read(page, now)
            receipts = self._sort(taken)
            fresh = [r for r in receipts.fresh if seen.get(r.id, r.revision - 1) < r.revision]
            seen |= {receipt.id: receipt.revision for receipt in fresh}
            counts["new"] += len(fresh) - receipts.changed
            counts["changed"] += receipts.changed
            counts["repeated"] += receipts.repeated
            counts["stock"] += len(taken.stock)
            counts["items"] += len(learnt.known)
            counts["clamped"] += taken.clamped
            held += taken.held
            samples += [sale for receipt in fresh for sale in receipt.sales]
            products += learnt.known
            read, more, cursor = read + 1, page.more and page.cursor != cursor, page.cursor
        counts["held"] = len(held)
        return DryRun(
            source=self.source,
            counts=counts,
            pages=read,
            more=more,
            held=tuple(_groups(held)),
            samples=tuple(samples[:_SAMPLES]),
            products=tuple(products[:_SAMPLES]),
        )

    def _new_catalogue(self, shop: Shop) -> Catalogue:
        products, history = self._book.products(self.source), self._book.sku_history(self.source)
        return Catalogue(self.options, shop, products, history)


def pause_s(tries: int, retry_after_s: float | None, rng: random.Random) -> float:
    """How long to wait after so many failures in a row: doubling, with jitter so that many shops
    do not come back at once, and never shorter than the source asked for.
    """
    full = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(tries - 1, 20))
    asked = min(LONGEST_ASKED_S, max(0.0, retry_after_s or 0.0))
    return asked + full * rng.uniform(0.5, 1.0) if asked else full * rng.uniform(0.5, 1.0)


def _groups(rows: Sequence[Held]) -> list[HeldGroup]:
    found: dict[tuple[Reason, str], list[Held]] = {}
    for row in rows:
        found.setdefault((row.reason, row.fields.get("sku", "")), []).append(row)
    groups = [
        HeldGroup(
            key="",
            source=some[-1].source,
            reason=reason,
            sku=sku,
            count=len(some),
            since=some[0].since,
            until=some[-1].since,
            note=some[-1].note,
            sample=some[-1].fields,
        )
        for (reason, sku), some in found.items()
    ]
    return sorted(groups, key=lambda group: -group.count)
