"""``aeras restart``: for whoever keeps a shop running."""

from __future__ import annotations

from typing import Annotated

import typer

from aeras.cli_common import JsonOpt, SiteArg, tell
from aeras.domain.errors import InputError

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
