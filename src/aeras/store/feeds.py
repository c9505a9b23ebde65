"""The part of the control database that knows where connectors stand, what of theirs is in
quarantine, and which SKU is which item.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Index,
    String,
    Text,
    UniqueConstraint,
    delete,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Mapped as Column
from sqlalchemy.orm import mapped_column

from aeras.domain.feeds import FeedState, FeedStatus, Held, HeldGroup, Known, Mapped, Reason
from aeras.store.part import Part, T
from aeras.store.people import sha256
from aeras.store.tables import Base

_CHUNK = 500


class FeedRecord(Base):
    """See `aeras.domain.feeds.FeedState`."""

    __tablename__ = "feeds"

    source: Column[str] = mapped_column(String(64), primary_key=True)
    cursor: Column[str | None] = mapped_column(Text)
    ran_at: Column[datetime | None]
    fine_at: Column[datetime | None]
    due_at: Column[datetime | None]
    status: Column[str] = mapped_column(String(16))
    trouble: Column[str] = mapped_column(Text)
    tries: Column[int]
    latest: Column[datetime | None]
    counts: Column[dict[str, Any]]


class HeldRecord(Base):
    """See `aeras.domain.feeds.Held`."""

    __tablename__ = "feed_held"
    __table_args__ = (
        UniqueConstraint("source", "kind", "document", "revision", "line"),
        Index("ix_feed_held_group", "source", "reason", "sku"),
        {"sqlite_autoincrement": True},
    )

    id: Column[int] = mapped_column(primary_key=True)
    source: Column[str] = mapped_column(String(64))
    kind: Column[str] = mapped_column(String(16))
    document: Column[str] = mapped_column(String(200))
    revision: Column[int]
    line: Column[int]
    reason: Column[str] = mapped_column(String(32))
    sku: Column[str] = mapped_column(String(128))
    note: Column[str] = mapped_column(Text)
    fields: Column[dict[str, Any]]
    since: Column[datetime] = mapped_column(index=True)


class ProductRecord(Base):
    """See `aeras.domain.feeds.Known`."""

    __tablename__ = "feed_products"

    source: Column[str] = mapped_column(String(64), primary_key=True)
    sku: Column[str] = mapped_column(String(128), primary_key=True)
    item: Column[str] = mapped_column(String(64), index=True)
    name: Column[str] = mapped_column(String(200))
    category: Column[str] = mapped_column(String(200))
    gtin: Column[str | None] = mapped_column(String(14))
    price: Column[int | None]
    parts: Column[list[Any]] = mapped_column(JSON)
    revision: Column[int]
    gone: Column[bool]


class SkuRecord(Base):
    """See `aeras.domain.feeds.Mapped`."""

    __tablename__ = "feed_skus"

    source: Column[str] = mapped_column(String(64), primary_key=True)
    sku: Column[str] = mapped_column(String(128), primary_key=True)
    since: Column[datetime] = mapped_column(primary_key=True)
    item: Column[str] = mapped_column(String(64))


class PushRecord(Base):
    """A webhook that was handled, by a hash of its id."""

    __tablename__ = "feed_pushes"

    source: Column[str] = mapped_column(String(64), primary_key=True)
    push: Column[str] = mapped_column(String(64), primary_key=True)
    at: Column[datetime] = mapped_column(index=True)


class Feeds(Part):
    """Implements `aeras.domain.feeds.FeedBook`; a base of `aeras.store.control.Control`."""

    def feed(self, source: str) -> FeedState | None:
        """Where a connector stands."""
        with self._session() as session:
            found = session.get(FeedRecord, source)
            return None if found is None else _state(found)

    def save_feed(self, state: FeedState) -> None:
        """Stores it over the earlier one."""
        row = asdict(state) | {"status": state.status.value, "counts": dict(state.counts)}
        put = insert(FeedRecord).values(row)
        with self._session() as session:
            session.execute(put.on_conflict_do_update(index_elements=["source"], set_=row))

    def hold(self, rows: Sequence[Held]) -> int:
        """Puts records in quarantine; those of the same place there are ignored. How many."""
        if not rows:
            return 0
        put = insert(HeldRecord).on_conflict_do_nothing()
        values = [_held_row(row) for row in rows]
        return self._write(lambda connection: int(connection.execute(put, values).rowcount))

    def supersede(self, source: str, revisions: Mapping[str, int]) -> None:
        """Drops from quarantine what belongs to an older revision of those documents."""
        pairs = list(revisions.items())

        def work(connection: Connection) -> None:
            if not connection.scalar(select(HeldRecord.id).where(HeldRecord.source == source)):
                return  # the usual case
            for chunk in _chunks(pairs):
                some = dict(chunk)
                query = select(HeldRecord.id, HeldRecord.document, HeldRecord.revision).where(
                    HeldRecord.source == source,
                    HeldRecord.kind == "sale",
                    HeldRecord.document.in_(list(some)),
                )
                old = [n for n, document, rev in connection.execute(query) if rev < some[document]]
                connection.execute(delete(HeldRecord).where(HeldRecord.id.in_(old)))

        self._write(work)

    def held(self, *, source: str | None = None, after: int = 0, limit: int = 1000) -> list[Held]:
        """Records in quarantine by number, from the one after ``after`` on."""
        which = [] if source is None else [HeldRecord.source == source]
        return self._held_where(which, after, limit)

    def held_of(self, group: HeldGroup, *, after: int = 0, limit: int = 1000) -> list[Held]:
        """Those of one group."""
        which = [
            HeldRecord.source == group.source,
            HeldRecord.reason == group.reason.value,
            HeldRecord.sku == group.sku,
        ]
        return self._held_where(which, after, limit)

    def _held_where(
        self, which: Sequence[ColumnElement[bool]], after: int, limit: int
    ) -> list[Held]:
        query = select(HeldRecord).where(HeldRecord.id > after, *which)
        with self._session() as session:
            return [_held(r) for r in session.scalars(query.order_by(HeldRecord.id).limit(limit))]

    def held_groups(self) -> list[HeldGroup]:
        """Groups, largest first."""
        shared = (HeldRecord.source, HeldRecord.reason, HeldRecord.sku)
        newest = func.max(HeldRecord.id)
        query = select(
            *shared, func.count(), func.min(HeldRecord.since), func.max(HeldRecord.since), newest
        ).group_by(*shared)
        with self._session() as session:
            rows = list(session.execute(query.order_by(func.count().desc(), *shared)))
            ids = [row[-1] for row in rows]
            found: dict[int, HeldRecord] = {}
            for chunk in _chunks(ids):
                some = select(HeldRecord).where(HeldRecord.id.in_(chunk))
                found |= {record.id: record for record in session.scalars(some)}
            return [
                HeldGroup(
                    key=group_key(source, reason, sku),
                    source=source,
                    reason=Reason(reason),
                    sku=sku,
                    count=count,
                    since=since,
                    until=until,
                    note=found[last].note,
                    sample=found[last].fields,
                )
                for source, reason, sku, count, since, until, last in rows
            ]

    def held_counts(self) -> dict[str, int]:
        """Records in quarantine by source."""
        query = select(HeldRecord.source, func.count()).group_by(HeldRecord.source)
        with self._session() as session:
            return {str(source): int(count) for source, count in session.execute(query)}

    def release(self, ids: Iterable[int]) -> int:
        """Takes records out of quarantine; how many."""
        numbers, gone = list(ids), 0
        with self._session() as session:
            for chunk in _chunks(numbers):
                some = delete(HeldRecord).where(HeldRecord.id.in_(chunk))
                result: Any = session.execute(some)
                gone += result.rowcount
        return gone

    def products(self, source: str) -> list[Known]:
        """The catalogue of a source."""
        query = select(ProductRecord).where(ProductRecord.source == source)
        with self._session() as session:
            return [_known(record) for record in session.scalars(query)]

    def save_products(self, products: Sequence[Known], at: datetime) -> None:
        """Stores products over earlier ones, and notes where an SKU means another item now."""
        if not products:
            return
        rows = [asdict(p) | {"parts": [list(pair) for pair in p.parts]} for p in products]
        put = insert(ProductRecord)
        kept = {name: put.excluded[name] for name in rows[0]}

        def work(connection: Connection) -> None:
            was = dict[tuple[str, str], str]()
            keys = [(p.source, p.sku) for p in products]
            named = tuple_(ProductRecord.source, ProductRecord.sku)
            query = select(ProductRecord.source, ProductRecord.sku, ProductRecord.item)
            for chunk in _chunks(keys):
                some = query.where(named.in_(chunk))
                was |= {(source, sku): item for source, sku, item in connection.execute(some)}
            new = [
                {"source": p.source, "sku": p.sku, "item": p.item, "since": at}
                for p in products
                if was.get((p.source, p.sku)) != p.item
            ]
            if new:
                note = insert(SkuRecord)
                connection.execute(
                    note.on_conflict_do_update(
                        index_elements=["source", "sku", "since"],
                        set_={"item": note.excluded["item"]},
                    ),
                    new,
                )
            connection.execute(
                put.on_conflict_do_update(index_elements=["source", "sku"], set_=kept), rows
            )

        self._write(work)

    def sku_history(self, source: str) -> list[Mapped]:
        """What SKUs meant over time, oldest first."""
        query = select(SkuRecord).where(SkuRecord.source == source).order_by(SkuRecord.since)
        with self._session() as session:
            return [Mapped(r.source, r.sku, r.item, r.since) for r in session.scalars(query)]

    def saw_push(self, source: str, push: str) -> bool:
        """Whether that webhook was handled before."""
        with self._session() as session:
            return session.get(PushRecord, (source, sha256(push))) is not None

    def note_push(self, source: str, push: str, at: datetime) -> None:
        """Notes that it was handled."""
        row = {"source": source, "push": sha256(push), "at": at}
        with self._session() as session:
            session.execute(insert(PushRecord).values(row).on_conflict_do_nothing())


def group_key(source: str, reason: str, sku: str) -> str:
    """Names a group of records in quarantine, for links and forms."""
    return hashlib.sha256("\n".join((source, reason, sku)).encode()).hexdigest()[:16]


def _chunks(values: list[T]) -> Iterator[list[T]]:
    """So few at a time as a statement may name."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _state(record: FeedRecord) -> FeedState:
    return FeedState(
        source=record.source,
        cursor=record.cursor,
        ran_at=record.ran_at,
        fine_at=record.fine_at,
        due_at=record.due_at,
        status=FeedStatus(record.status),
        trouble=record.trouble,
        tries=record.tries,
        latest=record.latest,
        counts=record.counts,
    )


def _held_row(row: Held) -> dict[str, Any]:
    columns = asdict(row) | {"reason": row.reason.value, "fields": dict(row.fields)}
    del columns["id"]
    return columns | {"sku": row.fields.get("sku", "")[:128], "document": row.document[:200]}


def _held(record: HeldRecord) -> Held:
    return Held(
        source=record.source,
        kind=record.kind,
        document=record.document,
        revision=record.revision,
        line=record.line,
        reason=Reason(record.reason),
        note=record.note,
        fields=record.fields,
        since=record.since,
        id=record.id,
    )


def _known(record: ProductRecord) -> Known:
    return Known(
        source=record.source,
        sku=record.sku,
        item=record.item,
        name=record.name,
        category=record.category,
        gtin=record.gtin,
        price=record.price,
        parts=tuple((sku, pieces) for sku, pieces in record.parts),
        revision=record.revision,
        gone=record.gone,
    )
