"""What a command asks of the shop that runs beside it: by files in the data folder, as the stop is.

Who may write there owns the shop; nothing comes in over the network.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from aeras.domain.errors import AerasError, StoreError

log = structlog.get_logger(__name__)

FOLDER = "orders"
OLD_S = 60.0
"""Nobody waits any more for an order that was given so long ago, to a shop that did not run."""
TAKE_S = 30.0
"""An order that was not begun by then will not be."""
Orders = Mapping[str, Callable[..., str]]
"""By name: what is done, with the words of the order; what it returns is told."""


def give(data: Path, name: str, *, wait_s: float, **about: str) -> str:
    """Asks the running shop for something and waits until it is done; what it told.

    Raises:
        StoreError: The shop refused, or did not answer in time; the order is taken back then.
    """
    folder = data / FOLDER
    order = folder / f"{secrets.token_hex(8)}.json"
    answer = order.with_suffix(".done")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _write(order, {"name": name, **about})
    except OSError as error:
        raise StoreError(
            f"cannot be written there ({error.strerror})",
            where=str(folder),
            todo="Run the command as the user who runs AERAS",
        ) from None
    given = time.monotonic()
    try:
        while not answer.exists():
            most_s = min(TAKE_S, wait_s) if order.exists() else wait_s
            if time.monotonic() - given > most_s:
                raise StoreError(
                    f"the running shop did not answer within {most_s:.0f} s",
                    where=str(data),
                    todo="See its log; is it of the same version?",
                )
            time.sleep(0.05)
        told = json.loads(answer.read_text(encoding="utf-8"))
    finally:
        order.unlink(missing_ok=True)
        answer.unlink(missing_ok=True)
    if told["trouble"]:
        raise StoreError(told["trouble"], where=str(data), todo=told["todo"])
    return str(told["told"])


def obey(data: Path, orders: Orders) -> int:
    """Does what was asked for since the last call; how many orders there were."""
    found = sorted((data / FOLDER).glob("*.json"))
    for order in found:
        try:
            age_s = time.time() - order.stat().st_mtime
            words = {str(k): str(v) for k, v in json.loads(order.read_text("utf-8")).items()}
            order.unlink()
        except (OSError, ValueError, AttributeError) as error:
            log.warning("order_unread", reason=str(error))
            order.unlink(missing_ok=True)
            continue
        if age_s < OLD_S:
            _write(order.with_suffix(".done"), _do(words, orders))
    return len(found)


def _do(words: dict[str, str], orders: Orders) -> dict[str, str]:
    name = words.pop("name", "")
    if name not in orders:
        return {"told": "", "trouble": f"it knows no order {name[:40]!r}", "todo": "Upgrade it"}
    try:
        told = orders[name](**words)
    except AerasError as error:
        return {"told": "", "trouble": error.what, "todo": error.todo}
    log.info("order", name=name)
    return {"told": told, "trouble": "", "todo": ""}


def _write(path: Path, content: dict[str, Any]) -> None:
    """Whole at the moment it appears."""
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(content), encoding="utf-8")
    part.replace(path)
