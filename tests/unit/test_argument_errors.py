"""The filter that says what is wrong with variables."""

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.argument_errors import argument_errors
from hypothesis import example, given
from hypothesis import strategies as st

SERVER = {
    "name": {"type": "str", "required": True},
    "weight": {"type": "int", "default": 1},
    "check": {"type": "bool"},
}
SPECIFICATION = {
    "site_port": {"type": "int", "required": True},
    "site_mode": {"type": "str", "choices": ["http", "tcp"]},
    "site_servers": {"type": "list", "elements": "dict", "options": SERVER},
    "site_sources": {"type": "list", "elements": "str"},
    "site_tls": {"type": "dict"},
}


def test_good_variables_have_no_errors():
    assert argument_errors({"site_port": 80, "site_servers": [{"name": "web1"}]}, SPECIFICATION) == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "site_port is required; write a whole number, without quotes"),
        ({"site_port": "http"}, 'site_port is "http"; write a whole number, without quotes'),
        ({"site_port": 80.5}, "site_port is 80.5; write a whole number, without quotes"),
        ({"site_port": True}, "site_port is true; write a whole number, without quotes"),
        ({"site_port": None}, "site_port is null; write a whole number, without quotes, or remove it"),
        ({"site_port": 80, "site_mode": "udp"}, 'site_mode is "udp"; write http or tcp'),
        ({"site_port": 80, "site_mode": None}, "site_mode is null; write http or tcp, or remove it"),
        ({"site_port": 80, "site_servers": [{}]}, "site_servers[0].name is required; write a string"),
        (
            {"site_port": 80, "site_servers": [None]},
            "site_servers[0] is null; write a dict, such as {name: ...}, or re",
        ),
        (
            {"site_port": 80, "site_servers": [{"name": "web1", "wieght": 1}]},
            "Unknown option wieght of site_servers[0]; did you mean weight?",
        ),
        (
            {"site_port": 80, "site_servers": [{"name": "web1", "x": 1}]},
            "Unknown option x of site_servers[0]; use check, name and weight",
        ),
        (
            {"site_port": 80, "site_servers": [{"name": "web1", "weight": None}]},
            "site_servers[0].weight is null; write a whole number, without quotes, or leave it out",
        ),
        (
            {"site_port": 80, "site_servers": [{"name": "web1", "check": "no"}]},
            'site_servers[0].check is "no"; write true or false, without quotes',
        ),
        (
            {"site_port": 80, "site_servers": {"name": "web1"}},
            'site_servers is {"name": "web1"}; write a list, such as [{name: ...}]',
        ),
        ({"site_port": 80, "site_servers": "web1"}, 'site_servers is "web1"; write a list, such as [{name: ...}]'),
        (
            {"site_port": 80, "site_sources": "192.0.2.0/24"},
            'site_sources is "192.0.2.0/24"; write a list, such as [192.0.2.0/24]',
        ),
        ({"site_port": 80, "site_sources": [["a"]]}, 'site_sources[0] is ["a"]; write a string'),
        ({"site_port": 80, "site_tls": "on"}, 'site_tls is "on"; write a dict, such as {name: value}'),
        ({"site_port": 80, "site_prot": 80}, "Unknown variable site_prot; did you mean site_port?"),
    ],
)
def test_an_error_names_the_variable_and_the_fix(variables, said):
    """Catches a check that passes whatever it is given, and one that takes what a role would read otherwise."""
    errors = argument_errors(variables, SPECIFICATION)
    assert len(errors) == 1
    assert errors[0].startswith(said)


def test_what_the_caller_converts_may_be_text():
    """As it is with -e, and only that: no number is "eighty"."""
    known = ["site_port"]
    assert argument_errors({"site_port": "80"}, SPECIFICATION, known) == []
    assert argument_errors({"site_port": "80"}, SPECIFICATION) != []
    assert argument_errors({"site_port": "eighty"}, SPECIFICATION, known) != []
    assert argument_errors({"site_port": 80, "site_servers": [{"name": "a", "weight": "1"}]}, SPECIFICATION, known)


def test_what_else_a_specification_says_is_ansible_s_to_check():
    exclusive = {"site": {"type": "dict", "mutually_exclusive": [["a", "b"]], "options": {"a": {}, "b": {}}}}
    assert "mutually exclusive" in argument_errors({"site": {"a": "1", "b": "2"}}, exclusive)[0]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just("yes"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(value=VALUES, kind=st.sampled_from(["str", "int", "float", "bool", "list", "dict", "path"]))
def test_what_passes_is_what_a_role_reads(value, kind):
    """Of its own type, or a number in place of a string. Red with Ansible's validator, which converts a copy."""
    if argument_errors({"x": value}, {"x": {"type": kind}}) == []:
        own = {"int": int, "float": (int, float), "bool": bool, "list": list, "dict": dict}
        assert isinstance(value, own.get(kind, (str, int, float)))
        assert isinstance(value, bool) == (kind == "bool")


@given(value=VALUES)
@example(value=[{"\n": None}])
@example(value="a\nb")
def test_every_value_is_taken_or_refused_in_one_sentence(value):
    """Whatever it is: nothing is raised, and nothing of the specification gets lost."""
    for name in SPECIFICATION:
        for error in argument_errors({"site_port": 80, name: value}, SPECIFICATION):
            assert name in error
            assert "\n" not in error


@pytest.mark.parametrize(("variables", "specification"), [([], {}), ({}, [])])
def test_what_is_no_dict_is_refused(variables, specification):
    with pytest.raises(AnsibleFilterError, match="give a dict"):
        argument_errors(variables, specification)
