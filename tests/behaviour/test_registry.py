"""The registry: what may be stored, how it may change once it is used, and what schemas come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from limbeck.access import Access
from limbeck.errors import Conflict, Forbidden, InvalidInput, InvalidSchema, NotFound, StaleEtag
from limbeck.lake import Lake
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.xdm.standard import EXPERIENCE_EVENT, PROFILE
from limbeck.xdm.types import Field, Identity, Object, Scalar

STRING: Mapping[str, Any] = {"type": "string"}
OWN = "/definitions/own/properties/_acme/properties"
"""Where a field group of these tests keeps its fields."""

Body = dict[str, Any]


def group(
    registry: Registry, sandbox: Sandbox, title: str, fields: Mapping[str, Any], extends: str = PROFILE, **more: Any
) -> Body:
    """Make a field group with *fields* under `_acme`."""
    own = {"type": "object", "properties": {"_acme": {"type": "object", "properties": fields}}}
    body = {
        "title": title,
        "type": "object",
        "meta:intendedToExtend": [extends],
        "definitions": {"own": own},
        "allOf": [{"$ref": "#/definitions/own"}],
    }
    return registry.create(sandbox, "fieldgroups", body | more)


def schema(registry: Registry, sandbox: Sandbox, title: str, *parts: str, cls: str = PROFILE) -> Body:
    """Make a schema of a class and field groups."""
    refs = [{"$ref": part} for part in (cls, *parts)]
    return registry.create(sandbox, "schemas", {"title": title, "type": "object", "allOf": refs})


def identity(schema_id: str, path: str, *, primary: bool = True, namespace: str = "CRM") -> Body:
    return {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": schema_id,
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": path,
        "xdm:namespace": namespace,
        "xdm:property": "xdm:code",
        "xdm:isPrimary": primary,
    }


def paths(registry: Registry, sandbox: Sandbox, schema_id: str) -> dict[str, str]:
    """The schema's scalar leaves under `_acme`, with their types."""
    leaves = registry.schema(sandbox, schema_id).type.leaves()
    return {p: f.type.name for p, f in leaves if p.startswith("_acme.") and isinstance(f.type, Scalar)}


@pytest.fixture
def crm(registry: Registry, sandbox: Sandbox) -> Body:
    """A field group with a few fields."""
    address = {"type": "object", "properties": {"city": STRING}}
    fields = {"id": STRING, "age": {"type": "integer"}, "tags": {"type": "array", "items": STRING}}
    return group(registry, sandbox, "CRM", fields | {"address": address})


@pytest.fixture
def people(registry: Registry, sandbox: Sandbox, crm: Body) -> Body:
    """A schema with that field group."""
    return schema(registry, sandbox, "People", crm["$id"])


# -- making and finding --------------------------------------------------------------------------------------------


def test_a_new_resource_gets_ids_version_and_etag(
    registry: Registry, sandbox: Sandbox, people: Body, crm: Body
) -> None:
    assert people["$id"].startswith("https://ns.adobe.com/acme/schemas/")
    assert people["meta:altId"] == "_acme.schemas." + people["$id"].rpartition("/")[2]
    assert crm["$id"].startswith("https://ns.adobe.com/acme/mixins/")
    assert (people["version"], people["meta:class"]) == ("1.0", PROFILE)
    assert {PROFILE, crm["$id"]} <= set(people["meta:extends"])
    assert people["meta:registryMetadata"]["eTag"] != crm["meta:registryMetadata"]["eTag"]
    for key in (people["$id"], people["meta:altId"]):
        assert registry.get(sandbox, "schemas", key) == people
    assert registry.get(sandbox, "mixins", crm["$id"]) == registry.get(sandbox, "fieldgroups", crm["meta:altId"]) == crm


def test_what_a_caller_gets_is_a_copy(registry: Registry, sandbox: Sandbox, people: Body) -> None:
    registry.get(sandbox, "schemas", people["$id"])["allOf"].clear()
    registry.get(sandbox, "classes", PROFILE).clear()
    assert len(registry.get(sandbox, "schemas", people["$id"])["allOf"]) == 2
    assert registry.get(sandbox, "classes", PROFILE)["$id"] == PROFILE


def test_lists_show_the_tenants_own_or_the_standard_ones(
    registry: Registry, sandbox: Sandbox, people: Body, crm: Body
) -> None:
    registry.adhoc_schema(sandbox, "hidden", Object((Field("a", Scalar("long")),)))
    assert [b["title"] for b in registry.list(sandbox, "schemas")] == ["People"]
    assert {b["title"] for b in registry.list(sandbox, "schemas", hidden=True)} == {"People", "hidden"}
    assert [b["$id"] for b in registry.list(sandbox, "mixins")] == [crm["$id"]]
    assert {b["$id"] for b in registry.list(sandbox, "classes", "global")} == {PROFILE, EXPERIENCE_EVENT}
    assert registry.list(sandbox, "classes") == registry.list(sandbox, "schemas", "global") == []


def test_sandboxes_see_nothing_of_each_other(
    registry: Registry, access: Access, sandbox: Sandbox, people: Body
) -> None:
    other = access.ensure_sandbox(sandbox.org_id, "other")
    assert registry.list(other, "schemas") == []
    with pytest.raises(NotFound, match=r'no schema .* in sandbox "other"'):
        registry.get(other, "schemas", people["$id"])


def test_what_is_not_there_is_said_so(registry: Registry, sandbox: Sandbox, people: Body) -> None:
    with pytest.raises(NotFound, match='no field group "https'):
        registry.get(sandbox, "fieldgroups", people["$id"])
    with pytest.raises(NotFound, match='kind of resource "tables"'):
        registry.get(sandbox, "tables", people["$id"])
    with pytest.raises(NotFound, match='"Peopel" in sandbox "prod"; did you mean "People"'):
        registry.find(sandbox, "Peopel")


def test_schemas_are_found_by_title_unless_several_have_it(
    registry: Registry, sandbox: Sandbox, people: Body, crm: Body
) -> None:
    assert registry.find(sandbox, "People") == registry.schema(sandbox, people["meta:altId"])
    second = schema(registry, sandbox, "People", crm["$id"])
    with pytest.raises(Conflict, match=second["$id"]):
        registry.find(sandbox, "People")


REFUSED: dict[str, tuple[str, Body, str]] = {
    "no title": ("schemas", {"allOf": [{"$ref": PROFILE}]}, 'needs a "title"'),
    "no class": ("schemas", {"title": "x", "allOf": []}, "exactly one class.*found none"),
    "two classes": (
        "schemas",
        {"title": "x", "allOf": [{"$ref": PROFILE}, {"$ref": EXPERIENCE_EVENT}]},
        "exactly one class",
    ),
    "unknown reference": ("schemas", {"title": "x", "allOf": [{"$ref": "https://nowhere"}]}, "leads to nothing"),
    "own field outside the tenant": (
        "schemas",
        {"title": "x", "allOf": [{"$ref": PROFILE}], "properties": {"mine": STRING}},
        'field "mine" .* must lie in the object "_acme"',
    ),
    "group without class": ("fieldgroups", {"title": "x", "properties": {"_acme": STRING}}, "intendedToExtend"),
    "unknown type": (
        "datatypes",
        {"title": "x", "type": "object", "properties": {"a": {"type": "decimal"}}},
        "decimal",
    ),
    "names that differ in case only": (
        "datatypes",
        {"title": "x", "type": "object", "properties": {"a": STRING, "A": STRING}},
        'SQL cannot tell apart, "a" and "A"',
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_cannot_be_composed_is_not_stored(registry: Registry, sandbox: Sandbox, case: str) -> None:
    kind, body, message = REFUSED[case]
    with pytest.raises(InvalidSchema, match=message):
        registry.create(sandbox, kind, body)
    assert registry.list(sandbox, kind, hidden=True) == []


def test_a_field_group_serves_the_classes_it_extends(registry: Registry, sandbox: Sandbox, crm: Body) -> None:
    with pytest.raises(InvalidSchema, match='"CRM" does not extend class'):
        schema(registry, sandbox, "Visits", crm["$id"], cls=EXPERIENCE_EVENT)


def test_behaviours_and_standard_resources_cannot_be_changed(registry: Registry, sandbox: Sandbox) -> None:
    with pytest.raises(InvalidInput, match="behaviors"):
        registry.create(sandbox, "behaviors", {"title": "x"})
    with pytest.raises(Forbidden, match="standard resource"):
        registry.patch(sandbox, "classes", PROFILE, [{"op": "replace", "path": "/title", "value": "x"}])


# -- composing -----------------------------------------------------------------------------------------------------


def test_a_schema_is_the_union_of_its_field_groups(registry: Registry, sandbox: Sandbox, crm: Body) -> None:
    zip_code = {"type": "object", "properties": {"zip": STRING}}
    more = group(registry, sandbox, "More", {"address": zip_code, "score": {"type": "number"}, "id": STRING})
    made = schema(registry, sandbox, "Both", crm["$id"], more["$id"])
    assert paths(registry, sandbox, made["$id"]) == {
        "_acme.id": "string",
        "_acme.age": "long",
        "_acme.address.city": "string",
        "_acme.address.zip": "string",
        "_acme.score": "number",
    }
    resolved = registry.resolved(sandbox, "schemas", made["$id"])
    assert "allOf" not in resolved
    assert {"_acme", "_id"} <= set(resolved["properties"])


def test_field_groups_that_contradict_each_other_do_not_compose(
    registry: Registry, sandbox: Sandbox, crm: Body
) -> None:
    clash = group(registry, sandbox, "Clash", {"age": STRING})
    with pytest.raises(InvalidSchema, match=r'two types for "_acme\.age"'):
        schema(registry, sandbox, "Both", crm["$id"], clash["$id"])


def test_a_data_type_is_used_by_reference(registry: Registry, sandbox: Sandbox) -> None:
    money = {"amount": {"type": "number"}, "currency": STRING}
    kind = registry.create(sandbox, "datatypes", {"title": "Money", "type": "object", "properties": money})
    prices = group(registry, sandbox, "Prices", {"price": {"$ref": kind["$id"]}})
    made = schema(registry, sandbox, "Priced", prices["$id"])
    assert paths(registry, sandbox, made["$id"]) == {"_acme.price.amount": "number", "_acme.price.currency": "string"}
    added = [{"op": "add", "path": "/properties/net", "value": {"type": "boolean"}}]
    registry.patch(sandbox, "datatypes", kind["$id"], added)
    assert paths(registry, sandbox, made["$id"])["_acme.price.net"] == "boolean"


def test_schemas_in_profile_must_agree(registry: Registry, sandbox: Sandbox, people: Body) -> None:
    registry.patch(sandbox, "schemas", people["$id"], [JOIN])
    clash = group(registry, sandbox, "Clash", {"age": STRING})
    other = schema(registry, sandbox, "Other", clash["$id"])
    with pytest.raises(InvalidSchema, match=r'two types for "_acme\.age"'):
        registry.patch(sandbox, "schemas", other["$id"], [JOIN])


# -- changing ------------------------------------------------------------------------------------------------------

JOIN = {"op": "add", "path": "/meta:immutableTags", "value": ["union"]}

ADDITIONS = [
    {"op": "add", "path": f"{OWN}/email", "value": STRING},
    {"op": "add", "path": f"{OWN}/address/properties/street", "value": STRING},
]

BREAKING: dict[str, tuple[Body, str]] = {
    "removed": ({"op": "remove", "path": f"{OWN}/age"}, r'"_acme\.age" would be removed'),
    "removed below": (
        {"op": "replace", "path": f"{OWN}/address/properties", "value": {"town": STRING}},
        r'"_acme\.address\.city" would be removed',
    ),
    "retyped": (
        {"op": "replace", "path": f"{OWN}/age", "value": {"type": "number"}},
        r'"_acme\.age" would turn from long into number',
    ),
    "retyped items": (
        {"op": "replace", "path": f"{OWN}/tags/items", "value": {"type": "boolean"}},
        "would turn from string into boolean",
    ),
    "required": (
        {"op": "add", "path": "/definitions/own/properties/_acme/required", "value": ["id"]},
        r'"_acme\.id" would become required',
    ),
}


def test_a_change_makes_a_new_version_and_etag(registry: Registry, sandbox: Sandbox, people: Body, crm: Body) -> None:
    changed = registry.patch(sandbox, "fieldgroups", crm["$id"], ADDITIONS, changed_by="me")
    assert changed["version"] == "1.1"
    assert changed["meta:registryMetadata"]["eTag"] != crm["meta:registryMetadata"]["eTag"]
    assert changed["meta:registryMetadata"]["xdm:lastModifiedClientId"] == "me"
    assert registry.get(sandbox, "fieldgroups", crm["$id"]) == changed
    assert {"_acme.email", "_acme.address.street"} <= paths(registry, sandbox, people["$id"]).keys()


def test_a_patch_that_changes_nothing_makes_no_version(registry: Registry, sandbox: Sandbox, crm: Body) -> None:
    same = [{"op": "replace", "path": "/title", "value": "CRM"}]
    assert registry.patch(sandbox, "fieldgroups", crm["$id"], same) == crm


def test_a_patch_on_an_older_version_is_refused(registry: Registry, sandbox: Sandbox, crm: Body) -> None:
    etag = crm["meta:registryMetadata"]["eTag"]
    newer = registry.patch(sandbox, "fieldgroups", crm["$id"], ADDITIONS, etag=etag)
    renamed = [{"op": "replace", "path": "/title", "value": "other"}]
    with pytest.raises(StaleEtag, match="read it again"):
        registry.patch(sandbox, "fieldgroups", crm["$id"], renamed, etag=etag)
    assert registry.get(sandbox, "fieldgroups", crm["$id"]) == newer


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "move", "path": "/title"},
        {"op": "replace", "path": "/nowhere", "value": 1},
        {"op": "remove", "path": "/definitions/none/x"},
        {"op": "add", "path": "/title"},
        {"op": "replace", "path": "/version", "value": "9.9"},
        {"op": "replace", "path": "/$id", "value": "https://ns.adobe.com/acme/mixins/other"},
    ],
)
def test_a_patch_that_cannot_be_applied_changes_nothing(
    registry: Registry, sandbox: Sandbox, crm: Body, operation: Body
) -> None:
    with pytest.raises(InvalidInput):
        registry.patch(sandbox, "fieldgroups", crm["$id"], [*ADDITIONS, operation])
    assert registry.get(sandbox, "fieldgroups", crm["$id"]) == crm


@pytest.mark.parametrize("change", list(BREAKING))
def test_an_unused_schema_may_change_as_it_likes(
    registry: Registry, sandbox: Sandbox, people: Body, crm: Body, change: str
) -> None:
    assert registry.patch(sandbox, "fieldgroups", crm["$id"], [BREAKING[change][0]])["version"] == "1.1"


@pytest.mark.parametrize("use", ["dataset", "profile"])
@pytest.mark.parametrize("change", list(BREAKING))
def test_a_schema_in_use_may_only_gain_optional_fields(
    registry: Registry, lake: Lake, sandbox: Sandbox, people: Body, crm: Body, change: str, use: str
) -> None:
    if use == "dataset":
        lake.create_dataset(sandbox, "People", people["$id"])
    else:
        registry.patch(sandbox, "schemas", people["$id"], [JOIN])
    operation, message = BREAKING[change]
    with pytest.raises(InvalidSchema, match=message):
        registry.patch(sandbox, "fieldgroups", crm["$id"], [operation])
    assert registry.get(sandbox, "fieldgroups", crm["$id"]) == crm
    registry.patch(sandbox, "fieldgroups", crm["$id"], ADDITIONS)


def test_a_schema_in_use_keeps_its_groups_and_may_gain_others(
    registry: Registry, lake: Lake, sandbox: Sandbox, people: Body
) -> None:
    lake.create_dataset(sandbox, "People", people["$id"])
    more = group(registry, sandbox, "More", {"score": {"type": "number"}})
    added = [{"op": "add", "path": "/allOf/-", "value": {"$ref": more["$id"]}}]
    assert more["$id"] in registry.patch(sandbox, "schemas", people["$id"], added)["meta:extends"]
    with pytest.raises(InvalidSchema, match="would be removed"):
        registry.patch(sandbox, "schemas", people["$id"], [{"op": "remove", "path": "/allOf/1"}])
    with pytest.raises(InvalidSchema, match=r"class"):
        registry.patch(
            sandbox, "schemas", people["$id"], [{"op": "replace", "path": "/allOf/0/$ref", "value": EXPERIENCE_EVENT}]
        )


def test_a_schema_stays_in_profile(registry: Registry, sandbox: Sandbox, people: Body) -> None:
    registry.patch(sandbox, "schemas", people["$id"], [JOIN])
    with pytest.raises(InvalidSchema, match="leave Profile"):
        registry.patch(sandbox, "schemas", people["$id"], [{"op": "remove", "path": "/meta:immutableTags"}])


# -- descriptors ---------------------------------------------------------------------------------------------------


def test_identities_become_part_of_the_schema(registry: Registry, sandbox: Sandbox, people: Body) -> None:
    first = registry.create_descriptor(sandbox, identity(people["$id"], "/_acme/id"))
    city = identity(people["meta:altId"], "/_acme/address/city", primary=False, namespace="City")
    second = registry.create_descriptor(sandbox, city)
    assert second["xdm:sourceSchema"] == people["$id"]
    assert set(registry.schema(sandbox, people["$id"]).identities) == {
        Identity("_acme.id", "CRM", True),
        Identity("_acme.address.city", "City", False),
    }
    assert {d["@id"] for d in registry.descriptors(sandbox, people["$id"])} == {first["@id"], second["@id"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"@type": "xdm:descriptorIdentitty"}, 'did you mean "xdm:descriptorIdentity"'),
        ({"xdm:sourceSchema": "https://nowhere"}, "no such resource"),
        ({"xdm:sourceProperty": "/_acme/nothing"}, "no such field"),
        ({"xdm:sourceProperty": "/_acme/age"}, "must be a string"),
        ({"xdm:sourceProperty": "/_acme/tags"}, "must be a string outside lists"),
        ({"xdm:sourceProperty": "_acme/id"}, "lies at a path like"),
        ({"xdm:namespace": ""}, "needs an .xdm:namespace"),
    ],
)
def test_a_descriptor_that_cannot_hold_is_not_stored(
    registry: Registry, sandbox: Sandbox, people: Body, changes: Body, message: str
) -> None:
    with pytest.raises(InvalidSchema, match=message):
        registry.create_descriptor(sandbox, identity(people["$id"], "/_acme/id") | changes)
    assert registry.descriptors(sandbox) == []


def test_a_schema_has_one_primary_identity_and_no_descriptor_twice(
    registry: Registry, sandbox: Sandbox, people: Body
) -> None:
    primary = identity(people["$id"], "/_acme/id")
    made = registry.create_descriptor(sandbox, primary)
    with pytest.raises(InvalidSchema, match=made["@id"]):
        registry.create_descriptor(sandbox, primary)
    with pytest.raises(InvalidSchema, match="primary identity already"):
        registry.create_descriptor(sandbox, identity(people["$id"], "/_acme/address/city"))


def test_the_descriptors_of_a_schema_include_those_of_its_parts(
    registry: Registry, sandbox: Sandbox, people: Body, crm: Body
) -> None:
    label = {"@type": "xdm:alternateDisplayInfo", "xdm:sourceSchema": crm["$id"], "xdm:sourceProperty": "/_acme/id"}
    made = registry.create_descriptor(sandbox, label | {"xdm:title": {"en_us": "Number"}})
    unrelated = schema(registry, sandbox, "Bare")
    assert [d["@id"] for d in registry.descriptors(sandbox, people["$id"])] == [made["@id"]]
    assert registry.descriptors(sandbox, unrelated["$id"]) == []
    assert registry.schema(sandbox, people["$id"]).identities == ()


# -- ad-hoc schemas ------------------------------------------------------------------------------------------------


def test_an_adhoc_schema_gives_back_the_type_it_was_made_of(registry: Registry, sandbox: Sandbox) -> None:
    made_of = Object((Field("Total", Scalar("long")), Field("name", Scalar("string"))))
    made = registry.adhoc_schema(sandbox, "result", made_of)
    assert (made.type, made.behaviour) == (made_of, "adhoc")
    assert registry.schema(sandbox, made.id) == made
    with pytest.raises(NotFound):
        registry.find(sandbox, "result")
