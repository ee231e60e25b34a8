"""Queries as jobs, templates and schedules: as clients of AEP call them, and over crashes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import limbeck
from limbeck import clock
from limbeck.client import Client
from limbeck.errors import InvalidInput, LimbeckError, NotFound, SqlError, SqlSyntaxError, WrongState
from limbeck.query.runs import Request
from limbeck.query.schedules import DUE, Timing
from limbeck.query.text import expanded, substituted
from limbeck.scope import Principal
from limbeck.store.queue import Queue
from tests.behaviour import children
from tests.behaviour.flow_scores import idle
from tests.platforms import embedded, served

QUERY = "/data/foundation/query"
ENDLESS = (
    "SELECT count(*) FROM (SELECT explode(sequence(1, 100000)) a) x, (SELECT explode(sequence(1, 100000)) b) y, "
    "(SELECT explode(sequence(1, 1000)) c) z WHERE sqrt(a) + sqrt(b) < c"
)
ADMIN = Principal("me", "acme@AdobeOrg", frozenset({"admin"}))


@pytest.fixture(scope="module", params=[embedded, served])
def aep(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    opened: Callable[[Path], AbstractContextManager[Client]] = request.param
    with opened(tmp_path_factory.mktemp("home")) as client:
        yield client


def call(aep: Client, method: str, path: str, **arguments: Any) -> Any:
    return aep._transport.call(method, f"{QUERY}{path}", **arguments)


# -- queries ---------------------------------------------------------------------------------------------------


def test_a_block_is_a_job_like_any_other(aep: Client) -> None:
    handled = "INSERT INTO $t SELECT 8; SELECT * FROM nope; EXCEPTION WHEN OTHER THEN SELECT a FROM $t;"
    body = {"dbName": "prod:all", "queryParameters": {"t": "blocks"}}
    for text, state, rows in (
        (
            "$$ BEGIN CREATE TABLE $t AS SELECT 7 AS a; SET @n = SELECT a FROM $t; SELECT @n, '$t'; END $$;",
            "SUCCESS",
            1,
        ),
        (f"-- a block\n$$BEGIN {handled} END$$", "SUCCESS", 2),
        ("$$ BEGIN INSERT INTO $t SELECT 9; SELECT * FROM nope; END $$", "FAILED", 0),
        ("$$ BEGIN INSERT INTO $t SELECT 10; SELECT FROM; END $$", "FAILED", 0),
    ):
        sent = call(aep, "POST", "/queries", json={**body, "sql": text})
        with suppress(LimbeckError):
            aep.queries.wait(sent["id"])
        done = call(aep, "GET", f"/queries/{sent['id']}")
        assert (done["state"], done["rowCount"]) == (state, rows), done
    assert aep.sql("SELECT sum(a) FROM blocks").scalar() == 7 + 8 + 9
    assert aep.sql("$$ BEGIN SET @n = SELECT max(a) FROM blocks; SELECT @n + 1; END $$").scalar() == 10


def test_a_query_is_submitted_polled_and_seen(aep: Client) -> None:
    body = {"name": "make", "description": "d", "dbName": "prod:all", "sql": "CREATE TABLE made AS SELECT 7 AS a"}
    sent = call(aep, "POST", "/queries", json=body)
    assert sent["state"] == "SUBMITTED"
    assert sent["request"] == {k: body[k] for k in ("dbName", "sql", "name", "description")}
    aep.queries.wait(sent["id"])

    done = call(aep, "GET", f"/queries/{sent['id']}")

    assert (done["state"], done["errors"]) == ("SUCCESS", [])
    assert isinstance(done["elapsedTime"], int)
    assert {"self", "soft_delete", "cancel"} <= done["_links"].keys()
    assert aep.sql("SELECT a FROM made").scalar() == 7


def test_a_query_that_fails_says_why(aep: Client) -> None:
    run = aep.queries.submit("SELECT nope FROM nowhere")
    with pytest.raises(SqlError, match="nowhere"):
        aep.queries.wait(run)
    (error,) = aep.queries.get(run.id).errors
    assert (error["code"], error["errorType"]) == ("42P01", "USER_ERROR")


def test_statements_of_a_text_run_in_order_in_one_session(aep: Client) -> None:
    aep.queries.wait(aep.queries.submit("CREATE TABLE twice AS SELECT 1 AS a; INSERT INTO twice SELECT 2; ; -- end"))
    assert aep.sql("SELECT sum(a) FROM twice").scalar() == 3
    stopped = aep.queries.submit("INSERT INTO twice SELECT 4; SELECT x FROM twice; INSERT INTO twice SELECT 8")
    with pytest.raises(SqlError, match="x"):
        aep.queries.wait(stopped)
    assert aep.sql("SELECT sum(a) FROM twice").scalar() == 7


def test_rows_go_to_a_dataset(aep: Client) -> None:
    made = {"name": "c", "dbName": "prod:all", "sql": "SELECT 1 AS a;", "ctasParameters": {"datasetName": "Go There"}}
    run = call(aep, "POST", "/queries", json=made)
    assert run["isCTAS"]
    aep.queries.wait(run["id"])
    more = {"name": "i", "dbName": "prod:all", "sql": "SELECT 2", "insertIntoParameters": {"datasetName": "Go There"}}
    run = call(aep, "POST", "/queries", json=more)
    assert run["isInsertInto"]
    assert aep.queries.wait(run["id"]).rows == 1
    assert aep.sql("SELECT sum(a) FROM go_there").scalar() == 3


def test_a_running_query_is_cancelled(aep: Client) -> None:
    run = aep.queries.submit(ENDLESS)
    while aep.queries.get(run.id).state == "SUBMITTED":
        pass
    assert call(aep, "PATCH", f"/queries/{run.id}", json={"op": "cancel"})["statusCode"] == 202
    with pytest.raises(InvalidInput, match="cancelled"):
        aep.queries.wait(run)
    aep.queries.wait(aep.queries.submit("SELECT 1"))  # its worker goes on
    with pytest.raises(WrongState):
        aep.queries.cancel(run.id)


def test_the_history_has_pages_an_order_and_filters(aep: Client) -> None:
    ids = [aep.queries.wait(aep.queries.submit("SELECT 1", name=f"page {n}")).id for n in range(3)]
    wanted = {"orderby": "created", "limit": 2, "property": "request.name~page"}
    first = call(aep, "GET", "/queries", params=wanted)
    assert [q["id"] for q in first["queries"]] == ids[:2]
    assert {"start=", "orderby="} <= {w for w in ("start=", "orderby=") if w in first["_links"]["next"]["href"]}
    second = aep._transport.call("GET", first["_links"]["next"]["href"])
    assert [q["id"] for q in second["queries"]] == ids[2:]
    assert "next" not in second["_links"]
    call(aep, "PATCH", f"/queries/{ids[0]}", json={"op": "soft_delete"})
    assert ids[0] not in [q["id"] for q in call(aep, "GET", "/queries", params={"limit": 1000})["queries"]]
    shown = call(aep, "GET", "/queries", params={"limit": 1000, "excludeSoftDeleted": False})
    assert ids[0] in [q["id"] for q in shown["queries"]]
    call(aep, "DELETE", f"/queries/{ids[1]}")
    with pytest.raises(NotFound):
        aep.queries.get(ids[1])


@pytest.mark.parametrize(
    "body",
    [
        {"sql": ""},
        {"sql": "SELECT 1", "templateId": "x"},
        {"templateId": "00000000-0000-0000-0000-000000000000"},
        {"sql": "SELECT $x"},
        {"sql": "SELECT #nothing"},
        {"sql": 5},
        {"sql": "SELECT 1", "ctasParameters": {}, "insertIntoParameters": {"datasetName": "x"}},
    ],
)
def test_what_cannot_be_run_is_not_queued(aep: Client, body: dict[str, Any]) -> None:
    before = len(call(aep, "GET", "/queries", params={"limit": 1000})["queries"])
    with pytest.raises(LimbeckError) as caught:
        call(aep, "POST", "/queries", json={"name": "n", "dbName": "prod:all", **body})
    assert 400 <= caught.value.status < 500
    assert len(call(aep, "GET", "/queries", params={"limit": 1000})["queries"]) == before


def test_a_query_is_cancelled_by_another_process_than_it_runs_in(tmp_path: Path) -> None:
    """Of two platforms on one home either may run it; it is cancelled through both."""
    with embedded(tmp_path / "home") as one, embedded(tmp_path / "home") as two:
        for asks in (one, two):
            run = one.queries.submit(ENDLESS)
            while asks.queries.get(run.id).state == "SUBMITTED":
                pass
            asks.queries.cancel(run.id)
            one.queries.wait(one.queries.submit("SELECT 1"))
            two.queries.wait(two.queries.submit("SELECT 1"))


def test_a_server_that_stops_ends_what_is_running(tmp_path: Path) -> None:
    with embedded(tmp_path / "home") as aep:
        run = aep.queries.submit(ENDLESS)
        while aep.queries.get(run.id).state == "SUBMITTED":
            pass
    with embedded(tmp_path / "home") as aep, pytest.raises(SqlError, match="stopped while the query ran"):
        aep.queries.wait(run)


# -- templates -------------------------------------------------------------------------------------------------


def test_templates_are_kept_changed_and_run(aep: Client) -> None:
    body = {"sql": "CREATE TABLE $t AS SELECT '$v' AS v", "name": "Make a table", "queryParameters": {"v": "x"}}
    made = call(aep, "POST", "/query-templates", json=body)
    assert made["queryParameters"] == {"v": "x"}
    (found,) = call(aep, "GET", "/query-templates", params={"limit": 1, "property": "name==Make a table"})["templates"]
    assert found["id"] == made["id"]
    run = aep.queries.wait(aep.queries.submit(template=made["id"], parameters={"t": "of_template", "v": "it's"[:2]}))
    assert run.sql == "CREATE TABLE of_template AS SELECT 'it' AS v"
    assert aep.sql("SELECT v FROM of_template").scalar() == "it"

    changed = call(aep, "PUT", f"/query-templates/{made['id']}", json={"name": "Other", "sql": "SELECT 1"})
    assert (changed["version"], changed["name"]) == (2, "Other")
    call(aep, "DELETE", f"/query-templates/{made['id']}")
    with pytest.raises(NotFound):
        call(aep, "GET", f"/query-templates/{made['id']}")


def test_templates_stand_in_for_parts_of_queries(aep: Client) -> None:
    aep.queries.save_template("IS_BIG", "a > 1")
    aep.queries.save_template("BIG_ONES", "SELECT sum(a) AS s FROM (VALUES (1), (2), (3)) t(a) WHERE #IS_BIG;")
    aep.queries.wait(aep.queries.submit("CREATE TABLE big AS #BIG_ONES;"))
    assert aep.sql("SELECT s FROM big").scalar() == 5
    assert aep.sql("#BIG_ONES").scalar() == 5


def test_texts_are_put_in_as_they_are() -> None:
    assert substituted("'$a' \"$b\" $a_b $1 $$ $$BEGIN", {"a": "1", "b": "2", "a_b": "3", "c": "4"}) == (
        "'1' \"2\" 3 $1 $$ $$BEGIN"
    )
    with pytest.raises(SqlSyntaxError, match=r"\$nope") as caught:
        substituted("SELECT $nope", {"nop": "1"})
    assert caught.value.position == 8
    known = {"A": "x #B ;", "B": "y", "C": "#D", "D": "#C"}
    assert expanded("#A, '#A', \"#A\", -- #A\n/* #A */ #B;", known.get) == "x y, '#A', \"#A\", -- #A\n/* #A */ y;"
    assert expanded("$$BEGIN\n# a note\n  #B\nEND$$", known.get) == f"$$BEGIN\n{' ' * 8}\n  y\nEND$$"
    for wrong, told in (("#C", "contains itself"), ("select #nope", "no template #nope")):
        with pytest.raises(SqlSyntaxError, match=told):
            expanded(wrong, known.get)


@given(st.text(alphabet="#$ab'\"-\n ;/*", max_size=40))
def test_texts_that_are_not_put_in_are_left_alone(text: str) -> None:
    """Where every name stands for itself nothing changes."""
    assert substituted(text, {name: f"${name}" for name in _words(text)}) == text


def _words(text: str) -> set[str]:
    return {text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1) if text[i:j].isalpha()}


# -- schedules -------------------------------------------------------------------------------------------------


def test_schedules_are_kept_changed_and_deleted(aep: Client) -> None:
    query = {"dbName": "prod:all", "sql": "SELECT 1", "name": "nightly", "description": ""}
    times = {"schedule": "0 3 * * *", "startDate": "2999-01-01T00:00:00Z"}
    made = call(aep, "POST", "/schedules", json={"query": query, "schedule": times})
    assert made["state"] == "REGISTERING"
    found = call(aep, "GET", f"/schedules/{made['id']}")
    assert (found["state"], found["query"], found["schedule"]) == ("ENABLED", query, times)
    assert made["id"] in [s["id"] for s in call(aep, "GET", "/schedules")["schedules"]]
    off = {"body": [{"op": "replace", "path": "/state", "value": "disable"}]}
    call(aep, "PATCH", f"/schedules/{made['id']}", json=off)
    later = {"body": [{"op": "replace", "path": "/schedule/schedule", "value": "30 4 * * *"}]}
    call(aep, "PATCH", f"/schedules/{made['id']}", json=later)
    found = call(aep, "GET", f"/schedules/{made['id']}")
    assert (found["state"], found["schedule"]["schedule"]) == ("DISABLED", "30 4 * * *")

    run = call(aep, "POST", f"/schedules/{made['id']}/runs")
    aep.queries.wait(run["queryId"])
    listed = call(aep, "GET", f"/schedules/{made['id']}/runs")
    assert [r["id"] for r in listed["runsSchedules"]] == [run["id"]]
    assert call(aep, "GET", f"/schedules/{made['id']}/runs/{run['id']}")["state"] == "SUCCESS"
    call(aep, "DELETE", f"/schedules/{made['id']}")
    with pytest.raises(NotFound):
        call(aep, "GET", f"/schedules/{made['id']}/runs")


@pytest.mark.parametrize(
    "times",
    [
        {},
        {"schedule": "every day"},
        {"schedule": "61 * * * *"},
        {"schedule": "0 3 * * *", "startDate": "soon"},
        {"schedule": "0 3 * * *", "startDate": "2026-01-02", "endDate": "2026-01-01"},
    ],
)
def test_times_that_cannot_be_read(aep: Client, times: dict[str, Any]) -> None:
    query = {"dbName": "prod:all", "sql": "SELECT 1", "name": "n", "description": ""}
    with pytest.raises(InvalidInput, match="schedule"):
        call(aep, "POST", "/schedules", json={"query": query, "schedule": times})


def test_a_schedule_runs_at_its_times_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = dt.datetime(2026, 3, 1, 2, 59, tzinfo=dt.UTC)
    monkeypatch.setattr(clock, "now", lambda: at)
    with idle(tmp_path / "home") as (platform, sandbox):
        schedules, queue = platform.query_schedules, Queue(platform.store)
        made = schedules.create(sandbox, ADMIN, {}, Request("prod:all", "SELECT 1"), {"schedule": "0 3 * * *"})
        assert queue.lease("w", [DUE]) is None
        at = dt.datetime(2026, 3, 1, 3, 0, tzinfo=dt.UTC)
        job = queue.lease("w", [DUE])
        assert job is not None
        schedules.due(job)
        schedules.due(job)  # as after a crash between its end and the note of it
        assert len(schedules.runs(sandbox, made.id)) == 1
        queue.finish(job, "w")
        at = dt.datetime(2026, 3, 2, 3, 0, tzinfo=dt.UTC)
        job = queue.lease("w", [DUE])
        assert job is not None
        schedules.due(job)
        assert len(schedules.runs(sandbox, made.id)) == 1, "the first run has not ended, and one at once is allowed"
        schedules.change(sandbox, made.id, enabled=False)
        queue.finish(job, "w")
        at = dt.datetime(2026, 3, 9, 3, 0, tzinfo=dt.UTC)
        assert queue.lease("w", [DUE]) is None


@given(
    st.integers(0, 59),
    st.integers(0, 23),
    st.integers(0, 6),
    st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1)),
)
def test_times_of_a_weekly_schedule_against_looking_at_every_minute(
    minute: int, hour: int, weekday: int, after: dt.datetime
) -> None:
    after = after.replace(tzinfo=dt.UTC)
    timing = Timing.parse({"schedule": f"{minute} {hour} * * {weekday}", "startDate": "2019-01-01"})
    moment = after.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
    days = (moment + dt.timedelta(days=n) for n in range(9))
    wanted = (d.replace(hour=hour, minute=minute) for d in days if d.isoweekday() % 7 == weekday)
    assert timing.after(after) == next(w for w in wanted if w > after)


# -- crashes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "sql", "state"),
    [
        ("query.run.started", "CREATE TABLE once AS SELECT 1 AS a", "SUCCESS"),
        ("query.run.done", "SELECT 1", "SUCCESS"),
        ("lake.file-placed", "CREATE TABLE once AS SELECT 1 AS a", "FAILED"),
        ("query.run.done", "CREATE TABLE once AS SELECT 1 AS a", "FAILED"),
    ],
)
def test_a_query_whose_process_dies_is_run_again_or_failed(tmp_path: Path, point: str, sql: str, state: str) -> None:
    children.killed(submit, tmp_path / "home", sql, crash_at=point)
    with limbeck.connect(tmp_path / "home") as aep:
        (run,) = call(aep, "GET", "/queries")["queries"]
        if state == "FAILED":
            with pytest.raises(SqlError, match="while it wrote"):
                aep.queries.wait(run["id"])
        else:
            aep.queries.wait(run["id"])


def submit(home: Path, sql: str) -> None:
    """What a user does."""
    with limbeck.connect(home) as aep:
        aep.queries.wait(aep.queries.submit(sql))
