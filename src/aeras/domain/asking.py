"""Who was asked in which way, and what came of it: counts and consents, never who said what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from aeras.domain.messages import ChannelCounts, Message
from aeras.domain.published import Rate


@dataclass(frozen=True, slots=True)
class ArmHour:
    """One arm of a trial in the hour (UTC) in which it invited."""

    trial: str
    arm: str
    hour: datetime


@dataclass(frozen=True, slots=True)
class Counted:
    """Where an invitation is counted: by survey, channel and day of the site (ISO), and for a
    trial by its arm.
    """

    survey: str
    channel: str
    day: str
    arm: ArmHour | None = None


@dataclass(frozen=True, slots=True)
class Responses:
    """What came of the invitations of one survey in one channel on one day (of the invitation)."""

    survey: str
    channel: str
    day: str
    invited: int
    opened: int
    answered: int
    refused: int


@dataclass(frozen=True, slots=True)
class HourOfArm:
    """Invitations of an arm in one hour, and how many of them were answered in time."""

    arm: str
    hour: datetime
    invited: int
    answered: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member who agreed to be asked.

    Attributes:
        hash: Keyed hash of the membership id.
        text: Version of the consent text that was agreed to.
        consented_at: UTC.
        source: Where it was given (``app``, ``till``, ``paper`` ...).
    """

    hash: str
    text: str
    consented_at: datetime
    source: str


class NotAsked(StrEnum):
    """Why a member is not asked now."""

    NO_CONSENT = "no_consent"
    OLD_TEXT = "old_text"
    QUIET = "quiet"
    COOL_DOWN = "cool_down"
    CAP = "cap"
    QUOTA = "quota"
    NO_SURVEY = "no_survey"


@dataclass(frozen=True, slots=True)
class Limits:
    """How often may be asked.

    Attributes:
        cool_down: Between two questions to one member.
        cap: Questions to one member within ``cap_window``.
        cap_window: See ``cap``.
        quota: Invitations to members for one survey within ``quota_window``.
        quota_window: See ``quota``.
    """

    cool_down: timedelta
    cap: int
    cap_window: timedelta
    quota: int
    quota_window: timedelta


class AskingBook(Protocol):
    """Consents, counts and codes. Writes are durable when the call returns."""

    def add_members(self, members: Sequence[Member]) -> int:
        """Stores consents, over earlier ones of the same hash unless those are newer; how many."""

    def member(self, hashes: Sequence[str]) -> Member | None:
        """The member who has one of these hashes: the id's under the present key, and under
        earlier ones. A hash under an earlier key is replaced by the first.
        """

    def members(self) -> int:
        """How many consented."""

    def remove_member(self, hashes: Sequence[str]) -> bool:
        """Deletes a member, when they were asked, and invitations still on their way."""

    def ask_member(self, member: str, survey: str, at: datetime, limits: Limits) -> NotAsked | None:
        """Notes that the member is asked, unless a limit forbids it: then says which."""

    def responses(self, since: str, until: str) -> list[Responses]:
        """Counts by survey, channel and day, of the days in [since, until)."""

    def trial_hours(self, trial: str) -> list[HourOfArm]:
        """Counts of a trial's arms by hour, oldest first."""

    def add_codes(self, campaign: str, codes: Sequence[str]) -> int:
        """Stores codes to give away; how many were new."""

    def codes_left(self, campaign: str) -> int:
        """How many of a campaign's codes were not given."""

    def claim_code(self, campaign: str, claim: str) -> str | None:
        """Gives a code to a claim, the same one each time; None when there are no more."""

    def code_given(self, code: str) -> bool:
        """Whether a code of a list was given to somebody."""

    def redeem_code(self, code_hash: str, until: datetime) -> bool:
        """Notes that a code was used; False if it had been."""


@dataclass(frozen=True, slots=True)
class Reward:
    """A code and what it is good for, in one language."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a purchase led to.

    Attributes:
        item: Item that is asked about, None where none has a survey.
        channel: ``member`` or ``receipt``, None where nobody is asked.
        link: For the receipt; None for a member, who gets it from the retailer's server.
        text: Lines for the receipt.
        not_asked: Why the member is not asked.
    """

    item: str | None
    channel: str | None
    link: str | None = None
    text: str | None = None
    not_asked: NotAsked | None = None


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """How a channel is doing."""

    id: str
    kind: str
    topics: tuple[str, ...]
    counts: ChannelCounts


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """Shares of those invited in a channel, with intervals; None where fewer than k were.

    Attributes:
        survey, channel: Of the invitations.
        invited: How many; None below k, and for a kiosk, which invites whoever passes.
        opened, answered, refused: Shares of ``invited``; of a kiosk, of those who chose.
    """

    survey: str
    channel: str
    invited: int | None
    opened: Rate | None
    answered: Rate | None
    refused: Rate | None


@dataclass(frozen=True, slots=True)
class TrialRow:
    """How a comparison stands: what the arms get, and the difference of their shares (a less b)
    with its confidence sequence; None below k invitations an arm.
    """

    id: str
    survey: str
    arms: tuple[str, str]
    invited: tuple[int, int] | None
    answered: tuple[Rate, Rate] | None
    difference: Rate | None
    alpha: float
    winner: str | None
    ended: bool


class AskDesk(Protocol):
    """Channels, members and codes, for the pages and the API. May be called from any thread."""

    def reward(self, token: str, receipt: str, language: str) -> Reward | None:
        """The code for an answer that was given by a link."""

    def redeem(self, code: str) -> str:
        """Takes a code at the till: ``taken``, ``used``, ``expired`` or ``unknown``."""

    def purchase(
        self, items: Sequence[str], *, member: str | None, language: str, base: str
    ) -> Asked:
        """Somebody bought these (ids or GTINs): a question for the receipt or the member."""

    def add_members(self, rows: Sequence[Mapping[str, str]]) -> int:
        """Stores consents; InputError that names the row, and none stored, if one is wrong."""

    def remove_member(self, member_id: str) -> bool:
        """Withdraws a consent; False if there was none."""

    def channels(self) -> list[ChannelRow]:
        """Those that get messages."""

    def dead(self) -> list[Message]:
        """Dead letters, newest first."""

    def retry(self, channel: str, message_id: str | None = None) -> int:
        """Sends dead letters of a channel again; how many."""

    def send_test(self, channel: str) -> str:
        """Sends a test message at once; what came of it. UndeliveredError if it was not taken."""

    def rates(self) -> list[ResponseRow]:
        """Response rates of the last 28 whole days."""

    def trials(self) -> list[TrialRow]:
        """How the comparisons stand."""

    def set_aside(self) -> int | None:
        """Answers that look as if made by a machine; None if fewer than k but some."""
