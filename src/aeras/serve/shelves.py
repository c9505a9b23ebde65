"""What is empty, low or misplaced on the shelves, and for how long items could be seen there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from aeras.domain.kept import Origin, StockLevel
from aeras.domain.shelves import MisplacedRow, OnShelf, ShelfRow, Shelves
from aeras.serve import schemas
from aeras.serve.api import TheBoard, ThePeriod
from aeras.serve.periods import Period
from aeras.serve.session import require_user

router = APIRouter(
    prefix="/api",
    dependencies=[Depends(require_user)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        422: {"model": schemas.ErrorOut, "description": "A parameter that cannot be used"},
    },
    tags=["shop"],
)


class ShelfRowOut(schemas._Out):
    """A facing that is empty or low now; times are starts of time grains, UTC."""

    facing: str
    fixture: str
    fixture_name: str
    item: str
    item_name: str
    level: str
    since: datetime
    seen: datetime
    origin: str


class OnShelfOut(schemas._Out):
    """For what share of the time that could be told something was on the shelf."""

    key: str
    value: float | None
    low: float = Field(description="If all the time that could not be told had been empty")
    high: float = Field(description="If none of it had been")
    told_h: float
    coverage: float = Field(description="Share of the open time for which it could be told")
    simulated: float


class MisplacedOut(schemas._Out):
    """How often an item was put down at others' facings, and where most; by k visits or more."""

    item: str
    item_name: str
    count: int
    facing: str | None
    fixture_name: str


class ShelfPage(schemas._Out):
    """The shelves now, and over a period; without cameras that watch stock all is empty."""

    period: schemas.PeriodOut
    k: int
    watched: bool
    now: list[ShelfRowOut]
    items: list[OnShelfOut]
    facings: list[OnShelfOut]
    misplaced: list[MisplacedOut]


@dataclass(frozen=True, slots=True)
class ShelfPart:
    """The shelves' part of a page."""

    watched: bool = False
    now: list[ShelfRow] = field(default_factory=list)
    items: list[OnShelf] = field(default_factory=list)
    misplaced: list[MisplacedRow] = field(default_factory=list)

    @property
    def simulated(self) -> float:
        """Share of it that comes from a simulation, for the page's mark."""
        rows = [float(row.origin is Origin.SIMULATED) for row in self.now]
        return max([*rows, *(one.simulated for one in self.items)], default=0.0)

    def level(self, level: str) -> list[ShelfRow]:
        """The rows of one level."""
        return [row for row in self.now if row.level is StockLevel(level)]

    def of(self, item: str) -> ShelfPart:
        """What concerns one item."""
        return ShelfPart(
            self.watched,
            [row for row in self.now if row.item == item],
            [one for one in self.items if one.key == item],
            [row for row in self.misplaced if row.item == item],
        )


def shelves_of(request: Request) -> Shelves | None:
    """Dependency: the shelves; None where nothing watches them."""
    shelves: Shelves | None = request.app.state.shelves
    return shelves if shelves is not None and shelves.watched else None


TheShelves = Annotated[Shelves | None, Depends(shelves_of)]


def shelf_part(request: Request, period: Period) -> ShelfPart:
    """The shelves' part of a page about a period."""
    shelves = shelves_of(request)
    if shelves is None:
        return ShelfPart()
    since, until = period.since, period.until
    return ShelfPart(
        True, shelves.now(), shelves.of_items(since, until), shelves.misplaced(since, until)
    )


@router.get("/shelf")
def shelf(board: TheBoard, period: ThePeriod, shelves: TheShelves) -> ShelfPage:
    """What is empty or low now, on-shelf availability, and misplaced items."""
    since, until = period.since, period.until
    return ShelfPage.model_validate(
        {
            "period": period,
            "k": board.k,
            "watched": shelves is not None,
            "now": shelves.now() if shelves else [],
            "items": shelves.of_items(since, until) if shelves else [],
            "facings": shelves.of_facings(since, until) if shelves else [],
            "misplaced": shelves.misplaced(since, until) if shelves else [],
        }
    )
