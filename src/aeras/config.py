"""The site file: YAML in, validated `Site` out, every problem with its file and line."""

from __future__ import annotations

import csv
import difflib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from shapely import Polygon as ShapelyPolygon
from stdnum import ean

from aeras.connect.options import SECTIONS as CONNECT_SECTIONS
from aeras.connect.options import ConnectSections, connect_problems
from aeras.domain.errors import ConfigError, InputError
from aeras.domain.evidence import Watched
from aeras.domain.geometry import Box, Polygon, as_polygon
from aeras.domain.hours import OpeningHours, Span
from aeras.domain.life import Action
from aeras.domain.rule_desk import OF_MODES
from aeras.domain.shop import (
    CameraRole,
    CameraSpec,
    Facing,
    Fixture,
    FloorMark,
    Item,
    Lens,
    Marks,
    Shop,
    Vest,
)
from aeras.domain.tags import OBJECTION_TAGS, STAFF_TAGS, TAGS
from aeras.place.options import SECTIONS as ADVICE_SECTIONS
from aeras.place.options import AdviceSections, advice_problems
from aeras.privacy.profiles import PrivacyClaims, check_profile, faces_allowed
from aeras.respond.options import SECTIONS as ASKING_SECTIONS
from aeras.respond.options import AskingSections, asking_problems
from aeras.shelf.planogram import Fault, Known, Version, read_rows, valid_at, versions_of

if TYPE_CHECKING:
    from aeras.shelf.mapfile import FloorMap

MIN_CORNERS = 3
MAX_SIDE_PX = 8192

Location = tuple[str | int, ...]
"""Path of a value in the file, as pydantic reports it: ``("items", 3, "gtin")``."""


# --- single values --------------------------------------------------------------------------


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError(
            f"{value!r} is not an id: expected 1 to 64 letters, digits, dots, dashes or underscores"
        )
    return value


def _no_password(url: str) -> str:
    """Secrets do not stand in the site file."""
    if re.match(r"[^/]*//[^/@]*:[^/@]+@", url):
        raise ValueError(
            "holds a password: set PGPASSWORD or CLICKHOUSE_PASSWORD in the environment instead"
        )
    return url


def _gtin(value: str) -> str:
    if not ean.is_valid(value):
        raise ValueError(
            f"{value!r} is not a GTIN: expected 8, 12, 13 or 14 digits with a right check digit"
        )
    return value


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"{value!r} is not a time zone{_meant(value, available_timezones())}")
    return value


def _polygon(points: Polygon) -> Polygon:
    if len(points) < MIN_CORNERS:
        raise ValueError(f"a polygon of {len(points)} points, expected at least 3")
    if not ShapelyPolygon(points).is_valid:
        raise ValueError("the polygon's edges cross or it has no area; list its corners in order")
    return points


def _source(value: str) -> str:
    if urlsplit(value).password and "${" not in value:
        raise ValueError(
            "the camera's password stands in the file; write ${NAME} in its place and set the "
            "environment variable NAME"
        )
    return value


def _duration(value: Any) -> Any:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)\s*", value) if _is_text(value) else None
    if not match:
        raise ValueError(f"{value!r} is not a length of time: write 90 s, 15 min, 2 h or 7 d")
    unit = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}[match[2]]
    return timedelta(**{unit: float(match[1])})


def _grain(value: timedelta) -> timedelta:
    if value < timedelta(minutes=1) or timedelta(days=1) % value:
        raise ValueError(f"{value} does not divide a day into minutes or more: write 15 min or 1 h")
    return value


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _week(value: Any) -> Any:
    """``always``, or spans by weekday from ``{mon: "09:00-13:00, 14:00-20:00"}``."""
    if value == "always":
        return value
    if not isinstance(value, dict) or not set(value) <= set(DAYS):
        raise ValueError('write always, or the days: {mon: "09:00-20:00", sat: "10:00-16:00"}')
    return {DAYS.index(day): _spans(text) for day, text in value.items()}


def _spans(text: Any) -> tuple[Span, ...]:
    try:
        ends = [part.split("-") for part in str(text).split(",")]
        return tuple(
            (time.fromisoformat(start.strip()), time.fromisoformat(end.strip()))
            for start, end in ends
        )
    except ValueError:
        raise ValueError(f'{text!r} are no opening hours: write "09:00-20:00"') from None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _meant(value: str, known: Sequence[str] | set[str]) -> str:
    close = difflib.get_close_matches(value, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


Id = Annotated[str, AfterValidator(_identifier)]
Gtin = Annotated[str, AfterValidator(_gtin)]
Corners = Annotated[
    tuple[tuple[float, float], ...], BeforeValidator(lambda v: v), AfterValidator(_polygon)
]
Mark = tuple[float, float, float, float] | tuple[float, float, float, float, float]
"""x, y in pixels; x, y on the map in metres; height in metres if it is not on the floor."""
Line = tuple[tuple[float, float], ...]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Grain = Annotated[Duration, AfterValidator(_grain)]
Metres = Annotated[float, Field(gt=0, le=2000)]
Side = Annotated[int, Field(ge=16, le=MAX_SIDE_PX)]
Week = Annotated[
    dict[int, tuple[Span, ...]] | Literal["always"],
    BeforeValidator(_week),
]


# --- sections ---------------------------------------------------------------------------------


def _address(value: str) -> str:
    try:
        ip_network(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is no IP address or network: {error}") from None
    return value


Address = Annotated[str, AfterValidator(_address)]


def _tag_ids(value: tuple[int, ...] | str) -> tuple[int, ...] | str:
    if not isinstance(value, str) and not all(0 <= number < TAGS for number in value):
        raise ValueError(f"tags have the numbers 0 to {TAGS - 1}; write any, or a list of them")
    return value


TagIds = Annotated[tuple[int, ...] | Literal["any"], AfterValidator(_tag_ids)]


class SiteFileError(ConfigError):
    """A problem in the site file; ``location`` is the path of the value, empty if there is none."""

    location: Location = ()


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteSection(_Section):
    """``site``: who and where."""

    name: str = Field(min_length=1, max_length=120)
    id: Id | None = None
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    language: Literal["en", "de", "es", "ja"] = "en"
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"


class NoiseSection(_Section):
    """``privacy.differential_privacy``: how much all tables with noise may tell of a visit."""

    budget: float = Field(default=1.0, gt=0, le=10)
    epsilon: float = Field(default=0.25, gt=0, le=10)

    @model_validator(mode="after")
    def _within(self) -> NoiseSection:
        if self.epsilon > self.budget:
            raise ValueError(f"epsilon {self.epsilon:g} is more than the budget {self.budget:g}")
        return self


class PrivacySection(_Section):
    """``privacy``: which law profile holds, and what it demands."""

    profile: Literal["behaviour-only", "eu", "uk", "us", "us-il"] = "behaviour-only"
    expression: bool = False
    jurisdiction: str | None = None
    controller: str | None = None
    dpia: str | None = None
    notice: str | None = None
    consent: str | None = None
    age_estimation: bool = False
    children: bool = True
    papers: str = "papers"
    k: int = Field(default=10, ge=2, le=1000)
    time_grain: Grain = timedelta(minutes=15)
    retention: Duration = timedelta(days=30)
    differential_privacy: NoiseSection | None = None


class VestSection(_Section):
    """``vest`` of the staff marker: a colour that only staff wear."""

    hue: tuple[float, float]
    saturation: float = Field(default=0.5, ge=0.1, le=1)
    brightness: float = Field(default=0.35, ge=0.1, le=1)
    share: float = Field(default=0.25, ge=0.05, le=1)


class MarkerSection(_Section):
    """``marker``: what staff wear, so that they are told from shoppers."""

    tags: TagIds = ()
    size_mm: float = Field(default=120, ge=20, le=500)
    vest: VestSection | None = None


class StaffSection(_Section):
    """``staff``: how staff are left alone wherever they walk."""

    marker: MarkerSection


class ObjectionSection(_Section):
    """``objection``: the card that a shopper takes at the door to be left alone."""

    tags: TagIds = "any"
    size_mm: float = Field(default=90, ge=20, le=500)


class HoursSection(_Section):
    """``hours``: when the shop is open; nothing is read outside them."""

    open: Week
    holidays: tuple[date, ...] = ()


class ItemSection(_Section):
    """One product."""

    id: Id
    name: str = Field(min_length=1, max_length=120)
    category: str = ""
    gtin: Gtin | None = None
    price: float | None = Field(default=None, ge=0, description="in whole currency units")


class LensSection(_Section):
    """``lens`` of a camera, in OpenCV's model."""

    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    focal: float | None = Field(default=None, gt=0)
    centre: tuple[float, float] | None = None


class FloorSection(_Section):
    """``floor`` of a camera: what ties its picture to the map."""

    points: tuple[Mark, ...] = ()
    lines: tuple[Line, ...] = ()
    size: tuple[Side, Side] | None = None
    stream: tuple[Side, Side] | None = None


class CameraSection(_Section):
    """One camera."""

    id: Id
    source: Annotated[str, BeforeValidator(str), AfterValidator(_source)]
    role: CameraRole
    size: tuple[Side, Side]
    fps: float = Field(default=5.0, gt=0, le=60)
    excluded: tuple[Corners, ...] = ()
    staff: tuple[Corners, ...] = ()
    objection: tuple[Corners, ...] = ()
    floor: FloorSection | None = None
    lens: LensSection | None = None
    simulated: bool = False


class FacingSection(_Section):
    """One visible place of a product."""

    id: Id
    item: str | None = None
    polygon: Corners | None = None
    on_map: tuple[float, float, float, float] | None = None


class FixtureSection(_Section):
    """One shelf unit."""

    id: Id
    name: str | None = None
    camera: str | None = None
    face_camera: str | None = None
    face_camera_at: tuple[float, float] | None = None
    polygon: Corners | None = None
    facings: tuple[FacingSection, ...] = ()
    on_map: tuple[float, float, float, float] | None = None


class MapSection(_Section):
    """``map``: the floor plan, metres."""

    size: tuple[Metres, Metres] | None = None
    image: str | None = None


WINDOWS = {
    "count": timedelta(hours=2),
    "rate": timedelta(days=28),
    "change": timedelta(days=14),
}


def _since(value: Any) -> Any:
    if isinstance(value, str) and value not in {"planogram", "price"}:
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise ValueError(
                f"{value!r} is neither planogram nor price nor a day like 2026-11-01"
            ) from None
    return value


def _one_span(value: Any) -> Any:
    spans = _spans(value)
    if len(spans) != 1:
        raise ValueError(f'{value!r} is not one span of the day: write "16:00-20:00"')
    return spans[0]


class WhenSection(_Section):
    """``when`` of a rule: the part of the week that it looks at, in the site's time."""

    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()
    hours: Annotated[Span, BeforeValidator(_one_span)] = (time(), time())


class StockSection(_Section):
    """``stock``: whether empty and low facings are told, and how long one must be so."""

    watch: bool = True
    hold: Duration = Field(
        default=timedelta(seconds=60), ge=timedelta(seconds=5), le=timedelta(hours=1)
    )


class TriggerSection(_Section):
    """One rule of ``triggers``."""

    id: Id
    mode: Literal["count", "rate", "change"] = "count"
    item: str = "*"
    category: str | None = None
    fixture: str | None = None
    when: WhenSection | None = None
    measure: Watched = Watched.REJECTION
    threshold: int = Field(default=5, ge=0)
    margin: float = Field(default=1.1, ge=1, le=10)
    fdr: float = Field(default=0.05, gt=0, le=0.5)
    min_handled: int = Field(default=20, ge=1)
    min_visits: int = Field(default=1, ge=1)
    since: Annotated[Literal["planogram", "price"] | date, BeforeValidator(_since)] = "planogram"
    before: Duration = timedelta(days=14)
    window: Duration = Field(
        default_factory=lambda data: WINDOWS.get(data.get("mode", ""), WINDOWS["count"])
    )
    cool_down: Duration = timedelta(hours=24)
    action: Action = Action.SURVEY
    survey: str | None = Field(
        default_factory=lambda data: (
            None if data.get("action") in {Action.NOTIFY, Action.STAFF_HELP} else "put-back"
        )
    )
    answers: int = Field(default=20, ge=1)
    follow_up: Duration = timedelta(days=14)


class TlsSection(_Section):
    """``tls`` of the server: files in PEM form, relative to the site file."""

    cert: str
    key: str


class ServerSection(_Section):
    """``server``: where and how the pages are served."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str | None = None
    hosts: tuple[str, ...] = ()
    tls: TlsSection | None = None
    proxy: tuple[Address, ...] = ()
    second_factor: bool = False


class HubSection(_Section):
    """``hub``: where a chain's shops send their events, see ``aeras hub``."""

    host: str = "0.0.0.0"  # noqa: S104 - shops come from outside; they need a pass
    port: int = Field(default=4222, ge=1, le=65535)
    names: tuple[str, ...] = ()
    store: Annotated[str, AfterValidator(_no_password)] | None = None
    waiting_gb: float = Field(default=10.0, ge=0.01, le=10_000)


class SiteFile(_Section, AskingSections, ConnectSections, AdviceSections):
    """The whole file."""

    site: SiteSection
    privacy: PrivacySection = PrivacySection()
    hours: HoursSection | None = None
    staff: StaffSection | None = None
    objection: ObjectionSection | None = None
    items: tuple[ItemSection, ...] = ()
    items_file: str | None = None
    cameras: tuple[CameraSection, ...] = ()
    fixtures: tuple[FixtureSection, ...] = ()
    planogram: Id = "1"
    planogram_file: str | None = None
    map: MapSection | None = None
    triggers: tuple[TriggerSection, ...] = ()
    stock: StockSection = StockSection()
    server: ServerSection = ServerSection()
    hub: HubSection = HubSection()
    data: str = "data"


@dataclass(frozen=True, slots=True)
class Site:
    """A validated site.

    Attributes:
        path: The site file.
        data: Folder of the databases.
        shop: What the rooms need to know of it.
        file: The whole file as it stands.
        planograms: All versions of the planogram, in their order in time.
        privacy, triggers, server: The sections as they stand in the file.
        hours: When the shop is open, None if the file does not say.
        undeclared: Cameras that read faces and do not say where staff stand.
    """

    path: Path
    data: Path
    shop: Shop
    privacy: PrivacySection
    triggers: tuple[TriggerSection, ...]
    server: ServerSection
    hours: OpeningHours | None
    undeclared: tuple[str, ...]
    file: SiteFile
    planograms: tuple[Version, ...]

    def at(self, moment: datetime) -> Site:
        """The same site with the planogram that is valid at a moment (UTC)."""
        return _build(self.file, self.path, self.planograms, moment)


# --- reading ------------------------------------------------------------------------------------


def load_site(path: Path, at: datetime | None = None) -> Site:
    """Reads and validates a site file.

    Args:
        path: The file.
        at: Moment (UTC) whose planogram is taken; by default now.

    Raises:
        ConfigError: For the first problem, with file and line; it says how many more there are.
    """
    file, found = read_site(path)
    if found or file is None:
        first = found[0]
        more = f" ({len(found) - 1} more: run aeras check)" if len(found) > 1 else ""
        raise ConfigError(first.what + more, where=first.where, todo=first.todo)
    moment = at or datetime.now(UTC)
    versions = read_planograms(file, path)[0]
    if file.planogram_file and valid_at(versions, moment) is None:
        raise ConfigError(
            f"no version of the planogram is valid at {moment:%Y-%m-%d %H:%M} UTC",
            where=str(path.parent / file.planogram_file),
            todo="Import one with `aeras planogram import`, or correct valid_from and valid_to",
        )
    return _build(file, path, versions, moment)


def claims_of(site: Site) -> PrivacyClaims:
    """What the site says about privacy, as the law profiles ask for it."""
    privacy = site.privacy
    return PrivacyClaims(
        profile=privacy.profile,
        expression=privacy.expression,
        jurisdiction=privacy.jurisdiction,
        controller=privacy.controller,
        dpia=privacy.dpia,
        notice=privacy.notice,
        consent=privacy.consent,
        age_estimation=privacy.age_estimation,
        children=privacy.children,
        undeclared=site.undeclared,
        hours=site.hours is not None,
    )


def reads_faces(site: Site) -> bool:
    """Whether the law profile lets any face model be loaded."""
    return faces_allowed(claims_of(site))


def check_privacy(site: Site, *, replay: bool = False) -> None:
    """Raises PrivacyError when the site asks for more than its profile allows.

    Args:
        site: The site.
        replay: Only a recording is to be read, and nothing stored.
    """
    check_profile(claims_of(site), where=f"{site.path}: privacy", replay=replay)


def read_site(path: Path) -> tuple[SiteFile | None, list[ConfigError]]:
    """Reads a site file and lists every problem in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None, [_missing(path)]
    except (OSError, UnicodeDecodeError) as error:
        return None, [ConfigError(f"cannot be read: {error}", where=str(path))]
    return read_site_text(path, text)


def read_site_text(path: Path, text: str) -> tuple[SiteFile | None, list[ConfigError]]:
    """The same for a text that is to be written there."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return None, [_broken(path, error)]
    if not isinstance(data, dict):
        return None, [
            ConfigError(
                "is empty or not a list of sections",
                where=str(path),
                todo="`aeras init DIR` writes a working example",
            )
        ]
    return _validate(path, data, text)


def _validate(
    path: Path, data: dict[str, Any], text: str
) -> tuple[SiteFile | None, list[ConfigError]]:
    @cache
    def root() -> yaml.Node:  # parsing takes the most time of all: only where there is an error
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        assert node is not None  # `data` came of it
        return node

    def error(location: Location, what: str) -> ConfigError:
        problem = SiteFileError(what, where=f"{path}:{_line(root(), location)}")
        problem.location = location
        return problem

    try:
        file = SiteFile.model_validate(data)
        if file.items_file:
            rows = (*file.items, *_items_from_csv(path.parent / file.items_file))
            file = file.model_copy(update={"items": rows})
        plan = floor_map(file, path)
        if plan and file.map:
            sized = file.map.model_copy(update={"size": plan.plan.size})
            file = file.model_copy(update={"map": sized})
    except ValidationError as invalid:
        told = [e for e in invalid.errors() if e["type"] != "default_factory_not_called"]
        return None, [error(e["loc"], _plain(e)) for e in told]  # without what only follows from it
    except ConfigError as broken:
        return None, [broken]
    found = [error(location, what) for location, what in _contradictions(file)]
    return file, [*found, *read_planograms(file, path)[1]]


def read_planograms(file: SiteFile, path: Path) -> tuple[tuple[Version, ...], list[ConfigError]]:
    """All versions of the planogram and what is wrong with them, by line of their file.

    Without ``planogram_file`` there is one: the items that stand at the facings.
    """
    facings = {f.id: f.item for fixture in file.fixtures for f in fixture.facings}
    if file.planogram_file is None:
        return (Version(file.planogram, None, None, facings),), []
    source = path.parent / file.planogram_file
    try:
        text = source.read_text(encoding="utf-8-sig")
        versions, faults = _versions(
            text, str(source), frozenset(facings), file.items, file.site.timezone
        )
    except InputError as error:
        return (), [ConfigError(error.what, where=error.where, todo=error.todo)]
    except (OSError, UnicodeDecodeError) as error:
        return (), [ConfigError(f"the planogram cannot be read: {error}", where=str(source))]
    return versions, [ConfigError(fault.what, where=f"{source}:{fault.line}") for fault in faults]


@lru_cache(maxsize=4)  # checking, loading and every page ask for the same
def _versions(
    text: str, where: str, facings: frozenset[str], items: tuple[ItemSection, ...], timezone: str
) -> tuple[tuple[Version, ...], tuple[Fault, ...]]:
    known = Known(facings, {item.id: item_of(item) for item in items})
    versions, faults = versions_of(read_rows(text, where=where), known, timezone)
    return tuple(versions), tuple(faults)


def floor_map(file: SiteFile, path: Path) -> FloorMap | None:
    """The floor plan; ConfigError if it cannot be read."""
    if file.map is None or file.map.image is None:
        return None
    from aeras.shelf.mapfile import read_map  # noqa: PLC0415 - loads OpenCV

    try:
        return read_map(path.parent / file.map.image, file.map.size)
    except InputError as error:
        raise ConfigError(error.what, where=error.where, todo=error.todo) from None


def _missing(path: Path) -> ConfigError:
    return ConfigError(
        "no such site file", where=str(path), todo="`aeras init DIR` writes a working example"
    )


def _broken(path: Path, error: yaml.YAMLError) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or "is not YAML"
    return ConfigError(f"not valid YAML: {problem}", where=f"{path}{line}")


def _plain(error: Any) -> str:
    """One sentence from pydantic's error, naming the value's place in the file."""
    name = ".".join(str(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ").replace("valid tuple", "list [...]")
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"][:-1])
        return f"unknown key {name!r}{_meant(str(error['loc'][-1]), known)}"
    if error["type"] == "missing":
        return f"{name!r} is missing"
    return f"{name}: {message[0].lower()}{message[1:]}"


def _known_keys(location: Location) -> list[str]:
    sections: dict[str | int, type[BaseModel]] = {
        "site": SiteSection,
        "privacy": PrivacySection,
        "differential_privacy": NoiseSection,
        "hours": HoursSection,
        "staff": StaffSection,
        "marker": MarkerSection,
        "vest": VestSection,
        "objection": ObjectionSection,
        "items": ItemSection,
        "cameras": CameraSection,
        "floor": FloorSection,
        "lens": LensSection,
        "facings": FacingSection,
        "fixtures": FixtureSection,
        "map": MapSection,
        "triggers": TriggerSection,
        "when": WhenSection,
        "stock": StockSection,
        "server": ServerSection,
        "tls": TlsSection,
        "hub": HubSection,
    }
    sections |= CONNECT_SECTIONS if location[:1] == ("connectors",) else ASKING_SECTIONS
    sections |= ADVICE_SECTIONS if location[:1] == ("advice",) else {}
    names = [part for part in location if part in sections]
    section = sections[names[-1]] if names else SiteFile
    return list(section.model_fields)


def _line(node: yaml.Node, location: Location) -> int:
    """The line (from 1) of the value at a path, or of the deepest part of it that exists."""
    line = node.start_mark.line + 1
    for part in location:
        child = _child(node, part)
        if child is None:
            continue
        node = child
        line = node.start_mark.line + 1
    return line


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((v for k, v in node.value if k.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        value: yaml.Node = node.value[part]
        return value
    return None


def _items_from_csv(path: Path) -> tuple[ItemSection, ...]:
    """Items from a CSV file with the columns id, name and, if wanted, category, gtin, price."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as error:
        raise ConfigError(
            f"the item list cannot be read: {error.strerror}", where=str(path)
        ) from None
    items = []
    for number, row in enumerate(rows, start=2):
        try:
            items.append(ItemSection.model_validate({k: v for k, v in row.items() if v}))
        except ValidationError as invalid:
            raise ConfigError(_plain(invalid.errors()[0]), where=f"{path}:{number}") from None
    return tuple(items)


# --- what single values cannot tell -----------------------------------------------------------


def _contradictions(file: SiteFile) -> Iterator[tuple[Location, str]]:
    yield from _duplicates(("items",), [i.id for i in file.items])
    yield from _duplicates(("cameras",), [c.id for c in file.cameras])
    yield from _duplicates(("fixtures",), [f.id for f in file.fixtures])
    yield from _duplicates(("triggers",), [t.id for t in file.triggers])
    yield from _duplicate_facings(file)
    yield from _mark_problems(file)
    yield from asking_problems(file)
    yield from connect_problems(file)
    yield from advice_problems(
        file.advice,
        items=frozenset(i.id for i in file.items),
        fixtures=frozenset(f.id for f in file.fixtures),
        facings=frozenset(g.id for f in file.fixtures for g in f.facings),
    )
    if file.planogram_file and "planogram" in file.model_fields_set:
        yield ("planogram",), "planogram_file names the versions; remove the key planogram"
    for number, camera in enumerate(file.cameras):
        for key in ("excluded", "staff", "objection"):
            for zone, polygon in enumerate(getattr(camera, key)):
                yield from _off_image(("cameras", number, key, zone), polygon, camera)
        yield from _floor_problems(file, ("cameras", number, "floor"), camera)
        yield from _unset_secret(("cameras", number, "source"), camera.source)
    for number, fixture in enumerate(file.fixtures):
        yield from _fixture_problems(file, ("fixtures", number), fixture)
    for number, trigger in enumerate(file.triggers):
        yield from _scope_problems(file, ("triggers", number), trigger)
        yield from _mode_problems(file, ("triggers", number), trigger)


def _scope_problems(
    file: SiteFile, location: Location, trigger: TriggerSection
) -> Iterator[tuple[Location, str]]:
    """Names that the site does not know."""
    for key, known in (
        ("item", ["*", *(i.id for i in file.items)]),
        ("category", sorted({i.category for i in file.items if i.category})),
        ("fixture", [f.id for f in file.fixtures]),
    ):
        name = getattr(trigger, key)
        if name is not None and name not in known:
            yield (
                (*location, key),
                f"trigger {trigger.id!r} names the unknown {key} {name!r}{_meant(name, known)}",
            )
    if trigger.action is Action.SURVEY and trigger.survey is None:
        yield (
            (*location, "survey"),
            f"trigger {trigger.id!r} has the action survey but no survey; name a form or another "
            "action",
        )


def _mode_problems(
    file: SiteFile, location: Location, trigger: TriggerSection
) -> Iterator[tuple[Location, str]]:
    """Settings of another mode, and windows that the records cannot fill."""
    for key in sorted(OF_MODES.keys() & trigger.model_fields_set):
        if trigger.mode not in OF_MODES[key]:
            yield (
                (*location, key),
                f"trigger {trigger.id!r} has {key}, which mode {trigger.mode} does not know; "
                f"remove it or change the mode",
            )
    if trigger.window <= timedelta():
        yield (*location, "window"), f"trigger {trigger.id!r}: the window must be above 0"
    if trigger.follow_up < timedelta(days=1):
        yield (
            (*location, "follow_up"),
            f"trigger {trigger.id!r}: an effect needs a follow_up of 1 d or more",
        )
    if trigger.mode == "count":
        return
    if trigger.window < timedelta(days=1):
        yield (*location, "window"), f"trigger {trigger.id!r}: a rate needs a window of 1 d or more"
    back = trigger.window + (trigger.before if trigger.mode == "change" else timedelta())
    if back > file.privacy.retention:
        keys = "the window" if trigger.mode == "rate" else "window and before"
        yield (
            (*location, "window"),
            f"trigger {trigger.id!r} looks back further than events are kept "
            f"({file.privacy.retention.days} d); shorten {keys} or lengthen privacy.retention",
        )


def _mark_problems(file: SiteFile) -> Iterator[tuple[Location, str]]:
    """Marks that tell nobody, or staff and shoppers alike."""
    if file.staff and not marks_of(file).of_staff:
        yield ("staff", "marker"), "the staff marker names neither tags nor a vest; name one"
    if file.objection and not marks_of(file).objection_tags:
        yield ("objection", "tags"), "the objection card has no tags; write any, or remove it"
    both = marks_of(file).staff_tags & marks_of(file).objection_tags
    if both:
        numbers = ", ".join(map(str, sorted(both)))
        yield (
            ("objection", "tags"),
            f"the tags {numbers} are worn by staff and carried to object; give the cards others",
        )
    vest = file.staff.marker.vest if file.staff else None
    if vest and not 0 <= vest.hue[0] < vest.hue[1] <= vest.hue[0] + 360:
        yield (
            ("staff", "marker", "vest", "hue"),
            f"the vest's hue goes from {vest.hue[0]:g} to {vest.hue[1]:g} degrees; expected from "
            "0 on, upwards, and at most once round",
        )


def _duplicates(location: Location, ids: list[str]) -> Iterator[tuple[Location, str]]:
    seen: set[str] = set()
    for number, name in enumerate(ids):
        if name in seen:
            yield (*location, number, "id"), f"the id {name!r} is used twice in {location[0]}"
        seen.add(name)


def _duplicate_facings(file: SiteFile) -> Iterator[tuple[Location, str]]:
    seen: dict[str, str] = {}
    for f, fixture in enumerate(file.fixtures):
        for n, facing in enumerate(fixture.facings):
            if facing.id in seen:
                yield (
                    ("fixtures", f, "facings", n, "id"),
                    f"the facing id {facing.id!r} is used twice (also on {seen[facing.id]!r})",
                )
            seen[facing.id] = fixture.id


def _floor_problems(
    file: SiteFile, location: Location, camera: CameraSection
) -> Iterator[tuple[Location, str]]:
    if camera.floor is None:
        return
    if camera.floor.size and camera.floor.size != camera.size:
        was, now = camera.floor.size, camera.size
        yield (
            (*location, "size"),
            f"camera {camera.id!r} was calibrated at {was[0]} x {was[1]} pixels, but its size is "
            f"{now[0]} x {now[1]} now; calibrate it again",
        )
        return
    if file.map is None or file.map.size is None:
        yield location, f"camera {camera.id!r} is calibrated, but the site has no map: set map.size"
        return
    width, height = file.map.size
    for number, mark in enumerate(camera.floor.points):
        if not (0 <= mark[2] <= width and 0 <= mark[3] <= height):
            yield (
                (*location, "points", number),
                f"point {number + 1} of camera {camera.id!r} lies off the map, which is "
                f"{width:g} x {height:g} m",
            )
            return
    try:
        calibration(camera)
    except InputError as error:
        yield (*location, "points"), f"{error}"


def calibration(camera: CameraSection) -> tuple[tuple[FloorMark, ...], Lens | None]:
    """A camera's marks and lens; InputError if they cannot give a calibration."""
    return _calibration(camera.id, camera.size, camera.floor, camera.lens)


@lru_cache(maxsize=256)  # a fit takes as long as reading the whole file
def _calibration(
    name: str, size: tuple[int, int], floor: FloorSection | None, optics: LensSection | None
) -> tuple[tuple[FloorMark, ...], Lens | None]:
    from aeras.shelf.floor import fit_floor  # noqa: PLC0415 - loads OpenCV: only where it is used
    from aeras.shelf.lens import lens_from_lines  # noqa: PLC0415

    lens = Lens(**optics.model_dump()) if optics else None
    if floor is None:
        return (), lens
    where = f"camera {name}"
    if floor.lines and lens is None:
        lens = lens_from_lines(floor.lines, size, where=where).lens
    marks = tuple(
        FloorMark((m[0], m[1]), (m[2], m[3]), m[4] if len(m) > 4 else 0.0)  # noqa: PLR2004
        for m in floor.points
    )
    if marks:
        fit_floor(marks, size, lens, where=where)
    return marks, lens


def _unset_secret(location: Location, source: str) -> Iterator[tuple[Location, str]]:
    for name in re.findall(r"\$\{(\w+)\}", source):
        if name not in os.environ:
            yield location, f"the source needs the environment variable {name}, which is not set"


def _fixture_problems(
    file: SiteFile, location: Location, fixture: FixtureSection
) -> Iterator[tuple[Location, str]]:
    cameras = {c.id: c for c in file.cameras}
    for key in ("camera", "face_camera"):
        name = getattr(fixture, key)
        if name is not None and name not in cameras:
            yield (
                (*location, key),
                f"fixture {fixture.id!r} names the unknown camera {name!r}"
                f"{_meant(name, list(cameras))}",
            )
    camera = cameras.get(fixture.camera or "")
    if fixture.face_camera_at is not None and not (fixture.polygon and fixture.on_map):
        yield (
            (*location, "face_camera_at"),
            f"fixture {fixture.id!r} has face_camera_at, which needs its polygon and on_map too",
        )
    if camera and fixture.polygon:
        yield from _off_image((*location, "polygon"), fixture.polygon, camera)
    for number, facing in enumerate(fixture.facings):
        yield from _facing_problems(file, (*location, "facings", number), facing, camera)


def _facing_problems(
    file: SiteFile, location: Location, facing: FacingSection, camera: CameraSection | None
) -> Iterator[tuple[Location, str]]:
    known = [i.id for i in file.items]
    if facing.item is not None and file.planogram_file:
        yield (
            (*location, "item"),
            f"facing {facing.id!r} names an item, but {file.planogram_file} says what stands "
            "where; remove one of them",
        )
    if facing.item is not None and facing.item not in known:
        yield (
            (*location, "item"),
            f"facing {facing.id!r} names the unknown item {facing.item!r}"
            f"{_meant(facing.item, known)}",
        )
    if camera and facing.polygon is None:
        yield location, f"facing {facing.id!r} has no polygon in the picture of {camera.id!r}"
    if camera and facing.polygon:
        yield from _off_image((*location, "polygon"), facing.polygon, camera)


def _off_image(
    location: Location, polygon: Polygon, camera: CameraSection
) -> Iterator[tuple[Location, str]]:
    width, height = camera.size
    for x, y in polygon:
        if not (0 <= x <= width and 0 <= y <= height):
            yield (
                location,
                f"the corner [{x:g}, {y:g}] lies off the picture of camera {camera.id!r}, "
                f"which is {width} x {height} pixels",
            )
            return


# --- building the domain's shop -----------------------------------------------------------------


NO_PLANOGRAM = "none"
"""Named by events while no version is valid; they name no item then."""


def _build(file: SiteFile, path: Path, versions: tuple[Version, ...], moment: datetime) -> Site:
    valid = valid_at(versions, moment)
    items = dict(valid.items) if valid else {}
    slug = re.sub(r"[^a-z0-9]+", "-", file.site.name.lower()).strip("-") or "site"
    cameras = tuple(_camera(c, path.parent) for c in file.cameras)
    shop = Shop(
        id=file.site.id or slug[:64],
        name=file.site.name,
        timezone=file.site.timezone,
        items=tuple(item_of(i) for i in file.items),
        cameras=cameras,
        fixtures=tuple(_fixture(f, cameras, items) for f in file.fixtures),
        planogram=valid.id if valid else NO_PLANOGRAM,
        map_size=file.map.size if file.map else None,
        map_image=file.map.image if file.map else None,
        language=file.site.language,
        currency=file.site.currency,
        marks=marks_of(file),
    )
    return Site(
        path=path,
        data=(path.parent / file.data).resolve(),
        shop=shop,
        privacy=file.privacy,
        triggers=file.triggers,
        server=file.server,
        hours=_hours(file),
        undeclared=_undeclared(file),
        file=file,
        planograms=versions,
    )


def marks_of(file: SiteFile) -> Marks:
    """What is worn or carried to be left alone."""
    worn = file.staff.marker if file.staff else MarkerSection()
    card = file.objection or ObjectionSection(tags=())
    return Marks(
        staff_tags=frozenset(STAFF_TAGS if worn.tags == "any" else worn.tags),
        staff_mm=worn.size_mm,
        vest=Vest(**worn.vest.model_dump()) if worn.vest else None,
        objection_tags=frozenset(OBJECTION_TAGS if card.tags == "any" else card.tags),
        objection_mm=card.size_mm,
    )


def _hours(file: SiteFile) -> OpeningHours | None:
    if file.hours is None:
        return None
    always = file.hours.open == "always"
    week = {} if file.hours.open == "always" else file.hours.open
    return OpeningHours(file.site.timezone, week, frozenset(file.hours.holidays), always)


def _undeclared(file: SiteFile) -> tuple[str, ...]:
    """Shelf cameras that name neither staff zones nor excluded ones, not even none at all, in a
    shop whose staff wear no marker.
    """
    if marks_of(file).of_staff:
        return ()
    return tuple(
        camera.id
        for camera in file.cameras
        if camera.role is CameraRole.SHELF and not {"staff", "excluded"} & camera.model_fields_set
    )


def item_of(item: ItemSection) -> Item:
    """An item of the file as the rooms know it."""
    price = None if item.price is None else round(item.price * 100)
    return Item(item.id, item.name, item.category, item.gtin, price)


def _camera(camera: CameraSection, folder: Path) -> CameraSpec:
    source = re.sub(r"\$\{(\w+)\}", lambda m: os.environ[m[1]], camera.source)
    marks, lens = calibration(camera)
    is_file = "://" not in source and not source.isdigit() and not source.startswith("/dev/")
    return CameraSpec(
        id=camera.id,
        source=str(folder / source) if is_file else source,
        role=camera.role,
        size=camera.size,
        fps=camera.fps,
        excluded=tuple(as_polygon(p) for p in camera.excluded),
        simulated=camera.simulated,
        staff=tuple(as_polygon(p) for p in camera.staff),
        objection=tuple(as_polygon(p) for p in camera.objection),
        marks=marks,
        lens=lens,
        calibrated_on=camera.floor.stream if camera.floor else None,
    )


def _fixture(
    fixture: FixtureSection, cameras: tuple[CameraSpec, ...], items: dict[str, str | None]
) -> Fixture:
    camera = next((c for c in cameras if c.id == fixture.camera), None)
    face_camera = fixture.face_camera
    if face_camera is None and camera and camera.role is CameraRole.SHELF:
        face_camera = camera.id
    return Fixture(
        id=fixture.id,
        name=fixture.name or fixture.id,
        camera=fixture.camera,
        polygon=fixture.polygon or (_whole(camera) if camera else ()),
        facings=_facings(fixture, items),
        face_camera=face_camera,
        face_camera_at=fixture.face_camera_at,
        on_map=fixture.on_map,
    )


def _whole(camera: CameraSpec) -> Polygon:
    width, height = camera.size
    return ((0, 0), (width, 0), (width, height), (0, height))


def _facings(fixture: FixtureSection, items: dict[str, str | None]) -> tuple[Facing, ...]:
    places = [f.on_map for f in fixture.facings]
    if fixture.on_map and not any(places):
        places = list(_lay_out(fixture.on_map, len(fixture.facings)))
    return tuple(
        Facing(f.id, items.get(f.id), f.polygon or (), place)
        for f, place in zip(fixture.facings, places, strict=True)
    )


def _lay_out(box: Box, count: int) -> Iterator[Box]:
    """Facings side by side along the longer side of their fixture."""
    x0, y0, x1, y1 = box
    for n in range(count):
        a, b = n / count, (n + 1) / count
        if x1 - x0 >= y1 - y0:
            yield (x0 + (x1 - x0) * a, y0, x0 + (x1 - x0) * b, y1)
        else:
            yield (x0, y0 + (y1 - y0) * a, x1, y0 + (y1 - y0) * b)
