"""Proposals for placement of a running shop: looked for once a week, at a quiet time, and moved
through their life by people. Today's plan stays whenever anything is unclear.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from aeras.config import Site
from aeras.domain.errors import AerasError, InputError, StoreError
from aeras.domain.oversight import SYSTEM, Act, AuditLog
from aeras.domain.ports import Clock, EventStore, Settings, ShelfBook
from aeras.domain.proposals import (
    BY_HAND,
    AdviceState,
    Deed,
    Fitness,
    Judged,
    Kept,
    Kind,
    Measured,
    Move,
    PlacedRound,
    PlacedWeek,
    Proposal,
    ProposalBook,
    ProposalRow,
    Stage,
    Step,
    after,
    may,
)
from aeras.domain.published import Rate
from aeras.domain.steps import check_note, moved_on, repeats
from aeras.place import ope
from aeras.place.effect import measure
from aeras.place.options import AdviceOptions
from aeras.place.policy import Known, load
from aeras.place.trial import choose, rounds_for_gate
from aeras.shelf.planogram import Version, as_csv, valid_at
from aeras.wiring.placing import (
    COLUMNS,
    Ground,
    expected,
    ground_of,
    margins_of,
    moves_with_evidence,
    reward_over,
    rewards_of,
    round_of,
    weeks_for,
    weights_of,
)
from aeras.wiring.planograms import import_versions, rows_for

log = structlog.get_logger(__name__)

LOOKED = "advice-looked"
WEEK = timedelta(days=7)
FEWEST_WEEKS = 3
"""Two to calibrate with, and one to be told."""
MOST_WEEKS = 26
"""That are looked back for; published sums stay."""
FIRST_S, EVERY_S = 60.0, 600.0
NICE = 10
LEAST_GAIN = 0.001
TRIAL, MOVED, BACK = "trial", "advice", "back"
"""Beginnings of the names of the planogram's versions."""


class Book(ProposalBook, Settings, Protocol):
    """What is read and written here."""


class Counts(EventStore, ShelfBook, Protocol):
    """Published sums, and what the shelves showed."""


Arrange = Callable[[str, Mapping[str, str], datetime], None]
"""Writes the planogram's next version: its name, the items (by facing) that change, from when."""


class AdviceRoom:
    """Implements `aeras.domain.proposals.AdviceDesk`, and does the work in the background.

    Args:
        site: The present site.
        store: Published sums; None leaves weeks as they are (a shop that runs holds the file).
        book: Proposals.
        k: Visits below which a figure is not shown.
        audit: Where every step is recorded.
        clock: UTC.
        quiet: Whether the shop is quiet at a moment.
        arrange: Writes the planogram.
        rng: Draws lots and posteriors.
    """

    def __init__(
        self,
        site: Callable[[], Site],
        *,
        store: Counts | None,
        book: Book,
        k: int,
        audit: AuditLog,
        clock: Clock,
        quiet: Callable[[datetime], bool],
        arrange: Arrange,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._site = site
        self._store = store
        self._book = book
        self._k = k
        self._audit = audit
        self._clock = clock
        self._quiet = quiet
        self._arrange = arrange
        self._rng = rng or np.random.default_rng()
        self._at: datetime | None = None
        self._turn = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="advice", daemon=True)

    def start(self) -> None:
        """Begins to look for proposals."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it; what is being reckoned is finished first."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        with suppress(OSError, AttributeError):  # Linux: this thread only gives way to all others
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        wait = FIRST_S
        while not self._stop.wait(wait):
            wait = EVERY_S
            self.tick()

    # --- what people see and do -----------------------------------------------------------------

    def state(self) -> AdviceState:
        """See `aeras.domain.proposals.AdviceDesk`."""
        options = self._options()
        looked = json.loads(self._book.setting(LOOKED) or "{}")
        known = options.margin if options else {}
        return AdviceState(
            weeks=len(self._book.placed_weeks()),
            rounds=sum(r.reward is not None for r in self._book.placed_rounds()),
            looked_at=datetime.fromisoformat(looked["at"]) if looked else None,
            outcome=looked.get("outcome", ""),
            trouble=looked.get("trouble", ""),
            trial=options.trial if options else False,
            weights=options.reward.model_dump() if options else {},
            moves_a_week=options.moves_a_week if options else 0,
            guessed=sum(item.id not in known for item in self._site().shop.items),
        )

    def rows(self) -> list[ProposalRow]:
        """All, newest first."""
        return [self._row(kept) for kept in self._book.proposals()]

    def row(self, proposal: str) -> ProposalRow:
        """One; InputError if there is none of that id."""
        return self._row(self._read(proposal))

    def _row(self, kept: Kept) -> ProposalRow:
        deeds = tuple(deed for deed in BY_HAND if may(kept.stage, deed))
        due = self._due(kept) if kept.stage is Stage.MOVED else None
        return ProposalRow(kept, deeds, due)

    def _read(self, proposal: str) -> Kept:
        for kept in self._book.proposals():
            if kept.proposal.id == proposal:
                return kept
        raise InputError(f"there is no proposal {proposal[:64]!r}", todo="See /advice")

    def do(self, proposal: str, deed: Deed, who: str, *, seen: int, note: str = "") -> ProposalRow:
        """See `aeras.domain.proposals.AdviceDesk.do`."""
        note = note.strip()
        if deed not in BY_HAND:
            raise InputError(f"{deed.value!r} is no step that is taken by hand")
        check_note(note)
        with self._turn:
            kept = self._read(proposal)
            if repeats(kept.steps, seen, deed, who, of="proposal"):
                return self._row(kept)
            after(kept.proposal.kind, kept.stage, deed)
            if deed is Deed.DISMISS and not note:
                raise InputError("a few words are missing", todo="Say why not")
            self._take(kept, deed, who, note)
            self._follow_up()
            return self._row(self._read(proposal))

    def _take(self, kept: Kept, deed: Deed, who: str, note: str) -> None:
        own, moves = kept.proposal, None
        if deed is Deed.APPROVE and own.kind is Kind.TRIAL:
            moves = self._draw(own)
        if deed is Deed.CONFIRM:
            self._move(own)
        if not self._step(kept, deed, who, note=note, moves=moves):
            raise moved_on("proposal")
        if deed is Deed.ROLL_BACK:
            self._propose_back(kept)
        if deed is Deed.CONFIRM and own.reverses:
            first = self._read(own.reverses)
            if may(first.stage, Deed.ROLL_BACK):
                self._step(first, Deed.ROLL_BACK, who)
        if deed is Deed.KEEP:
            for other in self._book.proposals():
                if other.proposal.reverses == own.id and not other.stage.final:
                    self._step(other, Deed.EXPIRE, SYSTEM)

    def _draw(self, trial: Proposal) -> list[Move]:
        """Draws the lots of a trial; what has to move on the shelves then."""
        now, rounds = self.plan(), self._rounds_of(trial)
        for one in rounds:
            if sorted(now.get(f, "") for f in one.facings) != sorted(one.candidates[0]):
                raise _plan_changed(one.facings)
        found = []
        for one in rounds:
            chosen = int(self._rng.choice(len(one.propensity), p=one.propensity))
            self._book.add_rounds([replace(one, chosen=chosen)])
            found += [
                Move(facing, now.get(facing, ""), item)
                for facing, item in zip(one.facings, one.candidates[chosen], strict=True)
                if now.get(facing) != item
            ]
        return found

    def _move(self, proposal: Proposal) -> None:
        """Writes the planogram's next version, as somebody says that the shelf shows it now."""
        now, at = self.plan(), self._clock().astimezone(UTC).replace(microsecond=0)
        wrong = [m.facing for m in proposal.moves if now.get(m.facing, "") != m.was]
        if wrong:
            raise _plan_changed(wrong)
        if proposal.moves:
            start = {Kind.TRIAL: TRIAL, Kind.MOVE: MOVED, Kind.ROLL_BACK: BACK}[proposal.kind]
            name = f"{start}-{proposal.id[:12]}"
            self._arrange(name, {m.facing: m.item for m in proposal.moves}, at)
        begun = self._week_after(at)
        until = begun + self.options().hold_weeks * WEEK
        self._book.add_rounds(
            [replace(r, begun=begun, until=until) for r in self._rounds_of(proposal)]
        )

    def _rounds_of(self, proposal: Proposal) -> list[PlacedRound]:
        return [r for r in self._book.placed_rounds() if r.proposal == proposal.id]

    # --- what the system does --------------------------------------------------------------------

    def tick(self) -> str:
        """Looks for a proposal if this week's look is due and it is quiet; what came of it."""
        now = self._clock().astimezone(UTC)
        if self._options() is None or not self._quiet(now):
            return ""
        looked = json.loads(self._book.setting(LOOKED) or "{}")
        if looked and self.week_of(datetime.fromisoformat(looked["at"])) == self.week_of(now):
            return ""
        try:
            return self.make()
        except StoreError as error:  # tried again before long
            log.warning("advice_waits", reason=str(error))
            return ""

    def make(self, at: datetime | None = None) -> str:
        """Counts the weeks that are over, measures and judges what is under way, and makes at most
        one proposal; see `aeras.domain.proposals.AdviceState.outcome`.

        Args:
            at: As if it were this moment (UTC), for a simulated past.

        Raises:
            StoreError: Something could not be read or written.
        """
        with self._turn:
            now, trouble = (at or self._clock()).astimezone(UTC), ""
            self._at = at
            try:
                outcome = self._look(now)
            except StoreError:
                raise
            except AerasError as error:  # today's plan stays; the page says why
                outcome, trouble = "trouble", f"{error.what}. {error.todo}".strip(". ") + "."
            finally:
                self._at = None
            self._follow_up()
            note = {"at": now.isoformat(), "outcome": outcome, "trouble": trouble}
            self._book.set_setting(LOOKED, json.dumps(note))
            log.info("advice", outcome=outcome)
            return outcome

    def _look(self, now: datetime) -> str:
        options = self.options()
        self._count_weeks(now)
        self._settle()
        self._measure_due(now)
        live = [kept for kept in self._book.proposals() if not kept.stage.final]
        if any(k.stage is not Stage.SHADOW and not _leaves_room(k) for k in live):
            self._judge_again([k for k in live if k.stage is Stage.CANARY])
            return "waiting"
        ground, known = self._known(options)
        shadows = [kept for kept in live if kept.stage is Stage.SHADOW]
        if shadows:
            return self._judge_shadow(shadows[0], ground, known, options)
        return self._propose(ground, known, options)

    def _known(self, options: AdviceOptions) -> tuple[Ground, Known]:
        ground = ground_of(self._site().shop, options, self._base())
        weeks = weeks_for(ground, self._book.placed_weeks())
        if len(weeks) < FEWEST_WEEKS:
            raise InputError(
                f"too little data: {len(weeks)} whole weeks under a known plan with these items, "
                f"at least {FEWEST_WEEKS} are needed",
                todo=f"Wait {FEWEST_WEEKS - len(weeks)} more; today's plan stays",
            )
        known = Known(
            ground.layout, ground.rules, ground.today, weeks, weights_of(options), self._rng
        )
        return ground, known

    def _propose(self, ground: Ground, known: Known, options: AdviceOptions) -> str:
        policy, wanted = load(options.policy)(), dict[str, str]()
        for b, slots in enumerate(ground.layout.blocks):
            wanted |= ground.items_at(slots, policy.propose(known, b, slots))
        judged = self._judged(options)
        if options.trial and not judged.passed:
            return self._propose_trial(ground, known, options, judged)
        now = self.plan()
        ideas = [
            idea
            for idea in expected(known, ground, wanted).values()
            if idea.gain.value > LEAST_GAIN
            and 0 < _moves(ground, idea.fixture, now, wanted) <= options.moves_a_week
        ]
        if not ideas:
            return "nothing"
        best = max(ideas, key=lambda idea: idea.worth)
        mine = _slots_of(ground, best.fixture)
        proposal = self._made(
            Kind.MOVE,
            options,
            known,
            fixture=best.fixture,
            control=self._control_of(best.fixture, options),
            moves=tuple(
                moves_with_evidence(ground, known.weeks, now, {f: wanted[f] for f in mine}, self._k)
            ),
            gain=best.gain,
        )
        self._add(proposal, Stage.SHADOW, judged)
        return "proposed"

    def _propose_trial(
        self, ground: Ground, known: Known, options: AdviceOptions, judged: Judged
    ) -> str:
        """Blocks with the fewest rounds first; what is drawn may move each of their slots."""
        had = [r.facings for r in self._book.placed_rounds() if r.reward is not None]
        blocks = [tuple(ground.layout.slots[s] for s in slots) for slots in ground.layout.blocks]
        order = sorted(range(len(blocks)), key=lambda b: had.count(blocks[b]))
        policy, left, drawn = load(options.policy)(), options.moves_a_week, list[PlacedRound]()
        proposal = self._made(Kind.TRIAL, options, known)
        for b in order:
            if len(blocks[b]) > left:
                continue
            one = choose(known, [policy], b, ground.layout.blocks[b])
            if len(one.candidates) < 2:  # noqa: PLR2004 - nothing to draw from
                continue
            left -= len(blocks[b])
            drawn.append(round_of(ground, one, policy.name, proposal.id))
        if not drawn:
            raise InputError(
                f"{options.moves_a_week} moves a week are too few for a trial of any block",
                where="advice.moves_a_week",
                todo=f"Allow {min(map(len, blocks))} or more; today's plan stays",
            )
        self._book.add_rounds(drawn)
        self._add(proposal, Stage.CANARY, judged)
        return "proposed"

    def _made(
        self,
        kind: Kind,
        options: AdviceOptions,
        known: Known,
        *,
        fixture: str = "",
        control: str = "",
        moves: tuple[Move, ...] = (),
        gain: Rate | None = None,
    ) -> Proposal:
        from aeras.place.shop import misfit  # noqa: PLC0415 - loads gymnasium

        stored = self._book.placed_weeks()
        fit = misfit(known.layout, known.weeks, known.weights, self._rng)
        return Proposal(
            id=secrets.token_hex(16),
            kind=kind,
            made_at=self._now().astimezone(UTC),
            fixture=fixture,
            control=control,
            policy=options.policy,
            moves=moves,
            gain=gain,
            fitness=Fitness(fit.off, fit.bias, fit.within, fit.scatter, fit.blocks, fit.weeks),
            weights=options.reward.model_dump(),
            weeks=len(known.weeks),
            simulated=sum(w.simulated for w in stored) / len(stored),
        )

    def _add(self, proposal: Proposal, stage: Stage, judged: Judged | None) -> None:
        step = Step(0, proposal.made_at, SYSTEM, Deed.PROPOSE, stage)
        self._book.add_proposal(proposal, step, judged)

    def _propose_back(self, kept: Kept) -> None:
        """Proposes to undo what was moved, if nobody did yet."""
        own = kept.proposal
        if any(k.proposal.reverses == own.id for k in self._book.proposals()):
            return
        base, now = self._base() if own.kind is Kind.TRIAL else {}, self.plan()
        back = [
            Move(m.facing, m.item, base.get(m.facing, m.was))
            for m in own.moves
            if now.get(m.facing) == m.item and base.get(m.facing, m.was) != m.item
        ]
        made_at = self._now().astimezone(UTC)
        undo = replace(own, id=secrets.token_hex(16), kind=Kind.ROLL_BACK, made_at=made_at,
                       moves=tuple(back), gain=None, fitness=None, reverses=own.id)  # fmt: skip
        if back:
            self._add(undo, Stage.CANARY, None)

    def _control_of(self, fixture: str, options: AdviceOptions) -> str:
        """The other fixture that earned most alike; "" if there is none."""
        shop, weeks = self._site().shop, self._book.placed_weeks()
        margin, weights = margins_of(shop, options), weights_of(options)
        earned = {
            x.id: float(np.mean([
                rewards_of(w, [f.id for f in x.facings], margin, weights) for w in weeks
            ]))
            for x in shop.fixtures
        }  # fmt: skip
        others = {name: value for name, value in earned.items() if name != fixture and value > 0}
        own = max(earned[fixture], 1e-9)
        return min(others, key=lambda name: abs(np.log(others[name] / own)), default="")

    # --- judging and measuring ------------------------------------------------------------------

    def _judged(self, options: AdviceOptions) -> Judged:
        """What the gate says of the policy, by the rounds that are over."""
        done = [
            r
            for r in self._book.placed_rounds()
            if r.reward is not None and options.policy in r.targets
        ]
        rewards = [float(r.reward or 0) for r in done]
        rounds = rounds_for_gate(done, rewards, [r.targets[options.policy] for r in done])
        try:
            verdict = ope.gate(rounds, options.policy)
        except InputError:  # a probability of zero: nothing can be learned of it
            return Judged(passed=False, why="zero", gain=None, effective=0.0, needed=None)
        gain, usual = verdict.gain, float(np.mean(rewards)) if rewards else 0.0
        told = gain.n > 1 and usual > 0
        parts = [part / usual for part in (gain.value, gain.low, gain.high)] if told else []
        why = "passed" if verdict.passed else "wide"
        if not verdict.passed and "too little" in verdict.why:
            why = "few"
        elif not verdict.passed and gain.value <= 0:
            why = "none"
        return Judged(
            passed=verdict.passed and told,
            why=why,
            gain=Rate(parts[0], parts[1], parts[2], gain.n) if told else None,
            effective=gain.effective,
            needed=verdict.needed,
        )

    def _judge_again(self, canaries: Sequence[Kept]) -> None:
        """A move that waits for approval is taken back when the gate does not hold any more."""
        judged = self._judged(self.options())
        for kept in canaries:
            if kept.proposal.kind is Kind.MOVE:
                self._book.judge(kept.proposal.id, judged)
                if not judged.passed:
                    self._step(kept, Deed.EXPIRE, SYSTEM)

    def _judge_shadow(
        self, kept: Kept, ground: Ground, known: Known, options: AdviceOptions
    ) -> str:
        judged, now = self._judged(options), self.plan()
        self._book.judge(kept.proposal.id, judged)
        own = kept.proposal
        wanted = {m.facing: m.item for m in own.moves}
        inside = set(wanted) <= set(ground.layout.slots) and set(wanted.values()) <= set(
            ground.layout.items
        )
        idea = expected(known, ground, wanted).get(own.fixture) if inside else None
        fresh = all(now.get(m.facing) == m.was for m in own.moves)
        if idea is None or not fresh or idea.gain.value <= LEAST_GAIN:
            self._step(kept, Deed.EXPIRE, SYSTEM)
            return self._propose(ground, known, options)
        if judged.passed and self.week_of(own.made_at) < self.week_of(self._now()):
            self._step(kept, Deed.PASS, SYSTEM)
        elif options.trial and not judged.passed:
            return self._propose_trial(ground, known, options, judged)
        return "judged"

    def _measure_due(self, now: datetime) -> None:
        for kept in self._book.proposals():
            if kept.stage is not Stage.MOVED or now < self._due(kept):
                continue
            found = self._effect(kept) if kept.proposal.kind is Kind.MOVE else None
            self._step(kept, Deed.MEASURE, SYSTEM, measured=found)
            if found and found.worse:
                self._propose_back(kept)

    def _due(self, kept: Kept) -> datetime:
        options = self._options() or AdviceOptions()
        trial = kept.proposal.kind is Kind.TRIAL
        weeks = options.hold_weeks if trial else options.follow_up_weeks
        moved = kept.when(Deed.CONFIRM) or kept.proposal.made_at
        return self._week_after(moved) + weeks * WEEK

    def _effect(self, kept: Kept) -> Measured:
        """The fixture against its control, in weeks in which neither changed by anything else."""
        own, options, site = kept.proposal, self.options(), self._site()
        moved = kept.when(Deed.CONFIRM) or own.made_at
        margin, weights = margins_of(site.shop, options), weights_of(options)
        facings = {x.id: [f.id for f in x.facings] for x in site.shop.fixtures}
        mine, theirs = facings.get(own.fixture, []), facings.get(own.control, [])
        version = valid_at(site.planograms, moved)
        new = _plan_of(version)
        base = self._base(((version and version.valid_from) or moved) - timedelta(seconds=1))
        old = new | {f: base.get(f, "") for f in mine}
        columns: tuple[list[list[float]], list[list[float]]] = ([], [])
        for week in self._book.placed_weeks():
            later = week.start >= moved
            plan = new if later else old
            if (later or week.start + WEEK <= moved) and all(
                week.plan.get(f) == plan.get(f) for f in (*mine, *theirs)
            ):
                columns[later].append(
                    [
                        rewards_of(week, own_facings, margin, weights)
                        for own_facings in (mine, theirs)
                    ]
                )
        before, later_weeks = (np.array(c, dtype=np.float64).reshape(-1, 2).T for c in columns)
        return measure(before, later_weeks)

    # --- weeks ----------------------------------------------------------------------------------

    def _count_weeks(self, now: datetime) -> None:
        """Takes up whole weeks of the shop that are over, had one plan and were not counted yet."""
        if self._store is None:
            return
        have, versions = {w.start for w in self._book.placed_weeks()}, self._site().planograms
        found = []
        for ago in range(MOST_WEEKS, 0, -1):
            start = self.week_of(now - ago * WEEK)
            until = self._week_after(start)
            version = valid_at(versions, start)
            whole = version and (version.valid_to is None or version.valid_to >= until)
            if start in have or not whole:
                continue
            visits = sum(one.visits for one in self._store.published("site", start, until))
            if visits:
                found.append(self._week(start, until, _plan_of(version), visits))
        self._book.add_weeks(found)

    def _week(
        self, start: datetime, until: datetime, plan: dict[str, str], visits: int
    ) -> PlacedWeek:
        assert self._store is not None  # asked by `_count_weeks` only
        tallies = self._store.published("facing", start, until)
        shown = self._store.shelf_time("facing", start, until)
        return PlacedWeek(
            start=start,
            plan=plan,
            counts={t.key: tuple(int(getattr(t, c)) for c in COLUMNS) for t in tallies},
            visits=visits,
            available={s.key: 1 - s.empty / s.told for s in shown if s.told > 0},
            simulated=any(t.simulated for t in tallies),
        )

    def _settle(self) -> None:
        """Rewards of the rounds that are over, where all their weeks showed what was drawn."""
        weeks = {w.start: w for w in self._book.placed_weeks()}
        options = self.options()
        margin, weights = margins_of(self._site().shop, options), weights_of(options)
        for one in self._book.placed_rounds():
            if one.reward is not None or one.begun is None or one.until is None or one.chosen < 0:
                continue
            starts = [one.begun]
            while self._week_after(starts[-1]) < one.until:
                starts.append(self._week_after(starts[-1]))
            drawn = dict(zip(one.facings, one.candidates[one.chosen], strict=True))
            seen = [weeks[s] for s in starts if s in weeks]
            if len(seen) < len(starts) or any(
                w.plan.get(f) != i for w in seen for f, i in drawn.items()
            ):
                continue
            reward = reward_over(seen, one.facings, margin, weights)
            told = any(w.simulated for w in seen)
            self._book.add_rounds([replace(one, reward=reward, simulated=told)])

    def week_of(self, at: datetime) -> datetime:
        """The start (UTC) of the shop's week in which a moment lies."""
        zone = ZoneInfo(self._site().shop.timezone)
        day = at.astimezone(zone).date()
        monday = day - timedelta(days=day.weekday())
        return datetime.combine(monday, time(), zone).astimezone(UTC)

    def _week_after(self, at: datetime) -> datetime:
        return self.week_of(self.week_of(at) + WEEK + timedelta(hours=12))

    # --- small things -----------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self._at or self._clock()

    def _options(self) -> AdviceOptions | None:
        return self._site().file.advice

    def options(self) -> AdviceOptions:
        """The section of the site file; InputError if there is none."""
        options = self._options()
        if options is None:
            raise InputError(
                "this site asks for no advice",
                where=str(self._site().path),
                todo="Add the section advice to the site file (docs/site-file.md)",
            )
        return options

    def plan(self) -> dict[str, str]:
        """Item by facing now."""
        return _plan_of(valid_at(self._site().planograms, self._now()))

    def _base(self, at: datetime | None = None) -> dict[str, str]:
        """The plan to beat: the last that no trial wrote."""
        now = at or self._now()
        begun = [v for v in self._site().planograms if not v.valid_from or v.valid_from <= now]
        own = [v for v in begun if not v.id.startswith(f"{TRIAL}-")]
        return _plan_of(own[-1] if own else None)

    def _step(
        self,
        kept: Kept,
        deed: Deed,
        who: str,
        *,
        note: str = "",
        measured: Measured | None = None,
        moves: Sequence[Move] | None = None,
    ) -> bool:
        stage = after(kept.proposal.kind, kept.stage, deed)
        at = self._now().astimezone(UTC)
        step = Step(len(kept.steps), at, who, deed, stage, note)
        return self._book.add_deed(kept.proposal.id, step, measured=measured, moves=moves)

    def _follow_up(self) -> None:
        """The audit log's lines; tried again later where the log cannot be written now."""
        try:
            for proposal, step in self._book.unlogged_deeds():
                note = {"note": step.note} if step.note else {}
                self._audit.add(
                    Act.PLACEMENT,
                    step.who,
                    proposal=proposal,
                    deed=step.deed.value,
                    stage=step.stage.value,
                    **note,
                )
                self._book.mark_deed(proposal, step.n)
        except StoreError as error:
            log.warning("steps_wait", reason=str(error))


def write_version(site: Site, name: str, changed: Mapping[str, str], at: datetime) -> None:
    """Writes the planogram's next version beside the site file. A promotion ends at a facing whose
    item changes.

    Raises:
        InputError: It does not fit the versions that are kept.
    """
    valid = valid_at(site.planograms, at)
    items = dict(valid.items) if valid else {}
    promotions = {f: p for f, p in valid.promotions.items() if f not in changed} if valid else {}
    version = Version(name, at, None, {**items, **changed}, promotions)
    text = as_csv(rows_for(site.file, [version]))
    made = import_versions(site.path, text, where=f"proposal {name}")
    if made.faults:
        raise InputError(made.faults[0], todo="Look at /planogram; nothing was changed")
    made.write()


def _plan_of(version: Version | None) -> dict[str, str]:
    return {f: i for f, i in version.items.items() if i is not None} if version else {}


def _leaves_room(kept: Kept) -> bool:
    """Whether another may be made beside it: a trial that is over changes nothing any more."""
    return kept.proposal.kind is Kind.TRIAL and kept.stage is Stage.MEASURED


def _slots_of(ground: Ground, fixture: str) -> list[str]:
    own = [ground.fixtures[b] == fixture for b in ground.layout.block]
    return [slot for slot, mine in zip(ground.layout.slots, own, strict=True) if mine]


def _moves(ground: Ground, fixture: str, now: Mapping[str, str], wanted: Mapping[str, str]) -> int:
    return sum(now.get(f) != wanted[f] for f in _slots_of(ground, fixture))


def _plan_changed(facings: Sequence[str]) -> InputError:
    return InputError(
        f"the plan has changed since: other items stand at {', '.join(facings[:5])}",
        where="planogram",
        todo="Dismiss this proposal; the next is made of the plan as it is then",
    )
