"""Survey forms in versions: what the store keeps of them and what the editor page needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

LIMIT_S = 60.0
"""Longest time that answering a form may be estimated to take, seconds."""


@dataclass(frozen=True, slots=True)
class FormVersion:
    """One version of a form as it was saved; never changed afterwards.

    Attributes:
        form: Form id.
        version: From 1, counting up.
        source: The form as JSON text, see `aeras.respond.surveys`.
        by: Who saved it; ``aeras`` for one that ships with the program.
        at: UTC.
        published_at: When it was last put into use (UTC), None if never. The form's version in
            use is the one with the latest.
    """

    form: str
    version: int
    source: str
    by: str
    at: datetime
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """How many said no to the question of consent; nothing else is kept of them."""

    form: str
    version: int
    channel: str
    count: int


class FormBook(Protocol):
    """Keeps versions of forms and counts refusals. Raises StoreError."""

    def form_versions(self, form: str | None = None) -> list[FormVersion]:
        """All versions, by form, oldest first."""

    def add_form(self, form: str, source: str, by: str, at: datetime) -> FormVersion:
        """Saves a form under its next version, not in use yet."""

    def publish_form(self, form: str, version: int, at: datetime) -> None:
        """Puts a version into use; InputError if there is none of that number."""

    def count_refusal(self, form: str, version: int, channel: str) -> None:
        """Counts somebody who said no."""

    def refusals(self) -> list[Refused]:
        """All counts."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a form from being saved: where in its JSON
    (``pages[1].elements[0].title.de``) and what, with what to do.
    """

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Change:
    """A difference between two versions of a form: ``added``, ``removed``, ``changed`` or
    ``moved``; where, and the texts before and after ("" where there is none).
    """

    kind: str
    path: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What would come of a form that is being edited.

    Attributes:
        problems: What keeps it from being saved; empty if nothing does.
        missing: Texts that lack a language: (path, language). It may be saved so; the texts fall
            back to another language, and it cannot be put into use.
        seconds: Estimated time to answer by language, along the longest way through.
        changes: Against the version in use.
        previews: SurveyJS JSON by language; empty while there are problems.
    """

    problems: tuple[Problem, ...]
    missing: tuple[tuple[str, str], ...] = ()
    seconds: Mapping[str, float] | None = None
    changes: tuple[Change, ...] = ()
    previews: Mapping[str, dict[str, object]] | None = None


@dataclass(frozen=True, slots=True)
class FormRow:
    """A form in the list.

    Attributes:
        id: Form id.
        title: In the site's language.
        used: Version in use, None if none is.
        latest: Newest version.
        languages: Of the version in use, else of the newest.
        seconds: Estimated, in its slowest language.
        questions: How many, consent not counted.
        by: Who saved the newest version.
        at: When (UTC).
    """

    id: str
    title: str
    used: int | None
    latest: int
    languages: tuple[str, ...]
    seconds: float
    questions: int
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenForm:
    """A form on the editor page: the JSON of one version, and all versions, newest first."""

    id: str
    version: int
    used: int | None
    source: Mapping[str, Any]
    versions: tuple[FormVersion, ...]


class FormDesk(Protocol):
    """Reads and changes forms. Methods may be called from any thread."""

    def forms(self) -> list[FormRow]:
        """All forms by id."""

    def templates(self) -> Sequence[tuple[str, str]]:
        """Id and title of each template to start a form from."""

    def open(self, form: str, version: int | None = None) -> OpenForm:
        """A version, else the newest; InputError if there is none of that name."""

    def review(self, form: str, source: Mapping[str, Any]) -> Reviewed:
        """What is wrong with an edited form and how long it takes. Changes nothing."""

    def create(self, form: str, template: str, who: str) -> FormVersion:
        """Starts a form from a template; InputError if the id is taken or unusable."""

    def save(self, form: str, source: Mapping[str, Any], who: str) -> FormVersion:
        """Saves the next version; InputError, naming the place, for a form with problems."""

    def publish(self, form: str, version: int, who: str) -> None:
        """Puts a version into use; InputError if a translation is missing."""
