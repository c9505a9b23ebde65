"""The site's forms in versions: what the survey desk asks by, and what the editor page changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from aeras.domain.errors import InputError
from aeras.domain.forms import (
    Change,
    FormBook,
    FormRow,
    FormVersion,
    OpenForm,
    Problem,
    Reviewed,
)
from aeras.domain.ports import Clock
from aeras.respond.surveys import (
    CONSENT,
    Form,
    built_in_forms,
    form_from_json,
    form_from_source,
    missing_texts,
    problems,
)

SHIPPED = "aeras"
"""Who saved the versions that come with the program."""


class Forms(Mapping[str, Form]):
    """The forms in use, by id; implements `aeras.domain.forms.FormDesk`.

    A form that ships with AERAS is stored as a version like any other. A later AERAS that brings
    other wording adds a version, and puts it into use unless the shop has chosen one of its own.

    Args:
        book: Keeps the versions.
        clock: Present moment in UTC.
        language: The site's, for titles.
        changed: Told who did what (``saved``, ``published``) with which form and version.
    """

    def __init__(
        self,
        book: FormBook,
        clock: Clock,
        *,
        language: str = "en",
        changed: Callable[[str, str, str, int], None] = lambda who, what, form, version: None,
    ) -> None:
        self._book = book
        self._clock = clock
        self._language = language
        self._changed = changed
        self._lock = threading.Lock()
        self._read: dict[tuple[str, int], Form] = {}
        self._used: dict[str, Form] = {}
        self._seed()
        self._look()

    def __getitem__(self, form: str) -> Form:
        return self._used[form]

    def __iter__(self) -> Iterator[str]:
        return iter(self._used)

    def __len__(self) -> int:
        return len(self._used)

    # --- what the survey desk asks ---

    def version(self, form: str, version: int) -> Form | None:
        """A version that may be out of use, None if there never was one."""
        found = [one for one in self._book.form_versions(form) if one.version == version]
        return self._form(found[0]) if found else None

    def refused(self, form: str, version: int, channel: str) -> None:
        """Counts somebody who said no to the question of consent."""
        self._book.count_refusal(form, version, channel)

    # --- what the editor asks ---

    def forms(self) -> list[FormRow]:
        """All forms by id."""
        return [self._row(found) for found in self._by_id().values()]

    def templates(self) -> Sequence[tuple[str, str]]:
        """Id and title of each template to start a form from."""
        shipped = built_in_forms().values()
        return [(form.id, form.titled(self._language)) for form in shipped]

    def open(self, form: str, version: int | None = None) -> OpenForm:
        """A version, else the newest; InputError if there is none of that name."""
        versions = self._book.form_versions(form)
        chosen = [one for one in versions if version in (None, one.version)]
        if not chosen:
            number = "" if version is None else f" in version {version}"
            raise InputError(f"there is no form {form[:64]!r}{number}", todo="See /forms")
        used = self._used.get(form)
        return OpenForm(
            id=form,
            version=chosen[-1].version,
            used=used.version if used else None,
            source=json.loads(chosen[-1].source),
            versions=tuple(reversed(versions)),
        )

    def review(self, form: str, source: Mapping[str, Any]) -> Reviewed:
        """What is wrong with an edited form and how long it takes. Changes nothing."""
        found = self._problems(form, source)
        if found:
            return Reviewed(problems=tuple(found))
        edited = form_from_source({**source, "id": form}, where=form, version=1)
        used = self._used.get(form)
        return Reviewed(
            problems=(),
            missing=tuple(missing_texts(edited)),
            seconds=edited.seconds(),
            changes=tuple(differences(used.source, edited.source)) if used else (),
            previews={code: edited.in_language(code) for code in edited.languages},
        )

    def create(self, form: str, template: str, who: str) -> FormVersion:
        """Starts a form from a template; InputError if the id is taken or unusable."""
        if template not in built_in_forms():
            raise InputError(f"there is no template {template[:64]!r}")
        if self._book.form_versions(form):
            raise InputError(f"there is a form {form!r} already", todo="Choose another name")
        return self.save(form, built_in_forms()[template].source, who)

    def save(self, form: str, source: Mapping[str, Any], who: str) -> FormVersion:
        """Saves the next version; InputError, naming the place, for a form with problems."""
        found = self._problems(form, source)
        if found:
            raise InputError(found[0].what, where=found[0].path)
        saved = self._book.add_form(form, _stored(form, source), who, self._clock())
        self._changed(who, "saved", form, saved.version)
        return saved

    def publish(self, form: str, version: int, who: str) -> None:
        """Puts a version into use; InputError if a translation is missing."""
        chosen = self.version(form, version)
        if chosen is None:
            raise InputError(f"form {form[:64]!r} has no version {version}", todo="See /forms")
        missing = missing_texts(chosen)
        if missing:
            path, language = missing[0]
            raise InputError(
                f"the text in {language!r} is missing (and {len(missing) - 1} more)",
                where=path,
                todo="Translate it, or take the language out of the form",
            )
        self._book.publish_form(form, version, self._clock())
        self._look()
        self._changed(who, "published", form, version)

    # --- inside ---

    def _problems(self, form: str, source: Mapping[str, Any]) -> list[Problem]:
        return problems({**source, "id": form})

    def _by_id(self) -> dict[str, list[FormVersion]]:
        """The stored versions of each form, oldest first."""
        found: dict[str, list[FormVersion]] = {}
        for one in self._book.form_versions():
            found.setdefault(one.form, []).append(one)
        return found

    def _seed(self) -> None:
        """Stores the forms that ship with AERAS, where they are not the same already."""
        versions = self._by_id()
        for form in built_in_forms().values():
            have = versions.get(form.id, [])
            shipped = [one for one in have if one.by == SHIPPED]
            source = _stored(form.id, form.source)
            if shipped and shipped[-1].source == source:
                continue
            used = _in_use(have)
            saved = self._book.add_form(form.id, source, SHIPPED, self._clock())
            if used is None or used.by == SHIPPED:
                self._book.publish_form(form.id, saved.version, self._clock())

    def _look(self) -> None:
        """Takes the versions in use from the store."""
        with self._lock:
            used = {form: _in_use(found) for form, found in self._by_id().items()}
            self._used = {form: self._form(one) for form, one in used.items() if one}

    def _form(self, version: FormVersion) -> Form:
        key = (version.form, version.version)
        if key not in self._read:
            where = f"form {version.form}, version {version.version}"
            self._read[key] = form_from_json(version.source, where=where, version=version.version)
        return self._read[key]

    def _row(self, versions: Sequence[FormVersion]) -> FormRow:
        newest = versions[-1]
        used = self._used.get(newest.form)
        shown = used or self._form(newest)
        return FormRow(
            id=newest.form,
            title=shown.titled(self._language),
            used=used.version if used else None,
            latest=newest.version,
            languages=shown.languages,
            seconds=max(shown.seconds().values()),
            questions=sum(element["name"] != CONSENT for element in shown.elements()),
            by=newest.by,
            at=newest.at,
        )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What changed between two forms, question by question, in the order of the later one.

    Args:
        before: SurveyJS JSON with texts by language.
        after: Alike.
    """
    old, new = _questions(before), _questions(after)
    changes = [Change("removed", name, before=_words(old[name])) for name in old if name not in new]
    for name, question in new.items():
        if name not in old:
            changes.append(Change("added", name, after=_words(question)))
            continue
        left, right = _flat(old[name]), _flat(question)
        changes += [
            Change("changed", f"{name}.{key}", left.get(key, ""), right.get(key, ""))
            for key in dict.fromkeys([*left, *right])
            if left.get(key, "") != right.get(key, "")
        ]
    both = [name for name in new if name in old]
    was = [name for name in old if name in new]
    changes += [Change("moved", name) for name, then in zip(both, was, strict=True) if name != then]
    return changes


def _questions(source: Mapping[str, Any]) -> dict[str, Any]:
    form = {"form": {"title": source.get("title", {}), "languages": source.get("languages", [])}}
    asked = {
        element["name"]: element
        | {"page": page.get("visibleIf", "") if element["name"] != CONSENT else ""}
        for page in source["pages"]
        for element in page["elements"]
    }
    return form | asked


def _words(question: Mapping[str, Any]) -> str:
    return next(iter(question.get("title", {}).values()), "")


def _flat(node: Any, path: str = "") -> dict[str, str]:
    """Every leaf by its path; choices by their codes."""
    if isinstance(node, Mapping):
        return {
            at: text
            for key, value in node.items()
            for at, text in _flat(value, f"{path}.{key}".lstrip(".")).items()
        }
    if isinstance(node, list):
        leaves: dict[str, str] = {path: ", ".join(map(_name, node))} if path else {}
        for value in node:
            if isinstance(value, Mapping):
                leaves |= _flat(value, f"{path}.{value.get('value', '')}")
        return leaves
    return {path: str(node)}


def _name(node: Any) -> str:
    return str(node.get("value", "")) if isinstance(node, Mapping) else str(node)


def _in_use(versions: Sequence[FormVersion]) -> FormVersion | None:
    published = [one for one in versions if one.published_at is not None]
    # Of two published at one moment the later version counts.
    return max(published, key=lambda one: (one.published_at, one.version), default=None)


def _stored(form: str, source: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in source.items() if key not in ("id", "version")}
    return json.dumps({"id": form, **kept}, ensure_ascii=False)
