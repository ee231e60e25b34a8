"""Which identities a row carries, as SQL over the columns of its dataset (profile contract, sections 1.4, 1.5, 2.2)."""

from __future__ import annotations

from collections.abc import Sequence

from limbeck.engine.sql import literal, quoted
from limbeck.identity.namespaces import ECID_DIGITS, GARBAGE, LONGEST, STANDARD, Identity, spelled
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, Schema

MOST_IDENTITIES = 20
"""A row with more is left out."""

NOTHING = "NULL::STRUCT(namespace VARCHAR, value VARCHAR)"


def primary(schema: Schema) -> str:
    """Return the SQL of a row's primary identity, as a structure of `namespace` and `value`; NULL if it has none.

    The schema's primary identity wins over one that the row's `identityMap` calls primary.
    """
    found = next((i for i in schema.identities if i.primary), None)
    if found is not None:
        own = _meaning(pair(literal(spelled(found.namespace)), _field(found.path)))
        return f"CASE WHEN NOT {_impossible(f'({own}).namespace', f'({own}).value')} THEN {own} END"
    if not _has_map(schema):
        return NOTHING
    impossible = _impossible("i.namespace", "i.value")
    return f"list_filter({_in_map(schema, primary_only=True)}, lambda i: i IS NOT NULL AND NOT {impossible})[1]"


def maybe(schema: Schema, identities: Sequence[Identity]) -> str:
    """Return SQL that is true of each row whose primary identity is one of *identities*, and quick to ask of all."""
    found = next((i for i in schema.identities if i.primary), None)
    if found is None:
        return "true"
    return f"{_field(found.path)} IN ({', '.join(sorted({literal(i.value) for i in identities}))})"


def every(schema: Schema) -> str:
    """Return the SQL of the list of a row's distinct identities: fields with a descriptor, and its `identityMap`."""
    described = [i for i in schema.identities if i.path != "identityMap"]
    fields = ", ".join(_meaning(pair(literal(spelled(i.namespace)), _field(i.path))) for i in described)
    lists = [f"[{fields}]"] if fields else []
    lists += [_in_map(schema)] if _has_map(schema) else []
    if not lists:
        return f"[]::{NOTHING.removeprefix('NULL::')}[]"
    together = f"list_concat({', '.join(lists)})" if len(lists) > 1 else lists[0]
    return f"list_distinct(list_filter({together}, lambda i: i IS NOT NULL))"


def pair(namespace: str, value: str) -> str:
    """Return the SQL of an identity."""
    return f"struct_pack(namespace := {namespace}, value := {value})"


def key(identity: str) -> str:
    """Return the SQL of the text that stands for *identity* alone: `Identity.key`."""
    namespace = f"replace(replace({identity}.namespace, '%', '%25'), ':', '%3A')"
    return f"{namespace} || ':' || {identity}.value"


def linking(identities: str) -> str:
    """Return the SQL that is true where the list *identities* links somebody: two or more, all of them possible."""
    impossible = f"len(list_filter({identities}, lambda i: {_impossible('i.namespace', 'i.value')})) > 0"
    return f"len({identities}) BETWEEN 2 AND {MOST_IDENTITIES} AND NOT {impossible}"


def outside(identities: str, namespaces: Sequence[str]) -> str:
    """Return the SQL of the list *identities* without those of some namespaces."""
    if not namespaces:
        return identities
    return f"list_filter({identities}, lambda i: i.namespace NOT IN ({', '.join(map(literal, namespaces))}))"


def _meaning(identity: str) -> str:
    """Return the SQL of *identity*, NULL where its value stands for nobody."""
    value = f"({identity}).value"
    garbage = f"lower({value}) IN ({', '.join(map(literal, GARBAGE))})"
    nobody = f"{value} IS NULL OR regexp_full_match({value}, '\\s*|0+') OR {garbage}"
    return f"CASE WHEN {nobody} THEN {NOTHING} ELSE {identity} END"


def _impossible(namespace: str, value: str) -> str:
    no_ecid = f"{namespace} = 'ECID' AND NOT regexp_full_match({value}, '[0-9]{{{ECID_DIGITS}}}')"
    return f"(length({value}) > {LONGEST} OR ({no_ecid}))"


def _in_map(schema: Schema, *, primary_only: bool = False) -> str:
    known = " ".join(f"WHEN {literal(code.lower())} THEN {literal(code)}" for code in STANDARD)
    code = f"CASE lower(e.key) {known} ELSE upper(e.key) END"
    items = 'list_filter(e.value, lambda i: i."primary")' if primary_only else "e.value"
    one = _meaning(pair(code, "i.id"))
    each = f"list_transform({items}, lambda i: {one})"
    return f'coalesce(flatten(list_transform(map_entries("identityMap"), lambda e: {each})), [])'


def _has_map(schema: Schema) -> bool:
    """Whether rows have an `identityMap`; ad-hoc schemas may have a field of that name that is something else."""
    match schema.type.get("identityMap"):
        case Field(type=Map(values=Array(items=Object() as entry))):
            id_, primary_ = entry.get("id"), entry.get("primary")
            return id_ is not None and id_.type == Scalar("string") and primary_ is not None
        case _:
            return False


def _field(path: str) -> str:
    return ".".join(map(quoted, path.split(".")))
