from __future__ import annotations

import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

from aeras.config import load_site
from aeras.domain.errors import ServeError
from aeras.wiring.runtime import Runtime
from aeras.wiring.web import bind, make_web

SITE = """
site: {name: Corner}
cameras:
  - {id: c, source: 'file:x.mp4', role: aisle, size: [640, 360]}
server:
"""


def test_pages_over_tls_with_secure_headers_and_a_wrong_key_refused(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE + "  tls: {cert: cert.pem, key: key.pem}\n")
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 "
    make += "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem"
    try:
        subprocess.run(make.split(), cwd=tmp_path, capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    runtime = Runtime(load_site(tmp_path / "site.yaml"), cameras=False)
    try:
        sock = bind("127.0.0.1", 0)
        web = make_web(runtime, sock)
        trust = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        assert web.url.startswith("https://localhost:")
        with web.running():
            page = urllib.request.urlopen(f"{web.url}/login", context=trust, timeout=20)
            with page as answer:
                assert "max-age" in answer.headers["strict-transport-security"]
                assert "Secure" in answer.headers["set-cookie"]
                assert answer.headers["server"] is None
        (tmp_path / "key.pem").write_text("no key")
        other = bind("127.0.0.1", 0)
        with other, pytest.raises(ServeError, match="certificate or its key"):
            make_web(runtime, other)
    finally:
        runtime.stop()


@contextmanager
def served(folder: Path, server: str) -> Iterator[str]:
    """The address of a shop with these settings of ``server``."""
    (folder / "site.yaml").write_text(SITE + server)
    runtime = Runtime(load_site(folder / "site.yaml"), cameras=False)
    try:
        web = make_web(runtime, bind("127.0.0.1", 0))
        with web.running():
            yield web.url.replace("localhost", "127.0.0.1")
    finally:
        runtime.stop()


def asked(url: str, times: int, **headers: str) -> int:
    """The last status of so many tries of survey links, of which one machine has 120 a minute."""
    with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
        return [client.get("/q/made-up").status_code for _ in range(times)][-1]


def test_behind_a_proxy_its_word_on_addresses_counts_and_pages_insist_on_tls(tmp_path):
    with served(tmp_path, "  proxy: [127.0.0.1]\n  hosts: [shop.example]\n") as url:
        first = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        assert asked(url, 121, **first) == 429
        assert asked(url, 1, **(first | {"X-Forwarded-For": "203.0.113.10"})) == 404
        # What a visitor puts before the proxy's own entry is not believed.
        spoofed = first | {"X-Forwarded-For": "198.51.100.7, 203.0.113.9"}
        assert asked(url, 1, **spoofed) == 429
        answer = httpx.get(f"{url}/login", headers={"Host": "shop.example", **first})
        assert answer.status_code == 200
        assert "max-age" in answer.headers["strict-transport-security"]
        assert "Secure" in answer.headers["set-cookie"]
        assert httpx.get(f"{url}/login", headers={"Host": "evil.example"}).status_code == 400
        forwarded = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
        assert "evil" not in httpx.get(f"{url}/login", headers=forwarded).text
        # Metrics are for this machine: the proxy's visitors are not on it.
        assert httpx.get(f"{url}/metrics", headers=first).status_code == 403


def test_nobody_else_s_word_on_addresses_counts(tmp_path):
    with served(tmp_path, "  proxy: [192.0.2.1]\n") as url:
        assert asked(url, 120, **{"X-Forwarded-For": "203.0.113.9"}) == 404
        assert asked(url, 1, **{"X-Forwarded-For": "203.0.113.10"}) == 429


def test_plain_pages_promise_no_tls(tmp_path):
    with served(tmp_path, "  host: 127.0.0.1\n") as url:
        answer = httpx.get(f"{url}/login", headers={"X-Forwarded-Proto": "https"})
        assert "strict-transport-security" not in answer.headers
        assert "Secure" not in answer.headers["set-cookie"]
        assert httpx.get(f"{url}/metrics").status_code == 200


def test_who_only_trickles_is_cut_off_and_others_are_served(tmp_path, monkeypatch):
    monkeypatch.setattr("aeras.wiring.patience.HEADERS_S", 1.0)
    monkeypatch.setattr("aeras.serve.guard.BODY_S", 1.0)
    with served(tmp_path, "  host: 127.0.0.1\n") as url:
        address = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        silent, headers, body, again = (socket.create_connection(address, 20) for _ in range(4))
        with silent, headers, body, again:
            headers.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-A: 1")
            body.sendall(
                b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\nname=a"
            )
            again.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in again.recv(4096)
            again.sendall(b"GET /he")
            for waiting in (silent, headers, again):
                assert ended(waiting)
            assert b"408" in body.recv(4096)
        with httpx.Client(base_url=url, timeout=20) as client:
            assert client.get("/healthz").status_code == 200


def ended(connection: socket.socket) -> bool:
    """Waits until the server closes it; False if it does not within the socket's time-out."""
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("media", ["application/json", "multipart/form-data; boundary=x"])
def test_too_much_is_refused_while_it_comes_in_however_it_is_sent(tmp_path, media, chunked):
    with served(tmp_path, "  host: 127.0.0.1\n") as url:
        for path, limit in (
            ("/login", 128 * 1024),
            ("/api/public/answers", 128 * 1024),
            ("/api/planogram", 8 * 1024 * 1024),
        ):
            content = iter([b"x" * 65536] * (limit // 65536 + 1))
            body = content if chunked else b"x" * (limit + 1)
            answer = httpx.post(f"{url}{path}", content=body, headers={"Content-Type": media})
            assert answer.status_code == 413, path
