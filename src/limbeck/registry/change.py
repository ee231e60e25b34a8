"""Which changes of a resource its schemas allow (profile contract, sections 1.1 and 1.6)."""

from __future__ import annotations

from sqlalchemy import select

from limbeck.errors import InvalidSchema
from limbeck.registry.catalogue import KINDS, Catalogue, Entry
from limbeck.registry.compose import composition, fields_of, known_fields, resolved
from limbeck.registry.evolution import breaking_changes
from limbeck.registry.resolve import Body, Node, merged, resolve
from limbeck.store import tables
from limbeck.xdm import standard


def in_profile(schema: Node) -> bool:
    """Tell whether a schema takes part in the union schema of its class."""
    return "union" in schema.get("meta:immutableTags", ())


def check_change(before: Catalogue, id: str, new: Body) -> None:
    """Raise `InvalidSchema` unless the resource *id* may become *new*.

    Every schema that leads to it must still compose. One that is in Profile or has a dataset may only gain
    fields, and keeps its class; one in Profile stays there and agrees with the others of its class.
    """
    after = Catalogue(before.connection, before.sandbox, replaced={id: new})
    classes = set()
    for schema_id in schemas_leading_to(id, before):
        _check_schema(schema_id, before, after)
        body = after.get("schemas", schema_id).body
        if in_profile(body):
            classes.add(composition(body, after).class_id)
    for class_id in sorted(classes):
        check_union(class_id, after)


def schemas_leading_to(id: str, catalogue: Catalogue) -> list[str]:
    """Return the `$id`s of the tenant's schemas whose references lead to *id*, itself among them."""
    return [schema.id for schema in catalogue.schemas() if schema.id == id or _leads(schema.body, id, catalogue)]


def users(entry: Entry, catalogue: Catalogue) -> list[str]:
    """Return what needs a resource, in words: the datasets of a schema, and what refers to another resource."""
    if entry.kind == "schemas":
        return [f"dataset {dataset}" for dataset in _datasets(entry.id, catalogue)]
    found = []
    for kind in KINDS:
        for other in catalogue.list(kind, hidden=True):
            extends = other.body.get("meta:intendedToExtend", ())
            if other.id != entry.id and (entry.id in extends or _leads(other.body, entry.id, catalogue)):
                found.append(f'{KINDS[kind]} "{other.body["title"]}" ({other.id})')
    return found


def _leads(body: Node, id: str, catalogue: Catalogue) -> bool:
    followed: set[str] = set()

    def lookup(ref: str) -> Node | None:
        found = catalogue.find(ref)
        followed.add(ref if found is None else found.id)
        return None if found is None else found.body

    resolve(body, lookup)
    return id in followed


def _check_schema(id: str, before: Catalogue, after: Catalogue) -> None:
    old, new = before.get("schemas", id).body, after.get("schemas", id).body
    new_class, new_fields = composition(new, after).class_id, fields_of(new, after)
    if not in_profile(old) and not _has_dataset(id, before):
        return
    broken = breaking_changes(known_fields(old, before), new_fields)
    if in_profile(old) and not in_profile(new):
        broken.append("it would leave Profile")
    if composition(old, before).class_id != new_class:
        broken.append(f"its class would become {new_class}")
    if broken:
        raise InvalidSchema(
            f'schema "{old["title"]}" is in use and may only gain optional fields: {"; ".join(broken)}',
            changes=broken,
        )


def _has_dataset(schema_id: str, catalogue: Catalogue) -> bool:
    return bool(_datasets(schema_id, catalogue))


def _datasets(schema_id: str, catalogue: Catalogue) -> list[str]:
    columns = tables.datasets.c
    query = select(columns.id).where(columns.sandbox_id == catalogue.sandbox.id, columns.schema_id == schema_id)
    return list(catalogue.connection.execute(query).scalars())


def check_union(class_id: str, catalogue: Catalogue) -> None:
    """Raise `InvalidSchema`, naming path and types, if schemas of a class in Profile contradict each other.

    Ad-hoc schemas have nothing to do with each other: each belongs to one dataset.
    """
    if class_id != standard.ADHOC:
        union(class_id, catalogue)


def union_schema(class_id: str, catalogue: Catalogue) -> Body:
    """Return the union schema of a class as a resource of its own: `{class}__union`."""
    entry = catalogue.find(class_id)
    title = class_id if entry is None else entry.body["title"]
    id = f"{class_id}__union"
    head = {"$id": id, "meta:altId": standard.alt_id(id), "meta:resourceType": "unions", "version": "1.0"}
    about = {"title": f"{title} (union)", "meta:class": class_id, "meta:containerId": "tenant"}
    fields = union(class_id, catalogue)
    return {**head, **about, "type": "object", **{k: fields[k] for k in ("properties", "required") if k in fields}}


def union(class_id: str, catalogue: Catalogue) -> Body:
    """Return the schemas of a class that are in Profile, merged (profile contract, section 1.6); `{}` if none is."""
    union: Body = {}
    for schema in catalogue.schemas():
        if in_profile(schema.body) and schema.body["meta:class"] == class_id:
            union = merged(union, resolved(schema.body, catalogue))
    return union
