"""What a statement may take of time, memory and disk, and that nobody else feels it if it takes more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from limbeck.engine import Engine
from tests.wire.conftest import Wire

NUMBERS = "SELECT explode(sequence(1, {0})) AS n"
ENDLESS = "SELECT count(1) FROM many a CROSS JOIN many b CROSS JOIN many c WHERE a.n + b.n > c.n"
MUCH_MEMORY = (
    f"SELECT size(collect_list(concat(CAST(n AS string), repeat('x', 100)))) AS s FROM ({NUMBERS.format(3_000_000)})"
)
MUCH_DISK = """SELECT count(1) AS c FROM (SELECT DISTINCT a.n AS x, b.n AS y, concat(a.t, b.t) AS z
    FROM many a CROSS JOIN (SELECT * FROM many WHERE n < 40) b)"""


@pytest.fixture
def little(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The server with 64 MiB of memory and 16 MiB of disk for a statement."""
    services = wire.platform.query.services
    engine = Engine(wire.platform.settings.scratch, 128, 2, 2, 16)
    monkeypatch.setattr(wire.platform.query, "services", replace(services, engine=engine))
    monkeypatch.setattr(wire.platform, "settings", replace(wire.platform.settings, engine_spill_mib=1))
    yield wire
    engine.close()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (MUCH_MEMORY, psycopg2.errors.OutOfMemory),
        (MUCH_DISK, psycopg2.errors.DiskFull),
        ("DECLARE c CURSOR FOR SELECT a.t, a.n FROM many a CROSS JOIN ev_n b LIMIT 0", psycopg2.errors.DiskFull),
        (f"SET statement_timeout = '50ms'; {ENDLESS}", psycopg2.errors.QueryCanceled),
    ],
    ids=["memory", "disk", "rows set aside", "time"],
)
def test_a_statement_that_takes_more_than_its_share_ends_alone(little: Wire, text: str, error: Any) -> None:
    def small(number: int) -> int:
        with little.psycopg2() as neighbour, neighbour.cursor() as cursor:
            cursor.execute(f"SELECT sum(n) FROM many WHERE n < {number}")
            return int(cursor.fetchone()[0])

    with little.psycopg2() as connection, connection.cursor() as cursor, ThreadPoolExecutor(2) as threads:
        sums = [threads.submit(small, number) for number in range(1, 7)]
        with pytest.raises(error):
            cursor.execute(text)
        assert [s.result() for s in sums] == [n * (n - 1) // 2 for n in range(1, 7)]
        cursor.execute("SET statement_timeout = 0; SELECT count(*) FROM cust")
        assert cursor.fetchone() == (3,)


def test_the_servers_own_limit_is_no_cancelling(little: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    query = little.platform.query
    monkeypatch.setattr(query, "services", replace(query.services, timeout=0.05))
    with little.psycopg2() as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.ConfigurationLimitExceeded):
            cursor.execute(ENDLESS)
        cursor.execute("SET statement_timeout = '1min'")
        with pytest.raises(psycopg2.errors.ConfigurationLimitExceeded):
            cursor.execute(ENDLESS)
        for wrong in ("soon", "-1", "5 weeks"):
            with pytest.raises(psycopg2.errors.InvalidParameterValue):
                cursor.execute(f"SET statement_timeout = '{wrong}'")
