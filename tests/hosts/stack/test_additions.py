"""What an inventory adds to the stack has its effect. An inventory that adds nothing has nothing to be asked for."""

from urllib.parse import urlsplit

import pytest


@pytest.fixture
def added(inventory):
    """Variables of the whole stack, as a load balancer has them."""
    return inventory.hostvars[inventory.groups["loadbalancers"][0]]


def test_redirect_names_lead_to_the_site(site, added):
    """With path and query, for good. Catches a name that is answered by no site, or by the page itself."""
    names = added.get("webstack_redirect_names", [])
    answers = {name: site.get("/a?b=c", headers={"Host": name}) for name in names}
    found = {name: (answer.status, answer.headers["Location"]) for name, answer in answers.items()}
    assert found == dict.fromkeys(names, (308, f"https://{site.host}/a?b=c"))


def test_redirects_lead_where_they_say(site, added):
    """Those for one path. Catches a location that another one of the site hides."""
    wanted = {
        redirect["location"].removeprefix("= "): (redirect.get("status", 301), redirect["to"].partition("$")[0])
        for redirect in added.get("webstack_web_redirects", [])
        if redirect["location"].startswith("= ")
    }
    answers = {path: site.get(path) for path in wanted}
    found = {path: (answer.status, urlsplit(answer.headers["Location"]).path) for path, answer in answers.items()}
    assert found == wanted


def test_maps_are_read(site, added):
    """By the rules that name them. Catches a map that HAProxy does not find, and rules that it does not have."""
    moved = {old: new for one in added.get("webstack_lb_maps", []) for old, new in one["entries"].items()}
    answers = {old: site.get(old) for old in moved}
    assert {old: answer.headers["Location"] for old, answer in answers.items()} == moved


def test_further_sites_answer(site, added):
    """With the page of the stack's own upstream, which the inventory gives them."""
    names = [name for one in added.get("webstack_web_sites", []) for name in one["server_names"]]
    assert {name: site.get("/", headers={"Host": name}).status for name in names} == dict.fromkeys(names, 200)
