"""The rest of the demo shop: fixtures that no camera sees and that live from simulated history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aeras.lab.render.scene import with_check_digit

DEMO_MAP_M: Final = (12.0, 8.0)
LIVE_FIXTURE_M: Final = (5.22, 3.3, 6.78, 4.5)
"""As wide as it is drawn; deeper, so that its three boards find room one behind the other."""

BAD_ITEMS: Final = ("kale-crisps", "kombucha", "protein-pudding", "bin-bags")
"""Items that simulated shoppers reject often; the first is the one that the videos show."""

RULES: Final = (
    {
        "id": "often-rejected",
        "mode": "count",
        "item": "*",
        "threshold": 2,
        "window": "30 min",
        "cool_down": "12 h",
        "survey": "put-back",
    },
    {"id": "above-its-shelf", "mode": "rate", "window": "28 d", "survey": "put-back"},
)


@dataclass(frozen=True, slots=True)
class Goods:
    """A fixture of the demo shop without a camera.

    Attributes:
        id, name: As in the site file.
        box: xyxy on the map, metres.
        category: Of its items.
        goods: (item id, name, price in euro), one facing each.
        number: Makes the items' GTINs distinct.
    """

    id: str
    name: str
    box: tuple[float, float, float, float]
    category: str
    goods: tuple[tuple[str, str, float], ...]
    number: int

    def items(self) -> list[dict[str, Any]]:
        """The ``items`` rows of the site file."""
        return [
            {
                "id": item,
                "name": name,
                "category": self.category,
                "gtin": with_check_digit(f"2{50 + self.number:02d}7341{place:05d}"),
                "price": price,
            }
            for place, (item, name, price) in enumerate(self.goods)
        ]

    def as_section(self) -> dict[str, Any]:
        """The ``fixtures`` row of the site file; facings are laid out along the fixture."""
        return {
            "id": self.id,
            "name": self.name,
            "on_map": list(self.box),
            "facings": [
                {"id": f"{self.id}-{place}", "item": item}
                for place, (item, _, _) in enumerate(self.goods, start=1)
            ],
        }


OTHER_FIXTURES: Final = (
    Goods(
        "dairy",
        "Dairy wall",
        (0.4, 0.3, 7.4, 1.1),
        "dairy",
        (
            ("whole-milk", "Almhof Whole Milk 1 l", 1.29),
            ("skyr", "Nordri Skyr Vanilla", 1.79),
            ("butter", "Almhof Butter 250 g", 2.49),
            ("gouda", "Deichkrone Gouda", 3.19),
            ("feta", "Kalamos Sheep Cheese", 2.99),
            ("yoghurt", "Almhof Yoghurt 3.5 %", 1.19),
            ("protein-pudding", "Forza Protein Pudding", 1.99),
            ("cream-cheese", "Luneo Cream Cheese", 1.69),
            ("kefir", "Steppe Kefir Mango", 1.59),
        ),
        1,
    ),
    Goods(
        "bakery",
        "Bakery corner",
        (8.2, 0.3, 11.6, 1.1),
        "bakery",
        (
            ("rye-bread", "Muehlbach Rye Bread", 3.49),
            ("toast", "Sandwich Toast", 1.49),
            ("croissant", "Butter Croissants x4", 2.79),
            ("wraps", "Wheat Wraps x6", 1.89),
            ("rusk", "Golden Rusk", 1.39),
        ),
        2,
    ),
    Goods(
        "drinks",
        "Drinks aisle",
        (0.4, 2.4, 1.2, 7.2),
        "drinks",
        (
            ("water", "Felsquell Water 6 x 1.5 l", 3.49),
            ("cola", "Brauner Cola 1 l", 1.39),
            ("ginger-shot", "Root Ginger Shot", 2.29),
            ("iced-tea", "Leafy Iced Tea Peach", 1.59),
            ("alcohol-free-beer", "Hopfen Null 0.5 l", 0.99),
            ("kombucha", "Sunup Kombucha", 2.99),
            ("apple-juice", "Streuobst Apple Juice", 2.19),
        ),
        3,
    ),
    Goods(
        "household",
        "Household",
        (10.8, 2.4, 11.6, 6.2),
        "household",
        (
            ("detergent", "Klar Detergent 20 loads", 5.99),
            ("dish-soap", "Klar Dish Soap Lemon", 1.49),
            ("kitchen-roll", "Soft Kitchen Roll x4", 2.99),
            ("bin-bags", "Bin Bags 35 l", 1.29),
            ("hand-soap", "Lavande Hand Soap", 1.99),
            ("candles", "Tea Lights x50", 3.49),
        ),
        4,
    ),
    Goods(
        "sweets",
        "Sweets at the till",
        (5.0, 6.6, 9.0, 7.3),
        "sweets",
        (
            ("dark-chocolate", "Criollo Dark 70 %", 1.99),
            ("liquorice", "Salzig Liquorice", 1.49),
            ("gum", "Minty Gum", 0.99),
            ("cereal-bar", "Knuspa Bar Date", 0.89),
            ("fruit-gums", "Fruit Gums Sour", 1.19),
            ("nut-mix", "Trail Nut Mix", 2.69),
        ),
        5,
    ),
)
