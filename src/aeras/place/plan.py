"""A shop as placement sees it: slots, items, and what a plan must keep to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from aeras.domain.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Slots (S) and items (I) of a shop. A plan is the item's index at each slot, (S,).

    Attributes:
        slots, items: Ids.
        block: (S,) fixture of each slot. Slots of a block stand for choice together.
        features: (S, F) what is known of a slot beforehand (level, end of the shelf ...).
        height_m: (S,) of the slot above the floor.
        cooled: (S,)
        item_block: (I,) block of the item's category.
        weight_kg, margin: (I,); margin in currency a unit.
        cold: (I,) whether the item needs cooling.
        brand: (I,) names.
    """

    slots: tuple[str, ...]
    items: tuple[str, ...]
    block: Ints
    features: Floats
    height_m: Floats
    cooled: Bools
    item_block: Ints
    weight_kg: Floats
    margin: Floats
    cold: Bools
    brand: tuple[str, ...]

    @property
    def blocks(self) -> list[Ints]:
        """Slots of each block."""
        return [np.flatnonzero(self.block == b) for b in range(int(self.block.max()) + 1)]


@dataclass(frozen=True, slots=True)
class Contract:
    """A brand was promised at least so many of these slots."""

    brand: str
    slots: tuple[str, ...]
    at_least: int = 1


@dataclass(frozen=True, slots=True)
class Constraints:
    """What every plan keeps to.

    Attributes:
        category_blocks: Items stay in the block of their category.
        heavy_kg, heavy_below_m: Items heavier than the first stand no higher than the second.
        cold_chain: Items that need cooling stand in cooled slots.
        facings: Slots that an item has at least, by item id; each has one anyway.
        contracts: With brands.
        moves_a_week: Slots whose item may change in a week.
    """

    category_blocks: bool = True
    heavy_kg: float = 5.0
    heavy_below_m: float = 1.2
    cold_chain: bool = True
    facings: Mapping[str, int] = field(default_factory=dict)
    contracts: tuple[Contract, ...] = ()
    moves_a_week: int = 40


@dataclass(frozen=True, slots=True, eq=False)
class _Promise:
    """One row of a linear condition: the sum of these cells is at least so much."""

    name: str
    cells: Bools
    at_least: int


class Rules:
    """Constraints worked out for one layout.

    Raises:
        InputError: A constraint names an item or slot that the layout does not have.
    """

    def __init__(self, layout: Layout, constraints: Constraints) -> None:
        self.layout, self.constraints = layout, constraints
        self._forbidden = dict(_forbidden(layout, constraints))
        self.allowed: Bools = ~np.any(
            [np.zeros((len(layout.slots), len(layout.items)), np.bool_), *self._forbidden.values()],
            axis=0,
        )
        self._promises = list(_promises(layout, constraints))
        self._contracts = [p for p in self._promises if p.name.startswith("contract")]

    def broken(self, plan: Ints) -> list[str]:
        """Names of the constraints that a plan breaks, with the slots or items concerned."""
        rows = np.arange(len(plan))
        found = []
        for name, cells in self._forbidden.items():
            wrong = np.flatnonzero(cells[rows, plan])
            if wrong.size:
                found.append(f"{name} (at {', '.join(self.layout.slots[s] for s in wrong[:3])})")
        return found + [p.name for p in self._promises if p.cells[rows, plan].sum() < p.at_least]

    def keeps(self, slots: Ints, arrangements: Ints) -> Bools:
        """Which arrangements (N, m) of a block's slots (m,) are allowed, (N,).

        They hold the items that stand there now, so that numbers of facings cannot change.
        """
        fine: Bools = np.asarray(self.allowed[slots[None, :], arrangements].all(axis=1))
        for promise in self._contracts:
            cells = promise.cells[slots]
            if cells.any():
                held = cells[np.arange(len(slots))[None, :], arrangements].sum(axis=1)
                fine = fine & (held >= promise.at_least)
        return fine

    def arrange(self, slots: Ints, items: Ints, worth: Floats) -> Ints:
        """The allowed arrangement of these items on a block's slots that is worth most.

        Args:
            slots: (m,)
            items: (m,) an item stands in it as often as it has facings.
            worth: (m, I) of an item at a slot.
        """
        cost = np.where(self.allowed[slots][:, items], -worth[:, items], np.inf)
        _, columns = optimize.linear_sum_assignment(cost)
        best: Ints = items[columns]
        if self.keeps(slots, best[None, :])[0]:
            return best
        return self._arrange_with_contracts(slots, items, np.where(np.isinf(cost), 1e9, cost))

    def _arrange_with_contracts(self, slots: Ints, items: Ints, cost: Floats) -> Ints:
        m = len(slots)
        once = sparse.kron(sparse.eye(m), np.ones((1, m)))
        each = sparse.kron(np.ones((1, m)), sparse.eye(m))
        rules = [optimize.LinearConstraint(sparse.vstack([once, each]).tocsr(), 1, 1)]
        for promise in self._contracts:
            cells = promise.cells[slots][:, items].astype(float).reshape(1, -1)
            if cells.any():
                rules.append(optimize.LinearConstraint(cells, promise.at_least, np.inf))
        found = optimize.milp(
            cost.ravel(),
            constraints=rules,
            integrality=np.ones(m * m, dtype=np.int64),
            bounds=optimize.Bounds(0, 1),
        )
        if found.x is None:
            raise InputError(
                f"the block of {self.layout.slots[slots[0]]} has no allowed arrangement",
                where="placement constraints",
                todo="Loosen its height, cold chain or contract; today's plan stays",
            )
        arranged: Ints = items[found.x.reshape(m, m).argmax(axis=1)]
        return arranged

    def check(self, plan: Ints) -> None:
        """Today's plan is where every proposal starts, so it has to be allowed.

        Raises:
            InputError: It breaks constraints; if no plan at all could keep to them, says which
                of them conflict.
        """
        broken = self.broken(plan)
        if not broken:
            return
        clash = self.conflict()
        if clash:
            raise InputError(
                f"no plan can keep to these constraints together: {'; '.join(clash)}",
                where="placement constraints",
                todo="Loosen one of them; today's plan stays",
            )
        raise InputError(
            f"today's plan breaks {'; '.join(broken)}",
            where="placement constraints",
            todo="Mend the plan or the constraint; nothing is proposed until then",
        )

    def conflict(self) -> list[str]:
        """A smallest set of named constraints that cannot hold together; empty if all can."""
        names = [*self._forbidden, *(p.name for p in self._promises)]
        if self._possible(set(names)):
            return []
        kept = set(names)
        for name in names:
            if not self._possible(kept - {name}):
                kept.discard(name)
        return [name for name in names if name in kept]

    def _possible(self, names: set[str]) -> bool:
        s, i = len(self.layout.slots), len(self.layout.items)
        allowed = np.ones((s, i), np.bool_)
        for name, cells in self._forbidden.items():
            if name in names:
                allowed &= ~cells
        rows = [sparse.csr_array(sparse.kron(sparse.eye(s), np.ones((1, i))))]
        low, high = [np.ones(s)], [np.ones(s)]
        for promise in self._promises:
            if promise.name in names:
                rows.append(sparse.csr_array(promise.cells.astype(float).reshape(1, -1)))
                low.append(np.array([float(promise.at_least)]))
                high.append(np.array([np.inf]))
        limits = optimize.LinearConstraint(
            sparse.vstack(rows).tocsr(), np.concatenate(low), np.concatenate(high)
        )
        found = optimize.milp(
            np.zeros(s * i),
            constraints=[limits],
            integrality=np.ones(s * i, dtype=np.int64),
            bounds=optimize.Bounds(0, allowed.ravel().astype(float)),
        )
        return bool(found.success)


def swaps(plan: Ints) -> Ints:
    """All plans that differ by one exchange of two slots with different items, (N, m)."""
    first, second = np.triu_indices(len(plan), 1)
    different = plan[first] != plan[second]
    first, second = first[different], second[different]
    found = np.tile(plan, (len(first), 1))
    rows = np.arange(len(first))
    found[rows, first], found[rows, second] = plan[second], plan[first]
    return found


def moves(before: Ints, after: Ints) -> int:
    """Slots whose item changes."""
    return int((before != after).sum())


def weeks_of_moves(rules: Rules, before: Ints, after: Ints) -> list[Ints]:
    """The plans of the coming weeks on the way to a proposal, at most N moves each, all allowed.

    Blocks are rearranged whole where they fit, else by allowed exchanges.

    Raises:
        InputError: A block cannot be rearranged within N moves a week.
    """
    budget = rules.constraints.moves_a_week
    plan, left, found = before.copy(), budget, []
    for slots in rules.layout.blocks:
        while (plan[slots] != after[slots]).any():
            step = _step(rules, slots, plan[slots], after[slots], left)
            if step is None and left == budget:
                raise InputError(
                    f"{budget} moves a week are too few to rearrange the block of "
                    f"{rules.layout.slots[slots[0]]}",
                    where="moves_a_week",
                    todo=f"Allow {moves(plan[slots], after[slots])} in one week",
                )
            if step is None:
                found.append(plan.copy())
                left = budget
                continue
            left -= moves(plan[slots], step)
            plan[slots] = step
    if (plan != (found[-1] if found else before)).any():
        found.append(plan.copy())
    return found


def _step(rules: Rules, slots: Ints, now: Ints, then: Ints, left: int) -> Ints | None:
    if moves(now, then) <= left:
        return then
    if left < 2:  # noqa: PLR2004 - an exchange
        return None
    near = swaps(now)
    near = near[rules.keeps(slots, near)]
    gains = (near == then).sum(axis=1) - (now == then).sum()
    return near[gains.argmax()] if gains.size and gains.max() > 0 else None


def _forbidden(layout: Layout, rules: Constraints) -> Iterator[tuple[str, Bools]]:
    """By name, the cells (S, I) that a constraint forbids."""
    if rules.category_blocks:
        yield "category blocks", layout.block[:, None] != layout.item_block[None, :]
    heavy = layout.weight_kg > rules.heavy_kg
    yield (
        f"items over {rules.heavy_kg:g} kg stand at most {rules.heavy_below_m:g} m high",
        (layout.height_m > rules.heavy_below_m)[:, None] & heavy[None, :],
    )
    if rules.cold_chain:
        yield "cold chain", ~layout.cooled[:, None] & layout.cold[None, :]


def _promises(layout: Layout, rules: Constraints) -> Iterator[_Promise]:
    items = {name: n for n, name in enumerate(layout.items)}
    slots = {name: n for n, name in enumerate(layout.slots)}
    for name in rules.facings:
        _known(name, items, "item", "facings")
    for name, n in items.items():
        at_least = max(1, rules.facings.get(name, 1))
        cells = np.zeros((len(slots), len(items)), np.bool_)
        cells[:, n] = True
        yield _Promise(f"at least {at_least} facings of {name}", cells, at_least)
    for contract in rules.contracts:
        if contract.brand not in layout.brand:
            _known(contract.brand, dict.fromkeys(layout.brand, 0), "brand", "contracts")
        cells = np.zeros((len(slots), len(items)), np.bool_)
        of_brand = [n for n, brand in enumerate(layout.brand) if brand == contract.brand]
        for slot in contract.slots:
            _known(slot, slots, "slot", "contracts")
            cells[slots[slot], of_brand] = True
        yield _Promise(
            f"contract with {contract.brand} for {contract.at_least} of {len(contract.slots)} slots"
            f" ({', '.join(contract.slots[:3])})",
            cells,
            contract.at_least,
        )


def _known(name: str, names: Mapping[str, int], what: str, where: str) -> None:
    if name not in names:
        raise InputError(
            f"{what} {name!r} is not in this shop",
            where=f"placement constraints, {where}",
            todo=f"Known: {', '.join(sorted(set(names))[:8])}",
        )
