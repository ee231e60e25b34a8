"""Segmentation beside definitions and jobs: bulk-get, lists in an order, previews, estimates, schedules."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from limbeck import clock
from limbeck.audience.schedules import DUE, SegmentSchedules, after
from limbeck.errors import InvalidInput
from limbeck.scope import Sandbox
from limbeck.store.queue import Job, Queue
from tests.rest.api import ORG, Api, served
from tests.rest.resources import CATALOG, SCHEMAS, UPS, schema

DEFINITIONS, SCHEDULES = f"{UPS}/segment/definitions", f"{UPS}/config/schedules"
PERSON = "https://ns.adobe.com/xdm/context/profile-person-details"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
NAMES = ("Ibsen", "Strindberg", "Undset")
DAILY = {"name": "daily", "type": "batch_segmentation", "properties": {"segments": ["*"]}, "schedule": "0 0 1 * * ?"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("segmentation")) as opened:
        yield opened


@pytest.fixture(scope="module")
def people(api: Api) -> dict[str, str]:
    """The last name of each of forty people, by their key; some have an e-mail address, too."""
    drawn = random.Random(7)
    named = {f"k{n}": drawn.choice(NAMES) for n in range(40)}
    made = schema(api, PROFILE, PERSON, "https://ns.adobe.com/xdm/context/identitymap")
    tag = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    api.ok("PATCH", f"{SCHEMAS}/schemas/{made.replace(':', '%3A').replace('/', '%2F')}", tag)
    tags = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
    body = {"name": "people", "schemaRef": {"id": made}, "tags": tags}
    dataset = api.ok("POST", f"{CATALOG}/dataSets", body)[0].rpartition("/")[2]
    rows = [
        {
            "_id": key,
            "person": {"name": {"lastName": name}},
            "identityMap": {
                "CRMID": [{"id": key, "primary": True}],
                **({"Email": [{"id": f"{key}@x.org"}]} if n % 4 == 0 else {}),
            },
        }
        for n, (key, name) in enumerate(named.items())
    ]
    batch = api.ok("POST", "/data/foundation/import/batches", {"datasetId": dataset})["id"]
    api.ok("PUT", f"/data/foundation/import/batches/{batch}/datasets/{dataset}/files/rows.json", rows)
    api.ok("POST", f"/data/foundation/import/batches/{batch}?action=COMPLETE")
    until(api, f"{CATALOG}/batches/{batch}", lambda found: found[batch]["status"] == "success")
    return named


def until(api: Api, path: str, done: Any) -> Any:
    for _ in range(1000):
        found = api.ok("GET", path)
        if done(found):
            return found
        time.sleep(0.02)
    raise TimeoutError(found)


def define(api: Api, name: str, last_name: str = NAMES[0]) -> str:
    rule = {"type": "PQL", "format": "pql/text", "value": f'person.name.lastName = "{last_name}"'}
    made = api.ok("POST", DEFINITIONS, {"name": name, "expression": rule, "schema": {"name": "_xdm.context.profile"}})
    return str(made["id"])


def preview(api: Api, rule: str) -> str:
    made = api.ok("POST", f"{UPS}/preview", {"predicateExpression": rule, "predicateType": "pql/text"})
    until(api, f"{UPS}/preview/{made['previewId']}", lambda p: p["state"] in ("RESULT_READY", "FAILED"))
    return str(made["previewId"])


# -- definitions and jobs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["strings", "objects", "documented"])
def test_several_definitions_by_their_ids(api: Api, people: dict[str, str], form: str) -> None:
    ids = [define(api, f"several {n}") for n in range(2)]
    wanted = [*ids, "nothing"]
    bodies = {
        "strings": wanted,
        "objects": [{"id": i} for i in wanted],
        "documented": {"ids": [{"id": i} for i in wanted]},
    }
    answer = api.as_("viewer").send("POST", f"{DEFINITIONS}/bulk-get", json=bodies[form])
    results = answer.json()["results"]
    assert (answer.status_code, set(results)) == (207, set(wanted))
    assert [results[i] for i in ids] == [api.ok("GET", f"{DEFINITIONS}/{i}") for i in ids]
    assert (results["nothing"]["status"], "nothing" in results["nothing"]["detail"]) == (404, True)
    assert api.on("dev").ok("POST", f"{DEFINITIONS}/bulk-get", ids)["results"][ids[0]]["status"] == 404


def test_lists_are_in_the_order_that_is_asked_for(api: Api, people: dict[str, str]) -> None:
    names = ["b order", "a order", "c order"]
    ids = {define(api, name): name for name in names}
    for direction, wanted in (("asc", sorted(names)), ("desc", sorted(names, reverse=True))):
        where = f"sort=name:{direction}&property=name~ order$"
        found = api.ok("GET", f"{DEFINITIONS}?{where}")
        assert [s["name"] for s in found["segments"]] == wanted
        assert (found["page"]["sortField"], found["page"]["sort"], found["page"]["totalCount"]) == (
            "name",
            direction,
            3,
        )
        pages = [api.ok("GET", f"{DEFINITIONS}?{where}&limit=2&page={n}")["segments"] for n in range(3)]
        assert [[s["name"] for s in page] for page in pages] == [wanted[:2], wanted[2:], []]
    assert api.ok("GET", f"{DEFINITIONS}?evaluationInfo.continuous.enabled=true")["segments"] == []
    assert len(api.ok("GET", f"{DEFINITIONS}?evaluationInfo.batch.enabled=true")["segments"]) >= len(ids)
    assert api.send("GET", f"{DEFINITIONS}?sort=name:up").status_code == 400


def test_the_jobs_of_an_audience_come_page_by_page(api: Api, people: dict[str, str]) -> None:
    one, other = define(api, "one"), define(api, "other")
    jobs = [api.ok("POST", f"{UPS}/segment/jobs", [{"segmentId": i}])["id"] for i in (one, other, one)]
    path = f"{UPS}/segment/jobs?property=segments~segmentId=={one}&sort=creationTime:asc"
    found = api.ok("GET", path)
    assert sorted(j["id"] for j in found["children"]) == sorted([jobs[0], jobs[2]])
    first = api.ok("GET", f"{path}&limit=1")
    assert (first["_page"], first["_links"]["next"]["href"]) == (
        {"totalCount": 2, "pageSize": 1},
        "/segment/jobs?start=1&limit=1",
    )
    last = api.ok("GET", f"{path}&limit=1&start=1")
    assert [first["children"][0]["id"], last["children"][0]["id"]] == [j["id"] for j in found["children"]]
    assert last["_links"] == {"next": {}}


# -- previews ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last_name", [*NAMES, "Nobody"])
def test_an_estimate_is_the_count_of_the_job(api: Api, people: dict[str, str], last_name: str) -> None:
    wanted = {key for key, name in people.items() if name == last_name}
    made = preview(api, f'person.name.lastName = "{last_name}"')
    told = api.ok("GET", f"{UPS}/estimate/{made}")
    assert (told["state"], told["estimatedSize"], told["totalRows"]) == ("RESULT_READY", len(wanted), len(people))
    mailed = {key for key in wanted if int(key[1:]) % 4 == 0}
    by_namespace = {one["namespaceId"]: one["profilesMatchedSoFar"] for one in told["estimatedNamespaceDistribution"]}
    assert by_namespace == {k: len(v) for k, v in (("CRMID", wanted), (6, mailed)) if v}
    shown = api.ok("GET", f"{UPS}/preview/{made}")["results"]
    maps = [person["endCustomerIds"] for result in shown for person in result.values()]
    assert len(maps) == min(20, len(wanted))
    assert {one["id"] for found in maps for one in found["CRMID"]} <= wanted
    assert all(("Email" in found) == (int(found["CRMID"][0]["id"][1:]) % 4 == 0) for found in maps)
    audience = define(api, "counted", last_name)
    job = api.ok("POST", f"{UPS}/segment/jobs", [{"segmentId": audience}])["id"]
    ended = until(api, f"{UPS}/segment/jobs/{job}", lambda j: j["status"] in ("SUCCEEDED", "FAILED"))
    assert ended["metrics"]["segmentedProfileCounter"][audience] == told["estimatedSize"]


def test_a_preview_goes_and_stays_in_its_sandbox(api: Api, people: dict[str, str]) -> None:
    made = preview(api, f'person.name.lastName = "{NAMES[0]}"')
    assert api.on("dev").send("GET", f"{UPS}/preview/{made}").status_code == 404
    assert api.as_("viewer").send("DELETE", f"{UPS}/preview/{made}").status_code == 403
    api.ok("DELETE", f"{UPS}/preview/{made}")
    for path in ("preview", "estimate"):
        assert api.send("GET", f"{UPS}/{path}/{made}").status_code == 404
    assert api.send("DELETE", f"{UPS}/preview/{made}").status_code == 404


def test_a_preview_that_cannot_be_is_refused(api: Api, people: dict[str, str]) -> None:
    for body in (
        {"predicateExpression": "person.nothing = 1"},
        {"predicateExpression": "person.name.lastName ="},
        {"predicateExpression": 'person.name.lastName = "x"', "predicateType": "pql/json"},
        {"predicateExpression": 'person.name.lastName = "x"', "predicateModel": "_xdm.context.account"},
        {},
    ):
        answer = api.send("POST", f"{UPS}/preview", json=body)
        assert (answer.status_code, "id" in answer.json()) == (400, False), body


# -- schedules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cron", "first"),
    [
        ("0 0 1 * * ?", "2026-03-05T01:00:00"),
        ("30 15 12 * * ?", "2026-03-04T12:15:30"),
        ("0 0 1 ? * 1", "2026-03-08T01:00:00"),  # Sunday
        ("0 0 1 ? * 2-6 *", "2026-03-05T01:00:00"),
        ("0 0 1 ? * SAT", "2026-03-07T01:00:00"),
        ("0 0 1 ? * 7", "2026-03-07T01:00:00"),
        ("0 0 1 ? * 4#2", "2026-03-11T01:00:00"),  # the second Wednesday
        ("0 0 1 1 * ?", "2026-04-01T01:00:00"),
        ("0 0 1 L * ?", "2026-03-31T01:00:00"),
    ],
)
def test_quartz_expressions_are_read_as_quartz_means_them(cron: str, first: str) -> None:
    wednesday = datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert after(cron, wednesday) == datetime.fromisoformat(first).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "cron",
    ["", "0 1 * * *", "0 */5 1 * * ?", "0 0 * * * ?", "* 0 1 * * ?", "0 0 25 * * ?", "0 0 1 ? * 0", "0 0 1 * * ? 2027"],
)
def test_what_is_no_daily_quartz_expression_is_refused(cron: str) -> None:
    with pytest.raises(InvalidInput, match="schedule is"):
        after(cron, datetime(2026, 3, 4, tzinfo=UTC))


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"type": "export"}, 501, "dataflows deliver"),
        ({"type": "other"}, 400, "batch_segmentation"),
        ({"state": "on"}, 400, "active or inactive"),
        ({"properties": {"segments": []}}, 400, "properties.segments"),
        ({"properties": {"segments": ["nothing"]}}, 404, "nothing"),
        ({"name": " "}, 400, "name"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(api: Api, changed: dict[str, Any], status: int, said: str) -> None:
    answer = api.send("POST", SCHEDULES, json={**DAILY, **changed})
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    made = api.ok("POST", SCHEDULES, DAILY)["id"]
    patch = [{"op": "replace", "path": f"/{key}", "value": value} for key, value in changed.items()]
    assert api.send("PATCH", f"{SCHEDULES}/{made}", json=patch).status_code == status
    assert {**DAILY, "state": "inactive"}.items() <= api.ok("GET", f"{SCHEDULES}/{made}").items()


def waiting(api: Api, made: str) -> list[Job]:
    """The jobs that wait for a schedule's time, as if all times had come."""
    queue, found = Queue(api.platform.store), []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(days=400))
        while (job := queue.lease("test", [DUE])) is not None:
            found += [job] if job.payload["schedule"] == made else []
    return found


def test_a_schedule_that_is_due_evaluates_once_and_waits_for_the_next(api: Api, people: dict[str, str]) -> None:
    audience = define(api, "scheduled")
    body = {**DAILY, "properties": {"segments": [audience]}, "state": "active"}
    made = api.ok("POST", SCHEDULES, body)["id"]
    (due,) = waiting(api, made)
    moment = clock.from_millis(due.payload["moment"])
    assert timedelta(0) < moment - datetime.now(UTC) <= timedelta(days=1)
    assert (moment.hour, moment.minute, moment.second) == (1, 0, 0)
    for _ in range(2):  # a worker that died before it said so, too
        api.platform.segment_schedules.due(due)
    api.platform.worker.wake()
    jobs = f"{UPS}/segment/jobs?property=segments~segmentId=={audience}"
    (job,) = until(api, jobs, lambda found: found["children"][0]["status"] == "SUCCEEDED")["children"]
    assert (job["source"], job["properties"]) == ("scheduler", {"scheduleId": made, "runId": job["id"]})
    assert job["metrics"]["segmentedProfileCounter"] == {audience: sum(n == NAMES[0] for n in people.values())}
    (following,) = waiting(api, made)
    assert clock.from_millis(following.payload["moment"]) == moment + timedelta(days=1)

    api.ok("PATCH", f"{SCHEDULES}/{made}", [{"op": "replace", "path": "/state", "value": "inactive"}])
    api.platform.segment_schedules.due(following)
    assert len(api.ok("GET", jobs)["children"]) == 1
    api.ok("DELETE", f"{SCHEDULES}/{made}")
    api.platform.segment_schedules.due(following)
    assert len(api.ok("GET", jobs)["children"]) == 1


def test_a_schedule_of_nobody_waits_on(api: Api) -> None:
    sandbox = api.platform.access.ensure_sandbox(ORG, "empty")
    assert isinstance(sandbox, Sandbox)
    schedules: SegmentSchedules = api.platform.segment_schedules
    made = schedules.create(sandbox, {**DAILY, "state": "active"})
    (due,) = waiting(api, made.id)
    schedules.due(due)
    assert api.platform.segment_jobs.all(sandbox) == []
    assert len(waiting(api, made.id)) == 1
