"""Who may be asked by name: members who agreed, and not too often.

Members are known by a keyed hash of the membership id (HMAC-SHA256). The retailer's server holds
the same key and finds its member by the hash; the database alone leads to nobody, since without the
key no id can be tried. With a new key the old one stays under ``retired`` until every
member has been seen again, which moves them over.

**No way to a camera.** An invitation comes of a purchase that the till reports or of a member who
opted in, never of what a camera saw: this module is given a membership id and the items
of a receipt, and no event, visit or time of one. It stores when a member was asked and by which
survey, not about which item. The answer carries no member and a coarse time.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from aeras.domain.asking import AskingBook, Limits, Member, NotAsked
from aeras.domain.errors import ConfigError, InputError
from aeras.domain.ports import Clock
from aeras.respond.channels import Duration, Secret

COLUMNS = ("member", "text", "at", "source")
MIN_KEY = 16
MAX_ID = 128
MAX_ROWS = 200_000
Span = tuple[time, time]


def _quiet(value: Any) -> Any:
    if isinstance(value, str):
        try:
            start, end = (time.fromisoformat(part.strip()) for part in value.split("-"))
        except ValueError:
            raise ValueError(f'{value!r} is no span of the day: write "21:00-08:00"') from None
        return start, end
    return value


class MembersOptions(BaseModel):
    """``members`` of the site file.

    Attributes:
        secret: Key of the hashes, shared with the retailer's server.
        retired: Earlier keys.
        text: Version of the consent text in force; who agreed to another is not asked.
        cool_down, cap, cap_window, quota, quota_window: See `aeras.domain.asking.Limits`.
        quiet: Nobody is sent anything then, by the site's clock.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    secret: Secret
    retired: tuple[Secret, ...] = ()
    text: str = Field(min_length=1, max_length=64)
    cool_down: Duration = timedelta(days=14)
    cap: int = Field(default=3, ge=1)
    cap_window: Duration = timedelta(days=90)
    quota: int = Field(default=1000, ge=1)
    quota_window: Duration = timedelta(days=1)
    quiet: Annotated[Span, BeforeValidator(_quiet)] = (time(21), time(8))

    @property
    def limits(self) -> Limits:
        """How often may be asked."""
        return Limits(self.cool_down, self.cap, self.cap_window, self.quota, self.quota_window)


class Members:
    """Consents and the limits of asking.

    Args:
        options: Of the site file.
        keys: The present key, then the retired ones; ConfigError if one is too short.
        book: Where consents are kept.
        timezone: Of the site, for quiet hours.
        clock: UTC.
    """

    def __init__(
        self,
        options: MembersOptions,
        keys: Sequence[str],
        *,
        book: AskingBook,
        timezone: str,
        clock: Clock,
    ) -> None:
        if any(len(key) < MIN_KEY for key in keys):
            raise ConfigError(
                f"a key of the membership ids is shorter than {MIN_KEY} characters",
                where="members.secret",
                todo="Make one: head -c 32 /dev/urandom | base64",
            )
        self._options = options
        self._keys = tuple(keys)
        self._book = book
        self._zone = ZoneInfo(timezone)
        self._clock = clock

    @property
    def limits(self) -> Limits:
        """How often may be asked."""
        return self._options.limits

    def hashes(self, member_id: str) -> tuple[str, ...]:
        """The id's hash under each key, the present one first; InputError for no id."""
        cleaned = member_id.strip()
        if not cleaned or len(cleaned) > MAX_ID:
            raise InputError(
                f"a membership id of {len(cleaned)} characters, expected 1 to {MAX_ID}"
            )
        return tuple(member_hash(key, cleaned) for key in self._keys)

    def add(self, rows: Sequence[Mapping[str, str]], *, where: str = "") -> int:
        """Stores consents; rows have `COLUMNS`. All of them or, with an InputError that names the
        row, none.
        """
        if len(rows) > MAX_ROWS:
            raise InputError(f"{len(rows)} rows, at most {MAX_ROWS} are taken at once", where=where)
        return self._book.add_members(list(self._read(rows, where)))

    def _read(self, rows: Sequence[Mapping[str, str]], where: str) -> Iterator[Member]:
        now = self._clock()
        for number, row in enumerate(rows, 1):
            try:
                at = _moment(str(row["at"]), now)
                text, source = str(row["text"]).strip(), str(row["source"]).strip()
                [current, *_] = self.hashes(str(row["member"]))
            except KeyError as missing:
                raise InputError(
                    f"row {number} lacks {missing}",
                    where=where,
                    todo=f"Give each row {', '.join(COLUMNS)}",
                ) from None
            except (ValueError, InputError) as error:
                raise InputError(f"row {number}: {error}", where=where) from None
            if not 0 < len(text) <= 64 or not 0 < len(source) <= 64:  # noqa: PLR2004 - the columns
                raise InputError(
                    f"row {number}: text and source are needed, with at most 64 characters",
                    where=where,
                )
            yield Member(current, text, at, source)

    def remove(self, member_id: str) -> bool:
        """Withdraws a consent: deletes all that is kept of the member; False if there was none."""
        return self._book.remove_member(self.hashes(member_id))

    def ask(self, member_id: str, survey: str) -> str | NotAsked:
        """The member's hash, once it is noted that they are asked; or why not."""
        member = self._book.member(self.hashes(member_id))
        if member is None:
            return NotAsked.NO_CONSENT
        if member.text != self._options.text:
            return NotAsked.OLD_TEXT
        now = self._clock()
        if self.quiet(now):
            return NotAsked.QUIET
        return self._book.ask_member(member.hash, survey, now, self._options.limits) or member.hash

    def quiet(self, now: datetime) -> bool:
        """Whether nobody is sent anything now, by the clock on the wall."""
        start, end = self._options.quiet
        local = now.astimezone(self._zone).time()
        return start <= local < end if start <= end else local >= start or local < end

    def until_quiet(self, now: datetime) -> datetime:
        """When the next quiet hours begin (UTC), at most a day ahead: later a push is not sent."""
        start, end = self._options.quiet
        if start == end:
            return now + timedelta(days=1)
        local = now.astimezone(self._zone)
        begin = datetime.combine(local.date(), start, self._zone)
        if begin <= local:
            begin = datetime.combine(local.date() + timedelta(days=1), start, self._zone)
        return begin.astimezone(UTC)


def member_hash(key: str, member_id: str) -> str:
    """HMAC-SHA256 (hex) of a membership id: what the retailer's server computes, too."""
    return hmac.new(
        key.encode(), f"member:{member_id.strip()}".encode(), hashlib.sha256
    ).hexdigest()


def rows_of_csv(text: str, *, where: str) -> list[dict[str, str]]:
    """Rows of a CSV file with the header `COLUMNS`; InputError for another header."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = set(COLUMNS) - set(reader.fieldnames or ())
    if missing:
        raise InputError(
            f"lacks the columns {', '.join(sorted(missing))}",
            where=where,
            todo=f"Write {','.join(COLUMNS)} in the first line",
        )
    try:
        return [{name: row[name] or "" for name in COLUMNS} for row in reader]
    except csv.Error as error:
        raise InputError(f"is no CSV file: {error}", where=where) from None


def _moment(text: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no time like 2026-05-01T10:00:00+02:00") from None
    if at.tzinfo is None:
        raise ValueError(f"the time {text[:40]!r} has no offset: write 2026-05-01T10:00:00+02:00")
    if at > now + timedelta(minutes=5):
        raise ValueError(f"the consent of {text[:40]!r} lies in the future")
    return at.astimezone(UTC)
