"""What of a dump is refused, left out or changed, and how it is loaded, with a client of the test."""

import gzip
import io
import lzma
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.import_errors import import_errors
from ansible_collections.foobar.webstack.plugins.filter.import_notes import import_notes
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import dump as dump_module
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.dump import pieces, rewrite, scan
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.loading import (
    ACCOUNT,
    Load,
    LoadError,
    load,
    look,
    opened,
    prepare_account,
    save,
)
from ansible_collections.foobar.webstack.plugins.modules.mysql_dump_info import read
from ansible_collections.foobar.webstack.plugins.modules.mysql_import import run

UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

TEXT = f"""\
-- MySQL dump 10.13  Distrib 8.0.43, for Linux (x86_64)
/*!40103 SET TIME_ZONE='+00:00' */;
SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;
SET @@SESSION.SQL_LOG_BIN= 0;
SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '{UUID}:1-5,
{UUID.replace("3e", "4e")}:1-9';
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET latin1 */;
USE `shop`;
DROP TABLE IF EXISTS `entry`;
CREATE TABLE `entry` (
  `id` int NOT NULL,
  `text` varchar(99) COMMENT 'ENGINE=MyISAM',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `entry` VALUES (1,'USE other; DEFINER=`a`@`b` ENGINE=MyISAM'),(2,'DROP DATABASE shop');
CREATE TABLE `old` (
  `id` int
) ENGINE=MyISAM AUTO_INCREMENT=7;
INSERT INTO `old` (`id`) VALUES
(3),
(4);
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `t` BEFORE INSERT ON `entry` FOR EACH ROW
SET NEW.text = 'x' */;;
CREATE DEFINER=`old``er`@`%` PROCEDURE `p`() BEGIN END ;;
SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;
-- Dump completed on 2026-11-26 23:00:00
"""  # noqa: S608


def scanned(text):
    return scan(pieces(io.BytesIO(text.encode())))


def rewritten(text, *, innodb=False):
    return b"".join(
        rewrite(pieces(io.BytesIO(text.encode())), definer=("shop_migrate", "198.18.0.21"), innodb=innodb)
    ).decode()


def test_what_is_in_a_dump():
    """Red where a value counts for a statement, or a statement for a value."""
    found = scanned(TEXT)
    assert found.tables == ("entry", "old")
    assert found.databases == ("shop",)
    assert found.engines == {"old": "MyISAM"}
    assert found.definers == ("root@localhost", "old`er@%")
    assert (found.gtid_purged, found.unlogged, found.drops_databases, found.cut_off) == (True, True, False, False)
    assert found.bytes == len(TEXT)


@pytest.mark.parametrize(
    ("statement", "databases"),
    [
        ("USE shop;", ("shop",)),
        ("use `my-shop`;", ("my-shop",)),
        ("CREATE SCHEMA IF NOT EXISTS shop;", ("shop",)),
        ("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop`;", ("shop",)),
        ("CREATE TABLE use_ (id int);", ()),
    ],
)
def test_databases_that_a_dump_changes_to(statement, databases):
    assert scanned(statement).databases == databases


@pytest.mark.parametrize("statement", ["DROP DATABASE shop;", "/*!40000 DROP DATABASE IF EXISTS `shop`*/;"])
def test_a_dump_that_drops_a_database(statement):
    assert scanned(statement).drops_databases


def test_a_dump_of_mariadb():
    found = scanned(
        "CREATE TABLE `a` (\n  `b` text\n) ENGINE=Aria DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_ai_ci;\n"
    )
    assert (found.engines, found.collations) == ({"a": "Aria"}, ("utf8mb4_uca1400_ai_ci",))


@pytest.mark.parametrize("end", [len(TEXT) - 60, len(TEXT) // 2])
def test_a_dump_without_its_end_is_cut_off(end):
    """Red when half of a database goes live. One that was made without remarks has no such line."""
    assert scanned(TEXT[:end]).cut_off
    assert not scanned("CREATE TABLE a (\n  id int\n) ENGINE=InnoDB;\n").cut_off


def test_a_line_longer_than_what_is_read_at_a_time(monkeypatch):
    """The rest of a value is no line of its own."""
    monkeypatch.setattr(dump_module, "PIECE", 16)
    text = (
        "INSERT INTO `a` VALUES ('"
        + "x" * 7
        + "USE other;"
        + "DEFINER=`a`@`b`" * 9
        + "');\nCREATE TABLE b (\n) ENGINE=InnoDB;\n"
    )
    found = scanned(text)
    assert (found.databases, found.definers, found.tables, found.bytes) == ((), (), ("b",), len(text))
    assert rewritten(text) == text


def test_what_is_loaded():
    """Nothing keeps it from the replicas, nothing is executed as an account that is not here, and values stay."""
    text = rewritten(TEXT)
    assert "GTID_PURGED" not in text
    assert UUID.replace("3e", "4e") not in text, "the statement has two lines"
    assert "LOG_BIN" not in text
    assert "/*!50017 DEFINER=`shop_migrate`@`198.18.0.21`*/ /*!50003 TRIGGER" in text
    assert "CREATE DEFINER=`shop_migrate`@`198.18.0.21` PROCEDURE" in text
    assert "'USE other; DEFINER=`a`@`b` ENGINE=MyISAM'" in text
    assert ") ENGINE=MyISAM AUTO_INCREMENT=7;" in text
    other = rewritten(TEXT, innodb=True)
    assert ") ENGINE=InnoDB AUTO_INCREMENT=7;" in other
    assert "COMMENT 'ENGINE=MyISAM'" in other


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_packed_dumps_are_read(tmp_path, pack):
    file = tmp_path / "dump"
    file.write_bytes(pack(TEXT.encode()))
    found, unreadable = read(str(file))
    assert (found.tables, unreadable) == (("entry", "old"), "")


def test_a_packed_dump_that_is_cut_off_is_said_to_be(tmp_path):
    file = tmp_path / "dump.gz"
    file.write_bytes(gzip.compress(TEXT.encode() * 50)[:-30])
    assert "cannot be read: Compressed file ended" in read(str(file))[1]


@pytest.mark.parametrize(("name", "reason"), [("gone.sql", "cannot be read: No such file"), ("", "is a folder")])
def test_what_is_no_file_is_said(tmp_path, name, reason):
    assert reason in read(str(tmp_path / name))[1]


def test_zstd_is_read_where_it_is_installed(tmp_path, monkeypatch):
    file = tmp_path / "dump.zst"
    file.write_bytes(b"\x28\xb5\x2f\xfd and more")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "is compressed with zstd, which is not installed here" in read(str(file))[1]
    program = tmp_path / "zstd"
    program.write_text(f"#!/bin/sh\nprintf '%s' '{TEXT.replace(chr(39), '')}'\n")
    program.chmod(0o755)
    with opened(str(file)) as text:
        assert text.readline().startswith(b"-- MySQL dump")
    program.write_text("#!/bin/sh\nexit 1\n")
    assert "zstd ended with status 1" in read(str(file))[1]


EMPTY = {"exists": True, "tables": [], "others": [], "filled": [], "sessions": 0, "free": 10**9}
FULL = {**EMPTY, "tables": ["entry", "author"], "filled": ["entry"], "sessions": 4}
CLEAN = {
    "bytes": 1 << 20,
    "tables": ["entry"],
    "databases": [],
    "drops_databases": False,
    "gtid_purged": False,
    "unlogged": False,
    "definers": [],
    "engines": {},
    "collations": [],
    "cut_off": False,
}


def request(*, dump=None, looked=None, **changed):
    return {
        "path": "/d.sql",
        "database": "shop",
        "databases": ["shop", "stock"],
        "dump": CLEAN | (dump or {}),
        "primaries": ["db1"],
        "looked": looked or {"db1": EMPTY, "db2": EMPTY},
        "hosts": ["db1", "db2"],
        **changed,
    }


@pytest.mark.parametrize(
    "asked",
    [
        request(),
        request(dump={"databases": ["shop"]}),
        request(dump={"gtid_purged": True, "unlogged": True, "definers": ["a@b"]}),
        request(dump={"engines": {"old": "MyISAM"}}, to_innodb=True),
        request(looked={"db1": FULL, "db2": FULL}, replace="shop"),
        request(looked={"db1": {**EMPTY, "sessions": 3}, "db2": EMPTY}),
    ],
)
def test_what_may_be_imported(asked):
    assert import_errors(asked) == []


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (request(path=""), "webstack_import is not set; name the dump"),
        (request(unreadable="/d.sql cannot be read: No such file"), "webstack_import: /d.sql cannot be read"),
        (request(database="shap"), "shap is no database of this stack; it has shop, stock"),
        (request(dump={"tables": []}), "creates no table"),
        (request(dump={"cut_off": True}), "Copy or make it again."),
        (
            request(dump={"databases": ["old"]}),
            "Make it without --databases and --all-databases: mysqldump old > dump.sql.",
        ),
        (request(dump={"databases": ["shop", "mysql"]}), "is of the database mysql"),
        (request(dump={"drops_databases": True}), "without --add-drop-database."),
        (
            request(dump={"engines": {"old": "MyISAM"}}),
            "the engine MyISAM (old), which no replica and no backup would get",
        ),
        (request(dump={"collations": ["utf8mb4_uca1400_ai_ci"]}), "is of MariaDB"),
        (request(primaries=[]), "exactly one database host has to take writes, and none does."),
        (request(primaries=["db1", "db2"]), "and db1 and db2 do."),
        (
            request(looked={"db1": {**EMPTY, "exists": False}}),
            "there is no database shop yet. Run playbooks/database.yml",
        ),
        (request(looked={"db1": EMPTY}), "db2: its MySQL cannot be asked"),
        (request(looked={"db1": EMPTY, "db2": {**EMPTY, "free": 2 << 20}}), "db2: 2 MiB are free on the disk"),
        (
            request(looked={"db1": FULL, "db2": FULL}),
            "it has entry, author, with rows in entry. The application is connected to it (4 connections). An import",
        ),
        (request(looked={"db1": FULL, "db2": FULL}, replace="stock"), "add -e webstack_import_replace=shop."),
        (request(looked={"db1": {**EMPTY, "others": ["v"]}, "db2": EMPTY}), "is not empty: it has v. An import"),
    ],
)
def test_what_is_refused_and_what_to_write_instead(asked, error):
    (found,) = import_errors(asked)
    assert error in found


def test_what_becomes_of_the_dump_is_said():
    notes = import_notes(
        request(
            dump={"gtid_purged": True, "definers": ["root@localhost"], "engines": {"old": "MyISAM"}},
            looked={"db1": FULL, "db2": FULL},
            replace="shop",
        )
    )
    assert [note.split()[0] for note in notes] == ["its", "views,", "old", "what"]
    assert "--set-gtid-purged=OFF" in notes[0]
    assert import_notes(request()) == []


@pytest.mark.parametrize("filter_", [import_errors, import_notes])
def test_data_of_another_shape_is_refused(filter_):
    with pytest.raises(AnsibleFilterError, match="import_"):
        filter_({"paths": ""})


class FakeServer:
    """A server that has what `there` says, by the place that is asked for; it notes what it is told."""

    def __init__(self, **there):
        self.there, self.said = there, []

    def rows(self, statement, values=()):
        self.said.append(statement)
        for place, names in self.there.items():
            if f"information_schema.{place} WHERE" in statement:
                return [{"name": name, "charset": "utf8mb4", "collation": "utf8mb4_bin"} for name in names]
        return [{"1": 1}] if statement.startswith("SELECT 1 FROM `shop`.`entry`") else []

    def value(self, expression, values=()):
        self.said.append(expression)
        return {"@@GLOBAL.datadir": "/", "@@GLOBAL.gtid_executed": f"{UUID}:1-5,\n{UUID}:7"}.get(expression, 3)


def test_what_is_there_is_found():
    found = look(FakeServer(TABLES=["author", "entry"], VIEWS=["v"], SCHEMATA=["shop"]), "shop", ["shop"])
    assert (found.tables, found.others, found.filled) == (("author", "entry"), ("v",), ("entry",))
    assert (found.exists, found.sessions) == (True, 3)
    assert found.free > 0


def test_the_account_that_loads_may_do_nothing_elsewhere():
    """Whatever the dump says. Red where the name's _ is any letter."""
    server = FakeServer()
    prepare_account(server, "my_shop")
    assert f"GRANT ALL ON `my\\_shop`.* TO {ACCOUNT}@localhost" in server.said


@pytest.fixture
def client(tmp_path, monkeypatch):
    """Programs that are what MySQL's are called."""

    def make(name, body):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    make("mysql", f"cat >{tmp_path}/loaded")
    make("mysqldump", "echo 'CREATE TABLE a'")
    return make


@pytest.fixture
def wanted(tmp_path):
    (tmp_path / "dump").write_text(TEXT)
    return Load(file=f"{tmp_path}/dump", database="shop", definer=("m", "h"), innodb=False, socket="/s")


def test_the_dump_is_loaded(client, wanted, tmp_path):
    server = FakeServer(SCHEMATA=["shop"])
    load(server, wanted)
    assert "DEFINER=`m`@`h`" in (tmp_path / "loaded").read_text()
    assert server.said[-1] == f"DROP USER IF EXISTS {ACCOUNT}@localhost"


@pytest.mark.parametrize(
    "body",
    ["echo 'ERROR 1062 (23000) at line 7: Duplicate' >&2; exit 1", "cat >/dev/null; echo 'ERROR 1062' >&2; exit 1"],
)
def test_nothing_is_left_of_a_load_that_fails(client, wanted, body):
    """The client ends early or late. Accounts keep their privileges, and the database its collation."""
    client("mysql", body)
    server = FakeServer(SCHEMATA=["shop"])
    with pytest.raises(LoadError, match="ERROR 1062"):
        load(server, wanted)
    assert server.said[-3:] == [
        "DROP DATABASE `shop`",
        "CREATE DATABASE `shop` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        f"DROP USER IF EXISTS {ACCOUNT}@localhost",
    ]


def test_a_dump_that_cannot_be_read_to_its_end_is_not_loaded(client, wanted, tmp_path):
    (tmp_path / "dump").write_bytes(gzip.compress(TEXT.encode() * 99)[:-40])
    with pytest.raises(LoadError, match="cannot be read to its end"):
        load(FakeServer(SCHEMATA=["shop"]), wanted)


def parameters(tmp_path, **changed):
    return {
        "action": "load",
        "database": "shop",
        "path": f"{tmp_path}/dump",
        "definer": "m@h",
        "to_innodb": False,
        "replace": False,
        "saved_to": f"{tmp_path}/saved",
        "clients": [],
        "executed": "",
        "timeout": 1,
        "login_unix_socket": "/s",
        **changed,
    }


def test_a_database_that_is_not_empty_is_left_as_it_is(client, wanted, tmp_path):
    """The playbook has looked, and something came between."""
    server = FakeServer(SCHEMATA=["shop"], TABLES=["entry"])
    with pytest.raises(LoadError, match="is not empty"):
        run(parameters(tmp_path), server, check=False)
    assert not any(said.startswith("DROP") for said in server.said)


def test_what_is_replaced_is_saved_first(client, wanted, tmp_path):
    server = FakeServer(SCHEMATA=["shop"], TABLES=["entry"])
    done = run(parameters(tmp_path, replace=True), server, check=False)
    assert "CREATE TABLE a" in Path(done["saved"]).read_text()
    assert (done["rows"], done["executed"]) == ({"entry": 3}, f"{UUID}:1-5,{UUID}:7")
    client("mysql", "echo wrong >&2; exit 1")
    with pytest.raises(LoadError, match=r"is empty again. What was there is in .*/saved/shop-.*\.sql\."):
        run(parameters(tmp_path, replace=True, saved_to=f"{tmp_path}/other/saved"), server, check=False)


def test_what_cannot_be_saved_is_not_dropped(client, wanted, tmp_path):
    client("mysqldump", "echo no >&2; exit 2")
    server = FakeServer(SCHEMATA=["shop"], TABLES=["entry"])
    with pytest.raises(LoadError, match="could not be saved: no"):
        run(parameters(tmp_path, replace=True), server, check=False)
    assert not any(said.startswith("DROP DATABASE") for said in server.said)
    assert list((tmp_path / "saved").iterdir()) == []
    with pytest.raises(LoadError):
        save("/s", "shop", f"{tmp_path}/saved")


def test_a_check_run_loads_nothing(client, wanted, tmp_path):
    server = FakeServer(SCHEMATA=["shop"])
    assert run(parameters(tmp_path), server, check=True)["changed"] is True
    assert not (tmp_path / "loaded").exists()


def test_replicas_are_waited_for(tmp_path):
    server = FakeServer()
    assert run(parameters(tmp_path, action="wait"), server, check=False)["caught_up"] is False
    assert "WAIT_FOR_EXECUTED_GTID_SET(%s, %s)" in server.said
