"""Audit log, stop switch and papers of one site, put together for the runtime and the commands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from aeras import __version__
from aeras.config import DAYS, Site, check_privacy, claims_of, reads_faces
from aeras.domain.errors import InputError, PrivacyError, StoreError
from aeras.domain.hours import OpeningHours
from aeras.domain.oversight import (
    SYSTEM,
    Act,
    AuditLog,
    Oversight,
    Paper,
    PublicNotice,
    Standing,
)
from aeras.domain.shop import CameraSpec
from aeras.perceive.registry import MODELS_DIR, list_models
from aeras.privacy.assessment import (
    DOCUMENT_LANGUAGES,
    card_of,
    impact_assessment,
    technical_file,
)
from aeras.privacy.audit import FileAuditLog
from aeras.privacy.papers import (
    CameraFact,
    Document,
    Facts,
    ModelFact,
    NoticeRecord,
    notice_text,
    sign_languages,
)
from aeras.privacy.printing import document_html, document_pdf, signs_html, signs_pdf
from aeras.privacy.profiles import load_profile, rule_states
from aeras.privacy.stop import FILE, FileStopSwitch
from aeras.store.control import Control
from aeras.wiring.noisy import least_left

RECORD = "notice.json"
AUDIT_FILE = "audit.jsonl"
_LAST = "audit:last-start"
_APPROVED = "approved"

NEEDS_FACES = frozenset({"faces"})
NEEDS_EXPRESSION = frozenset({"mesh", "expression"})


def make_oversight(site: Site, control: Control, clock: Callable[[], datetime]) -> Oversight:
    """The three parts over a site's data folder."""
    audit = FileAuditLog(site.data / AUDIT_FILE, control, clock)
    switch = FileStopSwitch(stop_file(site), control, audit, clock)
    return Oversight(audit, switch, SitePapers(site, control, audit, clock))


def stop_file(site: Site) -> Path:
    """The file that stops all reading while it exists."""
    return site.data / FILE


# --- starting -----------------------------------------------------------------------------------


def check_start(site: Site) -> None:
    """Raises PrivacyError when the site may not be started: a rule of its profile is broken, or
    the notice shoppers read does not describe what would run.
    """
    check_privacy(site)
    problem = notice_problem(site)
    if problem:
        raise PrivacyError(
            problem,
            where=str(record_path(site)),
            todo=f"Print and put up new signs (aeras privacy notice {site.path}), start again",
        )


def notice_problem(site: Site) -> str:
    """Why the notice does not hold, in words; "" if it does or none is needed."""
    record = read_record(site)
    if record is None:
        if not site.privacy.expression:
            return ""
        return (
            f"the notice {site.privacy.notice!r} has no record, so that nobody can tell what it "
            "says (EU AI Act Art. 50(3), GDPR Art. 13)"
        )
    changed = record.stale(facts_of(site))
    if not changed or not (site.privacy.expression or site.privacy.notice):
        return ""
    return (
        f"the notice of {record.made_at[:10]} describes another configuration: "
        + "; ".join(changed)
        + " (EU AI Act Art. 50(3), GDPR Art. 13)"
    )


def log_start(site: Site, control: Control, audit: AuditLog) -> None:
    """Records a start, and what has changed since the last one: site file, profile, models."""
    facts = facts_of(site)
    profile = f"{facts.profile.name} {facts.profile.version}, expression "
    now = {
        Act.SITE_CHANGED: _site_hash(site),
        Act.PROFILE_CHANGED: profile + ("on" if facts.expression else "off"),
        Act.MODEL_CHANGED: _models_digest(facts),
    }
    text = control.setting(_LAST)
    before = json.loads(text) if text else {}
    for act, value in now.items():
        if before and before.get(act) != value:
            audit.add(act, SYSTEM, was=before.get(act, ""), now=value)
    audit.add(
        Act.START,
        SYSTEM,
        version=__version__,
        site_file=now[Act.SITE_CHANGED],
        profile=now[Act.PROFILE_CHANGED],
        models=now[Act.MODEL_CHANGED],
        configuration=facts.configuration(),
    )
    control.set_setting(_LAST, json.dumps(now))


def _site_hash(site: Site) -> str:
    """Of the site file and of those that it names as parts of itself."""
    digest = hashlib.sha256(site.path.read_bytes())
    for name in (site.file.items_file, site.file.planogram_file):
        path = site.path.parent / name if name else None
        if path is not None and path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _models_digest(facts: Facts) -> str:
    lines = sorted(f"{model.name} {model.sha256}" for model in facts.models)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


# --- facts --------------------------------------------------------------------------------------


def facts_of(site: Site) -> Facts:
    """What the papers describe, from the site as it is and the models' cards."""
    privacy, url = site.privacy, site.server.public_url
    return Facts(
        site=site.shop.name,
        timezone=site.shop.timezone,
        language=site.shop.language,
        version=__version__,
        profile=load_profile(privacy.profile),
        rules=rule_states(claims_of(site)),
        expression=privacy.expression,
        faces=reads_faces(site),
        jurisdiction=privacy.jurisdiction or "",
        controller=privacy.controller or "",
        dpia=privacy.dpia or "",
        notice=privacy.notice or "",
        consent=privacy.consent or "",
        cameras=tuple(
            CameraFact(c.id, str(c.role), len(c.excluded), len(c.staff), c.simulated, _zones(c))
            for c in site.shop.cameras
        ),
        models=_models(site),
        hours=hours_text(site.hours),
        k=privacy.k,
        grain=span_text(privacy.time_grain),
        retention=span_text(privacy.retention),
        url=f"{url.rstrip('/')}/privacy" if url else "",
        staff_marker=site.shop.marks.of_staff,
        objection=_objection(site),
    )


def _objection(site: Site) -> tuple[str, ...]:
    """How shoppers can be left alone by the cameras."""
    ways = {
        "card": bool(site.shop.marks.objection_tags),
        "place": any(camera.objection for camera in site.shop.cameras),
    }
    return tuple(way for way, offered in ways.items() if offered)


def _zones(camera: CameraSpec) -> str:
    zones = (camera.excluded, camera.staff, *([camera.objection] if camera.objection else []))
    return hashlib.sha256(repr(zones).encode()).hexdigest()


def _models(site: Site) -> tuple[ModelFact, ...]:
    """The models that a worker of this site may load."""
    shut = frozenset() if site.privacy.expression else NEEDS_EXPRESSION
    shut |= frozenset() if reads_faces(site) else NEEDS_FACES | NEEDS_EXPRESSION
    models = (
        ModelFact(m.name, m.task, m.title, m.sha256, m.source, m.licence_weights, m.measured)
        for m in list_models()
        if m.task not in shut
    )
    return tuple(replace(model, card=card_of(model, MODELS_DIR)) for model in models)


def hours_text(hours: OpeningHours | None) -> str:
    """``mon 09:00-20:00; closed 2026-12-25``, ``always``, or "" if not said."""
    if hours is None:
        return ""
    if hours.always:
        return "always"
    days = [
        f"{DAYS[day]} {', '.join(_span(span) for span in spans)}"
        for day, spans in sorted(hours.week.items())
        if spans
    ]
    closed: list[date] = sorted(hours.holidays)
    return "; ".join([*days, *(f"closed {day.isoformat()}" for day in closed)])


def _span(span: tuple[time, time]) -> str:
    return f"{span[0]:%H:%M}-{span[1]:%H:%M}"


def span_text(length: timedelta) -> str:
    """``30 d``, ``2 h``, ``15 min`` or ``90 s``."""
    seconds = int(length.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


# --- papers -------------------------------------------------------------------------------------


def record_path(site: Site) -> Path:
    """Where the record of the printed notice stands."""
    return site.path.parent / site.privacy.papers / RECORD


def read_record(site: Site) -> NoticeRecord | None:
    """The record of the printed notice, None if there is none.

    Raises:
        PrivacyError: It cannot be read.
    """
    path = record_path(site)
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        told = {str(name): str(value) for name, value in held["told"].items()}
        return NoticeRecord(str(held["reference"]), str(held["made_at"]), told)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise PrivacyError(
            "the record of the notice cannot be read",
            where=str(path),
            todo=f"Print the signs anew: aeras privacy notice {site.path}",
        ) from None


def write_notice(site: Site, now: datetime) -> list[Path]:
    """Writes the signs (HTML and PDF) and the record of what they say; returns the files."""
    facts = facts_of(site)
    languages = sign_languages(facts)
    record = NoticeRecord(facts.notice, now.astimezone(UTC).isoformat(), facts.told())
    folder = record_path(site).parent
    return [
        _write(folder / "notice.html", signs_html(facts, languages)),
        _write(folder / "notice.pdf", signs_pdf(facts, languages)),
        _write(folder / RECORD, (json.dumps(asdict(record), indent=1) + "\n").encode()),
    ]


def write_papers(site: Site, language: str = "") -> list[Path]:
    """Writes the impact assessment and the technical file (HTML and PDF), in the site's language
    unless another is named, which then stands in the files' names; returns the files.

    Raises:
        InputError: They do not exist in that language.
    """
    folder = record_path(site).parent
    facts = facts_of(site)
    chosen = document_language(facts, language)
    ending = "" if chosen == document_language(facts) else f".{chosen}"
    files = []
    for name, make in DOCUMENTS.items():
        document = make(facts, chosen)
        files.append(_write(folder / f"{name}{ending}.html", document_html(document)))
        files.append(_write(folder / f"{name}{ending}.pdf", document_pdf(document)))
    return files


DOCUMENTS: Mapping[str, Callable[[Facts, str], Document]] = {
    "dpia": impact_assessment,
    "technical-file": technical_file,
}


def document_language(facts: Facts, asked: str = "") -> str:
    """The language that was asked for, else the site's, else English."""
    if asked and asked not in DOCUMENT_LANGUAGES:
        raise InputError(
            f"the papers are not written in {asked[:20]!r}",
            todo=f"Choose one of {', '.join(DOCUMENT_LANGUAGES)}",
        )
    return asked or (facts.language if facts.language in DOCUMENT_LANGUAGES else "en")


def _write(path: Path, content: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise StoreError(
            f"the paper cannot be written ({error.strerror})",
            where=str(path),
            todo="Set privacy.papers to a folder that can be written",
        ) from None
    return path


class SitePapers:
    """Implements `aeras.domain.oversight.Papers` for a running site."""

    def __init__(
        self, site: Site, control: Control, audit: AuditLog, clock: Callable[[], datetime]
    ) -> None:
        self._site = site
        self._control = control
        self._audit = audit
        self._clock = clock
        self._facts = facts_of(site)

    def standing(self) -> Standing:
        """What holds now."""
        facts, record = self._facts, read_record(self._site)
        approved = self._approval(facts)
        return Standing(
            profile=facts.profile.name,
            profile_version=facts.profile.version,
            profile_title={code: facts.profile.title_in(code) for code in DOCUMENT_LANGUAGES},
            expression=facts.expression,
            faces=facts.faces,
            rules=facts.rules,
            models=tuple(model.name for model in facts.models),
            facts=(
                ("controller", facts.controller),
                ("jurisdiction", facts.jurisdiction),
                ("dpia", facts.dpia),
                ("hours", facts.hours),
                ("k", str(facts.k)),
                ("grain", facts.grain),
                ("retention", facts.retention),
                ("noise", self._noise_left()),
            ),
            configuration=facts.configuration(),
            notice=facts.notice,
            notice_at=datetime.fromisoformat(record.made_at) if record else None,
            notice_current=record is not None and not record.stale(facts),
            approved_by=approved.get("who", ""),
            approved_at=datetime.fromisoformat(approved["at"]) if approved else None,
        )

    def _noise_left(self) -> str:
        """Least that is left of the budget for tables with noise, "" where there is none."""
        settings = self._site.privacy.differential_privacy
        if settings is None:
            return ""
        left = least_left(self._control, settings)
        return f"\N{GREEK SMALL LETTER EPSILON} {left:g} / {settings.budget:g}"

    def _approval(self, facts: Facts) -> dict[str, str]:
        held: dict[str, str] = json.loads(self._control.setting(_APPROVED) or "{}")
        return held if held.get("configuration") == facts.configuration() else {}

    def approve(self, who: str) -> Standing:
        """Notes the approval of the configuration as it is now, in the log first."""
        configuration = self._facts.configuration()
        self._audit.add(Act.APPROVAL, who, what="privacy papers", configuration=configuration)
        approval = {
            "who": who,
            "at": self._clock().astimezone(UTC).isoformat(),
            "configuration": configuration,
        }
        self._control.set_setting(_APPROVED, json.dumps(approval))
        return self.standing()

    def paper(self, name: str, form: str, language: str = "") -> Paper:
        """``dpia``, ``technical-file`` or ``notice`` as ``html`` or ``pdf``."""
        if name not in (*DOCUMENTS, "notice") or form not in _MEDIA:
            raise InputError(f"there is no paper {name[:40]!r} as {form[:10]!r}")
        facts, pdf = self._facts, form == "pdf"
        if name == "notice":
            render = signs_pdf if pdf else signs_html
            content = render(facts, sign_languages(facts))
        else:
            document = DOCUMENTS[name](facts, document_language(facts, language))
            content = document_pdf(document) if pdf else document_html(document)
        return Paper(f"{name}.{form}", _MEDIA[form], content)

    def languages(self) -> Sequence[str]:
        """Languages of the public notice."""
        return sign_languages(self._facts)

    def public(self, language: str) -> PublicNotice:
        """What shoppers are told."""
        return notice_text(self._facts, language)


_MEDIA = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}
