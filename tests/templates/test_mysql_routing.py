"""What the routing of an application host becomes in haproxy.cfg, to the byte, for the pair of the lab."""

from collections.abc import Callable

from ansible_collections.foobar.webstack.plugins.filter.mysql_routing import mysql_routing

REPLICATION = {"db1": {"address": "198.18.0.31", "port": 3306}, "db2": {"address": "198.18.0.32", "port": 3306}}
EXPECTED = """\
backend mysql-any
    mode tcp
    balance roundrobin
    option httpchk
    http-check send meth GET uri /readable ver HTTP/1.1 hdr Host "mysql-endpoint"
    http-check expect status 200
    default-server inter 1s rise 1 fall 1 port 3308 check-ssl verify required ca-file /etc/webstack/tls/ca.pem
    server db1 198.18.0.31:3306 check weight 100 check-sni db1 verifyhost db1
    server db2 198.18.0.32:3306 check weight 100 check-sni db2 verifyhost db2

listen mysql-write
    mode tcp
    option tcplog
    bind 127.0.0.1:6446
    timeout client 1h
    balance roundrobin
    timeout server 1h
    option httpchk
    http-check send meth GET uri /primary ver HTTP/1.1 hdr Host "mysql-endpoint"
    http-check expect status 200
    default-server inter 500ms rise 1 fall 2 port 3308 check-ssl verify required ca-file /etc/webstack/tls/ca.pem \
fastinter 250ms on-marked-down shutdown-sessions
    server db1 198.18.0.31:3306 check weight 100 check-sni db1 verifyhost db1
    server db2 198.18.0.32:3306 check weight 100 check-sni db2 verifyhost db2

listen mysql-read
    mode tcp
    option tcplog
    bind 127.0.0.1:6447
    timeout client 1h
    balance leastconn
    timeout server 1h
    option httpchk
    http-check send meth GET uri /replica ver HTTP/1.1 hdr Host "mysql-endpoint"
    http-check expect status 200
    default-server inter 500ms rise 1 fall 2 port 3308 check-ssl verify required ca-file /etc/webstack/tls/ca.pem \
fastinter 250ms on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions
    server db1 198.18.0.31:3306 check weight 100 check-sni db1 verifyhost db1
    server db2 198.18.0.32:3306 check weight 100 check-sni db2 verifyhost db2
    server db1-primary 198.18.0.31:3306 weight 100 backup track mysql-write/db1
    server db2-primary 198.18.0.32:3306 weight 100 backup track mysql-write/db2
    server db1-any 198.18.0.31:3306 weight 100 backup track mysql-any/db1
    server db2-any 198.18.0.32:3306 weight 100 backup track mysql-any/db2
"""


def test_routing_of_an_application_host(render_template: Callable[..., str]) -> None:
    """Catches any change of what a running HAProxy would be given."""
    routing = mysql_routing(REPLICATION, endpoint_port=3308, ca_file="/etc/webstack/tls/ca.pem")
    rendered = render_template(
        "haproxy",
        "haproxy.cfg.j2",
        {"haproxy_stats": {}, "haproxy_backends": routing["backends"], "haproxy_listens": routing["listens"]},
    )
    sections = rendered[rendered.index("backend mysql-any") : rendered.rindex("\nglobal\n")]
    assert sections.strip() == EXPECTED.strip()
