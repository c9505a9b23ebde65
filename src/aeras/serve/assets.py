"""Our own scripts, styles and the vendored browser libraries, served from memory.

Every URL carries a hash of the whole folder, so that browsers may keep files for ever and still
get a new version at once; relative imports between ES modules stay under the same hash.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from aeras.domain.errors import ServeError

FOLDER = Path(__file__).parent / "static"
NEEDED = (
    "vendor/echarts/echarts.js",
    "vendor/leaflet/leaflet.js",
    "vendor/leaflet/leaflet.css",
    "vendor/survey/core.js",
    "vendor/survey/core.css",
    "vendor/survey/ui.js",
)
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_COMPRESSED = (".js", ".css", ".svg")


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    gzipped: bytes | None
    media_type: str


class Assets:
    """The static folder in memory.

    Args:
        folder: Where the files lie.

    Raises:
        ServeError: A browser library is missing, as in a source checkout before the build.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        missing = [name for name in NEEDED if not (folder / name).is_file()]
        if missing:
            raise ServeError(
                f"web assets missing ({missing[0]} and {len(missing) - 1} more)",
                where=str(folder),
                todo="Run `make assets` in a source checkout, or install with `pip install .`",
            )
        self._folder = folder
        self._paths = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        self._files: dict[str, _File] = {}
        digest = hashlib.sha256()
        for name, path in self._paths.items():
            digest.update(name.encode() + b"\0" + path.read_bytes())
        self.version = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The versioned URL of a file; raises KeyError for a name that does not exist."""
        return f"/static/{self.version}/{self._paths[name].relative_to(self._folder).as_posix()}"

    def _load(self, name: str) -> _File | None:
        path = self._paths.get(name)
        if path is None:
            return None
        if name not in self._files:
            body = path.read_bytes()
            kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0]
            packed = gzip.compress(body, 6, mtime=0) if path.suffix in _COMPRESSED else None
            self._files[name] = _File(body, packed, kind or "application/octet-stream")
        return self._files[name]

    def kiosk_worker(self, _request: Request) -> Response:
        """The kiosk's service worker: at the root, because its path bounds what it may serve."""
        file = self._load("js/kiosk-worker.js")
        body = file.body if file else b""
        return Response(body, headers={"Cache-Control": "no-cache"}, media_type=_TYPES[".js"])

    def serve(self, request: Request) -> Response:
        """Answers ``/static/{version}/{name}``; an old version gets the file, not to be kept."""
        file = self._load(request.path_params["name"])
        if file is None:
            return Response("not found", 404, media_type="text/plain")
        current = request.path_params["version"] == self.version
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache",
            "Vary": "Accept-Encoding",
        }
        body = file.body
        if file.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = file.gzipped
        return Response(body, headers=headers, media_type=file.media_type)
