"""The survey desk: joins forms, triggers, tokens and answers; implements `SurveyDesk`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from aeras.domain.asking import ArmHour, Counted
from aeras.domain.desk import Invitation, Refusal, RefusedError
from aeras.domain.errors import InputError
from aeras.domain.kept import Answer, Origin, Trigger, TriggerState
from aeras.domain.ports import AnswerBook, Clock, TriggerBook
from aeras.domain.shop import Shop
from aeras.respond.channels import qr
from aeras.respond.defence import Repeats, marks_of
from aeras.respond.rules import HOUR, Rule, floor
from aeras.respond.surveys import CONSENT, Form, validate_answer
from aeras.respond.tokens import Ticket, Tokens, spent, token_hash
from aeras.respond.trial import TrialOptions, Trials

_RECEIPT_BYTES = 10
_CLIENT_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Offer:
    """A question that somebody could be asked: what a link is made of.

    Attributes:
        item, survey, trigger: See `aeras.respond.tokens.Ticket`.
        nonce: The link's random part, by whose hash a trial shares out.
        trial, arm: The trial, and the arm that chance chose.
        channel: The channel that the arm asks for, None if it leaves it open.
    """

    item: str
    survey: str
    trigger: str | None
    nonce: str
    trial: TrialOptions | None = None
    arm: str = ""
    channel: str | None = None


class Desk:
    """Hands out invitations and takes answers.

    An item's survey is that of its newest open trigger, else of the first rule that covers it.
    The kiosk asks the newest open trigger's question.

    Args:
        shop: The site.
        forms: Forms by id, in the version in use; looked up each time.
        rules: The site's rules.
        triggers: Triggers that were opened.
        answers: Where answers go.
        secret: Key for tokens and receipts.
        clock: Present moment in UTC.
        grain: Coarseness of `Answer.at`.
        origin: Origin of the answers; ``SIMULATED`` in a shop whose items do not exist.
        on_answer: Told of each answer once it is stored.
        on_refused: Told the form, its version and the channel when somebody says no.
        trials: Comparisons of wordings and channels.
        prompted: Items whose question the kiosk should ask first.
        versions: Gives a version of a form that is no longer in use, None if there never was one.
    """

    def __init__(
        self,
        shop: Shop,
        *,
        forms: Mapping[str, Form],
        rules: Sequence[Rule],
        triggers: TriggerBook,
        answers: AnswerBook,
        secret: str,
        clock: Clock,
        grain: timedelta = timedelta(minutes=15),
        origin: Origin = Origin.CAMERA,
        on_answer: Callable[[Answer], None] = lambda answer: None,
        on_refused: Callable[[str, int, str], None] = lambda form, version, channel: None,
        versions: Callable[[str, int], Form | None] = lambda form, version: None,
        trials: Trials | None = None,
        prompted: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._shop = shop
        self._forms = forms
        self._versions = versions
        self._on_refused = on_refused
        self._rules = tuple(rules)
        self._triggers = triggers
        self._answers = answers
        self._secret = secret
        self._clock = clock
        self._grain = grain
        self._origin = origin
        self._on_answer = on_answer
        self._trials = trials
        self._prompted = prompted
        self._repeats = Repeats()
        self._zone = ZoneInfo(shop.timezone)
        self._tokens = Tokens(secret, book=answers, clock=clock)

    def take(self, shop: Shop, rules: Sequence[Rule]) -> None:
        """Goes on with another shop and other rules."""
        self._shop, self._rules = shop, tuple(rules)

    def languages(self, survey: str) -> tuple[str, ...]:
        """BCP 47 codes the form is written in, the site's first."""
        home = self._shop.language
        return tuple(sorted(self._form(survey).languages, key=lambda code: code != home))

    def form(self, survey: str, language: str) -> dict[str, object]:
        """The form as SurveyJS JSON in that language, consent first. InputError if unknown."""
        return self._form(survey).in_language(language)

    def invite(self, item: str, channel: str) -> str:
        """Issues a single-use token for the item's survey; InputError if it has none."""
        return self.issue(self.offer(item), channel)

    def offer(self, item: str) -> Offer:
        """What somebody could be asked about an item; InputError if it has no survey."""
        trigger = self._open_trigger(item)
        survey = trigger.survey if trigger else self._rule_survey(item)
        if survey is None:
            raise InputError(
                f"item {item[:64]!r} has no survey",
                todo="Name a survey in a trigger that covers it",
            )
        self._form(survey)
        nonce = secrets.token_urlsafe(16)
        found = Offer(item, survey, trigger.id if trigger else None, nonce)
        trial = self._trials.of(survey) if self._trials else None
        if self._trials is None or trial is None:
            return found
        name = self._trials.draw(trial, nonce)
        arm = trial.arm(name)
        if arm.survey is not None:
            self._form(arm.survey)
            found = replace(found, survey=arm.survey)
        return replace(found, trial=trial, arm=name, channel=arm.channel)

    def issue(self, offer: Offer, channel: str) -> str:
        """The token of an offer that is made in a channel."""
        now = self._clock().astimezone(UTC)
        arm = ArmHour(offer.trial.id, offer.arm, floor(now, HOUR)) if offer.trial else None
        return self._tokens.issue(
            offer.survey,
            offer.item,
            channel=channel,
            trigger=offer.trigger,
            nonce=offer.nonce,
            counted=Counted(offer.survey, channel, self._day(now), arm),
        )

    def admit(self, token: str) -> Invitation:
        """Whom the token admits, without spending it."""
        ticket = self._ticket(token)
        self._answers.open_token(ticket.hash, self._counted(ticket))
        return self._invitation(token, ticket.survey, ticket.item)

    def answer(
        self,
        token: str,
        payload: Mapping[str, object],
        language: str,
        version: int | None = None,
        *,
        client_id: str | None = None,
        client: str = "",
        trap: str = "",
    ) -> str | None:
        """Stores the answer and spends the token; the receipt code, or None when consent was
        refused, in which case nothing is stored and the token is spent. The same again with its
        ``client_id`` gives the same receipt and stores nothing.
        """
        name = f"{token}:{client_id or secrets.token_hex(16)}"
        receipt = _receipt(self._keyed("receipt", name))
        answer_id = self._keyed("answer", name).hex()[:32]
        try:
            ticket = self._ticket(token)
        except RefusedError as refused:
            if refused.reason is Refusal.SPENT and client_id is not None:
                if self._answers.has_answer(answer_id):
                    return receipt
                if payload.get(CONSENT) is False and self._answers.token_refused(token_hash(token)):
                    return None
            raise
        answer = self._reply(
            payload,
            language,
            survey=ticket.survey,
            item=ticket.item,
            trigger=ticket.trigger,
            channel=ticket.channel,
            answer_id=answer_id,
            receipt=receipt,
            version=version,
        )
        if answer is not None:
            scanned = ticket.channel == "qr"  # other links are given out by somebody
            age_s = (self._clock() - ticket.issued_at).total_seconds() if scanned else None
            answer = self._marked(answer, client if scanned else "", trap, age_s=age_s)
        if not self._answers.spend_token(ticket.hash, answer, self._counted(ticket)):
            if client_id is not None and self._answers.has_answer(answer_id):
                return receipt  # the same answer came twice at once
            raise spent()
        if answer is None:
            self._refused(ticket.survey, version, ticket.channel)
            return None
        self._on_answer(answer)
        return receipt

    def asked(self) -> set[str]:
        """Items about which an open trigger asks."""
        opened = self._triggers.triggers(state=TriggerState.OPEN)
        newest = {t.item: t.survey for t in reversed(opened) if t.survey is not None}
        return {item for item, survey in newest.items() if survey in self._forms}

    def question(self, item: str) -> Invitation | None:
        """What an open trigger asks about an item, None if none does."""
        trigger = self._open_trigger(item)
        if trigger is None or trigger.survey is None or trigger.survey not in self._forms:
            return None
        return self._invitation(trigger.id, trigger.survey, item)

    def without_channel(self, offer: Offer) -> Offer:
        """The offer as it is to somebody for whom there is one channel only: a comparison of
        channels does not count them.
        """
        trial = offer.trial
        if trial is None or {trial.a.channel, trial.b.channel} == {None}:
            return offer
        return replace(offer, survey=trial.survey, trial=None, arm="", channel=None)

    def survey_of(self, token: str) -> str | None:
        """The form behind a link that was made here, also when it is spent or has expired."""
        return self._tokens.survey_of(token)

    def kiosk(self, among: Collection[str] | None = None) -> Invitation | None:
        """The question the kiosk should ask now (about one of these items), or None."""
        prompted = list(self._prompted())
        for trigger in sorted(
            self._triggers.triggers(state=TriggerState.OPEN),
            key=lambda t: prompted.index(t.item) if t.item in prompted else len(prompted),
        ):
            if among is not None and trigger.item not in among:
                continue
            if trigger.survey is not None and trigger.survey in self._forms:
                return self._invitation(trigger.id, trigger.survey, trigger.item)
        return None

    def answer_kiosk(
        self,
        invitation: str,
        payload: Mapping[str, object],
        language: str,
        client_id: str,
        version: int | None = None,
    ) -> str | None:
        """Stores a kiosk's answer once for each ``client_id`` (made by the kiosk, 128 bits of
        hex); a repeated id returns the same receipt and stores nothing. Answers that a kiosk held
        back while offline are taken even if the trigger was closed in the meantime. The receipt is
        the id's first 80 bits, so that a kiosk without a network can show it at once.
        """
        if not _CLIENT_ID.fullmatch(client_id):
            raise InputError("the kiosk's answer id is not 32 hex digits", todo="Reload the kiosk")
        trigger = next((t for t in self._triggers.triggers() if t.id == invitation), None)
        if trigger is None or trigger.survey is None or trigger.survey not in self._forms:
            raise _closed()
        receipt = _receipt(bytes.fromhex(client_id))
        answer = self._reply(
            payload,
            language,
            survey=trigger.survey,
            item=trigger.item,
            trigger=trigger.id,
            channel="kiosk",
            answer_id=self._keyed("answer", client_id).hex()[:32],
            receipt=receipt,
            version=version,
        )
        counted = Counted(trigger.survey, "kiosk", self._day(self._clock()))
        if answer is None:
            self._refused(trigger.survey, version, "kiosk")
            self._answers.count_response(counted, "refused")
            return None
        answer = self._marked(answer, "", "", age_s=None)
        if self._answers.add_answer(answer, counted):
            self._on_answer(answer)
        return receipt

    def withdraw(self, receipt: str) -> bool:
        """Deletes the answer with this receipt code; False if there is none."""
        return self._answers.withdraw(receipt)

    def qr_svg(self, url: str) -> str:
        """The link as a QR code: one standalone ``<svg>`` without script or style."""
        return qr.svg(url)

    def _marked(self, answer: Answer, client: str, trap: str, *, age_s: float | None) -> Answer:
        more = [value for value in answer.more.values() if isinstance(value, int)]
        marks = marks_of(
            age_s=age_s,
            trap=trap,
            repeated=self._repeats.again(client, answer.item),
            scales=more if answer.rating is None else [answer.rating, *more],
            text=answer.text,
        )
        return replace(answer, marks=tuple(str(mark) for mark in marks))

    def _day(self, at: datetime) -> str:
        """The site's date of a moment."""
        return at.astimezone(self._zone).date().isoformat()

    def _counted(self, ticket: Ticket) -> Counted:
        """Where a link counts: with its invitation. For a trial only within its time."""
        at, arm = ticket.issued_at, None
        trial = self._trials.named(ticket.arm[0]) if self._trials and ticket.arm else None
        if trial is not None and ticket.arm and self._clock() - at <= trial.within:
            arm = ArmHour(trial.id, ticket.arm[1], floor(at, HOUR))
        return Counted(ticket.survey, ticket.channel, self._day(at), arm)

    def _form(self, survey: str, version: int | None = None) -> Form:
        try:
            form = self._forms[survey]
        except KeyError:
            raise InputError(
                f"there is no survey {survey[:64]!r}", todo=f"Known: {', '.join(self._forms)}"
            ) from None
        if version in (None, form.version):
            return form
        shown = self._versions(survey, version or 0)
        if shown is None:
            raise InputError(f"survey {survey!r} has no version {version}", todo="Load it again")
        return shown

    def _refused(self, survey: str, version: int | None, channel: str) -> None:
        self._on_refused(survey, self._form(survey, version).version, channel)

    def _open_trigger(self, item: str) -> Trigger | None:
        opened = self._triggers.triggers(state=TriggerState.OPEN)
        return next((t for t in opened if t.item == item and t.survey is not None), None)

    def _rule_survey(self, item: str) -> str | None:
        found = next((known for known in self._shop.items if known.id == item), None)
        if found is None:
            return None
        return next(
            (rule.survey for rule in self._rules if rule.survey and rule.covers(found)), None
        )

    def _ticket(self, token: str) -> Ticket:
        ticket = self._tokens.read(token)
        if ticket.survey not in self._forms or (
            ticket.trigger is not None and self._answers.trigger_closed(ticket.trigger)
        ):
            raise _closed()
        return ticket

    def _invitation(self, name: str, survey: str, item: str) -> Invitation:
        names = {known.id: known.name for known in self._shop.items}
        return Invitation(id=name, survey=survey, item=item, item_name=names.get(item, item))

    def _reply(
        self,
        payload: Mapping[str, object],
        language: str,
        *,
        survey: str,
        item: str,
        trigger: str | None,
        channel: str,
        answer_id: str,
        receipt: str,
        version: int | None,
    ) -> Answer | None:
        form = self._form(survey, version)
        if language not in form.languages:
            raise InputError(f"form {survey!r} was not shown in {language[:35]!r}")
        reply = validate_answer(form, payload)
        if reply is None:
            return None
        now = self._clock().astimezone(UTC)
        return Answer(
            id=answer_id,
            receipt=receipt,
            survey=survey,
            version=form.version,
            item=item,
            trigger=trigger,
            at=floor(now, self._grain),
            channel=channel,
            language=language,
            rating=reply.rating,
            choice=reply.choice,
            text=reply.text,
            origin=self._origin,
            more=reply.more,
        )

    def _keyed(self, purpose: str, text: str) -> bytes:
        """Pseudo-random bytes that only this site can make from the text."""
        return hmac.digest(self._secret.encode(), f"{purpose}:{text}".encode(), hashlib.sha256)


def _receipt(random: bytes) -> str:
    """80 bits as four groups of four letters and digits, easy to copy from a screen."""
    code = base64.b32encode(random[:_RECEIPT_BYTES]).decode()
    return "-".join(code[i : i + 4] for i in range(0, len(code), 4))


def _closed() -> RefusedError:
    return RefusedError(
        Refusal.CLOSED, "this survey is closed", todo="Thank you for wanting to answer"
    )
