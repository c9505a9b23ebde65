from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aeras.config import load_site
from aeras.wiring import doctor as module
from aeras.wiring.doctor import State, doctor


def certificate(folder: Path, *, days: int) -> None:
    """Writes a self-signed certificate whose last day is so many days away, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def about(path: Path, name: str, **options: object) -> list[module.Finding]:
    options.setdefault("cameras", False)
    return [found for found in doctor(path, **options) if found.about == name]  # type: ignore[arg-type]


def test_cameras_are_watched_one_by_one(make_site):
    path = make_site(
        "  - {id: away, source: missing.mp4, role: aisle, size: [320, 240]}\n"
        "  - {id: squeezed, source: clip.mp4, role: aisle, size: [320, 320]}"
    )
    path.write_text(path.read_text().replace("fps: 10", "fps: 2"))  # a busy machine can do that
    found = list(doctor(path, seconds=1.0, cameras=True))
    states = {(row.about, row.state) for row in found}
    assert ("camera aisle", State.FINE) in states
    assert ("camera aisle", State.ADVICE) not in states
    assert ("camera away", State.FAULT) in states
    [shape] = [row for row in found if row.about == "camera squeezed"]
    assert (shape.state, "another shape" in shape.what) == (State.FAULT, True)
    [load] = [row for row in found if row.about == "load"]
    assert "1 of 3 cameras" in load.what


def test_it_reads_no_camera_while_reading_is_stopped(make_site):
    path = make_site()
    (path.parent / "data").mkdir()
    (path.parent / "data" / "STOP").touch()
    [cameras] = about(path, "cameras", cameras=True)
    assert (cameras.state, "stopped" in cameras.what) == (State.UNKNOWN, True)


def test_a_running_shop_is_left_alone(make_site):
    path = make_site()
    (path.parent / "data").mkdir()
    hold = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('!'); input()"
    store = str(path.parent / "data" / "events.duckdb")
    with subprocess.Popen(
        [sys.executable, "-u", "-c", hold, store], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shop:
        assert shop.stdout is not None
        shop.stdout.readline()
        [cameras] = about(path, "cameras", cameras=True)
        assert "running" in cameras.what
        shop.communicate(b"\n")
    assert not module.is_running(load_site(path))


@pytest.mark.parametrize(
    ("days", "state"), [(90, State.FINE), (10, State.ADVICE), (-2, State.FAULT)]
)
def test_the_end_of_the_certificate_is_told_in_time(make_site, days, state):
    path = make_site()
    certificate(path.parent, days=days)
    text = path.read_text().replace("{port: 0}", "{port: 0, tls: {cert: cert.pem, key: key.pem}}")
    path.write_text(text)
    [found] = about(path, "certificate")
    assert found.state is state


def test_a_port_in_use_and_files_of_the_future_are_faults(make_site):
    path = make_site()
    (path.parent / "data").mkdir()
    late = path.parent / "data" / "control.sqlite"
    late.touch()
    ahead = datetime.now(UTC).timestamp() + 3600
    os.utime(late, (ahead, ahead))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path.write_text(path.read_text().replace("{port: 0}", f"{{port: {port}}}"))
        assert about(path, "port")[0].state is State.FAULT
    assert about(path, "clock")[-1].state is State.FAULT


def test_a_full_or_open_data_folder_is_told(make_site, monkeypatch):
    path = make_site()
    (path.parent / "data").mkdir(mode=0o755)
    usage = type(module.shutil.disk_usage("/"))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**8))
    assert about(path, "disk")[0].state is State.FAULT
    assert about(path, "data folder")[0].state is State.ADVICE
