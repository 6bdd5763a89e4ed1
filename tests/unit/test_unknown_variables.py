"""The filter that finds misspelt variables."""

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.unknown_variables import unknown_variables

KNOWN = ["webstack_domain", "webstack_restore_gtid", "mysql_replication_semisync_timeout_ms", "nginx_sites"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("webstack_domian", "Unknown variable webstack_domian; did you mean webstack_domain?"),
        ("webstack_restore_gtids", "Unknown variable webstack_restore_gtids; did you mean webstack_restore_gtid?"),
        ("webstack_zzz", "Unknown variable webstack_zzz; remove it."),
        (
            "mysql_replication_semisync_timeout",
            "Unknown variable mysql_replication_semisync_timeout; did you mean mysql_replication_semisync_timeout_ms?",
        ),
    ],
)
def test_what_is_misspelt_is_named_with_what_was_meant(name, said):
    """Catches a check that passes whatever it is given."""
    assert unknown_variables([name, *KNOWN], KNOWN) == [said]


def test_variables_of_others_are_let_be():
    """An inventory has its own, some of them about the same programs. Red if every unknown name were refused."""
    assert unknown_variables([*KNOWN, "nginx_vhost_owner", "mysql_backups_nas", "shop_domain"], KNOWN) == []


def test_a_value_that_ansible_has_split_at_a_space_is_named():
    """`-e webstack_restore_databases='a, b'` would restore the first one alone."""
    (said,) = unknown_variables(["webstack_domain"], KNOWN, words="b")
    assert said == (
        '-e: "b" is not part of any variable; put a value with spaces into a second pair of quotes: '
        """-e "name='first second'"."""
    )


@pytest.mark.parametrize(("names", "known"), [("webstack_domain", []), ([], "webstack_domain"), (1, [])])
def test_what_is_no_list_is_refused(names, known):
    with pytest.raises(AnsibleFilterError, match="give a list"):
        unknown_variables(names, known)
