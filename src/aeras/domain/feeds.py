"""What tills and stock systems told, as it is kept, and what could not be used and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from aeras.domain.kept import Sale


class Reason(StrEnum):
    """Why a record is in quarantine."""

    UNKNOWN_ITEM = "unknown_item"
    WRONG_CURRENCY = "wrong_currency"
    FUTURE = "future"
    NEGATIVE_STOCK = "negative_stock"
    UNKNOWN_UNIT = "unknown_unit"
    NO_AMOUNT = "no_amount"
    BAD_NUMBER = "bad_number"
    BUNDLE_LOOP = "bundle_loop"
    UNREADABLE = "unreadable"


RELEASABLE = frozenset(Reason) - {Reason.UNREADABLE}
"""What can be used once its cause is gone; the others are only shown."""


@dataclass(frozen=True, slots=True)
class Booked:
    """One receipt as it is stored.

    Attributes:
        id: Hash of source and the receipt's id there; its lines' ids begin with it and ``:``.
        revision: See `aeras.connect.port.Receipt`.
        at: UTC.
        sales: Its lines; none if it is void or all of them are in quarantine.
    """

    id: str
    revision: int
    at: datetime
    sales: tuple[Sale, ...]


class TillBook(Protocol):
    """Receipts in the event store. Raises StoreError."""

    def receipt_revisions(self, ids: Sequence[str]) -> dict[str, int]:
        """The stored revision of those of the receipts that are stored."""

    def put_receipts(self, receipts: Sequence[Booked]) -> None:
        """Stores receipts that are new or of a higher revision than the stored one, whose lines
        they replace; ignores the others. All of them in one transaction.
        """

    def move_sales(self, item: str, to: str) -> int:
        """Gives all sales and stock of one item to another; how many sales."""


@dataclass(frozen=True, slots=True)
class Held:
    """A record in quarantine.

    Attributes:
        source: Connector.
        kind: ``sale``, ``stock`` or ``record`` (not even that could be read).
        document: Hash of the receipt, or the record's place.
        revision, line: Of the receipt, and which of its lines.
        reason: See `Reason`.
        note: One plain sentence, in English as the source's messages are; "" if the reason says
            all.
        fields: What is known of it, an allow-list of fields; nothing of a person.
        since: UTC, when it came in.
        id: Its number, 0 before it is stored.
    """

    source: str
    kind: str
    document: str
    revision: int
    line: int
    reason: Reason
    note: str
    fields: Mapping[str, str]
    since: datetime
    id: int = 0


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """Records in quarantine that have source, reason and SKU in common.

    Attributes:
        key: Names the group.
        source, reason, sku: What they have in common; the SKU is "" where there is none.
        count: How many.
        since, until: When the first and the last came in (UTC).
        note: Of the newest.
        sample: Fields of the newest.
    """

    key: str
    source: str
    reason: Reason
    sku: str
    count: int
    since: datetime
    until: datetime
    note: str
    sample: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """A product of a source's catalogue, and the item that it is.

    Attributes:
        source, sku: Whose, and its key there.
        item: Item id.
        name, category: As the source has them.
        gtin: 14 digits, or None.
        price: Minor units of the site's currency, tax included, or None.
        parts: SKU and pieces of each part of a bundle.
        revision: See `aeras.connect.port.Product`.
        gone: No longer sold.
    """

    source: str
    sku: str
    item: str
    name: str
    category: str = ""
    gtin: str | None = None
    price: int | None = None
    parts: tuple[tuple[str, str], ...] = ()
    revision: int = 0
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which item an SKU meant from a moment (UTC) on."""

    source: str
    sku: str
    item: str
    since: datetime


class FeedStatus(StrEnum):
    """How a connector is doing."""

    NEW = "new"
    """Never run."""
    FINE = "fine"
    WAITING = "waiting"
    """The source cannot be reached or is busy; it is tried again."""
    REVOKED = "revoked"
    """The source refuses us; a person has to act."""
    BAD_DATA = "bad_data"
    """What the source answers makes no sense."""


COUNTS = ("new", "changed", "repeated", "stock", "items", "held", "clamped")
"""What is counted of a run: receipts that were new, replaced an older telling or were told before;
stock levels; products; records put in quarantine; sales whose time was set back to the present.
"""


@dataclass(frozen=True, slots=True)
class FeedState:
    """Where a connector stands.

    Attributes:
        source: Connector.
        cursor: Everything before it is stored.
        ran_at: Last attempt; UTC, None if never.
        fine_at: Last one that reached the end; UTC.
        due_at: Next one; UTC, None if none is planned.
        status: See `FeedStatus`.
        trouble: What went wrong last, and what to do; "" if nothing.
        tries: Failures in a row.
        latest: Newest time of sale that was told; UTC.
        counts: Since the beginning, by `COUNTS`.
    """

    source: str
    cursor: str | None = None
    ran_at: datetime | None = None
    fine_at: datetime | None = None
    due_at: datetime | None = None
    status: FeedStatus = FeedStatus.NEW
    trouble: str = ""
    tries: int = 0
    latest: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


class FeedBook(Protocol):
    """Cursors, quarantine and catalogues. Each call is one transaction. Raises StoreError."""

    def feed(self, source: str) -> FeedState | None:
        """Where a connector stands."""

    def save_feed(self, state: FeedState) -> None:
        """Stores it over the earlier one."""

    def hold(self, rows: Sequence[Held]) -> int:
        """Puts records in quarantine; those of the same place there are ignored. How many."""

    def supersede(self, source: str, revisions: Mapping[str, int]) -> None:
        """Drops from quarantine what belongs to an older revision of those documents."""

    def held(self, *, source: str | None = None, after: int = 0, limit: int = 1000) -> list[Held]:
        """Records in quarantine by number, from the one after ``after`` on."""

    def held_of(self, group: HeldGroup, *, after: int = 0, limit: int = 1000) -> list[Held]:
        """Those of one group."""

    def held_groups(self) -> list[HeldGroup]:
        """Groups, largest first."""

    def release(self, ids: Iterable[int]) -> int:
        """Takes records out of quarantine; how many."""

    def products(self, source: str) -> list[Known]:
        """The catalogue of a source."""

    def save_products(self, products: Sequence[Known], at: datetime) -> None:
        """Stores products over earlier ones, and notes where an SKU means another item now."""

    def sku_history(self, source: str) -> list[Mapped]:
        """What SKUs meant over time, oldest first."""

    def saw_push(self, source: str, push: str) -> bool:
        """Whether that webhook was handled before."""

    def note_push(self, source: str, push: str, at: datetime) -> None:
        """Notes that it was handled."""


# --- what the pages ask for --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One connector, for people.

    Attributes:
        id, kind, title: Its id and kind in the site file, and the product's name.
        maturity: ``proven`` or ``shapes``.
        needs: What it takes to use it.
        state: Where it stands.
        running: It is at it now.
        held: Records of it in quarantine.
        simulated: What it tells is made up.
        hook: Path for its webhooks, or None if it takes none.
        lag_s: Between now and the last run that reached the end; None if there was none.
    """

    id: str
    kind: str
    title: str
    maturity: str
    needs: tuple[str, ...]
    state: FeedState
    running: bool
    held: int
    simulated: bool
    hook: str | None
    lag_s: float | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run would change.

    Attributes:
        source: Connector.
        counts: As `COUNTS`.
        pages: Pages read.
        more: There are more.
        held: What would go into quarantine, in groups.
        samples: Some sales as they would be stored: item, quantity, amount (minor units), time.
        products: Some items: SKU, name, item id.
    """

    source: str
    counts: Mapping[str, int]
    pages: int
    more: bool
    held: tuple[HeldGroup, ...]
    samples: tuple[Sale, ...]
    products: tuple[Known, ...]


class FeedDesk(Protocol):
    """Connectors, for the pages and commands."""

    def feeds(self) -> list[FeedRow]:
        """All connectors of the site."""

    def has(self, source: str) -> bool:
        """Whether the site has a connector of that id; asks no store."""

    def quarantine(self) -> list[HeldGroup]:
        """What could not be used."""

    def run_now(self, source: str) -> None:
        """Has a connector run at once, also one that waits or was refused; InputError if there is
        none of that id.
        """

    def dry_run(self, source: str) -> DryRun:
        """Reads the next pages and tells what they would change; changes nothing."""

    def retry(self, group: str) -> int:
        """Tries the records of a group again; how many could be used."""

    def discard(self, group: str, who: str) -> int:
        """Deletes the records of a group for good, and writes that into the audit log."""

    def push(self, source: str, headers: Mapping[str, str], body: bytes, url: str) -> None:
        """Takes a webhook. Raises InputError for an unknown source or a forged one."""
