"""One HTTP POST to an address from the site file: no redirects, no surprises, one deadline."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from aeras.domain.messages import UndeliveredError

_READ = 2000
"""Bytes of an answer that are read, for the complaint."""


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, private: bool
) -> tuple[int, str]:
    """Sends a body; the status and the beginning of the answer. Redirects are not followed.

    Args:
        url: http or https.
        body: As it is sent.
        headers: Besides host and length.
        timeout_s: For all of it, from looking up the name to the answer's headers.
        private: Whether the address may lie inside (this machine, this network).

    Raises:
        UndeliveredError: It cannot be reached in time, or lies inside without leave.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        sock = _connect(host, port, timeout_s, private=private)
    except (OSError, UnicodeError) as error:
        raise UndeliveredError(f"{host}:{port} cannot be reached ({_why(error)})") from None
    late = threading.Timer(timeout_s, _cut, [sock])
    late.daemon = True
    late.start()
    try:
        if parts.scheme == "https":
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = sock
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read(_READ).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise UndeliveredError(
            f"{host}:{port} did not answer within {timeout_s:g} s or broke off ({_why(error)})"
        ) from None
    finally:
        late.cancel()
        sock.close()


def _connect(host: str, port: int, timeout_s: float, *, private: bool) -> socket.socket:
    """Connects to the address that was checked, so that a name cannot change in between."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(info[4][0]) for info in found]
    allowed = [a for a in addresses if private or ipaddress.ip_address(a).is_global]
    if not allowed:
        raise UndeliveredError(
            f"{host} is the inside address {addresses[0]}",
            todo="Set `private: true` at this channel if it is meant",
        )
    return socket.create_connection((allowed[0], port), timeout=timeout_s)


def _cut(sock: socket.socket) -> None:
    """Ends a connection that took too long, even one that sends a byte now and then."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        sock.close()


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
