"""Casting the rows of a query to the columns of a dataset (SQL contract, section 2.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from limbeck.engine.sql import quoted, type_of
from limbeck.errors import DatatypeMismatch, SqlError
from limbeck.xdm.arrow import arrow_type
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, Type


def fitted(sql: str, have: Object, want: Object) -> str:
    """Return *sql*, which gives columns of type *have*, as a query with exactly the columns of *want*.

    Columns and fields meet by name, whatever the case; those that are missing are NULL. Raise `SqlError` for a
    column that *want* does not have, `DatatypeMismatch` where a value cannot become what is wanted.
    """
    columns = [
        f"{_missing(field) if mine is None else _fitted(f'_r.{quoted(mine.name)}', mine.type, field.type, field.name)}"
        f" AS {quoted(field.name)}"
        for field, mine in _pairs(have, want, "")
    ]
    return f"SELECT {', '.join(columns)} FROM ({sql}\n) AS _r"


def _pairs(have: Object, want: Object, path: str) -> Iterator[tuple[Field, Field | None]]:
    mine = {f.name.lower(): f for f in have.fields}
    unknown = mine.keys() - {f.name.lower() for f in want.fields}
    if unknown:
        names = ", ".join(f'"{path}{mine[name].name}"' for name in sorted(unknown))
        raise SqlError(f"Error validating schema: it has no field {names}")
    for field in want.fields:
        yield field, mine.get(field.name.lower())


def _missing(field: Field) -> str:
    return f"CAST(NULL AS {_spelled(field.type)})"


def _spelled(t: Type) -> str:
    return type_of(arrow_type(t))


def _fitted(value: str, have: Type, want: Type, path: str) -> str:
    if have == want or (isinstance(have, Scalar) and isinstance(want, Scalar)):
        return f"CAST({value} AS {_spelled(want)})"
    if isinstance(have, Object) and isinstance(want, Object):
        return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({_fields(value, have, want, path)}) END"
    if isinstance(have, Array) and isinstance(want, Array):
        item = f'"_i{path.count("[]")}"'
        return f"list_transform({value}, LAMBDA {item} : {_fitted(item, have.items, want.items, f'{path}[]')})"
    if isinstance(have, Map) and isinstance(want, Map):
        item = f'"_m{path.count("{}")}"'
        fitted_value = _fitted(f"{item}.value", have.values, want.values, f"{path}{{}}")
        entries = (
            f"list_transform(map_entries({value}), LAMBDA {item} : struct_pack(k := {item}.key, v := {fitted_value}))"
        )
        return f"CASE WHEN {value} IS NOT NULL THEN map_from_entries({entries}) END"
    if isinstance(have, Scalar) and have.name == "string" and not isinstance(want, Scalar):
        raise DatatypeMismatch(f'column "{path}" is a string and cannot become {_spelled(want)}')
    raise DatatypeMismatch(f'column "{path}" is {_spelled(have)} and cannot become {_spelled(want)}')


def _fields(value: str, have: Object, want: Object, path: str) -> str:
    def made() -> Iterable[str]:
        for field, mine in _pairs(have, want, f"{path}."):
            inner = f"{path}.{field.name}"
            text = (
                _missing(field)
                if mine is None
                else _fitted(f"{value}.{quoted(mine.name)}", mine.type, field.type, inner)
            )
            yield f"{quoted(field.name)} := {text}"

    return ", ".join(made())
