from __future__ import annotations

import ssl
import subprocess
import urllib.request

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
  tls: {cert: cert.pem, key: key.pem}
"""


def test_pages_over_tls_with_secure_headers_and_a_wrong_key_refused(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE)
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
