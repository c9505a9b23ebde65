"""What the privacy officer and the pages need: the stop switch, the audit log, the papers.

Nothing here holds a picture or anything about a shopper; all names are those of staff accounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

SYSTEM = "system"
"""Who did what no signed-in person did."""


class Act(StrEnum):
    """What the audit log records; a new kind needs a word in `aeras.serve.words` (``act.*``)."""

    START = "start"
    END = "end"
    SITE_CHANGED = "site_changed"
    MODEL_CHANGED = "model_changed"
    PROFILE_CHANGED = "profile_changed"
    STOP = "stop"
    RESUME = "resume"
    VIEW = "view"
    EXPORT = "export"
    APPROVAL = "approval"
    PAPERS = "papers"
    SIGN_IN_FAILED = "sign_in_failed"
    USER_CHANGED = "user_changed"
    TRIGGER = "trigger"
    FORM_CHANGED = "form_changed"
    RECORDS_DISCARDED = "records_discarded"
    """Records of a connector that could not be used were deleted."""
    TOPIC_CHANGED = "topic_changed"
    PLACEMENT = "placement"
    LOG_EXPIRED = "log_expired"
    """Entries older than the controller keeps them were removed, by the officer."""
    LOG_BROKEN = "log_broken"
    """The log did not end where the last write had left it; written by the log itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit log.

    Attributes:
        n: Its number, from 1 without gaps.
        at: UTC.
        who: A staff account's name, or `SYSTEM`.
        act: What was done; a plain string, so that a later version's log can be read.
        about: Further facts, short texts by name.
    """

    n: int
    at: datetime
    who: str
    act: str
    about: Mapping[str, str] = field(default_factory=dict)


class AuditLog(Protocol):
    """An append-only log in which any later change is found."""

    def add(self, act: Act, who: str, **about: str) -> Entry:
        """Writes an entry; it is on disk when this returns. Raises StoreError."""

    def last(self, count: int) -> list[Entry]:
        """The newest entries, newest first; lines that cannot be read are left out."""

    def faults(self) -> list[str]:
        """Everything that is wrong with the log, in plain words; empty if nothing is."""

    def head(self) -> str:
        """Number and hash of the last entry (``17:9f...``), to be noted down elsewhere."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why nothing is read: since when (UTC, None if not known) and by whom ("" if not known)."""

    since: datetime | None
    who: str


class StopSwitch(Protocol):
    """Stops all reading at once and keeps it stopped, restarts included."""

    def stopped(self) -> Stopped | None:
        """The stop in force, or None while reading is allowed."""

    def stop(self, who: str) -> Stopped:
        """Stops; a stop that is in force already stays as it is."""

    def resume(self, who: str) -> None:
        """Allows reading again. Whether ``who`` may do that is for the caller to check."""


@dataclass(frozen=True, slots=True)
class RuleState:
    """One rule of the law profile and whether the site meets it.

    Attributes:
        id: Short name.
        cites: Articles behind it.
        why: In a sentence.
        met: True, False, or None where it does not apply as the site is set.
        value: What the site says, e.g. the reference of the assessment; "" if nothing.
        why_de: ``why`` in German.
    """

    id: str
    cites: str
    why: str
    met: bool | None
    value: str = ""
    why_de: str = ""

    def why_in(self, language: str) -> str:
        """The reason for people who read that language; English for those it is not told in."""
        return (self.why_de if language == "de" else "") or self.why


@dataclass(frozen=True, slots=True)
class Standing:
    """What the officer's page says about law and papers.

    Attributes:
        profile: Name of the law profile.
        profile_version: Its version.
        profile_title: Its name for people, by language.
        expression: Whether expressions are read.
        faces: Whether any face model may be loaded.
        rules: The profile's rules.
        models: Names of the models that may be loaded.
        facts: Further settings as (word key, value).
        configuration: Hash (hex) of what the papers describe, as it is now.
        notice: Reference of the notice, "" if none.
        notice_at: When the notice was made (UTC), None if never.
        notice_current: Whether it describes the configuration as it is now.
        approved_by: Who approved this very configuration, "" if nobody.
        approved_at: When (UTC).
    """

    profile: str
    profile_version: str
    profile_title: Mapping[str, str]
    expression: bool
    faces: bool
    rules: tuple[RuleState, ...]
    models: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    configuration: str
    notice: str
    notice_at: datetime | None
    notice_current: bool
    approved_by: str
    approved_at: datetime | None


@dataclass(frozen=True, slots=True)
class PublicNotice:
    """What shoppers are told, in one language.

    Attributes:
        language: BCP 47 code.
        title: The page's heading.
        lead: One sentence.
        sections: (heading, paragraphs).
        simulated: True where nobody is filmed.
    """

    language: str
    title: str
    lead: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Paper:
    """A document, ready to be sent: file name, media type and content."""

    name: str
    media_type: str
    content: bytes


class Papers(Protocol):
    """The documents, made from the configuration as it is."""

    def standing(self) -> Standing:
        """What holds now."""

    def approve(self, who: str) -> Standing:
        """Notes that ``who`` has read and approved the configuration as it is now."""

    def paper(self, name: str, form: str, language: str = "") -> Paper:
        """A document: ``dpia``, ``technical-file`` or ``notice`` as ``html`` or ``pdf``.

        Without a language it is the site's; the notice has all. Raises InputError for a name, form
        or language that does not exist.
        """

    def languages(self) -> Sequence[str]:
        """Languages of the public notice, the site's first."""

    def public(self, language: str) -> PublicNotice:
        """What shoppers are told."""


@dataclass(frozen=True, slots=True)
class Oversight:
    """The three together, as the pages get them."""

    audit: AuditLog
    switch: StopSwitch
    papers: Papers
