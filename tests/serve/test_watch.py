"""What machines are told of a running shop, and that the files made for it ask for nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from aeras.domain.vitals import Delays, FeedVital, Vitals, Waiting
from tests.serve.conftest import make_site

ROOT = Path(__file__).resolve().parents[2]
FINE = Vitals(
    alive=True,
    reading="on",
    stores={"events": True, "control": True},
    workers=2,
    workers_wanted=2,
    ended={"aisle-2": 3},
    frames={"aisle-2": 70},
    frame_delays={"aisle-2": Delays().plus(0.2).plus(0.3).plus(60)},
    events=40,
    event_delays=Delays().plus(0.4),
    held_up=False,
    events_waiting=0,
    events_lost=0,
    triggers=1,
    disk_free=5,
    disk_size=9,
    outbox={"email": Waiting(10, 0, 30.0)},
    feeds={"till": FeedVital(True, 12.0, 0), "new": FeedVital(True, None, 0)},
    hub=Waiting(20, 10),
)


def ask(vitals: Vitals | None, path: str):
    options = {} if vitals is None else {"vitals": lambda: vitals, "alive": lambda: vitals.alive}
    return make_site(**options).client().get(path)


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({}, []),
        ({"stores": {"events": False, "control": True}}, ["store:events"]),
        ({"alive": False}, ["threads"]),
        ({"workers": 0}, ["workers"]),
        ({"workers": 1}, []),
        ({"workers": 0, "workers_wanted": 0}, []),
        ({"workers": 0, "reading": "stopped"}, []),
        ({"workers": 0, "reading": "closed"}, []),
    ],
)
def test_readiness_names_what_is_missing_and_says_that_it_is_stopped(change, missing):
    vitals = replace(FINE, **change)
    answer = ask(vitals, "/readyz")
    assert answer.status_code == (503 if missing else 200)
    told = {"ready": not missing, "missing": missing, "reading": vitals.reading}
    assert answer.json() == told


def test_health_asks_for_a_restart_only_when_that_helps():
    assert ask(replace(FINE, workers=0, stores={"events": False}), "/healthz").status_code == 200
    assert ask(replace(FINE, alive=False), "/healthz").status_code == 503
    assert ask(None, "/healthz").json() == {"status": "ok"}
    assert ask(None, "/readyz").json()["reading"] == "none"


def exposed() -> dict[str, dict[tuple[str, ...], float]]:
    """Values by sample name, then label values."""
    site = make_site(vitals=lambda: FINE)
    client = site.client()
    client.get("/login")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_the_metrics_tell_what_the_shop_said():
    found = exposed()
    assert found["aeras_reading"] == {("on",): 1, ("stopped",): 0, ("closed",): 0}
    assert found["aeras_worker_ended_total"] == {("aisle-2",): 3}
    assert found["aeras_connector_lag_seconds"] == {("till",): 12}
    assert found["aeras_hub_lost_total"] == {(): 10}
    buckets = found["aeras_frame_seconds_bucket"]
    assert [buckets["aisle-2", edge] for edge in ("0.1", "0.25", "0.5", "10.0", "+Inf")] == [
        0,
        1,
        2,
        2,
        3,
    ]
    assert found["aeras_frame_seconds_count"] == {("aisle-2",): 3}
    assert found["aeras_frame_seconds_sum"]["aisle-2",] == pytest.approx(60.5)


def family_of(sample: str) -> str:
    return re.sub(r"_(bucket|count|sum)$", "", sample)


def test_every_metric_is_documented_and_nothing_else():
    page = (ROOT / "docs/operations.md").read_text()
    documented = set(re.findall(r"^\| `(aeras_\w+)", page, re.MULTILINE))
    told = [n for n in exposed() if n.startswith("aeras_") and not n.endswith("_created")]
    assert documented == {family_of(n) for n in told}
    assert len(documented) > 25


def queries() -> list[str]:
    board = json.loads((ROOT / "deploy/grafana/aeras.json").read_text())
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    asked = [t["expr"] for panel in board["panels"] for t in panel["targets"]]
    return asked + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_dashboard_and_alerts_ask_only_for_what_is_told():
    found = exposed()
    known = {*found, *(f"{family_of(n)}_bucket" for n in found if n.endswith("_count"))}
    asked = {name for query in queries() for name in re.findall(r"(?:aeras|process)_\w+", query)}
    assert len(asked) > 25
    assert asked - known == set()


def test_the_page_says_what_to_do_about_every_alert():
    page = (ROOT / "docs/operations.md").read_text()
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    names = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert [name for name in names if f"| `{name}` |" not in page] == []
