from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import NOON, event, reaction, small_shop

from aeras.domain.kept import Kind, Reaction
from aeras.fleet.wire import (
    COLUMNS,
    MOST_BYTES,
    MOST_EVENTS,
    NewerError,
    RefusedError,
    pack,
    unpack,
)
from aeras.lab.simulate import simulate


def changed(**columns: object) -> bytes:
    """A good message with other columns."""
    message = json.loads(pack([event()], "corner"))
    message["events"] |= columns
    return json.dumps(message).encode()


def test_every_event_arrives_as_it_was():
    made = simulate(small_shop(), 2, seed=5, now=NOON).events[:MOST_EVENTS]
    odd = event(
        item=None,
        facing=None,
        kind=Kind.DWELL,
        attribution=0.61,
        bounded=True,
        reaction=Reaction(0.25, 0.25, 0.25, 0.25, 0.35, ("fast_put_back", "brow_lowered")),
    )
    events = [*(replace(e, site="corner") for e in made[:-1]), odd]
    assert unpack(pack(events, "corner"), "corner") == events
    assert len(pack(events, "corner")) < MOST_BYTES


@pytest.mark.parametrize(
    "changes",
    [
        {"picture": ["/9j/4AAQSkZJRgABAQ"]},
        {"id": ["amy"]},
        {"id": ["f" * 31 + "F"]},
        {"facing": ["x" * 65]},
        {"facing": ["two words"]},
        {"facing": [{"face": [0.1, 0.2]}]},
        {"planogram": [None]},
        {"kind": ["gaze"]},
        {"kind": [["take"]]},
        {"dwell": ["3.14 s"]},
        {"confidence": [0.123456789]},
        {"confidence": [1.5]},
        {"confidence": [True]},
        {"coverage": [float("nan")]},
        {"positive": ["0.1"]},
        {"attribution": [1e300]},
        {"first_of": [7]},
        {"first_of": [True]},
        {"outcome": [1]},
        {"bounded": [None]},
        {"origin": ["phone"]},
        {"at": [NOON.timestamp() + 7]},
        {"at": [1763640001]},
        {"at": ["2026-11-20"]},
        {"reasons": [["Amy from Berlin"]]},
        {"reasons": [["a"] * 9]},
        {"reasons": ["brow_lowered"]},
        {"reasons": [["a" * 41]]},
        {"positive": [0.9]},
        {"at": []},
        {"at": None},
    ],
)
def test_nothing_but_an_event_passes(changes):
    with pytest.raises(RefusedError):
        unpack(changed(**changes), "corner")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\xff\xd8\xff\xe0 a JPEG", b"[]", b"null", b'{"schema": 1}', b"[" * 100_000),
        b'{"schema": true, "events": {}}',
        b'{"schema": 1, "events": []}',
        b'{"schema": 1, "events": {}, "note": "amy"}',
        b" " * (MOST_BYTES + 1),
    ],
)
def test_what_is_no_message_is_refused_and_not_repeated(body):
    with pytest.raises(RefusedError) as caught:
        unpack(body, "corner")
    assert "amy" not in str(caught.value)


def test_too_many_events_and_those_of_another_shop_are_refused_at_the_shops_door():
    with pytest.raises(RefusedError, match="1 to 500"):
        pack([event() for _ in range(MOST_EVENTS + 1)], "corner")
    with pytest.raises(RefusedError, match="not of the shop"):
        pack([event(site="other")], "corner")
    for odd in (
        event(at=NOON + timedelta(seconds=7)),
        event(confidence=0.12345),
        event(item="amy in the red coat"),
        replace(event(), reaction=replace(reaction(), reasons=("Amy",))),
    ):
        with pytest.raises(RefusedError):
            pack([odd], "corner")


def test_a_message_of_a_newer_version_is_told_apart():
    with pytest.raises(NewerError, match="Upgrade the hub"):
        unpack(b'{"schema": 2, "events": {"anything": 1}}', "corner")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(column=st.sampled_from(COLUMNS), value=json_values)
def test_whatever_stands_in_a_column_it_comes_out_as_an_event_or_not_at_all(column, value):
    try:
        [found] = unpack(changed(**{column: [value]}), "corner")
    except RefusedError:
        return
    assert unpack(pack([found], "corner"), "corner") == [found]
