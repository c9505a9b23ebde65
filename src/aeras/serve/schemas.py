"""What the JSON API answers; the published numbers of the domain, unchanged, at the edge."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class ReadingOut(BaseModel):
    """Whether all reading is stopped, since when (UTC) and by whom."""

    stopped: bool
    since: datetime | None = None
    by: str | None = None


class ErrorOut(_Out):
    """Every error: what was wrong, where, and what to do."""

    what: str
    where: str = ""
    todo: str = ""


class RateOut(_Out):
    """A share with its 95 % interval and the n behind it."""

    value: float
    low: float
    high: float
    n: int


class NumbersOut(_Out):
    """Numbers of one group; null where fewer than k visits stand behind them."""

    visits: int | None
    dwells: int | None
    reaches: int | None
    takes: int | None
    put_backs: int | None
    rejection: RateOut | None
    hesitation: RateOut | None
    positive: RateOut | None
    unclear: RateOut | None
    coverage: float | None
    simulated: float = Field(description="Share of the events that come from a simulation")
    misplaced: int | None = Field(default=None, description="Put down at another item's facing")
    knocked_over: int | None = Field(default=None, description="Fell or shifted, not taken")


class PeriodOut(_Out):
    """The days asked about; ``since`` and ``until`` are UTC, half-open."""

    first: date
    last: date
    since: datetime
    until: datetime


class TotalsOut(_Out):
    """The whole site."""

    numbers: NumbersOut
    items_withheld: int
    open_triggers: int
    answers: int | None


class ItemOut(_Out):
    """An item with its numbers."""

    id: str
    name: str
    category: str
    gtin: str | None
    price: int | None = Field(description="Minor currency units")
    numbers: NumbersOut
    sold: float | None
    open_triggers: int
    answers: int | None


class FacingOut(_Out):
    """A facing with its place on the map, xyxy metres."""

    id: str
    fixture: str
    item: str | None
    item_name: str
    on_map: tuple[float, float, float, float]
    numbers: NumbersOut


class FixtureOut(_Out):
    """A shelf unit on the map, xyxy metres."""

    id: str
    name: str
    on_map: tuple[float, float, float, float] | None


class ShopOut(_Out):
    """The site."""

    id: str
    name: str
    timezone: str
    currency: str
    k: int
    map_size: tuple[float, float] | None
    fixtures: list[FixtureOut]


class TimePointOut(_Out):
    """One hour or day, its start in UTC."""

    at: datetime
    numbers: NumbersOut


class TriggerOut(_Out):
    """A finding about an item."""

    id: str
    rule: str
    item: str
    item_name: str
    opened_at: datetime
    state: str
    origin: str
    evidence: list[str]
    survey: str | None


class SurveyOut(_Out):
    """Answers on one item."""

    item: str
    answers: int | None
    asked: int | None
    rating: RateOut | None
    ratings: list[int] | None
    choices: list[tuple[str, int]] | None
    quotes: list[str]
    simulated: float


class CameraOut(_Out):
    """State of one camera."""

    id: str
    role: str
    state: str
    reason: str
    fps: float
    latency_p95_s: float | None
    dropped: int
    simulated: bool


class TotalsPage(_Out):
    """Totals of a period."""

    period: PeriodOut
    k: int
    totals: TotalsOut


class ItemsPage(_Out):
    """Items of a period."""

    period: PeriodOut
    k: int
    rows: list[ItemOut]


class FacingsPage(_Out):
    """Facings of a period."""

    period: PeriodOut
    k: int
    rows: list[FacingOut]


class TimelinePage(_Out):
    """Points of a period."""

    period: PeriodOut
    k: int
    rows: list[TimePointOut]


class ItemPage(_Out):
    """All on one item."""

    period: PeriodOut
    k: int
    item: ItemOut
    survey: SurveyOut
    triggers: list[TriggerOut]
    facings: list[FacingOut]


class InviteOut(_Out):
    """A link that lets one person answer once, and its QR code."""

    url: str
    svg: str


class LiveOut(_Out):
    """One live message; fields that a type does not use are left out."""

    type: str
    at: datetime | None = None
    kind: str | None = None
    item: str | None = None
    item_name: str | None = None
    fixture: str | None = None
    fixture_name: str | None = None
    facing: str | None = None
    dwell: str | None = None
    reaction: str | None = None
    reasons: list[str] = Field(default_factory=list)
    coverage: float | None = None
    origin: str | None = None
    camera: str | None = None
    state: str | None = None
    reason: str | None = None
    trigger: str | None = None
    level: Literal["full", "low", "empty"] | None = None
    received: datetime | None = Field(default=None, description="To the minute, UTC")
    text: str | None = Field(default=None, description="The message in words")


class AnswerIn(BaseModel):
    """A filled form from a link."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=2000)
    language: str = Field(default="en", max_length=35)
    version: int | None = Field(default=None, ge=1, lt=2**31, description="Of the form shown")
    client_id: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{32}$",
        description="Random; sending the same again with it gives the same receipt",
    )
    website: str = Field(
        default="", max_length=500, description="Leave empty: people do not see it"
    )
    answers: dict[str, object]


class KioskAnswerIn(BaseModel):
    """A filled form from a kiosk; ``client_id`` makes sending it again harmless."""

    model_config = ConfigDict(extra="forbid")

    invitation: str = Field(max_length=2000)
    client_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    language: str = Field(default="en", max_length=35)
    version: int | None = Field(default=None, ge=1, lt=2**31, description="Of the form shown")
    answers: dict[str, object]


class ReceiptOut(_Out):
    """The code by which the answer can be withdrawn; null when consent was refused."""

    receipt: str | None
    code: str | None = Field(default=None, description="A thank-you, where the shop gives one")
    code_text: str | None = Field(default=None, description="What the code is good for")


class InvitationOut(_Out):
    """A question and its form."""

    id: str
    survey: str
    item: str
    item_name: str
    language: str
    languages: list[str]
    form: dict[str, object]
    version: int | None = Field(default=None, description="Of the form; sent back with answers")


class KioskOut(_Out):
    """What the kiosk should ask now, if anything."""

    invitation: InvitationOut | None
    near: bool = Field(default=True, description="For a kiosk at a fixture: somebody is there")
    simulated: bool = Field(default=False, description="Shoppers of this shop are simulated")
