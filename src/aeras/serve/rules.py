"""The rules page: list, new, edit with a preview on the past, delete."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from aeras.domain.evidence import Watched
from aeras.domain.life import Action
from aeras.domain.rule_desk import OF_MODES, Preview, RuleDesk
from aeras.serve.errors import NotFoundError
from aeras.serve.pages import TheBoard, ThePages
from aeras.serve.session import FormText, Manager, checked_form, manager

router = APIRouter(dependencies=[Depends(manager)], include_in_schema=False)

MODES = ("count", "rate", "change")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RULE_DEFAULTS: Mapping[str, str] = {
    "threshold": "5",
    "margin": "1.1",
    "fdr": "0.05",
    "min_handled": "20",
    "min_visits": "1",
    "since": "planogram",
    "before": "14 d",
    "window": "count 2 h, rate 28 d, change 14 d",
    "cool_down": "24 h",
    "answers": "20",
    "follow_up": "14 d",
}
"""What an empty field means; the site file's defaults."""
_TEXTS = ("id", "item", "category", "fixture", "measure", "action", "survey", *RULE_DEFAULTS)


def desk_of(request: Request) -> RuleDesk:
    """Dependency: whoever keeps the rules; NotFoundError where pages may not change them."""
    desk: RuleDesk | None = request.app.state.rules
    if desk is None:
        raise NotFoundError("the rules cannot be changed here", todo="Edit the site file")
    return desk


TheRules = Annotated[RuleDesk, Depends(desk_of)]


@router.get("/rules")
def rules(
    request: Request,
    desk: TheRules,
    page: ThePages,
    done: Annotated[str, Query(max_length=16)] = "",
) -> Response:
    """All rules of the site file."""
    found = desk.rules()
    return page.page(
        request,
        "rules.html",
        nav="triggers",
        period=None,
        rules=found.rules,
        revision=found.revision,
        done=done if done in {"saved", "deleted"} else "",
        simulated=0.0,
    )


@router.get("/rules/edit")
def edit(
    request: Request,
    desk: TheRules,
    board: TheBoard,
    page: ThePages,
    id: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """A rule to change, or a new one."""
    found = desk.rules()
    rule: Mapping[str, object] = {}
    if id:
        rule = next((one for one in found.rules if one.get("id") == id), {})
        if not rule:
            raise NotFoundError(f"there is no rule {id!r}", todo="See /rules")
    return _editor(request, page, board, rule, was=id, revision=found.revision)


def _editor(
    request: Request,
    page: ThePages,
    board: TheBoard,
    rule: Mapping[str, object],
    *,
    was: str,
    revision: str,
    preview: Preview | None = None,
    problems: tuple[str, ...] = (),
) -> Response:
    forms = request.app.state.forms
    return page.page(
        request,
        "rule.html",
        status=422 if problems else 200,
        nav="triggers",
        period=None,
        rule=fields_of(rule),
        was=was,
        revision=revision,
        preview=preview,
        problems=problems,
        defaults=RULE_DEFAULTS,
        modes=MODES,
        measures=list(Watched),
        actions=list(Action),
        days=DAYS,
        surveys=[row.id for row in forms.forms()] if forms else ["put-back"],
        categories=sorted({item.category for item in board.shop.items if item.category}),
        simulated=0.0,
    )


def fields_of(rule: Mapping[str, object]) -> dict[str, object]:
    """A rule of the site file as the form's fields, ``days`` as a list."""
    when = rule.get("when")
    when = when if isinstance(when, Mapping) else {}
    fields: dict[str, object] = {key: str(rule.get(key, "")) for key in _TEXTS}
    if "survey" in rule and rule["survey"] is None:
        fields["survey"] = "none"
    fields["mode"] = str(rule.get("mode", "count"))
    fields["days"] = [str(day) for day in when.get("days", ())]
    fields["hours"] = str(when.get("hours", ""))
    return fields


def rule_of(form: FormData) -> dict[str, object]:
    """The rule that a form describes; fields that are empty, or that its mode does not know, are
    left to their defaults. What cannot be right is kept as it was typed: the site file's own checks
    tell of it.
    """
    typed = {key: str(form.get(key, "")).strip()[:200] for key in (*_TEXTS, "mode", "hours")}
    mode = typed["mode"] or "count"
    rule: dict[str, object] = {"id": typed["id"], "mode": mode}
    for key in _TEXTS[1:]:
        if typed[key] and mode in OF_MODES.get(key, {mode}):
            rule[key] = _value(typed[key])
    if rule.get("survey") == "none":
        rule["survey"] = None
    days = [str(day)[:8] for day in form.getlist("days")]
    when = {"days": days} if days else {}
    if typed["hours"]:
        rule["when"] = {**when, "hours": typed["hours"]}
    elif when:
        rule["when"] = when
    return rule


def _value(text: str) -> object:
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    if re.fullmatch(r"\d{1,9}\.\d{1,9}", text):
        return float(text)
    return text


@router.post("/rules/edit", dependencies=[Depends(checked_form)])
async def save(
    request: Request, desk: TheRules, board: TheBoard, page: ThePages, user: Manager
) -> Response:
    """Previews or saves, by the button that was pressed."""
    form = await request.form()
    rule = rule_of(form)
    was, revision = str(form.get("was", ""))[:64], str(form.get("revision", ""))[:64]
    if form.get("do") != "save":
        preview = await run_in_threadpool(desk.preview, rule, was)
        return _editor(
            request,
            page,
            board,
            rule,
            was=was,
            revision=revision,
            preview=preview,
            problems=preview.problems,
        )
    saved = await run_in_threadpool(desk.save, rule, was, revision, user.name)
    if saved.problems:
        return _editor(
            request, page, board, rule, was=was, revision=revision, problems=saved.problems
        )
    return RedirectResponse("/rules?done=saved", 303)


@router.post("/rules/delete", dependencies=[Depends(checked_form)])
def delete(desk: TheRules, user: Manager, was: FormText = "", revision: FormText = "") -> Response:
    """Takes a rule out."""
    desk.delete(was, revision, user.name)
    return RedirectResponse("/rules?done=deleted", 303)
