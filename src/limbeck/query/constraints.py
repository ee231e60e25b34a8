"""Keys and identities of tables: descriptors of their schemas (SQL contract, section 2.4).

A primary key is `xdm:descriptorPrimaryKey`, a foreign key `xdm:descriptorRelationship`, an identity
`xdm:descriptorIdentity` (profile contract, section 1.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from limbeck.lake import Dataset
from limbeck.registry import Registry
from limbeck.registry.descriptors import IDENTITY, PRIMARY_KEY, RELATIONSHIP
from limbeck.scope import Sandbox

Kind = Literal["primary key", "foreign key", "primary identity", "identity"]

OTHER_DATASET = "limbeck:destinationDataSet"
"""The key under which a foreign key's descriptor names the dataset it refers to: schemas may be shared."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A key or an identity of a table."""

    kind: Kind
    table: str
    columns: tuple[str, ...]
    """Dotted paths."""
    namespace: str = ""
    other: str = ""
    """The table that a foreign key refers to."""
    other_columns: tuple[str, ...] = ()
    descriptor: str = ""
    """The `@id` of what states it."""


def constraints(registry: Registry, sandbox: Sandbox, datasets: Iterable[Dataset]) -> list[Constraint]:
    """Return the constraints of *datasets*, table by table, in the order they were made."""
    stated: dict[str, list[Mapping[str, Any]]] = {}
    for body in registry.descriptors(sandbox):
        stated.setdefault(body["xdm:sourceSchema"], []).append(body)
    known = list(datasets)
    names = {dataset.id: dataset.table for dataset in known}
    return [c for d in known for body in stated.get(d.schema.id, ()) for c in _constraint(d, body, names)]


def descriptor(
    kind: Kind,
    schema_id: str,
    columns: Iterable[str],
    namespace: str = "",
    other: Dataset | None = None,
    other_columns: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the descriptor that states a constraint."""
    paths = [_pointer(column) for column in columns]
    body: dict[str, Any] = {"xdm:sourceSchema": schema_id, "xdm:sourceVersion": 1}
    if namespace:
        body["xdm:namespace"] = namespace
    match kind:
        case "primary key":
            return {"@type": PRIMARY_KEY, **body, "xdm:sourceProperty": paths}
        case "foreign key" if other is not None:
            return {
                "@type": RELATIONSHIP,
                **body,
                "xdm:sourceProperty": paths,
                "xdm:destinationSchema": other.schema.id,
                "xdm:destinationVersion": 1,
                "xdm:destinationProperty": [_pointer(column) for column in other_columns],
                "xdm:cardinality": "M:1",
                OTHER_DATASET: other.id,
            }
        case _:
            primary = kind == "primary identity"
            where = {"xdm:sourceProperty": paths[0], "xdm:property": "xdm:code", "xdm:isPrimary": primary}
            return {"@type": IDENTITY, **body, **where}


def _constraint(dataset: Dataset, body: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Constraint]:
    columns, namespace = _dotted(body.get("xdm:sourceProperty")), str(body.get("xdm:namespace", ""))
    match body["@type"]:
        case "xdm:descriptorPrimaryKey":
            yield Constraint("primary key", dataset.table, columns, namespace, descriptor=body["@id"])
        case "xdm:descriptorIdentity":
            kind: Kind = "primary identity" if body.get("xdm:isPrimary") is True else "identity"
            yield Constraint(kind, dataset.table, columns, namespace, descriptor=body["@id"])
        case "xdm:descriptorRelationship" if body.get(OTHER_DATASET) in names:
            other, other_columns = names[body[OTHER_DATASET]], _dotted(body.get("xdm:destinationProperty"))
            yield Constraint("foreign key", dataset.table, columns, namespace, other, other_columns, body["@id"])


def _pointer(path: str) -> str:
    return "/" + path.replace(".", "/")


def _dotted(paths: object) -> tuple[str, ...]:
    listed = paths if isinstance(paths, list) else [paths]
    return tuple(str(path).removeprefix("/").replace("/", ".") for path in listed if path)
