"""``aeras connect``: tills and stock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aeras.cli_common import JsonOpt, SiteArg, opened, say, tell
from aeras.domain.errors import StoreError

if TYPE_CHECKING:
    from aeras.domain.feeds import DryRun, FeedRow
    from aeras.wiring.connectors import ConnectRoom

connect = typer.Typer(no_args_is_help=True, help="Tills, stock and ERP feeds.")

OneOpt = Annotated[
    str | None, typer.Option("--connector", help="Only this one.", metavar="CONNECTOR")
]


@contextmanager
def _room(site: Path) -> Iterator[ConnectRoom]:
    from aeras.domain.ports import utc_now
    from aeras.store.events import DuckEvents
    from aeras.wiring.connectors import ConnectRoom

    with opened(site) as (loaded, control, oversight):
        try:
            store = DuckEvents(loaded.data / "events.duckdb")
        except StoreError as error:
            raise StoreError(
                error.what,
                where=error.where,
                todo="While the shop runs, use its page Tills and stock (/connectors)",
            ) from None
        try:
            room = ConnectRoom(
                loaded, store=store, control=control, audit=oversight.audit, clock=utc_now
            )
            try:
                yield room
            finally:
                room.stop()
        finally:
            store.close()


@connect.command("list")
def list_connectors(site: SiteArg, *, as_json: JsonOpt = False) -> None:
    """Lists the connectors with their state and what of theirs is in quarantine.

    Example:  `aeras connect list my-shop/site.yaml`
    """
    from aeras.wiring.connectors import status_line

    with _room(site) as room:
        rows = room.feeds()
        if not rows and not as_json:
            say("This site has no connectors. Name one under connectors in the site file.")
        for row in rows:
            text = f"{row.id:20} {row.kind:12} {status_line(row)}, in quarantine {row.held}"
            tell(_record(row), text, as_json=as_json)


@connect.command("test")
def probe(site: SiteArg, *, connector: OneOpt = None, as_json: JsonOpt = False) -> None:
    """Asks each connector for its first page and changes nothing; exits 2 if one cannot be read.

    Example:  `aeras connect test my-shop/site.yaml`
    """
    _dry(site, connector, pages=1, as_json=as_json)


@connect.command("dry-run")
def dry_run(site: SiteArg, *, connector: OneOpt = None, as_json: JsonOpt = False) -> None:
    """Tells what a run would change, and changes nothing.

    Example:  `aeras connect dry-run my-shop/site.yaml --connector till`
    """
    _dry(site, connector, pages=None, as_json=as_json)


@connect.command("sync")
def sync(site: SiteArg, *, connector: OneOpt = None, as_json: JsonOpt = False) -> None:
    """Reads all there is, now; exits 2 if a connector could not be read to its end.

    Example:  `aeras connect sync my-shop/site.yaml`
    """
    from aeras.domain.feeds import FeedStatus
    from aeras.wiring.connectors import status_line

    with _room(site) as room:
        bad, before = False, {row.id: row.state.counts for row in room.feeds()}
        for source in _chosen(room, connector):
            room.run_now(source)
            row = next(row for row in room.feeds() if row.id == source)
            done = {name: n - before[source].get(name, 0) for name, n in row.state.counts.items()}
            told = ", ".join(f"{name} {n}" for name, n in done.items() if n) or "nothing new"
            bad |= row.state.status is not FeedStatus.FINE
            record = _record(row) | {"run": done}
            text = f"{source}: {told}; in quarantine {row.held}; {status_line(row)}"
            tell(record, text, as_json=as_json)
    if bad:
        raise typer.Exit(2)


def _dry(site: Path, connector: str | None, *, pages: int | None, as_json: bool) -> None:
    from aeras.domain.errors import InputError

    with _room(site) as room:
        bad = False
        for source in _chosen(room, connector):
            try:
                found = room.dry_run(source, pages)
            except InputError as error:
                bad = True
                tell(
                    {"id": source, "ok": False, "problem": str(error)},
                    f"{source}: {error}",
                    as_json=as_json,
                )
                continue
            tell(_found(found), _told(found), as_json=as_json)
    if bad:
        raise typer.Exit(2)


def _chosen(room: ConnectRoom, connector: str | None) -> list[str]:
    return [connector] if connector else [row.id for row in room.feeds()]


def _record(row: FeedRow) -> dict[str, Any]:
    state = row.state
    return {
        "id": row.id,
        "kind": row.kind,
        "maturity": row.maturity,
        "status": state.status.value,
        "trouble": state.trouble,
        "fine_at": state.fine_at.isoformat() if state.fine_at else None,
        "due_at": state.due_at.isoformat() if state.due_at else None,
        "lag_s": row.lag_s,
        "held": row.held,
        "simulated": row.simulated,
        "counts": dict(state.counts),
    }


def _found(found: DryRun) -> dict[str, Any]:
    groups = [
        {"reason": g.reason.value, "sku": g.sku, "count": g.count, "note": g.note}
        for g in found.held
    ]
    return {
        "id": found.source,
        "ok": True,
        "pages": found.pages,
        "more": found.more,
        "counts": dict(found.counts),
        "held": groups,
    }


def _told(found: DryRun) -> str:
    counts = ", ".join(f"{name} {n}" for name, n in found.counts.items() if n) or "nothing new"
    more = ", and there is more" if found.more else ""
    lines = [f"{found.source}: would change {counts} ({found.pages} pages read{more})"]
    lines += [
        f"  quarantine: {g.reason.value} {g.sku} x {g.count}{f' ({g.note})' if g.note else ''}"
        for g in found.held
    ]
    return "\n".join(lines)
