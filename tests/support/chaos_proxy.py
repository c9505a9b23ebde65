"""A proxy that makes of a good line a bad one, by a seed."""

from __future__ import annotations

import http.client
import random
import time
from collections import Counter
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.support.local_http import LocalHttp, Quiet

FAULTS = (
    "drop",  # the request does not arrive
    "lose",  # it arrives, the answer does not
    "truncate",  # half of the answer
    "twice",  # the request arrives twice
    "stale",  # an earlier answer to the same request
    "delay",
    "500",
    "503",
    "429",
    "garbage",  # some other server's page, with status 200
)


class ChaosProxy(LocalHttp):
    """Hands requests on to a server, badly.

    Attributes:
        share: Of requests that meet a fault.
        done: Faults so far, by name.
    """

    def __init__(self, upstream: str, seed: int, share: float = 0.4) -> None:
        self.share = share
        self.done: Counter[str] = Counter()
        self._upstream = urlsplit(upstream).netloc
        self._rng = random.Random(seed)
        self._earlier: dict[tuple[str, bytes], tuple[int, list[tuple[str, str]], bytes]] = {}
        proxy = self

        class Handler(Quiet):
            def do_GET(self) -> None:  # noqa: N802 - its name there
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                proxy.handle(self, body)

            do_POST = do_GET  # noqa: N815

        super().__init__(Handler)

    def handle(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        fault = self._rng.choice(FAULTS) if self._rng.random() < self.share else ""
        self.done[fault] += 1
        if fault == "drop":
            return
        if fault in {"500", "503", "429"}:
            self._send(request, int(fault), [("retry-after", "0")], b"busy")
            return
        if fault == "garbage":
            self._send(request, 200, [("content-type", "text/html")], b"<html>Please sign in")
            return
        if fault == "delay":
            time.sleep(0.02)
        key = (request.path, body)
        if fault == "twice":
            self._forward(request, body)
        answer = self._earlier.get(key) if fault == "stale" else None
        answer = answer or self._forward(request, body)
        self._earlier[key] = answer
        if fault != "lose":
            self._send(request, *answer, cut=fault == "truncate")

    def _forward(
        self, request: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self._upstream, timeout=10)
        try:
            headers = {k: v for k, v in request.headers.items() if k.lower() != "host"}
            connection.request(request.command, request.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        headers: list[tuple[str, str]],
        body: bytes,
        *,
        cut: bool = False,
    ) -> None:
        request.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"content-length", "connection"}:
                request.send_header(name, value)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2] if cut else body)


def chaos(upstream: str, seed: int) -> closing[ChaosProxy]:
    return closing(ChaosProxy(upstream, seed))
