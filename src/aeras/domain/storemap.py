"""What the store map shows: one layer at a time, over a period, in its hours or days, or beside
another period. Every figure in it has passed the privacy gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Layer(StrEnum):
    """What colours a place on the map."""

    REJECTION = "rejection"
    HESITATION = "hesitation"
    POSITIVE = "positive"
    VISITS = "visits"
    DWELLS = "dwells"
    TAKES = "takes"
    SALES = "sales"
    CONVERSION = "conversion"
    STOCK = "stock"

    @property
    def of_handlings(self) -> bool:
        """Whether it is a share of handlings."""
        return self in {Layer.REJECTION, Layer.HESITATION, Layer.POSITIVE}

    @property
    def is_share(self) -> bool:
        """Whether it lies in [0, 1]."""
        return self.of_handlings or self is Layer.STOCK

    @property
    def of_item(self) -> bool:
        """Whether a till knows it, which knows items but not places: all places of an item show
        the same.
        """
        return self in {Layer.SALES, Layer.CONVERSION}


class Step(StrEnum):
    """How a period is cut for playback; hours are hours of the day, over all its days."""

    WHOLE = ""
    DAY = "day"
    HOUR = "hour"


class Why(StrEnum):
    """Why a place has no figure."""

    SHOWN = ""
    FEW = "few"
    """Fewer than k visits stand behind it."""
    SLOW = "slow"
    """Counts come in blocks of k visits, which take longer to fill than one step lasts."""
    NONE = "none"
    """Nothing measures it here: no till, or no camera that watches the stock."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One place in one layer.

    Attributes:
        facing: Its id.
        value: The figure, None if there is none; then ``why`` says the reason.
        low, high: 95 % interval, or for stock the bounds if all that could not be told had been
            empty or not; None for plain counts.
        n: Handlings or visits behind it, or None.
        untold: Share in which the system could not tell, or None where that has no meaning.
        clear: For a difference: whether it is more than chance, all compared places considered.
        simulated: Share of it that comes from a simulation.
    """

    facing: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    untold: float | None = None
    clear: bool = False
    why: Why = Why.SHOWN
    simulated: float = 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """The map at one step: ``key`` is "" (the whole period), an ISO day or an hour "00" to "23"."""

    key: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open period in UTC."""

    since: datetime
    until: datetime


class Maps(Protocol):
    """The figures of the store map."""

    def layers(self) -> list[Layer]:
        """Those that something at this site measures."""

    def frames(self, layer: Layer, span: Span, step: Step) -> list[Frame]:
        """The layer for each step of a period; one frame if the step is the whole."""

    def difference(self, layer: Layer, now: Span, then: Span) -> list[Cell]:
        """How a layer of one period differs from that of another: the difference of shares, for
        counts and sales the relative change of their rate.
        """
