"""ClickHouse's engine (chDB) behind as much of its HTTP interface as its client needs.

There is no ClickHouse server on PyPI; with this the real client, and so the store as it is used,
can be tested and measured. For development only: one query at a time, no users, loopback only.
"""

from __future__ import annotations

import gzip
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aeras.domain.errors import StoreError

_NOT_SETTINGS = {
    "query",
    "database",
    "default_format",
    "query_id",
    "session_id",
    "compress",
    "wait_end_of_query",
    "client_protocol_version",
    "role",
    "enable_http_compression",
    "http_headers_progress_interval_ms",
    "send_progress_in_http_headers",
    "cancel_http_readonly_queries_on_client_close",
    "readonly",
}
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_INSERT = re.compile(r"^\s*INSERT\s+INTO\b(?!.*\bSELECT\b)", re.IGNORECASE | re.DOTALL)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        from chdb.session import Session  # noqa: PLC0415 - a development dependency

        super().__init__(("127.0.0.1", 0), _Handler)
        self.session: Any = Session(str(folder))  # type: ignore[no-untyped-call]
        self.turn = threading.Lock()

    def answer(self, options: dict[str, str], body: bytes) -> bytes:
        """Runs one statement and gives its result in the format that was asked for."""
        sql = options.get("query", "")
        if not sql:
            sql, body = body.decode(), b""
        elif body and not _INSERT.match(sql):
            sql, body = f"{sql}\n{body.decode()}", b""
        settings = ", ".join(
            f"{name} = {value!r}"
            for name, value in options.items()
            if name not in _NOT_SETTINGS and not name.startswith("param_")
        )
        given = {k.removeprefix("param_"): v for k, v in options.items() if k.startswith("param_")}
        with self.turn:
            if options.get("database"):
                self._query(f"USE {options['database']}")
            if settings:
                self._query(f"SET {settings}")
            if body:
                return self._load(sql, body)
            found = _FORMAT.search(sql)
            if found and not _INSERT.match(sql):
                return self._query(sql[: found.start()], found[1], given)
            return self._query(sql, options.get("default_format", "TabSeparated"), given)

    def _load(self, sql: str, body: bytes) -> bytes:
        """An insert whose rows come in the body."""
        found = _FORMAT.search(sql)
        assert found is not None, sql
        with tempfile.NamedTemporaryFile(suffix=".in") as file:
            file.write(body)
            file.flush()
            into = re.sub(r"\bSETTINGS\b.*", "", sql[: found.start()], flags=re.DOTALL)
            return self._query(f"{into} FROM INFILE '{file.name}' FORMAT {found[1]}")

    def _query(self, sql: str, kind: str = "TabSeparated", given: Any = None) -> bytes:
        result = self.session.query(sql, kind, params=given or None)
        return result.bytes() if result is not None else b""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:  # nothing to the terminal
        pass

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline().strip() or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _serve(self, body: bytes) -> None:
        options = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        try:
            out, status = self.server.answer(options, body), HTTPStatus.OK
        except RuntimeError as error:  # what chDB raises for every fault in a statement
            out, status = str(error).encode(), HTTPStatus.INTERNAL_SERVER_ERROR
        self.send_response(status)
        code = re.search(rb"Code: (\d+)", out) if status != HTTPStatus.OK else None
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code[1].decode())
        for name, value in (
            ("Content-Length", str(len(out))),
            ("X-ClickHouse-Summary", "{}"),
            ("X-ClickHouse-Server-Display-Name", "chdb"),
            ("X-ClickHouse-Timezone", "UTC"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(out)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A server in a process of its own; its URL, without a database."""
    with tempfile.TemporaryDirectory(prefix="aeras-chdb-") as room:
        ready = Path(room) / "port"
        command = [sys.executable, "-m", "aeras.lab.chdb", str(folder), str(ready)]
        process = subprocess.Popen(command)  # noqa: S603 - our own program
        try:
            while not (ready.exists() and ready.read_text()):
                if process.poll() is not None:
                    raise StoreError(
                        "the ClickHouse engine did not start",
                        where=str(folder),
                        todo="pip install chdb",
                    )
                time.sleep(0.05)
            yield f"clickhouse://default@127.0.0.1:{ready.read_text()}"
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    """``python -m aeras.lab.chdb FOLDER PORT_FILE``: serves until it is ended."""
    server = _Server(Path(sys.argv[1]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Path(sys.argv[2]).write_text(str(server.server_address[1]))
    server.serve_forever()


if __name__ == "__main__":
    main()
