from __future__ import annotations

from dataclasses import replace

import pytest

from aeras.domain.errors import PrivacyError
from aeras.privacy.profiles import PrivacyClaims, check_profile

COMPLETE = PrivacyClaims("eu", True, "DE", "Corner Shop Ltd", "DPIA-1", "notice-1")


def test_the_defaults_and_a_complete_site_are_allowed():
    check_profile(PrivacyClaims())
    check_profile(replace(PrivacyClaims(), profile="eu"))
    check_profile(COMPLETE)


@pytest.mark.parametrize(
    ("missing", "rule"),
    [
        ("controller", "GDPR Art. 5"),
        ("dpia", "GDPR Art. 35"),
        ("notice", "AI Act Art. 50"),
    ],
)
@pytest.mark.parametrize("value", ["", "  ", None])
def test_expression_without_its_papers_is_refused_by_rule(missing, rule, value):
    with pytest.raises(PrivacyError, match=rule) as refused:
        check_profile(replace(COMPLETE, **{missing: value}), where="site.yaml:3")
    assert str(refused.value).startswith("site.yaml:3: expression is on without " + missing)


def test_behaviour_only_never_reads_faces():
    with pytest.raises(PrivacyError, match="no face model"):
        check_profile(replace(COMPLETE, profile="behaviour-only"))


def test_an_unknown_profile_is_refused():
    with pytest.raises(PrivacyError, match="unknown profile 'moon'"):
        check_profile(PrivacyClaims(profile="moon"))
