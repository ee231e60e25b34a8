"""Statements with their results in `tests/golden/*.sql`.

A case begins with a line `-- name`, goes on with one statement, and ends with what it gives: lines `--| a | b`
for rows (NULL is –, structs in parentheses, lists in braces), `--= a | b` for the columns' names, `--: a | b` for
their types, `--! SQLSTATE position text` for an error. A case whose rows may come in any order says `--~`.
`pytest -n 0 --rewrite-golden tests/behaviour/test_golden_sql.py` writes what the statements give now, to be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from limbeck.errors import LimbeckError
from tests.behaviour.query_tables import Home, fixtures, shown

GOLDEN = Path(__file__).parent.parent / "golden"


@dataclass
class Case:
    path: Path
    name: str
    sql: str = ""
    rows: list[str] = field(default_factory=list)
    names: str | None = None
    types: str | None = None
    error: str | None = None
    any_order: bool = False

    def text(self) -> str:
        """The lines of this case."""
        marks = [("--~" if self.any_order else None), *(f"--| {row}".rstrip() for row in self.rows)]
        marks += [f"{mark} {said}" for mark, said in zip(("--=", "--:", "--!"), self.said(), strict=True) if said]
        return "\n".join([f"-- {self.name}", self.sql.rstrip("\n"), *filter(None, marks)]) + "\n"

    def said(self) -> tuple[str | None, str | None, str | None]:
        return self.names, self.types, self.error


def cases() -> Iterator[Case]:
    for path in sorted(GOLDEN.glob("*.sql")):
        yield from cases_of(path)


def cases_of(path: Path) -> Iterator[Case]:
    case: Case | None = None
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("-- "):
            if case:
                yield case
            case = Case(path, line[3:])
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


def found(home: Home, case: Case) -> Case:
    """The case with what its statement gives now; of an error's text as much as the case says, if that is still so."""
    try:
        table = home.sql(case.sql)
    except LimbeckError as error:
        message = str(error)
        wanted = (case.error or "  ").split(" ", 2)[2]
        said = wanted if wanted and wanted in message else message
        return replace(case, rows=[], error=f"{error.sqlstate} {error.details.get('position')} {said}")
    columns = [c.to_pylist() for c in table.columns]
    rows = [" | ".join(map(shown, row)).strip() for row in zip(*columns, strict=True)]
    if case.any_order and sorted(rows) == sorted(case.rows):
        rows = case.rows
    names = " | ".join(table.schema.names) if case.names is not None else None
    types = " | ".join(map(str, table.schema.types)) if case.types is not None else None
    return replace(case, rows=rows, names=names, types=types, error=None)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home.make(tmp_path_factory.mktemp("golden"))
    for name, batches in fixtures().items():
        made.add(name, batches)
    return made


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: re.sub(r"\W+", "-", f"{case.path.stem}: {case.name}"))
def test_golden(home: Home, case: Case, request: pytest.FixtureRequest) -> None:
    now = found(home, case)
    if request.config.getoption("--rewrite-golden"):
        written = [now if known.name == case.name else known for known in cases_of(case.path)]
        case.path.write_text("".join(c.text() for c in written), "utf-8")
        return
    assert now.text() == case.text()
