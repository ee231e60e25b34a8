"""Functions and casts against what Spark gave for them (`tests/golden/spark_reference.py`), SQL contract 4.1 and 4.2.

Where the contract rules otherwise, or the service has a narrower type, `tests/golden/spark/rulings.json` says what is
expected and why: expression → [type, value, reason].
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pyarrow as pa
import pyarrow.types as pt
import pytest

from limbeck.errors import LimbeckError, SqlError
from tests.behaviour.query_tables import Home
from tests.golden.spark_reference import FOLDER, PACK, expressions, families, plain, statement

RULINGS: dict[str, list[Any]] = json.loads((FOLDER / "rulings.json").read_text("utf-8"))

_NAMES = {
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "float": "float",
    "double": "double",
    "bool": "boolean",
    "date32[day]": "date",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.make(tmp_path_factory.mktemp("functions"))


def spelled(kind: pa.DataType) -> str:
    """The type in Spark's words."""
    if pt.is_struct(kind):
        return f"struct<{','.join(f'{f.name}:{spelled(f.type)}' for f in kind)}>"
    if pt.is_list(kind):
        return f"array<{spelled(kind.value_type)}>"
    if pt.is_map(kind):
        return f"map<{spelled(kind.key_type)},{spelled(kind.item_type)}>"
    if pt.is_timestamp(kind):
        return "timestamp"
    if pt.is_decimal(kind):
        return "decimal"
    return _NAMES.get(str(kind)) or re.sub(r"^(large_)?", "", str(kind))


def value(scalar: Any, kind: pa.DataType) -> Any:
    """A value as the reference spells it."""
    if scalar is None:
        return None
    if pt.is_struct(kind):
        return [value(scalar[f.name], f.type) for f in kind]
    if pt.is_list(kind):
        return [value(item, kind.value_type) for item in scalar]
    if pt.is_map(kind):
        pairs = [[value(k, kind.key_type), value(v, kind.item_type)] for k, v in scalar]
        return {"map": sorted(pairs, key=repr)}
    return plain(scalar)


def same_type(found: str, wanted: str) -> bool:
    """Whether types agree; a decimal may be a double or a bigint (contract 5.1), and NULL is of any type."""
    if found == "null" and "void" in wanted:
        return True
    if found == "bigint" and re.fullmatch(r"decimal\(\d+,0\)", wanted):
        return True
    wide = [re.sub(r"decimal(\([\d,]+\))?", "double", t) for t in (found, wanted)]
    return wide[0] == wide[1] or re.fullmatch(re.escape(wide[1]).replace("void", ".*"), wide[0]) is not None


def same(found: Any, wanted: Any) -> bool:
    """Whether values agree; floats to twelve digits, moments to the millisecond the service keeps."""
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(found, dict) and isinstance(wanted, dict):
        return same(found["map"], wanted["map"])
    if isinstance(found, float | int) and isinstance(wanted, float | int):
        return type(found) is bool is type(wanted) or math.isclose(found, wanted, rel_tol=1e-12, abs_tol=1e-300)
    return bool(found == wanted)


def answers(home: Home, family: str, pack: list[str]) -> dict[str, tuple[str, Any]]:
    """Expression → (type, value); what fails alone is ("error", its text)."""
    try:
        table = home.sql(statement(family, pack))
    except LimbeckError as error:
        if len(pack) == 1:
            return {pack[0]: ("error", str(error))}
        half = len(pack) // 2
        return answers(home, family, pack[:half]) | answers(home, family, pack[half:])
    columns = [[value(v, c.type) for v in c.to_pylist()] for c in table.columns]
    values = columns if family == "rows" else [column[0] for column in columns]
    return {t: (spelled(k), v) for t, k, v in zip(pack, table.schema.types, values, strict=True)}


@pytest.mark.parametrize("family", families())
def test_functions_give_what_spark_gives(home: Home, family: str) -> None:
    reference: dict[str, list[Any]] = json.loads((FOLDER / f"{family}.json").read_text("utf-8"))
    assert reference.keys() == set(expressions(family)), "run spark_reference.py: expressions have changed"
    expected = {text: RULINGS.get(text, answer) for text, answer in reference.items()}
    fine = [text for text, answer in expected.items() if answer[0] != "error"]
    found: dict[str, tuple[str, Any]] = {}
    for start in range(0, len(fine), PACK):
        found |= answers(home, family, fine[start : start + PACK])
    for text in expected.keys() - found.keys():
        found |= answers(home, family, [text])
    wrong = []
    for text, (kind, wanted, *_) in expected.items():
        got_kind, got = found[text]
        fits = got_kind == "error" if kind == "error" else same_type(got_kind, kind) and same(got, wanted)
        if not fits:
            wrong.append(f"{text}\n    {got_kind} {got!r}, not {kind} {wanted!r}")
    assert not wrong, f"{len(wrong)} of {len(expected)} differ:\n" + "\n".join(wrong)


def test_calls_in_calls_do_not_grow_without_end(home: Home) -> None:
    text = "concat('abc', cast(1 as string))"
    for _ in range(12):
        text = f"substring(lpad({text}, 9, 'x'), -8, 7)"
    expected = "abc1"
    for _ in range(12):
        expected = expected.rjust(9, "x")[-8:][:7]
    assert home.rows(f"SELECT {text}") == [(expected,)]


@pytest.mark.parametrize(
    ("expression", "sqlstate", "said"),
    [
        ("xpath_string('<a>', 'a')", "42804", "this is no XML"),
        ("xpath_string('<!DOCTYPE x><a/>', 'a')", "42804", "document type"),
        ("xpath_string('<a/>', 'a[')", "42804", 'the XPath "a["'),
        ("encode('a', 'nothing')", "42804", "unknown encoding"),
        ("regexp_extract('a', '(?=a)')", "0A000", "looking ahead"),
        ("date_format(now(), 'yyyy-BB')", "0A000", '"BB"'),
        ("hll_estimate('x')", "0A000", "sketches are not served"),
        ("tokenizer('x')", "0A000", "models are not served"),
        ("raise_error('my own words')", "58000", "my own words"),
        ("assert_true(1 > 2, 'too small')", "58000", "too small"),
        ("schema_of_json('{')", "42804", "no JSON"),
        ("from_json('{}', 'a NOTHING')", "42804", "schema"),
        ("spark_crc32('a')", "42883", "not served"),
    ],
)
def test_what_cannot_be_computed_says_why(home: Home, expression: str, sqlstate: str, said: str) -> None:
    with pytest.raises(SqlError) as caught:
        home.sql(f"SELECT {expression}")
    assert caught.value.sqlstate == sqlstate
    assert said in str(caught.value)


def test_an_instance_for_one_statement_serves_the_next(home: Home) -> None:
    assert home.rows("SELECT crc32('Spark')") == home.rows("SELECT crc32('Spark')") == [(1557323817,)]
    assert home.rows("SELECT 1, soundex('Miller'), crc32('Spark')") == [(1, "M460", 1557323817)]
