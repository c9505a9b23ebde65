"""The sections of the site file about asking: channels, members, incentives, trials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aeras.respond.channels.apprise import AppriseOptions
from aeras.respond.channels.kiosk import KioskOptions
from aeras.respond.channels.member import MemberOptions
from aeras.respond.channels.mqtt import MqttOptions
from aeras.respond.channels.qr import QrOptions
from aeras.respond.channels.receipt import ReceiptOptions
from aeras.respond.channels.webhook import WebhookOptions
from aeras.respond.incentives import IncentiveOptions
from aeras.respond.members import MembersOptions
from aeras.respond.reports import DailyOptions, ReportOptions
from aeras.respond.trial import Arm, TrialOptions

AnyChannel = Annotated[
    AppriseOptions
    | KioskOptions
    | MemberOptions
    | MqttOptions
    | QrOptions
    | ReceiptOptions
    | WebhookOptions,
    Field(discriminator="kind"),
]

SECTIONS: dict[str | int, type[BaseModel]] = {
    "apprise": AppriseOptions,
    "kiosk": KioskOptions,
    "member": MemberOptions,
    "mqtt": MqttOptions,
    "qr": QrOptions,
    "receipt": ReceiptOptions,
    "webhook": WebhookOptions,
    "members": MembersOptions,
    "incentives": IncentiveOptions,
    "trials": TrialOptions,
    "reports": ReportOptions,
    "daily": DailyOptions,
    "a": Arm,
    "b": Arm,
}
"""By their place in the file; a channel's by its kind."""


class AskingSections(BaseModel):
    """What a site file may say about asking.

    Attributes:
        channels: Ways out.
        members: Who may be asked by name.
        incentives: Codes as a thank-you.
        trials: Comparisons of wordings and channels.
        reports: What is sent by itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    channels: tuple[AnyChannel, ...] = ()
    members: MembersOptions | None = None
    incentives: tuple[IncentiveOptions, ...] = ()
    trials: tuple[TrialOptions, ...] = ()
    reports: ReportOptions | None = None


def asking_problems(
    sections: AskingSections, surveys: frozenset[str] | None = None
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What does not fit together: the place in the file, and what."""
    for name in ("channels", "incentives", "trials"):
        ids = [part.id for part in getattr(sections, name)]
        for number, found in enumerate(ids):
            if found in ids[:number]:
                yield (name, number, "id"), f"the id {found!r} stands twice in {name}"
    yield from _report_problems(sections)
    pushes = any(channel.kind == "member" for channel in sections.channels)
    if pushes and sections.members is None:
        yield ("channels",), "a channel of kind member needs the section members"
    for number, trial in enumerate(sections.trials):
        if not pushes and "member" in (trial.a.channel, trial.b.channel):
            yield (
                ("trials", number),
                f"trial {trial.id!r} sends to members, but there is no channel of kind member",
            )
        named = {trial.survey, trial.a.survey, trial.b.survey} - {None}
        for survey in sorted(str(s) for s in named if surveys is not None and s not in surveys):
            yield ("trials", number), f"trial {trial.id!r} names the unknown survey {survey!r}"


def _report_problems(sections: AskingSections) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if sections.reports is None:
        return
    name = sections.reports.daily.channel
    known = {channel.id: channel.kind for channel in sections.channels}
    place = ("reports", "daily", "channel")
    if name not in known:
        told = ", ".join(known) or "none"
        yield place, f"reports go to the unknown channel {name!r}; known: {told}"
    elif known[name] != "apprise":
        yield place, f"reports go to a channel of kind apprise; {name!r} is of kind {known[name]}"
