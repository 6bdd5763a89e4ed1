"""The filter that says what is wrong with variables."""

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.argument_errors import argument_errors

SPECIFICATION = {
    "site_port": {"type": "int", "required": True},
    "site_mode": {"type": "str", "choices": ["http", "tcp"]},
    "site_servers": {"type": "list", "elements": "dict", "options": {"name": {"type": "str", "required": True}}},
}


def test_good_variables_have_no_errors():
    assert argument_errors({"site_port": "80", "site_servers": [{"name": "web1"}]}, SPECIFICATION) == []


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "site_port"),
        ({"site_port": "http"}, "site_port"),
        ({"site_port": 80, "site_mode": "udp"}, "site_mode"),
        ({"site_port": 80, "site_servers": [{}]}, "name"),
        ({"site_port": 80, "site_servers": [{"name": "web1", "wieght": 1}]}, "wieght"),
        ({"site_port": 80, "site_prot": 80}, "site_prot"),
    ],
)
def test_an_error_names_the_variable(variables, named):
    """Catches a check that passes whatever it is given."""
    errors = argument_errors(variables, SPECIFICATION)
    assert len(errors) == 1
    assert named in errors[0]


@pytest.mark.parametrize(("variables", "specification"), [([], {}), ({}, [])])
def test_what_is_no_dict_is_refused(variables, specification):
    with pytest.raises(AnsibleFilterError, match="give a dict"):
        argument_errors(variables, specification)
