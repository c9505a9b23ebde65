"""The API's description with an example for every operation (``examples.json``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from aeras.serve.api import period_of
from aeras.serve.periods import RANGES

_PERIOD = [
    {
        "name": "range",
        "in": "query",
        "schema": {"type": "string", "enum": list(RANGES)},
        "description": "Days up to today",
        "example": "7d",
    },
    *(
        {
            "name": name,
            "in": "query",
            "schema": {"type": "string", "format": "date"},
            "description": f"{which} day of the site, instead of range",
            "example": day,
        }
        for name, which, day in (("from", "First", "2026-03-01"), ("to", "Last", "2026-03-07"))
    ),
]
"""What `aeras.serve.periods.read_period` reads, which no signature shows."""


@cache
def examples() -> dict[str, Any]:
    """``parameters`` by name, and ``operations`` by method and path: ``request``, ``response``."""
    text = Path(__file__).with_name("examples.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def describe(app: FastAPI) -> None:
    """Puts the examples, and the days that a query may name, into what ``app.openapi()`` gives."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            dated = {r.path for r in _routes(app.routes) if _asks(r.dependant, period_of)}
            for path, operations in made["paths"].items():
                for method, operation in operations.items():
                    _exemplify(f"{method.upper()} {path}", operation)
                    if path in dated:
                        operation.setdefault("parameters", []).extend(_PERIOD)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _routes(found: Any) -> Iterator[APIRoute]:
    """The API's routes, inside included routers too."""
    for route in found:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _routes(inner.routes)
        elif isinstance(route, APIRoute):
            yield route


def _asks(dependant: Dependant, what: object) -> bool:
    return dependant.call is what or any(_asks(one, what) for one in dependant.dependencies)


def _exemplify(name: str, operation: dict[str, Any]) -> None:
    known = examples()
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in known["parameters"]:
            parameter["example"] = known["parameters"][parameter["name"]]
    example = known["operations"].get(name, {})
    if "request" in example:
        content = operation.setdefault("requestBody", {}).setdefault("content", {})
        content.setdefault("application/json", {})["example"] = example["request"]
    if "response" in example:
        for status, answer in operation["responses"].items():
            body = answer.get("content", {}).get("application/json")
            if status.startswith("2") and body is not None:
                body["example"] = example["response"]
