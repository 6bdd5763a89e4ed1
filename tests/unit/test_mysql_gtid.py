"""GTID sets: what MySQL writes is read, and sets of numbers say what is in them."""

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.gtid import GtidSet
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
    ],
)
def test_what_mysql_writes_is_read(text: str, written: str) -> None:
    assert str(GtidSet.parse(text)) == written


@pytest.mark.parametrize("text", ["1-5", A, f"{A}:", f"{A}:5-1", f"{A}:0", f"{A}:1-2-3", f"{A}:#", "none"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no GTID set"):
        GtidSet.parse(text)


@given(sets)
def test_writing_and_reading_changes_nothing(gtids: GtidSet) -> None:
    assert GtidSet.parse(str(gtids)) == gtids
    assert len(members(gtids)) == gtids.count


@given(sets, sets)
def test_difference_and_subset_are_those_of_the_numbers(one: GtidSet, other: GtidSet) -> None:
    assert members(one - other) == members(one) - members(other)
    assert members(one & other) == members(one) & members(other)
    assert (one <= other) == (members(one) <= members(other))
    assert bool(one) == bool(members(one))


@given(sets)
def test_without_a_server(gtids: GtidSet) -> None:
    assert members(gtids.without(A.upper())) == {member for member in members(gtids) if member[0] != A}
