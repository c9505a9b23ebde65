from __future__ import annotations

import re
from dataclasses import replace

import pytest

from aeras.domain.errors import PrivacyError
from aeras.privacy.profiles import (
    CHECKS,
    PROFILES,
    PrivacyClaims,
    check_profile,
    faces_allowed,
    load_profile,
    rule_states,
)

COMPLETE = PrivacyClaims("eu", True, "DE", "Corner Shop Ltd", "DPIA-1", "notice-1")
READING = [name for name in PROFILES if name != "behaviour-only"]


@pytest.mark.parametrize("name", PROFILES)
def test_every_rule_cites_its_article_and_can_be_checked(name):
    profile = load_profile(name)
    assert profile.name == name
    assert profile.version
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", profile.as_of)
    assert profile.law
    assert profile.title_in("en") == profile.title_in("es") == profile.title
    assert profile.title_in("de") == profile.title_de
    for rule in profile.rules:
        assert re.search(r"Art\.|§|s\. \d|\d/\d|\d\.\d|law", rule.cites), rule.id
        assert rule.check in CHECKS
        assert rule.when in ("always", "expression")
        assert rule.why
        assert rule.why_de
        assert rule.why_de != rule.why
        assert rule.todo or rule.check == "by_design"


@pytest.mark.parametrize("name", PROFILES)
def test_the_defaults_are_allowed_in_every_profile(name):
    check_profile(PrivacyClaims(profile=name))
    assert all(state.met is not False for state in rule_states(PrivacyClaims(profile=name)))


@pytest.mark.parametrize(
    ("profile", "where"), [("eu", "DE"), ("uk", "GB"), ("us", "US-NY"), ("us-il", "US-IL")]
)
def test_a_complete_site_is_allowed_and_each_missing_paper_is_named_with_its_rule(profile, where):
    complete = replace(COMPLETE, profile=profile, jurisdiction=where, consent="release-1")
    check_profile(complete)
    for field in ("controller", "dpia", "notice", "jurisdiction"):
        for value in ("", "  ", None):
            with pytest.raises(PrivacyError) as refused:
                check_profile(replace(complete, **{field: value}), where="site.yaml:3")
            assert str(refused.value).startswith(f"site.yaml:3: expression is on without {field} (")
            cites = next(r.cites for r in load_profile(profile).rules if r.check == field)
            assert cites in str(refused.value)
            assert f"privacy.{field}" in refused.value.todo


@pytest.mark.parametrize("profile", READING)
def test_staff_must_be_left_out_in_space_and_time(profile):
    site = replace(COMPLETE, profile=profile, jurisdiction="US-NY", consent="release-1")
    with pytest.raises(PrivacyError, match="camera 'till' does not say where staff stand"):
        check_profile(replace(site, undeclared=("till",)))
    with pytest.raises(PrivacyError, match="without opening hours"):
        check_profile(replace(site, hours=False))


def test_the_ban_on_reading_staff_is_cited():
    with pytest.raises(PrivacyError, match=re.escape("EU AI Act Art. 5(1)(f)")):
        check_profile(replace(COMPLETE, undeclared=("till",)))


@pytest.mark.parametrize("profile", PROFILES)
def test_no_age_is_estimated_where_children_may_enter_nor_anywhere_else(profile):
    asked = PrivacyClaims(profile=profile, age_estimation=True)
    with pytest.raises(PrivacyError, match="where children may enter"):
        check_profile(asked)
    with pytest.raises(PrivacyError, match="no model for it"):
        check_profile(replace(asked, children=False))


def test_illinois_loads_no_face_model_and_reads_no_landmarks_without_a_written_release():
    illinois = replace(COMPLETE, profile="us-il", jurisdiction="US-IL")
    with pytest.raises(PrivacyError, match="740 ILCS 14/10"):
        check_profile(illinois)
    assert not faces_allowed(replace(illinois, expression=False))
    check_profile(replace(illinois, consent="release-1"))
    assert faces_allowed(replace(illinois, consent="release-1"))


def test_the_us_profile_knows_its_states():
    us = replace(COMPLETE, profile="us")
    with pytest.raises(PrivacyError, match=r"BIPA.*Set privacy.profile: us-il"):
        check_profile(replace(us, jurisdiction="il", expression=False))
    for state, rule in (("US-TX", "503.001"), ("WA", "19.373")):
        with pytest.raises(PrivacyError, match=rule):
            check_profile(replace(us, jurisdiction=state))
        check_profile(replace(us, jurisdiction=state, consent="form-1"))
    check_profile(replace(us, jurisdiction="US-NY"))


def test_behaviour_only_never_reads_faces():
    with pytest.raises(PrivacyError, match="loads no face model"):
        check_profile(replace(COMPLETE, profile="behaviour-only"))
    assert not faces_allowed(PrivacyClaims())
    assert faces_allowed(PrivacyClaims(profile="eu"))


def test_a_recording_asks_for_the_papers_but_not_for_the_shop_s_hours():
    recorded = replace(COMPLETE, hours=False, undeclared=("a",), jurisdiction=None)
    check_profile(recorded, replay=True)
    with pytest.raises(PrivacyError, match="without dpia"):
        check_profile(replace(recorded, dpia=None), replay=True)


def test_an_unknown_profile_is_refused():
    with pytest.raises(PrivacyError, match="unknown profile 'moon'"):
        check_profile(PrivacyClaims(profile="moon"))
