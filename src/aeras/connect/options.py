"""The section of the site file about connectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aeras.connect.edifact import EdifactOptions
from aeras.connect.folder import FolderOptions
from aeras.connect.odoo import OdooOptions
from aeras.connect.shopify import ShopifyOptions
from aeras.connect.square import SquareOptions
from aeras.connect.tryton import TrytonOptions
from aeras.connect.webhook import WebhookOptions
from aeras.connect.woocommerce import WooOptions

AnyConnector = Annotated[
    EdifactOptions
    | FolderOptions
    | OdooOptions
    | ShopifyOptions
    | SquareOptions
    | TrytonOptions
    | WebhookOptions
    | WooOptions,
    Field(discriminator="kind"),
]

SECTIONS: dict[str | int, type[BaseModel]] = {
    "edifact": EdifactOptions,
    "folder": FolderOptions,
    "odoo": OdooOptions,
    "shopify": ShopifyOptions,
    "square": SquareOptions,
    "tryton": TrytonOptions,
    "webhook": WebhookOptions,
    "woocommerce": WooOptions,
}
"""A connector's options by its kind."""


class ConnectSections(BaseModel):
    """What a site file may say about tills and stock.

    Attributes:
        connectors: Where sales, stock and products come from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    connectors: tuple[AnyConnector, ...] = ()


def connect_problems(sections: ConnectSections) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What does not fit together: the place in the file, and what."""
    ids = [connector.id for connector in sections.connectors]
    for number, found in enumerate(ids):
        if found in ids[:number]:
            yield ("connectors", number, "id"), f"the id {found!r} stands twice in connectors"
