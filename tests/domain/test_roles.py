from __future__ import annotations

import pytest

from aeras.domain.roles import Role, allows

MAY = {
    "viewer": {"viewer"},
    "manager": {"viewer", "manager"},
    "admin": {"viewer", "manager", "admin"},
    "officer": {"viewer", "officer"},
    "guest": set(),
    "": set(),
}


@pytest.mark.parametrize("role", MAY)
def test_each_role_reaches_exactly_what_it_is_trusted_with(role):
    assert {needed.value for needed in Role if allows(role, needed)} == MAY[role]
