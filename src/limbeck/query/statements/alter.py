"""ALTER TABLE: constraints, columns and labels (SQL contract, section 2.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from limbeck.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    InvalidSchema,
    NotFound,
    SqlSyntaxError,
    UndefinedColumn,
    nearest,
)
from limbeck.lake import Dataset
from limbeck.query.constraints import Constraint, constraints, descriptor
from limbeck.query.constraints import Kind as Constrained
from limbeck.query.declared import Declared, column, namespace, shape
from limbeck.query.result import Result
from limbeck.query.statements import target
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.statements.create import PROFILE, UPSERT, put_into_profile
from limbeck.query.words import Words
from limbeck.xdm.types import Field, Map, Object, Scalar

SUCCESS = "ALTER SUCCESS"

IDENTITY_MAP = "identityMap"

_IDENTITIES = ("primary identity", "identity")


@dataclass(frozen=True, slots=True)
class AddConstraint:
    """ALTER TABLE t ADD [CONSTRAINT] kind (columns) …."""

    parts: tuple[str, ...]
    kind: Constrained
    columns: tuple[str, ...]
    namespace: str
    other: tuple[str, ...] = ()
    other_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """ALTER TABLE t DROP CONSTRAINT kind (columns)."""

    parts: tuple[str, ...]
    kind: Constrained
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddColumns:
    """ALTER TABLE t ADD COLUMN name type, …."""

    parts: tuple[str, ...]
    columns: tuple[Declared, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """ALTER TABLE t {ADD | DROP} LABEL {'PROFILE' | 'UPSERT'}."""

    parts: tuple[str, ...]
    add: bool
    value: str
    """Of the tag `unifiedProfile`."""


def _alter(words: Words) -> Any:
    words.expect("ALTER")
    if not words.take("TABLE"):
        return None
    parts = words.path()
    action = words.one_of("ADD", "DROP")
    if not action:
        raise words.unexpected(words.next())
    if words.take("LABEL"):
        return _label(words, parts, action == "ADD")
    if action == "ADD" and words.one_of("COLUMN", "COLUMNS"):
        return _add_columns(words, parts)
    words.take("CONSTRAINT")
    return _add(words, parts) if action == "ADD" else _drop(words, parts)


def _label(words: Words, parts: tuple[str, ...], add: bool) -> Label:
    token = words.next()
    words.end()
    known = {"PROFILE": PROFILE, "UPSERT": UPSERT}
    if token.value.upper() not in known:
        raise SqlSyntaxError(f"{token.text} is no label: there are 'PROFILE' and 'UPSERT'", position=token.start + 1)
    return Label(parts, add, known[token.value.upper()])


def _add_columns(words: Words, parts: tuple[str, ...]) -> AddColumns:
    found = [column(words)]
    while words.take(","):
        found.append(column(words))
    words.end()
    if any(c.role for c in found):
        raise FeatureNotSupported("ADD COLUMN takes columns alone; ADD CONSTRAINT makes one a key or an identity")
    return AddColumns(parts, tuple(found))


def _kind(words: Words) -> Constrained:
    for kind in ("primary key", "foreign key", "primary identity", "identity"):
        if words.take(*kind.upper().split()):
            return kind
    raise words.unexpected(words.next())


def _columns(words: Words) -> tuple[str, ...]:
    return tuple(".".join(path) for path in words.paths())


def _add(words: Words, parts: tuple[str, ...]) -> AddConstraint:
    kind, columns = _kind(words), _columns(words)
    found = AddConstraint(parts, kind, columns, "")
    if kind == "foreign key":
        words.expect("REFERENCES")
        other = words.path()
        found = replace(found, other=other, other_columns=_columns(words))
        if len(found.other_columns) != len(columns):
            raise SqlSyntaxError("a foreign key refers to as many columns as it has")
    space = namespace(words)
    enforced = not words.take("NOT", "ENFORCED")
    words.end()
    if not space and (kind in _IDENTITIES or (kind == "primary key" and enforced)):
        raise SqlSyntaxError(f"{kind.upper()} needs NAMESPACE '…'", position=len(words.sql) + 1)
    if kind in _IDENTITIES and len(columns) != 1:
        raise SqlSyntaxError(f"{kind.upper()} is one column, not {len(columns)}")
    return replace(found, namespace=space)


def _drop(words: Words, parts: tuple[str, ...]) -> DropConstraint:
    kind, columns = _kind(words), _columns(words)
    words.end()
    return DropConstraint(parts, kind, columns)


def _run_add(statement: Statement) -> Result:
    command: AddConstraint = statement.command
    dataset = _own_schema(statement, command.parts)
    found = {path: _field(dataset, path) for path in command.columns}
    known = constraints(statement.registry, statement.sandbox, [dataset])
    _check(command, dataset, known)
    other: Dataset | None = None
    other_paths: tuple[str, ...] = ()
    if command.kind == "foreign key":
        other = target.table(statement, command.other)
        others = {path: _field(other, path) for path in command.other_columns}
        other_paths = tuple(others.values())
        for mine, theirs in zip(found.values(), other_paths, strict=True):
            _check_comparable(dataset, mine, other, theirs)
    space = _spelled(statement, command.namespace)
    body = descriptor(command.kind, dataset.schema.id, found.values(), space, other, other_paths)
    statement.registry.create_descriptor(statement.sandbox, body)
    return Result.nothing()


def _own_schema(statement: Statement, parts: tuple[str, ...]) -> Dataset:
    """Return the dataset of a table whose schema no other table has."""
    dataset = target.table(statement, parts)
    shared = [
        d.table
        for d in statement.lake.datasets.all(statement.sandbox)
        if d.schema.id == dataset.schema.id and d.id != dataset.id and not d.sample_of
    ]
    if shared:
        raise InvalidSchema(f'the schema of table "{dataset.table}" is that of {", ".join(shared)}, too')
    return dataset


def _field(dataset: Dataset, path: str) -> str:
    """Return *path* in the schema's spelling."""
    kind: Any = dataset.schema.type
    spelled: list[str] = []
    for part in path.split("."):
        fields: tuple[Field, ...] = kind.fields if isinstance(kind, Object) else ()
        field = next((f for f in fields if f.name.lower() == part.lower()), None)
        if field is None:
            hint = nearest(part, [f.name for f in fields]) or None
            raise UndefinedColumn(f'table "{dataset.table}" has no column "{path}"', hint=hint)
        spelled.append(field.name)
        kind = field.type
    return ".".join(spelled)


def _check(command: AddConstraint, dataset: Dataset, known: list[Constraint]) -> None:
    top = {f.name.lower(): f for f in dataset.schema.type.fields}
    if command.namespace.lower() in top:
        raise SqlSyntaxError(f'NAMESPACE "{command.namespace}" is the name of a column')
    if command.kind == "primary key" and any(c.kind == "primary key" for c in known):
        raise InvalidSchema(f'table "{dataset.table}" has a primary key already; DROP CONSTRAINT first')
    if command.kind not in _IDENTITIES:
        return
    mapped = top.get(IDENTITY_MAP.lower())
    of_map = command.columns[0].lower() == IDENTITY_MAP.lower()
    labelled = any(c.columns == (IDENTITY_MAP,) for c in known if c.kind in _IDENTITIES)
    if mapped is not None and isinstance(mapped.type, Map) and not (of_map or labelled):
        raise InvalidSchema(
            f'table "{dataset.table}" has an identityMap, which has to be the (primary) identity itself: write '
            f"ADD CONSTRAINT {command.kind.upper()} (identityMap) …"
        )


def _check_comparable(dataset: Dataset, mine: str, other: Dataset, theirs: str) -> None:
    ours, others = dataset.schema.type.find(mine), other.schema.type.find(theirs)
    names = [f.type.name if f is not None and isinstance(f.type, Scalar) else None for f in (ours, others)]
    if None in names or names[0] != names[1]:
        raise DatatypeMismatch(f'"{dataset.table}.{mine}" and "{other.table}.{theirs}" have no common type')


def _spelled(statement: Statement, code: str) -> str:
    """Return a namespace's code as it is registered; a code that is not is taken as it stands."""
    found = statement.registry.namespaces.find(statement.sandbox, code) if code else None
    return code if found is None else found.code


def _run_drop(statement: Statement) -> Result:
    command: DropConstraint = statement.command
    dataset = _own_schema(statement, command.parts)
    wanted = tuple(_field(dataset, path) for path in command.columns)
    every = statement.lake.datasets.all(statement.sandbox)
    for found in constraints(statement.registry, statement.sandbox, every):
        if found.table == dataset.table and (found.kind, found.columns) == (command.kind, wanted):
            statement.registry.delete_descriptor(statement.sandbox, found.descriptor)
            return Result.nothing()
    raise NotFound(f'table "{dataset.table}" has no {command.kind} ({", ".join(command.columns)})')


def _run_columns(statement: Statement) -> Result:
    """Add columns, which are NULL in the rows there are."""
    command: AddColumns = statement.command
    dataset = _own_schema(statement, command.parts)
    there = {f.name.lower() for f in dataset.schema.type.fields}
    for new in command.columns:
        if new.name.lower() in there:
            raise InvalidSchema(f'table "{dataset.table}" has a column "{new.name}" already')
        there.add(new.name.lower())
    statement.registry.add_fields(
        statement.sandbox, dataset.schema.id, shape(command.columns), changed_by=statement.author
    )
    return Result.nothing()


def _run_label(statement: Statement) -> Result:
    """Put a table into Profile or take it out, or have its rows replace those of the same identity."""
    command: Label = statement.command
    dataset = target.table(statement, command.parts)
    if command.add and command.value == PROFILE:
        put_into_profile(statement, dataset.schema.id)
    values = [v for v in dataset.tags.get("unifiedProfile", ()) if v != command.value]
    if command.add:
        values.append(command.value)
    statement.lake.datasets.set_tags(statement.sandbox, dataset.id, {**dataset.tags, "unifiedProfile": values})
    return Result.nothing()


PARSERS: dict[str, Parser] = {"ALTER": _alter}

KINDS: dict[type, Kind] = {
    AddConstraint: Kind(_run_add, SUCCESS, writes=True),
    DropConstraint: Kind(_run_drop, SUCCESS, writes=True),
    AddColumns: Kind(_run_columns, SUCCESS, writes=True),
    Label: Kind(_run_label, SUCCESS, writes=True),
}
