"""Connectors to the servers of `shapes`, each as a site file would make it."""

from __future__ import annotations

from collections.abc import Callable

from aeras.connect.odoo import OdooOptions
from aeras.connect.port import Options
from aeras.connect.shopify import ShopifyOptions
from aeras.connect.square import SquareOptions
from aeras.connect.woocommerce import WooOptions
from tests.support.shapes import TOKEN, Api, OdooApi, ShopifyApi, SquareApi, WooApi

SECRET = "webhook-secret-41"
ENVIRONMENT = {"SHOP_TOKEN": TOKEN, "SHOP_SECRET": "secret", "HOOK_SECRET": SECRET}
"""Set by the tests."""


def square(url: str, **more: object) -> Options:
    row = {"location": "L1", "token": "${SHOP_TOKEN}", "webhook_secret": "${HOOK_SECRET}"}
    return SquareOptions.model_validate({"id": "till", "url": url, **row, **more})


def shopify(url: str, **more: object) -> Options:
    row = {"shop": "corner", "token": "${SHOP_TOKEN}", "location": "11"}
    secret = {"webhook_secret": "${HOOK_SECRET}"}
    return ShopifyOptions.model_validate({"id": "till", "url": url, **row, **secret, **more})


def woo(url: str, **more: object) -> Options:
    row = {"key": "${SHOP_TOKEN}", "secret": "${SHOP_SECRET}", "webhook_secret": "${HOOK_SECRET}"}
    return WooOptions.model_validate({"id": "till", "url": url, "private": True, **row, **more})


def odoo(url: str, **more: object) -> Options:
    row = {"database": "retail", "user": "aeras", "key": "${SHOP_TOKEN}"}
    return OdooOptions.model_validate({"id": "till", "url": url, "private": True, **row, **more})


def odoo19(url: str) -> Options:
    return odoo(url, api="json2")


LINKS: dict[str, tuple[type[Api], Callable[[str], Options]]] = {
    "square": (SquareApi, square),
    "shopify": (ShopifyApi, shopify),
    "woocommerce": (WooApi, woo),
    "odoo": (OdooApi, odoo),
    "odoo19": (OdooApi, odoo19),
}
