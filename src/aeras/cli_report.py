"""``aeras report``: what the pages show, as files for other programs."""

from __future__ import annotations

import json
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aeras.cli_common import SHELL, JsonOpt, SiteArg, opened, tell

if TYPE_CHECKING:
    from aeras.serve.periods import Period
    from aeras.wiring.records import Records


class Form(StrEnum):
    """File forms of a report: a page to read and print, or tables."""

    HTML = "html"
    PDF = "pdf"
    CSV = "csv"
    PARQUET = "parquet"


class Noise(StrEnum):
    """What a table with noise counts."""

    VISITS = "visits"
    DEEDS = "deeds"
    READINGS = "readings"


def report(
    site: SiteArg,
    *,
    form: Annotated[Form, typer.Option("--format", help="Form of the files.")] = Form.CSV,
    out: Annotated[
        Path | None,
        typer.Option(help="File of the page, or folder for the tables; made if missing."),
    ] = None,
    day: Annotated[str, typer.Option("--day", help="One day, 2026-03-01.")] = "",
    first: Annotated[str, typer.Option("--from", help="First day, 2026-03-01.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day, included.")] = "",
    span: Annotated[
        str, typer.Option("--range", help="today, 7d or 30d (tables), by default 7d for a page.")
    ] = "",
    language: Annotated[
        str, typer.Option(help="Of the page: en, de, es or ja; by default the site's.")
    ] = "",
    noise: Annotated[
        Noise | None,
        typer.Option(help="A table with noise (differential privacy) by item instead."),
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send the page to the channel of the section reports.")
    ] = False,
    as_json: JsonOpt = False,
) -> None:
    """Writes what the pages show: one page (HTML, PDF) or tables (CSV, Parquet).

    Every figure has passed the privacy gate: an empty cell is withheld. The export is recorded in
    the audit log. While the shop runs its records are in use: download the report from its pages.
    With --send the page goes to a channel instead, by default yesterday's.

    Examples:  `aeras report my-shop/site.yaml --format pdf --day 2026-03-01 --out monday.pdf`  ·
    `aeras report my-shop/site.yaml --format csv --out report`  ·
    `aeras report my-shop/site.yaml --format parquet --from 2026-03-01 --to 2026-03-31`
    """
    from aeras.domain.errors import StoreError
    from aeras.domain.ports import utc_now
    from aeras.serve.periods import read_period
    from aeras.wiring.records import open_records

    if send:
        _send(site, day, first, last, span, as_json=as_json)
        return
    asked = _asked(form, day, first, last, span)
    _check_language(language)
    with opened(site) as (loaded, control, oversight):
        zone = loaded.shop.timezone
        period = read_period({k: v for k, v in asked.items() if v}, zone, utc_now())
        folder = _folder(form, out, f"{loaded.shop.id}-report")
        with open_records(loaded, control, oversight.audit) as records:
            if form in (Form.HTML, Form.PDF):
                spoken = language or loaded.shop.language
                files = _page(records, period, form, _name(form, out, loaded.shop.id), spoken)
            else:
                files = (
                    _tables(records, period, form)
                    if noise is None
                    else _noisy(records, period, form, noise)
                )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (folder / name).write_bytes(content)
        except OSError as error:
            raise StoreError(
                f"the report cannot be written ({error.strerror})",
                where=str(folder),
                todo="Name a place that can be written with --out",
            ) from None
        names = [str(folder / name) for name in files]
        tell({"files": names}, "Wrote " + ", ".join(names), as_json=as_json)


def _send(site: Path, day: str, first: str, last: str, span: str, *, as_json: bool) -> None:
    from aeras.domain.ports import utc_now
    from aeras.serve.periods import read_period
    from aeras.wiring.mailing import daily_of, send_now, yesterday
    from aeras.wiring.records import open_records

    asked = {k: v for k, v in _asked(Form.PDF, day, first, last, span).items() if v}
    with opened(site) as (loaded, control, oversight):
        daily_of(loaded)
        now = utc_now()
        period = yesterday(loaded, now)
        if day or first or last or span:
            period = read_period(asked, loaded.shop.timezone, now)
        with open_records(loaded, control, oversight.audit) as records:
            channel = send_now(
                loaded, records.reports, records.audit, who=SHELL, period=period, now=now
            )
        days = period.text
        tell({"channel": channel, "days": days}, f"Sent {days} to {channel}", as_json=as_json)


def _asked(form: Form, day: str, first: str, last: str, span: str) -> dict[str, str]:
    """The days, as a page's address would say them; InputError if two ways are mixed."""
    from aeras.domain.errors import InputError

    if sum(map(bool, (day, first or last, span))) > 1:
        raise InputError(
            "the days are given in two ways",
            todo="Give either --day, or --from and --to, or --range",
        )
    if day:
        return {"from": day, "to": day}
    if first or last:
        return {"from": first, "to": last}
    return {"range": span or ("7d" if form in (Form.HTML, Form.PDF) else "30d")}


def _check_language(language: str) -> None:
    from aeras.domain.errors import InputError
    from aeras.serve.words import CATALOGUES

    if language and language not in CATALOGUES:
        raise InputError(
            f"unknown language {language[:20]!r}", todo=f"Use one of {', '.join(CATALOGUES)}"
        )


def _folder(form: Form, out: Path | None, usual: str) -> Path:
    if form in (Form.HTML, Form.PDF):
        return out if out and out.is_dir() else out.parent if out else Path()
    return out or Path(usual)


def _name(form: Form, out: Path | None, shop: str) -> str:
    return out.name if out and not out.is_dir() else f"{shop}-report.{form}"


def _page(
    records: Records, period: Period, form: Form, name: str, language: str
) -> dict[str, bytes]:
    from aeras.domain.oversight import Act

    content = records.reports.page(form.value, period, language)
    records.audit.add(Act.EXPORT, SHELL, what=f"report {form}", days=period.text)
    return {name: content}


def _tables(records: Records, period: Period, form: Form) -> dict[str, bytes]:
    from aeras.domain.oversight import Act
    from aeras.domain.ports import utc_now
    from aeras.serve.export import TABLES, about, render

    files = {f"{name}.{form}": render(name, form, records.board, period) for name in TABLES}
    head = json.dumps(about(records.board, period, utc_now()), indent=1, ensure_ascii=False)
    records.audit.add(Act.EXPORT, SHELL, what=f"report {form}", days=period.text)
    return {**files, "about.json": f"{head}\n".encode()}


def _noisy(records: Records, period: Period, form: Form, kind: Noise) -> dict[str, bytes]:
    """A table by item over the days of the period that are over."""
    from aeras.domain.noisy import NoisyQuestion
    from aeras.domain.ports import utc_now
    from aeras.serve.export import render_noisy

    last = period.last if period.until <= utc_now() else period.last - timedelta(days=1)
    asked = NoisyQuestion(kind.value, "item", period.first, last)
    table = records.noisy.table(asked, SHELL)
    return {f"noisy-{kind}.{form}": render_noisy(form, table)}
