"""The survey desk: joins forms, triggers, tokens and answers; implements `SurveyDesk`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from aeras.domain.desk import Invitation, Refusal, RefusedError
from aeras.domain.errors import InputError
from aeras.domain.kept import Answer, Origin, Trigger, TriggerState
from aeras.domain.ports import AnswerBook, Clock, TriggerBook
from aeras.domain.shop import Shop
from aeras.respond.channels import qr
from aeras.respond.rules import Rule
from aeras.respond.surveys import Form, validate_answer
from aeras.respond.tokens import Ticket, Tokens, spent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RECEIPT_BYTES = 10
_CLIENT_ID = re.compile(r"[0-9a-f]{32}")


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
        trigger = self._open_trigger(item)
        survey = trigger.survey if trigger else self._rule_survey(item)
        if survey is None:
            raise InputError(
                f"item {item[:64]!r} has no survey",
                todo="Name a survey in a trigger that covers it",
            )
        self._form(survey)
        return self._tokens.issue(
            survey, item, channel=channel, trigger=trigger.id if trigger else None
        )

    def admit(self, token: str) -> Invitation:
        """Whom the token admits, without spending it."""
        ticket = self._ticket(token)
        return self._invitation(token, ticket.survey, ticket.item)

    def answer(
        self,
        token: str,
        payload: Mapping[str, object],
        language: str,
        version: int | None = None,
    ) -> str | None:
        """Stores the answer and spends the token; the receipt code, or None when consent was
        refused, in which case nothing is stored and the token is spent.
        """
        ticket = self._ticket(token)
        receipt = _receipt(secrets.token_bytes(_RECEIPT_BYTES))
        answer = self._reply(
            payload,
            language,
            survey=ticket.survey,
            item=ticket.item,
            trigger=ticket.trigger,
            channel=ticket.channel,
            answer_id=secrets.token_hex(16),
            receipt=receipt,
            version=version,
        )
        if not self._answers.spend_token(ticket.hash, answer):
            raise spent()
        if answer is None:
            self._refused(ticket.survey, version, ticket.channel)
            return None
        self._on_answer(answer)
        return receipt

    def kiosk(self, among: Collection[str] | None = None) -> Invitation | None:
        """The question the kiosk should ask now (about one of these items), or None."""
        for trigger in self._triggers.triggers(state=TriggerState.OPEN):
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
        if answer is None:
            self._refused(trigger.survey, version, "kiosk")
            return None
        if self._answers.add_answer(answer):
            self._on_answer(answer)
        return receipt

    def withdraw(self, receipt: str) -> bool:
        """Deletes the answer with this receipt code; False if there is none."""
        return self._answers.withdraw(receipt)

    def qr_svg(self, url: str) -> str:
        """The link as a QR code: one standalone ``<svg>`` without script or style."""
        return qr.svg(url)

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
        closed = self._triggers.triggers(state=TriggerState.CLOSED) if ticket.trigger else []
        if ticket.survey not in self._forms or any(t.id == ticket.trigger for t in closed):
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
            at=now - (now - _EPOCH) % self._grain,
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
