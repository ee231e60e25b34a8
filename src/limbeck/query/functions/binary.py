"""Bytes, codes and hashes (SQL contract, section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.casts import blob, text
from limbeck.query.dialect import position
from limbeck.query.functions.model import ANY, Function, one, template
from limbeck.query.types import BINARY, INT, LONG, STRING, is_integer, scalar_name, type_of, typed
from limbeck.xdm.types import Array, Object, Type

_UTF8 = ("UTF-8", "UTF8")
_SEED = "CAST(42 AS INTEGER)"
_HASHED: dict[str | None, tuple[str, str]] = {
    "string": ("spark_hash_blob", "encode({1})"),
    "number": ("spark_hash_double", "CAST({1} AS DOUBLE)"),
    "long": ("spark_hash_bigint", "CAST({1} AS BIGINT)"),
    "date-time": ("spark_hash_bigint", "epoch_us({1})"),
    "date": ("spark_hash_integer", "CAST(date_diff('day', DATE '1970-01-01', {1}) AS INTEGER)"),
}
_HASHED_INT = ("spark_hash_integer", "CAST({1} AS INTEGER)")


def _hash(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """MurmurHash3 with seed 42; the hash of each value is the seed of the next."""
    return reduce(_hashed, arguments, template(_SEED))


def _hashed(seed: exp.Expr, value: exp.Expr) -> exp.Expr:
    kind = type_of(value)
    if isinstance(kind, Object):
        fields = [
            typed(template("struct_extract({0}, {1})", value, exp.Literal.string(f.name)), f.type) for f in kind.fields
        ]
        return reduce(_hashed, fields, seed)
    if isinstance(kind, Array):
        item = typed(template("_h"), kind.items)
        body = _hashed(template("_seed"), item)
        return template(
            "list_reduce(list_transform({1}, LAMBDA _h : _h), LAMBDA _seed, _h : {2}, {0})", seed, value, body
        )
    if isinstance(value, exp.Null):
        return seed
    if kind is None or not (scalar_name(kind) or kind == BINARY):
        raise FeatureNotSupported("hash is served for scalars and structs of them", position=position(value))
    native, spelled = ("spark_hash_blob", "{1}") if kind == BINARY else _HASHED.get(scalar_name(kind), _HASHED_INT)
    return template(f"{native}({spelled}, {{0}})", seed, value)


def _hex(arguments: Sequence[exp.Expr]) -> exp.Expr:
    if is_integer(type_of(arguments[0])):
        return template("to_hex(CAST({0} AS BIGINT))", arguments[0])
    if scalar_name(type_of(arguments[0])) == "number":
        return template("to_hex(TRY_CAST(trunc({0}) AS BIGINT))", arguments[0])
    return template("hex({0})", blob(arguments[0]))


def _encode(arguments: Sequence[exp.Expr]) -> exp.Expr:
    value, charset = text(arguments[0]), arguments[1]
    if isinstance(charset, exp.Literal) and charset.name.upper() in _UTF8:
        return template("encode({0})", value)
    return template("spark_encode({0}, {1})", value, charset)


def _decode(arguments: Sequence[exp.Expr]) -> exp.Expr:
    """With a charset, the text of bytes; else the first result whose value matches, where NULL matches NULL."""
    if len(arguments) == 2:
        return template("spark_decode({0}, {1})", blob(arguments[0]), arguments[1])
    pairs = range(1, len(arguments) - 1, 2)
    cases = " ".join(f"WHEN {{0}} IS NOT DISTINCT FROM {{{n}}} THEN {{{n + 1}}}" for n in pairs)
    default = f"ELSE {{{len(arguments) - 1}}} " if len(arguments) % 2 == 0 else ""
    return template(f"CASE {cases} {default}END", *arguments)


def _decoded(types: Sequence[Type | None]) -> Type | None:
    return STRING if len(types) == 2 else types[2]


_UNHEX = "CASE WHEN regexp_full_match({0}, '[0-9A-Fa-f]*') THEN unhex(repeat('0', length({0}) % 2) || {0}) END"
_SHA1 = one("sha1({0})", STRING, "b")

FUNCTIONS = {
    "hash": Function({ANY: ""}, INT, build=_hash),
    "md5": one("md5({0})", STRING, "b"),
    "sha": _SHA1,
    "sha1": _SHA1,
    "sha2": one("spark_sha2({0}, {1})", STRING, "b-", 2),
    "crc32": one("spark_crc32({0})", LONG, "b"),
    "base64": one("to_base64({0})", STRING, "b"),
    "unbase64": one("from_base64({0})", BINARY, "s"),
    "hex": Function({1: ""}, STRING, build=_hex),
    "unhex": one(_UNHEX, BINARY, "s"),
    "bin": one("bin(CAST({0} AS BIGINT))", STRING, "n"),
    "encode": Function({2: ""}, BINARY, build=_encode),
    "decode": Function(dict.fromkeys(range(2, 65), ""), _decoded, build=_decode),
    "octet_length": one("CAST(octet_length({0}) AS INTEGER)", INT, "b"),
    "bit_length": one("CAST(bit_length({0}) AS INTEGER)", INT, "s"),
}
