"""Statements with their results in `tests/golden/*.sql`.

A case begins with a line `-- name`, goes on with one statement, and ends with what it gives: lines `--| a | b`
for rows (NULL is –, structs in parentheses, lists in braces), `--= a | b` for the columns' names, `--: a | b` for
their types, `--! SQLSTATE position text` for an error. A case whose rows may come in any order says `--~`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from limbeck.errors import LimbeckError
from tests.behaviour.query_tables import Home, fixtures, shown

GOLDEN = Path(__file__).parent.parent / "golden"


@dataclass
class Case:
    name: str
    sql: str = ""
    rows: list[str] = field(default_factory=list)
    names: str | None = None
    types: str | None = None
    error: str | None = None
    any_order: bool = False


def cases() -> Iterator[Case]:
    for path in sorted(GOLDEN.glob("*.sql")):
        case: Case | None = None
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("-- "):
                if case:
                    yield case
                case = Case(f"{path.stem}: {line[3:]}")
            elif case is None:
                continue
            elif line.startswith("--|"):
                case.rows.append(line[3:].strip())
            elif line.startswith("--="):
                case.names = line[3:].strip()
            elif line.startswith("--:"):
                case.types = line[3:].strip()
            elif line.startswith("--!"):
                case.error = line[3:].strip()
            elif line.startswith("--~"):
                case.any_order = True
            else:
                case.sql += line + "\n"
        if case:
            yield case


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home.make(tmp_path_factory.mktemp("golden"))
    for name, batches in fixtures().items():
        made.add(name, batches)
    return made


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: re.sub(r"\W+", "-", case.name))
def test_golden(home: Home, case: Case) -> None:
    if case.error is not None:
        with pytest.raises(LimbeckError) as caught:
            home.sql(case.sql)
        state, place, text = case.error.split(" ", 2)
        assert (caught.value.sqlstate, str(caught.value.details.get("position"))) == (state, place), str(caught.value)
        assert text in str(caught.value)
        return
    found = home.sql(case.sql)
    columns = [c.to_pylist() for c in found.columns]
    rows = [" | ".join(map(shown, row)).strip() for row in zip(*columns, strict=True)]
    order = sorted if case.any_order else list
    assert order(rows) == order(case.rows)
    if case.names is not None:
        assert " | ".join(found.schema.names) == case.names
    if case.types is not None:
        assert " | ".join(map(str, found.schema.types)) == case.types
