"""What every client of PostgreSQL does, with every one: queries, values as parameters, errors, writing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.clients import CLIENTS, Client
from tests.wire.conftest import Wire


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, wire: Wire) -> Iterator[Client]:
    with CLIENTS[request.param](wire) as opened:
        yield opened


def test_queries(client: Client) -> None:
    assert client.run("SELECT * FROM cust ORDER BY id") == [(1, "Anna", "Oslo"), (2, "alf", "Rome"), (3, "Bo", None)]
    assert client.run("SELECT productListItems FROM ev WHERE _id = 'e1'") == [("{(123679,2,10.5),(1346,NULL,NULL)}",)]


@pytest.mark.parametrize("value", ["alf", 'it\'s \\ "quoted"; --', "Ülle"])
def test_values_as_parameters(client: Client, value: str) -> None:
    assert client.run("SELECT count(*) FROM cust WHERE name = ?", value) == [(int(value == "alf"),)]


def test_errors(client: Client) -> None:
    for sql, state in (("SELECT nope FROM cust", "42703"), ("SELECT * FROM nope", "42P01"), ("SELEC 1", "42601")):
        with pytest.raises(Exception, match=state) as caught:
            client.run(sql)
        assert client.state(caught.value) == state
        assert client.run("SELECT 1 AS a") == [(1,)]


@pytest.mark.parametrize("client", [name for name in CLIENTS if name != "pandas"], indirect=True)
def test_writing(client: Client) -> None:
    client.run("CREATE TABLE of_clients AS SELECT id, name FROM cust")
    try:
        client.run("INSERT INTO of_clients VALUES (4, 'Eva')")
        assert client.run("SELECT count(*), max(id) FROM of_clients") == [(4, 4)]
    finally:
        client.run("DROP TABLE of_clients")
