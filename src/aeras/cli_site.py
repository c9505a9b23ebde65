"""Commands that keep a shop's planogram and measure its lenses."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from aeras.cli_common import SHELL, JsonOpt, SiteArg, json_line, opened, print_plain, tell
from aeras.domain.errors import InputError

if TYPE_CHECKING:
    from aeras.wiring.archive import Done

planogram = typer.Typer(no_args_is_help=True, help="Which item stands where, in versions.")


def _refuse(faults: list[str] | tuple[str, ...], *, as_json: bool) -> None:
    """Tells every fault and ends with code 2."""
    if as_json:
        json_line({"faults": list(faults)})
    else:
        for fault in faults:
            sys.stderr.write(f"aeras: {fault}\n")
    raise typer.Exit(2)


@planogram.command("import")
def import_file(
    site: SiteArg,
    file: Annotated[Path, typer.Argument(help="CSV or JSON.", metavar="FILE")],
    *,
    as_json: JsonOpt = False,
) -> None:
    """Adds the versions of a file to those the site keeps; with any fault it changes nothing.

    Example:  `aeras planogram import site.yaml spring.csv`
    """
    from aeras.domain.oversight import Act
    from aeras.wiring.planograms import import_versions

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(file), todo="Name a file") from None
    made = import_versions(site, text, where=str(file))
    if made.faults:
        _refuse(made.faults, as_json=as_json)
    made.write()
    with opened(site) as (_, _, oversight):
        told = ", ".join(made.added) or "nothing new"
        oversight.audit.add(Act.SITE_CHANGED, SHELL, what=f"planogram {told}")
    if as_json:
        json_line({"added": list(made.added)})
    else:
        added = ", ".join(made.added) or "nothing new"
        print_plain(f"Added {added} to {made.planogram}")


@planogram.command("export")
def export_file(
    site: SiteArg,
    *,
    kind: Annotated[str, typer.Option("--format", help="csv or json.")] = "csv",
    target: Annotated[Path | None, typer.Option("--out", help="File; default: print.")] = None,
) -> None:
    """Writes all versions, those that stand in the site file as well.

    Example:  `aeras planogram export site.yaml --format json --out planogram.json`
    """
    from aeras.shelf.planogram import as_csv, as_json
    from aeras.wiring.planograms import all_versions, rows_for

    if kind not in {"csv", "json"}:
        raise InputError(f"unknown format {kind!r}", todo="Choose csv or json")
    rows = rows_for(*all_versions(site))
    text = as_json(rows) if kind == "json" else as_csv(rows)
    if target is None:
        sys.stdout.write(text)
        return
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(target)) from None


@planogram.command("check")
def check_file(site: SiteArg, *, as_json: JsonOpt = False) -> None:
    """Lists gaps and overlaps: in time, on the shelf, and unknown items or GTINs; exit 2 if any.

    Example:  `aeras planogram check site.yaml`
    """
    from aeras.domain.ports import utc_now
    from aeras.wiring.planograms import check_planogram

    faults = check_planogram(site, utc_now())
    if faults:
        _refuse(faults, as_json=as_json)
    if as_json:
        json_line({"faults": []})
    else:
        print_plain("The planogram is whole: no gap, no overlap, nothing unknown.")


@planogram.command("diff")
def diff_versions(
    site: SiteArg,
    before: Annotated[str, typer.Argument(help="Name of a version.")],
    after: Annotated[str, typer.Argument(help="Name of another.")],
    *,
    as_json: JsonOpt = False,
) -> None:
    """Shows which facings hold another item.

    Example:  `aeras planogram diff site.yaml spring summer`
    """
    from aeras.shelf.planogram import compare
    from aeras.wiring.planograms import all_versions, version

    versions = all_versions(site)[1]
    one, other = (version(versions, name, str(site)) for name in (before, after))
    changes = compare(one, other)
    if as_json:
        json_line({"changes": [asdict(change) for change in changes]})
        return
    for change in changes:
        print_plain(f"{change.facing}: {change.before or 'nothing'} -> {change.after or 'nothing'}")
    print_plain(f"{len(changes)} facings change")


def lens(
    folder: Annotated[Path, typer.Argument(help="Pictures of a checkerboard.", metavar="FOLDER")],
    *,
    board: Annotated[str, typer.Option(help="Inner corners, along x across.")] = "9x6",
    size: Annotated[str | None, typer.Option(help="The camera's size in the site file.")] = None,
    as_json: JsonOpt = False,
) -> None:
    """Finds a camera's lens from pictures of a checkerboard; prints `lens:` for the site file.

    Example:  `aeras lens boards/ --board 9x6 --size 1280x720`
    """
    from aeras.shelf.lens import lens_from_boards

    fit = lens_from_boards(folder, _sides(board, "--board"), _sides(size, "--size"))
    if as_json:
        facts = {**asdict(fit.lens), "error_px": round(fit.error_px, 3), "boards": fit.used}
        json_line(facts)
        return
    found = fit.lens
    centre = list(found.centre or ())
    bent = list(found.distortion)
    print_plain(f"    lens: {{distortion: {bent}, focal: {found.focal}, centre: {centre}}}")
    print_plain(f"# {fit.used} boards, {fit.error_px:.2f} px off")


def _sides(text: str | None, name: str) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, second = text.lower().partition("x")
    if not (first.isdigit() and second.isdigit()):
        raise InputError(f"{text!r} is no size", where=name, todo="Write it as 9x6")
    return int(first), int(second)


def doctor(
    site: SiteArg,
    *,
    seconds: Annotated[float, typer.Option(help="How long each camera is watched.", min=1)] = 5.0,
    cameras: Annotated[bool, typer.Option(help="Watch the cameras.")] = True,
    as_json: JsonOpt = False,
) -> None:
    """Looks over law profile, models, disk, memory, clock, certificate, port, cameras and load;
    keeps nothing, changes nothing. Exit code 1 if there is a fault.

    Examples:  `aeras doctor site.yaml`  ·  `aeras doctor site.yaml --no-cameras --json`
    """
    from aeras.wiring.doctor import State, doctor

    signs = {State.FINE: "ok ", State.ADVICE: "!  ", State.FAULT: "X  ", State.UNKNOWN: "?  "}
    faults = 0
    for finding in doctor(site, seconds=seconds, cameras=cameras):
        faults += finding.state is State.FAULT
        if as_json:
            json_line(asdict(finding))
        else:
            todo = f". {finding.todo}" if finding.todo else ""
            print_plain(f"{signs[finding.state]} {finding.about:16} {finding.what}{todo}")
    if as_json:
        json_line({"summary": {"faults": faults}})
    if faults:
        raise typer.Exit(1)


def analyze(
    site: SiteArg,
    folder: Annotated[Path, typer.Argument(help="Folder of videos, or one.", metavar="FOLDER")],
    *,
    camera: Annotated[str, typer.Option(help="The camera that recorded them.")],
    start: Annotated[
        datetime | None, typer.Option(help="When a single file begins, in the shop's time.")
    ] = None,
    processes: Annotated[int, typer.Option(help="Parts read at once.", min=1)] = 1,
    as_json: JsonOpt = False,
) -> None:
    """Reads recordings of a camera into events while the shop is not running; run again, it goes on
    where it ended and counts nothing twice. Exit code 1 if a file could not be read.

    The videos' names say when they begin: 2026-11-20_14-30-00.mp4, in the shop's time.

    Example:  `aeras analyze site.yaml recordings/ --camera aisle-1 --processes 2`
    """
    from aeras.domain.ports import utc_now
    from aeras.lab.progress import shown
    from aeras.store.opening import open_events
    from aeras.wiring.archive import analyze as read_all
    from aeras.wiring.archive import find_parts
    from aeras.wiring.oversight import check_start, log_start

    with opened(site) as (loaded, control, oversight):
        check_start(loaded)
        if start is not None:
            start = start.replace(tzinfo=ZoneInfo(loaded.shop.timezone)).astimezone(UTC)
        parts = find_parts(loaded, camera, folder, start=start, clock=utc_now)
        events, seconds, failed, again = 0, 0.0, 0, 0
        with closing(open_events(str(loaded.data / "events.duckdb"))) as store:
            log_start(loaded, control, oversight.audit)
            key = control.secret("archive")
            work = read_all(
                loaded, parts, store=store, settings=control, key=key, processes=processes
            )
            for done in shown(work, "Reading", total=len(parts)):
                events, seconds = events + done.events, seconds + done.seconds
                failed, again = failed + bool(done.trouble), again + done.before
                _tell_part(done, as_json=as_json)
    summary = {"parts": len(parts), "events": events, "seconds": round(seconds, 1)}
    summary |= {"failed": failed, "read_before": again}
    tell({"summary": summary}, ", ".join(f"{n} {v}" for n, v in summary.items()), as_json=as_json)
    if failed:
        raise typer.Exit(1)


def _tell_part(done: Done, *, as_json: bool) -> None:
    names = [recording.path.name for recording in done.part.recordings]
    result = {"files": names, "at": done.part.at.isoformat(), "events": done.events}
    result |= {"read_before": done.before, "trouble": done.trouble}
    told = done.trouble or f"{done.events} events" + (" (read before)" if done.before else "")
    tell(
        result,
        f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}: {told}",
        as_json=as_json,
    )
