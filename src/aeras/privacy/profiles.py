"""Whether a site's privacy settings allow what it asks for, and which rule says so.

The rules stand in ``profiles_data/*.toml``, one file a law profile, each with its articles. Here is
only how a rule is checked.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aeras.domain.errors import PrivacyError
from aeras.domain.oversight import RuleState

PROFILES = ("eu", "uk", "us", "us-il", "behaviour-only")
DATA = Path(__file__).parent / "profiles_data"


@dataclass(frozen=True, slots=True)
class PrivacyClaims:
    """What the site file says.

    Attributes:
        profile: One of `PROFILES`.
        expression: Whether expressions are to be read.
        jurisdiction: Country or state (``DE``, ``US-TX``) within the profile.
        controller: Who answers for the processing (GDPR Art. 4(7)), with contact.
        dpia: Reference of the data protection impact assessment.
        notice: Reference of the notice that shoppers can read at the door.
        consent: Reference of the written release, where the law asks for one.
        age_estimation: Whether ages are to be estimated.
        children: Whether children may enter.
        undeclared: Cameras that read faces and do not say where staff stand.
        hours: Whether the site says when it is open.
    """

    profile: str = "behaviour-only"
    expression: bool = False
    jurisdiction: str | None = None
    controller: str | None = None
    dpia: str | None = None
    notice: str | None = None
    consent: str | None = None
    age_estimation: bool = False
    children: bool = True
    undeclared: tuple[str, ...] = ()
    hours: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a profile.

    Attributes:
        id: Short name.
        check: Name of the check, see `CHECKS`.
        when: ``always``, or ``expression``: only where expressions are to be read.
        cites: Articles behind it.
        why: What it protects, in a sentence.
        todo: What to do when it is not met.
        states: Holds in these states only (``TX``); empty: everywhere. For the check
            ``not_states`` they are those that the profile is not for.
        replay: Holds for reading a recording, too.
        why_de: ``why`` in German.
    """

    id: str
    check: str
    when: str
    cites: str
    why: str
    todo: str = ""
    states: tuple[str, ...] = ()
    replay: bool = False
    why_de: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A law profile.

    Attributes:
        name: As in the site file.
        version: Raised with every change of its rules.
        as_of: Day of the law as it was read.
        title: For people.
        faces: Whether face models may be loaded: ``allowed``, ``none``, or ``consent`` (only
            with a written release).
        law: The laws it reads.
        rules: In the order in which they are checked.
        title_de: ``title`` in German.
    """

    name: str
    version: str
    as_of: str
    title: str
    faces: str
    law: tuple[str, ...]
    rules: tuple[Rule, ...]
    title_de: str = ""

    def title_in(self, language: str) -> str:
        """The title for people who read that language; English for those it has no title in."""
        return (self.title_de if language == "de" else "") or self.title


@cache
def load_profile(name: str) -> Profile:
    """The profile of that name; raises KeyError for one that is not in `PROFILES`."""
    if name not in PROFILES:
        raise KeyError(name)
    data = tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))
    rules = tuple(Rule(**{**row, "states": tuple(row.get("states", ()))}) for row in data["rule"])
    facts = {key: data[key] for key in ("name", "version", "as_of", "title", "title_de", "faces")}
    return Profile(**facts, law=tuple(data["law"]), rules=rules)


def faces_allowed(claims: PrivacyClaims) -> bool:
    """Whether any face model may be loaded."""
    faces = load_profile(claims.profile).faces
    return faces == "allowed" or (faces == "consent" and _filled(claims.consent))


def check_profile(claims: PrivacyClaims, *, where: str = "privacy", replay: bool = False) -> None:
    """Raises PrivacyError, naming the rule, when the settings are not allowed together.

    Args:
        claims: The settings.
        where: File and line to name in the message.
        replay: Only a recording is to be read and nothing stored: demands on the shop itself
            (its hours, its signs' date) do not hold.
    """
    if claims.profile not in PROFILES:
        raise PrivacyError(
            f"unknown profile {claims.profile!r}, expected one of {', '.join(PROFILES)}",
            where=where,
            todo="Set privacy.profile",
        )
    for rule in load_profile(claims.profile).rules:
        if (replay and not rule.replay) or _state(rule, claims) is not False:
            continue
        raise PrivacyError(
            f"{_COMPLAINTS[rule.check](claims)} ({rule.cites}: {rule.why})",
            where=where,
            todo=rule.todo,
        )
    if claims.age_estimation and not replay:
        raise PrivacyError(
            "age_estimation is on, but AERAS has no model for it",
            where=where,
            todo="Set privacy.age_estimation: off",
        )


def rule_states(claims: PrivacyClaims) -> tuple[RuleState, ...]:
    """Every rule of the profile and whether it is met, for the officer's page."""
    return tuple(
        RuleState(
            rule.id,
            rule.cites,
            rule.why,
            _state(rule, claims),
            _value(rule.check, claims),
            rule.why_de,
        )
        for rule in load_profile(claims.profile).rules
    )


def _state(rule: Rule, claims: PrivacyClaims) -> bool | None:
    """True if met, False if not, None where it does not apply."""
    if rule.states and rule.check != "not_states" and state_of(claims) not in rule.states:
        return None
    if rule.when == "expression" and not claims.expression:
        return None
    if rule.check == "not_states":
        return state_of(claims) not in rule.states
    return CHECKS[rule.check](claims)


def state_of(claims: PrivacyClaims) -> str:
    """``TX`` for a jurisdiction of ``US-TX``, ``us-tx`` or ``TX``."""
    return (claims.jurisdiction or "").strip().upper().removeprefix("US-")


def _filled(value: str | None) -> bool:
    return bool(value and value.strip())


def _field(name: str) -> Callable[[PrivacyClaims], bool]:
    return lambda claims: _filled(getattr(claims, name))


FIELDS = ("jurisdiction", "controller", "dpia", "notice", "consent")

CHECKS: Mapping[str, Callable[[PrivacyClaims], bool]] = {
    **{name: _field(name) for name in FIELDS},
    "staff": lambda claims: not claims.undeclared,
    "hours": lambda claims: claims.hours,
    "no_age_of_children": lambda claims: not (claims.age_estimation and claims.children),
    "no_expression": lambda claims: not claims.expression,
    "not_states": lambda _claims: True,
    "by_design": lambda _claims: True,
}

_COMPLAINTS: Mapping[str, Callable[[PrivacyClaims], str]] = {
    **{
        name: lambda _claims, name=name: f"expression is on without {name}"  # type: ignore[misc]
        for name in FIELDS
    },
    "staff": lambda claims: (
        f"expression is on, but camera {claims.undeclared[0]!r} does not say where staff stand"
    ),
    "hours": lambda _claims: "expression is on without opening hours",
    "no_age_of_children": lambda _claims: "age_estimation is on where children may enter",
    "no_expression": lambda _claims: "expression is on",
    "not_states": lambda claims: f"the profile does not hold in {claims.jurisdiction}",
}


def _value(check: str, claims: PrivacyClaims) -> str:
    return (getattr(claims, check) or "").strip() if check in FIELDS else ""
