"""A replica that has a commit before its source shows it is not astray."""

from typing import Any

from ansible_collections.foobar.webstack.plugins.modules.mysql_switchover import never_had

OWN, ASTRAY = "3e11fa47-71ca-11e1-9e33-c80aa9429562:7", "4e11fa47-71ca-11e1-9e33-c80aa9429562:1"


class Source:
    """Has, once it was waited for, everything but what is astray."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def value(self, expression: str, values: list[Any]) -> Any:
        self.asked.append(expression.partition("(")[0])
        if expression.startswith("WAIT"):
            return int(ASTRAY in values[0])
        return ASTRAY


def test_a_commit_that_the_source_is_about_to_have_is_waited_for() -> None:
    source = Source()
    assert never_had(source, OWN, 2) == ""
    assert source.asked == ["WAIT_FOR_EXECUTED_GTID_SET"]


def test_what_the_source_never_gets_is_named() -> None:
    assert never_had(Source(), f"{OWN},{ASTRAY}", 2) == ASTRAY


def test_nobody_is_asked_for_nothing() -> None:
    source = Source()
    assert never_had(source, "", 2) == ""
    assert source.asked == []
