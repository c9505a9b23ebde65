"""Yesterday's report by mail: once a day, at its time, to a real SMTP server."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from receivers import mail_server
from records import NOON
from typer.testing import CliRunner
from waiting import wait_for

from aeras.cli import app
from aeras.config import load_site, read_site
from aeras.domain.oversight import Act
from aeras.insight.rates import mean, share
from aeras.privacy.publish import Publisher
from aeras.respond.reports import DailyOptions, due
from aeras.store.control import Control
from aeras.wiring.asking import AskRoom
from aeras.wiring.mailing import DailyReports
from aeras.wiring.oversight import make_oversight
from aeras.wiring.records import open_records

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # apprise's
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
BERLIN = "Europe/Berlin"
SITE = """\
site: {name: Corner Shop, id: corner, timezone: Europe/Berlin}
privacy: {profile: behaviour-only}
items: [{id: oat-milk, name: Hafermilch}]
server: {public_url: "https://shop.example"}
channels:
  - {id: boss, kind: apprise, urls: ["file:mail"]}
  - {id: staff, kind: apprise, urls: ["file:mail"], topics: [report.daily]}
  - {id: paper, kind: mqtt, host: 127.0.0.1}
reports: {daily: {at: "07:30", channel: boss, language: de}}
"""


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


# --- when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "before", "after"),
    [
        ("07:30", utc(2026, 3, 3, 6, 29), utc(2026, 3, 3, 6, 30)),
        ("02:30", utc(2026, 3, 29, 1, 29), utc(2026, 3, 29, 1, 30)),  # skipped: 03:30 summer time
        ("02:30", utc(2026, 10, 25, 0, 29), utc(2026, 10, 25, 0, 30)),  # twice: the first
    ],
)
def test_it_is_due_from_its_time_on_also_when_the_clocks_change(at, before, after):
    options = DailyOptions(at=time.fromisoformat(at), channel="boss")
    assert due(options, BERLIN, before) is None
    assert due(options, BERLIN, after) == after.date()
    assert due(options, BERLIN, after + timedelta(hours=12)) == after.date(), "caught up"


def test_each_day_is_due_once_all_year_round():
    for at in ("00:00", "02:30", "23:59"):
        options = DailyOptions(at=time.fromisoformat(at), channel="boss")
        hours = [utc(2026, 1, 1) + timedelta(minutes=30 * n) for n in range(48 * 366)]
        days = [due(options, BERLIN, hour) for hour in hours]
        told = [day for day in days if day is not None]
        assert told == sorted(told)
        every = {date(2026, 1, 2) + timedelta(days=n) for n in range(360)}
        missing = every - set(told)
        assert not missing or at == "23:59"


def test_a_day_that_is_not_named_has_none():
    options = DailyOptions(at=time(7, 30), channel="boss", days=("mon", "tue"))
    assert due(options, BERLIN, utc(2026, 3, 3, 12)) == date(2026, 3, 3)
    assert due(options, BERLIN, utc(2026, 3, 4, 12)) is None


# --- what is sent ---------------------------------------------------------------------------------


class Bench:
    """A shop with a mail server."""

    def __init__(self, folder: Path, port: int, mails: list[bytes]) -> None:
        (folder / "site.yaml").write_text(SITE, encoding="utf-8")
        (folder / "mail").write_text(
            f"mailto://127.0.0.1:{port}?from=shop@example.com&to=ann@example.com\n"
        )
        self.mails, self.now = mails, NOON.replace(hour=9)
        self.site = load_site(folder / "site.yaml")
        self.site.data.mkdir()
        self.open()

    def open(self) -> None:
        self.control = Control(self.site.data / "control.sqlite", hasher=QUICK)
        self.audit = make_oversight(self.site, self.control, lambda: self.now).audit
        self._records = open_records(self.site, self.control, self.audit)
        records = self._records.__enter__()
        self.room = AskRoom(
            self.site,
            control=self.control,
            publisher=Publisher(10, share=share, mean=mean),
            clock=lambda: self.now,
        )
        self.daily = DailyReports(
            self.site,
            reports=records.reports,
            post=self.room.post,
            audit=self.audit,
            clock=lambda: self.now,
        )

    def close(self) -> None:
        self.room.post.stop()
        self._records.__exit__(None, None, None)
        self.control.close()

    def sent(self) -> list[Any]:
        self.room.post.send_due("boss")
        self.room.post.send_due("staff")
        return [email.message_from_bytes(m, policy=email.policy.default) for m in self.mails]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Bench]:
    with mail_server() as (port, mails):
        bench = Bench(tmp_path, port, mails)
        yield bench
        bench.close()


def test_the_report_of_yesterday_comes_once_with_its_page(shop):
    assert shop.daily.tick() == 1
    (mail,) = shop.sent()
    yesterday = (shop.now - timedelta(days=1)).date()
    assert "Corner Shop" in str(mail["subject"])
    (pdf,) = [part for part in mail.walk() if part.get_content_type() == "application/pdf"]
    assert pdf.get_filename() == f"corner-report-{yesterday}.pdf"
    assert pdf.get_payload(decode=True).startswith(b"%PDF")
    text = mail.get_body(("plain", "html")).get_content()
    assert f"https://shop.example/report.pdf?from={yesterday}" in text
    assert "Bericht" in str(mail["subject"]), "in German, as the section says"
    exports = [entry for entry in shop.audit.last(50) if entry.act == Act.EXPORT]
    assert len(exports) == 1


def test_a_restart_sends_no_second_and_the_next_day_has_its_own(shop):
    assert shop.daily.tick() == 1
    assert shop.daily.tick() == 0
    shop.close()
    shop.open()
    assert shop.daily.tick() == 0
    assert len(shop.sent()) == 1
    shop.now += timedelta(days=1)
    assert shop.daily.tick() == 1
    assert len(shop.sent()) == 2


def test_before_its_time_nothing_is_sent(shop):
    shop.now = shop.now.replace(hour=4)
    assert shop.daily.tick() == 0
    shop.now = shop.now.replace(hour=20)  # the shop was off at half past seven
    assert shop.daily.tick() == 1


def test_the_command_sends_at_once_and_says_where_to(shop):
    shop.close()
    run = CliRunner().invoke(app, ["report", str(shop.site.path), "--send", "--day", "2026-03-01"])
    assert run.exit_code == 0, run.output
    assert "boss" in run.output
    assert wait_for(lambda: len(shop.mails) == 1, 5)
    assert b"report_2026" in shop.mails[0] or b"2026-03-01.pdf" in shop.mails[0]
    shop.open()


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ('reports: {daily: {at: "07:30", channel: nobody}}', "unknown channel 'nobody'"),
        ('reports: {daily: {at: "07:30", channel: paper}}', "of kind mqtt"),
        ("reports: {daily: {at: 17:30, channel: boss}}", "write it in quotes"),
        ('reports: {daily: {at: "25:00", channel: boss}}', "no time of day"),
        ('reports: {daily: {at: "07:30", channel: boss, days: [monday]}}', "days"),
        ("reports: {}", "daily"),
    ],
)
def test_what_cannot_be_sent_is_told_with_its_place(tmp_path, section, complaint):
    lines = SITE.splitlines()[:-1]
    (tmp_path / "site.yaml").write_text("\n".join([*lines, section]) + "\n", encoding="utf-8")
    (tmp_path / "mail").write_text("mailto://localhost?from=a@example.com\n")
    found = read_site(tmp_path / "site.yaml")[1]
    assert [one for one in found if complaint in one.what], [str(one) for one in found]
    assert all("site.yaml:9" in (one.where or "") for one in found)


def test_a_site_without_the_section_sends_nothing_and_says_what_to_do(tmp_path):
    text = "site: {name: Shop, id: s}\nprivacy: {profile: behaviour-only}\n"
    (tmp_path / "site.yaml").write_text(text)
    run = CliRunner().invoke(app, ["report", str(tmp_path / "site.yaml"), "--send"])
    assert isinstance(run.exception, Exception)
    assert "no report is set up" in str(run.exception)
