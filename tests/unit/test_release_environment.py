"""The application's environment: every value arrives as it is, and none is shown."""

import re

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._release.environment import (
    VARIABLE,
    environment_text,
    passwords,
)
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.systemd import command_argument
from hypothesis import example, given
from hypothesis import strategies as st


def read_environment_file(text: str) -> dict[str, str]:
    """How systemd reads an EnvironmentFile, written from its manual: quotes, escapes, comments, continued lines."""
    found: dict[str, str] = {}
    position = 0

    def line_end() -> int:
        return text.find("\n", position) if "\n" in text[position:] else len(text)

    while position < len(text):
        if text[position] in "\n \t\r":
            position += 1
            continue
        if text[position] in "#;":
            position = line_end()
            continue
        equals = text.index("=", position)
        name, value, position = text[position:equals], "", equals + 1
        quote = ""
        while position < len(text) and (quote or text[position] != "\n"):
            letter = text[position]
            position += 1
            if quote == '"' and letter == "\\":
                following = text[position]
                position += 1
                value += following if following in '"\\`$' else "" if following == "\n" else "\\" + following
            elif quote and letter == quote:
                quote = ""
            elif not quote and letter in "'\"":
                quote = letter
            elif not quote and letter == "\\":
                value += text[position]
                position += 1
            else:
                value += letter
        found[name.strip()] = value
    return found


# What systemd passes on: no control characters but tab and line break.
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\t\n"))
AWKWARD = st.text("\"'\\`$%#;= \t\nn${}()")


class TestEnvironmentFile:
    @given(st.dictionaries(st.from_regex(VARIABLE, fullmatch=True), VALUES | AWKWARD, max_size=5))
    @example({"A": 'x"\nB="injected'})
    @example({"A": "\\", "B": "\\\n"})
    def test_every_value_arrives_as_it_is(self, values) -> None:
        """The molecule scenario asks a real systemd for a choice of such values."""
        assert read_environment_file(environment_text(values)) == values

    @pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (5, "5"), (1.5, "1.5"), ("", "")])
    def test_numbers_and_booleans_become_text(self, value, text) -> None:
        assert read_environment_file(environment_text({"X": value})) == {"X": text}

    def test_no_value_is_refused(self) -> None:
        with pytest.raises(ReleaseError, match='X has no value; write ""'):
            environment_text({"X": None})

    @pytest.mark.parametrize("name", ["", "1X", "A-B", "A B", "A=B", "A\n", "Ä"])
    def test_a_name_must_be_one(self, name) -> None:
        with pytest.raises(ReleaseError, match="letters, digits and _"):
            environment_text({name: ""})

    @pytest.mark.parametrize("value", ["a\0b", "a\rb", "\x1b[1m", ["x"], {"a": 1}])
    def test_what_cannot_be_passed_is_refused_without_repeating_it(self, value) -> None:
        with pytest.raises(ReleaseError) as raised:
            environment_text({"SECRET": value})
        assert "SECRET" in str(raised.value)
        assert repr(value) not in str(raised.value)


@given(VALUES | AWKWARD)
def test_command_arguments_are_one_word_without_expansions(argument) -> None:
    """Inside its quotes nothing is left that systemd would split at, expand, or end the line with."""
    quoted = command_argument(argument)
    inner = quoted[1:-1]
    assert quoted[0] == quoted[-1] == '"'
    assert "\n" not in quoted
    assert re.fullmatch(r"""(?:[^"\\$%]|\\["\\nt]|\$\$|%%)*""", inner)
    plain = inner.replace("$$", "$").replace("%%", "%")
    assert re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), plain) == argument


def test_passwords_of_urls_are_found() -> None:
    """Catches a program's output that shows one without the URL that would have been masked."""
    secrets = {"A": "mysql://u:p%2Fw@h/d mysql://u:other@h", "B": "plain", "C": 5, "D": "http://[", "E": "mysql://h/d"}
    assert passwords(secrets) == {"p%2Fw", "p/w", "other"}
