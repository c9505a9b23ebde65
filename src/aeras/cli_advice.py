"""``aeras advice``: proposals where items should stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aeras.cli_common import JsonOpt, SiteArg, opened, say, tell
from aeras.domain.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from aeras.domain.proposals import AdviceState, ProposalRow
    from aeras.wiring.advice import AdviceRoom

advice = typer.Typer(no_args_is_help=True, help="Proposals where items should stand.")

ProposalArg = Annotated[str, typer.Argument(help="Id, or its beginning.", metavar="PROPOSAL")]


@contextmanager
def _room(site: Path, *, counting: bool = False) -> Iterator[AdviceRoom]:
    from aeras.domain.ports import utc_now
    from aeras.store.events import DuckEvents
    from aeras.wiring.advice import AdviceRoom, write_version

    with opened(site) as (loaded, control, oversight):
        if loaded.file.advice is None:
            raise ConfigError(
                "this site asks for no advice",
                where=str(site),
                todo="Add the section advice to the site file (docs/site-file.md)",
            )
        store = None
        if counting:
            try:
                store = DuckEvents(loaded.data / "events.duckdb")
            except StoreError as error:
                raise StoreError(
                    error.what,
                    where=error.where,
                    todo="While the shop runs it looks by itself, once a week at a quiet time",
                ) from None
        try:
            yield AdviceRoom(
                lambda: loaded,
                store=store,
                book=control,
                k=loaded.privacy.k,
                audit=oversight.audit,
                clock=utc_now,
                quiet=lambda _moment: True,
                arrange=lambda name, changed, at: write_version(loaded, name, changed, at),
            )
        finally:
            if store is not None:
                store.close()


@advice.command("list")
def list_proposals(site: SiteArg, *, as_json: JsonOpt = False) -> None:
    """Lists the proposals, newest first, with where they stand.

    Example:  `aeras advice list my-shop/site.yaml`
    """
    with _room(site) as room:
        rows = room.rows()
        if not rows and not as_json:
            say("No proposal yet." + _why(room.state()))
        for row in rows:
            tell(_record(row), _line(row), as_json=as_json)


@advice.command("make")
def make(site: SiteArg, *, as_json: JsonOpt = False) -> None:
    """Counts the weeks that are over, measures and judges, and makes at most one proposal.

    A running shop does the same by itself once a week. Nothing moves: approve it on the page
    /advice. Exits 2 if something is in the way, such as too little data or rules that conflict.

    Example:  `aeras advice make my-shop/site.yaml`
    """
    with _room(site, counting=True) as room:
        outcome = room.make()
        state = room.state()
        record = {"outcome": outcome, "trouble": state.trouble, "weeks": state.weeks,
                  "rounds": state.rounds}  # fmt: skip
        text = f"{outcome}: {state.weeks} weeks, {state.rounds} rounds.{_why(state)}"
        tell(record, text, as_json=as_json)
    if outcome == "trouble":
        raise typer.Exit(2)


@advice.command("show")
def show(site: SiteArg, proposal: ProposalArg, *, as_json: JsonOpt = False) -> None:
    """Tells what a proposal would move, on which evidence, and what became of it.

    Example:  `aeras advice show my-shop/site.yaml 3f9a`
    """
    from aeras.domain.errors import InputError

    with _room(site) as room:
        found = [row for row in room.rows() if row.kept.proposal.id.startswith(proposal)]
        if len(found) != 1:
            raise InputError(
                f"{len(found)} proposals begin with {proposal[:64]!r}, expected one",
                todo="`aeras advice list SITE` names them",
            )
        row = found[0]
        lines = [_line(row)]
        lines += [f"  {m.facing}: {m.was} -> {m.item}, handled {_or_few(m.handled)}"
                  for m in row.kept.proposal.moves]  # fmt: skip
        lines += [f"  {s.at:%Y-%m-%d %H:%M} {s.deed.value} by {s.who}" for s in row.kept.steps]
        tell(_record(row), "\n".join(lines), as_json=as_json)


def _why(state: AdviceState) -> str:
    return f" {state.trouble}" if state.trouble else ""


def _or_few(count: int | None) -> str:
    return "too few to tell" if count is None else f"{count} times"


def _line(row: ProposalRow) -> str:
    own, judged, measured = row.kept.proposal, row.kept.judged, row.kept.measured
    text = f"{own.id[:12]} {own.kind.value:9} {row.kept.stage.value:11} {own.fixture:16}"
    if own.gain:
        text += f" expected {own.gain.value:+.1%} ({own.gain.low:+.1%} to {own.gain.high:+.1%})"
    if judged:
        more = f", about {judged.needed} more rounds needed" if judged.needed else ""
        text += f" gate: {judged.why}{more}"
    if measured and measured.change:
        text += f" measured {measured.change.value:+.1%} ({measured.change.low:+.1%} to"
        text += f" {measured.change.high:+.1%})"
    return text + (" [simulated]" if own.simulated else "")


def _record(row: ProposalRow) -> dict[str, Any]:
    own = asdict(row.kept.proposal) | {"made_at": row.kept.proposal.made_at.isoformat()}
    steps = [asdict(step) | {"at": step.at.isoformat()} for step in row.kept.steps]
    return own | {
        "stage": row.kept.stage.value,
        "steps": steps,
        "judged": asdict(row.kept.judged) if row.kept.judged else None,
        "measured": asdict(row.kept.measured) if row.kept.measured else None,
    }
