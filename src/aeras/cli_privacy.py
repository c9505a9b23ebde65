"""``aeras privacy ...``, ``aeras stop`` and ``aeras resume``."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aeras.cli_common import SHELL, JsonOpt, SiteArg, opened, tell
from aeras.domain.errors import InputError

if TYPE_CHECKING:
    from aeras.domain.oversight import Oversight
    from aeras.store.control import Control

privacy = typer.Typer(no_args_is_help=True, help="Papers, log, stop: for the privacy officer.")

UserOpt = Annotated[str, typer.Option(help="Name of a user with the role officer.")]
PASSWORD = "AERAS_PASSWORD"  # noqa: S105 - the name of a variable
CODE = "AERAS_CODE"


@privacy.command("stop")
def stop(site: SiteArg, *, as_json: JsonOpt = False) -> None:
    """Stops all reading within two seconds, and keeps it stopped over restarts.

    A running shop need not be told: making the file STOP in its data folder does the same.

    Example:  `aeras stop my-shop/site.yaml`
    """
    with opened(site) as (loaded, _, oversight):
        stopped = oversight.switch.stop(SHELL)
        since = stopped.since.isoformat() if stopped.since else None
        where = loaded.data / "STOP"
        tell(
            {"stopped": True, "since": since, "by": stopped.who or None, "file": str(where)},
            f"Reading is stopped at {loaded.shop.name}. The officer resumes it on the pages or "
            f"with: aeras resume {site} --user NAME",
            as_json=as_json,
        )


@privacy.command("resume")
def resume(site: SiteArg, *, user: UserOpt, as_json: JsonOpt = False) -> None:
    """Lets reading go on after a stop; asks for the password of a privacy officer, and for a code
    of their second factor if they have one.

    Both come from the terminal, or from the environment variables AERAS_PASSWORD and AERAS_CODE.

    Example:  `aeras resume my-shop/site.yaml --user olga`
    """
    with opened(site) as (loaded, control, oversight):
        who = _officer(control, oversight, user)
        oversight.switch.resume(who)
        tell(
            {"stopped": False, "by": who},
            f"Reading is allowed again at {loaded.shop.name}.",
            as_json=as_json,
        )


def _officer(control: Control, oversight: Oversight, name: str) -> str:
    """The name, once the password of that officer, and their code if they have a second factor,
    were given.
    """
    from aeras.domain.oversight import SYSTEM, Act
    from aeras.domain.ports import utc_now
    from aeras.domain.roles import Role, allows

    user = control.sign_in(name, _secret(PASSWORD, f"Password of {name}", "password"))
    if user is None:
        known = control.user(name)
        oversight.audit.add(Act.SIGN_IN_FAILED, known.name if known else SYSTEM)
        raise InputError("name or password is wrong", todo="Try again")
    if user.second_factor:
        code = _secret(CODE, f"Code of {name}'s second factor", "code")
        if not control.check_code(user.name, code, utc_now()):
            oversight.audit.add(Act.SIGN_IN_FAILED, user.name, what="second factor")
            raise InputError(
                "the code is wrong or was used before",
                todo="Wait for the next code of the app, or give a recovery code",
            )
    if not allows(user.role, Role.OFFICER):
        raise InputError(
            f"{user.name} is {user.role}, and only an officer may do this",
            todo="Ask the privacy officer",
        )
    return user.name


def _secret(variable: str, prompt: str, what: str) -> str:
    """From the environment, else asked for on the terminal without showing it."""
    given = os.environ.get(variable)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise InputError(
            f"this needs the officer's {what}, and there is no terminal to ask on",
            todo=f"Set the environment variable {variable}",
        )
    return getpass.getpass(f"{prompt}: ")


@privacy.command("dpia")
def dpia(
    site: SiteArg,
    *,
    language: Annotated[
        str, typer.Option(help="en or de; default: the site's, else English.")
    ] = "",
    as_json: JsonOpt = False,
) -> None:
    """Writes the impact assessment and the AI Act technical file, as HTML and PDF.

    They are made from the site file and the models as they are; places that only people can fill
    are marked.

    Examples:  `aeras privacy dpia my-shop/site.yaml`  ·
    `aeras privacy dpia my-shop/site.yaml --language de`
    """
    from aeras.domain.oversight import Act
    from aeras.wiring.oversight import write_papers

    with opened(site) as (loaded, _, oversight):
        files = write_papers(loaded, language)
        oversight.audit.add(Act.PAPERS, SHELL, paper="dpia, technical-file")
        _tell_files(files, as_json=as_json)


@privacy.command("notice")
def notice(site: SiteArg, *, as_json: JsonOpt = False) -> None:
    """Writes the signs for door and shelf (en, de, es, ja) and the record of what they say.

    A shop whose signs describe another configuration than the one in force does not start.

    Example:  `aeras privacy notice my-shop/site.yaml`
    """
    from aeras.domain.oversight import Act
    from aeras.domain.ports import utc_now
    from aeras.wiring.oversight import write_notice

    with opened(site) as (loaded, _, oversight):
        files = write_notice(loaded, utc_now())
        oversight.audit.add(Act.PAPERS, SHELL, paper="notice", notice=loaded.privacy.notice or "")
        _tell_files(files, as_json=as_json)
        if not loaded.server.public_url:
            sys.stderr.write(
                "aeras: the signs carry no QR code; set server.public_url to the address under "
                "which phones reach the shop's pages\n"
            )


def _tell_files(files: list[Path], *, as_json: bool) -> None:
    names = [str(path) for path in files]
    tell({"files": names}, "Wrote " + ", ".join(names), as_json=as_json)


@privacy.command("expire")
def expire(
    site: SiteArg,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only.")] = False,
    trust_clock: Annotated[
        bool, typer.Option("--trust-clock", help="The machine's clock is right.")
    ] = False,
    as_json: JsonOpt = False,
) -> None:
    """Deletes what is older than the site keeps it; a running shop does so by itself.

    Published blocks and counts stay. What was deleted is gone from the disk afterwards.

    Example:  `aeras privacy expire my-shop/site.yaml --dry-run`
    """
    from aeras.domain.ports import utc_now
    from aeras.store.events import DuckEvents
    from aeras.wiring.expiry import Expiry

    with opened(site) as (loaded, control, _):
        store = DuckEvents(loaded.data / "events.duckdb")
        try:
            keeper = Expiry(store, control, loaded.privacy.retention)
            now = utc_now()
            gone = keeper.by_hand(now, trust_clock=trust_clock, dry_run=dry_run)
        finally:
            store.close()
        before = (now - loaded.privacy.retention).isoformat(timespec="seconds")
        counts = ", ".join(f"{name} {count}" for name, count in gone.items())
        tell(
            {"before": before, "dry_run": dry_run, "records": gone},
            f"{'Would delete' if dry_run else 'Deleted'} what is older than {before}: {counts}.",
            as_json=as_json,
        )


@privacy.command("budget")
def budget(site: SiteArg, *, as_json: JsonOpt = False) -> None:
    """Tells how much of the budget for tables with noise is left, by day.

    Example:  `aeras privacy budget my-shop/site.yaml`
    """
    from aeras.domain.ports import utc_now
    from aeras.wiring.noisy import days_left

    with opened(site) as (loaded, control, _):
        privacy = loaded.privacy
        found = days_left(
            control,
            privacy.differential_privacy,
            utc_now() - privacy.retention,
            utc_now(),
            loaded.shop.timezone,
        )
        assert privacy.differential_privacy is not None
        total = privacy.differential_privacy.budget
        text = "\n".join(f"{day}  {left:g} of {total:g}" for day, left in found.items())
        days = {day.isoformat(): left for day, left in found.items()}
        tell({"budget": total, "left": days}, text, as_json=as_json)


@privacy.command("marker")
def marker(
    *,
    path: Annotated[Path, typer.Option("--out", help="PDF to write.")] = Path("tags.pdf"),
    tag: Annotated[int, typer.Option(min=0, max=49, help="Number of the staff tags.")] = 4,
    card: Annotated[int, typer.Option(min=0, max=49, help="Number of the objection cards.")] = 25,
    as_json: JsonOpt = False,
) -> None:
    """Writes staff tags (back, chest, lanyard) and objection cards to be printed at full size.

    All staff may wear the same number: it says that somebody is staff, never who.

    Example:  `aeras privacy marker --out tags.pdf`
    """
    from aeras.privacy.tagsheets import OBJECTION, STAFF, tag_sheets

    if tag == card:
        raise InputError(
            f"{tag} is the number of both tags and cards, which could not be told apart",
            todo="Give --card another number",
        )
    try:
        path.write_bytes(tag_sheets(tag, card))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    sizes = {sheet.name: sheet.side_mm for sheet in (*STAFF, OBJECTION)}
    listed = ", ".join(f"{name} {side:g} mm" for name, side in sizes.items())
    tell(
        {"file": str(path), "tag": tag, "card": card, "sides_mm": sizes},
        f"Wrote {path}: {listed}. Print at 100 %; set staff.marker.size_mm to the smallest worn.",
        as_json=as_json,
    )


@privacy.command("audit-expire")
def audit_expire(
    site: SiteArg,
    *,
    user: UserOpt,
    days: Annotated[int, typer.Option(help="Age in days; at least 183.", min=1)] = 365,
    as_json: JsonOpt = False,
) -> None:
    """Removes the log's entries that are older than so many days; asks for an officer's password.

    The chain stays whole, and the log records what was removed. Copy the file first if you have to
    keep it for longer.

    Example:  `aeras privacy audit-expire my-shop/site.yaml --days 365 --user olga`
    """
    from datetime import timedelta

    from aeras.domain.ports import utc_now
    from aeras.privacy.audit import FileAuditLog

    with opened(site) as (_, control, oversight):
        assert isinstance(oversight.audit, FileAuditLog)
        who = _officer(control, oversight, user)
        gone = oversight.audit.expire(utc_now() - timedelta(days=days), who)
        tell(
            {"removed": gone, "head": oversight.audit.head()},
            f"Removed {gone} entries older than {days} days. Head: {oversight.audit.head()}",
            as_json=as_json,
        )


@privacy.command("audit-verify")
def audit_verify(
    site: SiteArg,
    *,
    head: Annotated[str, typer.Option(help="A head noted down earlier, 17:9f...")] = "",
    as_json: JsonOpt = False,
) -> None:
    """Checks the log: exit code 1 if anything in it was changed, cut or moved.

    Example:  `aeras privacy audit-verify my-shop/site.yaml --head 17:9f86d0...`
    """
    from aeras.privacy.audit import FileAuditLog

    with opened(site) as (_, _, oversight):
        assert isinstance(oversight.audit, FileAuditLog)
        faults = oversight.audit.faults(head)
        found = oversight.audit.head()
        for fault in faults:
            sys.stderr.write(f"aeras: {fault}\n")
        tell(
            {"ok": not faults, "faults": faults, "head": found},
            f"{'The log is whole' if not faults else 'The log was tampered with'}. Head: {found}",
            as_json=as_json,
        )
    if faults:
        raise typer.Exit(1)
