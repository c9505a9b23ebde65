from __future__ import annotations

import re

import pytest

from tests.serve.conftest import Site, form_token


def desk(site: Site):
    return site.app.state.topics


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_share_has_its_n_its_interval_and_what_could_not_be_told(site: Site, language: str):
    ann = site.signed_in("ann")
    ann.cookies.set("aeras_lang", language)
    page = ann.get("/topics").text
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("\xa0", " ")
    said = {
        "en": (
            *("180 answers with words", "74 more without words", "61 answers", "Too sweet"),
            *("Up 12 points in four weeks (3 to 21)", "named by hand", "No word in common"),
            *("Could not be grouped", "Not looked at yet: 7%", "Includes: sugar, syrup"),
            *("none is quoted", "Rated 2.4 of 5 on average (1.9 to 2.9, n = 31)"),
        ),
        "de": ("180 Antworten mit Worten", "Nicht zuzuordnen", "In vier Wochen 12 Punkte mehr"),
    }
    assert [words for words in said[language] if words not in text] == []
    assert "expensive, price, cheaper" in page
    assert 'class="badge sim"' in page


def test_an_item_s_page_names_its_largest_topics_and_leads_to_all(site: Site):
    vic = site.signed_in("vic")
    page = vic.get("/items/vegan-salami").text
    assert "Too sweet" in page
    assert "/topics?item=vegan-salami" in page
    assert "could not be grouped, or not yet: 36%" in page
    assert "Topics are shown once 10 answers" in vic.get("/items/tea-lights").text
    assert "Not enough answers yet" in vic.get("/topics?item=tea-lights").text
    assert vic.get("/topics?item=none").status_code == 404


def test_forms_of_the_page_change_topics_and_lead_back_to_them(site: Site):
    ann = site.signed_in("ann")
    token = form_token(ann, "/topics")

    def send(path: str, **form: str):
        return ann.post(f"/topics/{path}", data={"csrf": token, **form})

    answer = send("aa/rename", name="Price", item="vegan-salami")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/topics?item=vegan-salami#topic-aa"
    assert send("cc/merge", into="aa").headers["location"] == "/topics#topic-aa"
    send("dd/release")
    send("bb/split")
    assert desk(site).done == [
        ("rename", "aa", "Price", "ann"),
        ("merge", "cc", "aa", "ann"),
        ("release", "dd", "ann"),
        ("split", "bb", "ann"),
    ]
    assert "too few to divide" in send("cc/split").text
    assert send("zz/rename", name="x").status_code == 422
    assert send("aa/burn").status_code == 404
    assert send("aa/rename", name="x" * 401).status_code == 422
    assert len(desk(site).done) == 4


def test_a_viewer_sees_topics_and_no_way_to_change_them(site: Site):
    page = site.signed_in("vic").get("/topics").text
    assert "Too sweet" in page
    assert "/rename" not in page


def test_the_api_says_the_same_and_why_topics_are_old(site: Site):
    desk(site).trouble = "looking for topics took longer than 600 s and was ended"
    ann = site.signed_in("ann")
    assert "took longer than 600 s" in ann.get("/topics").text
    told = ann.get("/api/topics?item=vegan-salami").json()
    assert (told["item"], told["answers"], len(told["rows"])) == ("vegan-salami", 180, 3)
    assert told["rows"][0]["share"]["n"] == 180
    assert told["rows"][2]["change"] is None
    assert ann.get("/api/topics?item=none").status_code == 404
