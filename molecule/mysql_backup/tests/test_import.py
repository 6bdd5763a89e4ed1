"""An existing dump moves into a database of its own: what is refused, left out and changed; replicas have it."""

import gzip
import re

import pytest

DATABASE = "moved_in"
VIEW = (
    "CREATE DATABASE IF NOT EXISTS old_shop; USE old_shop; CREATE TABLE IF NOT EXISTS orders (id INT PRIMARY KEY, what"
    " TEXT); REPLACE INTO orders VALUES (1, 'USE mysql; ☃'), (2, NULL); CREATE OR REPLACE DEFINER=`gone`@`%` VIEW v AS"
    " SELECT id FROM orders; DROP TRIGGER IF EXISTS t; CREATE DEFINER=`gone`@`%` TRIGGER t BEFORE INSERT ON orders FOR"
    " EACH ROW SET NEW.what = 'new'"
)


def said(run):
    return " ".join(run.stdout.split())


@pytest.fixture(scope="module")
def dump(db1, tmp_path_factory):
    """Of a database with a view and a trigger of an account that is not here, with GTIDs as mysqldump writes them."""
    db1.sql(VIEW)
    db1.sql(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    text = db1.host.check_output("mysqldump --single-transaction --triggers --routines old_shop 2>/dev/null")
    assert "GTID_PURGED" in text
    file = tmp_path_factory.mktemp("dump") / "dump.sql.gz"
    file.write_bytes(gzip.compress(f"{text}\n".encode()))
    yield file
    db1.sql(f"DROP DATABASE {DATABASE}; DROP DATABASE old_shop")


@pytest.fixture
def import_(play, dump):
    """Run the playbook."""

    def run(*options, file=dump, **variables):
        given = {"webstack_databases": [{"name": DATABASE}], "webstack_import_database": DATABASE}
        return play("import.yml", *options, webstack_import=str(file), **given, **variables)

    return run


def test_a_check_run_says_what_would_happen(db1, import_):
    check = import_("--check")
    assert check.returncode == 0, check.stdout
    assert f"would be loaded into {DATABASE} on bk-db1: its SET GTID_PURGED and SQL_LOG_BIN" in said(check)
    assert db1.sql(f"SHOW TABLES IN {DATABASE}") == []


def test_a_dump_of_another_shape_is_refused_before_anything_changes(db1, import_, dump, tmp_path):
    other = tmp_path / "other.sql"
    text = gzip.decompress(dump.read_bytes()).decode()
    other.write_text("USE `mysql`;\n" + text.replace("ENGINE=InnoDB", "ENGINE=MyISAM").replace("-- Dump completed", ""))
    refused = import_(file=other)
    assert refused.returncode != 0
    assert "Nothing was changed." in said(refused)
    assert "is cut off" in said(refused)
    assert "is of the database mysql" in said(refused)
    assert "has tables of the engine MyISAM (orders)" in said(refused)
    assert db1.sql(f"SHOW TABLES IN {DATABASE}") == []


def test_a_load_that_fails_leaves_nothing(db1, import_, dump, tmp_path):
    """Nor the account that loads. It may write nowhere else, whatever the dump says."""
    broken = tmp_path / "broken.sql"
    text = gzip.decompress(dump.read_bytes()).decode()
    broken.write_text(
        text.replace("-- Dump completed", "INSERT INTO guestbook.authors VALUES (99, 'x');\n-- Dump completed")
    )
    failed = import_(file=broken)
    assert failed.returncode != 0
    assert re.search(r"ERROR 1142.*denied.*The database moved_in is empty again", said(failed)), failed.stdout
    assert db1.sql(f"SHOW TABLES IN {DATABASE}") == []
    assert db1.sql("SELECT user FROM mysql.user WHERE user = 'webstack_import'") == []


def test_the_dump_is_loaded_and_the_replica_has_it(db1, db2, import_):
    executed = db1.value("@@gtid_purged")
    done = import_()
    assert done.returncode == 0, done.stdout
    assert f"{DATABASE} on bk-db1 has 1 table with 2 rows: orders: 2. Every replica has them." in said(done)
    for server in (db1, db2):
        assert server.value("(SELECT what FROM moved_in.orders WHERE id = 1)") == "USE mysql; ☃"
        for kind, schema in (("VIEWS", "TABLE_SCHEMA"), ("TRIGGERS", "TRIGGER_SCHEMA")):
            definers = f"SELECT DEFINER FROM information_schema.{kind} WHERE {schema} = 'moved_in'"  # noqa: S608
            assert server.sql(definers) == [["guestbook_migrate@localhost"]]
    assert db1.value("@@gtid_purged") == executed
    assert db1.host.check_output("find /var/tmp -name '*.webstack-import'") == ""


def test_a_database_that_is_not_empty_is_refused_and_on_demand_replaced(db1, import_):
    refused = import_()
    assert refused.returncode != 0
    assert f"add -e webstack_import_replace={DATABASE}." in said(refused)
    db1.sql("CREATE TABLE moved_in.mine (id INT PRIMARY KEY); INSERT INTO moved_in.mine VALUES (7)")
    done = import_(webstack_import_replace=DATABASE)
    assert done.returncode == 0, done.stdout
    saved = re.search(r"What was there before is in (\S+\.sql) on bk-db1", said(done))[1]
    assert db1.host.file(saved).mode == 0o600
    assert "INSERT INTO `mine` VALUES (7)" in db1.host.file(saved).content_string
    assert [row[0] for row in db1.sql(f"SHOW TABLES IN {DATABASE}")] == ["orders", "v"]
