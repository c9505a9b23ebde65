"""The folder of a site's databases."""

from __future__ import annotations

from pathlib import Path

from aeras.domain.errors import StoreError


def make_folder(folder: Path) -> None:
    """Makes the data folder, which its owner alone may open; StoreError if that cannot be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the data folder cannot be made: {error.strerror}",
            where=str(folder),
            todo="Set `data:` in the site file to a folder that can be written",
        ) from None
