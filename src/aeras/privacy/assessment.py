"""The impact assessment (GDPR Art. 35(7)) and the technical file (EU AI Act Annex IV).

Both are drafts made from the configuration that is in force; what only people can judge is marked.
"""

from __future__ import annotations

from aeras.privacy.papers import OPEN, Document, Facts, Part, Table

_RISKS: Table = (
    ("Risk to people", "What holds it", "What is left"),
    (
        (
            "A picture of somebody is kept or leaks",
            "Frames live in the worker's memory for a few seconds at most; what stores and serves "
            "cannot import the types that hold one",
            "Whoever controls the machine or the camera itself can record: guard both",
        ),
        (
            "Somebody is recognised or followed",
            "No template of a face is made or compared; records carry no track id, a coarse time "
            "and a random id",
            "Somebody who knows when a person shopped may guess in an empty shop: raise the time "
            "grain or k",
        ),
        (
            "Numbers single somebody out",
            "Figures are sums of whole blocks of at least k visits, so that no subtraction of "
            "figures leaves fewer",
            "Knowledge from outside",
        ),
        (
            "Expressions are misread, more often for some groups",
            "Readings are probabilities with coverage; below 48 pixels, turned away or half hidden "
            "faces are not read; `aeras lab audit` compares groups",
            "Errors remain: no decision about a person may rest on a reading",
        ),
        (
            "Staff are watched at work",
            "Staff zones, opening hours, a log of who looked at what",
            "Staff among shoppers, outside the zones: schedule work on shelves outside hours",
        ),
        (
            "People do not know or cannot object",
            "Signs, a public page, a stop button; a stale notice prevents the start",
            "Signs must hang where they can be read in time",
        ),
        (
            "Answers are given under pressure or reveal a person",
            "Consent first, nothing stored without it; withdrawal by receipt code; free text is "
            "scrubbed and quoted only above k",
            "What people write on purpose",
        ),
    ),
)


def impact_assessment(facts: Facts) -> Document:
    """The data protection impact assessment, by the letters of GDPR Art. 35(7)."""
    return Document(
        f"Data protection impact assessment: {facts.site}",
        _under(facts, facts.dpia or "no reference yet (privacy.dpia)"),
        (
            Part(
                "1. Description of the processing (Art. 35(7)(a))",
                (
                    f"{facts.site} looks at shelves with {len(facts.cameras)} cameras. From their "
                    "pictures a computer in the shop derives anonymous events: that a visit "
                    "dwelled, touched, took or put back an item, with "
                    + (
                        "a reading of behaviour and of the expression shown."
                        if facts.expression
                        else "a reading of behaviour. No face is read."
                    ),
                    f"Purpose: {OPEN}as it stands, to place, label and price products better.",
                    f"Controller: {facts.controller or OPEN}. Jurisdiction: "
                    f"{facts.jurisdiction or OPEN}.",
                ),
                table=_settings(facts),
            ),
            Part("2. Cameras", table=_cameras(facts)),
            Part(
                "3. Models that may be loaded",
                ("None of them identifies anybody.",),
                table=_models(facts),
            ),
            Part(
                "4. Necessity and proportionality (Art. 35(7)(b))",
                (
                    f"{OPEN}why counting at the till, asking shoppers, or the profile "
                    "behaviour-only alone does not do.",
                    f"Legal basis: {OPEN}"
                    + (f"written consent, {facts.consent}." if facts.consent else ""),
                    "Art. 9 GDPR: no biometric data are processed for identifying anybody. "
                    + (
                        "An expression can hint at health; none is derived, and none may be."
                        if facts.expression
                        else "No face is read."
                    ),
                ),
                table=(
                    ("Rule", "Article", "Met", "What the site says"),
                    [(rule.why, rule.cites, _met(rule.met), rule.value) for rule in facts.rules],
                ),
            ),
            Part("5. Risks and what holds them (Art. 35(7)(c), (d))", table=_RISKS),
            Part(
                "6. Rights of those concerned",
                (
                    "Information: signs at door and shelf, and a public page (Art. 12, 13). "
                    "Objection: any member of staff, and the stop button (Art. 21). Access and "
                    "erasure: no record points to a person (Art. 11); answers are withdrawn by "
                    "receipt code.",
                    *(_OBJECTION[way] for way in facts.objection),
                ),
            ),
            Part(
                "7. Consultation and approval",
                (
                    f"Advice of the data protection officer (Art. 35(2)): {OPEN}",
                    f"Views of those concerned or of the works council (Art. 35(9)): {OPEN}",
                    f"Fundamental rights impact assessment (EU AI Act Art. 27), where it applies: "
                    f"{OPEN}",
                    f"Reviewed by, on: {OPEN}. The officer's page records the approval of exactly "
                    f"this configuration ({facts.configuration()[:16]}).",
                ),
            ),
        ),
    )


def technical_file(facts: Facts) -> Document:
    """The technical documentation, by the headings of Annex IV of the EU AI Act."""
    expression = next((m for m in facts.models if m.task == "expression"), None)
    return Document(
        f"Technical documentation: AERAS at {facts.site}",
        _under(facts, "EU AI Act Art. 11 and Annex IV"),
        (
            Part(
                "1. A general description of the AI system",
                (
                    "Intended purpose: to measure how shoppers handle single products at a shelf "
                    "and to report anonymous rates to the shop. Not for watching staff, for "
                    "security, for identifying or for deciding about anybody.",
                    f"Version: AERAS {facts.version}, law profile {facts.profile.name} version "
                    f"{facts.profile.version}. Provider: {OPEN}",
                    "Hardware: an ordinary computer in the shop; cameras over RTSP or USB. It "
                    "works without a network to the outside.",
                    "User interface and instructions for use: the dashboard and the documentation "
                    "that comes with it.",
                    "High risk: it recognises expressions (Annex III 1(c))."
                    if facts.expression
                    else "Expression reading is off: no emotion recognition in the sense of "
                    "Art. 3(39) takes place.",
                ),
                table=_settings(facts),
            ),
            Part(
                "2. A detailed description of the elements of the AI system and of the process "
                "for its development",
                (
                    "Frame, faces and bodies and hands, tracks, interactions with facings, the "
                    "privacy gate, events, triggers, surveys, answers, insight. Camera workers "
                    "are processes of their own; only events and blurred previews leave them.",
                    f"Training data and provenance of the expression network: {expression.title}; "
                    f"{expression.licence}."
                    if expression
                    else "No network for expressions is loaded.",
                    "Human oversight (Art. 14): readings are shown as probabilities with coverage; "
                    "proposals do nothing until a person approves; one button stops all reading.",
                    "Cybersecurity (Art. 15): models are refused when their hash differs; the "
                    "pages need a sign-in and load nothing from outside.",
                ),
                table=_models(facts),
            ),
            Part(
                "3. Detailed information about the monitoring, functioning and control of the AI "
                "system",
                (
                    "Capabilities and limits: a reading says what a face shows, not what anybody "
                    "thinks; it is less exact for small, turned or covered faces, which are left "
                    "out and counted as not read. Known unequal errors over groups: see the audit "
                    "report (`aeras lab audit`).",
                    "Logs (Art. 12, 26(6)): starts, changes of site file, model and profile, "
                    "sensitive views, exports, approvals, stops, in a chain in which any change is "
                    "found. Keep them for at least six months.",
                    f"Input data: cameras of the shop. {_hours(facts)}",
                ),
                table=_cameras(facts),
            ),
            Part(
                "4. A description of the appropriateness of the performance metrics for the "
                "specific AI system",
                (
                    "Expressions: balanced accuracy and expected calibration error, because "
                    "classes are uneven and probabilities are shown; share of faces left out. "
                    "Interactions: precision and recall by kind. Rates: intervals of 95 %.",
                ),
                points=tuple(f"{m.name}: {m.measured}" for m in facts.models),
            ),
            Part(
                "5. A detailed description of the risk management system in accordance with "
                "Article 9",
                table=_RISKS,
            ),
            Part(
                "6. A description of relevant changes made by the provider to the system through "
                "its lifecycle",
                (
                    "The project's CHANGELOG. Changes at this site stand in the audit log; this "
                    f"file describes configuration {facts.configuration()[:16]}.",
                ),
            ),
            Part(
                "7. A list of the harmonised standards applied in full or in part",
                (f"{OPEN}none is claimed.",),
            ),
            Part("8. A copy of the EU declaration of conformity (Article 47)", (OPEN,)),
            Part(
                "9. A detailed description of the system in place to evaluate the AI system "
                "performance in the post-market phase in accordance with Article 72",
                (
                    "Coverage, the share that could not be told and the cameras' state are shown "
                    "all the time; `aeras lab audit` and `aeras lab expression` repeat the "
                    f"measurements. Plan and person in charge: {OPEN}",
                ),
            ),
        ),
    )


def _under(facts: Facts, reference: str) -> str:
    note = " SIMULATED SHOP: a sample." if facts.simulated else ""
    return (
        f"{reference}. Made from the running configuration {facts.configuration()[:16]}, law "
        f"profile {facts.profile.name} version {facts.profile.version} (law as of "
        f"{facts.profile.as_of}). A draft that people complete; not legal advice.{note}"
    )


def _settings(facts: Facts) -> Table:
    return (
        ("Setting", "Value"),
        (
            ("Law profile", f"{facts.profile.title} ({'; '.join(facts.profile.law)})"),
            ("Expressions", "read" if facts.expression else "not read"),
            ("Face models", "may be loaded" if facts.faces else "none is loaded"),
            ("Opening hours", _hours(facts)),
            ("Numbers are withheld below", f"{facts.k} visits"),
            ("Times are cut to", facts.grain),
            ("Events are deleted after", facts.retention),
            ("Notice", facts.notice or "none"),
            ("Written release", facts.consent or "none"),
        ),
    )


_OBJECTION = {
    "card": "Objection by card: who carries one openly is dropped within a second, with what was "
    "not yet told (Art. 21(1), (5)).",
    "place": "Objection by place: who steps into a marked place is dropped likewise.",
}


def _hours(facts: Facts) -> str:
    if not facts.hours:
        return "Read at any time: the site names no opening hours."
    if facts.hours == "always":
        return "The shop never closes."
    return f"Read only while the shop is open: {facts.hours} ({facts.timezone})."


def _cameras(facts: Facts) -> Table:
    return (
        ("Camera", "Role", "Staff zones", "Blacked out zones", "Simulated"),
        [
            (c.id, c.role, str(c.staff), str(c.excluded), "yes" if c.simulated else "no")
            for c in facts.cameras
        ],
    )


def _models(facts: Facts) -> Table:
    return (
        ("Model", "Task", "What it is", "SHA-256", "Source, licence", "Measured"),
        [
            (m.name, m.task, m.title, m.sha256[:16], f"{m.source}; {m.licence}", m.measured)
            for m in facts.models
        ],
    )


def _met(met: bool | None) -> str:
    return {True: "yes", False: "NO", None: "does not apply"}[met]
