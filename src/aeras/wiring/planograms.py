"""Imports, checks and exports planogram versions beside a site file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import shapely

from aeras.config import SiteFile, item_of, read_planograms, read_site, read_site_text
from aeras.domain.errors import ConfigError, InputError
from aeras.domain.shop import Item
from aeras.shelf.planogram import (
    Known,
    Version,
    added,
    as_csv,
    as_json,
    missing_facings,
    read_rows,
    rows_of,
    valid_at,
    versions_of,
)
from aeras.wiring.sitefile import Document, read_text, replace_file, revision_of, write_text

FILE = "planogram.csv"
OVERLAP = 0.2
"""Facings that share more than this of the smaller one's area cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import would write; nothing is written while there are faults.

    Attributes:
        added: Names of the new versions.
        faults: Sentences on all that is wrong.
        planogram: The file of versions.
        text: What it would hold.
        site: The site file.
        site_text: What that would hold, None if it stays as it is.
        revision: Of the site file when it was read.
    """

    added: tuple[str, ...]
    faults: tuple[str, ...]
    planogram: Path
    text: str
    site: Path
    site_text: str | None
    revision: str

    def write(self) -> None:
        """Writes the versions, then, the first time, their name into the site file."""
        replace_file(self.planogram, self.text)
        if self.site_text is not None:
            write_text(self.site, self.site_text, revision=self.revision)


def load_file(path: Path) -> SiteFile:
    """A site file whose own content is right.

    Raises:
        ConfigError: The first of its problems.
    """
    file, errors = read_site(path)
    if file is None or errors:
        raise errors[0]
    return file


def import_versions(path: Path, text: str, *, where: str) -> Imported:
    """Adds versions to those that a site keeps.

    The first import moves the items that stand in the site file into the file of versions, as the
    version that was valid until then.

    Args:
        path: The site file.
        text: CSV or JSON.
        where: Name of the text, for errors.

    Raises:
        ConfigError: The site file itself is wrong.
        InputError: The text is no planogram, or would change a version that is kept.
    """
    site_text = read_text(path)
    file, errors = read_site_text(path, site_text)
    if file is None or errors:
        raise errors[0]
    known = known_of(file)
    new, faults = versions_of(read_rows(text, where=where), known, file.site.timezone)
    told = [f"{where}:{fault.line}: {fault.what}" for fault in faults]
    told += [f"{where}: {sentence}" for sentence in missing_facings(new, known)]
    told += overlaps(file)
    old = read_planograms(file, path)[0]
    kept = added(old, new, where=where) if not told else []
    target = path.parent / (file.planogram_file or FILE)
    if not told:
        rows = rows_of(kept, known.items, file.site.timezone)
        again = versions_of(read_rows(as_csv(rows), where=FILE), known, file.site.timezone)[1]
        told += [f"{where}: {fault.what}" for fault in again]
    names = {version.id for version in old}
    written = rows_of(kept, known.items, file.site.timezone)
    return Imported(
        added=tuple(v.id for v in new if v.id not in names),
        faults=tuple(told),
        planogram=target,
        text=as_json(written) if target.suffix == ".json" else as_csv(written),
        site=path,
        site_text=None if file.planogram_file else _with_file(site_text),
        revision=revision_of(site_text),
    )


def _with_file(site_text: str) -> str:
    document = Document(site_text)
    document.use_planogram_file(FILE)
    return document.text()


def check_planogram(path: Path, now: datetime) -> list[str]:
    """Sentences on all that is wrong with a site's planogram.

    Raises:
        ConfigError: The site file itself is wrong.
    """
    file, errors = read_site(path)
    if file is None:
        raise errors[0]
    versions = read_planograms(file, path)[0]
    found = [str(error) for error in errors]
    if versions:
        found += missing_facings(versions, known_of(file))
        if valid_at(versions, now) is None:
            found.append(f"no version is valid at {now:%Y-%m-%d %H:%M} UTC")
    return found + overlaps(file)


def overlaps(file: SiteFile) -> list[str]:
    """Sentences on facings of a fixture that lie over each other."""
    found = []
    for fixture in file.fixtures:
        drawn = [(f.id, shapely.Polygon(f.polygon)) for f in fixture.facings if f.polygon]
        for n, (name, area) in enumerate(drawn):
            for other, there in drawn[:n]:
                shared = area.intersection(there).area / min(area.area, there.area)
                if shared > OVERLAP:
                    found.append(
                        f"facings {other!r} and {name!r} share {shared:.0%} of the smaller one's "
                        "place; draw them apart"
                    )
    return found


def known_of(file: SiteFile) -> Known:
    """The ids that a planogram of a site may name."""
    facings = frozenset(f.id for fixture in file.fixtures for f in fixture.facings)
    return Known(facings, items_of(file))


def items_of(file: SiteFile) -> Mapping[str, Item]:
    """Items by id."""
    return {item.id: item_of(item) for item in file.items}


def rows_for(file: SiteFile, versions: Sequence[Version]) -> list[dict[str, str]]:
    """Rows of versions as they are exported."""
    return rows_of(versions, items_of(file), file.site.timezone)


def version(versions: Sequence[Version], name: str, where: str) -> Version:
    """The version of that name; InputError if there is none."""
    for one in versions:
        if one.id == name:
            return one
    names = ", ".join(v.id for v in versions)
    raise InputError(f"no version {name!r} is kept", where=where, todo=f"There are: {names}")


def all_versions(path: Path) -> tuple[SiteFile, tuple[Version, ...]]:
    """A site's file and all its versions; ConfigError if either is wrong."""
    file = load_file(path)
    versions, errors = read_planograms(file, path)
    if errors:
        raise ConfigError(errors[0].what, where=errors[0].where)
    return file, versions
