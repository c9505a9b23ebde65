"""What the pages of triggers and of proposals share: a step of a life, as it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Form, Path
from pydantic import BaseModel, ConfigDict, Field

from aeras.domain.errors import InputError
from aeras.domain.steps import MAX_NOTE
from aeras.serve.errors import NotFoundError

D = TypeVar("D", bound=str)
Row = TypeVar("Row")
DeedName = Annotated[str, Path(max_length=32)]
Note = Annotated[str, Form(max_length=2 * MAX_NOTE)]


class StepIn(BaseModel):
    """A step: ``seen`` is how many steps there were before; sending it again is harmless."""

    model_config = ConfigDict(extra="forbid")

    seen: Annotated[int, Field(ge=0, le=10_000)]
    note: Annotated[str, Field(max_length=2 * MAX_NOTE)] = ""


def seen_in(form: str, steps: int) -> int:
    """How many steps a form's sender had before them; all of them where it does not say."""
    return int(form) if form.isdecimal() and len(form) < 6 else steps  # noqa: PLR2004


def row_named(read: Callable[[str], Row], name: str) -> Row:
    """What a desk has of that id; NotFoundError if there is nothing."""
    try:
        return read(name)
    except InputError as error:
        raise NotFoundError(error.what, todo=error.todo) from None


def deed_named(name: str, by_hand: Sequence[D]) -> D:
    """A step by hand; NotFoundError if there is none of that name."""
    for deed in by_hand:
        if deed == name:
            return deed
    raise NotFoundError(f"no step {name[:32]!r}", todo=f"There are {', '.join(by_hand)}")
