"""Audiences: their rules, their evaluation, and who is in them since when; embedded and through a server."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

import limbeck
from limbeck.client import Client, Dataset
from limbeck.client.people import Audience, Person
from limbeck.errors import Conflict, InvalidInput, LimbeckError, NotFound, PqlError
from limbeck.identity import Identity
from tests.behaviour import children
from tests.behaviour.flow_scores import idle
from tests.platforms import embedded, served

PROFILE = "https://ns.adobe.com/xdm/context/profile"
EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
OPT_OUTS = (f"{PROFILE}-privacy", f"{PROFILE}-preferences-details")
IN_PROFILE = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
FIELDS = {"userid": "string", "email": "string", "test": "string", "score": "number"}

DEFINITIONS, JOBS = "/data/core/ups/segment/definitions", "/data/core/ups/segment/jobs"

T1 = datetime(2026, 3, 1, 12, tzinfo=UTC)
T2, T3 = T1 + timedelta(days=2), T1 + timedelta(days=4)

Row = Mapping[str, Any]


# -- people -------------------------------------------------------------------------------------------------------


@dataclass
class World:
    """People and events of a home. Each test's rows carry its name, so that its rules are about nobody else."""

    aep: Client
    folder: Path
    people: Dataset = field(init=False)
    events: Dataset = field(init=False)
    sent: int = 0

    def __post_init__(self) -> None:
        self.people = self._dataset("people", PROFILE, OPT_OUTS)
        self.events = self._dataset("events", EVENT, ())

    def _dataset(self, name: str, class_id: str, groups: Sequence[str]) -> Dataset:
        aep, ours = self.aep, f"_{self.aep.tenant}"
        properties = {name: {"type": kind} for name, kind in FIELDS.items()}
        body = {
            "title": f"{name} fields",
            "type": "object",
            "meta:intendedToExtend": [class_id],
            "definitions": {"ours": {"properties": {ours: {"type": "object", "properties": properties}}}},
            "allOf": [{"$ref": "#/definitions/ours"}],
        }
        schema = aep.create_schema(name, class_id, [aep.create_field_group(body).id, *groups])
        aep.create_identity(schema, f"{ours}.userid", "CRMID")
        aep.create_identity(schema, f"{ours}.email", "Email", primary=False)
        aep.enable_profile(schema)
        return aep.create_dataset(name, schema, IN_PROFILE)

    def tell(self, test: str, *rows: Row) -> None:
        """Bring in records; what is none of our own fields stands at the top."""
        self._send(self.people, [self._row(test, row) for row in rows])

    def happen(self, test: str, *rows: Row) -> None:
        """Bring in events."""
        told = [
            {"_id": f"{test}-{self.sent}-{n}", "timestamp": "2026-02-01T00:00:00Z", "eventType": test, **row}
            for n, row in enumerate(rows)
        ]
        self._send(self.events, [self._row(test, row) for row in told])

    def _row(self, test: str, row: Row) -> Row:
        own = {"test": test, **{k: v for k, v in row.items() if k in FIELDS}}
        return {f"_{self.aep.tenant}": own, **{k: v for k, v in row.items() if k not in FIELDS}}

    def _send(self, dataset: Dataset, rows: Sequence[Row]) -> None:
        self.sent += 1
        file = self.folder / f"{self.sent}.json"
        file.write_text("\n".join(map(json.dumps, rows)))
        self.aep.upload(dataset, file)

    def rule(self, test: str, rest: str = "") -> str:
        """PQL about the people of a test; `@` in *rest* stands for the tenant's name."""
        ours = f"_{self.aep.tenant}"
        return f'{ours}.test = "{test}"' + (f" and {rest.replace('@', ours)}" if rest else "")

    def audience(self, test: str, rest: str = "", name: str = "") -> Audience:
        """Make an audience of people of a test."""
        return self.aep.audiences.create(name or test, self.rule(test, rest))

    def find(self, user: str) -> Person:
        """The profile of a user, who is known."""
        found = self.aep.people.find("CRMID", user)
        assert found is not None, user
        return found

    def members(self, audience: Audience, *users: str) -> dict[str, tuple[str, datetime] | None]:
        """Of each user the status and when it was reached, as the look-up tells it."""
        return {user: membership(self.find(user), audience) for user in users}


def membership(person: Person, audience: Audience) -> tuple[str, datetime] | None:
    found = person.entity.get("segmentMembership", {}).get("ups", {}).get(audience.id)
    return None if found is None else (found["status"], datetime.fromisoformat(found["lastQualificationTime"]))


def forget(aep: Client) -> None:
    """Delete all audiences, those that use others first."""
    for audience in list(aep.audiences.all()):
        with suppress(InvalidInput):
            aep.audiences.delete(audience)


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with embedded(tmp_path_factory.mktemp("home")) as client:
        yield World(client, tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with served(tmp_path_factory.mktemp("home")) as client:
        yield World(client, tmp_path_factory.mktemp("rows"))


@pytest.fixture
def world(inside: World) -> Iterator[World]:
    """The platform in this process, for what takes longer."""
    yield inside
    forget(inside.aep)


@pytest.fixture(params=["inside", "outside"])
def both(request: pytest.FixtureRequest) -> Iterator[World]:
    """The platform in this process, then a server."""
    found: World = request.getfixturevalue(request.param)
    yield found
    forget(found.aep)


# -- what the client does not wrap --------------------------------------------------------------------------------


def call(aep: Client, method: str, path: str, **arguments: Any) -> Any:
    return aep._transport.call(method, path, **arguments)


def answer(aep: Client, method: str, path: str, **arguments: Any) -> httpx.Response:
    """The answer itself, with its status."""
    headers = {**aep._transport._all_headers(), **arguments.pop("headers", {})}
    return aep._transport._http.request(method, path, headers=headers, **arguments)


def body_of(name: str, rule: str) -> dict[str, Any]:
    """The body of the notebook."""
    return {
        "name": name,
        "profileInstanceId": "ups",
        "description": "People with a high propensity",
        "expression": {"type": "PQL", "format": "pql/text", "value": rule},
        "schema": {"name": "_xdm.context.profile"},
        "payloadSchema": "string",
        "ttlInDays": 60,
    }


def evaluated(aep: Client, *audiences: Audience, **headers: str) -> dict[str, Any]:
    """Evaluate audiences and return the job, however it ended."""
    wanted = [{"segmentId": a.id} for a in audiences]
    job = call(aep, "POST", JOBS, json=wanted, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return ended(aep, job["id"])


def ended(aep: Client, job_id: str) -> dict[str, Any]:
    while (job := call(aep, "GET", f"{JOBS}/{job_id}"))["status"] not in ("SUCCEEDED", "FAILED", "CANCELLED"):
        """It is not over."""
    assert isinstance(job, dict)
    return job


def jobs(aep: Client) -> list[dict[str, Any]]:
    return list(call(aep, "GET", JOBS, params={"limit": 1000})["children"])


# -- definitions --------------------------------------------------------------------------------------------------


def test_a_definition_is_kept_as_the_notebook_sends_it(both: World) -> None:
    aep, name = both.aep, "[CMLE][Week5] People with a higher propensity (created by x)"
    body = body_of(name, both.rule("kept"))

    made = call(aep, "POST", DEFINITIONS, json=body)

    assert {k: made[k] for k in body} == body
    assert made["sandbox"] | {"sandboxId": ""} == {
        "sandboxId": "",
        "sandboxName": "prod",
        "type": made["sandbox"]["type"],
        "default": True,
    }
    modes = {"batch": {"enabled": True}, "continuous": {"enabled": False}, "synchronous": {"enabled": False}}
    assert made["evaluationInfo"] == modes
    assert made["dataGovernancePolicy"] == {"excludeOptOut": True}
    assert made["mergePolicyId"]
    assert made["imsOrgId"]
    assert made["creationTime"] == made["updateTime"]
    assert made["updateEpoch"] == made["updateTime"] // 1000
    assert call(aep, "GET", f"{DEFINITIONS}/{made['id']}") == made
    assert aep.audiences.get(made["id"]) == Audience(made["id"], name, body["expression"]["value"], None)


def test_two_may_have_one_name_and_the_newest_is_meant(both: World) -> None:
    first, second = (both.audience("twice", rest) for rest in ("@.score > 0.1", "@.score > 0.2"))
    assert first.id != second.id
    assert {a.id for a in both.aep.audiences.all() if a.name == "twice"} == {first.id, second.id}
    times = {a.id: call(both.aep, "GET", f"{DEFINITIONS}/{a.id}")["creationTime"] for a in (first, second)}
    named = both.aep.audiences.named("twice")
    assert named is not None
    assert times[named.id] == max(times.values())
    assert both.aep.audiences.named("thrice") is None


def test_a_list_comes_in_pages_and_a_page_after_the_end_is_empty(world: World) -> None:
    for _ in range(5):
        world.audience("paged")
    world.audience("other")
    pages = [
        call(world.aep, "GET", DEFINITIONS, params={"name": "paged", "limit": 2, "page": page}) for page in range(4)
    ]
    assert [len(p["segments"]) for p in pages] == [2, 2, 1, 0]
    assert [p["page"]["totalPages"] for p in pages] == [3] * 4
    assert [p["page"]["totalCount"] for p in pages] == [5] * 4
    assert [p["page"]["pageSize"] for p in pages] == [2, 2, 1, 0]
    assert all("link" in p for p in pages)
    listed = [s for p in pages for s in p["segments"]]
    assert len({s["id"] for s in listed}) == 5
    assert {s["name"] for s in listed} == {"paged"}
    assert [s["creationTime"] for s in listed] == sorted((s["creationTime"] for s in listed), reverse=True)
    after = call(world.aep, "GET", DEFINITIONS, params={"name": "paged", "start": 3})
    assert [s["id"] for s in after["segments"]] == [s["id"] for s in listed[3:]]
    nobody = call(world.aep, "GET", DEFINITIONS, params={"name": "nobody"})
    assert (nobody["segments"], nobody["page"]["totalPages"]) == ([], 1)


def test_the_client_lists_all_of_many(tmp_path: Path) -> None:
    with embedded(tmp_path) as aep:
        world = World(aep, tmp_path)
        made = {world.audience("many").id for _ in range(101)}
        listed = [a.id for a in aep.audiences.all()]
    assert len(listed) == 101
    assert set(listed) == made


def test_a_change_replaces_what_it_names_and_nothing_else(both: World) -> None:
    aep = both.aep
    made = call(aep, "POST", DEFINITIONS, json=body_of("changed", both.rule("changed")))
    rule = both.rule("changed", "@.score > 0.5")
    found = aep.audiences.change(aep.audiences.get(made["id"]), rule, "better")
    assert found == Audience(made["id"], "changed", rule, None)

    call(aep, "PATCH", f"{DEFINITIONS}/{made['id']}", json={"description": "best", "ttlInDays": 30, "id": "no"})

    now = call(aep, "GET", f"{DEFINITIONS}/{made['id']}")
    assert (now["name"], now["expression"]["value"]) == ("changed", rule)
    assert (now["description"], now["ttlInDays"], now["payloadSchema"]) == ("best", 30, "string")
    assert now["creationTime"] == made["creationTime"] <= now["updateTime"]


def test_a_deleted_audience_is_gone_from_profiles_too(both: World) -> None:
    both.tell("deleted", {"userid": "deleted-1"})
    audience = both.audience("deleted")
    both.aep.audiences.evaluate(audience)
    assert both.find("deleted-1").audiences == {audience.id: "realized"}

    both.aep.audiences.delete(audience)

    assert both.find("deleted-1").audiences == {}
    for method in ("GET", "DELETE", "PATCH"):
        response = answer(both.aep, method, f"{DEFINITIONS}/{audience.id}", json={"description": "x"})
        assert response.status_code == 404, method
    with pytest.raises(NotFound, match=audience.id):
        both.aep.audiences.evaluate(audience)
    assert audience.id not in {a.id for a in both.aep.audiences.all()}


REFUSED = [
    ("@.score >=", 10, ""),
    ("", 0, ""),
    ("@.score > 0.5 and @.scor > 1", 20, r'no field _T\.scor;.*did you mean "_T\.score"'),
    ("scoer.x = 1", 0, "scoer"),
    ("@.score", 0, "number"),
    ('@.score > "much"', 10, "compares a number with a string"),
    ("@.score occurs today", 0, ""),
    ('inSegment("nobody at all")', 10, "nobody at all"),
    ('@.test = "x" and frobnicate(1)', 17, "frobnicate"),
    ("@.score > 0.5 or @.score > $2", None, ""),
]


@pytest.mark.parametrize(("rule", "position", "said"), REFUSED)
def test_a_refused_rule_stores_nothing_and_says_where(world: World, rule: str, position: int | None, said: str) -> None:
    aep, ours = world.aep, f"_{world.aep.tenant}"
    before, shift = world.audience("before"), len(ours) - 1
    text = rule.replace("@", ours)
    wanted = None if position is None else position + shift * rule[:position].count("@")

    with pytest.raises(PqlError, match=f"(?s){said.replace('_T', ours)}") as caught:
        aep.audiences.create("refused", text)
    with pytest.raises(PqlError):
        aep.audiences.change(before, text)

    assert 0 <= caught.value.position <= len(text)
    assert wanted in (None, caught.value.position)
    assert [answer(aep, "POST", DEFINITIONS, json=body_of("refused", text)).status_code] == [400]
    assert list(aep.audiences.all()) == [before]


@pytest.mark.parametrize(
    "body",
    [
        {"expression": {"type": "PQL", "format": "pql/text", "value": "true"}},
        {"name": "no rule"},
        {"name": " ", "expression": {"type": "PQL", "format": "pql/text", "value": "@"}},
        {"name": "json", "expression": {"type": "PQL", "format": "pql/json", "value": "{}"}},
        {"name": "sql", "expression": {"type": "SQL", "format": "pql/text", "value": "@"}},
    ],
)
def test_a_body_that_lacks_something_is_refused(both: World, body: dict[str, Any]) -> None:
    text = json.dumps(body).replace('"@"', json.dumps(both.rule("lacking")))
    assert answer(both.aep, "POST", DEFINITIONS, json=json.loads(text)).status_code == 400
    assert list(both.aep.audiences.all()) == []


@pytest.mark.parametrize("body", [{"name": " "}, {"name": None}, {"expression": "x"}])
def test_a_change_that_lacks_something_is_refused(tmp_path: Path, body: dict[str, Any]) -> None:
    with embedded(tmp_path) as aep:
        made = World(aep, tmp_path).audience("lacking")
        assert answer(aep, "PATCH", f"{DEFINITIONS}/{made.id}", json=body).status_code == 400
        assert list(aep.audiences.all()) == [made]


# -- audiences of audiences ---------------------------------------------------------------------------------------


def test_no_audience_leads_back_to_itself(both: World) -> None:
    aep = both.aep
    one = both.audience("circle", name="circle one")
    two = both.audience("circle", f'inSegment("{one.id}")', name="circle two")
    three = both.audience("circle", 'not inSegment("circle two")', name="circle three")
    for who in (one.id, "circle one", two.id, "circle three"):
        with pytest.raises(InvalidInput, match=f"leads back to the audience {one.id} itself"):
            aep.audiences.change(one, both.rule("circle", f'inSegment("{who}")'))
    with pytest.raises(InvalidInput, match=two.id):
        aep.audiences.change(two, both.rule("circle", f'inSegment("{three.id}")'))
    assert {a.id: a.rule for a in aep.audiences.all()} == {a.id: a.rule for a in (one, two, three)}


def test_no_name_closes_a_circle(tmp_path: Path) -> None:
    """`create` does not look for circles, since nothing can ask for what is not there: but by name it can."""
    with embedded(tmp_path) as aep:
        world = World(aep, tmp_path)
        first = world.audience("named", name="wanted")
        user = world.audience("named", 'inSegment("wanted")', name="user")
        call(aep, "PATCH", f"{DEFINITIONS}/{first.id}", json={"name": "renamed"})
        with pytest.raises(InvalidInput):
            world.audience("named", f'inSegment("{user.id}")', name="wanted")


def test_what_is_used_is_not_deleted(both: World) -> None:
    aep = both.aep
    used = both.audience("used")
    user = both.audience("used", f'inSegment("{used.id}")', name="user")
    flow = aep.destinations.create("user of used", "used", {"id": "identityMap.CRMID"}, "csv")
    aep.destinations.select(flow, used, "%SEGMENT_ID%")
    response = answer(aep, "DELETE", f"{DEFINITIONS}/{used.id}")
    assert response.status_code == 400
    assert flow in response.json()["message"]
    assert user.id in response.json()["message"]
    assert aep.audiences.get(used.id) == used

    aep.audiences.delete(user)
    with pytest.raises(InvalidInput, match=f"used by flow {flow};"):
        aep.audiences.delete(used)
    other = both.audience("used", name="other")
    aep.destinations.select(flow, other, "%SEGMENT_ID%")
    aep.audiences.delete(used)
    assert [a.id for a in aep.audiences.all()] == [other.id]
    (found,) = call(aep, "GET", f"/data/foundation/flowservice/flows/{flow}")["items"]
    call(aep, "DELETE", f"/data/foundation/flowservice/flows/{found['id']}")


def test_one_that_is_asked_for_comes_first_in_a_job_else_what_is_stored_counts(world: World) -> None:
    aep = world.aep
    world.tell("order", *({"userid": f"order-{n}", "score": n / 10} for n in range(10)))
    inner = world.audience("order", "@.score >= 0.5", name="inner")
    middle = world.audience("order", f'inSegment("{inner.id}") and @.score < 0.9', name="middle")
    outer = world.audience("order", 'not inSegment("middle")', name="outer")

    assert aep.audiences.evaluate(outer).sizes == {outer.id: 10}
    assert aep.audiences.evaluate(outer, inner, middle).sizes == {inner.id: 5, middle.id: 4, outer.id: 6}
    assert {a.id: a.size for a in aep.audiences.all()} == {inner.id: 5, middle.id: 4, outer.id: 6}
    aep.audiences.change(inner, world.rule("order", "@.score >= 0.7"))
    assert aep.audiences.evaluate(middle).sizes == {middle.id: 4}
    assert aep.audiences.evaluate(middle, inner).sizes == {middle.id: 2, inner.id: 3}
    assert world.find("order-6").audiences == {inner.id: "exited", middle.id: "exited", outer.id: "exited"}


# -- jobs ---------------------------------------------------------------------------------------------------------

TIMES = {"startTimeInMs", "endTimeInMs", "totalTimeInMs"}
COUNTERS = ("segmentedProfileCounter", "segmentedProfileByNamespaceCounter", "segmentedProfileByStatusCounter")


def assert_all_metrics(job: Mapping[str, Any], *audiences: Audience) -> None:
    metrics = job["metrics"]
    for name in ("totalTime", "profileSegmentationTime"):
        assert metrics[name].keys() == TIMES
        assert metrics[name]["totalTimeInMs"] == metrics[name]["endTimeInMs"] - metrics[name]["startTimeInMs"] >= 0
    assert metrics["totalProfiles"] >= 0
    for name in COUNTERS:
        assert metrics[name].keys() == {a.id for a in audiences}
    for audience in audiences:
        status = metrics["segmentedProfileByStatusCounter"][audience.id]
        assert status.keys() == {"realized", "exited"}
        assert metrics["segmentedProfileCounter"][audience.id] == status["realized"]


def broken(world: World) -> Audience:
    """An audience whose rule no longer fits: the name that it asks for is no longer unique."""
    world.audience("broken", name="unique")
    made = world.audience("broken", 'inSegment("unique")')
    world.audience("broken", name="unique")
    return made


def test_metrics_are_always_there(world: World) -> None:
    aep = world.aep
    world.tell("metrics", *({"userid": f"metrics-{n}", "score": n} for n in range(4)))
    world.tell("metrics", {"userid": "metrics-0", "email": "a@x"}, {"userid": "metrics-3", "email": "b@x", "score": 9})
    good, bad = world.audience("metrics", "@.score > 0"), broken(world)
    none = world.audience("metrics", "@.score > 100", name="none")
    posted = call(aep, "POST", JOBS, json=[{"segmentId": good.id}])
    assert posted["metrics"]["totalTime"]["totalTimeInMs"] >= 0
    assert posted["metrics"]["segmentedProfileCounter"].keys() == {good.id}
    ended(aep, posted["id"])

    job = evaluated(aep, good, bad, none)

    assert_all_metrics(job, good, bad, none)
    metrics = job["metrics"]
    assert job["status"] == "SUCCEEDED"
    assert metrics["totalProfiles"] >= 4
    assert metrics["segmentedProfileCounter"] == {good.id: 3, bad.id: 0, none.id: 0}
    assert metrics["segmentedProfileByNamespaceCounter"] == {good.id: {"CRMID": 3, "Email": 1}, bad.id: {}, none.id: {}}
    assert [s["segmentId"] for s in job["segments"]] == [good.id, bad.id, none.id]
    assert job["segments"][0]["segment"]["expression"]["value"] == good.rule
    alone = evaluated(aep, bad)
    assert alone["status"] == "FAILED"
    assert_all_metrics(alone, bad)


def test_metrics_count_by_merge_policy(world: World) -> None:
    job = evaluated(world.aep, world.audience("policy"))
    policy = job["segments"][0]["segment"]["mergePolicyId"]
    assert job["metrics"]["totalProfilesByMergePolicy"] == {policy: job["metrics"]["totalProfiles"]}


def test_an_audience_whose_rule_no_longer_fits_fails_alone(world: World) -> None:
    aep = world.aep
    world.tell("broken", {"userid": "broken-1"})
    first = world.audience("broken", name="unique")
    bad, good = world.audience("broken", 'inSegment("unique")'), world.audience("broken", name="good")
    aep.audiences.evaluate(first, bad, at=T1)
    second = world.audience("broken", name="unique")

    job = evaluated(aep, bad, good, x_evaluation_time=T2.isoformat())

    assert job["status"] == "SUCCEEDED"
    (told,) = job["errors"]
    assert told["segmentId"] == bad.id
    assert '"unique"' in told["message"]
    assert aep.audiences.get(bad.id) == Audience(bad.id, "broken", bad.rule, 1)
    assert world.members(bad, "broken-1") == {"broken-1": ("realized", T1)}
    assert world.members(good, "broken-1") == {"broken-1": ("realized", T2)}
    with pytest.raises(InvalidInput, match="unique"):
        aep.audiences.evaluate(bad)
    aep.audiences.delete(second)
    assert aep.audiences.evaluate(bad, at=T3).sizes == {bad.id: 1}
    assert world.members(bad, "broken-1") == {"broken-1": ("realized", T1)}


def test_one_deleted_while_its_job_waits_fails_alone(tmp_path: Path) -> None:
    with embedded(tmp_path) as aep:
        world = World(aep, tmp_path)
        world.tell("late", {"userid": "late-1"})
        good, gone = world.audience("late"), world.audience("late")
    with idle(tmp_path) as (platform, sandbox):
        queued = platform.segment_jobs.start(sandbox, [gone.id, good.id])
        platform.audiences.definitions.delete(sandbox, gone.id)
    with embedded(tmp_path) as aep:
        job = ended(aep, queued.id)
        assert job["status"] == "SUCCEEDED"
        assert_all_metrics(job, gone, good)
        assert job["metrics"]["segmentedProfileCounter"] == {gone.id: 0, good.id: 1}
        assert [e["segmentId"] for e in job["errors"]] == [gone.id]


def test_a_waiting_job_is_cancelled_and_never_done(tmp_path: Path) -> None:
    with embedded(tmp_path) as aep:
        audience = World(aep, tmp_path).audience("cancelled")
    with idle(tmp_path) as (platform, sandbox):
        queued = platform.segment_jobs.start(sandbox, [audience.id])
        assert platform.segment_jobs.get(sandbox, queued.id).status == "QUEUED"
        platform.segment_jobs.cancel(sandbox, queued.id)
    with embedded(tmp_path) as aep:
        aep.audiences.evaluate(aep.audiences.create("another", audience.rule))
        assert [j["status"] for j in jobs(aep)] == ["SUCCEEDED", "CANCELLED"]
        assert aep.audiences.get(audience.id).size is None
        for job in jobs(aep):
            with pytest.raises(LimbeckError, match="cannot be cancelled"):
                call(aep, "DELETE", f"{JOBS}/{job['id']}")
        assert [j["status"] for j in jobs(aep)] == ["SUCCEEDED", "CANCELLED"]


def test_a_job_for_all_audiences(tmp_path: Path) -> None:
    with embedded(tmp_path) as aep:
        every = [{"segmentId": "*"}]
        assert answer(aep, "POST", JOBS, json=every).status_code == 400
        world = World(aep, tmp_path)
        world.tell("every", {"userid": "every-1"})
        made = {world.audience("every").id, world.audience("nobody").id}
        job = ended(aep, call(aep, "POST", JOBS, json=every)["id"])
        assert job["status"] == "SUCCEEDED"
        assert job["metrics"]["segmentedProfileCounter"].keys() == made


def test_a_finished_job_is_not_cancelled(world: World) -> None:
    job = evaluated(world.aep, world.audience("finished"))
    assert answer(world.aep, "DELETE", f"{JOBS}/{job['id']}").status_code == 400


def test_jobs_are_listed_newest_first(world: World) -> None:
    made = [evaluated(world.aep, world.audience("listed"))["id"] for _ in range(3)]
    bad = evaluated(world.aep, broken(world))["id"]
    listed = jobs(world.aep)
    assert [j["creationTime"] for j in listed] == sorted((j["creationTime"] for j in listed), reverse=True)
    assert {j["id"] for j in listed} >= {*made, bad}
    page = call(world.aep, "GET", JOBS, params={"start": 1, "limit": 2})
    assert [j["id"] for j in page["children"]] == [j["id"] for j in listed[1:3]]
    assert page["_page"] == {"totalCount": len(listed), "pageSize": 2}
    assert "href" not in page["_links"]
    failed = call(world.aep, "GET", JOBS, params={"status": "FAILED"})["children"]
    assert bad in {j["id"] for j in failed}
    assert {j["status"] for j in failed} == {"FAILED"}


def test_a_job_names_audiences_that_exist_and_each_counts_once(both: World) -> None:
    before = len(jobs(both.aep))
    audience = both.audience("once")
    other = Audience("01234567-89ab-cdef-0123-456789abcdef", "", "", None)
    for wanted, kind in (([], InvalidInput), ([audience, other], NotFound)):
        with pytest.raises(kind):
            both.aep.audiences.evaluate(*wanted)
    for body in ({"segmentId": audience.id}, [audience.id], [{"id": audience.id}]):
        assert answer(both.aep, "POST", JOBS, json=body).status_code == 400
    assert len(jobs(both.aep)) == before
    with pytest.raises(NotFound):
        call(both.aep, "GET", f"{JOBS}/{other.id}")
    job = evaluated(both.aep, audience, audience)
    assert [s["segmentId"] for s in job["segments"]] == [audience.id]


MOMENTS = [
    "2026-02-08T00:00:00Z",
    "2026-02-08T00:00:00.000+00:00",
    "2026-02-08T00:00:00",
    "2026-02-08T02:30:00+02:30",
    "2026-02-07T19:00:00-05:00",
]


def test_the_evaluation_time_is_what_a_rule_calls_now(both: World) -> None:
    both.happen("now", *({"userid": f"now-{n}", "timestamp": f"2026-02-0{n}T12:00:00Z"} for n in range(1, 9)))
    text = 'exists X from xEvent where X.eventType = "now" and X.timestamp occurs < 3 days before now'
    audience, moment = both.aep.audiences.create("now", text), datetime(2026, 2, 8, tzinfo=UTC)
    for sent in MOMENTS:
        job = evaluated(both.aep, audience, x_evaluation_time=sent)
        assert job["evaluatedAt"] == moment.timestamp() * 1000, sent
        assert job["metrics"]["segmentedProfileCounter"] == {audience.id: 3}
    assert both.members(audience, "now-4", "now-5") == {"now-4": None, "now-5": ("realized", moment)}

    found = both.aep.audiences.evaluate(audience, at=datetime(2026, 2, 8, 17, tzinfo=timezone(timedelta(hours=-7))))

    assert (found.evaluated, found.sizes) == (datetime(2026, 2, 9, tzinfo=UTC), {audience.id: 3})
    assert both.members(audience, "now-5", "now-8") == {
        "now-5": ("exited", found.evaluated),
        "now-8": ("realized", found.evaluated),
    }


def test_an_evaluation_time_that_is_none_is_refused(both: World) -> None:
    audience, before = both.audience("bad time"), len(jobs(both.aep))
    response = answer(
        both.aep, "POST", JOBS, json=[{"segmentId": audience.id}], headers={"x-evaluation-time": "yesterday"}
    )
    assert response.status_code == 400
    assert "x-evaluation-time" in response.json()["message"]
    assert len(jobs(both.aep)) == before


def evaluate_often(home: Path, audience_id: str, first: int, count: int) -> None:
    """Evaluate an audience again and again, each time as at another instant."""
    with limbeck.connect(home) as aep:
        audience = aep.audiences.get(audience_id)
        for n in range(first, first + count):
            aep.audiences.evaluate(audience, at=T1 + timedelta(hours=n))


def test_one_evaluation_at_a_time(tmp_path: Path) -> None:
    """Two processes with a worker each: all evaluations start from the one before, so the first qualifies."""
    home, users = tmp_path / "home", [f"one-{n}" for n in range(3)]
    home.mkdir()
    with embedded(home) as aep:
        world = World(aep, tmp_path)
        world.tell("one", *({"userid": user} for user in users))
        audience = world.audience("one")
    started = [children.start(evaluate_often, home, audience.id, n * 4, 4) for n in range(2)]
    for child in started:
        children.finish(child)
    with embedded(home) as aep:
        done = jobs(aep)
        assert [j["status"] for j in done] == ["SUCCEEDED"] * 8
        begun = min(j["updateTime"] for j in done)
        first = {datetime.fromtimestamp(j["evaluatedAt"] / 1000, UTC) for j in done if j["updateTime"] == begun}
        for user in users:
            person = aep.people.find("CRMID", user)
            assert person is not None
            told = membership(person, audience)
            assert told is not None
            assert told[0] == "realized"
            assert told[1] in first
        kept = list((home / "audiences").rglob("*.parquet"))
        assert len(kept) == 2, "the newest, and the one before, which somebody may have begun to read"
        assert {file.parent.name for file in kept} == {audience.id}


def test_members_that_somebody_has_looked_up_outlive_the_next_evaluation(tmp_path: Path) -> None:
    """A look-up or a delivery asks which file is the newest, and opens it a moment later."""
    with embedded(tmp_path) as aep:
        audience = World(aep, tmp_path).audience("outlive")
        aep.audiences.evaluate(audience, at=T1)
        (found,) = (tmp_path / "audiences" / audience.id).iterdir()
        aep.audiences.evaluate(audience, at=T2)
        assert found.is_file()
        aep.audiences.evaluate(audience, at=T3)
        assert not found.exists()
        assert len(list(found.parent.iterdir())) == 2


# -- who is in, since when (profile contract, section 5.6) --------------------------------------------------------

KEPT = timedelta(days=30)
Members = dict[str, tuple[str, datetime]]


def after(before: Members, inside: set[str], now: datetime) -> Members:
    """The table of section 5.6, one person at a time."""
    found: Members = {}
    for user in {*before, *inside}:
        status, since = before.get(user, ("absent", now))
        if user in inside:
            found[user] = ("realized", since if status == "realized" else now)
        elif status == "realized":
            found[user] = ("exited", now)
        elif now - since <= KEPT:
            found[user] = ("exited", since)
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_memberships_follow_the_table(world: World, seed: int) -> None:
    chance, test = random.Random(seed), f"table-{seed}"
    users = [f"{test}-{n}" for n in range(5)]
    limits = {0.3: world.audience(test, "@.score >= 0.3"), 0.7: world.audience(test, "@.score >= 0.7")}
    scores: dict[str, float | None] = {}
    known: dict[float, Members] = {limit: {} for limit in limits}
    now = T1
    for _ in range(5):
        changed = {u: chance.choice([None, 0.0, 0.3, 0.5, 0.7, 1.0]) for u in users if chance.random() < 0.5}
        scores |= changed
        world.tell(test, *({"userid": user, "score": score} for user, score in changed.items()), {"userid": test})
        now += chance.choice([timedelta(days=1), timedelta(days=12), KEPT, KEPT + timedelta(milliseconds=1)])

        job = evaluated(world.aep, *limits.values(), x_evaluation_time=now.isoformat())

        people = {user: world.find(user) for user in scores}
        for limit, audience in limits.items():
            inside = {u for u, score in scores.items() if score is not None and score >= limit}
            before, known[limit] = known[limit], after(known[limit], inside, now)
            left = [u for u in before if before[u][0] == "realized" and u not in inside]
            counted = job["metrics"]["segmentedProfileByStatusCounter"][audience.id]
            assert counted == {"realized": len(inside), "exited": len(left)}
            assert world.aep.audiences.get(audience.id).size == len(inside)
            found = {user: membership(person, audience) for user, person in people.items()}
            assert {u: m for u, m in found.items() if m is not None} == known[limit]


def test_who_left_is_remembered_for_thirty_days(world: World) -> None:
    audience = world.audience("month", "@.score > 0")
    world.tell("month", {"userid": "month-1", "score": 1}, {"userid": "month-2", "score": 1})
    world.aep.audiences.evaluate(audience, at=T1)
    world.tell("month", {"userid": "month-1", "score": 0})
    world.aep.audiences.evaluate(audience, at=T2)
    world.aep.audiences.evaluate(audience, at=T2 + KEPT)
    assert world.members(audience, "month-1") == {"month-1": ("exited", T2)}
    world.aep.audiences.evaluate(audience, at=T2 + KEPT + timedelta(seconds=1))
    assert "segmentMembership" not in world.find("month-1").entity
    assert world.members(audience, "month-2") == {"month-2": ("realized", T1)}


def test_who_has_left_is_not_counted_again_as_at_the_same_instant(world: World) -> None:
    audience = world.audience("again", "@.score > 0")
    world.tell("again", {"userid": "again-1", "score": 1})
    world.aep.audiences.evaluate(audience, at=T1)
    world.tell("again", {"userid": "again-1", "score": 0})
    exited = [
        evaluated(world.aep, audience, x_evaluation_time=T2.isoformat())["metrics"]["segmentedProfileByStatusCounter"][
            audience.id
        ]["exited"]
        for _ in range(2)
    ]
    assert exited == [1, 0]


def test_who_left_before_the_last_evaluation_is_counted_no_more(world: World) -> None:
    audience = world.audience("left", "@.score > 0")
    counted = []
    for moment, scores in ((T1, (1, 1, 1)), (T2, (0, 0, 1)), (T3, (0, 1, 0))):
        world.tell("left", *({"userid": f"left-{n}", "score": score} for n, score in enumerate(scores)))
        job = evaluated(world.aep, audience, x_evaluation_time=moment.isoformat())
        counted.append(job["metrics"]["segmentedProfileByStatusCounter"][audience.id])
    assert counted == [{"realized": 3, "exited": 0}, {"realized": 1, "exited": 2}, {"realized": 1, "exited": 1}]


def test_who_becomes_one_with_a_member_has_not_left(world: World) -> None:
    audience = world.audience("one now", "@.score > 0")
    world.tell("one now", {"userid": "now-a", "score": 1}, {"userid": "now-b", "score": 1})
    world.aep.audiences.evaluate(audience, at=T1)
    world.tell("one now", *({"userid": f"now-{n}", "score": 1, "email": "now@x"} for n in "ab"))
    job = evaluated(world.aep, audience, x_evaluation_time=T2.isoformat())
    assert job["metrics"]["segmentedProfileByStatusCounter"][audience.id] == {"realized": 1, "exited": 0}


def test_an_audience_of_nobody(world: World) -> None:
    world.tell("nobody", {"userid": "nobody-1", "score": 1})
    audience = world.audience("nobody", "@.score > 1")
    assert world.aep.audiences.evaluate(audience, at=T1).sizes == {audience.id: 0}
    assert world.aep.audiences.get(audience.id).size == 0
    assert world.members(audience, "nobody-1") == {"nobody-1": None}
    world.tell("nobody", {"userid": "nobody-1", "score": 2})
    assert world.aep.audiences.evaluate(audience, at=T2).sizes == {audience.id: 1}
    assert world.members(audience, "nobody-1") == {"nobody-1": ("realized", T2)}


def test_an_audience_of_nobody_in_a_home_without_data(tmp_path: Path) -> None:
    with embedded(tmp_path) as aep:
        world = World(aep, tmp_path)
        one = world.audience("empty")
        two = aep.audiences.create("events", 'exists X from xEvent where X.eventType = "x"')
        job = evaluated(aep, one, two)
        assert job["status"] == "SUCCEEDED"
        assert_all_metrics(job, one, two)
        assert job["metrics"]["totalProfiles"] == 0


def test_the_look_up_tells_the_memberships_of_a_person(world: World) -> None:
    world.tell("told", {"userid": "told-1", "score": 1, "email": "told@x"})
    in_, out = world.audience("told", "@.score = 1"), world.audience("told", "@.score = 2")
    unevaluated = world.audience("told", name="unevaluated")
    world.aep.audiences.evaluate(in_, out, at=T1)
    for namespace, value in (("CRMID", "told-1"), ("Email", "told@x"), ("email", "told@x")):
        person = world.aep.people.find(namespace, value)
        assert person is not None
        assert person.entity["segmentMembership"] == {
            "ups": {in_.id: {"lastQualificationTime": "2026-03-01T12:00:00.000Z", "status": "realized", "version": "1"}}
        }
        assert person.audiences == {in_.id: "realized"}
        assert unevaluated.id not in person.audiences


# -- people -------------------------------------------------------------------------------------------------------


def test_people_who_only_did_something_are_people(world: World) -> None:
    world.happen("bought", {"userid": "bought-1"}, {"userid": "bought-1"}, {"userid": "bought-2"})
    world.happen("looked", {"userid": "bought-2"}, {"userid": "bought-3"})
    world.tell("bought", {"userid": "bought-4"}, {"userid": "bought-1", "score": 1})
    rules = {
        "buyers": 'exists X from xEvent where X.eventType = "bought"',
        "lookers": 'exists X from xEvent where X.eventType = "looked"',
        "both": '(exists X from xEvent where X.eventType = "bought") and '
        '(exists Y from xEvent where Y.eventType = "looked")',
        "idle": world.rule("bought", 'not (exists X from xEvent where X.eventType = "bought")'),
    }
    made = {name: world.aep.audiences.create(name, rule) for name, rule in rules.items()}
    sizes = world.aep.audiences.evaluate(*made.values()).sizes
    assert {name: sizes[a.id] for name, a in made.items()} == {"buyers": 2, "lookers": 2, "both": 1, "idle": 1}
    names = {a.id: name for name, a in made.items()}
    found = {n: {names[a] for a in world.find(f"bought-{n}").audiences} for n in range(1, 5)}
    assert found == {1: {"buyers"}, 2: {"buyers", "lookers", "both"}, 3: {"lookers"}, 4: {"idle"}}


STATES = ("realized", "exited", "absent")
PAIRS = [(one, other, is_in) for one in STATES for other in STATES for is_in in (True, False)]


@pytest.fixture(scope="module")
def linked(inside: World) -> tuple[World, Audience, dict[str, Any]]:
    """Pairs of users in all states at T2, each of whom turns out to be one person before T3."""
    audience = inside.audience("linked", "@.score > 0")

    def tell(score: Callable[[str], float], **more: str) -> None:
        rows = [
            {"userid": f"linked-{n}{side}", "score": score(state), **{k: f"{v}{n}" for k, v in more.items()}}
            for n, (one, other, _) in enumerate(PAIRS)
            for side, state in (("a", one), ("b", other))
        ]
        inside.tell("linked", *rows)

    tell(lambda state: 0 if state == "absent" else 1)
    inside.aep.audiences.evaluate(audience, at=T1)
    tell(lambda state: 1 if state == "realized" else 0)
    inside.aep.audiences.evaluate(audience, at=T2)
    rows = [
        {"userid": f"linked-{n}{side}", "score": 1 if is_in else 0, "email": f"linked-{n}@x"}
        for n, (_, _, is_in) in enumerate(PAIRS)
        for side in "ab"
    ]
    inside.tell("linked", *rows)
    early = {
        membership(inside.find(f"linked-{n}a"), audience)
        for n, (one, other, _) in enumerate(PAIRS)
        if {one, other} == {"realized", "exited"}
    }
    job = evaluated(inside.aep, audience, x_evaluation_time=T3.isoformat())
    late = [membership(inside.find(f"linked-{n}b"), audience) for n in range(len(PAIRS))]
    inside.aep.audiences.delete(audience)
    return inside, audience, {"early": early, "late": late, "job": job}


def expected(one: str, other: str, is_in: bool) -> tuple[str, datetime] | None:
    """What 5.6 makes of two who became one: before, it was in if one of them was."""
    before = {one, other} - {"absent"}
    if "realized" in before:
        return ("realized", T1) if is_in else ("exited", T3)
    if is_in:
        return ("realized", T3)
    return ("exited", T2) if before else None


def test_who_becomes_one_person_counts_once(linked: tuple[World, Audience, dict[str, Any]]) -> None:
    _, audience, found = linked
    metrics = found["job"]["metrics"]
    inside = sum(1 for _, _, is_in in PAIRS if is_in)
    left = sum(1 for one, other, is_in in PAIRS if not is_in and "realized" in (one, other))
    assert metrics["segmentedProfileByStatusCounter"][audience.id] == {"realized": inside, "exited": left}
    assert metrics["segmentedProfileByNamespaceCounter"][audience.id] == {"CRMID": inside, "Email": inside}
    for n, (one, other, is_in) in enumerate(PAIRS):
        told = found["late"][n]
        if is_in and {one, other} == {"realized", "exited"}:
            assert told[0] == "realized"
        else:
            assert told == expected(one, other, is_in), (one, other, is_in)


def test_who_was_in_all_along_is_in_since_then(linked: tuple[World, Audience, dict[str, Any]]) -> None:
    _, _, found = linked
    for n, (one, other, is_in) in enumerate(PAIRS):
        if is_in and {one, other} == {"realized", "exited"}:
            assert found["late"][n] == ("realized", T1)


def test_who_is_one_person_now_is_in_if_one_of_them_is(linked: tuple[World, Audience, dict[str, Any]]) -> None:
    _, _, found = linked
    assert found["early"] == {("realized", T1)}


def out(kind: str, value: str) -> dict[str, Any]:
    return {"privacyOptOuts": [{"optOutType": kind, "optOutValue": value}]}


SALES = {"optOutType": "sales_sharing_opt_out", "optOutValue": "in"}
CHOICES: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"optInOut": {"globalOptout": True}}, False),
    ({"optInOut": {"globalOptout": False}}, True),
    ({"optInOut": {"_channels": {"https://ns.adobe.com/xdm/channels/email": "out"}}}, True),
    (out("general_opt_out", "out"), False),
    (out("general_opt_out", "in"), True),
    (out("general_opt_out", "pending"), True),
    (out("sales_sharing_opt_out", "out"), True),
    ({"privacyOptOuts": []}, True),
    ({"privacyOptOuts": [SALES, SALES, *out("general_opt_out", "out")["privacyOptOuts"]]}, False),
    (out("general_opt_out", "in") | {"optInOut": {"globalOptout": True}}, False),
]  # fmt: skip


def test_who_opts_out_of_everything_leaves_every_audience(world: World) -> None:
    users = [f"opt-{n}" for n in range(len(CHOICES))]
    world.tell("opt", *({"userid": user, "score": 1} for user in users))
    world.happen("opt", *({"userid": user} for user in users))
    plain = world.audience("opt")
    events = world.aep.audiences.create("opt events", 'exists X from xEvent where X.eventType = "opt"')
    nested = world.audience("opt", f'inSegment("{plain.id}")')
    audiences = (plain, events, nested)
    assert set(world.aep.audiences.evaluate(*audiences, at=T1).sizes.values()) == {len(CHOICES)}
    world.tell("opt", *({"userid": u, "score": 1, **said} for u, (said, _) in zip(users, CHOICES, strict=True)))

    sizes = world.aep.audiences.evaluate(*audiences, at=T2).sizes

    wanted = {u: ("realized", T1) if stays else ("exited", T2) for u, (_, stays) in zip(users, CHOICES, strict=True)}
    assert set(sizes.values()) == {sum(stays for _, stays in CHOICES)}
    for user in users:
        person = world.find(user)
        assert [membership(person, audience) for audience in audiences] == [wanted[user]] * 3


def test_crowds_and_robots_are_left_out(world: World) -> None:
    """A person may have 50 identities and 5000 events."""
    for user, emails in (("crowd-50", 49), ("crowd-51", 50)):
        world.tell("crowd", *({"userid": user, "email": f"{user}-{n}@x"} for n in range(emails)))
    for user, events in (("robot-5000", 5000), ("robot-5001", 5001)):
        world.happen("crowd", *({"userid": user} for _ in range(events)))
    people = world.audience("crowd")
    robots = world.aep.audiences.create("robots", 'exists X from xEvent where X.eventType = "crowd"')
    assert world.aep.audiences.evaluate(people, robots).sizes == {people.id: 1, robots.id: 1}
    assert world.find("crowd-50").audiences == {people.id: "realized"}
    assert world.find("robot-5000").audiences == {robots.id: "realized"}
    assert world.find("robot-5001").audiences == {}
    with pytest.raises(LimbeckError) as caught:
        world.aep.people.find("CRMID", "crowd-51")
    assert not isinstance(caught.value, NotFound | Conflict)


# -- killed -------------------------------------------------------------------------------------------------------


def evaluate(home: Path, *audience_ids: str) -> None:
    """What a user does."""
    with limbeck.connect(home) as aep:
        aep.audiences.evaluate(*map(aep.audiences.get, audience_ids), at=T2)


def published(home: Path, audiences: Sequence[Audience], users: Sequence[str]) -> list[dict[str, tuple[str, datetime]]]:
    """Of each audience who is in since when, without the worker."""
    found: list[dict[str, tuple[str, datetime]]] = [{} for _ in audiences]
    with idle(home) as (platform, sandbox):
        for user in users:
            for told in platform.audiences.statuses(sandbox, [Identity("CRMID", user)]):
                place = [a.id for a in audiences].index(told.audience_id)
                found[place][user] = (told.status, told.since.replace(tzinfo=UTC))
    return found


@pytest.fixture(scope="module", params=["audience.members-placed", "audience.members-published"])
def killed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, list[Audience]]:
    """A home whose second evaluation of two audiences was killed."""
    home = tmp_path_factory.mktemp("home")
    with embedded(home) as aep:
        world = World(aep, home)
        world.tell("killed", {"userid": "k1", "score": 1}, {"userid": "k2", "score": 1}, {"userid": "k3", "score": 0})
        made = [world.audience("killed", "@.score > 0"), world.audience("killed", "not (@.score > 0)")]
        aep.audiences.evaluate(*made, at=T1)
        world.tell("killed", {"userid": "k2", "score": 0}, {"userid": "k3", "score": 1})
    children.killed(evaluate, home, *(a.id for a in made), crash_at=request.param)
    return home, request.param, made


OLD = [{"k1": ("realized", T1), "k2": ("realized", T1)}, {"k3": ("realized", T1)}]
NEW = [
    {"k1": ("realized", T1), "k2": ("exited", T2), "k3": ("realized", T2)},
    {"k2": ("realized", T2), "k3": ("exited", T2)},
]


def test_memberships_are_published_all_or_none(killed: tuple[Path, str, list[Audience]]) -> None:
    home, point, made = killed
    users = ["k1", "k2", "k3"]
    is_published = point == "audience.members-published"
    assert published(home, made, users) == (NEW if is_published else OLD)
    with idle(home) as (platform, sandbox):
        sizes = [platform.audiences.membership(a.id).realized for a in made]
        assert sizes == ([2, 1])
        statuses = [j.status for j in platform.segment_jobs.all(sandbox)]
        assert statuses == ["SUCCEEDED" if is_published else "PROCESSING", "SUCCEEDED"]

    with embedded(home) as aep:
        done = [ended(aep, j["id"]) for j in jobs(aep)]
        assert [j["status"] for j in done] == ["SUCCEEDED"] * 2
        counted = done[0]["metrics"]["segmentedProfileByStatusCounter"]
        assert [counted[a.id] for a in made] == [{"realized": 2, "exited": 1}, {"realized": 1, "exited": 1}]
        aep.audiences.evaluate(*made, at=T3)
        assert len(jobs(aep)) == 3
    assert published(home, made, users) == NEW


def test_the_next_evaluation_leaves_one_file_an_audience(killed: tuple[Path, str, list[Audience]]) -> None:
    home, _, made = killed
    with embedded(home) as aep:
        aep.audiences.evaluate(*made, at=T3)
    with idle(home) as (platform, _):
        named = {platform.audiences.membership(a.id).path for a in made}
    assert swept(home) == named


def swept(home: Path) -> set[str]:
    """The files of members that are left after a start, two days later."""
    folder, then = home / "audiences", time.time() - 2 * 86_400
    for file in folder.rglob("*.parquet"):
        os.utime(file, (then, then))
    with embedded(home):
        """What no row names is removed."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_a_deleted_audience_leaves_no_file(tmp_path: Path) -> None:
    with embedded(tmp_path) as aep:
        audience = World(aep, tmp_path).audience("left")
        aep.audiences.evaluate(audience)
        aep.audiences.delete(audience)
    assert swept(tmp_path) == set()
