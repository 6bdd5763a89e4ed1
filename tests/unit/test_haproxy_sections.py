"""The sections of haproxy.cfg: what the template tests do not show."""

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.haproxy_sections import haproxy_sections
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.sections import seconds, size_in_bytes


def section(**options: object) -> list[str]:
    """The lines of a frontend with these options."""
    frontend = {"name": "web", "bind": [{"port": 80}]} | options
    return haproxy_sections([frontend], backends=[], listens=[], stats={}, retry_methods=[])["proxies"][0]["lines"]


@pytest.mark.parametrize(
    ("period", "expected"),
    [("10s", 10), ("1m", 60), ("2h", 7200), ("1d", 86400), ("2500", 2), ("2500ms", 2), ("5us", 1), ("0", 1)],
)
def test_times_in_seconds(period: str, expected: int) -> None:
    """A client is never told to come back in 0 seconds."""
    assert seconds(period) == expected


@pytest.mark.parametrize(("size", "expected"), [("1024", 1024), ("10m", 10485760), ("1K", 1024), ("2gb", 2147483648)])
def test_sizes_in_bytes(size: str, expected: int) -> None:
    assert size_in_bytes(size) == expected


@pytest.mark.parametrize("wrong", ["", "10 s", "s", "-1", "1.5m"])
def test_what_is_no_time_or_size_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        seconds(wrong)
    with pytest.raises(ValueError, match="is not a"):
        size_in_bytes(wrong)


def test_null_is_not_given() -> None:
    """As with `rate_limit: "{{ mine | default(none) }}"`."""
    assert section(rate_limit=None, hsts=None, default_backend=None, http_request=None) == section()


@pytest.mark.parametrize(
    ("value", "forwarded"), [("yes", True), ("True", True), (1, True), ("no", False), ("off", False)]
)
def test_booleans_may_be_words(value: object, forwarded: bool) -> None:
    """What an INI inventory holds. Red where any string is taken for true."""
    assert ("option forwardfor" in section(forwardfor=value)) == forwarded


def test_data_of_another_shape_is_an_error() -> None:
    with pytest.raises(
        AnsibleFilterError, match=r"haproxy_sections: haproxy_frontends\[0\].rate_limit: expected a dict"
    ):
        section(rate_limit="10s")
