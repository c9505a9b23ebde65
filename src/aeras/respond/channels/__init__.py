"""Ways in which messages and survey links reach people, one file each; the file's name is the
channel's ``kind`` in the site file. Its options stand beside it and build it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from aeras.domain.durations import read_duration
from aeras.domain.messages import TOPICS
from aeras.domain.ports import Channel, Clock
from aeras.domain.secret import secret_reference


def _topic(value: str) -> str:
    if value not in TOPICS:
        raise ValueError(f"{value!r} is no topic: expected {', '.join(TOPICS)}")
    return value


Secret = Annotated[str, AfterValidator(secret_reference)]
"""``${NAME}`` or ``file:PATH``, never the secret itself."""
Topic = Annotated[str, AfterValidator(_topic)]
Duration = Annotated[timedelta, BeforeValidator(read_duration)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


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
