"""PostgreSQL's built-in types, and those of our columns (SQL contract, sections 1.7 and 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from limbeck.xdm.types import Scalar, ScalarName

_TEXT = """
bool 16 1000 1 t B c boolean
bytea 17 1001 -1 f U i bytea
char 18 1002 1 t Z c "char"
name 19 1003 64 f S c name
int8 20 1016 8 t N d bigint
int2 21 1005 2 t N s smallint
int2vector 22 1006 -1 f A i int2vector
int4 23 1007 4 t N i integer
regproc 24 1008 4 t N i regproc
text 25 1009 -1 f S i text
oid 26 1028 4 t N i oid
xid 28 1011 4 t U i xid
oidvector 30 1013 -1 f A i oidvector
json 114 199 -1 f U i json
pg_node_tree 194 0 -1 f Z i pg_node_tree
float4 700 1021 4 t N i real
float8 701 1022 8 t N d double precision
unknown 705 0 -2 f X c unknown
inet 869 1041 -1 f I i inet
aclitem 1033 1034 12 f U i aclitem
bpchar 1042 1014 -1 f S i character
varchar 1043 1015 -1 f S i character varying
date 1082 1182 4 t D i date
time 1083 1183 8 t D d time without time zone
timestamp 1114 1115 8 t D d timestamp
timestamptz 1184 1185 8 t D d timestamp with time zone
interval 1186 1187 16 f T d interval
numeric 1700 1231 -1 f N i numeric
regclass 2205 2210 4 t N i regclass
regtype 2206 2211 4 t N i regtype
record 2249 2287 -1 f P d record
void 2278 0 4 t P i void
uuid 2950 2951 16 f U c uuid
pg_lsn 3220 3221 8 t U d pg_lsn
jsonb 3802 3807 -1 f U i jsonb
"""
"""Name, OID and OID of the array, bytes, passed by value, category, alignment, and the name in SQL."""

_PREFERRED = frozenset({"bool", "text", "oid", "float8", "inet", "timestamptz", "interval"})
_PSEUDO = frozenset({"unknown", "record", "void"})


@dataclass(frozen=True, slots=True)
class Builtin:
    """A type that PostgreSQL is born with."""

    name: str
    oid: int
    array: int
    """OID of the type of its arrays; 0 for none."""
    length: int
    by_value: bool
    category: str
    alignment: str
    sql: str
    """What `format_type` calls it."""

    @property
    def preferred(self) -> bool:
        """Whether it is the one of its category that literals become."""
        return self.name in _PREFERRED

    @property
    def kind(self) -> str:
        """`b` for a base type, `p` for a pseudo-type."""
        return "p" if self.name in _PSEUDO else "b"


def _builtin(line: str) -> Builtin:
    name, oid, array, length, by_value, category, alignment, sql = line.split(" ", 7)
    return Builtin(name, int(oid), int(array), int(length), by_value == "t", category, alignment, sql)


BUILTINS = {b.name: b for b in map(_builtin, _TEXT.strip().splitlines())}

_SCALARS: dict[ScalarName, str] = {
    "string": "text",
    "boolean": "bool",
    "byte": "int2",
    "short": "int2",
    "int": "int4",
    "long": "int8",
    "number": "float8",
    "date": "date",
    "date-time": "timestamp",
}

_ARROW: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "oid": pa.uint32(),
    "xid": pa.uint32(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "timestamptz": pa.timestamp("ms"),
    "int2vector": pa.list_(pa.int16()),
    "oidvector": pa.list_(pa.uint32()),
}


def of_scalar(kind: Scalar) -> Builtin:
    """Return the type of a column that holds plain values."""
    return BUILTINS[_SCALARS[kind.name]]


def arrow(name: str) -> pa.DataType:
    """Return how the catalogue itself holds values of a type, `name` or `name[]`; what has no own way is a string.

    OIDs are unsigned integers of 32 bits: by that they are known when they leave.
    """
    if name.endswith("[]"):
        return pa.list_(arrow(name[:-2]))
    return _ARROW.get(name, pa.string())


def oid(name: str) -> int:
    """Return the OID of a built-in type, `name` or `name[]`."""
    return BUILTINS[name[:-2]].array if name.endswith("[]") else BUILTINS[name].oid


def named(name: str) -> Builtin | None:
    """Return the built-in type with this name in SQL or in the catalogue, or None."""
    wanted = name.strip().removeprefix("pg_catalog.").strip('"').lower()
    return next((b for b in BUILTINS.values() if wanted in (b.name, b.sql.strip('"'))), None)


OID_PARAMETER = Scalar("long", format="oid")
"""The type of a parameter that is an OID: drivers have to be told so, or they would look for arrays of other types."""

ON_THE_WIRE: dict[pa.DataType, int] = {
    pa.uint32(): BUILTINS["oid"].oid,
    pa.list_(pa.string()): BUILTINS["text"].array,
    pa.list_(pa.int16()): BUILTINS["int2"].array,
    pa.list_(pa.int32()): BUILTINS["int4"].array,
    pa.list_(pa.int64()): BUILTINS["int8"].array,
    pa.list_(pa.uint32()): BUILTINS["oid"].array,
    pa.list_(pa.bool_()): BUILTINS["bool"].array,
}
"""The types that columns of an answer have for clients, where that is not what any other result would have."""
