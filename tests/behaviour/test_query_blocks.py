"""Anonymous blocks: variables, conditions, failures, what they give back (SQL contract, section 2.6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from limbeck.engine import Interrupt
from limbeck.errors import Cancelled, Forbidden, LimbeckError, SqlError, SqlSyntaxError, UndefinedTable
from limbeck.query.service import SqlSession
from limbeck.query.split import statements
from limbeck.scope import Principal
from tests.behaviour.query_tables import Home, fixtures

VIEWER = Principal("vic", "acme@AdobeOrg", frozenset({"viewer"}))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home for tests that leave it as it is."""
    return _home(tmp_path_factory.mktemp("blocks"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return _home(tmp_path)


def _home(folder: Path) -> Home:
    made = Home.make(folder)
    for name in ("ev", "cust", "b3"):
        made.add(name, fixtures()[name])
    return made


def block(body: str) -> str:
    return f"$$ BEGIN\n{body}\nEND $$;"


# -- what a block is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "$$ BEGIN SELECT 1; SELECT 2; END $$;",
        "$$BEGIN SELECT 1; SELECT 2; END$$",
        "$$BEGIN SELECT 1; SELECT 2; $$END;",
        "$$\n\nBEGIN\n SELECT 1;\n SELECT 2;\nEND\n\n$$;",
        "\n-- before\n$$ /* a; b */ begin select 1; select 2; end $$ -- after\n",
        "$$ BEGIN\n# it's a comment; END $$\n  # another 'one\nSELECT 1; -- don't\n/* it's */ SELECT 2;\nEND $$;",
        "$$ BEGIN SELECT 1; ; SELECT\n# in the middle of it's statement\n2; END $$",
        "$$ BEGIN SELECT 1; $$ BEGIN SELECT 2; END $$; END $$;",
        "$$ BEGIN SELECT 1; BEGIN SELECT 2; END; END $$;",
    ],
)
def test_a_block_is_one_statement_and_gives_the_rows_of_its_last_query(shared: Home, text: str) -> None:
    assert len(statements(f"{text.rstrip().rstrip(';')}\n; SELECT 'a;b'")) == 2
    assert shared.rows(text) == [(2,)]


def test_a_block_without_a_query_gives_no_columns(shared: Home) -> None:
    for text in (block("SET aqp=true;"), block("SET @a = SELECT 1;"), block("")):
        assert shared.sql(text).num_columns == 0


@pytest.mark.parametrize(
    "text",
    [
        "$$ BEGIN SELECT 1; SELECT 2 FROM; END $$",
        "$$ BEGIN SELECT 1; SELECT 2 END $$",
        "$$ BEGIN SELECT 1; ",
        "$$ BEGIN SELECT 1; END",
        "$$ SELECT 1; END $$",
        "$$ BEGIN SELECT 1; END $$ SELECT 2",
        "$$ BEGIN SELECT 1; IF 1 = 1 THEN SELECT 2; END; END $$",
        "$$ BEGIN SELECT 1; IF 1 = 1 SELECT 2; END IF; END $$",
        "$$ BEGIN SELECT 1; IF THEN SELECT 2; END IF; END $$",
        "$$ BEGIN SELECT 1; ELSE SELECT 2; END $$",
        "$$ BEGIN SELECT 1; EXCEPTION WHEN zero THEN SELECT 2; END $$",
        "$$ BEGIN SELECT 1; EXCEPTION WHEN OTHERS THEN SELECT (; END $$",
        "$$ BEGIN SELECT 1; SET @ = SELECT 1; END $$",
        "$$ BEGIN SELECT 1; SET @a = SELECT FROM; END $$",
        "$$ BEGIN SELECT @never; END $$",
        "BEGIN CREATE TABLE made AS SELECT 1 AS a",
    ],
)
def test_what_cannot_be_read_ends_a_block_before_anything_runs(shared: Home, text: str) -> None:
    text = text.replace("SELECT 1;", "CREATE TABLE made AS SELECT 1 AS a;")
    with pytest.raises(SqlSyntaxError):
        shared.sql(text)
    assert shared.lake.datasets.by_table(shared.sandbox, "made") is None


@pytest.mark.parametrize(
    "text", ["IF 1=1 THEN SELECT 1", "ELSEIF 1=1 THEN SELECT 1", "ELSE SELECT 1", "SET @a = SELECT 1", "EXCEPTION WHEN"]
)
def test_control_belongs_into_blocks(shared: Home, text: str) -> None:
    with pytest.raises(SqlSyntaxError, match="Invalid command outside Anonymous Block"):
        shared.sql(text)


def test_errors_tell_their_place_in_the_block(shared: Home) -> None:
    text = block("SELECT 1;\nSELECT nme FROM cust;")
    with pytest.raises(SqlError) as failure:
        shared.sql(text)
    assert failure.value.position == text.index("nme") + 1
    text = block("SET @a = SELECT 'long text';\nSELECT '@a', nme FROM cust;")
    with pytest.raises(SqlError) as failure:
        shared.sql(text)
    assert failure.value.position == text.index("SELECT '@a'") + 1


def test_a_template_at_the_start_of_a_line_is_none_of_its_comments(home: Home) -> None:
    home.query.templates.create(home.sandbox, {"name": "ALL_OF_B3", "sql": "SELECT id FROM b3"}, "")
    text = block("#don't\n# ALL_OF_B3; it's\n#ALL_OF_B3 WHERE id = 4;\nSELECT id FROM (\n  #ALL_OF_B3\n) WHERE id > 4;")
    assert home.rows(f"{text} -- '#none'") == [(5,)]
    assert home.rows(block("#don't; '\nSELECT '#none', id FROM (#ALL_OF_B3) WHERE id = 1;")) == [("#none", 1)]
    with pytest.raises(SqlSyntaxError, match="#none"):
        home.rows(block("SELECT * FROM (#none);"))


# -- variables ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "use", "rows"),
    [
        ("SELECT 2", "SELECT @v + 1, 'x=@v', @V", [(3, "x=2", 2)]),
        ("SELECT id, name FROM cust ORDER BY id DESC", "SELECT @v", [(3,)]),
        ("SELECT id FROM cust WHERE id > 9", "SELECT @v IS NULL", [(True,)]),
        ("SELECT name FROM cust WHERE id = 1", "SELECT id, '<@v>' FROM cust WHERE name = @v", [(1, "<Anna>")]),
        ("SELECT 'O''Hara \\\\ B'", "SELECT @v = 'O''Hara \\\\ B', '@v' = @v", [(True, True)]),
        ("SELECT 'HEAD'", "SELECT count(1) FROM b3 SNAPSHOT BETWEEN @v AND 1", [(2,)]),
        ("SELECT 1", "SELECT max(id) FROM b3 SNAPSHOT AS OF @v", [(2,)]),
        ("SELECT 2", "SELECT id FROM cust ORDER BY id LIMIT @v", [(1,), (2,)]),
        ("SELECT -1.5", "SELECT 2 - @v", [(3.5,)]),
        ("SELECT CAST('NaN' AS DOUBLE)", "SELECT @v = CAST('NaN' AS DOUBLE)", [(True,)]),
        ("SELECT timestamp '2024-03-01 10:00:00.250'", "SELECT _id FROM ev WHERE timestamp = @v", [("e1",)]),
        ("SELECT timestamp '2024-03-01 10:00:00'", "SELECT timestamp '@v' = @v", [(True,)]),
        ("SELECT date '2024-03-01'", "SELECT @v = date '2024-03-01', '@v'", [(True, "2024-03-01")]),
        ("SELECT true", "SELECT @v, '@v'", [(True, "true")]),
        ("SELECT 7", "SELECT 'bob@example.com @v' /* @w */ -- @w", [("bob@example.com 7",)]),
        ("(SELECT 7)", "SELECT @v", [(7,)]),
        ("WITH w AS (SELECT 7 AS a) SELECT a FROM w", "SELECT @v", [(7,)]),
    ],
)
def test_variables(shared: Home, value: str, use: str, rows: list[tuple[Any, ...]]) -> None:
    assert shared.rows(block(f"SET @v = {value};\n{use}\n;")) == rows


def test_a_variable_can_be_set_from_itself_and_in_another_case(shared: Home) -> None:
    assert shared.rows(block("SET @n = SELECT 1; SET @N = SELECT @n + 1; SELECT @n;")) == [(2,)]


def test_a_value_with_parts_cannot_be_put_into_a_statement(shared: Home) -> None:
    with pytest.raises(SqlError, match="@v"):
        shared.sql(block("SET @v = SELECT array(1); SELECT @v;"))


def test_variables_of_a_block_are_its_own(shared: Home) -> None:
    inner = "SET @a = SELECT @a + 1; SET @b = SELECT 10;"
    assert shared.rows(block(f"SET @a = SELECT 1; BEGIN {inner} END; SELECT @a;")) == [(2,)]
    assert shared.rows(block(f"SET @a = SELECT 1; SET @b = SELECT 2; BEGIN {inner} END; SELECT @a, @b;")) == [(2, 10)]
    with pytest.raises(SqlSyntaxError, match="@b"):
        shared.rows(block(f"SET @a = SELECT 1; BEGIN {inner} END; SELECT @b;"))


# -- conditions ---------------------------------------------------------------------------------------------------

CHOICE = """SET @V = SELECT {n};
    IF @V=1 THEN SELECT 100;
    ELSEIF @V=2 THEN SELECT 200;
    ELSE SELECT 'DEFAULT';
    END IF;"""


@pytest.mark.parametrize(("n", "row"), [(1, 100), (2, 200), (3, "DEFAULT"), ("NULL", "DEFAULT")])
def test_c64_branches(shared: Home, n: Any, row: Any) -> None:
    assert shared.rows(block(CHOICE.format(n=n))) == [(row,)]


def test_branches_in_branches(shared: Home) -> None:
    inner = """IF CASE WHEN @a > 1 THEN 'x' ELSE 'y' END = 'x' THEN
        IF @a > 2 THEN SELECT 'more'; ELSE SELECT 'two'; END IF;
    ELSEIF @a IS NULL THEN SELECT 'null';
    END IF;"""
    for n, rows in (("3", [("more",)]), ("2", [("two",)]), ("NULL", [("null",)]), ("1", [("start",)])):
        assert shared.rows(block(f"SELECT 'start'; SET @a = SELECT {n}; {inner}")) == rows


@pytest.mark.parametrize("truth", ["'t'", "'true'", "true"])
@pytest.mark.parametrize(("table", "row"), [("cust", "there"), ("nope", "not")])
def test_table_exists_is_comparable_with_texts(shared: Home, truth: str, table: str, row: str) -> None:
    body = f"SET @x = SELECT table_exists('{table}'); IF @x = {truth} THEN SELECT 'there'; ELSE SELECT 'not'; END IF;"
    assert shared.rows(block(body)) == [(row,)]


def test_only_the_branch_that_is_taken_runs(home: Home) -> None:
    home.sql(block("IF 1 = 2 THEN DROP TABLE cust; ELSE CREATE TABLE made AS SELECT 1 AS a; END IF;"))
    assert home.rows("SELECT count(1) FROM cust") == [(3,)]
    assert home.rows("SELECT * FROM made") == [(1,)]


# -- failures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["OTHER", "OTHERS", "others"])
def test_a_handler_lets_a_block_succeed(home: Home, other: str) -> None:
    body = f"""CREATE TABLE one AS SELECT 1 AS a;
        SELECT * FROM nope;
        CREATE TABLE two AS SELECT 2 AS a;
        EXCEPTION WHEN {other} THEN SELECT 'ERROR';"""
    assert home.rows(block(body)) == [("ERROR",)]
    assert home.rows("SELECT * FROM one") == [(1,)]  # what was done before stays
    assert home.lake.datasets.by_table(home.sandbox, "two") is None


def test_without_a_handler_the_error_is_the_blocks(home: Home) -> None:
    with pytest.raises(UndefinedTable, match="nope"):
        home.sql(block("CREATE TABLE one AS SELECT 1 AS a; SELECT * FROM nope; CREATE TABLE two AS SELECT 2 AS a;"))
    assert home.rows("SELECT * FROM one") == [(1,)]
    assert home.lake.datasets.by_table(home.sandbox, "two") is None
    assert list(home.settings.scratch.iterdir()) == []


def test_rows_that_fail_late_fail_in_their_turn(shared: Home) -> None:
    failing = "SELECT CASE WHEN id = 3 THEN name RLIKE concat('(', name) END FROM cust;"  # no pattern, as rows show
    for body in (failing, f"{failing} SELECT 'next';"):
        with pytest.raises(LimbeckError, match="Bo"):
            shared.sql(block(body))
        assert shared.rows(block(f"{body} EXCEPTION WHEN OTHER THEN SELECT 'caught';")) == [("caught",)]


def test_conditions_and_variables_may_fail_too(shared: Home) -> None:
    for body in ("SET @a = SELECT * FROM nope;", "IF raise_error('x') = 1 THEN SELECT 1; END IF;"):
        assert shared.rows(block(f"{body} EXCEPTION WHEN OTHER THEN SELECT 'caught';")) == [("caught",)]


def test_a_handler_that_fails_fails_the_block(shared: Home) -> None:
    with pytest.raises(UndefinedTable, match="second"):
        shared.sql(block("SELECT * FROM first; EXCEPTION WHEN OTHER THEN SELECT * FROM second;"))


def test_the_nearest_handler_is_asked(shared: Home) -> None:
    inner = "BEGIN SELECT * FROM nope; EXCEPTION WHEN OTHER THEN SELECT 'inner'; END;"
    outer = "EXCEPTION WHEN OTHER THEN SELECT 'outer';"
    assert shared.rows(block(f"{inner} {outer}")) == [("inner",)]
    assert shared.rows(block(f"{inner} SELECT * FROM nope; {outer}")) == [("outer",)]
    assert shared.rows(block(f"BEGIN SELECT * FROM nope; END; SELECT 'after'; {outer}")) == [("outer",)]


def test_a_statement_that_is_not_served_fails_in_its_turn(home: Home) -> None:
    body = "CREATE TABLE one AS SELECT 1 AS a; DELETE FROM cust; EXCEPTION WHEN OTHER THEN SELECT * FROM one;"
    assert home.rows(block(body)) == [(1,)]


def test_cancelling_is_nothing_a_handler_can_stop(shared: Home) -> None:
    interrupt = Interrupt()
    interrupt.now()
    text = block("SELECT 1; EXCEPTION WHEN OTHER THEN SELECT 'caught';")
    with pytest.raises(Cancelled), shared.query.run(shared.sandbox, text, interrupt=interrupt) as result:
        list(result.batches())


def test_c63_new_rows_once(home: Home) -> None:
    history = "(SELECT history_meta('b3')) WHERE is_current"
    text = block(f"""
        SET @f = SELECT parent_id FROM {history};
        SET @t = SELECT snapshot_id FROM {history};
        CREATE TABLE inc AS SELECT id FROM b3 SNAPSHOT BETWEEN @f AND @t;
        EXCEPTION WHEN OTHER THEN SELECT 'ERROR';""")
    assert home.rows(text) == []
    assert home.rows("SELECT id FROM inc ORDER BY id") == [(4,), (5,)]
    assert home.rows(text) == [("ERROR",)]
    assert home.rows("SELECT id FROM inc ORDER BY id") == [(4,), (5,)]


# -- sessions and rights ------------------------------------------------------------------------------------------


def test_settings_in_a_block_are_the_sessions(shared: Home) -> None:
    session = SqlSession()
    with shared.query.run(shared.sandbox, block("SET aqp=true; SELECT 1;"), session=session) as result:
        list(result.batches())
    assert session.variables.is_on("aqp")


def test_viewers_may_run_blocks_that_read(home: Home) -> None:
    assert home.sql(block("SELECT count(1) AS n FROM cust;"), VIEWER).to_pylist() == [{"n": 3}]
    with pytest.raises(Forbidden):
        home.sql(block("SELECT 1; CREATE TABLE made AS SELECT 1 AS a;"), VIEWER)
    assert home.lake.datasets.by_table(home.sandbox, "made") is None


@pytest.mark.parametrize(
    ("text", "writes"),
    [
        ("SET @a = SELECT 1; SELECT @a;", False),
        ("IF 1 = 1 THEN SELECT 1; ELSE BEGIN INSERT INTO b3 VALUES (1); END; END IF;", True),
        ("SELECT 1; EXCEPTION WHEN OTHER THEN DROP TABLE cust;", True),
    ],
)
def test_a_block_writes_if_something_in_it_does(shared: Home, text: str, writes: bool) -> None:
    assert shared.query.writes(block(text)) is writes


def test_a_capped_result_of_a_block_says_so(shared: Home) -> None:
    text = block("SELECT explode(sequence(1, 60000)) AS n;")
    with shared.query.run(shared.sandbox, text) as result:
        assert sum(batch.num_rows for batch in result.batches()) == 50_000
        assert result.capped
    with shared.query.run(shared.sandbox, text.replace(" AS n", " AS n LIMIT 0")) as result:
        assert sum(batch.num_rows for batch in result.batches()) == 60_000
        assert not result.capped
