"""CREATE TABLE, INSERT, DROP, ALTER TABLE and the SHOWs that tell of them (SQL contract, 1.7, 2.2 to 2.4, 5.2)."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from limbeck.errors import (
    DatatypeMismatch,
    DependentObjects,
    DuplicateTable,
    FeatureNotSupported,
    Forbidden,
    InvalidSchema,
    LimbeckError,
    NameTaken,
    NotFound,
    SqlError,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedTable,
    WrongObject,
)
from limbeck.query import database
from limbeck.query.constraints import constraints
from limbeck.query.database import Database
from limbeck.query.service import SqlSession
from limbeck.registry import Registry
from limbeck.xdm import standard
from limbeck.xdm.types import Field, Object, Scalar
from tests.behaviour import children
from tests.behaviour.query_tables import ADMIN, EDITOR, VIEWER, Home, fixtures


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home.make(tmp_path)
    made.add("cust", fixtures()["cust"])
    return made


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home for statements that are refused: the tests see to it that nothing changes."""
    made = Home.make(tmp_path_factory.mktemp("steady"))
    made.add("cust", fixtures()["cust"])
    for text in (
        "CREATE DATABASE d",
        "CREATE DATABASE e",
        "CREATE SCHEMA d.one",
        "CREATE SCHEMA d.two",
        "CREATE SCHEMA e.one",
        "CREATE TABLE d.one.t (a text, b int)",
        "CREATE TABLE m (id text, identityMap map<text, array<struct<id: text>>>)",
    ):
        made.sql(text)
    return made


def state(home: Home) -> list[Any]:
    """All that statements of this module change."""
    shown = [home.rows(f"SHOW {what}") for what in ("TABLES", "DATAGROUPS", "SCHEMAS", "VIEWS", "FIELDGROUPS")]
    counts = home.rows("SELECT (SELECT count(1) FROM cust), (SELECT count(1) FROM t)")
    return [*shown, counts, kinds(home, "t"), home.registry.descriptors(home.sandbox)]


def run(home: Home, text: str, session: SqlSession) -> list[tuple[Any, ...]]:
    """Run a statement in a session and return its rows."""
    with home.query.run(home.sandbox, text, session=session) as result:
        found = pa.Table.from_batches(list(result.batches()), result.schema)
    return list(zip(*(c.to_pylist() for c in found.columns), strict=True)) if found.num_columns else []


def opened(home: Home, name: str) -> SqlSession:
    """The session that a database name opens."""
    return database.session(home.lake, home.query.objects, home.sandbox, Database.of(name))


def kinds(home: Home, table: str) -> dict[str, str]:
    return {f.name: str(f.type) for f in home.sql(f"SELECT * FROM {table}").schema}


# -- CREATE TABLE ----------------------------------------------------------------------------------------------


def test_a_table_from_columns_has_their_types_and_no_rows(home: Home) -> None:
    made = home.rows(
        """CREATE TABLE t (flag boolean, day date, at datetime, Txt text, f float, big bigint, n integer, s smallint,
           tiny tinyint, v varchar(20), c char(2), d double precision, x decimal(10, 2), tags array<text>,
           words text[], counts map<text, bigint>, who struct<name: string, Age int>,
           "order" ROW(id text, lines array<ROW(n int)>))"""
    )
    dataset = home.lake.datasets.by_table(home.sandbox, "t")
    assert dataset is not None
    assert made == [(dataset.id,)]
    assert home.rows("SELECT count(1) FROM t") == [(0,)]
    assert kinds(home, "t") == {
        "flag": "bool",
        "day": "date32[day]",
        "at": "timestamp[ms]",
        "Txt": "string",
        "f": "double",
        "big": "int64",
        "n": "int32",
        "s": "int16",
        "tiny": "int8",
        "v": "string",
        "c": "string",
        "d": "double",
        "x": "double",
        "tags": "list<item: string>",
        "words": "list<item: string>",
        "counts": "map<string, int64>",
        "who": "struct<name: string, Age: int32>",
        "order": "struct<id: string, lines: list<item: struct<n: int32>>>",
    }
    home.sql("INSERT INTO t (n, who, counts) SELECT '7', struct('Bo' AS NAME), map('a', 1)")
    assert home.rows("SELECT n, who.name, who.age, counts['a'], txt FROM t") == [(7, "Bo", None, 1, None)]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("CREATE TABLE t", SqlSyntaxError),
        ("CREATE TABLE t (a nope)", SqlSyntaxError),
        ("CREATE TABLE t (order int)", SqlSyntaxError),
        ("CREATE TABLE t (a int, A text)", InvalidSchema),
        ("CREATE TABLE t (a int) AS SELECT 1 AS a", SqlSyntaxError),
        ("CREATE TABLE t (a map<int, text>)", FeatureNotSupported),
        ("CREATE TABLE t (a text PRIMARY IDENTITY)", SqlSyntaxError),
        ("CREATE TABLE t (a text PRIMARY IDENTITY NAMESPACE 'A')", SqlSyntaxError),
        ("CREATE TABLE t {SELECT 1 AS a}", SqlSyntaxError),
        ('CREATE TABLE "a b" AS SELECT 1 AS a', SqlSyntaxError),
        ("CREATE TABLE t WITH (nope = 1) AS SELECT 1 AS a", FeatureNotSupported),
        ("CREATE TABLE t WITH (label = 'X') AS SELECT 1 AS a", FeatureNotSupported),
        ("CREATE TABLE t TRANSFORM (string_indexer(a) b) AS SELECT 1 AS a", FeatureNotSupported),
        ("CREATE TABLE t WITH (schema = 'nope') AS SELECT 1 AS a", NotFound),
        ("CREATE TABLE a.b.t AS SELECT 1 AS a", NotFound),
        ("CREATE TABLE t AS SELECT max(id) FROM cust", SqlSyntaxError),
        ("CREATE INDEX i ON cust (id)", FeatureNotSupported),
        ("CREATE OR REPLACE TABLE t AS SELECT 1 AS a", FeatureNotSupported),
        ("CREATE EXTERNAL TABLE t AS SELECT 1 AS a", FeatureNotSupported),
        ("CREATE TEMP TABLE t WITH (label = 'PROFILE') AS SELECT 1 AS a", FeatureNotSupported),
    ],
)
def test_what_create_table_refuses(steady: Home, statement: str, error: type[LimbeckError]) -> None:
    before = state(steady)
    with pytest.raises(error):
        steady.sql(statement.replace(" t ", " new ").replace(".t ", ".new "))
    assert state(steady) == before


def test_the_place_of_an_error_is_that_in_the_statement(home: Home) -> None:
    text = "CREATE TABLE t WITH (rowvalidation = 'false') AS (SELECT id, nme AS x FROM cust)"
    with pytest.raises(UndefinedColumn) as caught:
        home.sql(text)
    assert caught.value.position == text.index("nme") + 1


def test_a_table_follows_a_schema_named_by_its_title(home: Home) -> None:
    fields = {"_acme": {"type": "object", "properties": {"userid": {"type": "string"}, "n": {"type": "integer"}}}}
    group = home.registry.create(
        home.sandbox,
        "fieldgroups",
        {
            "title": "Mine",
            "meta:intendedToExtend": [standard.PROFILE],
            "definitions": {"f": {"properties": fields}},
            "allOf": [{"$ref": "#/definitions/f"}],
        },
    )
    body = {"title": "People", "allOf": [{"$ref": standard.PROFILE}, {"$ref": group["$id"]}]}
    schema = home.registry.create(home.sandbox, "schemas", body)
    query = "SELECT struct(name AS userid, id AS n) AS _acme FROM cust"
    home.sql(f"CREATE TABLE people WITH (schema = 'People', DISTRIBUTION = REPLICATE, label = 'PROFILE') AS {query}")
    dataset = home.lake.datasets.by_table(home.sandbox, "people")
    assert dataset is not None
    assert dataset.schema.id == schema["$id"]
    assert dataset.in_profile
    assert "union" in home.registry.get(home.sandbox, "schemas", schema["$id"])["meta:immutableTags"]
    assert home.rows("SELECT _acme.userid FROM people ORDER BY _acme.n") == [("Anna",), ("alf",), ("Bo",)]
    with pytest.raises(SqlError, match="Error validating schema") as caught:
        home.sql("CREATE TABLE other WITH (schema = 'People') AS SELECT struct(1 AS nope) AS _acme")
    assert caught.value.sqlstate == "58000"


def test_a_table_of_profile(home: Home) -> None:
    home.sql("CREATE TABLE p (id text PRIMARY IDENTITY NAMESPACE 'email', name text) WITH (label = 'PROFILE')")
    home.sql("CREATE TABLE q WITH (label = 'UPSERT') AS SELECT 1 AS id")  # the same column with another type
    found = home.lake.datasets.by_table(home.sandbox, "p")
    assert found is not None
    assert found.in_profile
    assert home.registry.get(home.sandbox, "schemas", found.schema.id)["meta:immutableTags"] == ["union"]
    assert [(i.path, i.primary) for i in found.schema.identities] == [("id", True)]
    labels = {row["name"]: row["labels"] for row in home.sql("SHOW TABLES").to_pylist()}
    assert labels == {"cust": "false", "p": "'UPSERT', 'PROFILE'", "q": "'UPSERT'"}


def test_the_first_insert_shapes_a_table_without_columns(home: Home) -> None:
    home.sql("CREATE TABLE IF NOT EXISTS scores")
    home.sql("CREATE TABLE IF NOT EXISTS scores")
    with pytest.raises(SqlError, match="no columns yet"):
        home.sql("SELECT count(1) FROM scores")
    assert home.sql("SHOW TABLES").column("name").to_pylist() == ["cust", "scores"]
    home.sql("INSERT INTO scores SELECT id, 0.5 AS score FROM cust")
    home.sql("INSERT INTO scores VALUES (9, 1)")
    assert home.rows("SELECT id, score FROM scores WHERE id > 2 ORDER BY id") == [(3, 0.5), (9, 1.0)]


def test_temporary_tables_are_the_sessions_own(home: Home) -> None:
    mine, other = SqlSession(), SqlSession()
    run(home, "CREATE TEMP TABLE tmp AS (SELECT id, name FROM cust)", mine)
    run(home, "CREATE TEMPORARY TABLE made (a int, b struct<c: text>)", mine)
    run(home, "INSERT INTO made SELECT id, struct(name AS C) FROM tmp WHERE id = 1", mine)
    run(home, "INSERT INTO tmp VALUES (7, 'x')", mine)
    assert run(home, "SELECT t.id, m.b.c FROM tmp t LEFT JOIN made m ON m.a = t.id ORDER BY 1", mine) == [
        (1, "Anna"),
        (2, None),
        (3, None),
        (7, None),
    ]
    with pytest.raises(DuplicateTable):
        run(home, "CREATE TEMP TABLE TMP AS SELECT 1 AS a", mine)
    with pytest.raises(UndefinedTable):
        run(home, "SELECT * FROM tmp", other)
    assert home.sql("SHOW TABLES").column("name").to_pylist() == ["cust"]
    run(home, "DROP TABLE tmp", mine)
    with pytest.raises(UndefinedTable):
        run(home, "SELECT * FROM tmp", mine)
    mine.close()
    assert list(home.settings.scratch.glob("temp-*")) == []


def test_a_temporary_table_hides_one_of_the_sandbox(home: Home) -> None:
    session = SqlSession()
    run(home, "CREATE TEMP TABLE cust AS SELECT 42 AS id", session)
    assert run(home, "SELECT id FROM cust", session) == [(42,)]
    assert home.rows("SELECT count(1) FROM cust") == [(3,)]
    run(home, "DROP TABLE cust", session)
    assert run(home, "SELECT count(1) FROM cust", session) == [(3,)]


def test_select_into_makes_a_table_and_gives_no_rows(home: Home) -> None:
    session = SqlSession()
    assert run(home, "SELECT id, name INTO kept FROM cust WHERE id > 1", session) == []
    assert run(home, "SELECT id INTO TEMP TABLE passing FROM kept", session) == []
    assert run(home, "SELECT count(1) FROM passing", session) == home.rows("SELECT count(1) FROM kept") == [(2,)]
    with pytest.raises(DuplicateTable):
        home.sql("SELECT 1 AS a INTO UNLOGGED kept")


def test_of_two_that_make_a_table_at_once_one_wins(home: Home) -> None:
    outcomes: list[str] = []

    def make() -> None:
        try:
            home.sql("CREATE TABLE once AS SELECT id FROM cust")
            outcomes.append("made")
        except DuplicateTable as error:
            outcomes.append(error.sqlstate)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["42P07", "42P07", "42P07", "made"]
    assert home.rows("SELECT count(1) FROM once") == [(3,)]


# -- INSERT ----------------------------------------------------------------------------------------------------


def test_structs_find_their_column_by_name_and_scalars_by_position(home: Home) -> None:
    home.sql("CREATE TABLE t (id text, _acme struct<x: int, y: text>, n int, other struct<x: int>)")
    home.sql("INSERT INTO t SELECT struct(2 AS Y, 1 AS x) _acme")
    home.sql("INSERT INTO t SELECT 'a', 5, struct(3 AS x) _ACME")
    home.sql("INSERT INTO t SELECT 'b', struct(4 AS x), 6")
    assert home.rows("SELECT id, _acme.x, _acme.y, n FROM t ORDER BY _acme.x") == [
        (None, 1, "2", None),
        ("a", 3, None, 5),
        ("b", 4, None, 6),
    ]
    with pytest.raises(SqlError, match="Error validating schema"):
        home.sql("INSERT INTO t SELECT struct(1 AS z) _acme")


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t SELECT 1",
        "INSERT INTO t (SELECT 1)",
        "INSERT INTO t ((SELECT 1))",
        "INSERT INTO t AS (SELECT 1)",
        "INSERT INTO TABLE t VALUES (1)",
        "INSERT INTO t (N) VALUES ('1')",
        "INSERT INTO public.t (n) (SELECT 1)",
        "INSERT INTO t WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "INSERT INTO t SELECT 1 UNION ALL (SELECT 1) LIMIT 1",
    ],
)
def test_forms_of_insert(steady: Home, text: str) -> None:
    steady.sql("CREATE TABLE forms (n int)")
    assert steady.rows(text.replace(" t ", " forms ").replace(".t ", ".forms ")) == [(1,)]
    assert steady.rows("SELECT n FROM forms") == [(1,)]
    steady.sql("DROP TABLE forms")


@pytest.mark.parametrize(
    ("statement", "error", "code"),
    [
        ("INSERT OVERWRITE INTO cust SELECT 1", FeatureNotSupported, "0A000"),
        ("INSERT INTO AUDIENCE a SELECT 1", FeatureNotSupported, "0A000"),
        ("INSERT INTO cust VALUES (1, 2, 3, 4)", SqlSyntaxError, "42601"),
        ("INSERT INTO cust (id, id2) VALUES (1, 2)", UndefinedColumn, "42703"),
        ("INSERT INTO cust SELECT array(1)", DatatypeMismatch, "42804"),
        ("INSERT INTO cust SELECT struct(1 AS a)", DatatypeMismatch, "42804"),
        ("INSERT INTO cust SELECT 'x'", DatatypeMismatch, "42804"),
        ("UPDATE cust SET id = 1", FeatureNotSupported, "0A000"),
        ("DELETE FROM cust", FeatureNotSupported, "0A000"),
        ("MERGE INTO cust USING cust c ON 1 = 1 WHEN MATCHED THEN DELETE", FeatureNotSupported, "0A000"),
        ("TRUNCATE TABLE cust", FeatureNotSupported, "0A000"),
        (
            "CREATE AUDIENCE a WITH (primary_identity='id', identity_namespace='x') AS (SELECT 1)",
            FeatureNotSupported,
            "0A000",
        ),
        ("DROP AUDIENCE IF EXISTS a", FeatureNotSupported, "0A000"),
        ("CREATE OR REPLACE MODEL m OPTIONS(MODEL_TYPE='linear_reg') AS SELECT 1", FeatureNotSupported, "0A000"),
        ("UPDATE MODEL m AS SELECT 1", FeatureNotSupported, "0A000"),
        ("ALTER MODEL m RENAME TO n", FeatureNotSupported, "0A000"),
        ("DROP MODEL m", FeatureNotSupported, "0A000"),
        ("SHOW MODELS", FeatureNotSupported, "0A000"),
        ("SELECT * FROM model_evaluate(m, 1, SELECT id FROM cust)", FeatureNotSupported, "0A000"),
        ("SELECT * FROM model_predict (m, 1, SELECT id FROM cust)", FeatureNotSupported, "0A000"),
    ],
)
def test_what_is_not_done_to_rows(steady: Home, statement: str, error: type[LimbeckError], code: str) -> None:
    before = state(steady)
    with pytest.raises(error) as caught:
        steady.sql(statement)
    assert caught.value.sqlstate == code
    assert state(steady) == before


# -- DROP ------------------------------------------------------------------------------------------------------


def test_a_table_made_by_sql_can_be_dropped_when_its_history_is_gone(home: Home) -> None:
    home.sql("CREATE TABLE t (a int)", ADMIN)
    with pytest.raises(Forbidden, match="another credential"):
        home.sql("DROP TABLE t", EDITOR)
    home.sql("DROP TABLE public.t", ADMIN)
    home.sql("DROP TABLE IF EXISTS t", ADMIN)
    with pytest.raises(UndefinedTable):
        home.sql("DROP TABLE t", ADMIN)


# -- logical schemas -------------------------------------------------------------------------------------------


@pytest.fixture
def organised(home: Home) -> Home:
    """A home with the schemas d.one, d.two and e.one, and table t in d.one."""
    for text in (
        "DATABASE d",
        "DATABASE e WITH (TYPE=QSACCEL, ACCOUNT=acp_query_batch)",
        "SCHEMA d.one",
        "SCHEMA d.two",
    ):
        home.sql(f"CREATE {text}")
    home.sql("CREATE SCHEMA e.one")
    home.sql("CREATE TABLE d.one.t AS SELECT 1 AS a")
    return home


def test_tables_are_found_through_their_schemas(organised: Home) -> None:
    home = organised
    for name in ("d.one.t", "D.ONE.T", "t", "public.t", "d.t", "one.t", '"d"."one"."t"'):
        assert home.rows(f"SELECT a FROM {name}") == [(1,)]
        assert home.rows(f"INSERT INTO {name} SELECT a FROM t WHERE 1 = 0") == [(0,)]
    for name in ("d.two.t", "e.one.t", "two.t", "e.t", "d.one.cust", "x.y.t"):
        with pytest.raises(UndefinedTable):
            home.sql(f"SELECT * FROM {name}")
    assert home.rows("SELECT t.a, d.one.t.a FROM d.one.t") == [(1, 1)]


def test_show_databases_schemas_and_datagroups(organised: Home) -> None:
    home = organised
    home.sql("CREATE VIEW d.two.v AS SELECT a FROM d.one.t")
    table, view = home.rows("SHOW TABLES")[1][1], home.rows("SHOW VIEWS")[0][3]
    assert home.rows("SHOW DATABASES") == [("d",), ("e",)]
    assert home.rows("SHOW SCHEMAS") == home.rows("SHOW SCHEMA") == [("d", "one"), ("d", "two"), ("e", "one")]
    groups = home.sql("SHOW DATAGROUPS")
    assert groups.schema.names == ["Database", "Schema", "GroupType", "ChildType", "ChildName", "ChildId"]
    assert home.rows("SHOW DATAGROUPS") == [
        ("d", "one", "ADLS", "Data Lake Table", "t", table),
        ("d", "two", "ADLS", "View", "v", view),
    ]
    assert home.rows("SHOW DATAGROUPS FOR 't'") == home.rows("SHOW DATAGROUPS FOR t")
    assert [row[4] for row in home.rows("SHOW DATAGROUPS FOR 't'")] == ["t"]
    session = opened(home, "prod:d.two")
    assert run(home, "SHOW TABLES", session) == [("v", "View")]
    assert run(home, "SHOW TABLES", opened(home, "prod:d")) == [("t", "Data Lake Table"), ("v", "View")]
    assert run(home, "SELECT a FROM v", session) == [(1,)]
    for hidden in ("t", "cust", "d.one.t"):
        with pytest.raises(UndefinedTable):
            run(home, f"SELECT * FROM {hidden}", session)
    run(home, "CREATE TABLE inside (x int)", session)
    assert run(home, "SHOW TABLES", opened(home, "prod:D.TWO")) == [("inside", "Data Lake Table"), ("v", "View")]


def test_references_come_and_go(organised: Home) -> None:
    home = organised
    home.sql("ALTER TABLE t ADD SCHEMA e.one")
    home.sql("ALTER TABLE t ADD SCHEMA e.one")
    assert [row[:2] for row in home.rows("SHOW DATAGROUPS FOR 't'")] == [("d", "one"), ("e", "one")]
    with pytest.raises(DependentObjects, match="several schemas"):
        home.sql("DROP TABLE t")
    with pytest.raises(DependentObjects, match=r"d\.one"):
        home.sql("DROP DATABASE d")
    with pytest.raises(DependentObjects) as caught:
        home.sql("DROP SCHEMA d.one RESTRICT")
    assert caught.value.sqlstate == "2BP01"
    home.sql("DROP TABLE d.one.t")
    assert home.rows("SELECT a FROM e.one.t") == home.rows("SELECT a FROM t") == [(1,)]
    home.sql("ALTER TABLE e.one.t SET SCHEMA d.two")
    assert [row[:2] for row in home.rows("SHOW DATAGROUPS")] == [("d", "two")]
    home.sql("ALTER TABLE d.two.t REMOVE SCHEMA d.two")
    with pytest.raises(NotFound):
        home.sql("ALTER TABLE t REMOVE SCHEMA d.two")
    home.sql("ALTER TABLE t ADD SCHEMA d.two")
    home.sql("DROP SCHEMA d.two CASCADE")
    assert home.rows("SELECT a FROM t") == [(1,)]
    home.sql("DROP TABLE t")
    home.sql("DROP DATABASE d")
    home.sql("DROP DATABASE IF EXISTS d")
    assert home.rows("SHOW SCHEMAS") == [("e", "one")]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("CREATE DATABASE D", NameTaken),
        ("CREATE SCHEMA d.ONE", NameTaken),
        ("CREATE SCHEMA x.one", NotFound),
        ("CREATE SCHEMA one", SqlSyntaxError),
        ("CREATE DATABASE public", SqlSyntaxError),
        ("DROP DATABASE x", NotFound),
        ("DROP SCHEMA d.x", NotFound),
        ("ALTER TABLE t ADD SCHEMA d.x", NotFound),
        ("ALTER VIEW t ADD SCHEMA d.two", WrongObject),
        ("CREATE TABLE one.s AS SELECT 1 AS a", SqlError),
        ("CREATE TABLE d.two.t AS SELECT 1 AS a", DuplicateTable),
    ],
)
def test_what_logical_schemas_refuse(steady: Home, statement: str, error: type[LimbeckError]) -> None:
    before = state(steady)
    with pytest.raises(error):
        steady.sql(statement)
    assert state(steady) == before


def test_if_not_exists_and_owners_of_containers(organised: Home) -> None:
    organised.sql("CREATE DATABASE IF NOT EXISTS d")
    organised.sql("CREATE SCHEMA IF NOT EXISTS d.one")
    organised.sql("CREATE DATABASE f", ADMIN)
    with pytest.raises(Forbidden):
        organised.sql("DROP DATABASE f", EDITOR)
    organised.sql("DROP DATABASE f", ADMIN)


# -- ALTER TABLE -----------------------------------------------------------------------------------------------


def test_constraints_are_shown_and_dropped(home: Home) -> None:
    home.sql("CREATE TABLE person (id text, mail text, _acme struct<crm: text>, n int)")
    home.sql("CREATE TABLE visit (who text, n int)")
    for text in (
        "person ADD CONSTRAINT PRIMARY KEY (ID, _ACME.crm) NAMESPACE 'crmid'",
        "visit ADD PRIMARY KEY (n) NOT ENFORCED",
        "visit ADD CONSTRAINT FOREIGN KEY (who, n) REFERENCES person (id, n) NOT ENFORCED",
        "person ADD CONSTRAINT PRIMARY IDENTITY (mail) NAMESPACE 'EMAIL'",
        "person ADD CONSTRAINT IDENTITY (_acme.crm) NAMESPACE 'mine'",
    ):
        assert home.rows(f"ALTER TABLE {text}") == []
    assert home.sql("SHOW PRIMARY KEYS").schema.names == ["tableName", "columnName", "datatype", "namespace"]
    assert home.rows("SHOW PRIMARY KEYS") == [
        ("person", "id", "text", "crmid"),
        ("person", "_acme.crm", "text", "crmid"),
        ("visit", "n", "integer", ""),
    ]
    assert home.rows("SHOW FOREIGN KEYS") == [
        ("visit", "who", "text", "person", "id", ""),
        ("visit", "n", "integer", "person", "n", ""),
    ]
    assert home.rows("SHOW IDENTITIES") == [
        ("person", "mail", "text", "Email", "true"),
        ("person", "_acme.crm", "text", "mine", "false"),
    ]
    schema = home.lake.datasets.by_table(home.sandbox, "person").schema  # type: ignore[union-attr]
    assert [(i.path, i.namespace, i.primary) for i in schema.identities] == [
        ("mail", "Email", True),
        ("_acme.crm", "mine", False),
    ]
    with pytest.raises(NotFound):
        home.sql("ALTER TABLE person DROP CONSTRAINT PRIMARY KEY (id)")
    home.sql("ALTER TABLE person DROP CONSTRAINT PRIMARY KEY (id, _acme.crm)")
    home.sql("ALTER TABLE person DROP CONSTRAINT PRIMARY IDENTITY (mail)")
    home.sql("ALTER TABLE visit DROP CONSTRAINT FOREIGN KEY (who, n)")
    left = constraints(home.registry, home.sandbox, home.lake.datasets.all(home.sandbox))
    assert [(c.table, c.kind) for c in left] == [("person", "identity"), ("visit", "primary key")]
    home.sql("DROP TABLE person")
    assert home.rows("SHOW IDENTITIES") == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("nope ADD CONSTRAINT PRIMARY KEY (a) NAMESPACE 'x'", UndefinedTable),
        ("t ADD CONSTRAINT PRIMARY KEY (z) NAMESPACE 'x'", UndefinedColumn),
        ("t ADD CONSTRAINT PRIMARY KEY (a)", SqlSyntaxError),
        ("t ADD CONSTRAINT PRIMARY IDENTITY (a) NOT ENFORCED", SqlSyntaxError),
        ("t ADD CONSTRAINT PRIMARY IDENTITY (a) NAMESPACE 'B'", SqlSyntaxError),
        ("t ADD CONSTRAINT IDENTITY (b) NAMESPACE 'x'", InvalidSchema),
        ("t ADD CONSTRAINT IDENTITY (a, b) NAMESPACE 'x'", SqlSyntaxError),
        ("t ADD CONSTRAINT FOREIGN KEY (a) REFERENCES cust (id)", DatatypeMismatch),
        ("t ADD CONSTRAINT FOREIGN KEY (a) REFERENCES nope (id)", UndefinedTable),
        ("t ADD CONSTRAINT FOREIGN KEY (a, b) REFERENCES cust (name)", SqlSyntaxError),
        ("t SET CONSTRAINT PRIMARY KEY (a) NAMESPACE 'x'", SqlSyntaxError),
        ("t DROP CONSTRAINT IDENTITY (a)", NotFound),
        ("t ADD COLUMN a text", InvalidSchema),
        ("t ADD COLUMN c text, c int", InvalidSchema),
        ("t ADD COLUMN c nope", SqlSyntaxError),
        ("t ADD LABEL 'X'", SqlSyntaxError),
        ("m ADD CONSTRAINT PRIMARY IDENTITY (id) NAMESPACE 'Email'", InvalidSchema),
    ],
)
def test_what_alter_table_refuses(steady: Home, text: str, error: type[LimbeckError]) -> None:
    before = state(steady)
    with pytest.raises(error):
        steady.sql(f"ALTER TABLE {text}")
    assert state(steady) == before


def test_an_identity_map_is_labelled_first(home: Home) -> None:
    home.sql("CREATE TABLE m (id text, identityMap map<text, array<struct<id: text>>>)")
    home.sql("ALTER TABLE m ADD CONSTRAINT PRIMARY IDENTITY (identitymap) NAMESPACE 'ECID'")
    home.sql("ALTER TABLE m ADD CONSTRAINT IDENTITY (id) NAMESPACE 'Email'")
    assert home.rows("SHOW IDENTITIES") == [
        ("m", "identityMap", "map", "ECID", "true"),
        ("m", "id", "text", "Email", "false"),
    ]


def test_a_schema_of_several_tables_cannot_be_altered(home: Home) -> None:
    schema = home.registry.adhoc_schema(home.sandbox, "s", Object((Field("a", Scalar("string")),)))
    for name in ("one", "two"):
        home.lake.create_dataset(home.sandbox, name, schema.id)
    for text in ("ADD CONSTRAINT PRIMARY KEY (a) NAMESPACE 'x'", "ADD COLUMN b int"):
        with pytest.raises(InvalidSchema, match="two"):
            home.sql(f"ALTER TABLE one {text}")


def test_new_columns_are_null_in_old_rows(home: Home) -> None:
    home.sql("CREATE TABLE t AS SELECT 1 AS a")
    home.sql("ALTER TABLE t ADD COLUMN b bigint, At datetime, c varchar(5), d double precision")
    home.sql("INSERT INTO t VALUES (2, 3, '2024-01-02', 'x', 0.5)")
    assert home.rows("SELECT a, b, at, c, d FROM t ORDER BY a") == [
        (1, None, None, None, None),
        (2, 3, dt.datetime(2024, 1, 2), "x", 0.5),
    ]


def test_labels_come_and_go(home: Home) -> None:
    home.sql("CREATE TABLE t AS SELECT 'a' AS id")
    assert home.rows("SHOW TABLES")[1][5] == "false"
    home.sql("ALTER TABLE t ADD LABEL 'PROFILE'")
    home.sql("ALTER TABLE t ADD LABEL 'UPSERT'")
    assert home.rows("SHOW TABLES")[1][5] == "'UPSERT', 'PROFILE'"
    home.sql("ALTER TABLE t DROP LABEL 'UPSERT'")
    home.sql("ALTER TABLE t DROP LABEL 'PROFILE'")
    assert home.rows("SHOW TABLES")[1][5] == "false"


# -- namespaces and field groups -------------------------------------------------------------------------------


def test_namespaces(home: Home) -> None:
    home.sql("CREATE NAMESPACE Loyalty WITH (code='loyal', TYPE='Email')")
    found = home.sql("SHOW NAMESPACES")
    assert found.schema.names == ["name", "code", "type", "id"]
    by_code = {row["code"]: (row["type"], row["id"]) for row in found.to_pylist()}
    assert [by_code[code] for code in ("ECID", "Email", "AdCloud")] == [("COOKIE", 4), ("EMAIL", 6), ("COOKIE", 411)]
    assert by_code["loyal"] == ("EMAIL", 10_000_000)
    for taken in (
        "CREATE NAMESPACE x WITH (code='LOYAL', TYPE='Phone')",
        "CREATE NAMESPACE x WITH (code='ecid', TYPE='Phone')",
    ):
        with pytest.raises(NameTaken):
            home.sql(taken)
    with pytest.raises(LimbeckError, match="PHONE"):
        home.sql("CREATE NAMESPACE x WITH (code='x', TYPE='Fone')")
    with pytest.raises(SqlSyntaxError):
        home.sql("CREATE NAMESPACE x WITH (code='x')")
    assert Registry(home.store).namespaces.find(home.sandbox, "LOYAL") is not None


def test_field_groups(home: Home) -> None:
    text = "fg (mail text primary identity namespace 'Email', n int)"
    with pytest.raises(SqlSyntaxError, match="LABEL"):
        home.sql(f"CREATE FIELDGROUP {text}")
    made = home.sql(f"CREATE FIELDGROUP {text} WITH (LABEL='PROFILE')", ADMIN).to_pylist()[0]["fieldgroupId"]
    assert home.sql("SHOW FIELDGROUPS").to_pylist() == [{"name": "fg", "fieldgroupId": made, "owner": "alice"}]
    with pytest.raises(NameTaken):
        home.sql(f"CREATE FIELDGROUP {text} WITH (LABEL='PROFILE')")
    again = home.rows("CREATE FIELDGROUP fg IF NOT EXISTS (x int) WITH (LABEL='PROFILE')")
    assert again == [(made,)]
    body = {"title": "S", "allOf": [{"$ref": standard.PROFILE}, {"$ref": made}]}
    schema = home.registry.create(home.sandbox, "schemas", body)
    assert home.registry.schema(home.sandbox, schema["$id"]).type.find("_acme.n") is not None
    with pytest.raises(LimbeckError, match="used by schema"):
        home.sql(f"DROP FIELDGROUP {made}")
    home.registry.patch(
        home.sandbox, "schemas", schema["$id"], [{"op": "replace", "path": "/allOf", "value": body["allOf"][:1]}]
    )
    home.sql(f"DROP FIELDGROUP '{made}'")
    home.sql(f"DROP FIELDGROUP IF EXISTS {made}")
    with pytest.raises(NotFound):
        home.sql(f"DROP FIELDGROUP {made}")


# -- who, where, and over crashes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW v AS SELECT 1 AS a",
        "DROP VIEW v",
        "CREATE DATABASE d",
        "CREATE SCHEMA d.s",
        "DROP DATABASE d",
        "DROP SCHEMA d.s",
        "ALTER TABLE cust ADD COLUMN x int",
        "ALTER TABLE cust ADD LABEL 'PROFILE'",
        "ALTER TABLE cust ADD CONSTRAINT PRIMARY KEY (id) NAMESPACE 'x'",
        "ALTER TABLE cust ADD SCHEMA d.s",
        "CREATE NAMESPACE n WITH (code='n', TYPE='Email')",
        "CREATE FIELDGROUP f (a int) WITH (LABEL='PROFILE')",
        "DROP FIELDGROUP f",
        "SELECT 1 AS a INTO t",
    ],
)
def test_viewers_change_nothing(steady: Home, statement: str) -> None:
    before = state(steady)
    with pytest.raises(Forbidden, match="role"):
        steady.sql(statement, VIEWER)
    assert state(steady) == before


def test_everything_is_there_after_a_restart(organised: Home) -> None:
    home = organised
    home.sql("CREATE VIEW d.two.v AS SELECT a FROM t")
    home.sql("ALTER TABLE t ADD CONSTRAINT PRIMARY KEY (a) NAMESPACE 'x'")
    told = [home.rows(f"SHOW {what}") for what in ("VIEWS", "DATAGROUPS", "PRIMARY KEYS", "TABLES")]
    home.store.close()
    again = Home.make(home.settings.home.parent)
    assert [again.rows(f"SHOW {what}") for what in ("VIEWS", "DATAGROUPS", "PRIMARY KEYS", "TABLES")] == told
    assert again.rows("SELECT a FROM d.two.v") == [(1,)]


def execute(folder: str, text: str) -> None:
    """Run one statement in the home in *folder*."""
    Home.make(Path(folder)).sql(text)


STATES = ("SHOW TABLES", "SHOW DATAGROUPS", "SHOW VIEWS", "SHOW PRIMARY KEYS")


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("CREATE TABLE d.two.new AS SELECT 1 AS a", "lake.create-table.before-commit"),
        ("CREATE TABLE d.two.new (a int PRIMARY KEY)", "lake.create-table.before-commit"),
        ("CREATE VIEW d.two.v AS SELECT a FROM t", "query.create-view.before-commit"),
        ("DROP TABLE d.one.t", "query.drop-table.before-commit"),
    ],
)
def test_what_a_crash_interrupts_has_not_begun(organised: Home, text: str, point: str) -> None:
    before = [organised.rows(state) for state in STATES]
    children.killed(execute, str(organised.settings.home.parent), text, crash_at=point)
    assert [organised.rows(state) for state in STATES] == before
    assert len(organised.registry.list(organised.sandbox, "schemas", hidden=True)) == 2
    organised.sql(text)
    assert [organised.rows(state) for state in STATES] != before


def test_a_first_insert_that_a_crash_interrupts_leaves_the_columns_and_no_rows(home: Home) -> None:
    home.sql("CREATE TABLE IF NOT EXISTS t")
    text = "INSERT INTO t SELECT id, name FROM cust"
    children.killed(execute, str(home.settings.home.parent), text, crash_at="query.insert.shaped")
    assert home.rows("SELECT * FROM t") == []
    home.sql(text)
    assert home.rows("SELECT count(1) FROM t") == [(3,)]
