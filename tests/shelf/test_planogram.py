from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from aeras.domain.errors import InputError
from aeras.domain.ports import Apart
from aeras.domain.shop import Item
from aeras.shelf.planogram import (
    Change,
    Known,
    Version,
    added,
    as_csv,
    as_json,
    compare,
    missing_facings,
    next_change,
    promoted_spans,
    read_rows,
    rows_of,
    valid_at,
    versions_of,
)

KNOWN = Known(
    frozenset({"a1", "a2"}),
    {"milk": Item("milk", "Milk", gtin="4006381333931"), "tea": Item("tea", "Tea")},
)
GOOD = """version,valid_from,valid_to,facing,item
spring,2026-03-01,2026-06-01,a1,milk
spring,2026-03-01,2026-06-01,a2,
summer,2026-06-01,,a1,tea
summer,2026-06-01,,a2,milk
"""


def read(text: str) -> tuple[list[Version], list[tuple[int, str]]]:
    versions, faults = versions_of(read_rows(text, where="p.csv"), KNOWN, "Europe/Berlin")
    return versions, [(fault.line, fault.what) for fault in faults]


def test_versions_follow_each_other_at_local_midnight() -> None:
    versions, faults = read(GOOD)
    assert faults == []
    before = datetime(2026, 5, 31, 21, 59, tzinfo=UTC)
    after = datetime(2026, 5, 31, 22, 0, tzinfo=UTC)
    assert [v.id for m in (before, after) if (v := valid_at(versions, m))] == ["spring", "summer"]
    assert next_change(versions, before) == after
    assert next_change(versions, after) is None
    assert valid_at(versions, datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_what_is_written_reads_the_same() -> None:
    versions, _ = read(GOOD)
    rows = rows_of(versions, KNOWN.items, "Europe/Berlin")
    assert read(as_csv(rows)) == (versions, [])
    assert read(as_json(rows)) == (versions, [])
    assert "4006381333931" in as_csv(rows)


def test_excel_s_semicolons_and_byte_order_mark_are_fine() -> None:
    assert read("\ufeff" + GOOD.replace(",", ";")) == read(GOOD)


def test_an_item_may_be_named_by_its_gtin_of_any_length() -> None:
    versions, faults = read("version,facing,gtin\n1,a1,04006381333931\n")
    assert faults == []
    assert versions[0].items == {"a1": "milk"}


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("a2,\n", "a9,\n", 3, "the site has no facing 'a9'"),
        ("a1,tea", "a1,teaa", 4, "the site has no item 'teaa'"),
        ("a2,\n", "a1,\n", 3, "facing 'a1' stands twice in version 'spring'"),
        ("2026-03-01", "soon", 2, "'soon' is no date"),
        ("01,2026-06-01,a1", "01,2026-07-01,a1", 3, "two spans of time"),
        (
            "-03-01,2026-06-01",
            "-03-01,2026-07-01",
            4,
            "'spring' and 'summer' are valid at the same time",
        ),
        ("-03-01,2026-06-01", "-03-01,", 4, "'spring' and 'summer' are valid at the same time"),
        ("-03-01,2026-06-01", "-03-01,2026-05-01", 4, "no version is valid from 2026-04-30 22:00"),
        ("-03-01,2026-06-01", "-03-01,2025-06-01", 2, "ends before it begins"),
        ("spring", "-", 2, "is no name for a version"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, line: int, says: str) -> None:
    found = read(GOOD.replace(old, new))[1]
    assert [(n, what) for n, what in found if n == line and says in what], found


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("1,a1,,4006381333932", "its length or its check digit is wrong"),
        ("1,a1,,96385074", "no item of the site has the GTIN 96385074"),
        ("1,a1,tea,4006381333931", "belongs to item 'milk', not to 'tea'"),
    ],
)
def test_a_gtin_must_be_right_and_known(row: str, says: str) -> None:
    assert says in read(f"version,facing,item,gtin\n{row}\n")[1][0][1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "version is missing"),
        ("version,item\n1,milk\n", "the column facing is missing"),
        ("version,facing\n1,a1\n", "the column item"),
        ("version,facing,item\n", "0 rows"),
        ("[{]", "not valid JSON"),
        ("[]", "the column version is missing"),
        ('{"rows": 3}', "not a list of rows"),
    ],
)
def test_a_file_of_another_kind_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says.replace("(", r"\(")):
        read_rows(text, where="p.csv")


def test_a_gap_on_the_shelf_is_named() -> None:
    versions, _ = read(GOOD.replace("summer,2026-06-01,,a2,milk\n", ""))
    assert missing_facings(versions, KNOWN) == [
        "version 'summer' says nothing on facing 'a2'; an empty item says that nothing stands there"
    ]


def test_a_new_version_ends_the_open_one_and_a_kept_one_cannot_change() -> None:
    spring, summer = read(GOOD)[0]
    begins = datetime(2026, 9, 1, tzinfo=UTC)
    autumn = Version("autumn", begins, None, {"a1": "milk", "a2": None})
    kept = added([spring, summer], [autumn], where="new.csv")
    assert [v.valid_to for v in kept] == [summer.valid_from, begins, None]
    with pytest.raises(InputError, match="'summer' is kept already with other items"):
        added(kept, [Version("summer", begins, None, {"a1": "milk"})], where="new.csv")
    assert added(kept, [summer], where="again.csv") == kept


def test_a_comparison_lists_what_moves() -> None:
    assert compare(*read(GOOD)[0]) == [Change("a1", "milk", "tea"), Change("a2", None, "milk")]


PROMOTED = """version,valid_from,valid_to,facing,item,promotion
spring,2026-03-01,2026-06-01,a1,milk,yes
spring,2026-03-01,2026-06-01,a2,milk,2026-05-30/2026-06-04
summer,2026-06-01,,a1,milk,/2026-06-03
summer,2026-06-01,,a2,,no
"""


def test_promotions_are_spans_of_the_item_within_its_version() -> None:
    versions, faults = read(PROMOTED)
    assert faults == []
    rows = rows_of(versions, KNOWN.items, "Europe/Berlin")
    assert read(as_csv(rows)) == (versions, [])
    until = datetime(2026, 12, 1, tzinfo=UTC)
    [span] = promoted_spans(versions, datetime(2026, 3, 10, tzinfo=UTC), until)
    assert (span.item, span.why) == ("milk", Apart.PROMOTED)
    assert span.since == datetime(2026, 3, 10, tzinfo=UTC)
    assert span.until == datetime(2026, 6, 2, 22, 0, tzinfo=UTC)  # midnight in Berlin
    assert promoted_spans(versions, until, datetime(2027, 1, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("a1,milk,perhaps", "no promotion"),
        ("a1,milk,2026-05-01/2026-04-01", "ends before it begins"),
        ("a1,milk,2026-05-41/", "no date"),
        ("a1,,yes", "nothing stands there"),
    ],
)
def test_a_promotion_that_cannot_be_is_told_by_its_line(cell: str, said: str) -> None:
    _, faults = read(f"version,valid_from,facing,item,promotion\nb,2026-03-01,{cell}\n")
    [(line, what)] = faults
    assert line == 2
    assert said in what


def test_a_promotion_that_starts_is_a_change_and_a_kept_version_cannot_gain_one() -> None:
    (plain, _), _ = read(GOOD)
    offered = replace(plain, id="offer", promotions={"a1": (None, None)})
    assert compare(plain, offered) == [Change("a1", "milk", "milk", (False, True))]
    with pytest.raises(InputError, match="or promotions"):
        added([plain], [replace(plain, promotions={"a1": (None, None)})], where="new.csv")
