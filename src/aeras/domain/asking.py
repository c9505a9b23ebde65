"""Who was asked in which way, and what came of it: counts and consents, never who said what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


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

    cool_down: timedelta = timedelta(days=14)
    cap: int = 3
    cap_window: timedelta = timedelta(days=90)
    quota: int = 1000
    quota_window: timedelta = timedelta(days=1)


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

    def redeem_code(self, code_hash: str, until: datetime) -> bool:
        """Notes that a code was used; False if it had been."""
