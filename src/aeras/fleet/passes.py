"""A hub's own certificate authority, and the passes of its shops. Optional extra ``hub``.

A pass is one file: the shop's key, its certificate and that of the authority. The certificate's
name is the credential; a name that is no longer on the list is refused, and a new pass for the same
shop has another name.
"""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from aeras.domain.errors import InputError, StoreError
from aeras.fleet.wire import is_id

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_YEAR = timedelta(days=365)
HUB = "hub"
"""Name on the hub's own certificate; no pass is called so, for theirs end in a random part."""


class Passes:
    """The passes of one hub.

    Args:
        folder: For the authority's key and the list; made when missing, for its owner alone.

    Raises:
        StoreError: The extra is not installed, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import cryptography  # noqa: F401, PLC0415 - an optional extra
        except ImportError:
            raise StoreError(
                "a hub needs an extra that is not installed", todo="pip install 'aeras[hub]'"
            ) from None
        self._folder = folder
        self.list_file = folder / "shops.json"
        self.authority = folder / "authority.pem"
        self._key = folder / "authority.key"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._key.exists():
                self._make_authority()
        except OSError as error:
            raise StoreError(f"cannot be written: {error.strerror}", where=str(folder)) from None

    def names(self) -> dict[str, str]:
        """Name on the valid pass by shop."""
        if not self.list_file.exists():
            return {}
        held: dict[str, str] = json.loads(self.list_file.read_text())
        return held

    def add(self, shop: str) -> bytes:
        """A new pass (PEM); an earlier one of the same shop is valid no more.

        Raises:
            InputError: That cannot be the id of a shop.
        """
        if not is_id(shop):
            raise InputError(
                f"{shop!r} is not an id: expected 1 to 64 letters, digits, dots, dashes or "
                "underscores",
                todo="Take the shop's `site: id`",
            )
        name = f"{shop}~{secrets.token_hex(6)}"
        made = self._issue(name, (), days=3 * _YEAR)
        self._keep(self.names() | {shop: name})
        return made + self.authority.read_bytes()

    def remove(self, shop: str) -> None:
        """Makes a shop's pass invalid. Raises InputError if it has none."""
        names = self.names()
        if shop not in names:
            raise InputError(f"the shop {shop!r} has no pass", where=str(self.list_file))
        del names[shop]
        self._keep(names)

    def of_hub(self, hosts: Sequence[str]) -> Path:
        """A new key and certificate of the hub itself, for these names and addresses."""
        path = self._folder / "hub.pem"
        known = dict.fromkeys(("localhost", "127.0.0.1", *hosts))
        _write(path, self._issue(HUB, tuple(known), days=2 * _YEAR))
        return path

    def _keep(self, names: dict[str, str]) -> None:
        fresh = self.list_file.with_suffix(".fresh")
        _write(fresh, json.dumps(dict(sorted(names.items())), indent=1).encode())
        fresh.replace(self.list_file)

    def _make_authority(self) -> None:
        from cryptography import x509  # noqa: PLC0415 - an optional extra
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder("AERAS hub authority", "AERAS hub authority", key, 20 * _YEAR)
        certificate = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        ).sign(key, hashes.SHA256())
        _write(self.authority, _pem(certificate))
        _write(self._key, _key_pem(key))

    def _issue(self, name: str, hosts: Sequence[str], *, days: timedelta) -> bytes:
        from cryptography import x509  # noqa: PLC0415 - an optional extra
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        authority = serialization.load_pem_private_key(self._key.read_bytes(), None)
        assert isinstance(authority, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, "AERAS hub authority", key, days)
        if hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return _key_pem(key) + _pem(builder.sign(authority, hashes.SHA256()))


def _builder(
    subject: str, issuer: str, key: EllipticCurvePrivateKey, valid: timedelta
) -> x509.CertificateBuilder:
    from cryptography import x509  # noqa: PLC0415 - an optional extra
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks of shops are not all right
        .not_valid_after(now + valid)
    )


def _host(host: str) -> x509.GeneralName:
    from cryptography import x509  # noqa: PLC0415 - an optional extra

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes) -> None:
    """For its owner alone, from the first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
