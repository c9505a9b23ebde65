"""A site may start only with a notice that describes it; its papers come from what is in force."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from aeras.config import load_site
from aeras.domain.errors import InputError, PrivacyError
from aeras.domain.oversight import Act
from aeras.privacy.assessment import card_of, technical_file
from aeras.store.control import Control
from aeras.wiring.oversight import (
    check_start,
    facts_of,
    log_start,
    make_oversight,
    notice_problem,
    record_path,
    write_notice,
    write_papers,
)

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
SITE = {
    "site": {"name": "Test Shop", "timezone": "Europe/Berlin", "language": "de"},
    "privacy": {
        "profile": "eu",
        "expression": True,
        "jurisdiction": "DE",
        "controller": "Läden & Söhne GmbH, dpo@example.org",
        "dpia": "DPIA-7",
        "notice": "N-1",
    },
    "hours": {"open": {"mon": "09:00-13:00, 14:30-20:00", "sat": "10:00-16:00"}},
    "cameras": [
        {"id": "face", "source": "a.mp4", "role": "shelf", "size": [320, 240], "staff": []},
        {"id": "aisle", "source": "b.mp4", "role": "aisle", "size": [320, 240]},
    ],
    "fixtures": [{"id": "shelf", "camera": "aisle", "face_camera": "face"}],
    "server": {"public_url": "https://shop.example"},
}


def site(folder: Path, **changes):
    """Writes the site file with changed sections and reads it."""
    data = {name: changes.get(name, section) for name, section in SITE.items()}
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True))
    return load_site(path)


def privacy(**changes):
    return {"privacy": {**SITE["privacy"], **changes}}


def test_expressions_are_read_only_once_the_signs_are_printed(tmp_path):
    loaded = site(tmp_path)
    with pytest.raises(PrivacyError, match=r"has no record.*Art\. 50") as refused:
        check_start(loaded)
    assert "aeras privacy notice" in refused.value.todo
    write_notice(loaded, NOW)
    check_start(loaded)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (privacy(expression=False), "expression was on, is off"),
        (privacy(retention="90 d"), "retention was 30 d, is 90 d"),
        (privacy(k=5), "k was 10, is 5"),
        (privacy(controller="Somebody else"), "is Somebody else"),
        (privacy(notice="N-2"), "notice was N-1, is N-2"),
        ({"hours": {"open": "always"}}, "is always"),
        ({"cameras": [*SITE["cameras"], {**SITE["cameras"][1], "id": "new"}]}, "new (aisle)"),
    ],
)
def test_a_notice_that_is_older_than_what_it_tells_prevents_the_start(tmp_path, changes, told):
    write_notice(site(tmp_path), NOW)
    changed = site(tmp_path, **changes)
    with pytest.raises(PrivacyError, match="notice of 2026-11-22 describes another") as refused:
        check_start(changed)
    assert told in refused.value.what
    write_notice(changed, NOW)
    check_start(changed)


def test_what_the_signs_do_not_tell_does_not_make_them_stale(tmp_path):
    write_notice(site(tmp_path), NOW)
    check_start(site(tmp_path, fixtures=[], server={"port": 9}))


def test_a_damaged_record_is_one_clear_error_and_no_record_is_needed_without_expression(tmp_path):
    loaded = site(tmp_path, **privacy(expression=False, notice=None))
    assert notice_problem(loaded) == ""
    record_path(loaded).parent.mkdir()
    record_path(loaded).write_text("[1, 2]")
    with pytest.raises(PrivacyError, match="cannot be read"):
        check_start(loaded)


def test_the_papers_come_from_the_configuration_and_the_models_cards(tmp_path):
    paths = write_papers(site(tmp_path), "en")
    assert {path.name.replace(".en.", ".") for path in paths} == PAPERS
    files = {path.name.replace(".en.", "."): path for path in paths}
    dpia = files["dpia.html"].read_text()
    for fact in ("Läden &amp; Söhne GmbH", "DPIA-7", "Mon 09:00-13:00, 14:30-20:00", "Art. 35(7)"):
        assert fact in dpia, fact
    technical = files["technical-file.html"].read_text()
    for n, heading in enumerate(
        (
            "general description",
            "detailed description of the elements",
            "monitoring, functioning and control",
            "performance metrics",
            "risk management",
            "relevant changes",
            "harmonised standards",
            "declaration of conformity",
            "post-market",
        ),
        start=1,
    ):
        assert any(
            line.startswith(f"{n}. ") and heading in line
            for line in technical.replace("</h2>", "\n").replace("<h2>", "\n").splitlines()
        ), heading
    assert "AERAS expression network" in technical
    assert all(files[name].read_bytes().startswith(b"%PDF-") for name in files if "pdf" in name)
    without = site(tmp_path, **privacy(expression=False))
    write_papers(without, "en")
    assert "AERAS expression network" not in files["technical-file.html"].read_text()


PAPERS = {"dpia.html", "dpia.pdf", "technical-file.html", "technical-file.pdf"}


def test_the_technical_file_tells_the_figures_limits_and_forbidden_uses_of_the_card(tmp_path):
    facts = facts_of(site(tmp_path))
    card = next(model.card for model in facts.models if model.task == "expression")
    text = " ".join(str(part) for part in technical_file(facts).parts)
    assert "FairFace" in card
    for told in ("balanced accuracy", "Middle Eastern", "Forbidden", "Limits", "ECE"):
        assert told in text, told
    other = replace(facts, models=tuple(replace(m, sha256="0" * 64, card="") for m in facts.models))
    assert "has no card" in str(technical_file(other).parts)
    assert card_of(facts.models[0], tmp_path) == ""


def test_papers_are_in_the_site_s_language_unless_another_is_named(tmp_path):
    german = site(tmp_path)
    files = {path.name: path for path in write_papers(german)}
    assert set(files) == PAPERS
    dpia = files["dpia.html"].read_text()
    assert '<html lang="de">' in dpia
    for told in (
        "Datenschutz-Folgenabschätzung: Test Shop",
        "Läden &amp; Söhne GmbH",
        "Mo 09:00-13:00, 14:30-20:00; Sa 10:00-16:00",
        "gelöscht nach 30 Tagen",
        "den Ausdruck von Menschen am Arbeitsplatz zu lesen ist verboten",
    ):
        assert told in dpia, told
    with pytest.raises(InputError, match="not written in 'fr'"):
        write_papers(german, "fr")
    spanish = site(tmp_path, site={**SITE["site"], "language": "es"})
    assert '<html lang="en">' in write_papers(spanish)[0].read_text()


def test_the_signs_are_in_four_languages_the_site_s_first_with_a_code_for_phones(tmp_path):
    page, pdf, _ = write_notice(site(tmp_path), NOW)
    text = page.read_text()
    assert text.index("Kameras messen hier") < text.index("Cameras measure how")
    assert "カメラ" in text
    assert "cámaras" in text
    assert text.count("<svg") == 8  # door and shelf, four languages
    assert "https://shop.example/privacy" in text
    assert "nicht gelesen" not in text.partition("</section>")[0]
    assert pdf.read_bytes().count(b"/Type /Page\n") == 8
    quiet = site(tmp_path, server={}, **privacy(expression=False, profile="behaviour-only"))
    text = write_notice(quiet, NOW)[0].read_text()
    assert "<svg" not in text
    assert "Gesichter werden nicht gelesen" in text


def test_a_start_tells_what_changed_since_the_last(tmp_path):
    loaded = site(tmp_path)
    loaded.data.mkdir()
    control = Control(loaded.data / "control.sqlite")
    audit = make_oversight(loaded, control, lambda: NOW).audit
    log_start(loaded, control, audit)
    log_start(loaded, control, audit)
    assert [e.act for e in audit.last(9)] == ["start", "start"]
    changed = site(tmp_path, **privacy(expression=False))
    log_start(changed, control, audit)
    newest = audit.last(4)
    assert {e.act for e in newest[1:]} == {"site_changed", "profile_changed", "model_changed"}
    assert newest[0].about["configuration"] == facts_of(changed).configuration()
    control.close()


def test_an_approval_holds_until_the_configuration_changes(tmp_path):
    loaded = site(tmp_path)
    loaded.data.mkdir()
    control = Control(loaded.data / "control.sqlite")
    papers = make_oversight(loaded, control, lambda: NOW).papers
    assert papers.standing().approved_by == ""
    assert papers.approve("olga").approved_by == "olga"
    face, aisle = SITE["cameras"]
    moved = [{**face, "staff": [[[0, 0], [9, 0], [9, 9]]]}, aisle]
    changed = site(tmp_path, cameras=moved)
    assert make_oversight(changed, control, lambda: NOW).papers.standing().approved_by == ""
    again = make_oversight(site(tmp_path), control, lambda: NOW)
    assert again.papers.standing().approved_by == "olga"
    assert [e.act for e in again.audit.last(9)] == [Act.APPROVAL]
    control.close()


# --- the command line ---------------------------------------------------------------------------


def aeras(*args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aeras.cli", *map(str, args)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **env}
    )


def test_the_officer_s_commands_from_first_paper_to_a_tampered_log(tmp_path):
    path = site(tmp_path).path
    checked = json.loads(aeras("check", path, "--json").stdout)
    assert checked["ok"] is True
    assert "has no record" in checked["before_start"]
    assert aeras("privacy", "notice", path).returncode == 0
    assert json.loads(aeras("check", path, "--json").stdout)["before_start"] == ""
    assert aeras("stop", path).returncode == 0
    assert (tmp_path / "data" / "STOP").exists()
    control = Control(tmp_path / "data" / "control.sqlite")
    control.add_user("olga", "sees to the law", "officer")
    control.add_user("adam", "runs the machines", "admin")
    control.close()
    for user, password, complaint in (
        ("olga", "wrong", "name or password is wrong"),
        ("adam", "runs the machines", "only an officer may do this"),
    ):
        refused = aeras("resume", path, "--user", user, AERAS_PASSWORD=password)
        assert (refused.returncode, complaint in refused.stderr) == (2, True), refused.stderr
        assert (tmp_path / "data" / "STOP").exists()
    done = aeras("resume", path, "--user", "olga", AERAS_PASSWORD="sees to the law")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "data" / "STOP").exists()
    verified = json.loads(aeras("privacy", "audit-verify", path, "--json").stdout)
    assert (verified["ok"], verified["head"].split(":")[0]) == (True, "4")
    log = tmp_path / "data" / "audit.jsonl"
    log.write_text(log.read_text().replace('"who":"olga"', '"who":"adam"', 1))
    broken = aeras("privacy", "audit-verify", path)
    assert broken.returncode == 1
    assert "does not fit" in broken.stderr
