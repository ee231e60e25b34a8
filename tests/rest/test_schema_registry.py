"""The Schema Registry's forms, filters, unions, samples, exchange and history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.ids import new_uuid
from limbeck.registry.samples import sample
from limbeck.xdm.json_schema import emit, parse_object
from limbeck.xdm.types import Array, Field, Map, Object, Scalar
from tests.rest.api import Api, served
from tests.rest.resources import CATALOG, PROFILE, dataset

REGISTRY = "/data/foundation/schemaregistry"
TENANT = f"{REGISTRY}/tenant"
EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
PERSON = "https://ns.adobe.com/xdm/context/profile-person-details"
PERSON_TYPE = "https://ns.adobe.com/xdm/context/person"
UNION = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("registry")) as opened:
        yield opened


def accept(form: str, version: str = "1") -> dict[str, str]:
    return {"Accept": f"application/vnd.adobe.{form}+json; version={version}"}


def custom(api: Api, name: str, own: dict[str, Any], *required: str) -> dict[str, Any]:
    """A field group with this node under the tenant's name."""
    definition = {"type": "object", "properties": {"_acme": own}, "required": list(required)}
    body = {
        "title": name,
        "description": "Fields of a test",
        "type": "object",
        "allOf": [{"$ref": "#/definitions/customFields"}],
        "meta:intendedToExtend": [PROFILE],
        "definitions": {"customFields": definition},
    }
    return dict(api.ok("POST", f"{TENANT}/fieldgroups", body))


def group(api: Api, name: str, **fields: Any) -> dict[str, Any]:
    return custom(api, name, {"type": "object", "properties": fields})


def schema(api: Api, name: str, *parts: str) -> dict[str, Any]:
    body = {"title": name, "description": "People", "allOf": [{"$ref": ref} for ref in (PROFILE, *parts)]}
    return dict(api.ok("POST", f"{TENANT}/schemas", body))


def at(body: dict[str, Any], kind: str = "schemas") -> str:
    return f"{TENANT}/{kind}/{quote(body['$id'], safe='')}"


def test_one_schema_in_every_form(api: Api) -> None:
    made = group(api, "forms", score={"type": "number", "title": "Score", "description": "How likely"})
    whole = schema(api, "forms", made["$id"], PERSON)
    assert api.ok("GET", at(whole), headers=accept("xed"))["allOf"] == whole["allOf"]
    full = api.ok("GET", at(whole), headers=accept("xdm-full"))
    assert ("allOf" in full, full["title"], "person" in full["properties"]) == (False, "forms", True)
    assert full["properties"]["_acme"]["properties"]["score"]["meta:xdmType"] == "number"
    flat = api.ok("GET", at(whole), headers=accept("xed-full-flat"))["properties"]
    assert flat["_acme/score"]["title"] == "Score"
    assert {"person/name/firstName", "person/gender", "identityMap"} <= flat.keys()
    bare = api.ok("GET", at(whole), headers=accept("xdm-full-notext"))
    assert '"title"' not in json.dumps(bare)
    assert "title" not in bare["properties"]["_acme"]["properties"]["score"]
    label = {"@type": "xdm:descriptorLabel", "xdm:sourceSchema": made["$id"], "xdm:sourceVersion": 1}
    told = api.ok(
        "POST", f"{TENANT}/descriptors", {**label, "xdm:sourceProperty": ["/_acme/score"], "xdm:labels": ["C9"]}
    )
    old = {**label, "@type": "xdm:descriptorDeprecated", "xdm:sourceProperty": "/_acme/score"}
    api.ok("POST", f"{TENANT}/descriptors", old)
    described = api.ok("GET", at(whole), headers=accept("xdm-full-desc"))
    assert told in described["meta:descriptors"]
    marked = api.ok("GET", at(whole), headers=accept("xdm-full-deprecated"))["properties"]["_acme"]["properties"]
    assert marked["score"]["meta:status"] == "deprecated"
    assert "meta:status" not in full["properties"]["_acme"]["properties"]["score"]
    assert api.ok("GET", f"{TENANT}/schemas/{whole['meta:altId']}", headers=accept("xdm-full")) == full
    assert api.ok("GET", at(whole), headers=accept("xdm-full", "1.0")) == full
    for version in ("2", "1.7"):
        assert api.send("GET", at(whole), headers=accept("xdm-full", version)).status_code == 404


def test_standard_resources_are_found_in_either_container(api: Api) -> None:
    for container in ("tenant", "global"):
        found = api.ok(
            "GET", f"{REGISTRY}/{container}/fieldgroups/{quote(PERSON, safe='')}", headers=accept("xed-full")
        )
        assert (found["title"], found["$id"]) == ("Demographic Details", PERSON)
    behaviors = api.ok("GET", f"{REGISTRY}/global/behaviors")["results"]
    assert {b["$id"].rpartition("/")[2] for b in behaviors} == {"record", "time-series", "adhoc"}
    refused = api.send("PATCH", f"{TENANT}/fieldgroups/{quote(PERSON, safe='')}", json=UNION)
    assert refused.status_code == 403


def test_standard_data_types_are_listed_looked_up_and_referred_to(api: Api) -> None:
    ids = [t["$id"] for t in api.ok("GET", f"{REGISTRY}/global/datatypes", headers=accept("xdm-id"))["results"]]
    assert {PERSON_TYPE, "https://ns.adobe.com/xdm/common/address", "https://ns.adobe.com/xdm/data/measure"} <= set(ids)
    assert api.ok("GET", f"{REGISTRY}/global/datatypes", params={"property": "title==Person"})["results"]
    for id in ids:
        at_one = f"{REGISTRY}/global/datatypes/{quote(id, safe='')}"
        forms = ("xdm-full", "xed-full-flat", "xdm-full-notext", "xed")
        whole, flat, bare, raw = (api.ok("GET", at_one, headers=accept(form)) for form in forms)
        assert (whole["$id"], whole["meta:resourceType"], "$ref" in json.dumps(whole)) == (id, "datatypes", False)
        assert all("properties" not in leaf for leaf in flat["properties"].values())
        assert "title" not in bare
        assert raw["allOf"]
        assert api.ok("GET", f"{TENANT}/datatypes/{raw['meta:altId']}", headers=accept("xed")) == raw
    person = api.ok("GET", f"{REGISTRY}/global/datatypes/_xdm.context.person", headers=accept("xdm-full-flat"))
    assert {"name/firstName", "gender", "birthDate"} <= person["properties"].keys()
    refused = api.send("DELETE", f"{TENANT}/datatypes/_xdm.context.person")
    assert refused.status_code == 403
    made = group(
        api,
        "referring",
        partner={"$ref": PERSON_TYPE, "title": "Partner"},
        many={"type": "array", "items": {"$ref": PERSON_TYPE}},
    )
    whole = schema(api, "referring", made["$id"])
    found = api.ok("GET", at(whole), headers=accept("xdm-full"))["properties"]["_acme"]["properties"]
    standard = api.ok("GET", f"{REGISTRY}/global/datatypes/_xdm.context.person", headers=accept("xdm-full"))
    assert found["partner"]["properties"] == found["many"]["items"]["properties"] == standard["properties"]
    assert found["partner"]["title"] == "Partner"
    row = api.ok("GET", f"{REGISTRY}/rpc/sampledata/{whole['meta:altId']}")
    assert row["_acme"]["partner"].keys() == standard["properties"].keys()
    parcel = api.ok("GET", f"{REGISTRY}/rpc/export/{quote(whole['$id'], safe='')}")
    assert [body["$id"] for body in parcel] == [made["$id"], whole["$id"]]


def test_lists_are_filtered_ordered_and_cut(api: Api) -> None:
    mark = new_uuid()
    made = [schema(api, f"{mark} {n}", *parts) for n, parts in enumerate([(), (PERSON,), ()])]

    def listed(*conditions: str, **params: Any) -> list[str]:
        asked = {"property": [f"title~{mark}", *conditions], "orderby": "title", **params}
        found = api.ok(
            "GET", f"{TENANT}/schemas", params=asked, headers={"Accept": "application/vnd.adobe.xed-id+json"}
        )
        assert all(item.keys() == {"$id", "meta:altId", "version", "title"} for item in found["results"])
        return [item["title"].removeprefix(f"{mark} ") for item in found["results"]]

    assert listed() == ["0", "1", "2"]
    assert listed(orderby="-title") == ["2", "1", "0"]
    assert listed(f"meta:extends=={PERSON}") == ["1"]
    assert listed(f"meta:extends!={PERSON}") == ["0", "2"]
    assert listed(f"meta:class=={PROFILE}", f"title!={mark} 1") == ["0", "2"]
    assert (listed("description"), listed("nothing")) == (["0", "1", "2"], [])
    assert listed(f"$id=={made[2]['$id']}") == ["2"]
    first = api.ok("GET", f"{TENANT}/schemas", params={"property": f"title~{mark}", "limit": 2})
    second = api.ok("GET", f"{TENANT}/schemas", params={"property": f"title~{mark}", "start": first["_page"]["next"]})
    assert [s["$id"] for s in first["results"] + second["results"]] == [s["$id"] for s in made]
    assert second["_page"]["next"] is None
    assert api.send("GET", f"{TENANT}/schemas", params={"start": "x"}).status_code == 400


def test_descriptors_are_listed_by_their_form(api: Api) -> None:
    made = schema(api, "described")
    body = {"@type": "xdm:descriptorIdentity", "xdm:sourceSchema": made["$id"], "xdm:sourceVersion": 1}
    about = {"xdm:sourceProperty": "/personID", "xdm:namespace": "ECID", "xdm:property": "xdm:id"}
    one = api.ok("POST", f"{TENANT}/descriptors", {**body, **about, "xdm:isPrimary": True})
    asked = {"property": f"@type==xdm:descriptorIdentity,xdm:sourceSchema=={made['$id']}"}
    found = api.ok("GET", f"{TENANT}/descriptors", params=asked, headers=accept("xdm-v2"))
    assert found["results"] == [one]
    sought = {"property": f"@type~Identity$,xdm:sourceProperty~^/p[er]{{1,2}}son,xdm:sourceSchema=={made['$id']}"}
    assert api.ok("GET", f"{TENANT}/descriptors", params=sought, headers=accept("xdm-v2"))["results"] == [one]
    linked = api.ok("GET", f"{TENANT}/descriptors", params=asked, headers=accept("xdm-v2-link"))
    assert linked["results"][0].keys() == {"@id", "@type", "xdm:sourceSchema"}
    assert api.ok("GET", f"{TENANT}/descriptors", params=asked, headers=accept("xdm")) == {one["@type"]: [one]}


def test_unions_have_the_fields_of_the_schemas_in_profile(api: Api) -> None:
    one, two = (schema(api, f"union {n}", group(api, f"u{n}", **{f"u{n}": {"type": "string"}})["$id"]) for n in "ab")
    tagged = api.ok("PATCH", at(one), UNION)
    assert (tagged["version"], api.ok("PATCH", at(one), UNION)["version"]) == ("1.1", "1.1")
    id_ = f"{PROFILE}__union"
    assert id_ in [u["$id"] for u in api.ok("GET", f"{TENANT}/unions")["results"]]
    found = api.ok("GET", f"{TENANT}/unions/{quote(id_, safe='')}", headers=accept("xdm-full"))
    assert ("ua" in found["properties"]["_acme"]["properties"], found["meta:altId"]) == (
        True,
        "_xdm.context.profile__union",
    )
    assert "ub" not in found["properties"]["_acme"]["properties"]
    api.ok("PATCH", at(two), UNION)
    both = api.ok("GET", f"{TENANT}/unions/{found['meta:altId']}")["properties"]["_acme"]["properties"]
    assert {"ua", "ub"} <= both.keys()
    assert api.send("GET", f"{TENANT}/unions/nothing").status_code == 404


def test_what_is_in_use_stays(api: Api) -> None:
    made = group(api, "used", used={"type": "string"})
    whole = schema(api, "user", made["$id"])
    refused = api.send("DELETE", at(made, "fieldgroups"))
    assert (refused.status_code, 'schema "user"' in refused.json()["detail"]) == (409, True)
    table = api.ok("POST", f"{CATALOG}/dataSets", {"name": "used", "schemaRef": {"id": whole["$id"]}})[0].split("/")[-1]
    assert api.send("DELETE", at(whole)).status_code == 409
    shrunk = [{"op": "remove", "path": "/allOf/1"}]
    assert api.send("PATCH", at(whole), json=shrunk).status_code == 400
    api.ok("DELETE", f"{CATALOG}/dataSets/{table}")
    assert api.send("DELETE", at(whole)).status_code == 204
    assert api.send("DELETE", at(made, "fieldgroups")).status_code == 204


def test_putting_back_what_was_got_changes_nothing(api: Api) -> None:
    whole = schema(api, "put", PERSON)
    assert api.ok("PUT", at(whole), whole) == whole
    changed = api.ok("PUT", at(whole), {**whole, "title": "put again", "description": "Other people"})
    assert (changed["version"], changed["title"], changed["$id"]) == ("1.1", "put again", whole["$id"])
    kept = {k: v for k, v in whole.items() if k not in ("description", "title")}
    assert "description" not in api.ok("PUT", at(whole), {**kept, "title": "put"})


def test_titles_are_unique_where_that_is_set(tmp_path: Path) -> None:
    with served(tmp_path) as api:
        one, same = schema(api, "same"), schema(api, "same")
        group(api, "same", a={"type": "string"})
    told = {"type": "object", "properties": {"amount": {"type": "number"}}}
    with served(tmp_path, unique_titles=True) as api:
        refused = api.send("POST", f"{TENANT}/schemas", json={"title": "same", "allOf": [{"$ref": PROFILE}]})
        found = refused.json()
        assert (refused.status_code, found["error_code"], one["$id"] in found["detail"]) == (400, "LIMB-1013-400", True)
        assert "already exists" in found["report"]["detailed-message"]
        other = schema(api, "other")
        renamed = [{"op": "replace", "path": "/title", "value": "same"}]
        assert api.send("PATCH", at(other), json=renamed).json()["error_code"] == "LIMB-1013-400"
        assert api.send("PUT", at(other), json={**other, "title": "same"}).status_code == 400
        assert api.ok("GET", at(other)) == other
        assert api.ok("PATCH", at(same), UNION)["version"] == "1.1"  # its title was there before
        assert api.ok("PATCH", at(other), [{**renamed[0], "value": "Same"}])["title"] == "Same"
        assert api.ok("POST", f"{TENANT}/datatypes", {"title": "same", **told})
        assert api.send("POST", f"{TENANT}/datatypes", json={"title": "same", **told}).status_code == 400
        assert (
            api.send(
                "POST", f"{TENANT}/fieldgroups", json=api.ok("GET", f"{TENANT}/fieldgroups")["results"][0]
            ).status_code
            == 400
        )
        assert api.on("dev").ok("POST", f"{TENANT}/datatypes", {"title": "same", **told})
        parcel = api.on("dev").ok("POST", f"{TENANT}/datatypes", {"title": "carried", **told})
        api.ok("POST", f"{TENANT}/datatypes", {"title": "carried", **told})
        assert api.send("POST", f"{REGISTRY}/rpc/import", json=[parcel]).json()["error_code"] == "LIMB-1013-400"
        for kind in ("schemas", "datatypes"):
            ids = [r["$id"] for r in api.ok("GET", f"{TENANT}/{kind}", params={"property": "title==same"})["results"]]
            for id in ids:
                api.ok("DELETE", f"{TENANT}/{kind}/{quote(id, safe='')}")
        schema(api, "same")


@pytest.mark.parametrize("tags", [None, 1, "union", {"union": 1}, [1]], ids=repr)
def test_tags_are_a_list_of_texts(api: Api, tags: Any) -> None:
    whole = schema(api, "tagged")
    assert api.send("PUT", at(whole), json={**whole, "meta:immutableTags": tags}).status_code == 400
    assert api.send("PATCH", at(whole), json=[{**UNION[0], "value": tags}]).status_code == 400
    assert api.ok("GET", at(whole)) == whole


def test_every_change_is_told(api: Api) -> None:
    whole = schema(api, "history")
    api.as_("editor").ok("PATCH", at(whole), [{"op": "replace", "path": "/title", "value": "told"}])
    api.ok("PATCH", at(whole), UNION)
    told = api.ok("GET", f"{REGISTRY}/rpc/auditlog/{quote(whole['$id'], safe='')}")
    assert [change["version"] for change in told] == ["1.2", "1.1", "1.0"]
    assert [change["updatedUser"] for change in told] == ["admin", "editor", "admin"]
    steps = [(s["action"], s["path"], s["value"]) for s in told[1]["updates"]]
    assert steps == [("replace", "/title", "told")]
    assert told[0]["updates"][0]["path"] == "/meta:immutableTags"


def test_a_schema_goes_to_another_sandbox_with_all_it_is_made_of(api: Api) -> None:
    money = {"title": "money", "type": "object", "properties": {"amount": {"type": "number"}}}
    typed = api.ok("POST", f"{TENANT}/datatypes", money)
    made = group(api, "carried", paid={"$ref": typed["$id"], "type": "object"})
    whole = schema(api, "carried", made["$id"], PERSON)
    parcel = api.ok("GET", f"{REGISTRY}/rpc/export/{quote(whole['$id'], safe='')}")
    assert [body["$id"] for body in parcel] == [typed["$id"], made["$id"], whole["$id"]]
    other = api.on("dev")
    assert [b["$id"] for b in other.ok("POST", f"{REGISTRY}/rpc/import", parcel)] == [b["$id"] for b in parcel]
    assert other.ok("POST", f"{REGISTRY}/rpc/export", parcel) == []
    here, there = (a.ok("GET", at(whole), headers=accept("xdm-full"))["properties"] for a in (api, other))
    assert here == there
    clash = [{**parcel[0], "title": "other money"}]
    assert other.send("POST", f"{REGISTRY}/rpc/import", json=clash).status_code == 409
    foreign = [{**parcel[0], "$id": "https://ns.adobe.com/else/datatypes/1"}]
    assert other.send("POST", f"{REGISTRY}/rpc/import", json=foreign).status_code == 400
    alone = [{**parcel[2], "$id": parcel[2]["$id"] + "0", "allOf": [{"$ref": "https://ns.adobe.com/acme/mixins/none"}]}]
    assert other.send("POST", f"{REGISTRY}/rpc/import", json=alone).status_code == 400


def test_stats_count(api: Api) -> None:
    before = api.ok("GET", f"{REGISTRY}/stats")
    newest = schema(api, "counted")
    after = api.ok("GET", f"{REGISTRY}/stats")
    assert after["counts"]["schemas"] == before["counts"]["schemas"] + 1
    assert after["recentlyCreatedResources"][0]["$id"] == newest["$id"]
    assert after["classUsage"][PROFILE] == before["classUsage"].get(PROFILE, 0) + 1


@pytest.mark.parametrize("of", [PROFILE, EVENT])
def test_a_sample_of_all_standard_field_groups_is_ingested(api: Api, of: str) -> None:
    standard = api.ok("GET", f"{REGISTRY}/global/fieldgroups")["results"]
    parts = [g["$id"] for g in standard if of in g["meta:intendedToExtend"]]
    body = {"title": "sampled", "allOf": [{"$ref": ref} for ref in (of, *parts)]}
    whole = api.ok("POST", f"{TENANT}/schemas", body)
    row = api.ok("GET", f"{REGISTRY}/rpc/sampledata/{quote(whole['$id'], safe='')}")
    check(row, api.ok("GET", at(whole), headers=accept("xdm-full")))
    ingest(api, whole["$id"], [row])


def ingest(api: Api, schema_id: str, rows: list[Any]) -> None:
    table = dataset(api, schema_id)
    imports = "/data/foundation/import/batches"
    batch = api.ok("POST", imports, {"datasetId": table, "inputFormat": {"format": "json"}})["id"]
    api.send("PUT", f"{imports}/{batch}/datasets/{table}/files/a.json", content=json.dumps(rows).encode())
    api.ok("POST", f"{imports}/{batch}?action=COMPLETE")
    while (found := api.ok("GET", f"{CATALOG}/batches/{batch}")[batch])["status"] not in ("success", "failed"):
        api.platform.worker.wake()
    assert (found["status"], found["errors"]) == ("success", [])


def texts(**constraints: Any) -> Scalar:
    return Scalar("string", **constraints)


PATTERNS = (
    *(r"^[A-Z]{2}-\d{3,}$", r"^(foo|ba[rz])+$", "a|b", r"^\S+\s\w*$", r"^[^@0-9]+@[a-z]+\.[a-z]{2,4}$", "^.{5}$"),
    *(r"^[A-Z][a-z]+$", r"^\d{4}-(0[1-9]|1[0-2])$", "^$", r"^((a*b?)*)*c$", r"[^\w]", r"^\\z\.$", r"(?i)^x"),
)
SCALARS = st.sampled_from(
    [
        *(
            Scalar(name)
            for name in ("string", "boolean", "number", "int", "byte", "short", "long", "date", "date-time")
        ),
        *(texts(format=form) for form in ("email", "uri", "uri-reference", "ipv4", "ipv6", "hostname", "time", "uuid")),
        *(texts(pattern=pattern) for pattern in PATTERNS),
        *(texts(enum=("a", "b")), texts(enum=("x1", "x22"), pattern="[0-9]{2}"), texts(enum=("", "äöü"), min_length=1)),
        *(
            texts(min_length=5, max_length=6),
            texts(max_length=0),
            texts(min_length=900),
            texts(max_length=3, format="email"),
        ),
        *(
            texts(min_length=40, format="email"),
            texts(min_length=60, format="uri"),
            texts(min_length=20, pattern="^[ab]+$"),
        ),
        *(
            texts(min_length=30, pattern="@"),
            texts(pattern="^https:", format="uri"),
            texts(max_length=4, pattern="^a*b*$"),
        ),
        *(Scalar("int", minimum=3, maximum=4), Scalar("long", minimum=2**52), Scalar("byte", maximum=-100)),
        *(Scalar("int", minimum=-7.5, maximum=-6.5), Scalar("number", minimum=0.001, maximum=0.002)),
        *(
            Scalar("number", maximum=-1e300),
            Scalar("number", minimum=-1e308, maximum=1e308),
            Scalar("number", minimum=0),
        ),
    ]
)
NAMES = st.sampled_from(["a", "b", "c_d", "e1", "value", "key"])


def objects(types: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    fields = st.dictionaries(NAMES, st.tuples(types, st.booleans()), min_size=1, max_size=4)
    return fields.map(lambda found: Object(tuple(Field(name, t, must) for name, (t, must) in found.items())))


TYPES = st.recursive(SCALARS, lambda inner: inner.map(Array) | inner.map(Map) | objects(inner), max_leaves=6)


def check(record: Any, schema: dict[str, Any]) -> None:
    known = jsonschema.Draft202012Validator
    known(schema, format_checker=known.FORMAT_CHECKER).validate(record)


def is_whole(t: Any, value: Any) -> bool:
    """Tell whether a value has all fields of its type, all the way down."""
    match t:
        case Object():
            return value.keys() == {f.name for f in t.fields} and all(is_whole(f.type, value[f.name]) for f in t.fields)
        case Array():
            return value != [] and all(is_whole(t.items, v) for v in value)
        case Map():
            return value != {} and all(is_whole(t.values, v) for v in value.values())
    return True


@settings(max_examples=150, deadline=None)
@given(fields=objects(TYPES), seed=st.text(max_size=3))
def test_samples_have_every_field_and_fit(fields: Object, seed: str) -> None:
    found = sample(fields, seed)
    assert found is not None
    assert is_whole(fields, found)
    check(found, emit(fields))
    assert found == sample(fields, seed)
    assert sample(parse_object(emit(fields)), seed) == found


@settings(max_examples=15, deadline=None)
@given(fields=objects(TYPES))
def test_samples_of_any_schema_are_ingested(api: Api, fields: Object) -> None:
    whole = schema(api, "random", custom(api, "random", emit(fields))["$id"])
    row = api.ok("GET", f"{REGISTRY}/rpc/sampledata/{whole['meta:altId']}")
    check(row, api.ok("GET", at(whole), headers=accept("xdm-full")))
    assert is_whole(fields, row["_acme"])
    ingest(api, whole["$id"], [row])


@pytest.mark.parametrize(
    "impossible",
    [
        {"type": "string", "pattern": "^a$", "minLength": 3},
        {"type": "string", "enum": ["a"], "pattern": "b"},
        {"type": "string", "minLength": 2, "maxLength": 1},
        {"type": "number", "minimum": 2, "maximum": 1},
        {"type": "integer", "minimum": 2.2, "maximum": 2.8},
    ],
    ids=str,
)
def test_what_no_value_fits_is_left_out_unless_it_is_required(api: Api, impossible: dict[str, Any]) -> None:
    def sampled(own: dict[str, Any], *required: str) -> httpx.Response:
        whole = schema(api, "impossible", custom(api, "impossible", own, *required)["$id"])
        return api.send("GET", f"{REGISTRY}/rpc/sampledata/{whole['meta:altId']}")

    optional = {"type": "object", "properties": {"no": impossible, "yes": {"type": "string"}}}
    assert list(sampled(optional, "_acme").json()["_acme"]) == ["yes"]
    needed = {**optional, "required": ["no"]}
    many = {"type": "object", "properties": {"many": {"type": "array", "items": needed}}}
    assert "_acme" not in sampled(many).json()
    assert "_acme" not in sampled(needed).json()
    refused = sampled(needed, "_acme")
    assert (refused.status_code, 'schema "impossible"' in refused.json()["detail"]) == (400, True)
