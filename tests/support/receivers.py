"""Real receivers on this machine: an HTTP server, an MQTT broker, an SMTP server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from tests.support.local_http import LocalHttp, Quiet
from tests.support.rtsp_server import free_port


class Receiver(LocalHttp):
    """Takes webhooks; ``answer`` says how (a status, or a function of the request's body).

    Attributes:
        seen: (headers, raw body) of every request that arrived, refused ones too.
        taken: Bodies that were answered with 200, in order.
    """

    def __init__(self, port: int = 0) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.taken: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], int] = lambda _: 200
        self.location = ""
        receiver = self

        class Handler(Quiet):
            def do_POST(self) -> None:  # noqa: N802 - its name there
                raw = self.rfile.read(int(self.headers["content-length"]))
                receiver.seen.append((dict(self.headers), raw))
                body = json.loads(raw)
                status = receiver.answer(body)
                if status == 200:
                    receiver.taken.append(body)
                try:
                    self.send_response(status)
                    if receiver.location:
                        self.send_header("location", receiver.location)
                    self.send_header("content-length", "0")
                    self.end_headers()
                except OSError:
                    pass  # the sender has given up waiting

        super().__init__(Handler, port)
        self.url += "/hook"


def receiver() -> closing[Receiver]:
    return closing(Receiver())


@contextmanager
def broker() -> Iterator[tuple[int, list[tuple[str, dict[str, Any]]]]]:
    """An MQTT broker; its port, and what a display that listens to ``aeras/#`` has got."""
    from amqtt.broker import Broker
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    config = {
        "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }

    async def start() -> Broker:
        made = Broker(config)
        await made.start()
        return made

    running = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    port = running._servers["default"].instance.sockets[0].getsockname()[1]
    got: list[tuple[str, dict[str, Any]]] = []
    display, ready = Client(CallbackAPIVersion.VERSION2), threading.Event()
    display.on_message = lambda _c, _u, m: got.append((m.topic, json.loads(m.payload)))
    display.on_subscribe = lambda *_: ready.set()
    display.connect("127.0.0.1", port)
    display.loop_start()
    display.subscribe("aeras/#", qos=1)
    assert ready.wait(10)
    try:
        yield port, got
    finally:
        display.disconnect()
        display.loop_stop()
        asyncio.run_coroutine_threadsafe(running.shutdown(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def mail_server() -> Iterator[tuple[int, list[bytes]]]:
    """An SMTP server; its port, and the mails it has got."""
    from aiosmtpd.controller import Controller

    mails: list[bytes] = []

    class Keep:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
            mails.append(envelope.content)
            return "250 OK"

    port = free_port()
    controller = Controller(Keep(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port, mails
    finally:
        controller.stop()
