"""The registry: stored schemas, field groups, classes, data types and descriptors of each sandbox."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, select, update

from limbeck.errors import Conflict, Forbidden, InvalidInput, InvalidSchema, NotFound, nearest
from limbeck.registry import change, descriptors, exchange, history, json_patch, samples
from limbeck.registry.catalogue import KINDS, Catalogue, Entry
from limbeck.registry.compose import BEHAVIOURS, check, check_title, composition, known_fields, refs, resolved
from limbeck.registry.history import Change
from limbeck.registry.kept import KeptSchemas
from limbeck.registry.namespaces import Namespaces
from limbeck.registry.resolve import Body, Node
from limbeck.registry.stamp import restamped, restored, stamped, with_composition
from limbeck.scope import Sandbox
from limbeck.store import Store, etags, tables
from limbeck.xdm import standard
from limbeck.xdm.json_schema import emit, parse_object
from limbeck.xdm.types import Object, Schema

Container = Literal["tenant", "global"]

_ETAG = select(tables.sandboxes.c.registry_etag).where(tables.sandboxes.c.id == bindparam("id"))


class Registry:
    """XDM resources by sandbox: standard ones, which everyone sees, and the tenant's own.

    Kinds are `schemas`, `fieldgroups` (or `mixins`), `classes`, `datatypes`, and to read only, `behaviors`.
    Bodies are AEP's JSON. With *unique_titles*, no two of a kind in a sandbox get the same title.
    """

    def __init__(self, store: Store, *, unique_titles: bool = False) -> None:
        self._store = store
        self._unique_titles = unique_titles
        self._kept = KeptSchemas()
        self.namespaces = Namespaces(store)

    def create(self, sandbox: Sandbox, kind: str, body: Mapping[str, Any], *, created_by: str = "") -> Body:
        """Store a new resource and return it with `$id`, `meta:altId`, version 1.0 and the other added keys.

        Raise `InvalidSchema` for a missing title or class, an unknown reference, a field group that does not
        extend the schema's class, a custom field outside `_{tenant}` and anything that is not XDM, and `TitleTaken`.
        """
        kind = _own_kind(kind)
        with self._changing(sandbox) as catalogue:
            self._check(kind, body, catalogue)
            new = _described(kind, stamped(kind, body, sandbox, created_by), catalogue)
            catalogue.insert(kind, new)
            if change.in_profile(new):
                change.check_union(new["meta:class"], catalogue)
        return new

    def get(self, sandbox: Sandbox, kind: str, key: str) -> Body:
        """Return the resource with `$id` or `meta:altId` *key* as stored; raise `NotFound` if there is none."""
        with self._reading(sandbox) as catalogue:
            return _copied(catalogue.get(_kind(kind), key).body)

    def resolved(self, sandbox: Sandbox, kind: str, key: str) -> Body:
        """Return the resource with all references followed and all fields in one `properties` tree."""
        with self._reading(sandbox) as catalogue:
            return _copied(resolved(catalogue.get(_kind(kind), key).body, catalogue))

    def patch(
        self,
        sandbox: Sandbox,
        kind: str,
        key: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        etag: str | None = None,
        changed_by: str = "",
    ) -> Body:
        """Apply a JSON Patch (add, replace, remove) and return the next version; nothing changes, no version.

        Schemas in Profile or with a dataset may only gain optional fields; adding the tag `union` to
        `/meta:immutableTags` puts a schema into Profile. Raise `InvalidSchema` for a change that breaks a
        schema, `InvalidInput` for a patch that cannot be applied, `StaleEtag` if *etag* is not the stored one
        and `Forbidden` for a standard resource.
        """
        kind = _own_kind(kind)
        with self._changing(sandbox) as catalogue:
            entry = catalogue.get(kind, key)
            _check_writable(entry, etag)
            patched = json_patch.apply(entry.body, operations)
            if patched == entry.body:
                return patched
            self._check(kind, patched, catalogue, entry)
            new = _described(kind, restamped(entry.body, patched, changed_by), catalogue)
            change.check_change(catalogue, entry.id, new)
            catalogue.update(entry, new)
        return new

    def replace(
        self,
        sandbox: Sandbox,
        kind: str,
        key: str,
        body: Mapping[str, Any],
        *,
        etag: str | None = None,
        changed_by: str = "",
    ) -> Body:
        """Put another body in a resource's place, with what the registry has added to it; raise what `patch` raises."""
        old = self.get(sandbox, kind, key)
        new = restored(old, body)
        gone = [{"op": "remove", "path": _pointer(name)} for name in old if name not in new]
        set_ = [{"op": "add", "path": _pointer(name), "value": value} for name, value in new.items()]
        return self.patch(
            sandbox, kind, key, [*gone, *set_], etag=etag or old["meta:registryMetadata"]["eTag"], changed_by=changed_by
        )

    def delete(self, sandbox: Sandbox, kind: str, key: str, etag: str | None = None) -> None:
        """Delete a resource of the tenant, with its descriptors and history.

        Raise `NotFound`, `Forbidden` for a standard one, `StaleEtag` if it is not that with *etag*, and `Conflict`
        while something is made of it, or a schema has a dataset.
        """
        kind = _own_kind(kind)
        with self._changing(sandbox) as catalogue:
            entry = catalogue.get(kind, key)
            _check_writable(entry, etag)
            users = change.users(entry, catalogue)
            if users:
                raise Conflict(f'{KINDS[kind]} "{entry.body["title"]}" is used by {", ".join(users)}')
            catalogue.delete(entry)

    def create_descriptor(
        self, sandbox: Sandbox, body: Mapping[str, Any], *, connection: Connection | None = None
    ) -> Body:
        """Store a descriptor and return it with its `@id`; *connection* is the transaction it is to be part of.

        Raise `InvalidSchema` for an unknown type, source or field, an identity that is not a string, a second
        primary identity and an exact duplicate.
        """
        with self._changing(sandbox, connection) as catalogue:
            return descriptors.create(body, catalogue)

    def descriptors(self, sandbox: Sandbox, schema_id: str | None = None) -> list[Body]:
        """Return the sandbox's descriptors, or those of one schema and the parts it is made of, oldest first."""
        with self._reading(sandbox) as catalogue:
            if schema_id is None:
                return descriptors.stored(catalogue)
            entry = catalogue.get("schemas", schema_id)
            return descriptors.stored(catalogue, [entry.id, *composition(entry.body, catalogue).parts])

    def descriptor(self, sandbox: Sandbox, descriptor_id: str) -> tuple[Body, str]:
        """Return a descriptor and its etag; raise `NotFound` if there is none with this `@id`."""
        with self._reading(sandbox) as catalogue:
            return descriptors.load(descriptor_id, catalogue)

    def replace_descriptor(
        self, sandbox: Sandbox, descriptor_id: str, body: Mapping[str, Any], etag: str | None = None
    ) -> tuple[Body, str]:
        """Put another descriptor in the place of one, under its `@id`; raise `StaleEtag`, and what creating raises."""
        with self._changing(sandbox) as catalogue:
            descriptors.replace(descriptor_id, body, etag, catalogue)
            return descriptors.load(descriptor_id, catalogue)

    def delete_descriptor(self, sandbox: Sandbox, descriptor_id: str, etag: str | None = None) -> None:
        """Delete a descriptor; raise `NotFound` if there is none such, `StaleEtag` if it is not that with *etag*."""
        with self._changing(sandbox) as catalogue:
            descriptors.delete(descriptor_id, etag, catalogue)

    # -- what is made of them ---------------------------------------------------------------------------------------

    def unions(self, sandbox: Sandbox) -> list[Body]:
        """Return the union schemas of the classes that have schemas in Profile, all fields in one tree."""
        with self._reading(sandbox) as catalogue:
            classes = {s.body["meta:class"] for s in catalogue.schemas() if change.in_profile(s.body)}
            found = [change.union_schema(class_id, catalogue) for class_id in sorted(classes - {standard.ADHOC})]
        return [_copied(body) for body in found]

    def sample(self, sandbox: Sandbox, schema_id: str) -> Body:
        """Return a record that fits a schema; raise `InvalidSchema` for one that no record was found for."""
        found = self.schema(sandbox, schema_id)
        record = samples.sample(found.type, found.id)
        if record is None:
            raise InvalidSchema(f'no record was found that fits schema "{found.title}": look at its required fields')
        return record

    def export(self, sandbox: Sandbox, key: str) -> list[Body]:
        """Return a resource of the tenant with all of the tenant's that it is made of, for `import_` elsewhere.

        Raise `NotFound` for what is none.
        """
        with self._reading(sandbox) as catalogue:
            return exchange.gathered(_of_tenant(key, catalogue), catalogue)

    def import_(self, sandbox: Sandbox, bodies: Sequence[Node], *, created_by: str = "") -> list[Body]:
        """Store what `export` gave, under the same `$id`s, all or nothing; what is there already stays.

        Raise `InvalidInput` for what is no resource of this tenant, `NameTaken` for an `$id` with other content, and
        what `create` raises.
        """
        made = []
        with self._changing(sandbox) as catalogue:
            for kind, body in exchange.sorted_in(bodies, catalogue):
                self._check(kind, body, catalogue)
                new = stamped(kind, body, sandbox, created_by, id=str(body["$id"]))
                catalogue.insert(kind, _described(kind, new, catalogue))
                if change.in_profile(new):
                    change.check_union(catalogue.get(kind, new["$id"]).body["meta:class"], catalogue)
                made.append(catalogue.get(kind, new["$id"]))
        return [_copied(entry.body) for entry in made]

    def changes(self, sandbox: Sandbox, key: str) -> list[Change]:
        """Return what happened to a resource of the tenant, newest first; raise `NotFound` for what is none."""
        with self._reading(sandbox) as catalogue:
            entry = _of_tenant(key, catalogue)
            return history.changes(catalogue.connection, sandbox, entry.id)

    def schema(self, sandbox: Sandbox, schema_id: str) -> Schema:
        """Return the schema with `$id` or `meta:altId` *schema_id* resolved, with its identities.

        Raise `NotFound` if there is none.
        """
        return self.schemas(sandbox, [schema_id])[schema_id]

    def schemas(self, sandbox: Sandbox, schema_ids: Iterable[str]) -> dict[str, Schema]:
        """Return several schemas as `schema` does, by the ids they were asked for."""
        with self._reading(sandbox) as catalogue:
            etag = catalogue.connection.execute(_ETAG, {"id": sandbox.id}).scalar() or ""

            def made(key: str) -> Schema:
                return self._kept.get(sandbox.id, key, etag, lambda: _schema(catalogue.get("schemas", key), catalogue))

            return {key: made(key) for key in dict.fromkeys(schema_ids)}

    def is_in_profile(self, sandbox: Sandbox, schema_id: str) -> bool:
        """Whether a schema takes part in the union of its class; raise `NotFound` if there is none such."""
        with self._reading(sandbox) as catalogue:
            return change.in_profile(catalogue.get("schemas", schema_id).body)

    def union(self, sandbox: Sandbox, class_id: str) -> Object:
        """Return all fields that the schemas of a class in Profile have together; without fields if there is none."""
        with self._reading(sandbox) as catalogue:
            found = change.union(class_id, catalogue)
        return parse_object(found) if found else Object(())

    def find(self, sandbox: Sandbox, title: str) -> Schema:
        """Return the schema with this title, resolved; ad-hoc ones are not searched.

        Raise `NotFound` if there is none and `Conflict` if there are several.
        """
        with self._reading(sandbox) as catalogue:
            schemas = catalogue.list("schemas")
            found = [entry for entry in schemas if entry.body["title"] == title]
            if len(found) == 1:
                return _schema(found[0], catalogue)
        if found:
            raise Conflict(
                f'{len(found)} schemas have the title "{title}"; use one\'s $id: {", ".join(e.id for e in found)}'
            )
        hint = nearest(title, [str(entry.body["title"]) for entry in schemas])
        raise NotFound(f'there is no schema with the title "{title}" in sandbox "{sandbox.name}"; {hint}'.rstrip("; "))

    def adhoc_schema(
        self,
        sandbox: Sandbox,
        title: str,
        type: Object,
        *,
        in_profile: bool = False,
        created_by: str = "",
        connection: Connection | None = None,
    ) -> Schema:
        """Store a schema of one dataset's own, made from a query's columns; lists do not show it.

        Without fields it waits for `add_fields`. *connection* is the transaction it is to be part of.
        """
        body = {"title": title, "allOf": [{"$ref": standard.ADHOC}], "properties": emit(type)["properties"]}
        if in_profile:
            body["meta:immutableTags"] = ["union"]
        with self._changing(sandbox, connection) as catalogue:
            new = _described("schemas", stamped("schemas", body, sandbox, created_by), catalogue)
            catalogue.insert("schemas", new, hidden=True)
            return _schema(Entry("schemas", new), catalogue)

    def add_fields(
        self, sandbox: Sandbox, schema_id: str, fields: Object, *, etag: str | None = None, changed_by: str = ""
    ) -> Schema:
        """Give an ad-hoc schema more fields; raise `InvalidSchema` for a schema of another kind.

        With *etag*, raise `StaleEtag` if that is not the stored one.
        """
        if self.get(sandbox, "schemas", schema_id)["meta:class"] != standard.ADHOC:
            raise InvalidSchema("only an ad-hoc schema takes fields; others get them by their field groups")
        added = [
            {"op": "add", "path": f"/properties{_pointer(name)}", "value": node}
            for name, node in emit(fields)["properties"].items()
        ]
        self.patch(sandbox, "schemas", schema_id, added, etag=etag, changed_by=changed_by)
        return self.schema(sandbox, schema_id)

    def list(self, sandbox: Sandbox, kind: str, container: Container = "tenant", *, hidden: bool = False) -> list[Body]:
        """Return the resources of a kind as stored, oldest first; ad-hoc schemas only if *hidden* is set."""
        kind = _kind(kind)
        if container == "global":
            return [_copied(body) for body in standard.resources().get(kind, {}).values()]
        with self._reading(sandbox) as catalogue:
            return [_copied(entry.body) for entry in catalogue.list(kind, hidden=hidden)]

    def _check(self, kind: str, body: Node, catalogue: Catalogue, old: Entry | None = None) -> None:
        check(kind, body, catalogue)
        if self._unique_titles and (old is None or old.body["title"] != body["title"]):
            check_title(kind, body["title"], catalogue)

    @contextmanager
    def _reading(self, sandbox: Sandbox) -> Iterator[Catalogue]:
        with self._store.read() as connection:
            yield Catalogue(connection, sandbox)

    @contextmanager
    def _changing(self, sandbox: Sandbox, within: Connection | None = None) -> Iterator[Catalogue]:
        """Give the catalogue to one writer of the sandbox at a time: its rules span several rows.

        *within* is the caller's own transaction, if it shall be part of one.
        """
        own = update(tables.sandboxes).where(tables.sandboxes.c.id == sandbox.id)
        with self._store.write() if within is None else nullcontext(within) as connection:
            connection.execute(own.values(registry_etag=etags.new()))
            yield Catalogue(connection, sandbox)


def _kind(kind: str) -> str:
    kind = "fieldgroups" if kind == "mixins" else kind
    if kind not in KINDS and kind != "behaviors":
        raise NotFound(f'there is no kind of resource "{kind}"; known are {", ".join(KINDS)} and behaviors')
    return kind


def _own_kind(kind: str) -> str:
    if kind == "behaviors":
        raise InvalidInput("behaviors are given by XDM and cannot be made or changed")
    return _kind(kind)


def _copied(body: Node) -> Body:
    return copy.deepcopy(dict(body))


def _of_tenant(key: str, catalogue: Catalogue) -> Entry:
    found = catalogue.find(key)
    if found is None or found.etag is None:
        raise NotFound(f'the tenant has no resource "{key}" in sandbox "{catalogue.sandbox.name}"')
    return found


def _pointer(name: str) -> str:
    return f"/{name.replace('~', '~0').replace('/', '~1')}"


def _described(kind: str, body: Body, catalogue: Catalogue) -> Body:
    if kind == "classes":
        return {**body, "meta:extends": refs(body)}
    if kind != "schemas":
        return body
    made_of = composition(body, catalogue)
    return with_composition(body, made_of.class_id, made_of.behaviour_id, list(made_of.parts))


def _check_writable(entry: Entry, etag: str | None) -> None:
    if entry.etag is None:
        raise Forbidden(f'"{entry.id}" is a standard resource and cannot be changed')
    etags.require(f'"{entry.id}"', entry.etag, etag)


def _schema(entry: Entry, catalogue: Catalogue) -> Schema:
    made_of = composition(entry.body, catalogue)
    return Schema(
        id=entry.id,
        version=str(entry.body["version"]),
        title=str(entry.body["title"]),
        class_id=made_of.class_id,
        behaviour=BEHAVIOURS[made_of.behaviour_id],
        type=known_fields(entry.body, catalogue),
        identities=descriptors.identities(descriptors.stored(catalogue, [entry.id])),
    )
