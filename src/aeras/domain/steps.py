"""What all lives share that people move on, those of triggers and those of proposals."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from aeras.domain.errors import InputError

MAX_NOTE = 500
"""Characters of a reason or a proposal."""


class Taken(Protocol):
    """A step of a life."""

    @property
    def deed(self) -> StrEnum:
        """What was done."""

    @property
    def who(self) -> str:
        """By whom."""


def repeats(steps: Sequence[Taken], seen: int, deed: StrEnum, who: str, *, of: str) -> bool:
    """Whether this very step was taken already by the same hand, so that nothing is left to do.

    Args:
        steps: So far.
        seen: How many of them ``who`` had before them.
        deed: That is asked for.
        who: Asks.
        of: What the life is of, as in "this trigger".

    Raises:
        InputError: Something else was done meanwhile.
    """
    if seen >= len(steps):
        return False
    if (steps[seen].deed, steps[seen].who) != (deed, who):
        raise moved_on(of)
    return True


def check_note(note: str) -> None:
    """InputError if it is too long."""
    if len(note) > MAX_NOTE:
        raise InputError(
            f"the text has {len(note)} characters, at most {MAX_NOTE} are kept", todo="Shorten it"
        )


def moved_on(of: str) -> InputError:
    """Somebody was quicker."""
    return InputError(
        f"somebody else has moved this {of} on",
        todo="Look at where it stands now, and repeat if it is still right",
    )


def no_step(stage: StrEnum, deed: StrEnum, *, of: str) -> InputError:
    """The deed does not fit where the life stands."""
    return InputError(
        f"the {of} is at the stage {stage.value!r}, from which {deed.value!r} is no step",
        todo="Load the page again: somebody may have moved it on",
    )
