"""The shop as placement sees it: its slots and rules, its weeks, and what a policy would move."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aeras.domain.errors import InputError
from aeras.domain.kept import Tally
from aeras.domain.proposals import Move, PlacedRound, PlacedWeek
from aeras.domain.published import Rate
from aeras.domain.shop import Fixture, Shop
from aeras.insight.rates import share
from aeras.place.fit import Fit
from aeras.place.log import Reward, Week, by_item, week_of
from aeras.place.options import AdviceOptions
from aeras.place.plan import Constraints, Contract, Ints, Layout, Rules
from aeras.place.policy import Known, Round

Plan = Mapping[str, str]
"""Item id by facing id; a facing where nothing stands is not in it."""
LEVELS = 3
COLUMNS = (
    *("dwells", "takes", "put_backs"),
    *("positive", "hesitant", "rejected", "neutral", "unclear"),
)
"""Of `aeras.domain.proposals.PlacedWeek.counts`."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What may be arranged.

    Attributes:
        layout, rules: See `aeras.place.plan`.
        today: (S,) the plan to beat.
        fixtures: Fixture id of each block.
    """

    layout: Layout
    rules: Rules
    today: Ints
    fixtures: tuple[str, ...]

    def items_at(self, slots: Ints, arrangement: Ints) -> dict[str, str]:
        """Item id by facing id."""
        return {
            self.layout.slots[s]: self.layout.items[i]
            for s, i in zip(slots, arrangement, strict=True)
        }


def weights_of(options: AdviceOptions) -> Reward:
    """The reward's weights."""
    return Reward(options.reward.margin, options.reward.positive, options.reward.rejected)


def margins_of(shop: Shop, options: AdviceOptions) -> dict[str, float]:
    """Margin of a unit by item id, whole currency units; from the price where it is not given."""
    return {
        item.id: options.margin.get(item.id, options.margin_share * (item.price or 0) / 100)
        for item in shop.items
    }


def ground_of(shop: Shop, options: AdviceOptions, plan: Plan) -> Ground:
    """Blocks in which items may change places, with the site's rules.

    An item that stands in two blocks stays where it is: what is learned of it at one place would
    be mixed with the other.

    Raises:
        InputError: No block has two items, or today's plan breaks the rules.
    """
    category = {item.id: item.category for item in shop.items}
    at = {
        facing.id: (fixture.id, category[plan[facing.id]] if options.blocks_by_category else "")
        for fixture in shop.fixtures
        for facing in fixture.facings
        if plan.get(facing.id) in category
    }
    homes = Counter(item for item, _ in {(plan[f], block) for f, block in at.items()})
    own: dict[tuple[str, str], list[str]] = {}
    for facing, block in at.items():
        if homes[plan[facing]] == 1:
            own.setdefault(block, []).append(facing)
    blocks = {b: facings for b, facings in own.items() if len({plan[f] for f in facings}) > 1}
    if not blocks:
        raise InputError(
            "no fixture has two items that could change places",
            where="advice",
            todo="Name the items of the facings, or set blocks_by_category to false",
        )
    slots = [f for facings in blocks.values() for f in facings]
    items = list(dict.fromkeys(plan[f] for f in slots))
    number = {block: n for n, block in enumerate(blocks)}
    block_of = np.array([number[at[f]] for f in slots])
    item_block = {plan[f]: number[at[f]] for f in slots}
    brand = {item: c.brand for c in options.contracts for item in c.items}
    margin = margins_of(shop, options)
    features = {f: row for x in shop.fixtures for f, row in _features(x).items()}
    layout = Layout(
        slots=tuple(slots),
        items=tuple(items),
        block=block_of,
        features=np.array([features[f] for f in slots]),
        height_m=np.array([options.height_m.get(f, 0.0) for f in slots]),
        cooled=np.array([at[f][0] in options.cooled for f in slots]),
        item_block=np.array([item_block[i] for i in items]),
        weight_kg=np.array([options.weight_kg.get(i, 0.0) for i in items]),
        margin=np.array([margin[i] for i in items]),
        cold=np.array([i in options.cold for i in items]),
        brand=tuple(brand.get(i, "") for i in items),
    )
    rules = Rules(layout, _constraints(options, plan, layout))
    today = np.array([items.index(plan[f]) for f in slots])
    rules.check(today)
    return Ground(layout, rules, today, tuple(fixture for fixture, _ in blocks))


def _constraints(options: AdviceOptions, plan: Plan, layout: Layout) -> Constraints:
    """Of what may move; what stays keeps its own part of them."""
    contracts = []
    for contract in options.contracts:
        inside = tuple(f for f in contract.facings if f in layout.slots)
        fixed = sum(plan.get(f) in contract.items for f in contract.facings if f not in inside)
        left = contract.at_least - fixed
        if left > 0 and not (inside and contract.brand in layout.brand):
            raise InputError(
                f"today's plan breaks the contract with {contract.brand}: {fixed} of "
                f"{contract.at_least} facings, and none of the others may change",
                where="advice.contracts",
                todo="Mend the plan or the contract; nothing is proposed until then",
            )
        if left > 0:
            contracts.append(Contract(contract.brand, inside, left))
    return Constraints(
        category_blocks=False,  # the blocks themselves are those of categories, if asked for
        heavy_kg=options.heavy.kg,
        heavy_below_m=options.heavy.below_m,
        facings={i: n for i, n in options.facings.items() if i in layout.items},
        contracts=tuple(contracts),
        moves_a_week=options.moves_a_week,
    )


def _features(fixture: Fixture) -> dict[str, list[float]]:
    """What is known of a facing beforehand: its third of the fixture's height, where its outline is
    known, and whether it is at an end of the fixture's list.
    """
    middles = {f.id: sum(y for _, y in f.polygon) / len(f.polygon)
               for f in fixture.facings if f.polygon}  # fmt: skip
    top, bottom = min(middles.values(), default=0.0), max(middles.values(), default=0.0)
    found = {}
    for n, facing in enumerate(fixture.facings):
        row = [0.0] * LEVELS + [float(n in {0, len(fixture.facings) - 1})]
        if facing.id in middles and bottom > top:
            level = int(LEVELS * (middles[facing.id] - top) / (bottom - top))
            row[min(level, LEVELS - 1)] = 1.0
        found[facing.id] = row
    return found


def weeks_for(ground: Ground, stored: Sequence[PlacedWeek]) -> list[Week]:
    """The weeks in which these items, and only these, stood in their blocks; oldest first."""
    layout, found = ground.layout, []
    number = {item: n for n, item in enumerate(layout.items)}
    for week in stored:
        plan = np.array([number.get(week.plan.get(f, ""), -1) for f in layout.slots])
        if (plan < 0).any() or (layout.item_block[plan] != layout.block).any():
            continue
        tallies = {f: tally_of(f, counts) for f, counts in week.counts.items()}
        visits = dict.fromkeys(range(len(layout.blocks)), week.visits)
        found.append(week_of(layout, plan, tallies, visits, week.available))
    return found


def tally_of(facing: str, counts: Sequence[int]) -> Tally:
    """A facing's counts of a week."""
    return Tally(key=facing, visits=0, reaches=0, coverage=0.0, simulated=0,
                 **dict(zip(COLUMNS, counts, strict=True)))  # fmt: skip


def rewards_of(
    week: PlacedWeek, facings: Collection[str], margin: Mapping[str, float], weights: Reward
) -> float:
    """Reward a 1000 visits of some facings in a week."""
    found = 0.0
    for facing in facings:
        counts = week.counts.get(facing)
        item = week.plan.get(facing)
        if counts is None or item is None:
            continue
        one = tally_of(facing, counts)
        kept = max(0, one.takes - one.put_backs)
        found += weights.margin * margin.get(item, 0.0) * kept
        found += weights.positive * one.positive - weights.rejected * one.rejected
    return 1000 * found / max(1, week.visits)


def reward_over(
    weeks: Sequence[PlacedWeek],
    facings: Collection[str],
    margin: Mapping[str, float],
    weights: Reward,
) -> float:
    """The same over weeks, by their visits."""
    earned = sum(rewards_of(week, facings, margin, weights) * week.visits for week in weeks)
    return earned / sum(week.visits for week in weeks)


def round_of(ground: Ground, drawn: Round, policy: str, proposal: str = "") -> PlacedRound:
    """A round as it is stored before its lot is drawn.

    Args:
        ground: The shop.
        drawn: What may be drawn, with the probabilities.
        policy: Whose own probabilities are kept.
        proposal: The trial that it belongs to.
    """
    layout = ground.layout
    return PlacedRound(
        id=secrets.token_hex(8),
        proposal=proposal,
        facings=tuple(layout.slots[s] for s in drawn.slots),
        candidates=tuple(tuple(layout.items[i] for i in row) for row in drawn.candidates),
        propensity=tuple(drawn.propensity.tolist()),
        chosen=-1,
        targets={policy: tuple(drawn.targets[policy].tolist())},
        predicted=tuple(drawn.predicted.tolist()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Idea:
    """What a policy would do with a fixture.

    Attributes:
        fixture: Its id.
        gain: Of the fixture, as a share of its reward under the plan to beat.
        worth: The same in currency a 1000 visits of the shop.
    """

    fixture: str
    gain: Rate
    worth: float


def expected(known: Known, ground: Ground, wanted: Plan, draws: int = 200) -> dict[str, Idea]:
    """What the calibrated shop expects of an arrangement, by fixture that it changes.

    Args:
        known: What is known.
        ground: The same shop.
        wanted: Item by facing; others stay as they are in the plan to beat.
        draws: From the posterior, for the interval.
    """
    layout, fit = ground.layout, known.fit
    number = {item: n for n, item in enumerate(layout.items)}
    plan = np.array(
        [number[wanted.get(f, layout.items[t])]
         for f, t in zip(layout.slots, ground.today, strict=True)]
    )  # fmt: skip
    shops = [fit, *(fit.draw(known.rng) for _ in range(draws))]
    handled = sum((w.handled for w in known.weeks), np.zeros(len(layout.slots)))
    found = {}
    for fixture in dict.fromkeys(ground.fixtures):
        mine = [(b, s) for b, s in enumerate(layout.blocks) if ground.fixtures[b] == fixture]
        if all((plan[s] == ground.today[s]).all() for _, s in mine):
            continue
        new = np.array([sum(_value(f, b, s, plan) for b, s in mine) for f in shops])
        old = np.array([sum(_value(f, b, s, ground.today) for b, s in mine) for f in shops])
        rate = new / np.maximum(old, 1e-9) - 1
        low, high = np.quantile(rate[1:], [0.025, 0.975]).tolist()
        n = int(sum(handled[s].sum() for _, s in mine))
        gain = Rate(float(rate[0]), low, high, n)
        found[fixture] = Idea(fixture, gain, float(new[0] - old[0]))
    return found


def _value(fit: Fit, block: int, slots: Ints, plan: Ints) -> float:
    return float(fit.value(block, slots, plan[slots][None, :])[0])


def moves_with_evidence(
    ground: Ground, weeks: Sequence[Week], now: Plan, wanted: Plan, k: int
) -> list[Move]:
    """Facings that change, each with what was counted; None where fewer than k are behind it."""
    layout = ground.layout
    columns = ("handled", "taken", "positive", "rejected", "read")
    of_item = dict(zip(columns, by_item(layout, weeks, *columns), strict=True))
    looks = sum((week.dwells for week in weeks), np.zeros(len(layout.slots)))
    number = {item: n for n, item in enumerate(layout.items)}
    found = []
    for s, facing in enumerate(layout.slots):
        item = wanted.get(facing, now[facing])
        if item == now[facing]:
            continue
        block = looks[layout.block == layout.block[s]].sum()
        count = {name: int(of_item[name][number[item]]) for name in columns}
        enough, read = count["handled"] >= k, count["read"] >= k
        found.append(
            Move(
                facing=facing,
                was=now[facing],
                item=item,
                looks=share(int(looks[s]), int(block)) if block >= k and looks[s] >= k else None,
                handled=count["handled"] if enough else None,
                taken=share(count["taken"], count["handled"]) if enough else None,
                positive=share(count["positive"], count["read"]) if read else None,
                rejected=share(count["rejected"], count["read"]) if read else None,
                unread=1 - count["read"] / count["handled"] if enough else None,
            )
        )
    return found
