"""Every operation of the API is described with an example that its own types accept."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from aeras.serve.described import examples
from tests.serve.conftest import make_site
from tests.serve.test_matrix import each_route

SPEC: dict[str, Any] = make_site().app.openapi()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in SPEC["paths"].items()
    for method, operation in operations.items()
}
ROUTES = {
    f"{method} {route.path}": route
    for route in each_route(make_site().app.routes)
    if getattr(route, "include_in_schema", False) and hasattr(route, "body_field")
    for method in route.methods
}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_has_examples_of_what_it_takes_and_gives(name: str):
    operation = OPERATIONS[name]
    for parameter in operation.get("parameters", ()):
        assert parameter.get("example"), f"{parameter['name']} has none in examples.json"
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert "example" in content
    for status, answer in operation["responses"].items():
        body = answer.get("content", {}).get("application/json")
        if status.startswith("2") and body is not None:
            assert "example" in body


@pytest.mark.parametrize("name", sorted(examples()["operations"]))
def test_the_examples_are_of_the_types_that_the_route_declares(name: str):
    route, example = ROUTES[name], examples()["operations"][name]
    if route.response_model is not None and "response" in example:
        made = TypeAdapter(route.response_model).validate_python(example["response"])
        again = TypeAdapter(route.response_model).dump_python(made, mode="json")
        assert keys(again) == keys(example["response"])
    if route.body_field is not None:
        of = TypeAdapter(route.body_field.field_info.annotation)
        assert of.validate_python(example["request"])


def keys(value: Any) -> Any:
    """The names in a document, so that an example with one too many or too few is found."""
    if isinstance(value, dict):
        return {name: keys(inner) for name, inner in value.items()}
    return [keys(inner) for inner in value] if isinstance(value, list | tuple) else None


def test_the_days_stand_in_the_description():
    names = {p["name"] for p in OPERATIONS["GET /api/items"]["parameters"]}
    assert {"range", "from", "to"} <= names
    assert not OPERATIONS["GET /api/cameras"].get("parameters")
