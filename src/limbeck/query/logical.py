"""Logical databases and schemas: containers that refer to tables and views (SQL contract, sections 2.3 and 2.4).

A container holds references, never the things themselves; a reference to what is gone counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select, union

from limbeck.errors import DependentObjects, NotFound
from limbeck.query import objects
from limbeck.query.objects import Objects, QueryObject
from limbeck.scope import Sandbox
from limbeck.store.tables import datasets, query_objects

DATABASE, SCHEMA = "database", "schema"
"""Kinds of kept objects; a schema is called `database.schema`."""


@dataclass(frozen=True, slots=True)
class Member:
    """A table or a view, by its id."""

    kind: Literal["table", "view"]
    id: str


@dataclass(frozen=True, slots=True)
class LogicalSchema:
    """A schema of a database with what it refers to."""

    database: str
    name: str
    members: tuple[Member, ...]

    @property
    def full_name(self) -> str:
        """`database.schema`."""
        return f"{self.database}.{self.name}"

    def within(self, scope: str) -> bool:
        """Whether it is the schema, or in the database, that *scope* (lower case) names."""
        return scope in (self.full_name.lower(), self.database.lower())


def databases(kept: Objects, sandbox: Sandbox) -> list[str]:
    """Return the names of the sandbox's logical databases."""
    return [found.name for found in kept.all(sandbox, DATABASE)]


def schemas(kept: Objects, sandbox: Sandbox) -> list[LogicalSchema]:
    """Return the sandbox's logical schemas."""
    return [_schema(found) for found in kept.all(sandbox, SCHEMA)]


def find(connection: Connection, sandbox: Sandbox, parts: Sequence[str]) -> QueryObject:
    """Return the schema `database.schema`; raise `NotFound` if there is none."""
    found = objects.find(connection, sandbox, SCHEMA, ".".join(parts)) if len(parts) == 2 else None
    if found is None:
        raise NotFound(f'schema "{".".join(parts)}" does not exist; CREATE SCHEMA database.schema makes one')
    return found


def add(connection: Connection, sandbox: Sandbox, parts: Sequence[str], member: Member) -> None:
    """Have schema *parts* refer to *member*; once is enough."""
    found = find(connection, sandbox, parts)
    members = _members(found)
    if member not in members:
        objects.change(connection, found, _body((*members, member)))


def remove(connection: Connection, sandbox: Sandbox, parts: Sequence[str], member: Member) -> None:
    """Have schema *parts* no longer refer to *member*; raise `NotFound` if it does not."""
    found = find(connection, sandbox, parts)
    members = _members(found)
    if member not in members:
        raise NotFound(f'schema "{found.name}" does not refer to it')
    objects.change(connection, found, _body([m for m in members if m != member]))


def referring(connection: Connection, sandbox: Sandbox, member: Member) -> list[QueryObject]:
    """Return the schemas that refer to *member*."""
    return [found for found in objects.every(connection, sandbox, SCHEMA) if member in _members(found)]


def forget(connection: Connection, sandbox: Sandbox, member: Member) -> None:
    """Have no schema refer to *member*, which goes."""
    for found in referring(connection, sandbox, member):
        objects.change(connection, found, _body([m for m in _members(found) if m != member]))


def create_schema(connection: Connection, sandbox: Sandbox, database: str, name: str, created_by: str) -> None:
    """Make an empty schema; raise `NotFound` without its database and `NameTaken` if there is one of that name."""
    within = objects.find(connection, sandbox, DATABASE, database)
    if within is None:
        raise NotFound(f'database "{database}" does not exist; CREATE DATABASE makes one')
    objects.create(connection, sandbox, SCHEMA, _body(()), name=f"{within.name}.{name}", created_by=created_by)


def drop_schema(connection: Connection, sandbox: Sandbox, found: QueryObject, *, cascade: bool) -> None:
    """Drop a schema; raise `DependentObjects` if it refers to something that is there, unless *cascade* is set.

    What it refers to stays.
    """
    count = len(_living(connection, sandbox, found))
    if count and not cascade:
        raise DependentObjects(
            f'schema "{found.name}" refers to {count} tables or views',
            hint="DROP SCHEMA … CASCADE drops the references",
        )
    objects.remove(connection, found)


def drop_database(connection: Connection, sandbox: Sandbox, found: QueryObject) -> None:
    """Drop a database with its schemas; raise `DependentObjects` if one refers to something that is there."""
    of_it = [s for s in objects.every(connection, sandbox, SCHEMA) if _schema(s).database == found.name]
    for schema in of_it:
        if _living(connection, sandbox, schema):
            raise DependentObjects(
                f'database "{found.name}" has tables or views in schema "{schema.name}"',
                hint="DROP SCHEMA … CASCADE drops the references first",
            )
        objects.remove(connection, schema)
    objects.remove(connection, found)


def _living(connection: Connection, sandbox: Sandbox, schema: QueryObject) -> list[Member]:
    tables = select(datasets.c.id).where(datasets.c.sandbox_id == sandbox.id)
    views = select(query_objects.c.id).where(query_objects.c.sandbox_id == sandbox.id, query_objects.c.kind == "view")
    there = set(connection.execute(union(tables, views)).scalars())
    return [member for member in _members(schema) if member.id in there]


def _schema(found: QueryObject) -> LogicalSchema:
    database, _, name = found.name.partition(".")
    return LogicalSchema(database, name, _members(found))


def _members(found: QueryObject) -> tuple[Member, ...]:
    return tuple(Member(kind, id) for kind, id in found.body["members"])


def _body(members: Sequence[Member]) -> dict[str, list[list[str]]]:
    return {"members": [[member.kind, member.id] for member in members]}
