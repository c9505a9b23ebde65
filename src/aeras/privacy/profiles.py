"""Whether a site's privacy settings allow what it asks for, and which rule says so."""

from __future__ import annotations

from dataclasses import dataclass

from aeras.domain.errors import PrivacyError

PROFILES = ("behaviour-only", "eu")


@dataclass(frozen=True, slots=True)
class PrivacyClaims:
    """What the site file says under ``privacy``.

    Attributes:
        profile: One of `PROFILES`.
        expression: Whether expressions are to be read.
        jurisdiction: Country or region, where the profile leaves it open; shown in the papers.
        controller: Who answers for the processing (GDPR Art. 4(7)), with contact.
        dpia: Reference of the data protection impact assessment.
        notice: Reference of the notice that shoppers can read at the door.
    """

    profile: str = "behaviour-only"
    expression: bool = False
    jurisdiction: str | None = None
    controller: str | None = None
    dpia: str | None = None
    notice: str | None = None


_DEMANDS = (
    ("controller", "GDPR Art. 5(2) and 13(1)(a): someone must answer for the processing"),
    ("dpia", "GDPR Art. 35 and EU AI Act Annex III 1(c): high risk needs an assessment first"),
    ("notice", "EU AI Act Art. 50(3): people exposed to expression reading must be told"),
)


def check_profile(claims: PrivacyClaims, *, where: str = "privacy") -> None:
    """Raises PrivacyError, naming the rule, when the settings are not allowed together.

    Args:
        claims: The settings.
        where: File and line to name in the message.
    """
    if claims.profile not in PROFILES:
        raise PrivacyError(
            f"unknown profile {claims.profile!r}, expected one of {', '.join(PROFILES)}",
            where=where,
            todo="Set privacy.profile",
        )
    if not claims.expression:
        return
    if claims.profile == "behaviour-only":
        raise PrivacyError(
            "expression is on, but the profile 'behaviour-only' loads no face model",
            where=where,
            todo="Set privacy.profile: eu and meet its demands, or expression: off",
        )
    for name, rule in _DEMANDS:
        if not (getattr(claims, name) or "").strip():
            raise PrivacyError(
                f"expression is on without {name} ({rule})",
                where=where,
                todo=f"Fill in privacy.{name}, or set expression: off",
            )
