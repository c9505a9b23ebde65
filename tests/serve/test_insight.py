"""The pages of funnels, ranks and sales beside reactions."""

from __future__ import annotations

import csv
import io
import re

import pytest

from aeras.domain.insight import SalesLink
from aeras.domain.published import Rate
from tests.serve.conftest import Site, make_site
from tests.serve.fake_insight import FakeInsight


@pytest.fixture(scope="module")
def site() -> Site:
    return make_site()


@pytest.fixture(scope="module")
def full(site: Site) -> str:
    return site.board.shop.items[0].id


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_page_shows_each_step_and_what_is_not_measured(site: Site, full: str) -> None:
    page = words_of(site.signed_in("vic").get(f"/items/{full}/sales").text)
    assert re.search(r"Stopped \(visits\) 1,240 40% \( ?38.42% ?\) of those who passed", page)
    assert "Who passed could be seen for 94% of the time." in page
    other = site.board.shop.items[1].id
    page = words_of(site.signed_in("vic").get(f"/items/{other}/sales").text)
    assert "Passed its shelf (people) not measured here" in page
    assert "could be seen" not in page
    page = words_of(site.signed_in("vic").get(f"/items/{full}/sales").text)
    assert "Took it 300" in page
    assert re.search(r"Put it back 96 32% \( ?27.37% ?\) of takes", page)


def test_raw_points_stand_before_the_model_and_the_model_says_what_it_is_not(
    site: Site, full: str
) -> None:
    html = site.signed_in("vic").get(f"/items/{full}/sales").text
    assert html.index('id="points-title"') < html.index('id="model-title"')
    page = words_of(html)
    assert "-12% sales with ten points more of rejection" in page
    assert "95% interval -19% to -5%, from 87 days" in page
    assert "Going together is not causing" in page
    assert "plain correlation of the points is 0.34" in page
    assert "no change seen, as it should be" in page


def test_an_interval_that_holds_anything_is_not_shown_as_a_finding(
    site: Site, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = SalesLink(Rate(0.07, -0.89, 8.9, 50), found=False, tested=3, naive=None)
    monkeypatch.setattr(FakeInsight, "link", lambda *_: wide)
    page = words_of(site.signed_in("vic").get(f"/items/{full}/sales").text)
    assert "reactions hardly changed" in page
    assert "+7% sales" not in page


def test_an_item_without_a_till_says_so_and_draws_nothing(site: Site) -> None:
    other = site.board.shop.items[1].id
    html = site.signed_in("vic").get(f"/items/{other}/sales").text
    assert "no till has sent sales" in html
    assert 'id="points-data"' not in html


def test_the_points_come_as_a_file_for_managers_and_that_is_logged(site: Site, full: str) -> None:
    address = f"/api/items/{full}/days.csv"
    answer = site.signed_in("ann").get(address)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 90
    assert rows[3]["rejection"] == ""  # below k
    assert rows[4]["told"] == str(round(float(rows[4]["told"])))
    assert site.signed_in("vic").get(address).status_code == 403
    assert site.signed_in("ann").get(f"/api/items/{full}/days.exe").status_code == 404


def test_the_order_says_how_sure_it_is(site: Site) -> None:
    client = site.signed_in("vic")
    rows = client.get("/api/ranks").json()["rows"]
    assert [row["in_worst"] for row in rows] == sorted((r["in_worst"] for r in rows), reverse=True)
    assert all(row["rank"][0] <= row["rank"][1] for row in rows)
    page = words_of(client.get("/ranks").text)
    assert "Among the worst" in page
    assert "2 items are withheld" in page


@pytest.mark.parametrize("path", ["/items/none-such/sales", "/api/items/none-such/sales"])
def test_an_unknown_item_is_not_found(site: Site, path: str) -> None:
    assert site.signed_in("vic").get(path).status_code == 404


def test_without_statistics_the_pages_are_off_and_nothing_links_there() -> None:
    bare = make_site(statistics=None)
    client = bare.signed_in("vic")
    assert client.get("/ranks").status_code == 404
    assert "/sales" not in client.get(f"/items/{bare.board.shop.items[0].id}").text
