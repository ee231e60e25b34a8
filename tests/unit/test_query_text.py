"""From text to trees: splitting, parsing, naming; no engine, no store."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck.errors import SqlError, SqlSyntaxError, UndefinedTable
from limbeck.query.dialect import parse, position, rendered
from limbeck.query.label import label
from limbeck.query.resolve import Source, resolve
from limbeck.query.split import statements
from limbeck.xdm.types import Array, Field, Map, Object, Scalar
from tests.catalogues import Tables

STRING, LONG = Scalar("string"), Scalar("long")
EVENTS = Object(
    (
        Field("_acme", Object((Field("userId", STRING), Field("items", Array(Object((Field("n", LONG),))))))),
        Field("timestamp", Scalar("date-time")),
        Field("identityMap", Map(Array(Object((Field("id", STRING),))))),
    )
)


def engine_sql(sql: str) -> str:
    return rendered(resolve(sql, parse(sql), Tables("events", EVENTS)).tree)


PIECES = st.sampled_from(
    [
        "select 1",
        "'a;b'",
        "'it''s;'",
        "'back\\\\slash\\';'",
        '"q;""r"',
        "`c;``d`",
        "-- e;'\n",
        "/* f;\n' */",
        "$$ BEGIN g; h END $$",
        "x",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(PIECES, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=4))
def test_semicolons_cut_only_between_statements(texts: list[str]) -> None:
    def empty(text: str) -> bool:
        return not "".join(text.replace("-- e;'\n", "").replace("/* f;\n' */", "").split())

    assert statements(";".join(texts)) == [text.strip() for text in texts if not empty(text)]


@pytest.mark.parametrize("text", ["", " ;; ", "-- nothing", "/* not closed", "'not closed; ", "select 1 -- x;"])
def test_splitting_never_fails(text: str) -> None:
    assert len(statements(text)) <= 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t SNAPSHOT SINCE 1",
        "SELECT a FROM t SNAPSHOT AS OF '2' x",
        "SELECT a FROM t x SNAPSHOT BETWEEN 'HEAD' AND 3 WHERE b",
        "SELECT a FROM t SNAPSHOT BETWEEN 1 AND 'TAIL' JOIN u SNAPSHOT SINCE 4 ON t.a = u.a",
        "SELECT a, FROM t",
        "SELECT * FROM (SELECT 1 AS a)",
        "SELECT CASE WHEN a == 1 THEN 'x' END 'y z' FROM t",
        "SELECT x::int, identityMap['ECID'][0].id FROM t",
        "CREATE TABLE IF NOT EXISTS t WITH (schema='a b', rowvalidation='false') AS (SELECT 1 AS a)",
        "INSERT INTO t (a, b) SELECT 1, 2",
        "SELECT TIME_BETWEEN_NEXT_MATCH(timestamp, a = 'b', 'days') OVER (ORDER BY timestamp) FROM t",
        "SELECT DISTINCT(a) AS x, f(b) FROM t",
        "SELECT a FROM t UNION (SELECT b FROM u) MINUS SELECT c FROM v",
    ],
)
def test_the_dialect_parses(sql: str) -> None:
    assert parse(sql) == parse(sql)


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("SELECT 'open", 8),
        ("SELECT\n  1 +\nFROM t", 14),
        ("SELECT a FROM t WHERE (b", None),
        ("SELEC 1", 7),
        ("SELECT a b c FROM t", 12),
    ],
)
def test_syntax_errors_say_where(sql: str, place: int | None) -> None:
    with pytest.raises(SqlSyntaxError) as caught:
        parse(sql)
    if place is not None:
        assert caught.value.position == place


@pytest.mark.parametrize(
    "sql", ["SELECT " + "(" * 5000 + "1" + ")" * 5000, "SELECT " + "-" * 3000 + "x", "\0", "SELECT \ud800"]
)
def test_absurd_texts_are_refused_and_nothing_worse(sql: str) -> None:
    with pytest.raises(SqlError):
        resolve(sql, parse(sql), Tables("events", EVENTS))


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("count(*)", "count(1)"),
        ("COUNT(DISTINCT identityMap['ECID'][0].id)", "count(DISTINCT identityMap[ECID][0].id)"),
        ("to_json(commerce)", "to_json(commerce)"),
        ("person.name.firstName", "firstname"),
        ("eventType", "eventType"),
        ("a + 1", "(a + 1)"),
        ("Element_At(identitymap,'AAID')", "element_at(identitymap, AAID)"),
    ],
)
def test_labels(expression: str, name: str) -> None:
    assert label(parse(f"SELECT {expression}").expressions[0]) == name


def test_relations_become_views_of_their_snapshots() -> None:
    sql = "SELECT a.timestamp FROM Events a JOIN EVENTS SNAPSHOT SINCE 3 b ON a.timestamp = b.timestamp JOIN events c"
    found = resolve(sql, parse(sql), Tables("events", EVENTS))
    assert found.sources == (Source("t0", "events"), Source("t1", "events", 3))
    assert [c.name for c in found.columns] == ["timestamp"]


def test_paths_get_the_schemas_spelling() -> None:
    assert '"e"."_acme"."userId"' in engine_sql("SELECT E._ACME.USERID FROM events e")
    assert "['ECID'])[1]).\"id\"" in engine_sql("SELECT IDENTITYMAP['ECID'][0].ID FROM events")
    assert 'list_transform("events"."_acme"."items"' in engine_sql("SELECT _acme.items.N FROM events")


def test_errors_point_at_the_name() -> None:
    sql = "SELECT 1\nFROM eventz"
    with pytest.raises(UndefinedTable) as caught:
        resolve(sql, parse(sql), Tables("events", EVENTS))
    assert sql[(caught.value.position or 0) - 1 :] == "eventz"
    assert caught.value.hint == 'did you mean "events"?'


def test_a_tree_may_be_used_up_and_parsed_again() -> None:
    sql = "SELECT timestamp FROM events"
    assert engine_sql(sql) == engine_sql(sql)
    assert position(parse(sql)) == 8
