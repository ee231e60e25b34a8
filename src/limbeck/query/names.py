"""From a dotted path to a column and its fields."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from limbeck.errors import AmbiguousColumn, SqlError, UndefinedColumn, nearest
from limbeck.query import system
from limbeck.query.dialect import position, template
from limbeck.query.marks import as_alias, at_level
from limbeck.query.scope import Column, Relation, Scope
from limbeck.query.types import type_of, typed
from limbeck.xdm.types import Array, Field, Map, Object

Parts = Sequence[exp.Expr]

_ATOMS = (exp.Column, exp.Dot, exp.Identifier, exp.Paren, exp.Bracket, exp.Anonymous)


def split(node: exp.Expr) -> tuple[exp.Expr, Parts | None]:
    """Return what a chain of dots begins with, and all its parts if that is a name (None if it is not)."""
    behind_it: list[exp.Expr] = []
    while isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
        behind_it.insert(0, node.expression)
        node = node.this
    if isinstance(node, exp.Column):
        return node, [*node.parts, *behind_it]
    if isinstance(node, exp.Identifier):
        return node, [node, *behind_it]
    return node, None


def behind(node: exp.Expr, base: exp.Expr) -> Parts:
    """Return the field names between *base* and the end of the chain *node*."""
    parts: list[exp.Expr] = []
    while node is not base:
        if not isinstance(node, exp.Dot):
            raise UndefinedColumn("a dot is followed by the name of a field", position=position(node))
        parts.insert(0, node.expression)
        node = node.this
    return parts


def resolve(parts: Parts, scope: Scope) -> exp.Expr | None:
    """Return the column or field that *parts* name, looking outwards level by level; None if there is none."""
    first = parts[0].name.lower()
    if first in scope.locals:
        return fields(typed(exp.to_identifier(parts[0].name, quoted=True), scope.locals[first]), parts[1:])
    level: Scope | None = scope
    while level is not None:
        found = _at(level, parts)
        if found is not None:
            return found
        level = level.outer
    return None


def _at(level: Scope, parts: Parts) -> exp.Expr | None:
    first = parts[0].name.lower()
    for relation, rest in level.before(parts):
        if rest and (owned := relation.get(rest[0].name)):
            _check_single(rest[0], [(relation, c) for c in owned])
            return fields(reference(relation, owned[0]), rest[1:])
    alias = level.aliases.get(first)
    if alias is not None and level.aliases_first:
        return fields(_alias(alias, level), parts[1:])
    owners = level.owners(first)
    if owners:
        _check_single(parts[0], owners)
        return fields(_owned(level, *owners[0]), parts[1:])
    return None if alias is None else fields(_alias(alias, level), parts[1:])


def _check_single(part: exp.Expr, owners: Sequence[tuple[Relation, Column]]) -> None:
    if len(owners) > 1:
        places = ", ".join(dict.fromkeys(f'"{relation.alias}"' for relation, _ in owners))
        raise AmbiguousColumn(
            f'"{part.name}" stands for {len(owners)} columns: {places}',
            position=position(part),
            hint="write the relation's alias before it, or give the columns different names",
        )


def _owned(level: Scope, relation: Relation, column: Column) -> exp.Expr:
    return merged(column, level) if column.name.lower() in level.merged else reference(relation, column)


def reference(relation: Relation, column: Column) -> exp.Expr:
    """Return *column* of *relation* as an expression."""
    if column in relation.system:
        if system.needs_batch(column):
            relation.tell_batch()
        return system.expression(column, lambda c: _taken(relation, c))
    return _taken(relation, column)


def _taken(relation: Relation, column: Column) -> exp.Expr:
    name = exp.to_identifier(column.inner or column.name, quoted=True)
    found = exp.Column(this=name, table=exp.to_identifier(relation.alias, quoted=True))
    return typed(at_level(found, relation.level), column.type)


def merged(column: Column, scope: Scope) -> exp.Expr:
    """Return a column that a join merged, and which belongs to no single relation, as an expression."""
    found = exp.Column(this=exp.to_identifier(column.name, quoted=True))
    return typed(at_level(found, scope.level), column.type)


def _alias(column: Column, scope: Scope) -> exp.Expr:
    return as_alias(merged(column, scope))


def fields(base: exp.Expr, parts: Parts) -> exp.Expr:
    """Return the field of *base* that *parts* lead to, in the schema's spelling.

    A field of a list of structs is the list of that field; a name behind a map is a key.
    """
    for part in parts:
        base = _field(base, part)
    return base


def _field(base: exp.Expr, part: exp.Expr) -> exp.Expr:
    kind = type_of(base)
    match kind:
        case Object():
            found = _find(kind, part)
            return typed(exp.Dot(this=atom(base), expression=_quoted(found.name)), found.type)
        case Array(items=Object() as item):
            found = _find(item, part)
            text = 'list_transform({0}, LAMBDA "_e" : "_e".{1})'
            return typed(template(text, base, _quoted(found.name)), Array(found.type))
        case Map():
            return typed(template("{0}[{1}]", atom(base), exp.Literal.string(part.name)), kind.values)
        case None:
            return typed(exp.Dot(this=atom(base), expression=_quoted(part.name)), None)
        case _:
            raise UndefinedColumn(
                f'No such struct field "{part.name}": what stands before the dot is no struct',
                position=position(part),
            )


def _find(kind: Object, part: exp.Expr) -> Field:
    for field in kind.fields:
        if field.name.lower() == part.name.lower():
            return field
    known = [f.name for f in kind.fields]
    raise UndefinedColumn(
        f"No such struct field {part.name} in {', '.join(known)}",
        position=position(part),
        hint=nearest(part.name, known) or None,
    )


def _quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def atom(node: exp.Expr) -> exp.Expr:
    """Return *node* so that a dot or bracket behind it applies to all of it."""
    return node if isinstance(node, _ATOMS) else typed(exp.Paren(this=node), type_of(node))


def undefined(parts: Parts, scope: Scope) -> SqlError:
    """Return the error for a path that names nothing."""
    first = parts[0].name
    for relation, rest in scope.before(parts):
        if not rest:
            continue
        name, known = rest[0].name, [c.name for c in relation.columns]
        return UndefinedColumn(
            f'relation "{relation.alias}" has no column "{name}"',
            position=position(rest[0]),
            hint=nearest(name, known) or None,
        )
    return UndefinedColumn(
        f'column "{first}" does not exist here',
        position=position(parts[0]),
        hint=nearest(first, [*scope.known(), *(r.alias for r in scope.relations if len(parts) > 1)]) or None,
    )
