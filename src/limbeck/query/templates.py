"""Saved SQL with parameters: query templates (SQL contract, section 2.9; REST contract, section 7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from limbeck.errors import InvalidInput
from limbeck.query import objects
from limbeck.query.objects import Objects, QueryObject
from limbeck.query.text import expanded
from limbeck.scope import Sandbox
from limbeck.store import etags

KIND = "template"


@dataclass(frozen=True, slots=True)
class Template:
    """A statement, several, or a part of one, under a name."""

    id: str
    etag: str
    name: str
    sql: str
    body: Mapping[str, Any]
    """What the client has sent, as it was sent."""
    version: int
    created_by: str
    changed_by: str
    created: datetime
    updated: datetime


class Templates:
    """The templates of one home. Of several of one name, `#NAME` means the newest."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def create(self, sandbox: Sandbox, body: Mapping[str, Any], author: str) -> Template:
        """Save a template; raise `InvalidInput` without name or SQL."""
        return _template(self._objects.create(sandbox, KIND, _state(body, 1, author), created_by=author))

    def get(self, sandbox: Sandbox, template_id: str) -> Template:
        """Return a template; raise `NotFound` if the sandbox has none such."""
        return _template(self._objects.get(sandbox, KIND, template_id))

    def all(self, sandbox: Sandbox) -> list[Template]:
        """Return the sandbox's templates, oldest first."""
        return [_template(found) for found in self._objects.all(sandbox, KIND)]

    def replace(
        self, sandbox: Sandbox, template_id: str, body: Mapping[str, Any], author: str, etag: str | None = None
    ) -> Template:
        """Replace a template; raise `StaleEtag` if it is not the one with *etag*, and what `create` raises."""
        found = self._objects.get(sandbox, KIND, template_id)
        etags.require(f"query template {template_id}", found.etag, etag)
        return _template(self._objects.change(found, _state(body, found.body["version"] + 1, author)))

    def delete(self, sandbox: Sandbox, template_id: str, etag: str | None = None) -> None:
        """Delete a template; what was made from it stays.

        Raise `NotFound` if the sandbox has none such, `StaleEtag` if it is not the one with *etag*.
        """
        self._objects.remove(self._objects.get(sandbox, KIND, template_id), etag)

    def put_in(self, sandbox: Sandbox, sql: str) -> str:
        """Return *sql* with its `#NAME`s replaced by templates; see `text.expanded`."""
        if "#" not in sql:
            return sql
        return expanded(sql, by_name(self.all(sandbox)).get)


def put_in(connection: Connection, sandbox: Sandbox, sql: str) -> str:
    """Return *sql* with its `#NAME`s replaced by templates as the caller's transaction sees them."""
    if "#" not in sql:
        return sql
    return expanded(sql, by_name([_template(t) for t in objects.every(connection, sandbox, KIND)]).get)


def by_name(templates: list[Template]) -> dict[str, str]:
    """Return the SQL of templates by name; the last of a name counts."""
    return {t.name: t.sql for t in templates}


def _state(body: Mapping[str, Any], version: int, author: str) -> dict[str, Any]:
    for key in ("name", "sql"):
        if not str(body.get(key) or "").strip():
            raise InvalidInput(f"a query template needs {key}")
    return {"sent": dict(body), "sql": str(body["sql"]), "version": version, "changed_by": author}


def _template(found: QueryObject) -> Template:
    body = found.body
    return Template(
        id=found.id,
        etag=found.etag,
        name=str(body["sent"]["name"]),
        sql=body["sql"],
        body=body["sent"],
        version=body["version"],
        created_by=found.created_by,
        changed_by=body["changed_by"],
        created=found.created,
        updated=found.updated,
    )
