"""The compatibility page: it is current, what it calls served is, and what it calls not served says so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import limbeck as command
from tests.conformance import surface
from tests.conformance.compatibility import DATA, PAGE, PROGRAMS, data, page
from tests.conformance.faces import Driver, Refused
from tests.conformance.model import Case
from tests.conformance.surface import ADOBE, CLIENTS, GROUPED, OPERATORS, SKETCH, SPARK, STATEMENTS, Entry, probes
from tests.wire.conftest import Wire

ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.conformance.compatibility --write"
    assert DATA.read_text("utf-8") == data(), "run: python -m tests.conformance.compatibility --write"


def test_the_command_prints_it_by_service_and_state() -> None:
    shown = json.loads(command("compatibility", "--json").stdout)
    assert len(shown) == sum(len(rows) for rows in json.loads(data()).values())
    missing = json.loads(
        command("compatibility", "--of", "endpoints", "--service", "catalog", "--missing", "--json").stdout
    )
    assert {row["service"] for row in missing} == {"Catalog"}
    assert all(row["state"].startswith("missing: ") for row in missing)
    assert "GET /data/foundation/catalog/batches" in command("compatibility", "--service", "Catalog").stdout
    assert command("compatibility", "--service", "nothing").returncode == 2


def test_the_tests_behind_programs_are_there() -> None:
    for _, _, named in PROGRAMS:
        path, _, test = named.partition("::")
        assert f"def {test}(" in (ROOT / path).read_text("utf-8")


@pytest.fixture(scope="module")
def session(wire: Wire) -> Iterator[Driver]:
    opened = Driver(wire, Case("compatibility", []), "prod:all")
    yield opened
    opened.close()


def test_statements(session: Driver) -> None:
    """All in order, in one session: what one makes the next ones use."""
    wrong = {entry.what: told for group in STATEMENTS for entry in group.entries if (told := fault(session, entry))}
    assert wrong == {}


def fault(session: Driver, entry: Entry) -> str:
    """What is wrong with the answer to a statement; empty for nothing."""
    try:
        session.run(entry.probe)
    except Refused as refused:
        told = without_the_statement(refused.text)
        said = entry.reason is not None and refused.sqlstate == "0A000" and re.search(entry.reason.says, told)
        return "" if said else f"{refused.sqlstate} {told}"
    return "" if entry.reason is None else "is served"


def without_the_statement(text: str) -> str:
    """An error as psycopg2 words it, without the line of the statement that it points into."""
    return re.sub(r"\nLINE \d+:.*(\n *\^)?", "", text)


EXPRESSIONS = {name: line for text in (ADOBE, *SPARK.values()) for name, line in probes(text).items()}
TABLE = "(SELECT 1 AS n, id, timestamp, ch FROM ev_t)"


@pytest.mark.parametrize("name", [*EXPRESSIONS, *GROUPED])
def test_function(session: Driver, name: str) -> None:
    session.run(GROUPED.get(name) or f"SELECT {EXPRESSIONS[name]} FROM {TABLE}")


@pytest.mark.parametrize("sql", OPERATORS.values(), ids=list(OPERATORS))
def test_operator(session: Driver, sql: str) -> None:
    session.run(sql)


@pytest.mark.parametrize("line", probes(SKETCH).values(), ids=list(probes(SKETCH)))
def test_sketches_say_that_they_are_not_served(session: Driver, line: str) -> None:
    with pytest.raises(Refused) as caught:
        session.run(f"SELECT {line} FROM {TABLE}")
    assert caught.value.sqlstate == "0A000"
    assert re.search(surface.SKETCHES.says, without_the_statement(caught.value.text))


@pytest.mark.parametrize("client", CLIENTS)
def test_the_test_behind_a_cell_is_there(client: str) -> None:
    for named in CLIENTS[client].values():
        path, _, test = named.partition("::")
        text = (ROOT / path).read_text("utf-8")
        assert re.search(rf"^(async )?def {test}\(", text, re.MULTILINE), named
