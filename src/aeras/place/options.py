"""``advice`` of the site file: whether placement is advised on, and what every plan keeps to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Kilograms = Annotated[float, Field(ge=0, le=1000)]
Height = Annotated[float, Field(ge=0, le=5)]
Currency = Annotated[float, Field(ge=0, le=1_000_000)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeavyOptions(_Options):
    """``heavy``: items above ``kg`` stand no higher than ``below_m``."""

    kg: Kilograms = 5.0
    below_m: Height = 1.2


class ContractOptions(_Options):
    """One of ``contracts``: these items were promised so many of these facings."""

    brand: str = Field(min_length=1, max_length=64)
    items: tuple[str, ...] = Field(min_length=1)
    facings: tuple[str, ...] = Field(min_length=1)
    at_least: int = Field(default=1, ge=1, le=1000)


class RewardOptions(_Options):
    """``reward``: what placement is for, in currency."""

    margin: float = Field(default=1.0, ge=0, le=100)
    positive: Currency = 0.10
    rejected: Currency = 0.10


class AdviceOptions(_Options):
    """``advice``: see docs/site-file.md."""

    policy: Literal["assignment", "thompson", "greedy"] = "assignment"
    trial: bool = False
    hold_weeks: int = Field(default=2, ge=1, le=8)
    follow_up_weeks: int = Field(default=4, ge=2, le=26)
    moves_a_week: int = Field(default=12, ge=2, le=10_000)
    blocks_by_category: bool = True
    heavy: HeavyOptions = HeavyOptions()
    weight_kg: Mapping[str, Kilograms] = Field(default_factory=dict)
    height_m: Mapping[str, Height] = Field(default_factory=dict)
    cold: tuple[str, ...] = ()
    cooled: tuple[str, ...] = ()
    facings: Mapping[str, Annotated[int, Field(ge=1, le=1000)]] = Field(default_factory=dict)
    contracts: tuple[ContractOptions, ...] = ()
    margin: Mapping[str, Currency] = Field(default_factory=dict)
    margin_share: float = Field(default=0.3, ge=0, le=1)
    reward: RewardOptions = RewardOptions()


class AdviceSections(BaseModel):
    """What a site file may say about advice; nothing is advised unless it is there."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    advice: AdviceOptions | None = None


SECTIONS: dict[str | int, type[BaseModel]] = {
    "advice": AdviceOptions,
    "heavy": HeavyOptions,
    "contracts": ContractOptions,
    "reward": RewardOptions,
}


def advice_problems(
    advice: AdviceOptions | None,
    *,
    items: frozenset[str],
    fixtures: frozenset[str],
    facings: frozenset[str],
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Names that the site does not know: the place in the file, and what."""
    if advice is None:
        return
    named: list[tuple[tuple[str | int, ...], str, tuple[str, ...], frozenset[str]]] = [
        (("weight_kg",), "item", tuple(advice.weight_kg), items),
        (("height_m",), "facing", tuple(advice.height_m), facings),
        (("cold",), "item", advice.cold, items),
        (("cooled",), "fixture", advice.cooled, fixtures),
        (("facings",), "item", tuple(advice.facings), items),
        (("margin",), "item", tuple(advice.margin), items),
    ]
    for n, contract in enumerate(advice.contracts):
        named += [
            (("contracts", n, "items"), "item", contract.items, items),
            (("contracts", n, "facings"), "facing", contract.facings, facings),
        ]
        if contract.at_least > len(contract.facings):
            yield (
                ("advice", "contracts", n, "at_least"),
                f"{contract.brand!r} is promised {contract.at_least} of {len(contract.facings)} "
                "facings; name more facings or promise fewer",
            )
    for place, what, names, known in named:
        for name in names:
            if name not in known:
                yield ("advice", *place), f"advice names the unknown {what} {name!r}"
