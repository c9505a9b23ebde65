"""The only door from seen to kept: an `Interaction` goes in, an anonymous `Event` comes out.

What is lost on the way, on purpose: the track id, the exact time, the exact length and every
string that the site file does not know.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aeras.domain.errors import PrivacyError
from aeras.domain.kept import DwellClass, Event, FirstOf, Kind, Origin, Reaction
from aeras.domain.seen import Interaction
from aeras.domain.shop import Fixture, Shop

GRAIN = timedelta(minutes=15)
"""Default coarseness of an event's time."""

CONTRIBUTIONS = 5
"""Deeds of one visit that a table with noise counts; see `aeras.privacy.noise`. Raise it only
together with a new column: stored events were marked by it."""

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING_READ = Reaction(0.0, 0.0, 0.0, 1.0)
_REASON = re.compile(r"[a-z]+(_[a-z]+)*")
_MAX_REASONS = 8
_MAX_REASON_CHARS = 40


def floor_time(at: datetime, grain: timedelta) -> datetime:
    """The start (UTC) of the grain in which a moment lies; grains are counted from midnight UTC."""
    if at.tzinfo is None:
        raise PrivacyError(
            f"a time without time zone ({at}) reached the gate",
            where="privacy.gate",
            todo="Pass UTC datetimes",
        )
    moment = at.astimezone(UTC)
    return moment - (moment - _EPOCH) % grain


@dataclass(slots=True)
class _Visit:
    """What one visit has done so far; lives only as long as the visit."""

    camera: str | None
    last_s: float
    fixtures: set[str] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    beside: set[Kind] = field(default_factory=set)
    deeds: int = 0

    def take(self, found: Interaction) -> tuple[FirstOf, bool]:
        """Marks an interaction as seen; for which scope it was the first, and whether it is one of
        the first deeds.
        """
        if not found.kind.beside:
            self.deeds += 1
            return self._scope(found.fixture, found.item), self.deeds <= CONTRIBUTIONS
        first = found.kind not in self.beside
        self.beside.add(found.kind)
        return FirstOf.SITE if first else FirstOf.NONE, False

    def _scope(self, fixture: str, item: str | None) -> FirstOf:
        """Marks fixture and item as seen and says for which scope this was the first time.

        An item that the visit already touched at another fixture gives ``NONE`` and leaves the
        new fixture unmarked: the scopes nest, so ``FIXTURE`` would count the item's visit twice.
        """
        if item is not None and item in self.items:
            return FirstOf.NONE
        if not self.fixtures:
            scope = FirstOf.SITE
        elif fixture not in self.fixtures:
            scope = FirstOf.FIXTURE
        else:
            scope = FirstOf.NONE if item is None else FirstOf.ITEM
        self.fixtures.add(fixture)
        if item is not None:
            self.items.add(item)
        return scope


@dataclass(frozen=True, slots=True)
class _Known:
    """What the gate needs to know of a fixture."""

    camera: str | None
    facings: frozenset[str]
    origin: Origin


def _known(shop: Shop, fixture: Fixture, origin: Origin | None) -> _Known:
    eyes = {fixture.camera, fixture.face_camera}
    rendered = any(camera.simulated for camera in shop.cameras if camera.id in eyes)
    own = Origin.SIMULATED if rendered else Origin.CAMERA
    facings = frozenset(facing.id for facing in fixture.facings)
    return _Known(fixture.camera, facings, origin or own)


class Gate:
    """Turns interactions into events. One gate serves one worker; it is not thread-safe.

    Counting visits without a visit id needs a short memory: per visit, which fixtures and items
    it has already met. It is dropped by `visit_ended`, or when the visit was silent for
    ``visit_timeout_s``, and never leaves this object.

    An interaction without a visit (no person could be told apart) is counted so that visits are
    rather understated, because the k-threshold rests on them: it joins whatever visits were active
    at the same camera within ``lone_s`` and is a first only if it would be for all of them; when
    there was none it opens a nameless visit, which the next visit to start within ``lone_s``
    takes over. Only a visit that goes unseen for longer than ``lone_s`` and comes back without a
    track is counted twice.

    Args:
        shop: The site; ids that it does not know are refused.
        grain: Coarseness of `Event.at`; divides a day.
        visit_timeout_s: Seconds of silence after which a visit's memory is dropped.
        lone_s: Seconds within which an interaction without visit belongs to a neighbour in time.
        ids: Makes event ids.
        origin: Origin of every event; by default that of the fixture's cameras.
        shared_visits: Visits are numbered for all cameras together, so that one number is one visit
            wherever it appears; by default each camera numbers its own.
    """

    def __init__(
        self,
        shop: Shop,
        *,
        grain: timedelta = GRAIN,
        visit_timeout_s: float = 600.0,
        lone_s: float = 30.0,
        ids: Callable[[], str] = lambda: secrets.token_hex(16),
        origin: Origin | None = None,
        shared_visits: bool = False,
    ) -> None:
        if grain < timedelta(minutes=1) or _DAY % grain:
            raise PrivacyError(
                f"time grain {grain} is not a divisor of a day of at least one minute",
                where="privacy.gate",
                todo="Use 5, 15, 30 or 60 minutes",
            )
        self._shop = shop
        self._grain = grain
        self._timeout_s = visit_timeout_s
        self._lone_s = lone_s
        self._shared = shared_visits
        self._ids = ids
        self._fixtures = {fixture.id: _known(shop, fixture, origin) for fixture in shop.fixtures}
        self._items = {item.id for item in shop.items}
        self._visits: dict[tuple[str | None, int | None], _Visit] = {}

    def admit(self, interaction: Interaction) -> Event:
        """The event of one interaction. Interactions of a worker come in order of ``end_s``.

        Raises PrivacyError for a time without zone, an id that the site does not have, a reason
        that is not a plain code, or a number that is not finite.
        """
        known = self._known_fixture(interaction)
        first_of, bounded = self._place(interaction, known.camera)
        return Event(
            id=self._ids(),
            at=floor_time(interaction.at, self._grain),
            site=self._shop.id,
            fixture=interaction.fixture,
            facing=interaction.facing,
            item=interaction.item,
            planogram=self._shop.planogram,
            kind=interaction.kind,
            dwell=DwellClass.of(interaction.hold_s or interaction.end_s - interaction.start_s),
            reaction=(
                _NOTHING_READ if interaction.kind.beside else _coarse_reaction(interaction.reaction)
            ),
            confidence=round(_unit(interaction.confidence, "confidence"), 2),
            first_of=first_of,
            outcome=interaction.outcome and not interaction.kind.beside,
            origin=known.origin,
            attribution=(
                None
                if interaction.attribution is None
                else round(_unit(interaction.attribution, "attribution"), 2)
            ),
            bounded=bounded,
        )

    def visit_ended(self, camera: str | None, visit: int) -> None:
        """Forgets a visit at once; ``camera`` is the fixture's camera. Unknown visits are fine."""
        self._visits.pop(self._key(camera, visit), None)

    @property
    def remembered(self) -> int:
        """How many visits are in memory."""
        return len(self._visits)

    def _known_fixture(self, interaction: Interaction) -> _Known:
        """Free strings could carry an id of a person; only the site's own ids pass."""
        known = self._fixtures.get(interaction.fixture)
        if known is None:
            raise _unknown(interaction.fixture, self._shop.id)
        if interaction.facing is not None and interaction.facing not in known.facings:
            raise _unknown(interaction.facing, f"{self._shop.id}, fixture {interaction.fixture}")
        if interaction.item is not None and interaction.item not in self._items:
            raise _unknown(interaction.item, self._shop.id)
        return known

    def _place(self, interaction: Interaction, camera: str | None) -> tuple[FirstOf, bool]:
        self._drop_silent(interaction.end_s)
        if interaction.visit is None:
            return self._place_lone(interaction, camera)
        visit = self._visits.get(self._key(camera, interaction.visit))
        if visit is None:
            visit = self._start(interaction, camera)
        visit.camera = camera
        visit.last_s = interaction.end_s
        return visit.take(interaction)

    def _start(self, interaction: Interaction, camera: str | None) -> _Visit:
        nameless = self._visits.get((camera, None))
        if nameless is not None and interaction.start_s - nameless.last_s <= self._lone_s:
            visit = self._visits.pop((camera, None))
        else:
            visit = _Visit(camera, interaction.end_s)
        self._visits[self._key(camera, interaction.visit)] = visit
        return visit

    def _key(self, camera: str | None, visit: int | None) -> tuple[str | None, int | None]:
        return (None if self._shared else camera, visit)

    def _place_lone(self, interaction: Interaction, camera: str | None) -> tuple[FirstOf, bool]:
        near = [
            visit
            for visit in self._visits.values()
            if visit.camera == camera and interaction.start_s - visit.last_s <= self._lone_s
        ]
        if not near:
            self._visits[camera, None] = visit = _Visit(camera, interaction.end_s)
            return visit.take(interaction)
        joined = [_joined(visit, interaction) for visit in near]
        return min(first for first, _ in joined), all(bounded for _, bounded in joined)

    def _drop_silent(self, now_s: float) -> None:
        """A clock that jumps back (a file played again) ends the visits from before the jump."""
        silent = [
            key
            for key, visit in self._visits.items()
            if abs(now_s - visit.last_s) > self._timeout_s
        ]
        for key in silent:
            del self._visits[key]


def _joined(visit: _Visit, interaction: Interaction) -> tuple[FirstOf, bool]:
    visit.last_s = max(visit.last_s, interaction.end_s)
    return visit.take(interaction)


def _unknown(name: str, where: str) -> PrivacyError:
    return PrivacyError(
        f"an interaction names {name!r}, which the site file does not have",
        where=f"site {where}",
        todo="Only ids of the site file may be kept",
    )


def _unit(value: float, name: str) -> float:
    """Clips to [0, 1]; refuses NaN and infinities, which would pass every comparison."""
    if not math.isfinite(value):
        raise PrivacyError(f"{name} is {value}, expected a number in [0, 1]", where="privacy.gate")
    return min(1.0, max(0.0, value))


def _coarse_reaction(reaction: Reaction) -> Reaction:
    names = ("positive", "hesitant", "rejected", "neutral")
    shares = [_unit(getattr(reaction, name), name) for name in names]
    positive, hesitant, rejected, neutral = _hundredths(shares)
    return Reaction(
        positive=positive,
        hesitant=hesitant,
        rejected=rejected,
        neutral=neutral,
        coverage=round(round(_unit(reaction.coverage, "coverage") * 20) / 20, 2),
        reasons=_codes(reaction.reasons),
    )


def _hundredths(shares: Sequence[float]) -> list[float]:
    """Rounds shares to two decimals so that they still sum to 1 (largest remainder)."""
    scale = 100 / sum(shares)
    exact = [share * scale for share in shares]
    whole = [int(share) for share in exact]
    missing = 100 - sum(whole)
    if missing:
        by_remainder = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
        for index in by_remainder[:missing]:
            whole[index] += 1
    return [hundredth / 100 for hundredth in whole]


def _codes(reasons: Sequence[str]) -> tuple[str, ...]:
    """Letters and underscores only: a digit could be an id, a long text could be anything."""
    for reason in reasons:
        if len(reason) > _MAX_REASON_CHARS or not _REASON.fullmatch(reason):
            raise PrivacyError(
                f"reason {reason[:60]!r} is not a plain code like 'fast_put_back'",
                where="privacy.gate",
                todo="Use lower-case letters and underscores",
            )
    return tuple(reasons[:_MAX_REASONS])
