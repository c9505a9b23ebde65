"""Lays a small shop into a fresh Tryton database. Run by the Python that has Tryton, not by ours:

python tryton_shop.py CONFIG PASSWORD
"""

from __future__ import annotations

import sys
from decimal import Decimal

from proteus import Model, config

CONFIG, PASSWORD = sys.argv[1:]
ITEMS = (
    ("OAT-1", "Oat milk 1 l", "4006381333931", "1.99"),
    ("SOAP-1", "Soap bar", "4012345678901", "2.49"),
    ("TEA-1", "Green tea 20 bags", "4000417025005", "3.29"),
)


def lay() -> None:
    from trytond.modules.account.tests.tools import (
        create_chart,
        create_fiscalyear,
        create_tax,
        get_accounts,
    )
    from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences
    from trytond.modules.company.tests.tools import create_company, get_company

    create_company(currency="EUR")
    create_chart()
    set_fiscalyear_invoice_sequences(create_fiscalyear()).click("create_period")
    tax = create_tax(Decimal(".19"))
    tax.save()
    accounts = get_accounts()
    goods = Model.get("product.category")(name="Goods", accounting=True)
    goods.account_revenue = accounts["revenue"]
    goods.customer_taxes.append(tax)
    goods.save()
    for item in ITEMS:
        _product(goods, *item)
    _till(accounts)
    _user(get_company())


def _product(goods, code, name, ean, price) -> None:
    template = Model.get("product.template")(name=name, type="goods", salable=True)
    (template.default_uom,) = Model.get("product.uom").find([("name", "=", "Unit")])
    template.account_category = goods
    template.gross_price = Decimal(price)
    (product,) = template.products
    product.suffix_code = code
    identifier = product.identifiers.new()
    identifier.type, identifier.code = "ean", ean
    template.save()


def _till(accounts) -> None:
    till = Model.get("sale.point")(name="Till 1")
    (till.journal,) = Model.get("account.journal").find([("type", "=", "revenue")], limit=1)
    sequence = Model.get("ir.sequence.strict")(name="POS", company=till.company)
    (sequence.sequence_type,) = Model.get("ir.sequence.type").find([("name", "=", "POS")], limit=1)
    sequence.save()
    till.sequence = sequence
    places = Model.get("stock.location")
    (till.storage_location,) = places.find([("code", "=", "STO")])
    till.return_location = till.storage_location
    (till.customer_location,) = places.find([("code", "=", "CUS")])
    till.save()
    method = Model.get("sale.point.payment.method")(name="Card")
    method.account = accounts["cash"]
    method.save()


def _user(company) -> None:
    """Who AERAS signs in as: no administrator."""
    user = Model.get("res.user")(name="AERAS", login="aeras", password=PASSWORD)
    user.companies.append(company)
    user.company = company
    groups = Model.get("res.group").find([("name", "in", ["POS", "Stock"])])
    user.groups.extend(groups)
    user.save()


config.set_trytond("sqlite:///retail", user="admin", config_file=CONFIG)
lay()
