"""The table of resources: how each is made, read, changed and deleted over REST."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from limbeck.ids import new_uuid
from tests.rest.api import ORG, Api

FLOW = "/data/foundation/flowservice"
SCHEMAS = "/data/foundation/schemaregistry/tenant"
CATALOG = "/data/foundation/catalog"
QUERY = "/data/foundation/query"
PREP = "/data/foundation/conversion"
UPS = "/data/core/ups"

PROFILE = "https://ns.adobe.com/xdm/context/profile"
LANDING_ZONE_SOURCE = "26f526f2-58f4-4712-961d-e41bf1ccc0e8"
LANDING_ZONE_TARGET = "10440537-2a7b-4583-ac39-ed38d4b848e8"
DATA_LAKE_SOURCE = "23598e46-f560-407b-88d5-ea6207e49db0"
EXPORT_TO_ZONE = "cd2fc47e-e838-4f38-a581-8fff2f99b63a"


@dataclass(frozen=True)
class Change:
    """A request that changes a resource, and what it makes of it."""

    method: str
    body: Any
    makes: Mapping[str, Any]
    """Keys of the resource, after it."""


@dataclass(frozen=True)
class Kind:
    """One kind of resource. What a call is not given for, the kind does not have."""

    name: str
    path: str
    """Of the list, to which a new one is posted too."""
    body: Callable[[Api], dict[str, Any]]
    """A body that can be posted; what it needs is made by the way. A new name each time."""
    id_of: Callable[[Any], str] = lambda made: str(made["id"])
    """The id in the answer of the post."""
    one: Callable[[Any, str], Any] = lambda answer, _id: answer
    """The resource in the answer of a read."""
    listed: Callable[[Any], Iterable[str]] | None = None
    """The ids in the answer of a list."""
    change: Callable[[Mapping[str, Any]], Change] | None = None
    """A change of the resource as it was read."""
    deletes: bool = True
    needs_etag: bool = False
    """Whether a change without If-Match is refused (428)."""
    of_organisation: bool = False
    """Whether all sandboxes see it, and only administrators make it."""
    kept: tuple[str, ...] = ("name",)
    """Keys of the body that a read gives back as they were sent."""

    def make(self, api: Api) -> str:
        """Make one; return its id."""
        return self.id_of(api.ok("POST", self.path, self.body(api)))

    def at(self, resource_id: str) -> str:
        """The path of one."""
        return f"{self.path}/{quote(resource_id, safe='%.')}"

    def read(self, api: Api, resource_id: str) -> Any:
        """One, as it is."""
        return self.one(api.ok("GET", self.at(resource_id)), resource_id)


def _name(what: str) -> str:
    return f"{what} {new_uuid()}"


def _items(answer: Any, _id: str) -> Any:
    (found,) = answer["items"]
    return found


def _ids(key: str) -> Callable[[Any], Iterable[str]]:
    return lambda answer: [item["id"] for item in answer[key]]


def _replaced(path: str, value: Any) -> Callable[[Mapping[str, Any]], Change]:
    return lambda _: Change("PATCH", [{"op": "replace", "path": f"/{path}", "value": value}], {path: value})


def schema(api: Api, *classes: str) -> str:
    """A schema of the profile class; its id."""
    body = {"title": _name("schema"), "type": "object", "allOf": [{"$ref": c} for c in classes or (PROFILE,)]}
    return str(api.ok("POST", f"{SCHEMAS}/schemas", body)["$id"])


def people(api: Api) -> None:
    """A schema in Profile whose union has names of persons."""
    made = schema(api, PROFILE, "https://ns.adobe.com/xdm/context/profile-person-details")
    tag = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    api.ok("PATCH", f"{SCHEMAS}/schemas/{quote(made, safe='')}", tag)


def dataset(api: Api, schema_id: str | None = None) -> str:
    """An empty dataset of a schema, or of a new one; its id."""
    body = {"name": _name("dataset"), "schemaRef": {"id": schema_id or schema(api)}}
    return str(api.ok("POST", f"{CATALOG}/dataSets", body)[0].rpartition("/")[2])


def _custom(api: Api, name: str) -> dict[str, Any]:
    """A definition of custom fields."""
    tenant = f"_{api.platform.access.sandbox(ORG, api.sandbox).tenant}"
    fields = {tenant: {"type": "object", "properties": {name: {"type": "string", "title": name}}}}
    return {"customFields": {"type": "object", "properties": fields}}


def _schema(_: Api) -> dict[str, Any]:
    return {"title": _name("schema"), "description": "people", "type": "object", "allOf": [{"$ref": PROFILE}]}


def _field_group(api: Api) -> dict[str, Any]:
    return {
        "title": _name("field group"),
        "description": "more of people",
        "type": "object",
        "allOf": [{"$ref": "#/definitions/customFields"}],
        "meta:intendedToExtend": [PROFILE],
        "definitions": _custom(api, f"f{new_uuid()[:8]}"),
    }


def _class(api: Api) -> dict[str, Any]:
    return {
        "title": _name("class"),
        "description": "things",
        "type": "object",
        "allOf": [{"$ref": "https://ns.adobe.com/xdm/data/record"}, {"$ref": "#/definitions/customFields"}],
        "definitions": _custom(api, "thing"),
    }


def _data_type(_: Api) -> dict[str, Any]:
    fields = {"amount": {"type": "number"}, "currency": {"type": "string"}}
    return {"title": _name("data type"), "description": "money", "type": "object", "properties": fields}


def _identity(api: Api) -> dict[str, Any]:
    return {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": schema(api),
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/personID",
        "xdm:namespace": "ECID",
        "xdm:property": "xdm:id",
        "xdm:isPrimary": True,
    }


def _registered(kind: str, body: Callable[[Api], dict[str, Any]], *kept: str) -> Kind:
    return Kind(
        kind,
        f"{SCHEMAS}/{kind}",
        body,
        id_of=lambda made: str(made["$id"]),
        listed=lambda answer: [found["$id"] for found in answer["results"]],
        change=_replaced("title", "renamed"),
        kept=("title", "description", *kept),
    )


def _dataset(api: Api) -> dict[str, Any]:
    ref = {"id": schema(api), "contentType": "application/vnd.adobe.xed+json;version=1"}
    more = {"description": "of a test", "enableErrorDiagnostics": True, "somethingElse": {"a": [1]}}
    return {"name": _name("dataset"), "schemaRef": ref, "tags": {"unifiedProfile": ["enabled: true"]}, **more}


def _connection(_: Api) -> dict[str, Any]:
    return {"name": _name("base"), "auth": None, "connectionSpec": {"id": LANDING_ZONE_TARGET, "version": "1.0"}}


def _source(api: Api) -> dict[str, Any]:
    spec = {"id": DATA_LAKE_SOURCE, "version": "1.0"}
    return {"name": _name("from"), "connectionSpec": spec, "params": {"datasets": [{"dataSetId": dataset(api)}]}}


def _target(_: Api) -> dict[str, Any]:
    params = {"mode": "Server-to-server", "compression": "gzip", "datasetFileType": "parquet", "path": "out"}
    return {"name": _name("to"), "connectionSpec": {"id": LANDING_ZONE_TARGET, "version": "1.0"}, "params": params}


def _flow(api: Api) -> dict[str, Any]:
    return {
        "name": _name("flow"),
        "flowSpec": {"id": EXPORT_TO_ZONE, "version": "1.0"},
        "sourceConnectionIds": [api.ok("POST", f"{FLOW}/sourceConnections", _source(api))["id"]],
        "targetConnectionIds": [api.ok("POST", f"{FLOW}/targetConnections", _target(api))["id"]],
        "transformations": [],
        "scheduleParams": {"interval": 1, "timeUnit": "day", "startTime": 4_000_000_000},
    }


def _mapping_set(api: Api) -> dict[str, Any]:
    to = {"schemaRef": {"id": schema(api), "contentType": "application/vnd.adobe.xed-full+json;version=1"}}
    mappings = [{"sourceType": "ATTRIBUTE", "source": "key", "destination": "_id"}]
    return {"outputSchema": to, "mappings": mappings}


def _template(_: Api) -> dict[str, Any]:
    return {"name": _name("template"), "sql": "SELECT 1", "queryParameters": {}}


def _scheduled(_: Api) -> dict[str, Any]:
    query = {"dbName": "prod:all", "sql": "SELECT 1", "name": _name("scheduled"), "description": ""}
    return {"query": query, "schedule": {"schedule": "0 0 1 1 *", "startDate": "2100-01-01T00:00:00Z"}}


def _segment(api: Api) -> dict[str, Any]:
    people(api)
    return {
        "name": _name("audience"),
        "description": "",
        "expression": {"type": "PQL", "format": "pql/text", "value": 'person.name.lastName = "Ibsen"'},
        "schema": {"name": "_xdm.context.profile"},
        "ttlInDays": 60,
    }


def _segment_schedule(_: Api) -> dict[str, Any]:
    daily = {"type": "batch_segmentation", "properties": {"segments": ["*"]}, "schedule": "0 0 1 * * ?"}
    return {"name": _name("daily"), **daily}


KINDS = (
    Kind(
        "sandbox",
        "/data/foundation/sandbox-management/sandboxes",
        lambda _: {"name": f"s{new_uuid()}", "title": "Of a test", "type": "development"},
        id_of=lambda made: str(made["name"]),
        listed=lambda answer: [found["name"] for found in answer["sandboxes"]],
        change=lambda _: Change("PATCH", {"title": "renamed"}, {"title": "renamed"}),
        kept=("name", "title", "type"),
        of_organisation=True,
    ),
    _registered("schemas", _schema),
    _registered("fieldgroups", _field_group, "meta:intendedToExtend"),
    _registered("classes", _class),
    _registered("datatypes", _data_type),
    Kind(
        "descriptors",
        f"{SCHEMAS}/descriptors",
        _identity,
        id_of=lambda made: str(made["@id"]),
        listed=lambda answer: [found["@id"] for found in answer["results"]],
        change=lambda found: Change(
            "PUT", {**found, "xdm:namespace": "Email"}, {"xdm:namespace": "Email", "@id": found["@id"]}
        ),
        kept=("@type", "xdm:sourceSchema", "xdm:sourceProperty", "xdm:namespace", "xdm:isPrimary"),
    ),
    Kind(
        "dataset",
        f"{CATALOG}/dataSets",
        _dataset,
        id_of=lambda made: str(made[0].rpartition("/")[2]),
        one=lambda answer, id: answer[id],
        listed=lambda answer: list(answer),
        change=_replaced("name", "renamed"),
        kept=("name", "description", "enableErrorDiagnostics", "somethingElse"),
    ),
    Kind(
        "namespace",
        "/data/core/idnamespace/identities",
        lambda _: {"code": f"N{new_uuid()}", "name": _name("namespace"), "idType": "CROSS_DEVICE", "description": "x"},
        listed=lambda answer: [str(found["id"]) for found in answer],
        deletes=False,
        kept=("code", "name", "idType", "description"),
    ),
    Kind(
        "connection",
        f"{FLOW}/connections",
        _connection,
        one=_items,
        listed=_ids("items"),
        change=_replaced("name", "renamed"),
        needs_etag=True,
    ),
    Kind(
        "source connection",
        f"{FLOW}/sourceConnections",
        _source,
        one=_items,
        listed=_ids("items"),
        change=_replaced("name", "renamed"),
        needs_etag=True,
        kept=("name", "params"),
    ),
    Kind(
        "target connection",
        f"{FLOW}/targetConnections",
        _target,
        one=_items,
        listed=_ids("items"),
        change=_replaced("name", "renamed"),
        needs_etag=True,
        kept=("name", "params"),
    ),
    Kind(
        "flow",
        f"{FLOW}/flows",
        _flow,
        one=_items,
        listed=_ids("items"),
        change=_replaced("name", "renamed"),
        needs_etag=True,
        kept=("name", "scheduleParams", "sourceConnectionIds"),
    ),
    Kind(
        "mapping set",
        f"{PREP}/mappingSets",
        _mapping_set,
        listed=_ids("data"),
        change=lambda found: Change(
            "PUT", {"outputSchema": found["outputSchema"], "mappings": found["mappings"], "name": "new"}, {"version": 1}
        ),
        kept=("outputSchema", "mappings"),
    ),
    Kind(
        "query template",
        f"{QUERY}/query-templates",
        _template,
        listed=_ids("templates"),
        change=lambda found: Change("PUT", {"name": found["name"], "sql": "SELECT 2"}, {"sql": "SELECT 2"}),
        kept=("name", "sql"),
    ),
    Kind(
        "query schedule",
        f"{QUERY}/schedules",
        _scheduled,
        listed=_ids("schedules"),
        change=lambda _: Change(
            "PATCH", {"body": [{"op": "replace", "path": "/state", "value": "disable"}]}, {"state": "DISABLED"}
        ),
        kept=("query",),
    ),
    Kind(
        "segment definition",
        f"{UPS}/segment/definitions",
        _segment,
        listed=_ids("segments"),
        change=lambda _: Change("PATCH", {"name": "renamed"}, {"name": "renamed"}),
        kept=("name", "expression", "ttlInDays"),
    ),
    Kind(
        "segment schedule",
        f"{UPS}/config/schedules",
        _segment_schedule,
        listed=_ids("children"),
        change=_replaced("state", "active"),
        kept=("name", "type", "properties", "schedule"),
    ),
)
