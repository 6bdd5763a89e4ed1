"""The site by its name: a client that asks nobody but one of the stack's name servers. Nothing is written."""

import json

import pytest
import testinfra

testinfra_hosts = ["ansible://dns"]

# In a mount namespace of its own, where the resolver is the one that is given and /etc/hosts is not asked.
ALONE = """
set -e
printf 'nameserver %s\\noptions timeout:5\\n' "$1" > /run/resolv.test
echo 'hosts: dns' > /run/nsswitch.test
mount --bind /run/resolv.test /etc/resolv.conf
mount --bind /run/nsswitch.test /etc/nsswitch.conf
exec python3 -c "$2" "$3" "$4" "$5"
"""
VISIT = """
import json, socket, ssl, sys
name, family, ca = sys.argv[1], sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=ca)
pages = {}
for *_, address in socket.getaddrinfo(name, 443, socket.AddressFamily[family], socket.SOCK_STREAM):
    with socket.create_connection(address[:2], 30) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
        tls.sendall(f"GET / HTTP/1.1\\r\\nHost: {name}\\r\\nConnection: close\\r\\n\\r\\n".encode())
        pages[address[0]] = b"".join(iter(lambda: tls.recv(65536), b"")).decode()
print(json.dumps(pages))
"""


@pytest.fixture
def client(inventory):
    """A host that answers for no zone: the last of the databases, unless they all do."""
    others = [host for host in inventory.groups["databases"] if host not in inventory.groups["dns"]]
    name = (others or inventory.groups["databases"])[-1]
    return testinfra.get_host(f"ansible://{name}", ansible_inventory=inventory.path)


@pytest.fixture
def server(host, inventory):
    """The address of the name server that this test is about."""
    return inventory.address(host.backend.get_hostname())


def visit(client, server: str, name: str, family: str):
    command = "unshare --mount sh -c %s sh %s %s %s %s /etc/webstack/tls/ca.pem"
    return client.run(command, ALONE, server, VISIT, name, family)


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_the_site_is_found_by_its_name(client, server, site, family):
    """At every address that the name has, over HTTPS, verified. Red where the zone has another address, or none."""
    done = visit(client, server, site.host, family)
    assert done.rc == 0, done.stderr
    pages = json.loads(done.stdout)
    assert pages
    assert {page.partition("\r\n")[0] for page in pages.values()} == {"HTTP/1.1 200 OK"}
    assert all("guest" in page.lower() for page in pages.values())


def test_a_name_of_somebody_else_is_not_found(client, server):
    """The test of the test above: nothing but the name server has answered."""
    done = visit(client, server, "www.example.com", "AF_UNSPEC")
    assert done.rc != 0
    assert "gaierror" in done.stderr
