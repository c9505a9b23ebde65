"""``aeras init``: an example site file to start from."""

from __future__ import annotations

from pathlib import Path

from aeras.domain.errors import InputError

EXAMPLE = """\
# A site file for AERAS. `aeras check site.yaml` lists every mistake with its line.
site: {name: My Shop, timezone: Europe/Berlin}

# behaviour-only loads no face model. To read expressions the profile `eu` asks for papers, opening
# hours and where staff stand; `aeras check` names what is missing, docs/privacy.md says why:
# privacy: {profile: eu, expression: on, jurisdiction: DE, controller: ..., dpia: ..., notice: ...}
privacy: {profile: behaviour-only}

# Outside these hours nothing is read. `open: always` for a shop that never closes.
# hours: {open: {mon: "09:00-20:00", sat: "10:00-16:00"}, holidays: [2026-12-25]}

items:
  - {id: oat-milk, name: Oat milk 1 l, gtin: "4006381333931", category: drinks, price: 1.99}
  - {id: apple-juice, name: Apple juice 1 l, category: drinks, price: 2.19}

cameras:
  # size: width and height in pixels that all polygons below refer to.
  # A password comes from the environment: rtsp://viewer:${CAM_PASSWORD}@192.0.2.10/stream
  - id: aisle-1
    source: "rtsp://192.0.2.10/stream"
    role: aisle                       # looks at the fixture; `shelf` faces the shopper
    size: [1280, 720]
    excluded:                         # blacked out before any model sees the picture
      - [[0, 0], [200, 0], [200, 120], [0, 120]]

fixtures:
  - id: drinks-shelf
    name: Drinks
    camera: aisle-1
    polygon: [[300, 120], [980, 120], [980, 640], [300, 640]]
    on_map: [1.0, 0.5, 3.0, 1.3]      # left, top, right, bottom in metres
    facings:
      - {id: drinks-1, item: oat-milk, polygon: [[320, 150], [420, 150], [420, 320], [320, 320]]}
      - {id: drinks-2, item: apple-juice, polygon: [[430, 150], [530, 150], [530, 320], [430, 320]]}

map: {size: [10, 6]}

triggers:
  - {id: often-rejected, item: "*", threshold: 5, window: 2 h, cool_down: 24 h, survey: put-back}
"""


def write_example(directory: Path) -> Path:
    """Writes ``site.yaml`` into a folder that has none; returns its path.

    Raises:
        InputError: There is a site file already, or the folder cannot be written.
    """
    path = directory / "site.yaml"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(EXAMPLE)
    except FileExistsError:
        raise InputError(
            "there is a site file already", where=str(path), todo="Name another folder"
        ) from None
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=str(path), todo="Name another folder"
        ) from None
    return path
