"""Certificates of a source and its replica: served, verified, rotated, refused, and given to a pair that runs."""

from concurrent.futures import ThreadPoolExecutor

import pytest

ADDRESS = "198.18.11.11"
SUBJECT = f"DNS:mysql-db1,IP:{ADDRESS}"
RELOAD = "ALTER INSTANCE RELOAD TLS"
RECEIVER = "SELECT THREAD_ID FROM performance_schema.replication_connection_status"


@pytest.fixture
def own_certificate(db1, db2, certificates, wait):
    """The source has one of its own again afterwards."""
    yield
    certificates.place(db1, SUBJECT)
    db1.sql(RELOAD)
    wait(db2.replicates, "the replica to connect again")


def test_a_rotated_certificate_is_served_and_nobody_notices(db1, db2, certificates, in_sync, writing):
    """As the role certificates does it: the files, then the statement. No restart; sessions and replication go on."""
    process, receiver = db1.process, db2.sql(RECEIVER)
    with ThreadPoolExecutor() as background, writing(db1) as figures:
        session = background.submit(
            db2.as_user, "SELECT SLEEP(6), 'still here'", user="guestbook", password="first", server=ADDRESS
        )
        serial = certificates.place(db1, SUBJECT)
        assert certificates.served(db2, ADDRESS) != serial
        db1.sql(RELOAD)
        assert certificates.served(db2, ADDRESS) == serial
        assert "still here" in session.result().stdout
    assert float(figures[1]) < 10
    assert (db1.process, db2.sql(RECEIVER)) == (process, receiver)
    db2.sql("STOP REPLICA IO_THREAD; START REPLICA IO_THREAD")
    in_sync()


def test_a_rotation_that_was_interrupted_is_finished(db1, db2, certificates, play):
    """The files are there, and the server has not been told."""
    process = db1.process
    serial = certificates.place(db1, SUBJECT)
    result = play("mysql-db1")
    assert result.returncode == 0, result.stdout
    assert certificates.served(db2, ADDRESS) == serial
    assert db1.process == process
    assert "changed=0" in play("mysql-db1").stdout


def test_a_certificate_for_another_address_is_not_believed(db1, db2, certificates, channel, wait, own_certificate):
    certificates.place(db1, "DNS:mysql-db1,IP:198.18.11.99")
    db1.sql(RELOAD)
    db2.sql("STOP REPLICA IO_THREAD; START REPLICA IO_THREAD")
    error = "SELECT LAST_ERROR_MESSAGE FROM performance_schema.replication_connection_status"
    wait(lambda: "certificate verify failed" in db2.sql(error)[0][0], "the replica's error")
    assert not db2.replicates()
    result = db2.module("mysql_replica", **channel | {"retry_count": 3})
    assert result["failed"] is True
    assert "IP address mismatch" in result["msg"]
    assert "The certificate that the source shows has to be" in result["msg"]


def test_a_certificate_of_another_ca_is_said_and_the_replica_runs_on(db2, channel):
    result = db2.module("mysql_replica", **channel | {"source_ca": "/etc/ssl/certs/ca-certificates.crt"})
    assert result["failed"] is True
    assert "certificate verify failed" in result["msg"]
    assert "The replication from 198.18.11.11:3306 was not touched" in result["msg"]
    assert db2.replicates()


def test_a_certificate_without_its_key_is_refused_and_the_old_one_is_served(
    db1, db2, certificates, play, own_certificate
):
    before = certificates.served(db2, ADDRESS)
    certificates.place(db1, SUBJECT, key=False)
    result = play("mysql-db1")
    assert result.returncode != 0
    assert "goes on with those that it had" in " ".join(result.stdout.split())
    assert certificates.served(db2, ADDRESS) == before


def test_a_key_that_mysqld_cannot_read_stops_the_play_before_the_configuration(db2, play):
    """A server that cannot read its own would start without TLS after the next restart."""
    file = "/etc/mysql/mysql.conf.d/webstack.cnf"
    before = db2.host.file(file).content
    secret = "/etc/webstack/tls/mysql/secret.pem"
    db2.host.check_output("install --mode=0600 /etc/webstack/tls/mysql/key.pem %s", secret)
    tls = {"certificate": "/etc/webstack/tls/mysql/certificate.pem", "key": secret, "ca": "/etc/webstack/tls/ca.pem"}
    result = play("mysql-db2", mysql_replication_tls=tls)
    assert result.returncode != 0
    assert f"mysqld (user mysql) cannot read {secret}" in " ".join(result.stdout.split())
    assert db2.host.file(file).content == before


def test_a_running_pair_is_given_certificates_without_a_restart(db1, db2, play, writing, in_sync, wait):
    """As in an update from a release that had none. First they are taken away."""
    assert play(mysql_replication_tls={}).returncode == 0
    settings = (
        "SELECT SSL_CA_FILE, SSL_VERIFY_SERVER_CERTIFICATE FROM performance_schema.replication_connection_configuration"
    )
    assert db2.sql(settings) == [["", "NO"]]
    for server in db1, db2:
        assert server.host.run("systemctl restart mysql").rc == 0
        assert server.value("@@ssl_cert") == "server-cert.pem"
    db1.writable()
    wait(db2.replicates, "the replica to go on")
    semisync = "SHOW STATUS LIKE 'Rpl_semi_sync_source_clients'"
    wait(lambda: db1.sql(semisync)[0][1] == "1", "the replica to acknowledge")
    processes = db1.process, db2.process
    with writing(db1) as figures:
        result = play()
    assert result.returncode == 0, result.stdout
    assert int(figures[0]) > 100
    assert float(figures[1]) < 10
    assert (db1.process, db2.process) == processes
    assert db2.sql(settings) == [["/etc/webstack/tls/ca.pem", "YES"]]
    in_sync()
    assert db1.sql("SHOW STATUS LIKE 'Rpl_semi_sync_source_no_tx'")[0][1] == "0"
