"""How far placement can be trusted: simulated shops whose truth is known.

A shop's true choice is richer than the model that learns from it: two kinds of shoppers, items that
suit some slots, nests of different strength, demand that moves from week to week. For eight weeks a
logging policy tries arrangements block by block with known probabilities, within the moves a week;
then every policy proposes a plan from the same log, and the gate judges it by off-policy
evaluation. Everything is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aeras.place import ope
from aeras.place.log import Reward, Week
from aeras.place.plan import Constraints, Contract, Floats, Ints, Layout, Rules, swaps
from aeras.place.policy import Known, Policy, Round, load
from aeras.place.shop import misfit
from aeras.place.trial import ByLot, choose, rounds_for_gate

DEFAULT = ("today", "greedy", "assignment", "thompson", "bandit")
LEARN_WEEKS = 2
"""Rounds that begin before are learned from but not judged: no policy knew anything."""
DEEP_SHOPS = 8
HOLD = 2
"""Weeks that an arrangement stays, unless the log ends before."""


@dataclass(frozen=True, slots=True)
class Market:
    """How a shop is drawn.

    Attributes:
        blocks: Fixtures.
        slots: Fewest and most in a block.
        weeks: Of the log.
        visits: Fewest and most of a shop in a week; each block meets a share of them.
        appeal, position, suits: Deviations on the log scale: of items' appeal, of slots'
            visibility beside their level, and of how an item suits a slot (no model knows it).
        second, differ: Share of shoppers of a second kind, and by how much their appeals differ,
            as a share of ``appeal``.
        nest: Range of the nests' exponents.
        swing: Deviation of the log demand from week to week, of blocks and of items.
        unread: Share of handlings whose reaction cannot be told.
        habit: How far today's plan follows what sells: 0 by lot, 1 fully.
    """

    blocks: int = 32
    slots: tuple[int, int] = (5, 8)
    weeks: int = 8
    visits: tuple[float, float] = (6000.0, 18000.0)
    appeal: float = 0.6
    position: float = 0.3
    suits: float = 0.03
    second: float = 0.3
    differ: float = 0.5
    nest: tuple[float, float] = (0.4, 0.9)
    swing: float = 0.06
    unread: float = 0.3
    habit: float = 0.3


VISIBILITY = np.array([0.0, -0.25, -0.6, 0.15])
"""True log visibility of a slot at eye, hand and foot level, and at the end of a shelf."""
HEIGHTS_M = np.array([1.4, 1.1, 0.4])
ENDS, COOLED, TWICE, HEAVY, COLD = 0.3, 0.2, 0.5, 0.3, 0.8
"""Shares: slots at an end, cooled blocks, blocks with an item that has two facings, blocks with a
heavy item, items of cooled blocks that need it."""
HARD = Market(suits=0.10, differ=1.0, swing=0.12, visits=(3000.0, 9000.0))
"""Shops that the model fits badly, with half the visits."""


class Truth:
    """One drawn shop."""

    def __init__(self, market: Market, rng: np.random.Generator) -> None:
        self.market = market
        self.layout = _layout(market, rng)
        s, i = len(self.layout.slots), len(self.layout.items)
        b = market.blocks
        self.visits = rng.uniform(*market.visits) * rng.uniform(0.15, 0.5, b)
        self.visibility = self.layout.features @ VISIBILITY + rng.normal(0, market.position, s)
        own = rng.normal(0, market.appeal, i)
        self.appeal = np.stack([own, own + market.differ * rng.normal(0, market.appeal, i)])
        self.suits = rng.normal(0, market.suits, (s, i))
        self.nest = rng.uniform(*market.nest, b)
        self.level = np.log(rng.uniform(0.08, 0.25, b))
        taken = rng.beta(6, 5, i)
        positive = rng.beta(4, 8, i)
        self.rates = np.stack([taken, positive, (1 - positive) * rng.beta(2, 8, i)])
        self.weights = Reward(positive=0.2, rejected=0.2)
        price = [
            self.layout.margin,
            np.full(i, self.weights.positive),
            -np.full(i, self.weights.rejected),
        ]
        read = np.array([1, 1 - market.unread, 1 - market.unread])[:, None]
        self.gain: Floats = (np.stack(price) * self.rates * read).sum(axis=0)
        self.today = self._today(rng)
        self.rules = Rules(self.layout, self._constraints(rng))
        self.rules.check(self.today)

    def shares(
        self, slots: Ints, arrangements: Ints, shift: Floats | float = 0.0
    ) -> tuple[Floats, Floats]:
        """Handlings of each slot a visit (N, m), and looks on the same scale."""
        block = int(self.layout.block[slots[0]])
        seen = np.exp(self.visibility[slots] + self.suits[slots[None, :], arrangements])
        handled = np.zeros(arrangements.shape)
        for kind, part in ((0, 1 - self.market.second), (1, self.market.second)):
            weight = seen * np.exp(self.appeal[kind][arrangements] + shift)
            total = weight.sum(axis=1, keepdims=True)
            usual = len(slots) * 0.8
            handled += (
                part
                * np.exp(self.level[block])
                * (total / usual) ** self.nest[block]
                * weight
                / total
            )
        looks = 0.5 * seen * np.exp(0.4 * self.appeal[0][arrangements])
        return handled, looks / len(slots)

    def value(self, slots: Ints, arrangements: Ints) -> Floats:
        """Expected reward of 1000 visits of the block, (N,)."""
        found: Floats = 1000 * (self.shares(slots, arrangements)[0] * self.gain[arrangements]).sum(
            axis=1
        )
        return found

    def plan_value(self, plan: Ints) -> float:
        """Expected reward of a week."""
        values = [float(self.value(s, plan[s][None, :])[0]) for s in self.layout.blocks]
        return float(np.dot(values, self.visits) / 1000)

    def oracle(self, rng: np.random.Generator) -> Ints:
        """The best plan found by one who knows the truth: exchanges from several starts."""
        plan = self.today.copy()
        for slots in self.layout.blocks:
            starts = [self.today[slots], *(self._by_lot(slots, rng) for _ in range(4))]
            worth = np.exp(self.visibility[slots])[:, None] * (np.exp(self.appeal[0]) * self.gain)
            starts.append(self.rules.arrange(slots, self.today[slots], worth))
            found = [self._climb(slots, start) for start in starts]
            plan[slots] = max(found, key=lambda a: float(self.value(slots, a[None, :])[0]))
        return plan

    def week(self, plan: Ints, rng: np.random.Generator) -> Week:
        """Draws what the system sees in a week under a plan."""
        size, swing = len(plan), self.market.swing
        visits = np.maximum(1, rng.poisson(self.visits)).astype(np.float64)
        handled, dwells = np.zeros(size), np.zeros(size)
        moved = rng.normal(-(swing**2) / 2, swing, len(self.layout.items))
        for b, slots in enumerate(self.layout.blocks):
            arrangement = plan[slots][None, :]
            rate, looks = self.shares(slots, arrangement, moved[arrangement])
            busy = math.exp(rng.normal(-(swing**2) / 2, swing))
            handled[slots] = rng.poisson(visits[b] * rate[0] * busy)
            dwells[slots] = rng.poisson(visits[b] * looks[0])
        counts = handled.astype(np.int64)
        read = rng.binomial(counts, 1 - self.market.unread)
        positive = rng.binomial(read, self.rates[1][plan])
        rejected = rng.binomial(read - positive, self.rates[2][plan] / (1 - self.rates[1][plan]))
        return Week(
            plan=plan.copy(),
            visits=visits,
            dwells=dwells,
            handled=handled,
            taken=rng.binomial(counts, self.rates[0][plan]).astype(np.float64),
            positive=positive.astype(np.float64),
            rejected=rejected.astype(np.float64),
            read=read.astype(np.float64),
            available=np.ones(size),
        )

    def known(self, log: Log, rng: np.random.Generator, rounds: Sequence[Round] = ()) -> Known:
        """What a policy may use of a log so far."""
        weeks = tuple(log.weeks)
        return Known(self.layout, self.rules, self.today, weeks, self.weights, rng, tuple(rounds))

    def _climb(self, slots: Ints, start: Ints) -> Ints:
        at, value = start, -np.inf
        while True:
            near = np.concatenate([at[None, :], swaps(at)])
            near = near[self.rules.keeps(slots, near)]
            values = self.value(slots, near)
            if values.max() <= value + 1e-9:
                return at
            at, value = near[values.argmax()], float(values.max())

    def _by_lot(self, slots: Ints, rng: np.random.Generator) -> Ints:
        items = self.today[slots]
        return self.rules.arrange(slots, items, rng.random((len(slots), len(self.layout.items))))

    def _today(self, rng: np.random.Generator) -> Ints:
        """Partly by what sells, partly by habit, never an item over its height."""
        plan = np.zeros(len(self.layout.slots), dtype=np.int64)
        rules = Rules(self.layout, Constraints())
        for b, slots in enumerate(self.layout.blocks):
            items = np.flatnonzero(self.layout.item_block == b)
            items = np.concatenate([items, items[: len(slots) - len(items)]])  # two facings
            own = self.market.habit * np.argsort(np.argsort(self.appeal[0])) / len(self.appeal[0])
            luck = (1 - self.market.habit) * rng.random(len(self.layout.items))
            look = np.exp(self.layout.features[slots] @ VISIBILITY)
            plan[slots] = rules.arrange(slots, items, look[:, None] * (own + luck)[None, :])
        return plan

    def _constraints(self, rng: np.random.Generator) -> Constraints:
        """Contracts that today's plan keeps: a brand at one of its slots of the upper levels."""
        contracts = []
        for slots in self.layout.blocks[::4]:
            held = int(rng.choice(slots))
            brand = self.layout.brand[self.today[held]]
            level = self.layout.features[slots, :3].argmax(axis=1)
            alike = slots[level == level[list(slots).index(held)]]
            contracts.append(Contract(brand, tuple(self.layout.slots[s] for s in alike)))
        return Constraints(
            contracts=tuple(contracts),
            facings={self.layout.items[n]: 1 for n in range(3)},
            moves_a_week=len(self.today) // 2 + 8,
        )


def _layout(market: Market, rng: np.random.Generator) -> Layout:
    block, item_block = [], []
    for b in range(market.blocks):
        m = int(rng.integers(market.slots[0], market.slots[1] + 1))
        block += [b] * m
        item_block += [b] * (m - int(rng.random() < TWICE))
    s, i = len(block), len(item_block)
    level = rng.integers(0, 3, s)
    cold = rng.random(market.blocks) < COOLED
    features = np.concatenate([np.eye(3)[level], (rng.random(s) < ENDS)[:, None]], axis=1)
    height = HEIGHTS_M[level]
    weight = rng.uniform(0.2, 4.0, i)
    for b in range(market.blocks):
        mine = np.flatnonzero(np.array(item_block) == b)
        low = height[np.array(block) == b] < Constraints().heavy_below_m
        if low.sum() > 1 and rng.random() < HEAVY:
            weight[rng.choice(mine)] = 6.0
    return Layout(
        slots=tuple(f"slot-{n}" for n in range(s)),
        items=tuple(f"item-{n}" for n in range(i)),
        block=np.array(block),
        features=features,
        height_m=height,
        cooled=cold[np.array(block)],
        item_block=np.array(item_block),
        weight_kg=weight,
        margin=rng.lognormal(0, 0.35, i),
        cold=cold[np.array(item_block)] & (rng.random(i) < COLD),
        brand=tuple(f"brand-{n}" for n in rng.integers(0, 12, i)),
    )


@dataclass(slots=True, eq=False)
class Log:
    """Weeks as seen and rounds as logged, with the truth of each round's candidates."""

    weeks: list[Week]
    rounds: list[Round]
    truths: list[Floats]
    begun: list[int]
    value: float


def run_log(truth: Truth, policies: Sequence[Policy], rng: np.random.Generator) -> Log:
    """Eight weeks of trying; half of the blocks choose anew each week."""
    log = Log([], [], [], [], 0.0)
    plan = truth.today.copy()
    held: dict[int, tuple[Round, int]] = {}
    for week in range(truth.market.weeks):
        running = {n for _, n in held.values()}
        known = truth.known(log, rng, [r for n, r in enumerate(log.rounds) if n not in running])
        for b, slots in enumerate(truth.layout.blocks):
            if (b + week) % HOLD or week == 0:
                continue
            made = choose(known, policies, b, slots)
            held[b] = (made, len(log.rounds))
            log.rounds.append(made)
            log.truths.append(truth.value(slots, made.candidates))
            log.begun.append(week)
            plan[slots] = made.candidates[made.chosen]
        seen = truth.week(plan, rng)
        log.weeks.append(seen)
        log.value += truth.plan_value(plan) / truth.market.weeks
        _settle(truth, log, held, last=week == truth.market.weeks - 1, week=week)
    return log


def _settle(
    truth: Truth, log: Log, held: dict[int, tuple[Round, int]], *, last: bool, week: int
) -> None:
    """Rewards of the rounds that end with this week."""
    for b, (made, n) in list(held.items()):
        since = log.begun[n]
        if week - since + 1 < HOLD and not last:
            continue
        weeks = log.weeks[since:]
        reward = sum(float(w.reward(truth.layout, truth.weights)[made.slots].sum()) for w in weeks)
        made.reward = 1000 * reward / sum(float(w.visits[b]) for w in weeks)
        del held[b]


def judged(log: Log, name: str) -> tuple[ope.Rounds, float]:
    """The rounds by which a policy is judged, and its true mean gain over them."""
    picked = [n for n, begun in enumerate(log.begun) if begun >= LEARN_WEEKS]
    rounds = [log.rounds[n] for n in picked]
    target = [r.targets[name] for r in rounds]
    true = [
        float(t @ log.truths[n] - log.truths[n][0]) for n, t in zip(picked, target, strict=True)
    ]

    found = rounds_for_gate(rounds, [r.reward for r in rounds], target)
    return found, float(np.mean(true))


def trial(
    truth: Truth, best: float, policies: Sequence[Policy], seed: int | Sequence[int]
) -> dict[str, Any]:
    """One shop and seed: by policy, share of the oracle's gain and what the gate said."""
    rng = np.random.default_rng(seed)
    log = run_log(truth, policies, rng)
    base = truth.plan_value(truth.today)
    known = truth.known(log, rng, log.rounds)
    rows = {}
    for policy in (*policies, ByLot()):
        plan = truth.today.copy()
        for b, slots in enumerate(truth.layout.blocks):
            plan[slots] = policy.propose(known, b, slots)
        rounds, true = judged(log, policy.name)
        verdict = ope.gate(rounds, policy.name)
        relative = truth.plan_value(plan) / base - 1
        rows[policy.name] = {
            "relative": relative,
            "share": relative * base / (best - base),
            "gated": relative if verdict.passed else 0.0,
            "passed": verdict.passed,
            "broken": len(truth.rules.broken(plan)),
            "effective": verdict.gain.effective,
            "n": verdict.gain.n,
            "true_gain": true,
            "covered": {m: _holds(ope.estimate(rounds, m), true) for m in ope.METHODS},
            "width": {m: _width(ope.estimate(rounds, m)) for m in ope.METHODS},
        }
    return {
        "policies": rows,
        "oracle": best / base - 1,
        "while_learning": log.value / base - 1,
        "misfit": asdict(misfit(truth.layout, log.weeks, truth.weights, rng)),
    }


def _holds(gain: ope.Gain, true: float) -> bool:
    return gain.low <= true <= gain.high


def _width(gain: ope.Gain) -> float:
    return gain.high - gain.low


def measure(
    shops: int = 20,
    seeds: int = 5,
    *,
    seed: int = 7,
    market: Market | None = None,
    deep: bool = False,
    tell: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """The table of ``aeras lab placement``.

    Args:
        shops: Drawn shops.
        seeds: Logs of each.
        seed: Of all draws.
        market: How shops are drawn.
        deep: Also deep reinforcement learning (extra ``aeras[deep]``).
        tell: Is told how far it is.

    Raises:
        InputError: A package is missing.
    """
    market, tell = market or Market(), tell or _nothing
    names = [*DEFAULT, "deep"] if deep else list(DEFAULT)
    made = {name: load(name) for name in names}
    if deep:
        made["deep"] = _trained(market, seed, tell)
    found, oracles = [], []
    for shop in range(shops):
        truth = Truth(market, np.random.default_rng([seed, shop]))
        best = truth.plan_value(truth.oracle(np.random.default_rng([seed, shop, 1])))
        oracles.append(best / truth.plan_value(truth.today) - 1)
        for n in range(seeds):
            found.append(
                {
                    "shop": shop,
                    **trial(truth, best, [make() for make in made.values()], [seed, shop, 2, n]),
                }
            )
        tell(f"shop {shop + 1} of {shops}")
    return _table(found, names, oracles, market)


def _nothing(text: str) -> None:
    """Nobody wants to know."""


def in_words(table: dict[str, Any]) -> str:
    """The table for people."""
    head = f"{'policy':12}{'of oracle gain':>24}{'gain':>8}{'worst gated':>13}{'let through':>13}"
    lines = [
        f"{table['trials']} simulated logs of {table['weeks']} weeks; the oracle gains "
        f"{table['oracle_gain']:.1%} over today's plan",
        head,
    ]
    for name, row in table["policies"].items():
        share = f"{row['share_of_oracle']:.1%} ({row['share_low']:.1%} to {row['share_high']:.1%})"
        lines.append(
            f"{name:12}{share:>24}{row['gain']:>8.1%}{row['worst_gated']:>13.1%}{row['passed']:>13.0%}"
        )
    for method, cover in table["ope"].items():
        lines.append(
            f"95 % intervals of {method} hold the truth in {cover['value']:.1%} "
            f"({cover['low']:.1%} to {cover['high']:.1%}) of {cover['n']}"
        )
    fit = table["misfit"]
    lines.append(
        f"the calibrated shop misses a block's next week by {fit['off']:.1%} on average; "
        f"{fit['within']:.0%} lie in its 95 % interval"
    )
    return "\n".join(lines)


def _trained(market: Market, seed: int, tell: Callable[[str], None]) -> Callable[[], Policy]:
    """Deep reinforcement learning needs far more tries than a shop gives: one network learns in
    calibrated shops that are in no trial, and is shown the calibration of each trial's shop.
    """
    from aeras.place.policies.deep import Deep, train  # noqa: PLC0415 - an extra

    known = []
    for shop in range(DEEP_SHOPS):
        rng = np.random.default_rng([seed, 10_000 + shop])
        truth = Truth(market, rng)
        log = run_log(truth, [load("assignment")()], rng)
        known.append(truth.known(log, rng))
    tell("training the network")
    network = train(known, size=market.slots[1], seed=seed)
    return lambda: Deep(network)


def _table(
    found: Sequence[dict[str, Any]], names: Sequence[str], oracles: Sequence[float], market: Market
) -> dict[str, Any]:
    names = [*names, ByLot.name]
    policies = {name: _row([f["policies"][name] for f in found]) for name in names}
    best = max((n for n in names if n != "today"), key=lambda n: policies[n]["share_of_oracle"])
    judged_names = [n for n in names if n != "today"]
    covered = {
        m: _share([f["policies"][n]["covered"][m] for f in found for n in judged_names])
        for m in ope.METHODS
    }
    fits = [f["misfit"] for f in found]
    return {
        "simulated": True,
        "trials": len(found),
        "weeks": market.weeks,
        "best": best,
        "best_share_of_oracle": policies[best]["share_of_oracle"],
        "worst_gated": min(policies[n]["worst_gated"] for n in names),
        "worst_gated_shop_mean": min(_worst_shop(found, n) for n in names),
        "oracle_gain": float(np.mean(oracles)),
        "gain_while_learning": float(np.mean([f["while_learning"] for f in found])),
        "policies": policies,
        "ope_coverage": covered["dr"]["value"],
        "ope": covered,
        "misfit": {
            key: float(np.mean([f[key] for f in fits]))
            for key in ("off", "bias", "within", "scatter", "tail")
        },
        "weights": asdict(Reward(positive=0.2, rejected=0.2)),
        "market": asdict(market),
    }


def _row(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    shares = np.array([r["share"] for r in rows])
    half = 1.96 * shares.std(ddof=1) / math.sqrt(len(shares)) if len(shares) > 1 else math.inf
    return {
        "share_of_oracle": float(shares.mean()),
        "share_low": float(shares.mean() - half),
        "share_high": float(shares.mean() + half),
        "gain": float(np.mean([r["relative"] for r in rows])),
        "worst_ungated": float(min(r["relative"] for r in rows)),
        "worst_gated": float(min(r["gated"] for r in rows)),
        "gated_gain": float(np.mean([r["gated"] for r in rows])),
        "passed": float(np.mean([r["passed"] for r in rows])),
        "constraints_broken": int(sum(r["broken"] for r in rows)),
        "rounds": float(np.mean([r["n"] for r in rows])),
        "effective_rounds": float(np.mean([r["effective"] for r in rows])),
        "dr_coverage": float(np.mean([r["covered"]["dr"] for r in rows])),
        "dr_width": float(np.mean([r["width"]["dr"] for r in rows])),
        "ips_width": float(np.mean([r["width"]["ips"] for r in rows])),
        "true_gain_judged": float(np.mean([r["true_gain"] for r in rows])),
    }


def _worst_shop(found: Sequence[dict[str, Any]], name: str) -> float:
    by_shop: dict[int, list[float]] = {}
    for f in found:
        by_shop.setdefault(f["shop"], []).append(f["policies"][name]["gated"])
    return min(float(np.mean(values)) for values in by_shop.values())


def _share(hits: Sequence[bool]) -> dict[str, float]:
    """With its 95 % interval (Wilson)."""
    n, p, z = len(hits), float(np.mean(hits)), 1.96
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return {
        "value": p,
        "low": (middle - half) / (1 + z * z / n),
        "high": (middle + half) / (1 + z * z / n),
        "n": n,
    }
