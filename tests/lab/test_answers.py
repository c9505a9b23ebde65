from __future__ import annotations

from aeras.lab.answers import load_answers


def test_no_acknowledged_answer_is_lost_or_stored_twice_when_the_server_is_killed(tmp_path):
    figures = load_answers(tmp_path, 60, per_s=30)
    assert (figures["acknowledged"], figures["stored"]) == (60, 60)
    assert (figures["lost"], figures["twice"], figures["refused"]) == (0, 0, 0)
    assert figures["retries"] > 0  # it was down in between
