"""The compatibility page: it is current, what it calls served is, and what it calls not served says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance import surface
from tests.conformance.compatibility import PAGE, page
from tests.conformance.faces import Driver, Refused
from tests.conformance.model import Case
from tests.conformance.surface import ADOBE, CLIENTS, GROUPED, OPERATORS, SKETCH, SPARK, STATEMENTS, Entry, probes
from tests.wire.conftest import Wire

ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.conformance.compatibility --write"


@pytest.fixture(scope="module")
def session(wire: Wire) -> Iterator[Driver]:
    opened = Driver(wire, Case("compatibility", []), "prod:all")
    yield opened
    opened.close()


def marked(entry: Entry) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=entry.missing, strict=True)] if entry.missing else []


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(
            entry, id=f"{group.section}-{re.sub(r'[^a-z]+', '-', entry.what.lower()).strip('-')}", marks=marked(entry)
        )
        for group in STATEMENTS
        for entry in group.entries
    ],
)
def test_statement(session: Driver, entry: Entry) -> None:
    if entry.reason is None:
        session.run(entry.probe)
        return
    with pytest.raises(Refused) as caught:
        session.run(entry.probe)
    assert caught.value.sqlstate == "0A000"
    assert re.search(entry.reason.says, without_the_statement(caught.value.text))


def without_the_statement(text: str) -> str:
    """An error as psycopg2 words it, without the line of the statement that it points into."""
    return re.sub(r"\nLINE \d+:.*(\n *\^)?", "", text)


EXPRESSIONS = {name: line for text in (ADOBE, *SPARK.values()) for name, line in probes(text).items()}
TABLE = "(SELECT 1 AS n, id, timestamp, ch FROM ev_t)"


def of_function(name: str) -> list[pytest.MarkDecorator]:
    missing = surface.MISSING_FUNCTIONS.get(name)
    return [pytest.mark.xfail(reason=missing, strict=True)] if missing else []


@pytest.mark.parametrize("name", [pytest.param(name, marks=of_function(name)) for name in [*EXPRESSIONS, *GROUPED]])
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
