"""A real Tryton server, in an environment and a process of its own (it is GPL-3).

The environment and a database with a small shop are made once for each version of the files beside
this one, below ``var/tryton``; each server works on a copy of the database.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.rtsp_server import free_port

HERE = Path(__file__).resolve().parent
VAR = HERE.parent.parent / "var" / "tryton"
PASSWORD = "shelf-and-till-7"
CONFIG = """[database]
uri = sqlite:////
path = {folder}
[web]
listen = 127.0.0.1:{port}
[session]
authentications = password
timeout = 3600
"""


class TrytonServer:
    """Serves a copy of the shop; what the shop's people do, as methods."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        home = _home()
        self.database = folder / "retail.sqlite"
        shutil.copy(home / "retail.sqlite", self.database)
        (folder / "trytond.conf").write_text(CONFIG.format(folder=folder, port=self.port))
        self.start()
        self._session = self._sign_in()

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(_home() / "venv" / "bin" / "python"), "-W", "ignore"),
                    *(str(_home() / "venv" / "bin" / "trytond"),),
                    *("-c", str(self._folder / "trytond.conf"), "-d", "retail"),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def sell(
        self,
        *lines: tuple[str, float, str],
        post: bool = True,
        employee: int | None = None,
        date: dict[str, int] | None = None,
    ) -> int:
        """A receipt of (code, quantity, price each), paid by card; its id."""
        total = sum(round(quantity * float(price) * 100) for _, quantity, price in lines)
        rows = [
            {
                "product": self.product(code),
                "quantity": quantity,
                "unit_gross_price": _money(price),
                "unit_list_price": _money(price),
            }
            for code, quantity, price in lines
        ]
        values: dict[str, Any] = {
            "point": 1,
            "employee": employee,
            "lines": [["create", rows]],
            "payments": [["create", [{"method": 1, "amount": _money(f"{total / 100:.2f}")}]]],
        }
        if date:
            values["date"] = {"__class__": "date", **date}
        ids = self.call("sale.point.sale.create", [values])
        self.call("sale.point.sale.process", ids)
        if post:
            self.call("sale.point.sale.post", ids)
        return int(ids[0])

    def cancel(self, sale: int) -> None:
        """Gives the money back and cancels a receipt that was not posted yet."""
        self.call("sale.point.sale.open", [sale])
        payments = self.call("sale.point.payment.search", [["sale", "=", sale]], 0, None, None)
        self.call("sale.point.payment.delete", payments)
        self.call("sale.point.sale.cancel", [sale])

    def list_goods(self, *goods: tuple[str, str, str, str]) -> None:
        """Products of (code, name, EAN, price)."""
        (category,) = self.call("product.category.search", [["accounting", "=", True]], 0, 1, None)
        rows = [
            {
                **{"name": name, "type": "goods", "salable": True, "default_uom": 1, "sale_uom": 1},
                **{"account_category": category, "list_price": _money(price)},
                "gross_price": _money(price),
                "products": [["create", [_variant(code, ean)]]],
            }
            for code, name, ean, price in goods
        ]
        self.call("product.template.create", rows)

    def restock(self, code: str, quantity: float) -> None:
        """Goods come in."""
        (store,) = self.call("stock.location.search", [["code", "=", "STO"]], 0, 1, None)
        (lost,) = self.call("stock.location.search", [["type", "=", "lost_found"]], 0, 1, None)
        values = {
            "product": self.product(code),
            "unit": 1,
            "quantity": quantity,
            "from_location": lost,
            "to_location": store,
            "company": 1,
        }
        self.call("stock.move.do", self.call("stock.move.create", [values]))

    def product(self, code: str) -> int:
        (found,) = self.call("product.product.search", [["code", "=", code]], 0, 1, None)
        return int(found)

    def call(self, method: str, *values: object) -> Any:
        return self._post(f"model.{method}", [*values, {"company": 1}])

    def _sign_in(self) -> str:
        until = time.monotonic() + 40
        while True:
            try:
                user, token, _ = self._post("common.db.login", ["admin", {"password": PASSWORD}])
            except OSError:
                if time.monotonic() > until:
                    raise AssertionError((self._folder / "log").read_text()[-2000:]) from None
                time.sleep(0.1)
            else:
                return base64.b64encode(f"admin:{user}:{token}".encode()).decode()

    def _post(self, method: str, values: list[Any]) -> Any:
        headers = {"content-type": "application/json"}
        if hasattr(self, "_session"):
            headers["authorization"] = f"Session {self._session}"
        body = json.dumps({"id": 1, "method": method, "params": values}).encode()
        request = urllib.request.Request(f"{self.url}/retail/rpc/", body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
        assert "result" in found, found
        return found["result"]


def _variant(code: str, ean: str) -> dict[str, Any]:
    return {"suffix_code": code, "identifiers": [["create", [{"type": "ean", "code": ean}]]]}


def _money(value: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": value}


def _home() -> Path:
    """Where the environment and the database are, made if they are not there."""
    parts = [HERE / "tryton.lock", HERE / "tryton_shop.py"]
    version = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:12]
    home = VAR / version
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "ready").exists():
            _make(home)
            (home / "ready").touch()
    return home


def _make(home: Path) -> None:
    venv = home / "venv"
    _run(sys.executable, "-m", "venv", "--clear", str(venv))
    python = str(venv / "bin" / "python")
    quiet = ("--quiet", "--disable-pip-version-check", "--require-hashes")
    installed = subprocess.run(
        [python, "-m", "pip", "install", *quiet, "-r", str(HERE / "tryton.lock")],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        pytest.skip(f"Tryton cannot be installed: {installed.stderr[-300:]}")
    config = home / "trytond.conf"
    config.write_text(CONFIG.format(folder=home, port=0))
    (home / "retail.sqlite").unlink(missing_ok=True)
    (home / "retail.sqlite").touch()
    (home / "password").write_text(PASSWORD)
    admin = [str(venv / "bin" / "trytond-admin"), "-c", str(config), "-d", "retail"]
    _run(*admin, "--all", "--email", "admin@example.com", TRYTONPASSFILE=str(home / "password"))
    _run(*admin, "-u", "sale_point", "--activate-dependencies")
    _run(python, str(HERE / "tryton_shop.py"), str(config), PASSWORD)


def _run(*command: str, **environment: str) -> None:
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONWARNINGS": "ignore", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-500:]}{done.stderr[-1500:]}"
