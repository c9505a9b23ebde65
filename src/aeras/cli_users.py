"""``aeras users ...``: people who may sign in, for whoever has the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aeras.cli_common import SHELL, JsonOpt, SiteArg, opened, print_plain, tell
from aeras.domain.errors import InputError

if TYPE_CHECKING:
    from aeras.store.control import Control

users = typer.Typer(no_args_is_help=True, help="People who may sign in.")

NameArg = Annotated[str, typer.Argument(help="User name.", metavar="NAME")]


@users.command("list")
def list_users(site: SiteArg, *, as_json: JsonOpt = False) -> None:
    """Lists users, their roles, and open invitations.

    Example:  `aeras users list my-shop/site.yaml`
    """
    from aeras.domain.ports import utc_now

    with opened(site) as (_, control, _):
        for account in control.accounts(utc_now()):
            state = "locked out" if account.disabled else "active"
            state = state if account.joined else "invited"
            record = {
                "name": account.name,
                "role": account.role,
                "state": state,
                "second_factor": account.second_factor,
            }
            factor = ", second factor" if account.second_factor else ""
            tell(record, f"{account.name:24} {account.role:8} {state}{factor}", as_json=as_json)


@users.command("invite")
def invite(
    site: SiteArg,
    name: NameArg,
    *,
    role: Annotated[str, typer.Option(help="viewer, manager, officer or admin.")] = "viewer",
    as_json: JsonOpt = False,
) -> None:
    """Prints a link by which somebody chooses a password: a new user, or a known one anew.

    The link works once, for three days. For a known user the role stays and the second factor is
    removed.

    Example:  `aeras users invite my-shop/site.yaml olga --role officer`
    """
    from aeras.domain.oversight import Act
    from aeras.domain.ports import utc_now

    with opened(site) as (loaded, control, oversight):
        known = control.user(name)
        token = control.invite(name, role, utc_now())
        what = "new password link" if known else f"invited as {role}"
        oversight.audit.add(Act.USER_CHANGED, SHELL, user=name, what=what)
        server = loaded.server
        usual = f"{'https' if server.tls else 'http'}://localhost:{server.port}"
        link = f"{(server.public_url or usual).rstrip('/')}/join?token={token}"
        tell({"name": name, "link": link}, link, as_json=as_json)


@users.command("role")
def set_role(
    site: SiteArg,
    name: NameArg,
    role: Annotated[str, typer.Argument(help="viewer, manager, officer or admin.")],
) -> None:
    """Changes a role; that user has to sign in again.

    Example:  `aeras users role my-shop/site.yaml vic manager`
    """
    from aeras.domain.oversight import Act

    with opened(site) as (_, control, oversight):
        control.set_role(name, role)
        oversight.audit.add(Act.USER_CHANGED, SHELL, user=name, what=f"role {role}")
        print_plain(f"{name} is {role} now, and has to sign in again.")


@users.command("disable")
def disable(site: SiteArg, name: NameArg) -> None:
    """Locks a user out, sessions and tokens included.

    Example:  `aeras users disable my-shop/site.yaml vic`
    """
    _set_disabled(site, name, disabled=True)


@users.command("enable")
def enable(site: SiteArg, name: NameArg) -> None:
    """Lets a user in again.

    Example:  `aeras users enable my-shop/site.yaml vic`
    """
    _set_disabled(site, name, disabled=False)


@users.command("reset-factor")
def reset_factor(site: SiteArg, name: NameArg) -> None:
    """Takes a user's second factor off, for a lost phone; the password stays.

    That user's sessions end. Where the site asks for a second factor, the next sign-in asks for a
    new one first.

    Example:  `aeras users reset-factor my-shop/site.yaml olga`
    """
    from aeras.domain.oversight import Act

    with opened(site) as (_, control, oversight):
        control.end_sessions(_known(control, name))
        control.drop_second_factor(name)
        oversight.audit.add(Act.USER_CHANGED, SHELL, user=name, what="second factor off")
        print_plain(f"{name} signs in with the password alone now.")


@users.command("sign-out")
def sign_out(site: SiteArg, name: NameArg) -> None:
    """Ends all sessions of a user, wherever they are signed in.

    Example:  `aeras users sign-out my-shop/site.yaml vic`
    """
    from aeras.domain.oversight import Act

    with opened(site) as (_, control, oversight):
        control.end_sessions(_known(control, name))
        oversight.audit.add(Act.USER_CHANGED, SHELL, user=name, what="signed out everywhere")
        print_plain(f"{name} is signed out everywhere.")


def _known(control: Control, name: str) -> str:
    """The name itself; raises InputError if nobody has it, locked out or not."""
    from aeras.domain.ports import utc_now

    if not any(held.name == name and held.joined for held in control.accounts(utc_now())):
        raise InputError(f"there is no user {name[:64]!r}", todo="See aeras users list")
    return name


def _set_disabled(site: SiteArg, name: str, *, disabled: bool) -> None:
    from aeras.domain.oversight import Act

    with opened(site) as (_, control, oversight):
        control.set_disabled(name, disabled)
        what = "locked out" if disabled else "let in again"
        oversight.audit.add(Act.USER_CHANGED, SHELL, user=name, what=what)
        print_plain(f"{name} is {what}.")
