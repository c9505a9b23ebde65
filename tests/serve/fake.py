"""A shop that exists only in memory: fakes of the ports that the pages need.

``python -m tests.serve.fake`` serves it with things happening, for work on the pages.
"""

from __future__ import annotations

import base64
import math
import queue
import random
import tempfile
import threading
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from argon2 import PasswordHasher

from aeras.domain.desk import Invitation, Refusal, RefusedError
from aeras.domain.errors import InputError
from aeras.domain.kept import Origin, TriggerState
from aeras.domain.oversight import (
    Act,
    Entry,
    Oversight,
    Paper,
    PublicNotice,
    RuleState,
    Standing,
    Stopped,
)
from aeras.domain.ports import Subscription
from aeras.domain.published import (
    CameraStatus,
    FacingRow,
    FormAnswers,
    ItemRow,
    Numbers,
    Rate,
    SurveySummary,
    TimePoint,
    Totals,
    TriggerRow,
)
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture, Item, Shop
from aeras.domain.storemap import Cell, Frame, Layer, Span, Step, Why
from aeras.store.control import Control

NOW = datetime(2026, 11, 22, 14, 20, tzinfo=UTC)
K = 10
SECRET = "a fake secret that is long enough for tests"

_GOODS = {
    "Drinks": "Oat milk 1 l|Whole milk 1 l|Apple juice|Orange juice|Ginger shot|Cold brew|Iced tea "
    "peach|Sparkling water|Kombucha lemon|Elderflower lemonade",
    "Breakfast": "Crunchy muesli|Corn flakes|Porridge cups|Honey|Strawberry jam|Peanut butter|"
    "Hazelnut spread|Rye crispbread",
    "Snacks": "Sea salt crisps|Paprika crisps|Trail mix|Dark chocolate 85%|Milk chocolate|Rice cak"
    "es|Protein bar|Dried mango",
    "Care": "Shampoo mint|Shower gel|Hand cream|Toothpaste|Deodorant stick|Sun lotion 30|Lip balm|"
    "Bamboo toothbrush",
    "Household": "Washing powder|Dish soap lemon|Sponges|Kitchen roll|Bin bags 20 l|Glass cleaner|"
    "Tea lights|Baking paper",
    "Chilled": "Plain yoghurt|Skyr vanilla|Feta|Hummus classic|Vegan salami|Butter|Tofu smoked|"
    "Fresh pasta",
}
_WORST = {"vegan-salami": 0.46, "kombucha-lemon": 0.38, "deodorant-stick": 0.33, "ginger-shot": 0.3}
_QUIET = {"tea-lights", "baking-paper", "lip-balm", "rye-crispbread", "dried-mango"}


def _slug(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def wilson(hits: float, n: int) -> Rate | None:
    """A share with Wilson's 95 % interval."""
    if n == 0:
        return None
    p, z = hits / n, 1.96
    mid = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Rate(p, max(0.0, mid - half), min(1.0, mid + half), n)


def make_shop() -> Shop:
    """Six shelf units with two rows of places each."""
    items: list[Item] = []
    fixtures: list[Fixture] = []
    for index, (category, names) in enumerate(_GOODS.items()):
        x, y = 1.2 + (index % 3) * 4.1, 1.4 + (index // 3) * 4.2
        facings = []
        for place, name in enumerate(names.split("|")):
            item = Item(_slug(name), name, category, f"40063813{index}{place:03d}", 99 + 37 * place)
            items.append(item)
            left, top = x + 0.6 * (place % 5), y + 0.75 * (place // 5)
            box = (left + 0.03, top + 0.03, left + 0.57, top + 0.72)
            facings.append(Facing(f"f{index}-{place}", item.id, (), box))
        if category == "Care":
            box = (x + 2.43, y + 0.78, x + 2.97, y + 1.47)
            facings.append(Facing(f"f{index}-empty", None, (), box))
        fixtures.append(
            Fixture(
                _slug(category),
                f"{category} shelf",
                "aisle-1" if index < 3 else None,
                (),
                tuple(facings),
                "shelf-1" if index == 0 else None,
                on_map=(x, y, x + 3.0, y + 1.5),
            )
        )
    cameras = (
        CameraSpec("shelf-1", "demo:shelf", CameraRole.SHELF, (1280, 720), simulated=True),
        CameraSpec("aisle-1", "demo:aisle", CameraRole.AISLE, (1280, 720), simulated=True),
        CameraSpec("aisle-2", "rtsp://192.0.2.7/stream", CameraRole.AISLE, (1280, 720)),
    )
    return Shop(
        "corner",
        "Corner Shop",
        "Europe/Berlin",
        tuple(items),
        cameras,
        tuple(fixtures),
        map_size=(13.4, 8.4),
    )


@dataclass
class _Daily:
    """What happens with one item on a usual day."""

    visits: float
    rejection: float
    positive: float
    hesitation: float


class FakeSubscription:
    def __init__(self, board: FakeBoard) -> None:
        self._board = board
        self._messages: queue.SimpleQueue[dict[str, object]] = queue.SimpleQueue()
        self.closed = False

    def put(self, message: dict[str, object]) -> None:
        self._messages.put(message)

    def get(self, timeout_s: float) -> dict[str, object] | None:
        try:
            return self._messages.get(timeout=min(timeout_s, 0.05))
        except queue.Empty:
            return None

    def close(self) -> None:
        self.closed = True
        self._board.subscriptions.remove(self)


class FakeBoard:
    """Numbers from a seeded draw plus whatever `happen` adds."""

    k = K

    def __init__(
        self, *, simulated: float = 1.0, now: datetime | None = None, seed: int = 4
    ) -> None:
        draw = random.Random(seed)
        self.shop = make_shop()
        self._simulated = simulated
        self._now = now or NOW
        self._daily = {
            item.id: _Daily(
                0.3 if item.id in _QUIET else draw.uniform(6, 46),
                _WORST.get(item.id, draw.betavariate(2, 15)),
                draw.betavariate(5, 12),
                draw.betavariate(2, 16),
            )
            for item in self.shop.items
        }
        self.extra: dict[str, list[str]] = {}
        self.subscriptions: list[FakeSubscription] = []
        self.pictures: dict[str, bytes] = {}
        self.desk: FakeDesk | None = None
        self.trigger_rows = self._make_triggers()

    # --- numbers ---
    def _numbers(self, item: str, days: float, extra: bool = True) -> Numbers:
        daily = self._daily[item]
        happened = self.extra.get(item, []) if extra else []
        visits = round(daily.visits * days) + len(happened)
        simulated = self._simulated
        if visits < K:
            return Numbers(None, None, None, None, None, None, None, None, None, None, simulated)
        n = round(visits * 0.62)
        rejected = n * daily.rejection + happened.count("rejected")
        n += len(happened)
        return Numbers(
            visits,
            round(visits * 0.8),
            round(visits * 0.2),
            round(n * 0.7),
            round(rejected * 0.9),
            wilson(rejected, n),
            wilson(n * daily.hesitation, n),
            wilson(n * daily.positive + happened.count("positive"), n),
            wilson(n * 0.17, n),
            0.58 - daily.hesitation,
            simulated,
        )

    def _days(self, since: datetime, until: datetime) -> float:
        return max(0.0, (min(until, self._now) - since) / timedelta(days=1))

    def totals(self, since: datetime, until: datetime) -> Totals:
        days = self._days(since, until)
        rows = [self._numbers(item.id, days) for item in self.shop.items]
        numbers = _sum([row for row in rows if row.visits is not None], self._simulated)
        open_triggers = sum(row.state == TriggerState.OPEN for row in self.trigger_rows)
        return Totals(numbers, sum(row.visits is None for row in rows), open_triggers, 96)

    def items(self, since: datetime, until: datetime) -> list[ItemRow]:
        days = self._days(since, until)
        rows = [
            ItemRow(
                item.id,
                item.name,
                item.category,
                item.gtin,
                item.price,
                self._numbers(item.id, days),
                None
                if item.category == "Care"
                else round(self._daily[item.id].visits * days * 0.3),
                sum(
                    row.item == item.id and row.state == TriggerState.OPEN
                    for row in self.trigger_rows
                ),
                self.survey(item.id).answers,
            )
            for item in self.shop.items
        ]
        return sorted(rows, key=lambda r: -(r.numbers.rejection.low if r.numbers.rejection else -1))

    def facings(self, since: datetime, until: datetime) -> list[FacingRow]:
        days = self._days(since, until)
        nothing = Numbers(None, None, None, None, None, None, None, None, None, None, 0.0)
        return [
            FacingRow(
                facing.id,
                fixture.id,
                facing.item,
                self.shop.item(facing.item).name if facing.item else "",
                facing.on_map,
                self._numbers(facing.item, days) if facing.item else nothing,
            )
            for fixture in self.shop.fixtures
            for facing in fixture.facings
            if facing.on_map
        ]

    def timeline(
        self, since: datetime, until: datetime, *, item: str | None = None
    ) -> list[TimePoint]:
        hourly = until - since <= timedelta(days=2)
        step = timedelta(hours=1) if hourly else timedelta(days=1)
        points, at = [], since
        while at < min(until, self._now):
            draw = random.Random(f"{item}{at.isoformat()}")
            share = draw.uniform(0.6, 1.4) * (step / timedelta(days=1)) * (2 if hourly else 1)
            names = [item] if item else list(self._daily)
            rows = [self._numbers(name, share, extra=False) for name in names]
            known = [row for row in rows if row.visits is not None]
            open_now = not hourly or 8 <= at.hour < 20
            if item:
                numbers = self._wobble(rows[0], draw)
            else:
                numbers = _sum(known if open_now else [], self._simulated)
            points.append(TimePoint(at, numbers))
            at += step
        return points

    def _wobble(self, numbers: Numbers, draw: random.Random) -> Numbers:
        if numbers.rejection is None:
            return numbers
        n = numbers.rejection.n
        hits = min(n, numbers.rejection.value * n * draw.uniform(0.6, 1.4))
        return replace(numbers, rejection=wilson(hits, n))

    # --- triggers, answers, cameras ---
    def _make_triggers(self) -> list[TriggerRow]:
        origin = Origin.SIMULATED if self._simulated else Origin.CAMERA
        rows = []
        for index, item in enumerate(_WORST):
            rate = _WORST[item]
            rows.append(
                TriggerRow(
                    f"trigger{index}",
                    "rejections-per-day",
                    item,
                    self.shop.item(item).name,
                    self._now - timedelta(hours=2 + 29 * index),
                    TriggerState.OPEN if index < 3 else TriggerState.CLOSED,
                    origin,
                    (
                        f"{round(rate * 60)} of 60 handlings rejected in 24 h, the rule allows 12",
                        f"Shelf neighbours: 11% (8 to 14%), this item {rate:.0%}",
                        "Face readable 51% of the time; could not tell in 17%",
                    ),
                    "why-rejected" if index != 1 else "taste",
                )
            )
        return rows

    def triggers(self) -> list[TriggerRow]:
        return list(self.trigger_rows)

    def surveys(self) -> dict[str, SurveySummary]:
        return {item.id: self.survey(item.id) for item in self.shop.items}

    def survey(self, item: str) -> SurveySummary:
        base = {"vegan-salami": 41, "kombucha-lemon": 17, "deodorant-stick": 4}.get(item, 0)
        stored = [a for a in (self.desk.stored if self.desk else []) if a["item"] == item]
        count = base + len(stored)
        if count < K:
            few = None if count else 0
            return SurveySummary(item, few, 12 if base else None, None, None, None, (), 0.0)
        ratings = [0.3, 0.28, 0.2, 0.14, 0.08]
        made = [round(base * share) for share in ratings]
        for one in stored:
            if isinstance(one.get("rating"), int):
                made[int(one["rating"]) - 1] += 1
        quotes = (
            *(str(one["text"]) for one in reversed(stored) if one.get("text")),
            "Tastes of smoke only, and the slices stick together.",
            "I could not find what it is made of on the front.",
            "Twice the price of the other one. Why?",
            "Nice idea, but the pack is too big for one person.",
        )
        choices = (("taste", base // 2), ("price", base // 4), ("label", base // 6), ("other", 2))
        mean = sum(stars * n for stars, n in enumerate(made, 1)) / sum(made)
        half = 2.3 / math.sqrt(sum(made))
        rating = Rate(mean, mean - half, mean + half, sum(made))
        return SurveySummary(
            item, count, count * 3, rating, tuple(made), choices, quotes, self._simulated
        )

    def form_answers(self, form: str) -> list[FormAnswers]:
        if form != "put-back":
            return []
        summary = self.survey("vegan-salami")
        more = (("where", (("none", 12), ("other", 11))),)
        return [FormAnswers(1, (("kiosk", 20), ("qr", None)), 10, summary, more)]

    def cameras(self) -> list[CameraStatus]:
        rendered = self._simulated > 0
        return [
            CameraStatus("shelf-1", "shelf", "up", "", 5.0, 0.42, 3, rendered),
            CameraStatus("aisle-1", "aisle", "up", "", 4.9, 0.61, 12, rendered),
            CameraStatus(
                "aisle-2",
                "aisle",
                "down",
                "rtsp://192.0.2.7/stream does not answer; next try in 30 s",
                0.0,
                None,
                0,
                False,
            ),
        ]

    def preview(self, camera: str) -> bytes | None:
        return self.pictures.get(camera)

    # --- live ---
    def subscribe(self) -> Subscription:
        subscription = FakeSubscription(self)
        self.subscriptions.append(subscription)
        return subscription

    def say(self, message: dict[str, object]) -> None:
        for subscription in list(self.subscriptions):
            subscription.put(message)

    def happen(
        self,
        item: str,
        kind: str = "put_back",
        reaction: str = "rejected",
        at: datetime | None = None,
    ) -> None:
        """Something happens at a shelf: it counts, and is told live."""
        self.extra.setdefault(item, []).append(reaction)
        fixture, facing = next(
            (f.id, place.id)
            for f in self.shop.fixtures
            for place in f.facings
            if place.item == item
        )
        reasons = {"rejected": ["put_back_fast", "brow_lowered"], "positive": ["smile"]}
        self.say(
            {
                "type": "event",
                "at": (at or self._now).isoformat(),
                "kind": kind,
                "item": item,
                "item_name": self.shop.item(item).name,
                "fixture": fixture,
                "facing": facing,
                "dwell": "5-15 s",
                "reaction": reaction,
                "reasons": reasons.get(reaction, []),
                "coverage": 0.7,
                "origin": "simulated" if self._simulated else "camera",
            }
        )


class FakeMaps:
    """The board's numbers as a map: steps wobble, and of a comparison some places are clear."""

    def __init__(self, board: FakeBoard) -> None:
        self._board = board

    def layers(self) -> list[Layer]:
        return list(Layer)

    def frames(self, layer: Layer, span: Span, step: Step) -> list[Frame]:
        keys = {Step.WHOLE: [""], Step.HOUR: [f"{hour:02d}" for hour in range(8, 20)]}.get(step)
        keys = keys or [f"2026-11-{day}" for day in range(16, 23)]
        return [Frame(key, self._cells(layer, span, key)) for key in keys]

    def difference(self, layer: Layer, now: Span, then: Span) -> list[Cell]:
        cells = []
        for index, cell in enumerate(self._cells(layer, now, "")):
            if cell.value is None:
                cells.append(cell)
                continue
            by = ((index * 7) % 23 - 11) / 40
            clear = abs(by) > 0.15
            cells.append(replace(cell, value=by, low=by - 0.12, high=by + 0.12, clear=clear))
        return cells

    def _cells(self, layer: Layer, span: Span, key: str) -> tuple[Cell, ...]:
        rows = self._board.facings(span.since, span.until)
        return tuple(self._cell(layer, row, key) for row in rows if row.item)

    def _cell(self, layer: Layer, row: FacingRow, key: str) -> Cell:
        n = row.numbers
        wobble = 1 + (0.25 * math.sin(len(row.id) + int(key[-2:] or 0) * 1.7) if key else 0)
        if n.visits is None or n.rejection is None:
            return Cell(row.id, None, why=Why.FEW, simulated=n.simulated)
        if layer.of_handlings:
            rate: Rate = getattr(n, layer.value)
            unclear = n.unclear.value if n.unclear else None
            value = min(1.0, rate.value * wobble)
            low, high = min(rate.low, value), max(rate.high, value)
            return Cell(row.id, value, low, high, rate.n, unclear, simulated=n.simulated)
        if layer is Layer.STOCK:
            return Cell(row.id, 0.9, 0.8, 0.97, untold=0.1, simulated=n.simulated)
        if layer is Layer.CONVERSION:
            return Cell(row.id, 31.4, 28.0, 35.0, n.visits, simulated=n.simulated)
        count = n.visits if layer is Layer.SALES else getattr(n, layer.value)
        return Cell(row.id, round(count * wobble), n=n.visits, simulated=n.simulated)


def _sum(rows: list[Numbers], simulated: float) -> Numbers:
    if not rows:
        return Numbers(None, None, None, None, None, None, None, None, None, None, simulated)
    n = sum(row.rejection.n for row in rows if row.rejection)

    def rate(name: str) -> Rate | None:
        return wilson(sum(getattr(r, name).value * getattr(r, name).n for r in rows), n)

    def total(name: str) -> int:
        return sum(getattr(row, name) for row in rows)

    return Numbers(
        total("visits"),
        total("dwells"),
        total("reaches"),
        total("takes"),
        total("put_backs"),
        rate("rejection"),
        rate("hesitation"),
        rate("positive"),
        rate("unclear"),
        0.55,
        simulated,
    )


class FakeAudit:
    """An audit log in memory; tests put what is wrong with it into ``wrong``."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.wrong: list[str] = []

    def add(self, act: Act, who: str, **about: str) -> Entry:
        entry = Entry(len(self.entries) + 1, NOW, who, act.value, about)
        self.entries.append(entry)
        return entry

    def last(self, count: int) -> list[Entry]:
        return self.entries[::-1][:count]

    def faults(self) -> list[str]:
        return self.wrong

    def head(self) -> str:
        return f"{len(self.entries)}:{'c4' * 32}"


class FakeSwitch:
    """A stop switch in memory."""

    def __init__(self, audit: FakeAudit) -> None:
        self._audit = audit
        self._stopped: Stopped | None = None

    def stopped(self) -> Stopped | None:
        return self._stopped

    def stop(self, who: str) -> Stopped:
        self._audit.add(Act.STOP, who)
        self._stopped = Stopped(NOW, who)
        return self._stopped

    def resume(self, who: str) -> None:
        self._audit.add(Act.RESUME, who)
        self._stopped = None


class FakePapers:
    """Papers of a site that reads expressions under the profile ``eu``."""

    def __init__(self) -> None:
        self._approved = ""

    def standing(self) -> Standing:
        rules = (
            RuleState(
                "controller", "GDPR Art. 13(1)(a)", "someone must answer", True, "Corner Ltd"
            ),
            RuleState(
                "staff", "EU AI Act Art. 5(1)(f)", "staff may not be read", False, "", "nicht lesen"
            ),
            RuleState("children", "GDPR recital 38", "no age is estimated", None),
        )
        return Standing(
            profile="eu",
            profile_version="1",
            profile_title={"en": "European Union", "de": "Europäische Union"},
            expression=True,
            faces=True,
            rules=rules,
            models=("yunet", "expression"),
            facts=(("controller", "Corner Ltd"), ("hours", "")),
            configuration="ab" * 32,
            notice="N-1",
            notice_at=NOW,
            notice_current=True,
            approved_by=self._approved,
            approved_at=NOW if self._approved else None,
        )

    def approve(self, who: str) -> Standing:
        self._approved = who
        return self.standing()

    def paper(self, name: str, form: str, language: str = "") -> Paper:
        if name != "dpia" or language not in ("", "en", "de"):
            raise InputError(f"there is no paper {name!r}")
        return Paper(f"dpia.{form}", "text/html", f"<p>the assessment {language}</p>".encode())

    def languages(self) -> tuple[str, ...]:
        return ("en", "de", "es", "ja")

    def public(self, language: str) -> PublicNotice:
        sections = (("What runs here", ("Two cameras.",)), ("How to object", ("Tell staff.",)))
        return PublicNotice(language, f"Cameras ({language})", "Nobody is known.", sections, True)


def make_oversight() -> Oversight:
    audit = FakeAudit()
    return Oversight(audit, FakeSwitch(audit), FakePapers())


def make_users(folder: Path, *users: tuple[str, str, str]) -> Control:
    """The real accounts, with passwords that are quick to hash."""
    control = Control(folder / "control.sqlite", hasher=PasswordHasher(1, 8, 1))
    for name, password, role in users:
        control.add_user(name, password, role)
    return control


_TEXT = {
    "en": {
        "consent": "May we ask you three short questions? Your answer is anonymous.",
        "yes": "Yes",
        "no": "No, thank you",
        "rating": "How do you like it?",
        "low": "Not at all",
        "high": "Very much",
        "choice": "What matters most?",
        "taste": "Taste",
        "price": "Price",
        "label": "Label hard to read",
        "other": "Something else",
        "text": "Anything you want to tell us?",
    },
    "de": {
        "consent": "Dürfen wir Ihnen drei kurze Fragen stellen? Ihre Antwort ist anonym.",
        "yes": "Ja",
        "no": "Nein, danke",
        "rating": "Wie gefällt es Ihnen?",
        "low": "Gar nicht",
        "high": "Sehr",
        "choice": "Was ist am wichtigsten?",
        "taste": "Geschmack",
        "price": "Preis",
        "label": "Etikett schwer lesbar",
        "other": "Etwas anderes",
        "text": "Möchten Sie uns noch etwas sagen?",
    },
}


def make_form(language: str) -> dict[str, object]:
    """Consent, a rating, a choice, an open answer; as the real forms."""
    text = _TEXT[language]
    questions = [
        {
            "type": "rating",
            "name": "rating",
            "isRequired": True,
            "title": text["rating"],
            "rateMax": 5,
            "minRateDescription": text["low"],
            "maxRateDescription": text["high"],
        },
        {
            "type": "radiogroup",
            "name": "choice",
            "title": text["choice"],
            "choices": [
                {"value": c, "text": text[c]} for c in ("taste", "price", "label", "other")
            ],
        },
        {"type": "comment", "name": "text", "title": text["text"], "maxLength": 500},
    ]
    consent = {
        "type": "boolean",
        "name": "consent",
        "title": text["consent"],
        "isRequired": True,
        "labelTrue": text["yes"],
        "labelFalse": text["no"],
    }
    return {
        "showQuestionNumbers": False,
        "locale": language,
        "pages": [
            {"name": "first", "elements": [consent]},
            {"name": "second", "elements": questions, "visibleIf": "{consent} = true"},
        ],
    }


@dataclass
class FakeDesk:
    """Surveys in memory. Tokens ``expired-...`` are expired, others must have been issued."""

    board: FakeBoard
    stored: list[dict[str, object]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    receipts: dict[str, str | None] = field(default_factory=dict)
    asking: str | None = "vegan-salami"

    def __post_init__(self) -> None:
        self.board.desk = self

    def languages(self, survey: str) -> tuple[str, ...]:
        return tuple(_TEXT)

    def form(self, survey: str, language: str) -> dict[str, object]:
        return make_form(language)

    def invite(self, item: str, channel: str) -> str:
        if not any(row.item == item and row.survey for row in self.board.trigger_rows):
            raise InputError(f"no survey runs for {item!r}", todo="Wait for a trigger")
        token = uuid.uuid4().hex
        self.tokens[token] = item
        return token

    def admit(self, token: str) -> Invitation:
        if token.startswith("expired"):
            raise RefusedError(Refusal.EXPIRED, "this link has expired")
        if token in self.spent:
            raise RefusedError(Refusal.SPENT, "this link was used before")
        if token not in self.tokens:
            raise RefusedError(Refusal.FORGED, "this link was not made here")
        item = self.board.shop.item(self.tokens[token])
        return Invitation(token, "why-rejected", item.id, item.name)

    def answer(
        self,
        token: str,
        payload: Mapping[str, object],
        language: str,
        version: int | None = None,
        *,
        client_id: str | None = None,
        client: str = "",
        trap: str = "",
    ) -> str | None:
        found = self.admit(token)
        receipt = self._store(found.item, payload, language)
        self.spent.add(token)
        return receipt

    def _store(
        self, item: str, payload: Mapping[str, object], language: str, receipt: str = ""
    ) -> str | None:
        unknown = set(payload) - {"consent", "rating", "choice", "text"}
        if unknown:
            raise InputError(f"unknown field {sorted(unknown)[0]!r}", todo="Use the form")
        if payload.get("consent") is not True:
            return None
        receipt = receipt or uuid.uuid4().hex[:8].upper()
        self.stored.append({"item": item, "receipt": receipt, "language": language, **payload})
        self.board.say(
            {"type": "answer", "item": item, "item_name": self.board.shop.item(item).name}
        )
        return receipt

    def kiosk(self, among: Collection[str] | None = None) -> Invitation | None:
        if self.asking is None or (among is not None and self.asking not in among):
            return None
        item = self.board.shop.item(self.asking)
        return Invitation(f"kiosk-{item.id}", "why-rejected", item.id, item.name)

    def answer_kiosk(
        self,
        invitation: str,
        payload: Mapping[str, object],
        language: str,
        client_id: str,
        version: int | None = None,
    ) -> str | None:
        if client_id not in self.receipts:
            item = invitation.removeprefix("kiosk-")
            if item not in {one.id for one in self.board.shop.items}:
                raise RefusedError(Refusal.FORGED, "this invitation was not made here")
            code = base64.b32encode(bytes.fromhex(client_id[:20])).decode()
            receipt = "-".join(code[i : i + 4] for i in range(0, 16, 4))
            self.receipts[client_id] = self._store(item, payload, language, receipt)
        return self.receipts[client_id]

    def withdraw(self, receipt: str) -> bool:
        kept = [one for one in self.stored if one["receipt"] != receipt]
        found = len(kept) < len(self.stored)
        self.stored[:] = kept
        return found

    def qr_svg(self, url: str) -> str:
        import segno

        return segno.make(url, micro=False).svg_inline(border=2, omitsize=True)


def paint(board: FakeBoard, tick: int) -> None:
    """Blurred pictures of nobody: soft blobs before a shelf."""
    import cv2
    import numpy as np

    for index, camera in enumerate(("shelf-1", "aisle-1")):
        picture = np.full((360, 640, 3), (150, 160, 158), np.uint8)
        for row in range(3):
            for col in range(11):
                colour = [int(90 + (col * 53 + row * 97 + shift) % 130) for shift in (0, 60, 120)]
                corner = (20 + col * 56, 40 + row * 100)
                cv2.rectangle(picture, corner, (corner[0] + 44, corner[1] + 80), colour, -1)
        x = 120 + int(380 * (0.5 + 0.5 * math.sin(tick / 12 + index)))
        cv2.ellipse(picture, (x, 330), (110, 150), 0, 0, 360, (92, 74, 66), -1)
        cv2.circle(picture, (x, 150), 62, (150, 170, 205), -1)
        face = picture[80:220, max(0, x - 75) : x + 75]
        face[:] = cv2.GaussianBlur(face, (0, 0), 14)
        board.pictures[camera] = cv2.imencode(".jpg", picture)[1].tobytes()


def main() -> None:
    """Serves the fake shop on http://127.0.0.1:8765 with things happening."""
    import time

    import uvicorn

    from aeras.serve.app import create_app
    from aeras.serve.links import OneTimeLinks

    now = datetime.now(UTC)
    board = FakeBoard(now=now)
    users = make_users(Path(tempfile.mkdtemp()), ("demo", "demo demo demo", "admin"))
    links = OneTimeLinks(lambda: datetime.now(UTC))
    app = create_app(
        board, users, FakeDesk(board), oversight=make_oversight(), secret=SECRET, links=links
    )
    print(f"http://127.0.0.1:8765{links.enter('demo')}", flush=True)  # noqa: T201 - a runner

    def live() -> None:
        draw = random.Random(1)
        for tick in range(10**9):
            paint(board, tick)
            if tick % 12 == 0:
                kind, reaction = draw.choice(
                    [
                        ("put_back", "rejected"),
                        ("take", "positive"),
                        ("reach", "neutral"),
                        ("dwell", "hesitant"),
                        ("take", "unclear"),
                    ]
                )
                item = draw.choice(board.shop.items).id
                board.happen(item, kind, reaction, at=datetime.now(UTC))
            time.sleep(0.2)

    threading.Thread(target=live, daemon=True).start()
    uvicorn.run(app, host="127.0.0.1", port=8765, log_level="warning")


if __name__ == "__main__":
    main()
