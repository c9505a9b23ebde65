"""``aeras restart``, ``backup`` and ``restore``: for whoever keeps a shop running."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aeras.cli_common import SHELL, JsonOpt, SiteArg, opened, say, tell
from aeras.domain.errors import InputError
from aeras.domain.oversight import Act

ANSWER_S = 30.0


def restart(
    site: SiteArg,
    camera: Annotated[str, typer.Argument(help="The camera's id.", metavar="CAMERA")],
    *,
    as_json: JsonOpt = False,
) -> None:
    """Starts one camera of a running shop again; the others go on.

    Cameras that share a fixture share a worker, and start again together.

    Example:  `aeras restart my-shop/site.yaml aisle-1`
    """
    from aeras.config import load_site
    from aeras.wiring import orders
    from aeras.wiring.doctor import is_running

    loaded = load_site(site)
    if not is_running(loaded):
        raise InputError(
            "the shop is not running", where=str(site), todo=f"Start it: aeras run {site}"
        )
    cameras = orders.give(loaded.data, "restart", wait_s=ANSWER_S, camera=camera).split()
    tell({"restarting": cameras}, f"Starting again: {', '.join(cameras)}", as_json=as_json)


def backup(
    site: SiteArg,
    file: Annotated[Path, typer.Argument(help="File to write.", metavar="FILE")],
    *,
    as_json: JsonOpt = False,
) -> None:
    """Writes a shop, running or not, into one file: its records, users, log and site file.

    The file is not encrypted, and holds keys: keep it as safe as the shop itself.

    Example:  `aeras backup my-shop/site.yaml /media/backup/my-shop-2026-11-20.tar.gz`
    """
    from aeras.wiring import backup as room

    done = room.backup(site, file, noting=_note_backup)
    for missing in done.left_out:
        say(f"Not in it: {missing}")
    for fault in done.audit_faults:
        say(f"The audit log is not whole: {fault}")
    size = file.stat().st_size
    tell(
        {
            "file": str(file),
            "bytes": size,
            "at": done.at,
            "files": len(done.files),
            "rows": done.rows,
            "audit_head": done.audit_head,
            "audit_faults": done.audit_faults,
            "left_out": done.left_out,
        },
        f"Wrote {file}: {done.row_count} rows, {len(done.files)} files, {size / 1e6:.1f} MB. "
        f"It is not encrypted. Audit log up to {done.audit_head[:16] or 'nothing'}",
        as_json=as_json,
    )
    if done.audit_faults:
        raise typer.Exit(1)


def _note_backup(site: Path) -> None:
    """Single events leave the shop: the log says so."""
    with opened(site) as (_, _, oversight):
        oversight.audit.add(Act.EXPORT, SHELL, what="backup")


def restore(
    file: Annotated[Path, typer.Argument(help="File of aeras backup.", metavar="FILE")],
    directory: Annotated[Path, typer.Argument(help="New folder for the site.", metavar="DIR")],
    *,
    as_json: JsonOpt = False,
) -> None:
    """Makes a site of a backup, and checks every file, every table's rows and the audit log.

    Example:  `aeras restore my-shop-2026-11-20.tar.gz my-shop`
    """
    from aeras.wiring import backup as room

    done = room.restore(file, directory)
    path = directory / done.site_file
    for missing in done.left_out:
        say(f"Not in it: {missing}")
    for fault in done.audit_faults:
        say(f"The audit log was not whole when this was written: {fault}")
    elsewhere = room.data_folder_elsewhere(directory, done)
    if elsewhere is not None:
        say(f"{path} names {elsewhere} for its records: move {directory / 'data'} there")
    tell(
        {"site": str(path), "at": done.at, "version": done.version, "rows": done.rows},
        f"{done.site} as of {done.at[:16]} UTC is in {directory}: {done.row_count} rows. "
        f"Start it: aeras run {path}",
        as_json=as_json,
    )
