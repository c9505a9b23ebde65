"""The part of the control database that keeps survey forms in versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.sqlite import insert

from aeras.domain.errors import InputError
from aeras.domain.forms import FormVersion, Refused
from aeras.store.part import Part
from aeras.store.tables import FormRecord, RefusalRecord


class Forms(Part):
    """Implements `aeras.domain.forms.FormBook`; a base of `aeras.store.control.Control`."""

    def form_versions(self, form: str | None = None) -> list[FormVersion]:
        """All versions, by form, oldest first."""
        query = select(FormRecord).order_by(FormRecord.form, FormRecord.version)
        if form is not None:
            query = query.where(FormRecord.form == form)
        with self._session() as session:
            return [_version(record) for record in session.scalars(query)]

    def add_form(self, form: str, source: str, by: str, at: datetime) -> FormVersion:
        """Saves a form under its next version, not in use yet."""
        # One statement, so that of two who save at once each gets a version of its own.
        newest = select(func.coalesce(func.max(FormRecord.version), 0) + 1)
        put = insert(FormRecord).values(
            form=form,
            version=newest.where(FormRecord.form == form).scalar_subquery(),
            source=source,
            by=by,
            at=at,
        )
        with self._session() as session:
            number = session.execute(put.returning(FormRecord.version)).scalar_one()
        return FormVersion(form, number, source, by, at)

    def publish_form(self, form: str, version: int, at: datetime) -> None:
        """Puts a version into use; InputError if there is none of that number."""
        chosen = update(FormRecord).where(FormRecord.form == form, FormRecord.version == version)
        with self._session() as session:
            result: Any = session.execute(chosen.values(published_at=at))
            if result.rowcount == 0:
                raise InputError(f"form {form[:64]!r} has no version {version}")

    def count_refusal(self, form: str, version: int, channel: str) -> None:
        """Counts somebody who said no."""
        put = insert(RefusalRecord).values(form=form, version=version, channel=channel, count=1)
        put = put.on_conflict_do_update(
            index_elements=["form", "version", "channel"],
            set_={"count": RefusalRecord.count + 1},
        )
        with self._session() as session:
            session.execute(put)

    def refusals(self) -> list[Refused]:
        """All counts."""
        query = select(RefusalRecord).order_by(
            RefusalRecord.form, RefusalRecord.version, RefusalRecord.channel
        )
        with self._session() as session:
            return [Refused(r.form, r.version, r.channel, r.count) for r in session.scalars(query)]


def _version(record: FormRecord) -> FormVersion:
    return FormVersion(
        record.form,
        record.version,
        record.source,
        record.by,
        record.at,
        record.published_at,
    )
