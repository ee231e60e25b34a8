"""Identity namespaces and field groups (SQL contract, sections 1.7 and 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from limbeck.errors import FeatureNotSupported, NameTaken, NotFound, SqlSyntaxError
from limbeck.query.declared import Declared, listed, shape
from limbeck.query.result import Result, text_columns
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.words import Words
from limbeck.xdm import standard
from limbeck.xdm.json_schema import emit
from limbeck.xdm.types import Field, Object

FIELD_GROUP_ID = "fieldgroupId"


@dataclass(frozen=True, slots=True)
class CreateNamespace:
    """CREATE NAMESPACE [IF NOT EXISTS] name WITH (code = '…', TYPE = '…')."""

    name: str
    code: str
    type: str
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class ShowNamespaces:
    """SHOW NAMESPACES."""


@dataclass(frozen=True, slots=True)
class CreateFieldGroup:
    """CREATE FIELDGROUP name [IF NOT EXISTS] (columns) WITH (LABEL = 'PROFILE')."""

    title: str
    columns: tuple[Declared, ...]
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class DropFieldGroup:
    """DROP FIELDGROUP [IF EXISTS] id."""

    id: str
    if_exists: bool


@dataclass(frozen=True, slots=True)
class ShowFieldGroups:
    """SHOW FIELDGROUPS."""


def _create(words: Words) -> Any:
    words.expect("CREATE")
    if words.take("NAMESPACE"):
        if_not_exists = words.take("IF", "NOT", "EXISTS")
        name = _title(words)
        words.expect("WITH")
        given = _options(words)
        if given.keys() != {"CODE", "TYPE"}:
            raise SqlSyntaxError("CREATE NAMESPACE name WITH (code = '…', TYPE = '…') needs both of these")
        return CreateNamespace(name, given["CODE"], given["TYPE"], if_not_exists)
    if words.take("FIELDGROUP"):
        if_not_exists = words.take("IF", "NOT", "EXISTS")
        title = _title(words)
        if_not_exists = words.take("IF", "NOT", "EXISTS") or if_not_exists
        columns = listed(words)
        given = _options(words) if words.take("WITH") else {}
        if {key: value.upper() for key, value in given.items()} != {"LABEL": "PROFILE"}:
            raise SqlSyntaxError("CREATE FIELDGROUP needs WITH (LABEL = 'PROFILE')")
        return CreateFieldGroup(title, columns, if_not_exists)
    return None


def _title(words: Words) -> str:
    """A name, or a text in quotes."""
    return words.string() if words.peek().startswith("'") else words.spelled()


def _options(words: Words) -> dict[str, str]:
    words.expect("(")
    found: dict[str, str] = {}
    while True:
        key = words.name().upper()
        words.expect("=")
        token = words.next()
        found[key] = token.text if token.kind == "word" else token.value
        if not words.take(","):
            words.expect(")")
            words.end()
            return found


def _drop(words: Words) -> Any:
    if not words.take("DROP", "FIELDGROUP"):
        return None
    if_exists = words.take("IF", "EXISTS")
    text, _ = words.rest()
    return DropFieldGroup(text.strip().strip("'\"`"), if_exists)


def _show(words: Words) -> Any:
    words.expect("SHOW")
    what = words.one_of("NAMESPACES", "FIELDGROUPS")
    if not what:
        return None
    words.end()
    return ShowNamespaces() if what == "NAMESPACES" else ShowFieldGroups()


def _run_create_namespace(statement: Statement) -> Result:
    command: CreateNamespace = statement.command
    try:
        statement.registry.namespaces.create(
            statement.sandbox, command.code, command.name, command.type, created_by=statement.author
        )
    except NameTaken:
        if not command.if_not_exists:
            raise
    return Result.nothing()


_NAMESPACES = pa.schema([("name", pa.string()), ("code", pa.string()), ("type", pa.string()), ("id", pa.int64())])


def _run_show_namespaces(statement: Statement) -> Result:
    found = statement.registry.namespaces.all(statement.sandbox)
    rows = [{"name": n.name, "code": n.code, "type": n.type, "id": n.id} for n in found]
    return Result(_NAMESPACES, pa.Table.from_pylist(rows, schema=_NAMESPACES).to_batches())


def _run_create_field_group(statement: Statement) -> Result:
    """Make a field group for profiles and events, whose fields lie in the tenant's own object; return its `$id`."""
    command: CreateFieldGroup = statement.command
    for known in statement.registry.list(statement.sandbox, "fieldgroups"):
        if str(known["title"]).lower() == command.title.lower():
            if command.if_not_exists:
                return _made(str(known["$id"]))
            raise NameTaken(f'field group "{command.title}" exists already')
    tenant = f"_{statement.sandbox.tenant}"
    fields = Object((Field(tenant, shape(command.columns)),))
    body = {
        "title": command.title,
        "meta:intendedToExtend": [standard.PROFILE, standard.EXPERIENCE_EVENT],
        "definitions": {"fields": {"properties": emit(fields)["properties"]}},
        "allOf": [{"$ref": "#/definitions/fields"}],
    }
    identities = [_identity(tenant, column) for column in command.columns if column.role]
    if identities:
        body["meta:identities"] = identities
    made = statement.registry.create(statement.sandbox, "fieldgroups", body, created_by=statement.author)
    return _made(str(made["$id"]))


def _identity(tenant: str, column: Declared) -> dict[str, Any]:
    """What a column is to the profiles whose schema takes the group; descriptors belong to schemas."""
    if column.role == "primary key" or not column.namespace:
        raise FeatureNotSupported(f"\"{column.name}\": fields of groups take [PRIMARY] IDENTITY NAMESPACE '…'")
    primary = column.role == "primary identity"
    return {"property": f"/{tenant}/{column.name}", "namespace": column.namespace, "primary": primary}


def _made(field_group_id: str) -> Result:
    return Result.texts((FIELD_GROUP_ID,), [(field_group_id,)])


def _run_drop_field_group(statement: Statement) -> Result:
    command: DropFieldGroup = statement.command
    try:
        statement.registry.delete(statement.sandbox, "fieldgroups", command.id)
    except NotFound:
        if not command.if_exists:
            raise
    return Result.nothing()


_GROUPS = ("name", FIELD_GROUP_ID, "owner")


def _run_show_field_groups(statement: Statement) -> Result:
    found = statement.registry.list(statement.sandbox, "fieldgroups")
    rows = [(str(g["title"]), str(g["$id"]), str(g["meta:registryMetadata"]["xdm:createdClientId"])) for g in found]
    return Result.texts(_GROUPS, rows)


PARSERS: dict[str, Parser] = {"CREATE": _create, "DROP": _drop, "SHOW": _show}

KINDS: dict[type, Kind] = {
    CreateNamespace: Kind(_run_create_namespace, "CREATE NAMESPACE", writes=True),
    ShowNamespaces: Kind(_run_show_namespaces, "SHOW", columns=lambda _: _NAMESPACES),
    CreateFieldGroup: Kind(
        _run_create_field_group, "CREATE FIELDGROUP", writes=True, columns=lambda _: text_columns((FIELD_GROUP_ID,))
    ),
    DropFieldGroup: Kind(_run_drop_field_group, "DROP FIELDGROUP", writes=True),
    ShowFieldGroups: Kind(_run_show_field_groups, "SHOW", columns=lambda _: text_columns(_GROUPS)),
}
