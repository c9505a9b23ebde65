"""The audit as a page that stands alone: no script, no picture from elsewhere, printable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from aeras import __version__
from aeras.domain.errors import InputError
from aeras.domain.seen import EXPRESSIONS
from aeras.lab.expression import GROUPS

LEFT, RIGHT, WIDTH = 150, 86, 760
"""Of a plot, in its own units: room for names, room for figures, and the whole."""
ROW = 30
_STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
_MOST_TICKS = 8
FEW = 100
"""Readings of a group below which the page warns."""

REASONS = {
    "not found": "no face found",
    "small": "too small",
    "cut": "cut by the edge",
    "blurred": "blurred",
    "hidden": "hidden",
    "turned": "turned away",
    "unclear": "too uncertain",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """One group's line of a plot of intervals; x in the plot's units."""

    name: str
    y: float
    low: float
    high: float
    at: float
    text: str
    title: str
    outside: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot of one rate with its interval a group."""

    marks: list[Mark]
    ticks: list[tuple[float, str]]
    mean: float
    band: tuple[float, float]
    height: float


def check_writable(path: Path | None) -> None:
    """Tells before the work, not after it, that the page cannot be written.

    Raises:
        InputError: Its folder is not there, or it is a folder itself.
    """
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise InputError(
            "the report cannot be written here",
            where=str(path),
            todo="Name a file in a folder that exists",
        )


def in_words(result: dict[str, Any]) -> str:
    """The record as a small table for a terminal."""
    lines = [f"{result['by']:22}{'n':>6}{'found':>8}{'read':>8}{'negative':>10}  interval"]
    for name, figures in result["groups"].items():
        span = figures["negative_interval"]
        between = f"  {percent(span[0])} to {percent(span[1])}" if span else ""
        lines.append(
            f"{name:22}{figures['n']:6}{percent(figures['detection_recall']):>8}"
            f"{percent(figures['coverage']):>8}{percent(figures['negative_rate']):>10}{between}"
        )
    gate = result["gate"]
    lines += [
        f"mean of the groups {percent(result['mean_negative_rate'])}, largest gap "
        f"{100 * result['largest_gap']:.1f} points, {100 * gate['margin']:g} allowed",
        "passed" if gate["passed"] else "\n".join(["not passed", *gate["failures"]]),
    ]
    return "\n".join(lines)


def write_report(result: dict[str, Any], path: Path) -> None:
    """Writes the page.

    Raises:
        InputError: The file cannot be written.
    """
    page = render_report(result)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"the report cannot be written ({error.strerror})", where=str(path)
        ) from error


def render_report(result: dict[str, Any]) -> str:
    """The page for a record of `aeras.lab.audit.audit_folder`."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    groups, gate = result["groups"], result["gate"]
    read = {name: figures for name, figures in groups.items() if figures["read"]}
    return environment.get_template("audit.html").render(
        result=result,
        groups=groups,
        gate=gate,
        version=__version__,
        negative=interval_plot(read, "negative_rate", result["mean_negative_rate"], gate["margin"]),
        found=interval_plot(
            groups, "detection_recall", result["mean_detection_recall"], gate["detection_margin"]
        ),
        bars=_bars(read),
        four=tuple(GROUPS),
        classes=EXPRESSIONS,
        reasons=_reasons(groups),
        few=[name for name, figures in groups.items() if figures["read"] < FEW],
        labelled=any("errors" in figures for figures in groups.values()),
        left=LEFT,
        width=WIDTH,
        right=WIDTH - RIGHT,
        row=ROW,
    )


def interval_plot(
    groups: dict[str, dict[str, Any]], field: str, mean: float, margin: float
) -> Plot:
    """Places each group's rate and interval beside the band that passes.

    Args:
        groups: Name -> figures of a group.
        field: ``negative_rate`` or ``detection_recall``.
        mean: Of the groups.
        margin: Half the width of the band.
    """
    spans = {name: figures[_interval_of(field)] for name, figures in groups.items()}
    low = min([mean - margin, *(span[0] for span in spans.values())])
    high = max([mean + margin, *(span[1] for span in spans.values())])
    ticks = _ticks(max(0.0, low), min(1.0, high))
    start, end = ticks[0], ticks[-1]

    def x(share: float) -> float:
        inside = (min(max(share, start), end) - start) / (end - start)
        return round(LEFT + inside * (WIDTH - LEFT - RIGHT), 1)

    marks = [
        Mark(
            name=name,
            y=ROW * (index + 0.5),
            low=x(spans[name][0]),
            high=x(spans[name][1]),
            at=x(figures[field]),
            text=percent(figures[field]),
            title=f"{name}: {percent(figures[field])}, "
            f"between {percent(spans[name][0])} and {percent(spans[name][1])}",
            outside=abs(figures[field] - mean) > margin,
        )
        for index, (name, figures) in enumerate(groups.items())
    ]
    return Plot(
        marks=marks,
        ticks=[(x(tick), f"{100 * tick:g}") for tick in ticks],
        mean=x(mean),
        band=(x(mean - margin), x(mean + margin)),
        height=ROW * len(marks),
    )


def _interval_of(field: str) -> str:
    return {"negative_rate": "negative_interval", "detection_recall": "detection_interval"}[field]


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers that reach round the given ones."""
    for step in _STEPS:
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < _MOST_TICKS:
            break
    return [round(number * step, 6) for number in range(first, max(last, first + 1) + 1)]


def _reasons(groups: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Why faces were not read, as found in these groups: name and words, in one fixed order."""
    found: set[str] = {r for figures in groups.values() for r in figures["not_read"]}
    ordered = [reason for reason in REASONS if reason in found]
    return [(name, REASONS.get(name, name)) for name in ordered + sorted(found - set(REASONS))]


def _bars(groups: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What each group's faces read as, as parts of a bar."""
    room = WIDTH - LEFT - RIGHT
    bars = []
    for index, (name, figures) in enumerate(groups.items()):
        start, parts = float(LEFT), []
        for kind in GROUPS:
            share = figures["group_rates"][kind]
            parts.append({"kind": kind, "x": start, "width": share * room, "share": share})
            start += share * room
        bars.append({"name": name, "y": ROW * index, "parts": parts, "read": figures["read"]})
    return bars


def percent(share: float | None) -> str:
    """0.034 as ``3.4 %``."""
    return "–" if share is None else f"{100 * share:.1f} %"  # noqa: RUF001 - a dash for nothing
