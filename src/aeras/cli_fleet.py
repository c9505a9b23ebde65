"""Commands of a chain: a shop that sends, a hub that takes, and the passes between them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aeras.cli_common import JsonOpt, SiteArg, json_line, print_plain, say, tell
from aeras.domain.errors import InputError

shops = typer.Typer(no_args_is_help=True, help="The shops that may send to a hub.")
ShopArg = Annotated[str, typer.Argument(help="The shop's id.", metavar="SHOP")]


def edge(
    site: SiteArg,
    *,
    hub: Annotated[str, typer.Option(help="tls://host:port of the hub.")],
    pass_file: Annotated[
        Path | None, typer.Option("--pass", help="The shop's pass; else hub.pass beside SITE.")
    ] = None,
    spool_mb: Annotated[int, typer.Option(min=1, help="Room on disk for events that wait.")] = 2000,
    host: Annotated[str | None, typer.Option(help="Overrides the site file.")] = None,
    port: Annotated[int | None, typer.Option(help="Overrides the site file.")] = None,
) -> None:
    """Runs a shop as `aeras run` does, and sends its events to the chain's hub.

    Without a network it goes on, and sends everything when the hub is back.

    Example:  `aeras edge my-shop/site.yaml --hub tls://hub.example.com:4222`
    """
    from aeras.wiring.edge import EdgeOptions, run_edge

    options = EdgeOptions(hub, pass_file or site.parent / "hub.pass", spool_mb * 1_000_000)
    run_edge(site, options, host=host, port=port, say=say)


def hub(
    site: SiteArg,
    *,
    store: Annotated[
        str | None,
        typer.Option(help="postgresql://, clickhouse:// or a DuckDB file; overrides the file."),
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Takes the events of a chain's shops and stores them, until Ctrl-C.

    Example:  `aeras hub chain/site.yaml --store postgresql://aeras@localhost/aeras`
    """
    from aeras.wiring.fleet import run_hub

    done = run_hub(site, store=store, say=say)
    tell(done, ", ".join(f"{name} {count}" for name, count in done.items()), as_json=as_json)


@shops.command("add")
def add(
    site: SiteArg,
    shop: ShopArg,
    *,
    out: Annotated[Path | None, typer.Option(help="File for the pass; else SHOP.pass.")] = None,
) -> None:
    """Makes a pass for a shop; an earlier one is valid no more. A running hub takes it at once.

    Example:  `aeras shops add chain/site.yaml corner --out corner.pass`
    """
    from aeras.wiring.fleet import passes_of

    path = out or Path(f"{shop}.pass")
    if path.exists():
        raise InputError("exists already", where=str(path), todo="Name another file with --out")
    made = passes_of(site).add(shop)
    path.touch(mode=0o600)
    path.write_bytes(made)
    print_plain(f"Wrote {path}. Carry it to the shop safely: whoever has it can send as {shop}.")


@shops.command("list")
def list_shops(site: SiteArg, *, as_json: JsonOpt = False) -> None:
    """Lists the shops that have a valid pass.

    Example:  `aeras shops list chain/site.yaml`
    """
    from aeras.wiring.fleet import passes_of

    names = sorted(passes_of(site).names())
    if as_json:
        json_line({"shops": names})
    else:
        print_plain("\n".join(names) or "No shop has a pass.")


@shops.command("remove")
def remove(site: SiteArg, shop: ShopArg) -> None:
    """Makes a shop's pass invalid; a running hub closes its connection.

    Example:  `aeras shops remove chain/site.yaml corner`
    """
    from aeras.wiring.fleet import passes_of

    passes_of(site).remove(shop)
    print_plain(f"{shop} may send no more.")
