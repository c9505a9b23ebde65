"""The survey desk: what the public pages need from whoever keeps surveys and answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from aeras.domain.errors import InputError


class Refusal(StrEnum):
    """Why a survey link or a form is not accepted."""

    EXPIRED = "expired"
    SPENT = "spent"
    FORGED = "forged"
    CLOSED = "closed"


class RefusedError(InputError):
    """A survey link that is expired, used before, forged, or whose survey is closed.

    Args:
        reason: Which of these; the pages choose their words by it.
        what: As in `AerasError`.
        where: As in `AerasError`.
        todo: As in `AerasError`.
    """

    def __init__(self, reason: Refusal, what: str, *, where: str = "", todo: str = "") -> None:
        self.reason = reason
        super().__init__(what, where=where, todo=todo)

    def __reduce__(self) -> tuple[object, ...]:
        return (_refused, (self.reason, self.what, self.where, self.todo))


def _refused(reason: Refusal, what: str, where: str, todo: str) -> RefusedError:
    return RefusedError(reason, what, where=where, todo=todo)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A question that may be asked now.

    Attributes:
        id: Names the invitation to `SurveyDesk.answer_kiosk`; for a link, the token.
        survey: Form id.
        item: Item asked about.
        item_name: Its name, shown to people.
    """

    id: str
    survey: str
    item: str
    item_name: str


class SurveyDesk(Protocol):
    """Forms, invitations and answers. Methods may be called from any thread.

    Payloads are what the form's fields hold by name. Each checks them and raises InputError for
    what does not fit the form, RefusedError for a link that is not accepted.
    """

    def languages(self, survey: str) -> tuple[str, ...]:
        """BCP 47 codes the form is written in, the site's first."""

    def form(self, survey: str, language: str) -> dict[str, object]:
        """The form as SurveyJS JSON in that language, consent first. InputError if unknown."""

    def invite(self, item: str, channel: str) -> str:
        """Issues a single-use token for the item's survey; InputError if it has none."""

    def admit(self, token: str) -> Invitation:
        """Whom the token admits, without spending it."""

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
        """Stores the answer to that version of the form (None: the one in use) and spends the
        token; the receipt code, or None when consent was refused, in which case nothing is stored
        but a count and the token is spent. The same again with its ``client_id`` (128 bits of hex)
        gives the same receipt.

        ``client`` tells browsers apart for a while, ``trap`` is what a field held that people do
        not see: both only mark the answer.
        """

    def kiosk(self, among: Collection[str] | None = None) -> Invitation | None:
        """The question the kiosk should ask now (about one of these items), or None."""

    def answer_kiosk(
        self,
        invitation: str,
        payload: Mapping[str, object],
        language: str,
        client_id: str,
        version: int | None = None,
    ) -> str | None:
        """Stores a kiosk's answer once for each ``client_id`` (made by the kiosk, 128 bits of
        hex, the first 80 of which are the receipt); a repeated id returns the same receipt and
        stores nothing.
        """

    def withdraw(self, receipt: str) -> bool:
        """Deletes the answer with this receipt code; False if there is none."""

    def qr_svg(self, url: str) -> str:
        """The link as a QR code: one standalone ``<svg>`` without script or style."""
