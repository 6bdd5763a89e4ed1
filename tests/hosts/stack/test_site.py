"""What a visitor notices of the whole stack, on any inventory. Nothing is written."""

from collections import Counter


def test_the_page_is_there(site):
    """The page comes through every tier: load balancer, web server, application, database."""
    answer = site.get("/")
    assert answer.status == 200, answer
    assert "text/html" in answer.headers["Content-Type"]
    assert answer.headers["X-Web-Server"]
    assert answer.headers["X-App-Server"]
    assert answer.headers["X-Database-Read"]


def test_the_page_is_there_over_both_families(site, inventory):
    """From here, in a lab whose network has both; elsewhere at the address that the others know."""
    addresses = inventory.addresses(inventory.groups["loadbalancers"][0])
    assert {address: site.at(address).get("/").status for address in addresses} == dict.fromkeys(addresses, 200)


def test_round_robin_alternates(site, inventory):
    """Requests in a row reach every web server equally often. Catches another algorithm, and a server that is out."""
    servers = inventory.groups["webservers"]
    answered = Counter(site.get("/").headers["X-Web-Server"] for _ in range(5 * len(servers)))
    assert answered == dict.fromkeys(servers, 5)


def test_pages_are_read_from_a_replica(site, inventory):
    """Reads are taken off the primary. Catches an application that knows only the primary, and a dead replica.

    Where the primary is the only one, it is read, too.
    """
    databases = inventory.groups["databases"]
    replicas = {host for host in databases if inventory.hostvars[host]["mysql_role"] == "replica"}
    assert len(replicas) == len(databases) - 1
    assert site.get("/").headers["X-Database-Read"] in (replicas or databases)


def test_an_unknown_site_is_not_ours(inventory, site):
    """A request for another name is not answered with our page. Catches a site that became the server's default."""
    answer = site.get("/", headers={"Host": "www.example.com"})
    assert answer.status not in {0, 200}, answer


def test_the_application_server_is_beside_the_web_server(site, inventory):
    """Where a web server has an application server beside it, that is the one which answers."""
    beside = set(inventory.groups["webservers"]) & set(inventory.groups["appservers"])
    for _ in range(2 * len(inventory.groups["webservers"])):
        headers = site.get("/").headers
        if headers["X-Web-Server"] in beside:
            assert headers["X-App-Server"] == headers["X-Web-Server"]
