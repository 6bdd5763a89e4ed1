"""The state that haproxy-handover writes for the next process of HAProxy, and what it understands of the master."""

import pytest
from haproxy_handover import master
from haproxy_handover.master import HandoverError
from haproxy_handover.server_state import state_for

FIELDS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port"
)


def line(address: str, port: int, *, name: str = "web1", fqdn: str = "-", up: int = 2) -> str:
    """A drained server as `show servers state` shows it."""
    return f"3 web 1 {name} {address} {up} 8 100 100 12 6 3 4 6 0 0 0 {fqdn} {port} - 0 0 - - 0"


@pytest.mark.parametrize(
    ("server", "state", "kept"),
    [
        ("server web1 198.18.0.21:80 check", line("198.18.0.21", 80), True),
        ("server web1 198.18.0.22:80 check", line("198.18.0.21", 80), False),
        ("server web1 198.18.0.21:81 check", line("198.18.0.21", 80), False),
        ("server web1 ipv4@198.18.0.21:80 check", line("198.18.0.21", 80), True),
        ("server web1 [2001:db8::21]:80 check", line("2001:db8::21", 80), True),
        ("server web1 [2001:DB8:0::21]:80 check", line("2001:db8::21", 80), True),
        ("server web1 2001:db8::22:80 check", line("2001:db8::21", 80), False),
        ("server web1 web1.example:80 check", line("198.18.0.21", 80, fqdn="web1.example"), True),
        ("server web1 web2.example:80 check", line("198.18.0.21", 80, fqdn="web1.example"), False),
        ("server web1 198.18.0.21:80 check", line("198.18.0.21", 80, fqdn="web1.example"), True),
        ("server web1 web1.example:80 check", line("198.18.0.21", 80), False),
        ("server web1 /run/web.sock check", line("-", 0), True),
        ('server web1 "${ADDRESS}:80" check', line("198.18.0.21", 80), True),
        ("server web1 198.18.0.22:80 check # was .21", line("198.18.0.21", 80), False),
        ("server-template web 2 198.18.0.21:80 check", line("198.18.0.21", 80), True),
        ("server web2 198.18.0.21:80 check", line("198.18.0.21", 80), True),
    ],
)
def test_state_goes_to_the_same_server_only(server: str, state: str, kept: bool) -> None:
    """What is kept though its server is gone (the last one) is ignored by HAProxy, which looks for the name."""
    result = state_for(f"backend web\n    {server}\n", f"1\n# {FIELDS}\n{state}\n\n")
    assert result == f"1\n# {FIELDS}\n" + (f"{state}\n" if kept else "")


@pytest.mark.parametrize(
    ("configuration", "op_state"),
    [
        ("backend web\n    server web1 198.18.0.21:80 check\n", "0"),
        ("backend web\n    server web1 198.18.0.21:80\n", "2"),
        ("backend web\n    server web1 198.18.0.21:80 agent-check agent-port 1\n", "0"),
        ("backend web\n    default-server check\n    server web1 198.18.0.21:80\n", "0"),
        ("backend web\n    default-server check\n    server web1 198.18.0.21:80 no-check\n", "2"),
        ("defaults\n    default-server check\nlisten web\n    server web1 198.18.0.21:80\n", "0"),
        (
            "defaults\n    default-server check\ndefaults\n    mode tcp\nlisten web\n    server web1 198.18.0.21:80\n",
            "2",
        ),
        ("backend api\n    default-server check\nbackend web\n    server web1 198.18.0.21:80\n", "2"),
    ],
)
def test_server_that_nobody_checks_is_not_handed_over_as_down(configuration: str, op_state: str) -> None:
    """It would be down for ever; its drain stays."""
    result = state_for(configuration, f"1\n# {FIELDS}\n{line('198.18.0.21', 80, up=0)}\n")
    entry = dict(zip(FIELDS.split(), result.splitlines()[2].split(), strict=True))
    assert (entry["srv_op_state"], entry["srv_admin_state"]) == (op_state, "8")


@pytest.mark.parametrize("state", ["", "\n", "2\n# be_id\n", "Unknown command: 'show'\n", "1\n# other fields\n"])
def test_state_that_is_not_understood_is_not_handed_over(state: str) -> None:
    with pytest.raises(HandoverError, match="unknown format"):
        state_for("backend web\n", state)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        # HAProxy 2.6, 3.0 and 3.0 after a reload that failed twice.
        ("#<PID>  <type>  <reloads>\n22155  master  0 [failed: 0]   0d00h00m02s  2.6.12\n", (0, 0)),
        ("#<PID>  <type>  <reloads>\n22155  master  7 [failed: 0]   0d00h00m02s  3.0.11\n# workers\n", (7, 0)),
        ("#<PID>  <type>  <reloads>\n22155  master  9 [failed: 2]   0d00h00m02s  3.0.11\n# workers\n", (9, 2)),
    ],
)
def test_reloads_of_the_master(monkeypatch: pytest.MonkeyPatch, answer: str, expected: tuple[int, int]) -> None:
    monkeypatch.setattr(master, "ask", lambda command: answer)
    assert master.reloads() == master.Reloads(*expected)


def test_unknown_answer_of_the_master_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(master, "ask", lambda command: "Permission denied\n")
    with pytest.raises(HandoverError, match="unknown answer to 'show proc': 'Permission denied'"):
        master.reloads()


def test_haproxy_2_6_has_no_startup_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(master, "ask", lambda command: "Unknown command, but maybe one of the following ones\n")
    assert master.startup_log() == "the journal of the unit says why"
    monkeypatch.setattr(master, "ask", lambda command: "[ALERT] cannot bind socket\n")
    assert master.startup_log() == "[ALERT] cannot bind socket"
