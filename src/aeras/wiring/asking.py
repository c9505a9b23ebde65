"""Channels, members, codes and comparisons of one shop, put together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from aeras.domain.asking import (
    Asked,
    ChannelRow,
    NotAsked,
    ResponseRow,
    Reward,
    TrialRow,
)
from aeras.domain.errors import InputError
from aeras.domain.kept import Answer
from aeras.domain.messages import ChannelCounts, Message, MessageState
from aeras.domain.ports import Clock
from aeras.domain.published import Rate
from aeras.domain.secret import read_secret
from aeras.insight.proportions import difference
from aeras.insight.rates import share
from aeras.privacy.publish import Publisher
from aeras.respond.channels.kiosk import Kiosk
from aeras.respond.channels.receipt import Receipt, ReceiptOptions
from aeras.respond.incentives import Incentives
from aeras.respond.members import Members
from aeras.respond.outbox import Line, Post
from aeras.respond.trial import Arm, TrialOptions, Trials, Verdict
from aeras.store.control import Control

if TYPE_CHECKING:
    from aeras.config import Site
    from aeras.respond.desk import Desk, Offer

RATES_DAYS = 28
PROMPT_S = 60
_PROMPT = "survey.prompt"
_INVITATION = "survey.invitation"


class AskRoom:
    """Implements `aeras.domain.asking.AskDesk`.

    Args:
        site: The site.
        control: Messages, consents, counts and codes.
        publisher: The k-threshold.
        clock: UTC.

    Raises:
        ConfigError: A secret is missing, or an address is none.
    """

    def __init__(self, site: Site, *, control: Control, publisher: Publisher, clock: Clock) -> None:
        self._control = control
        self._publisher = publisher
        self._clock = clock
        self._shop = site.shop
        self._folder = site.path.parent
        options = site.file.channels
        self._options = {option.id: option for option in options if not option.shown}
        lines = {
            option.id: Line(
                option.build(self._folder, clock), frozenset(option.topics), option.give_up
            )
            for option in self._options.values()
        }
        self._lines = lines
        self._kiosks = [line.channel for line in lines.values() if isinstance(line.channel, Kiosk)]
        self._heard = frozenset().union(*(line.topics for line in lines.values()))
        self.post = Post(control, lines, clock=clock)
        receipt = next((o for o in options if isinstance(o, ReceiptOptions)), None)
        self._receipt = Receipt(receipt or ReceiptOptions(id="receipt"))
        self._members = self._make_members(site)
        self._incentives = Incentives(
            site.file.incentives,
            book=control,
            secret=control.secret("incentives"),
            clock=clock,
        )
        self.trials_of_site = Trials(
            site.file.trials, book=control, settings=control, compare=difference, clock=clock
        )
        self.desk: Desk | None = None

    def _make_members(self, site: Site) -> Members | None:
        options = site.file.members
        if options is None:
            return None
        keys = [read_secret(name, self._folder) for name in (options.secret, *options.retired)]
        return Members(
            options,
            keys,
            book=self._control,
            timezone=site.shop.timezone,
            clock=self._clock,
        )

    def prompted(self) -> list[str]:
        """Items whose question a kiosk should ask first."""
        return [item for kiosk in self._kiosks for item in kiosk.prompted()]

    def near(self, item: str | None, fixture: str) -> None:
        """Somebody is at a fixture: displays there may show the item's question, if it has an open
        trigger. What is sent names no visit, and is nothing a minute later.
        """
        if item is None or _PROMPT not in self._heard:
            return
        asked = self.desk.question(item) if self.desk else None
        if asked is None:
            return
        now = self._clock()
        minute = int(now.timestamp()) // PROMPT_S
        self.post.put(
            _PROMPT,
            item,
            {
                "item": item,
                "item_name": asked.item_name,
                "survey": asked.survey,
                "fixture": fixture,
                "until": (now + timedelta(seconds=PROMPT_S)).isoformat(),
            },
            once=f"{_PROMPT}:{fixture}:{item}:{minute}",
        )

    def heard(self, answer: Answer) -> None:
        """Tells the channels that want it that somebody answered; nothing of what they said."""
        self.post.put(
            "answer.received", answer.item, {"item": answer.item, "survey": answer.survey}
        )

    def tidy(self) -> None:
        """Forgets when members were asked, and ends comparisons that are decided."""
        self.trials_of_site.verdicts()
        limits = self._members.limits if self._members else None
        if limits:
            longest = max(limits.cool_down, limits.cap_window, limits.quota_window)
            self._control.forget_asks(self._clock() - longest)

    # --- answers and codes -----------------------------------------------------------------

    def reward(self, token: str, receipt: str, language: str) -> Reward | None:
        """The code for an answer that was given by a link."""
        survey = self.desk.survey_of(token) if self.desk else None
        return None if survey is None else self._incentives.reward(survey, receipt, language)

    def redeem(self, code: str) -> str:
        """Takes a code at the till: ``taken``, ``used``, ``expired`` or ``unknown``."""
        return self._incentives.redeem(code).value

    def add_codes(self, campaign: str, codes: Sequence[str]) -> int:
        """Stores a list of codes; how many were new."""
        return self._incentives.add(campaign, codes)

    # --- purchases and members -------------------------------------------------------------

    def add_members(self, rows: Sequence[Mapping[str, str]], where: str = "") -> int:
        """Stores consents; InputError that names the row, and none stored, if one is wrong."""
        return self._known_members().add(rows, where=where)

    def remove_member(self, member_id: str) -> bool:
        """Withdraws a consent; False if there was none."""
        return self._known_members().remove(member_id)

    def _known_members(self) -> Members:
        if self._members is None:
            raise InputError(
                "no members are set up", todo="Add the section members to the site file"
            )
        return self._members

    def purchase(
        self, items: Sequence[str], *, member: str | None, language: str, base: str
    ) -> Asked:
        """Somebody bought these (ids or GTINs): a question for the receipt or the member."""
        offer = self._offer(items)
        if offer is None or self.desk is None:
            return Asked(None, None, not_asked=NotAsked.NO_SURVEY)
        members = self._members if _INVITATION in self._heard else None
        held = members.ask(member, offer.survey) if members and member is not None else None
        if held is None or isinstance(held, NotAsked):
            offer, channel = self.desk.without_channel(offer), "receipt"
        else:
            channel = offer.channel or "member"
        link = f"{base}/s/{self.desk.issue(offer, channel)}"
        known = self._shop.item(offer.item)
        data: dict[str, object] = {
            "item": known.id,
            "item_name": known.name,
            "survey": offer.survey,
            "link": link,
            "language": language,
        }
        if channel == "member" and members is not None:
            until = members.until_quiet(self._clock())
            self.post.put(
                _INVITATION, str(held), {"member": held, **data, "until": until.isoformat()}
            )
            return Asked(known.id, channel)
        why = held if isinstance(held, NotAsked) else None
        shown = Message("", 0, "receipt", _INVITATION, known.id, data, self._clock())
        return Asked(known.id, channel, link, self._receipt.deliver(shown), why)

    def _offer(self, items: Sequence[str]) -> Offer | None:
        """The question about the first of the items that has one; open triggers come first."""
        if self.desk is None:
            return None
        by_gtin = {item.gtin: item.id for item in self._shop.items if item.gtin}
        named = {item.id for item in self._shop.items}
        known = [i if i in named else by_gtin[i] for i in items if i in named or i in by_gtin]
        asked = self.desk.asked()
        for item in sorted(known, key=lambda item: item not in asked):
            try:
                return self.desk.offer(item)
            except InputError:
                continue
        return None

    # --- how it goes -----------------------------------------------------------------------

    def channels(self) -> list[ChannelRow]:
        """Those that get messages."""
        counts = self._control.channel_counts()
        return [
            ChannelRow(o.id, o.kind, o.topics, counts.get(o.id, ChannelCounts()))
            for o in self._options.values()
        ]

    def dead(self) -> list[Message]:
        """Dead letters, newest first."""
        return self._control.messages(state=MessageState.DEAD)

    def retry(self, channel: str, message_id: str | None = None) -> int:
        """Sends dead letters of a channel again; how many."""
        self._line(channel)
        return self._control.revive_messages(channel, self._clock(), message_id)

    def send_test(self, channel: str) -> str:
        """Sends a test message at once; what came of it. UndeliveredError if it was not taken."""
        now = self._clock()
        data = {"text": f"A test message of {self._shop.name}"}
        message = Message(f"msg_test_{now.timestamp():.0f}", 0, channel, "test", "test", data, now)
        return self._line(channel).channel.deliver(message)

    def _line(self, channel: str) -> Line:
        try:
            return self._lines[channel]
        except KeyError:
            raise InputError(
                f"there is no channel {channel[:64]!r}",
                todo=f"Known: {', '.join(self._lines) or 'none'}",
            ) from None

    def rates(self) -> list[ResponseRow]:
        """Response rates of the last 28 whole days. Today is left out, so that no two looks differ
        by a single person.
        """
        today = self._clock().astimezone(ZoneInfo(self._shop.timezone)).date()
        since = today - timedelta(days=RATES_DAYS)
        sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for row in self._control.responses(since.isoformat(), today.isoformat()):
            counts = (row.invited, row.opened, row.answered, row.refused)
            key = (row.survey, row.channel)
            sums[key] = [a + b for a, b in zip(sums[key], counts, strict=True)]
        return [self._rate(key, counts) for key, counts in sorted(sums.items())]

    def _rate(self, key: tuple[str, str], counts: Sequence[int]) -> ResponseRow:
        invited, opened, answered, refused = counts
        n = invited or answered + refused

        def of(count: int) -> Rate | None:
            return share(min(count, n), n) if n >= self._publisher.k else None

        return ResponseRow(
            survey=key[0],
            channel=key[1],
            invited=self._publisher.count(invited),
            opened=of(opened) if invited else None,
            answered=of(answered),
            refused=of(refused),
        )

    def trials(self) -> list[TrialRow]:
        """How the comparisons stand."""
        return [self._trial(verdict) for verdict in self.trials_of_site.verdicts()]

    def _trial(self, found: Verdict) -> TrialRow:
        trial = found.trial
        invited = (found.invited["a"], found.invited["b"])
        enough = min(invited) >= self._publisher.k
        answered = (found.answered["a"], found.answered["b"])
        return TrialRow(
            id=trial.id,
            survey=trial.survey,
            arms=(_arm(trial, trial.a), _arm(trial, trial.b)),
            invited=invited if enough else None,
            answered=(share(answered[0], invited[0]), share(answered[1], invited[1]))
            if enough
            else None,
            difference=found.difference if enough else None,
            alpha=trial.alpha,
            winner=found.winner,
            ended=found.ended,
        )

    def set_aside(self) -> int | None:
        """Answers that look as if made by a machine, in whole k; None if fewer but some."""
        count = len(self._control.answers(aside=True))
        k = self._publisher.k
        return 0 if count == 0 else self._publisher.count(count // k * k)


def _arm(trial: TrialOptions, arm: Arm) -> str:
    """What an arm gets, in the names of the site file."""
    return " · ".join(name for name in (arm.survey or trial.survey, arm.channel) if name)
