"""``aeras channels``, ``aeras members`` and ``aeras incentives``: ways out, consents, codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aeras.cli_common import JsonOpt, SiteArg, opened, tell
from aeras.domain.errors import InputError

if TYPE_CHECKING:
    from aeras.wiring.asking import AskRoom

channels = typer.Typer(no_args_is_help=True, help="Ways in which messages and links go out.")
members = typer.Typer(no_args_is_help=True, help="Members who agreed to be asked.")
incentives = typer.Typer(no_args_is_help=True, help="Codes as a thank-you for answers.")

ChannelArg = Annotated[str, typer.Argument(help="Id of the channel.", metavar="CHANNEL")]
FileArg = Annotated[Path, typer.Argument(help="The file to read.", metavar="FILE")]


@contextmanager
def _room(site: Path) -> Iterator[AskRoom]:
    from aeras.domain.ports import utc_now
    from aeras.insight import rates
    from aeras.privacy.publish import Publisher
    from aeras.wiring.asking import AskRoom

    with opened(site) as (loaded, control, _):
        publisher = Publisher(loaded.privacy.k, share=rates.share, mean=rates.mean)
        room = AskRoom(loaded, control=control, publisher=publisher, clock=utc_now)
        try:
            yield room
        finally:
            room.post.stop()


@channels.command("list")
def list_channels(site: SiteArg, *, as_json: JsonOpt = False) -> None:
    """Lists the channels with what waits, what was sent in seven days and what was given up.

    Example:  `aeras channels list my-shop/site.yaml`
    """
    with _room(site) as room:
        for row in room.channels():
            counts = row.counts
            record = {
                "id": row.id,
                "kind": row.kind,
                "topics": list(row.topics),
                "waiting": counts.waiting,
                "sent": counts.sent,
                "dead": counts.dead,
                "trouble": counts.trouble,
            }
            trouble = f"  {counts.trouble}" if counts.trouble else ""
            figures = f"waiting {counts.waiting}, sent {counts.sent}, given up {counts.dead}"
            tell(record, f"{row.id:24} {row.kind:8} {figures}{trouble}", as_json=as_json)


@channels.command("send-test")
def send_test(site: SiteArg, channel: ChannelArg, *, as_json: JsonOpt = False) -> None:
    """Sends a test message at once and tells what the receiver said.

    Example:  `aeras channels send-test my-shop/site.yaml head-office`
    """
    with _room(site) as room:
        note = room.send_test(channel)
        tell({"channel": channel, "taken": True, "note": note}, f"taken: {note}", as_json=as_json)


@channels.command("retry")
def retry(site: SiteArg, channel: ChannelArg, *, as_json: JsonOpt = False) -> None:
    """Has a channel's given up messages sent again, by the running shop or at its next start.

    Example:  `aeras channels retry my-shop/site.yaml head-office`
    """
    with _room(site) as room:
        count = room.retry(channel)
        tell({"channel": channel, "retried": count}, f"{count} on their way again", as_json=as_json)


@members.command("import")
def import_members(site: SiteArg, file: FileArg, *, as_json: JsonOpt = False) -> None:
    """Reads consents from a CSV file with the columns member, text, at, source; all rows or none.

    Example:  `aeras members import my-shop/site.yaml consents.csv`
    """
    from aeras.respond.members import rows_of_csv

    with _room(site) as room:
        count = room.add_members(rows_of_csv(_read(file), where=str(file)), where=str(file))
        tell({"stored": count}, f"{count} consents stored", as_json=as_json)


@members.command("remove")
def remove_member(
    site: SiteArg,
    member: Annotated[str, typer.Argument(help="Membership id.", metavar="MEMBER")],
    *,
    as_json: JsonOpt = False,
) -> None:
    """Ends a member's consent and deletes all that is kept of them.

    Example:  `aeras members remove my-shop/site.yaml 4711`
    """
    with _room(site) as room:
        gone = room.remove_member(member)
        text = "deleted" if gone else "there was no consent of this member"
        tell({"withdrawn": gone}, text, as_json=as_json)


@incentives.command("import")
def import_codes(
    site: SiteArg,
    incentive: Annotated[str, typer.Argument(help="Its id.", metavar="INCENTIVE")],
    file: FileArg,
    *,
    as_json: JsonOpt = False,
) -> None:
    """Reads codes to give away, one a line.

    Example:  `aeras incentives import my-shop/site.yaml coffee codes.txt`
    """
    with _room(site) as room:
        count = room.add_codes(incentive, _read(file).splitlines())
        tell({"stored": count}, f"{count} new codes stored", as_json=as_json)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(file)) from None
