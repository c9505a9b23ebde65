"""The command line. Each command is a few lines: the work is done in the rooms and the lab."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from aeras import (
    __version__,
    cli_advice,
    cli_channels,
    cli_connect,
    cli_fleet,
    cli_lab,
    cli_ops,
    cli_privacy,
    cli_report,
    cli_site,
    cli_users,
)
from aeras.cli_common import JsonOpt, SiteArg, json_line, out, say
from aeras.domain.errors import AerasError
from aeras.wiring.hardening import no_core_dumps
from aeras.wiring.logs import LEVEL, set_up_logs

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Reads shop cameras and tells how shoppers react to single products, keeping no picture.",
)
models = typer.Typer(no_args_is_help=True, help="The model files and their cards.")
app.add_typer(cli_lab.lab, name="lab")
app.add_typer(models, name="models")
app.add_typer(cli_site.planogram, name="planogram")
app.command()(cli_site.lens)
app.command()(cli_site.doctor)
app.command()(cli_site.analyze)
app.add_typer(cli_privacy.privacy, name="privacy")
app.add_typer(cli_users.users, name="users")
app.add_typer(cli_channels.channels, name="channels")
app.add_typer(cli_connect.connect, name="connect")
app.add_typer(cli_advice.advice, name="advice")
app.add_typer(cli_channels.members, name="members")
app.add_typer(cli_channels.incentives, name="incentives")
app.command()(cli_privacy.stop)
app.command()(cli_privacy.resume)
app.command()(cli_report.report)
app.command()(cli_ops.restart)
app.command()(cli_ops.backup)
app.command()(cli_ops.restore)
app.command()(cli_fleet.edge)
app.command()(cli_fleet.hub)
app.add_typer(cli_fleet.shops, name="shops")


def main() -> None:
    """Entry point: turns an `AerasError` into one line on stderr and exit code 2."""
    no_core_dumps()
    try:
        app()
    except AerasError as error:
        sys.stderr.write(f"aeras: {error}\n")
        sys.exit(2)
    except BrokenPipeError:  # `aeras ... | head`
        sys.exit(0)


@app.callback()
def _set_up(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    set_up_logs("debug" if verbose else os.environ.get(LEVEL, "warning"))
    if version:
        out.print(f"aeras {__version__}")
        raise typer.Exit


# --- a shop --------------------------------------------------------------------------------------


@app.command()
def demo(
    *,
    port: Annotated[int, typer.Option(help="Port of the dashboard.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    camera: Annotated[
        str | None, typer.Option(help="Webcam number to use as the shelf camera.")
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help="Video file to use as the shelf camera.")
    ] = None,
    headless: Annotated[bool, typer.Option(help="No browser; stop after --seconds.")] = False,
    seconds: Annotated[float, typer.Option(help="How long to run headless.")] = 60.0,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Where the demo keeps its videos and records.")
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Runs a whole demo shop: real models on rendered shoppers, sixty simulated days of history.

    Examples:  `aeras demo`  ·  `aeras demo --camera 0`  ·
    `aeras demo --headless --seconds 60 --json`
    """
    from aeras.lab.demo import DemoOptions, run_demo  # heavy: loads the models' runtimes

    options = DemoOptions(
        directory=directory,
        host=host,
        port=port,
        camera=camera,
        video=video,
        headless_s=seconds if headless else None,
    )
    result = run_demo(options, say=say)
    if result is None:
        return
    if as_json:
        json_line(result)
    else:
        out.print(", ".join(f"{name} {value}" for name, value in result.items()))


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Folder for the new site.", metavar="DIR")],
) -> None:
    """Writes an example site file to start from.

    Example:  `aeras init my-shop`
    """
    from aeras.wiring.scaffold import write_example

    path = write_example(directory)
    out.print(f"Wrote {path}. Edit it, then: aeras check {path}")


@app.command()
def check(site: SiteArg, *, as_json: JsonOpt = False) -> None:
    """Checks a site file against its schema and its privacy profile; starts nothing.

    Example:  `aeras check my-shop/site.yaml`
    """
    from aeras.config import check_privacy, load_site, read_site
    from aeras.wiring.oversight import notice_problem

    problems: list[AerasError] = [*read_site(site)[1]]
    if not problems:
        loaded = load_site(site)
        try:
            check_privacy(loaded)
        except AerasError as error:
            problems = [error]
    before = "" if problems else notice_problem(loaded)
    if as_json:
        told = [str(problem) for problem in problems]
        json_line({"ok": not problems, "problems": told, "before_start": before})
    else:
        for problem in problems:
            sys.stderr.write(f"aeras: {problem}\n")
        if not problems:
            shop = loaded.shop
            out.print(
                f"{site} is fine: {len(shop.cameras)} cameras, {len(shop.fixtures)} fixtures, "
                f"{len(shop.items)} items, profile {loaded.privacy.profile}."
            )
        if before:
            say(f"Before it starts: {before}. Print the signs: aeras privacy notice {site}")
    if problems:
        raise typer.Exit(2)


@app.command()
def run(
    site: SiteArg,
    *,
    host: Annotated[str | None, typer.Option(help="Overrides the site file.")] = None,
    port: Annotated[int | None, typer.Option(help="Overrides the site file.")] = None,
) -> None:
    """Runs a shop: cameras, triggers, surveys and the dashboard, until Ctrl-C.

    Example:  `aeras run my-shop/site.yaml`
    """
    from aeras.wiring.serve import run_site

    run_site(site, host=host, port=port, say=say)


@models.command("list")
def models_list(*, as_json: JsonOpt = False) -> None:
    """Lists the shipped models with their licences and measured figures."""
    from dataclasses import asdict

    from aeras.perceive.registry import list_models

    for card in list_models():
        if as_json:
            json_line(asdict(card))
        else:
            out.print(f"[bold]{card.name}[/bold] ({card.task}): {card.title}")
            out.print(f"  {card.file}, {card.size:,} bytes, {card.licence_weights}")
            out.print(f"  {card.measured}")


@models.command("verify")
def models_verify(*, as_json: JsonOpt = False) -> None:
    """Checks every model file against its recorded SHA-256."""
    from aeras.perceive.registry import verify_models

    checks = verify_models()
    bad = [check for check in checks if check.problem]
    if as_json:
        json_line({check.card.name: check.problem or "ok" for check in checks})
    else:
        for check in bad:
            sys.stderr.write(f"aeras: {check.problem}\n")
        if not bad:
            out.print(f"{len(checks)} model files are as recorded.")
    if bad:
        raise typer.Exit(2)


if __name__ == "__main__":
    main()
