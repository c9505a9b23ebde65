from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from aeras.domain.errors import ConfigError
from aeras.domain.life import Deed, Stage
from tests.serve.conftest import Site, form_token, script_header
from tests.serve.fake import NOW
from tests.serve.lives import EFFECT, FINDINGS


def lives_of(site: Site):
    return site.app.state.lives


def first(site: Site) -> str:
    return site.board.trigger_rows[0].id


def test_a_step_by_the_page_s_form_leads_back_to_the_trigger(site: Site):
    ann, name = site.signed_in("ann"), first(site)
    token = form_token(ann, f"/triggers/{name}")
    form = {"csrf": token, "seen": "1", "action": "staff_help", "note": "show where it is"}
    answer = ann.post(f"/triggers/{name}/propose", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/triggers/{name}")
    assert lives_of(site).row(name).proposal == ("staff_help", "show where it is")
    page = ann.get(f"/triggers/{name}").text
    assert "show where it is" in page
    assert "help by staff at the shelf" in page


def test_a_step_that_does_not_fit_is_said_and_nothing_happens(site: Site):
    ann, name = site.signed_in("ann"), first(site)
    token = form_token(ann, f"/triggers/{name}")
    answer = ann.post(f"/triggers/{name}/approve", data={"csrf": token, "seen": "1"})
    assert answer.status_code == 422
    assert lives_of(site).row(name).stage is Stage.OPEN


def test_the_same_by_the_api(site: Site):
    ann, name = site.signed_in("ann"), first(site)
    headers = script_header(ann)
    sent = {"seen": 1, "note": "torn label"}
    answer = ann.post(f"/api/triggers/{name}/dismiss", json=sent, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["stage"] == "dismissed"
    assert ann.get(f"/api/triggers/{name}").json()["steps"][-1]["who"] == "ann"
    assert ann.post(f"/api/triggers/{name}/expire", json=sent, headers=headers).status_code == 404
    assert ann.get("/api/triggers/none").status_code == 404


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_measured_effect_stands_with_its_interval_its_check_and_its_doubts(
    site: Site, language: str
):
    ann, name = site.signed_in("ann"), first(site)
    ann.cookies.set("aeras_lang", language)
    row = lives_of(site).row(name)
    lives_of(site).lives[name] = replace(
        row, stage=Stage.MEASURED, effect=EFFECT, findings=FINDINGS, deeds=(Deed.CLOSE,)
    )
    page = ann.get(f"/triggers/{name}").text
    sign = "," if language == "de" else "."
    for figure in (f"-21{sign}0", f"-33{sign}0", f"-9{sign}0", "410", "120"):
        assert figure in page
    lives_of(site).lives[name] = replace(
        row, effect=replace(EFFECT, enough=False, change=None, why="after", needed=41)
    )
    assert "50" in ann.get(f"/triggers/{name}").text


def test_what_is_awaited_is_said(site: Site):
    ann, name = site.signed_in("ann"), first(site)
    row = lives_of(site).row(name)
    lives_of(site).lives[name] = replace(
        row, stage=Stage.APPROVED, due=NOW + timedelta(days=3), deeds=(Deed.DISMISS,)
    )
    assert "The effect is measured 25 November 2026" in ann.get(f"/triggers/{name}").text


def rule_form(client, **fields: object) -> dict[str, object]:
    return {"csrf": form_token(client, "/rules/edit"), "was": "", "revision": "r1", **fields}


def test_a_rule_is_read_from_its_form_without_what_its_mode_does_not_know(site: Site):
    ann = site.signed_in("ann")
    form = rule_form(
        ann,
        id="new",
        mode="rate",
        threshold="7",
        margin="1.2",
        window="28 d",
        category="Drinks",
        days=["fri", "sat"],
        hours="16:00-20:00",
        survey="none",
        action="notify",
        do="save",
    )
    answer = ann.post("/rules/edit", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules?done=saved")
    assert site.app.state.rules.kept["new"] == {
        "id": "new",
        "mode": "rate",
        "category": "Drinks",
        "action": "notify",
        "survey": None,
        "margin": 1.2,
        "window": "28 d",
        "when": {"days": ["fri", "sat"], "hours": "16:00-20:00"},
    }
    assert site.app.state.rules.by == ["ann"]


def test_a_preview_keeps_what_was_typed_and_saves_nothing(site: Site):
    ann = site.signed_in("ann")
    answer = ann.post("/rules/edit", data=rule_form(ann, id="<b>", mode="count", do="preview"))
    assert "2 items would have been flagged" in answer.text
    assert "Vegan salami, Skyr vanilla" in answer.text
    assert "would have flagged 31" in answer.text
    assert 'value="&lt;b&gt;"' in answer.text
    assert list(site.app.state.rules.kept) == ["often"]


def test_a_wrong_rule_is_shown_again_with_what_is_wrong(site: Site):
    ann = site.signed_in("ann")
    answer = ann.post("/rules/edit", data=rule_form(ann, id="", mode="count", do="save"))
    assert answer.status_code == 422
    assert "is not an id" in answer.text


def test_a_rule_is_deleted(site: Site):
    ann = site.signed_in("ann")
    form = {"csrf": form_token(ann, "/rules"), "was": "often", "revision": "r1"}
    assert ann.post("/rules/delete", data=form).status_code == 303
    assert site.app.state.rules.kept == {}
    assert "nothing opens a trigger" in ann.get("/rules?done=deleted").text


def test_a_site_file_broken_by_hand_is_named_on_the_rules_page(site: Site, monkeypatch):
    def broken():
        raise ConfigError("not valid YAML", where="site.yaml", todo="Run `aeras check` on it")

    monkeypatch.setattr(site.app.state.rules, "rules", broken)
    answer = site.signed_in("ann").get("/rules")
    assert answer.status_code == 409
    assert "not valid YAML" in answer.text
