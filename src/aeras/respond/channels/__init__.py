"""Ways in which messages and survey links reach people, one file each; the file's name is the
channel's ``kind`` in the site file. Its options stand beside it and build it.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from aeras.domain.durations import read_duration
from aeras.domain.errors import ConfigError
from aeras.domain.messages import TOPICS
from aeras.domain.ports import Channel, Clock


def _reference(value: str) -> str:
    if not re.fullmatch(r"\$\{\w+\}|file:.+", value):
        raise ValueError(
            "a secret stands in the file: write ${NAME} and set the environment variable NAME, or "
            "file:PATH"
        )
    return value


def _topic(value: str) -> str:
    if value not in TOPICS:
        raise ValueError(f"{value!r} is no topic: expected {', '.join(TOPICS)}")
    return value


Secret = Annotated[str, AfterValidator(_reference)]
"""``${NAME}`` or ``file:PATH``, never the secret itself."""
Topic = Annotated[str, AfterValidator(_topic)]
Duration = Annotated[timedelta, BeforeValidator(read_duration)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


def read_secret(reference: str, folder: Path) -> str:
    """What a `Secret` stands for; ConfigError if it is not there or empty.

    Args:
        reference: The value from the site file.
        folder: Of the site file: paths are relative to it.
    """
    if reference.startswith("file:"):
        path = folder / reference.removeprefix("file:")
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the secret cannot be read: {error}", where=str(path)) from None
        where = str(path)
    else:
        name = reference[2:-1]
        value, where = os.environ.get(name, "").strip(), f"environment variable {name}"
    if not value:
        raise ConfigError("the secret is empty", where=where, todo="Set it before the start")
    return value


class Options(BaseModel):
    """What every channel can be told.

    Attributes:
        id: Unique among the site's channels.
        topics: What it gets; see `aeras.domain.messages.TOPICS`.
        give_up: A message that was tried for so long is put with the dead letters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    shown: ClassVar[bool] = False
    """Whether it only shows links where it is asked to, and gets no messages."""

    id: Id
    topics: tuple[Topic, ...] = ("trigger.opened", "trigger.closed")
    give_up: Duration = timedelta(days=3)

    def build(self, folder: Path, clock: Clock) -> Channel:
        """The channel; ConfigError for a secret that is not there.

        Args:
            folder: Of the site file.
            clock: UTC.
        """
        raise NotImplementedError
