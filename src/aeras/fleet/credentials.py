"""A pass as TLS needs it; only the standard library, for it is loaded in every shop."""

from __future__ import annotations

import ssl
from pathlib import Path

from aeras.domain.errors import InputError


def context(path: Path, authority: Path | None = None) -> ssl.SSLContext:
    """A client's TLS context: trusts the pass's own authority and nobody else.

    Args:
        path: Key and certificate, for a pass also the authority's.
        authority: Where the authority's certificate stands if it is not in ``path``.

    Raises:
        InputError: The file is missing or is no pass.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        made.load_cert_chain(path)
        made.load_verify_locations(authority or path)
    except OSError as error:  # of a file that is missing, and SSLError of one that is no pass
        raise InputError(
            f"is no pass for a hub: {error.strerror or error}",
            where=str(path),
            todo="Have one made by `aeras shops add` at the hub, and name it with --pass",
        ) from None
    return made
