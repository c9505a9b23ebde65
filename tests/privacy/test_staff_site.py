"""What the site file says of staff and objection, and where it counts."""

from __future__ import annotations

import pytest

from aeras.config import check_privacy, load_site
from aeras.domain.errors import ConfigError, PrivacyError
from aeras.domain.tags import OBJECTION_TAGS, STAFF_TAGS
from aeras.privacy.papers import notice_text, sign
from aeras.wiring.oversight import facts_of

SITE = """
site: {name: Corner}
privacy: {profile: eu, expression: on, jurisdiction: DE, controller: C, dpia: D, notice: N}
hours: {open: always}
cameras:
  - {id: c, source: x.mp4, role: shelf, size: [640, 360]}
"""


@pytest.fixture
def site(tmp_path):
    def make(more: str = "", text: str = SITE):
        path = tmp_path / "site.yaml"
        path.write_text(text + more)
        return load_site(path)

    return make


def test_expressions_are_refused_until_staff_are_kept_out_somehow_and_the_article_is_named(site):
    with pytest.raises(PrivacyError, match=r"Art\. 5\(1\)\(f\)"):
        check_privacy(site())
    check_privacy(site("staff: {marker: {tags: any}}\n"))
    check_privacy(site("staff: {marker: {vest: {hue: [50, 80]}}}\n"))


def test_marks_are_as_the_file_says(site):
    marks = site("staff: {marker: {tags: [3], size_mm: 78}}\nobjection: {}\n").shop.marks
    assert marks.staff_tags == {3}
    assert marks.staff_mm == 78
    assert marks.objection_tags == set(OBJECTION_TAGS)
    assert site("staff: {marker: {tags: any}}\n").shop.marks.staff_tags == set(STAFF_TAGS)
    assert not site().shop.marks.of_staff


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("staff: {marker: {}}\n", "names neither tags nor a vest"),
        ("staff: {marker: {tags: [50]}}\n", "0 to 49"),
        ("staff: {marker: {tags: [25]}}\nobjection: {}\n", "25"),
        ("objection: {tags: []}\n", "no tags"),
        ("staff: {marker: {vest: {hue: [80, 50]}}}\n", "hue"),
        ("staff: {marker: {tags: any, size_mm: 5}}\n", "size_mm"),
        ("staff: {marker: {tag: any}}\n", "did you mean 'tags'"),
    ],
)
def test_a_marker_that_tells_nobody_is_an_error(site, more, says):
    with pytest.raises(ConfigError, match=says):
        site(more)


def test_zones_for_objection_must_lie_in_the_picture(site):
    zone = SITE.replace("360]}", "360], objection: [[[0, 0], [900, 0], [0, 300]]]}")
    with pytest.raises(ConfigError, match="off the picture"):
        site(text=zone)


@pytest.mark.parametrize(
    ("language", "card", "place"),
    [("en", "objection card", "marked place"), ("de", "Widerspruchskarte", "markierten Platz")],
)
def test_signs_and_public_page_tell_how_to_object(site, language, card, place):
    plain = facts_of(site())
    offered = SITE.replace("360]}", "360], objection: [[[0, 0], [90, 0], [0, 300]]]}")
    facts = facts_of(site("objection: {}\n", text=offered))
    assert facts.objection == ("card", "place")
    lines = " ".join(sign(facts, language).lines)
    assert card in lines
    assert place in lines
    assert card not in " ".join(sign(plain, language).lines)
    sections = dict(notice_text(facts, language).sections)
    told = sections[list(sections)[-1]]
    assert len(told) == len(dict(notice_text(plain, language).sections)[list(sections)[-1]]) + 2
    assert plain.told() != facts.told()
