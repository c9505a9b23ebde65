"""Pictures of faces with labels in a CSV file, as users bring them: one clear error each."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import InputError
from aeras.domain.seen import Image

if TYPE_CHECKING:
    from pathlib import Path

_LEVELS_16_BIT = 257
"""65535 / 255: what a level of 8 bit is worth in one of 16."""


def read_rows(folder: Path, labels: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file that names pictures of a folder, as column -> text.

    Args:
        folder: The pictures; only looked at for being there.
        labels: CSV in UTF-8 with a head line.
        columns: Columns that must be there and hold something in each row.

    Raises:
        InputError: File or folder are missing, empty or not of that form.
    """
    if not folder.is_dir() or not labels.is_file():
        missing = labels if folder.is_dir() else folder
        raise InputError(
            "no such file or folder",
            where=str(missing),
            todo="Name a folder of pictures and the CSV file with their labels",
        )
    try:
        with labels.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text, restval="")
            rows = [(reader.line_num, row) for row in reader]
            found = [name for name in reader.fieldnames or () if name]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"not a CSV file in UTF-8 ({error})", where=str(labels)) from error
    missing_columns = [name for name in columns if name not in found]
    if missing_columns or not rows:
        raise InputError(
            f"no labelled face; expected the columns {','.join(columns)} and one row a face, "
            f"found {len(rows)} rows with {','.join(found) or 'no column'}",
            where=str(labels),
        )
    for line, row in rows:
        empty = [name for name in columns if not row[name].strip()]
        if empty:
            raise InputError(
                f"the row has no {' and no '.join(empty)}",
                where=f"{labels}:{line}",
                todo="Label the picture or leave its row out",
            )
    return [row for _, row in rows]


def read_picture(path: Path) -> Image:
    """A picture file as (H, W, 3) uint8 BGR.

    Grey pictures become BGR, transparency is dropped, a camera's rotation mark (EXIF) is followed,
    16 bits become 8.

    Raises:
        InputError: It cannot be read, or shows nothing; see `as_bgr`.
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"not a readable picture ({error})", where=str(path)) from None
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH  # any depth, so that a NaN is not made a 0
    with _without_warnings():
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
        except cv2.error:  # more pixels than OpenCV agrees to
            image = None
    if image is None:
        raise InputError("not a readable picture", where=str(path), todo="Use JPEG or PNG")
    levels = image // _LEVELS_16_BIT if image.dtype == np.uint16 else image
    return as_bgr(levels, str(path))


def as_bgr(image: NDArray[Any], where: str) -> Image:
    """Any picture as (H, W, 3) uint8 BGR.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA; uint8, or numbers 0..255.
        where: Named in errors.

    Raises:
        InputError: The shape is another, a value is not a number, or all values are equal.
    """
    channels = image.shape[2] if image.ndim == 3 else 1  # noqa: PLR2004  # height, width, channels
    if image.ndim not in (2, 3) or channels not in (1, 3, 4) or not image.size:
        raise InputError(f"shape {image.shape} is no picture", where=where)
    if not np.isfinite(image).all():
        raise InputError("holds values that are no numbers (NaN or infinite)", where=where)
    if image.min() == image.max():
        raise InputError("all pixels are equal, so it shows no face", where=where)
    levels = np.asarray(np.clip(image, 0, 255), dtype=np.uint8)
    if channels == 1:
        return np.asarray(cv2.cvtColor(levels, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    return np.ascontiguousarray(levels[:, :, :3])


@contextmanager
def _without_warnings() -> Iterator[None]:
    """OpenCV writes its own lines about damaged files to stderr; ours says it once."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
