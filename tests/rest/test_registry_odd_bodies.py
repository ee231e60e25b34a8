"""Bodies of the Schema Registry that are wrong at any depth: refused in its error shape, or kept and readable."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rest.api import Api, served
from tests.rest.resources import PROFILE, SCHEMAS

REGISTRY = "/data/foundation/schemaregistry"
PERSON = "https://ns.adobe.com/xdm/context/person"
KINDS = ("schemas", "fieldgroups", "classes", "datatypes")

FIELDS: dict[str, Any] = {
    "id": {"type": "string", "title": "Id", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 9},
    "tier": {"type": "string", "enum": ["a", "b"], "meta:enum": {"a": "A", "b": "B"}},
    "score": {"type": "number", "minimum": 0, "maximum": 1, "meta:xdmType": "number"},
    "count": {"type": "integer", "minimum": -128, "maximum": 127},
    "at": {"type": "string", "format": "date-time"},
    "who": {"$ref": PERSON, "title": "Who"},
    "many": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}},
}
OWN = {"own": {"type": "object", "properties": {"_acme": {"type": "object", "properties": FIELDS}}}}
HEAD = {"title": "odd", "description": "of a test", "type": "object"}
GROUP = {**HEAD, "meta:intendedToExtend": [PROFILE], "definitions": OWN, "allOf": [{"$ref": "#/definitions/own"}]}
RECORD = {"$ref": "https://ns.adobe.com/xdm/data/record"}
BODIES: dict[str, dict[str, Any]] = {
    "fieldgroups": GROUP,
    "datatypes": {**HEAD, "properties": FIELDS, "required": ["id"]},
    "classes": {**HEAD, "definitions": OWN, "allOf": [RECORD, {"$ref": "#/definitions/own"}]},
    "schemas": {**HEAD, "allOf": [{"$ref": PROFILE, "type": "object"}], "meta:immutableTags": ["union"]},
}
PATCHES = [
    {"op": "replace", "path": "/title", "value": "new"},
    {"op": "add", "path": "/definitions/own/properties/_acme/properties/more", "value": {"type": "string"}},
    {"op": "remove", "path": "/description"},
    {"op": "add", "path": "/meta:intendedToExtend/-", "value": PROFILE},
    {"op": "add", "path": "/allOf/0/title", "value": "x"},
]

ODD = st.sampled_from(
    [
        *(
            None,
            True,
            False,
            0,
            -1,
            1.5,
            2**53,
            10**18,
            1e308,
            "",
            " ",
            "x",
            "#",
            "#/",
            "/",
            "~",
            "~2",
            "object",
            "array",
        ),
        *(
            "map",
            "date",
            "long",
            "#/definitions/own",
            "#/definitions/none",
            PROFILE,
            PERSON,
            "_acme",
            "-",
            "0",
            "-1",
            "é",
        ),
        *(
            [],
            {},
            [[]],
            [{}],
            [None],
            ["x"],
            {"x": None},
            {"$ref": None},
            {"$ref": "#/definitions/own"},
            {"type": "string"},
        ),
        *({"type": []}, {"type": ["string", "null"]}, {"": {"type": "string"}}, {"properties": []}, [{"$ref": PERSON}]),
        *(
            {"type": "object", "properties": {}},
            {"allOf": {}},
            {"allOf": [1]},
            {"type": "array"},
            {"enum": [1]},
            "(",
            "(?=a)",
        ),
    ]
)
KEYS = st.sampled_from(
    [
        *("$ref", "allOf", "type", "items", "properties", "required", "enum", "definitions", "additionalProperties"),
        *("format", "meta:xdmType", "meta:class", "meta:extends", "meta:immutableTags", "meta:intendedToExtend", "$id"),
        *("meta:altId", "version", "title", "pattern", "minimum", "maxLength", "op", "path", "value", "@type", "@id"),
        *("meta:registryMetadata", "meta:enum", "imsOrg", "refs", "meta:resourceType", "xdm:sourceProperty", "x", ""),
        *("xdm:destinationSchema", "xdm:isPrimary", "xdm:namespace"),
    ]
)


def places(node: Any, trail: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield trail
    for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield from places(node[key], (*trail, key))


@st.composite
def spoilt(draw: st.DrawFn, body: Any) -> Any:
    """A body with something wrong in one to three places, or by chance with nothing wrong."""
    found = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([trail for trail in places(found) if trail] or [("title",)]))
        target = found
        for key in way:
            target = target[key]
        match draw(st.sampled_from(["set", "set", "drop", "add", "double"])):
            case "set":
                target[last] = copy.deepcopy(draw(ODD))
            case "drop":
                del target[last]
            case "add" if isinstance(target, dict):
                target[draw(KEYS)] = copy.deepcopy(draw(ODD))
            case _ if isinstance(target, list):
                target.append(copy.deepcopy(target[last]))
            case _:
                target[draw(KEYS)] = copy.deepcopy(target[last])
        if not found:
            break
    return found


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("odd")) as opened:
        yield opened


def at(id: str, kind: str) -> str:
    return f"{SCHEMAS}/{kind}/{quote(id, safe='')}"


def everything(api: Api) -> Any:
    whole = [api.ok("GET", f"{SCHEMAS}/{kind}")["results"] for kind in KINDS]
    return json.dumps([whole, api.ok("GET", f"{SCHEMAS}/descriptors")["results"], api.ok("GET", f"{SCHEMAS}/unions")])


def is_refused(answer: httpx.Response) -> bool:
    """Tell whether a request was refused, as the registry refuses one; it never fails."""
    if answer.status_code < 300:
        return False
    told = answer.json()
    assert 400 <= answer.status_code < 500, answer.text
    assert told["status"] == answer.status_code
    assert told["detail"]
    assert told["report"]["detailed-message"]
    return True


def require_readable(api: Api, id: str, kind: str) -> None:
    """Whatever was accepted is given in every form."""
    for form in ("xed", "xdm-full", "xed-full-flat", "xdm-full-notext-desc", "xed-full-deprecated"):
        api.ok("GET", at(id, kind), headers={"Accept": f"application/vnd.adobe.{form}+json; version=1"})
    if kind == "schemas":
        answer = api.send("GET", f"{REGISTRY}/rpc/sampledata/{quote(id, safe='')}")
        assert answer.status_code == 200 or is_refused(answer)
    everything(api)


many = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("kind", KINDS)
@many
@given(data=st.data())
def test_bodies_of_resources(api: Api, kind: str, data: st.DataObject) -> None:
    body, again = (data.draw(spoilt(BODIES[kind])) for _ in range(2))
    before = everything(api)
    answer = api.send("POST", f"{SCHEMAS}/{kind}", json=body)
    if is_refused(answer):
        assert everything(api) == before
        return
    made = answer.json()["$id"]
    require_readable(api, made, kind)
    stored = everything(api)
    if is_refused(api.send("PUT", at(made, kind), json=again)):
        assert everything(api) == stored
    else:
        require_readable(api, made, kind)
    assert api.send("DELETE", at(made, kind)).status_code == 204
    assert everything(api) == before


@pytest.fixture(scope="module")
def made(api: Api) -> tuple[str, str]:
    """A field group with all kinds of fields, and a schema in Profile that is made of it."""
    group = str(api.ok("POST", f"{SCHEMAS}/fieldgroups", {**GROUP, "title": "patched"})["$id"])
    body = {"title": "of it", "allOf": [{"$ref": PROFILE}, {"$ref": group}], "meta:immutableTags": ["union"]}
    return group, str(api.ok("POST", f"{SCHEMAS}/schemas", body)["$id"])


@many
@given(patch=spoilt(PATCHES))
def test_patches(api: Api, made: tuple[str, str], patch: Any) -> None:
    group, whole = made
    before = everything(api)
    if is_refused(api.send("PATCH", at(group, "fieldgroups"), json=patch)):
        assert everything(api) == before
    else:
        require_readable(api, group, "fieldgroups")
        require_readable(api, whole, "schemas")


@many
@given(data=st.data())
def test_descriptors(api: Api, made: tuple[str, str], data: st.DataObject) -> None:
    group, whole = made
    about = {"xdm:sourceSchema": group, "xdm:sourceVersion": 1, "xdm:sourceProperty": "/_acme/id"}
    label = {"@type": "xdm:descriptorLabel", **about, "xdm:labels": ["C9"]}
    identity = {"@type": "xdm:descriptorIdentity", **about, "xdm:sourceSchema": whole, "xdm:namespace": "ECID"}
    old = {**label, "@type": "xdm:descriptorDeprecated", "xdm:sourceProperty": ["/_acme/many/x", "/_acme/map/y"]}
    body, again = (data.draw(st.sampled_from([label, identity, old]).flatmap(spoilt)) for _ in range(2))
    before = everything(api)
    answer = api.send("POST", f"{SCHEMAS}/descriptors", json=body)
    if is_refused(answer):
        assert everything(api) == before
        return
    one = f"{SCHEMAS}/descriptors/{quote(answer.json()['@id'], safe='')}"
    require_readable(api, group, "fieldgroups")
    require_readable(api, whole, "schemas")
    stored = everything(api)
    if is_refused(api.send("PUT", one, json=again)):
        assert everything(api) == stored
    api.ok("DELETE", one)
    assert everything(api) == before


@many
@given(data=st.data())
def test_parcels(api: Api, made: tuple[str, str], data: st.DataObject) -> None:
    parcel = api.ok("GET", f"{REGISTRY}/rpc/export/{quote(made[1], safe='')}")
    other = api.on("dev")
    before = everything(other)
    answer = other.send("POST", f"{REGISTRY}/rpc/import", json=data.draw(spoilt(parcel)))
    if is_refused(answer):
        assert everything(other) == before
        return
    stored = [(one["$id"], one["meta:resourceType"].replace("mixins", "fieldgroups")) for one in answer.json()]
    for id, kind in stored:
        require_readable(other, id, kind)
    for id, kind in reversed(stored):
        assert other.send("DELETE", at(id, kind)).status_code == 204
    assert everything(other) == before
