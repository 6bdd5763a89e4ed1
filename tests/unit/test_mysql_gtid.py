"""GTID sets: what the server reads is read, what it refuses is refused, and sets are sets of numbers."""

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidError, GtidSet, union
from hypothesis import given
from hypothesis import strategies as st

A, B = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562"

runs = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)).map(lambda run: (run[0], run[0] + run[1])), max_size=6)
sets = st.dictionaries(st.tuples(st.sampled_from([A, B]), st.sampled_from(["", "tag"])), runs).map(GtidSet)


def members(gtids: GtidSet) -> set[tuple[str, str, int]]:
    found = set()
    for item in filter(None, str(gtids).split(",")):
        uuid, *words = item.split(":")
        tag = ""
        for word in words:
            if word[0].isdigit():
                first, _, last = word.partition("-")
                found |= {(uuid, tag, number) for number in range(int(first), int(last or first) + 1)}
            else:
                tag = word
    return found


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        (f"{A}:1-5", f"{A}:1-5"),
        (f"{A.upper()}:7:1-5:6", f"{A}:1-7"),
        (f"{A}:1-5,\n{B}:3", f"{A}:1-5,{B}:3"),
        (f"{A}:1-5:deploy:1:3-4", f"{A}:1-5:deploy:1:3-4"),
        (f"{A}:1-5:7:Blue:1-2,\n{B}:9", f"{A}:1-5:7:blue:1-2,{B}:9"),
        (f"{A}:1-5,{A}:blue:1,{A}:blue:2", f"{A}:1-5:blue:1-2"),
        # What GTID_SUBTRACT(text, '') of MySQL 9.7 answers.
        (f"{A}:5-3", ""),
        (f"{A}:5-0", ""),
        (f"{A}:5-3:7", f"{A}:7"),
        (f",,{A} : 1 - 3,,", f"{A}:1-3"),
        (f"{A}:9223372036854775806", f"{A}:9223372036854775806"),
    ],
)
def test_what_mysql_writes_is_read(text: str, written: str) -> None:
    assert str(GtidSet.parse(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        *("1-5", f"{A}:", f"{A}:0", f"{A}:0-5", f"{A}:1-2-3", f"{A}:1-", f"{A}:#", "none", "nonsense", f"{A}:x-y"),
        *(f"{A}:1 2", f"{A}:9223372036854775807", f"{A}:1-9223372036854775807", f"{A}:{'t' * 33}:1"),
        # The server reads these, see the module.
        *(A, f"{A}:tag", f"{A}:010"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(GtidError, match="is not a valid GTID set") as raised:
        GtidSet.parse(f"{B}:1,{text}")
    assert raised.value.item == text.lower()


@given(sets)
def test_writing_and_reading_changes_nothing(gtids: GtidSet) -> None:
    assert GtidSet.parse(str(gtids)) == gtids
    assert hash(GtidSet.parse(str(gtids))) == hash(gtids)
    assert len(members(gtids)) == gtids.count


@given(sets, sets)
def test_sets_are_those_of_the_numbers(one: GtidSet, other: GtidSet) -> None:
    """Against Python's own. Catches intervals merged, split or lost wrongly, and tags taken for another source's."""
    assert members(one | other) == members(one) | members(other)
    assert members(one - other) == members(one) - members(other)
    assert members(one & other) == members(one) & members(other)
    assert (one <= other) == (members(one) <= members(other))
    assert bool(one) == bool(members(one))
    assert all((f"{A}:{number}" in one) == ((A, "", number) in members(one)) for number in range(51))
    assert all((f"{A}:tag:{number}" in one) == ((A, "tag", number) in members(one)) for number in range(51))


@given(st.lists(sets, max_size=4))
def test_a_union_has_what_any_has(several: list[GtidSet]) -> None:
    assert members(union(several)) == set().union(*map(members, several))


@given(sets, sets)
def test_up_to_ends_at_the_last_number_of_each_source(one: GtidSet, other: GtidSet) -> None:
    last: dict[tuple[str, str], int] = {}
    for uuid, tag, number in members(other):
        last[uuid, tag] = max(number, last.get((uuid, tag), 0))
    assert members(one.up_to(other)) == {each for each in members(one) if each[2] <= last.get(each[:2], 0)}


@given(sets)
def test_without_a_server(gtids: GtidSet) -> None:
    assert members(gtids.without(A.upper())) == {member for member in members(gtids) if member[0] != A}
