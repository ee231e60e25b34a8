"""Profile access over HTTP: several people at once, parts of them, events between two times, and XIDs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.rest.api import Api, served
from tests.rest.resources import CATALOG, PROFILE, SCHEMAS, UPS, schema

ENTITIES = f"{UPS}/access/entities"
PERSON = f"{PROFILE}-person-details"
MAP = "https://ns.adobe.com/xdm/context/identitymap"
EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
DAYS = [1_767_225_600_000 + n * 86_400_000 for n in range(4)]
"""1 to 4 January 2026, in milliseconds."""


def send(api: Api, name: str, classes: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    made = schema(api, *classes, MAP)
    tag = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    api.ok("PATCH", f"{SCHEMAS}/schemas/{quote(made, safe='')}", tag)
    tags = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
    body = {"name": name, "schemaRef": {"id": made}, "tags": tags}
    dataset = api.ok("POST", f"{CATALOG}/dataSets", body)[0].rpartition("/")[2]
    batch = api.ok("POST", "/data/foundation/import/batches", {"datasetId": dataset})["id"]
    api.ok("PUT", f"/data/foundation/import/batches/{batch}/datasets/{dataset}/files/rows.json", rows)
    api.ok("POST", f"/data/foundation/import/batches/{batch}?action=COMPLETE")
    for _ in range(1000):
        if api.ok("GET", f"{CATALOG}/batches/{batch}")[batch]["status"] == "success":
            return
        time.sleep(0.02)
    raise TimeoutError(batch)


def key(n: int) -> dict[str, Any]:
    return {"identityMap": {"CRMID": [{"id": f"k{n}", "primary": True}]}}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("profiles")) as opened:
        named = [("Henrik", "Ibsen"), ("Sigrid", "Undset")]
        rows = [
            {"_id": f"{n}", "person": {"name": {"firstName": first, "lastName": last}}, **key(n)}
            for n, (first, last) in enumerate(named)
        ]
        send(opened, "people", (PROFILE, PERSON), rows)
        did = [
            {"_id": f"e{n}-{day}", "timestamp": f"2026-01-0{day + 1}T00:00:00Z", "eventType": "click", **key(n)}
            for n in range(2)
            for day in range(4)
        ]
        send(opened, "events", (EVENT,), did)
        yield opened


def asked(schema: str, *ids: str, **more: Any) -> dict[str, Any]:
    return {
        "schema": {"name": schema},
        "identities": [{"entityId": i, "entityIdNS": {"code": "crmid"}} for i in ids],
        **more,
    }


def test_several_people_are_what_each_is_alone(api: Api) -> None:
    where = f"{ENTITIES}?schema.name=_xdm.context.profile&entityIdNS=crmid&entityId="
    alone = {k: v for i in ("k0", "k1") for k, v in api.ok("GET", where + i).items()}
    several = api.as_("viewer").ok("POST", ENTITIES, asked("_xdm.context.profile", "k0", "k1", "nobody"))
    (nobody,) = [one for one in several.values() if one["entityId"] == "nobody"]
    assert {k: v for k, v in several.items() if v is not nobody} == alone
    assert nobody == {
        "entityId": "nobody",
        "entity": {},
        "sources": [""],
        "lastModifiedAt": "1970-01-01T00:00:00Z",
    }


def test_parts_of_a_person(api: Api) -> None:
    where = f"{ENTITIES}?schema.name=_xdm.context.profile&entityIdNS=crmid&entityId=k0"
    (one,) = api.ok("GET", f"{where}&fields=person.name.lastName,nothing.here").values()
    assert one["entity"] == {"person": {"name": {"lastName": "Ibsen"}}}
    (two,) = api.ok("GET", f"{where}&fields=person.name.lastName,person.name.firstName").values()
    assert two["entity"] == {"person": {"name": {"lastName": "Ibsen", "firstName": "Henrik"}}}


@pytest.mark.parametrize(("start", "end"), [(None, None), (1, None), (None, 2), (1, 3), (2, 2)])
def test_events_from_a_time_until_before_another(api: Api, start: int | None, end: int | None) -> None:
    wanted = [f"e1-{day}" for day in range(4)[slice(start, end)]]
    bounds = {"startTime": None if start is None else DAYS[start], "endTime": None if end is None else DAYS[end]}
    sent = {name: at for name, at in bounds.items() if at is not None}
    params = {
        "schema.name": "_xdm.context.experienceevent",
        "relatedEntityId": "k1",
        "relatedEntityIdNS": "crmid",
        "fields": "eventType",
        **sent,
    }
    found = api.ok("GET", ENTITIES, params=params)["children"]
    assert [e["entityId"] for e in found] == wanted
    assert all(e["entity"] == {"eventType": "click"} for e in found)
    several = api.ok("POST", ENTITIES, asked("_xdm.context.experienceevent", "k0", "k1", timeFilter=sent))
    assert sorted(len(page["children"]) for page in several.values()) == [len(wanted)] * 2


def test_an_xid_is_a_name_of_a_person(api: Api) -> None:
    (namespace,) = [n for n in api.ok("GET", "/data/core/idnamespace/identities") if n["code"] == "Email"]
    by_code = api.ok("GET", "/data/core/identity/identity?namespace=email&id=a@x.org")["xid"]
    assert api.ok("GET", f"/data/core/identity/identity?nsid={namespace['id']}&id=a@x.org")["xid"] == by_code
    where = f"{ENTITIES}?schema.name=_xdm.context.profile"
    (xid, one) = next(iter(api.ok("GET", f"{where}&entityIdNS=crmid&entityId=k0").items()))
    assert api.ok("GET", f"{where}&entityId={xid}")[xid]["entity"] == one["entity"]
    assert api.send("GET", f"{where}&entityId=k0").status_code == 400
    for wrong in ("namespace=nothing&id=x", "id=x", "nsid=6"):
        assert api.send("GET", f"/data/core/identity/identity?{wrong}").status_code == 400, wrong


def test_the_merge_policy(api: Api) -> None:
    found = api.ok("GET", f"{UPS}/config/mergePolicies?limit=100")
    (policy,) = found["children"]
    assert (policy["default"], found["_links"]["next"]) == (True, {})
    assert api.ok("GET", f"{UPS}/config/mergePolicies/{policy['id']}") == policy
    assert api.send("GET", f"{UPS}/config/mergePolicies/other").status_code == 404


def test_what_cannot_be_asked_is_refused(api: Api) -> None:
    for body in (
        {},
        asked("_xdm.context.account", "k0"),
        asked("_xdm.context.profile"),
        {"schema": {"name": "_xdm.context.profile"}, "identities": [{"entityId": "k0"}]},
        asked("_xdm.context.experienceevent", "k0", timeFilter={"startTime": -1}),
    ):
        assert api.send("POST", ENTITIES, json=body).status_code == 400, body


def test_a_namespace_is_renamed_and_keeps_its_code(api: Api) -> None:
    path = "/data/core/idnamespace/identities"
    body = {"name": "Card", "code": "CARD", "idType": "CROSS_DEVICE", "description": "before"}
    made = api.ok("POST", path, body)
    api.ok("PUT", f"{path}/{made['id']}", {**body, "name": "Loyalty", "description": "after"})
    shown = api.ok("GET", f"{path}/{made['id']}")
    assert (shown["name"], shown["description"], shown["code"]) == ("Loyalty", "after", "CARD")
    for changed in ({"code": "OTHER"}, {"idType": "DEVICE"}):
        assert api.send("PUT", f"{path}/{made['id']}", json={**body, **changed}).status_code == 400
    assert api.send("PUT", f"{path}/{made['id']}", json={**body, "name": "Email"}).status_code == 409
    standard = {"name": "Mail", "code": "Email", "idType": "EMAIL"}
    assert api.send("PUT", f"{path}/6", json=standard).status_code == 400
    assert api.as_("viewer").send("PUT", f"{path}/{made['id']}", json=body).status_code == 403
    assert api.on("dev").send("PUT", f"{path}/{made['id']}", json=body).status_code == 404
