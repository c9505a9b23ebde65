"""One HTTP exchange with a source: a deadline, no redirects, each failure as one of the port's."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from typing import Annotated, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from aeras.connect.port import BadDataError, Manifest, Options, RevokedError, TemporaryError
from aeras.domain.errors import ConfigError

TIMEOUT_S = 30.0
LARGEST = 64_000_000
"""Bytes of an answer; a page is a few hundred kilobytes."""
_REFUSED = (401, 403)
_LATER = (408, 425, 429)
_BROKEN = 500


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.password:
        raise ValueError(f"{value!r} is no https address without a password")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]
"""Of a server, without a slash at its end."""


class ServerOptions(Options):
    """What every connector to a server of the retailer's own can be told.

    Attributes:
        url: https; http only where ``private`` is set.
        private: Lets it be http, for a server in this network.
    """

    url: Address
    private: bool = False

    @model_validator(mode="after")
    def _check_url(self) -> Self:
        if self.url.startswith("http:") and not self.private:
            raise ValueError("url: http is readable on the way; use https, or `private: true`")
        return self


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. Header names are in lower case; ``at`` is its own clock (UTC) or None."""

    headers: Mapping[str, str]
    body: bytes
    where: str

    @property
    def at(self) -> datetime | None:
        """The server's time of the answer; whole seconds."""
        return _time(self.headers.get("date"))

    def json(self) -> object:
        """The body; BadDataError if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise BadDataError(
                f"the answer is no JSON but {self.headers.get('content-type', 'of no known kind')}",
                where=self.where,
                todo="Check that the address is that of the shop's API",
            ) from None


def need_package(manifest: Manifest) -> None:
    """Raises ConfigError if the optional package of a connector is not installed."""
    if find_spec(manifest.package) is None:
        raise ConfigError(
            f"the connector to {manifest.title} needs a package that is not installed",
            where=manifest.extra,
            todo=f"Install it with: pip install 'aeras[{manifest.extra}]'",
        )


def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    """Sends a request and reads the whole answer; redirects are not followed.

    Raises:
        TemporaryError: Network, an answer cut short, 408, 425, 429, 5xx.
        RevokedError: 401, 403.
        BadDataError: Any other status than 2xx.
    """
    parts = urlsplit(url)
    where = parts.netloc + parts.path
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.netloc, timeout=TIMEOUT_S, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body, {"Connection": "close", **headers})
        answer = connection.getresponse()
        text = answer.read(LARGEST + 1)
        if answer.length or len(text) > LARGEST:  # read(n) does not tell of a body cut short
            raise http.client.IncompleteRead(b"")
    except (OSError, http.client.HTTPException) as error:
        raise TemporaryError(f"no whole answer ({_why(error)})", where=where) from None
    finally:
        with contextlib.suppress(OSError):
            connection.close()
    found = {name.lower(): value for name, value in answer.getheaders()}
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - success
        refuse(answer.status, found, where)
    return Answer(found, text, where)


def refuse(status: int, headers: Mapping[str, str], where: str, why: str = "") -> NoReturn:
    """Raises the port's error for a status that is no success.

    Args:
        status: Of HTTP.
        headers: Of the answer, names in lower case.
        where: What was asked.
        why: What the source says of it, if that is known to name no person.
    """
    said = f"the server answers {status}" + (f" ({why})" if why else "")
    if status in _REFUSED:
        raise RevokedError(
            f"{said}: it refuses our key",
            where=where,
            todo="Renew the key or its rights at the source, then retry",
        )
    if status in _LATER or status >= _BROKEN:
        raise TemporaryError(said, where=where, retry_after_s=retry_after_s(headers))
    raise BadDataError(said, where=where, todo="Check the connector's address and options")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long the source asks to wait: seconds, or a date held against the source's own clock."""
    value = headers.get("retry-after")
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(value))
    until = _time(value)
    now = _time(headers.get("date")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds()) if until else None


def _time(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        found = parsedate_to_datetime(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
