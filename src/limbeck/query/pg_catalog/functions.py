"""PostgreSQL's functions that queries to the catalogue call, in the engine's words.

`{0}`, `{1}` … stand for the arguments, `{*}` for all; relations named `limbeck.…` are those of `lookups`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from limbeck.query.pg_catalog.shapes import INFORMATION_SCHEMA_OIDS as HIDDEN

Forms = Mapping[int, str]
"""By number of arguments; -1 stands for any other number."""

ANY = -1


def looked_up(relation: str, key: str, value: str = "_text") -> str:
    """Return what finds *value* in a relation of `lookups` by its *key*."""
    return f'(SELECT _f.{value} FROM "limbeck.{relation}" AS _f WHERE {key})'


def _numbered(relation: str, oid: str, number: str) -> str:
    return looked_up(relation, f"_f._oid = {oid} AND _f._n = {number}")


def _session(value: str) -> str:
    return f'(SELECT {value} FROM "limbeck.session" AS _f)'


def _of(text: str, *counts: int) -> Forms:
    return dict.fromkeys(counts or (ANY,), text)


_NO_TEXT, _NULL = "CAST(NULL AS VARCHAR)", "NULL"
_PATH = "CASE WHEN {0} THEN list_prepend('pg_catalog', _f._path) ELSE _f._path END"
_SETTING = looked_up("settings", "_f._name = lower({0})")
_QUOTED = (
    "CASE WHEN regexp_full_match({0}, '[a-z_][a-z0-9_$]*') THEN {0} ELSE '\"' || replace({0}, '\"', '\"\"') || '\"' END"
)
_TEXTS = "list_transform({0}, LAMBDA _e : CAST(_e AS VARCHAR))"
_SIZE = looked_up("sizes", "_f._oid = {0}", "_bytes")

_SESSION: dict[str, Forms] = {
    **{
        name: _of(_session("_f._user"), 0)
        for name in ("current_user", "session_user", "user", "current_role", "getpgusername")
    },
    **{name: _of(_session("_f._database"), 0) for name in ("current_database", "current_catalog")},
    "current_schema": _of(_session("_f._path[1]"), 0),
    "current_schemas": _of(_session(_PATH), 1),
    "current_setting": _of(_SETTING, 1, 2),
    "set_config": _of("CAST({1} AS VARCHAR)", 3),
    "current_query": _of(_NO_TEXT, 0),
    "version": _of(_session("_f._version"), 0),
    "pg_backend_pid": _of(_session("_f._process"), 0),
    "pg_is_in_recovery": _of("FALSE", 0),
    "pg_is_wal_replay_paused": _of("FALSE", 0),
    "pg_postmaster_start_time": _of("CAST(NULL AS TIMESTAMP)", 0),
    "pg_conf_load_time": _of("CAST(NULL AS TIMESTAMP)", 0),
    "inet_server_addr": _of(_NO_TEXT, 0),
    "inet_server_port": _of("CAST(NULL AS INTEGER)", 0),
    "inet_client_addr": _of(_NO_TEXT, 0),
    "inet_client_port": _of("CAST(NULL AS INTEGER)", 0),
    "txid_current": _of("CAST(1 AS BIGINT)", 0),
    "pg_my_temp_schema": _of("CAST(0 AS UINTEGER)", 0),
    "pg_is_other_temp_schema": _of("FALSE", 1),
    "pg_advisory_unlock_all": _of(_NO_TEXT, 0),
    "getdatabaseencoding": _of("'UTF8'", 0),
    "pg_client_encoding": _of("'UTF8'", 0),
    "pg_encoding_to_char": _of("CASE {0} WHEN 6 THEN 'UTF8' ELSE '' END", 1),
    "pg_char_to_encoding": _of("CASE upper({0}) WHEN 'UTF8' THEN 6 ELSE -1 END", 1),
    "pg_encoding_max_length": _of("4", 1),
    "now": _of("CAST(current_timestamp AS TIMESTAMP)", 0),
    "localtimestamp": _of("CAST(current_timestamp AS TIMESTAMP)", 0),
    "current_timestamp": _of("CAST(current_timestamp AS TIMESTAMP)", 0),
    "clock_timestamp": _of("CAST(current_timestamp AS TIMESTAMP)", 0),
    "current_date": _of("current_date", 0),
}

_OBJECTS: dict[str, Forms] = {
    "pg_table_is_visible": _of(f"({{0}} NOT BETWEEN {HIDDEN.start} AND {HIDDEN.stop - 1})", 1),
    **{
        f"pg_{what}_is_visible": _of("({0} IS NOT NULL)", 1)
        for what in (
            *("type", "function", "operator", "opclass", "opfamily", "collation", "conversion", "statistics_obj"),
            *("ts_parser", "ts_dict", "ts_template", "ts_config"),
        )
    },
    "format_type": _of(
        f"CASE WHEN {{0}} IS NOT NULL THEN coalesce({looked_up('formats', '_f._oid = {0}')}, '???') END", 2
    ),
    "to_regclass": _of(looked_up("names", "_f._text = {0}", "_oid"), 1),
    "to_regtype": _of(looked_up("formats", "_f._text = {0} OR _f._name = {0}", "_oid"), 1),
    "pg_get_userbyid": _of(looked_up("roles", "_f._oid = {0}"), 1),
    "pg_get_expr": _of(_NO_TEXT, 2, 3),
    "pg_get_constraintdef": _of(_numbered("definitions", "{0}", "0"), 1, 2),
    "pg_get_viewdef": _of(_numbered("definitions", "{0}", "0"), 1, 2),
    "pg_get_ruledef": _of(_numbered("definitions", "{0}", "0"), 1, 2),
    "pg_get_indexdef": {
        1: _numbered("definitions", "{0}", "0"),
        3: _numbered("definitions", "{0}", "{1}"),
    },
    "obj_description": _of(_numbered("descriptions", "{0}", "0"), 1, 2),
    "col_description": _of(_numbered("descriptions", "{0}", "{1}"), 2),
    "shobj_description": _of(_NO_TEXT, 2),
    "pg_get_serial_sequence": _of(_NO_TEXT, 2),
    "pg_get_triggerdef": _of(_NO_TEXT, 1, 2),
    "pg_get_functiondef": _of(_NO_TEXT, 1),
    "pg_get_function_arguments": _of(_NO_TEXT, 1),
    "pg_get_function_identity_arguments": _of(_NO_TEXT, 1),
    "pg_get_function_result": _of(_NO_TEXT, 1),
    "pg_get_function_sqlbody": _of(_NO_TEXT, 1),
    "pg_get_partkeydef": _of(_NO_TEXT, 1),
    "pg_get_partition_constraintdef": _of(_NO_TEXT, 1),
    "pg_get_statisticsobjdef": _of(_NO_TEXT, 1),
    "pg_get_statisticsobjdef_columns": _of(_NO_TEXT, 1),
    "pg_partition_ancestors": _of("CAST({0} AS UINTEGER)", 1),
    "pg_relation_is_publishable": _of("FALSE", 1),
    "pg_relation_is_updatable": _of("0", 2),
    "pg_column_is_updatable": _of("FALSE", 3),
    "pg_tablespace_location": _of("''", 1),
    "pg_tablespace_size": _of("CAST(NULL AS BIGINT)", 1),
    "pg_database_size": _of("CAST(NULL AS BIGINT)", 1),
    "pg_table_size": _of(_SIZE, 1),
    "pg_relation_size": _of(_SIZE, 1, 2),
    "pg_total_relation_size": _of(_SIZE, 1),
    "pg_indexes_size": _of("CAST(0 AS BIGINT)", 1),
    "pg_size_pretty": _of("formatReadableSize(CAST({0} AS BIGINT))", 1),
    "pg_stat_get_numscans": _of("CAST(0 AS BIGINT)", 1),
    "pg_has_role": _of("TRUE", 2, 3),
    **{
        f"has_{what}_privilege": _of("TRUE", 2, 3)
        for what in ("table", "schema", "database", "function", "language", "tablespace", "type", "sequence")
    },
    "has_column_privilege": _of("TRUE", 3, 4),
    "has_any_column_privilege": _of("TRUE", 2, 3),
    "row_security_active": _of("FALSE", 1),
}

_ARRAYS: dict[str, Forms] = {
    "array": _of("array({0})", 1),
    "array_to_string": {
        2: f"array_to_string({_TEXTS}, {{1}})",
        3: "array_to_string(list_transform({0}, LAMBDA _e : coalesce(CAST(_e AS VARCHAR), {2})), {1})",
    },
    "array_length": _of("nullif(len({0}), 0)", 2),
    "array_upper": _of("nullif(len({0}), 0)", 2),
    "array_lower": _of("CASE WHEN len({0}) > 0 THEN 1 END", 2),
    "array_ndims": _of("CASE WHEN len({0}) > 0 THEN 1 END", 1),
    "cardinality": _of("len({0})", 1),
    "array_position": _of("list_position({0}, {1})", 2),
    "array_append": _of("list_append({0}, {1})", 2),
    "array_prepend": _of("list_prepend({0}, {1})", 2),
    "array_cat": _of("list_concat({0}, {1})", 2),
    "array_remove": _of("list_filter({0}, LAMBDA _e : _e IS DISTINCT FROM {1})", 2),
    "string_to_array": _of("string_split({0}, {1})", 2),
    "unnest": _of("unnest({0})", 1),
    "generate_series": _of("unnest(generate_series({*}))", 2, 3),
    "generate_subscripts": _of("generate_subscripts({0}, 1)", 2),
    "_pg_expandarray": _of(
        "unnest(list_transform({0}, LAMBDA _e, _i : struct_pack(x := _e, n := CAST(_i AS INTEGER))))", 1
    ),
}

_VALUES: dict[str, Forms] = {
    **{name: _of(f"{name}({{*}})") for name in ("coalesce", "greatest", "least", "concat", "concat_ws", "round")},
    "nullif": _of("nullif({0}, {1})", 2),
    **{
        name: _of(f"{name}({{0}})", 1)
        for name in ("lower", "upper", "length", "reverse", "md5", "ascii", "chr", "abs", "ceil", "floor")
    },
    "char_length": _of("length({0})", 1),
    "octet_length": _of("strlen({0})", 1),
    "trim": _of("trim({*})", 1, 2),
    "btrim": _of("trim({*})", 1, 2),
    "ltrim": _of("ltrim({*})", 1, 2),
    "rtrim": _of("rtrim({*})", 1, 2),
    **{name: _of(f"{name}({{0}}, {{1}})", 2) for name in ("left", "right", "repeat", "strpos", "starts_with", "mod")},
    **{name: _of(f"{name}({{0}}, {{1}}, {{2}})", 3) for name in ("replace", "translate", "split_part", "lpad", "rpad")},
    "substring": _of("substring({*})", 2, 3),
    "substr": _of("substring({*})", 2, 3),
    "regexp_replace": _of("regexp_replace({*})", 3, 4),
    "quote_ident": _of(_QUOTED, 1),
    "quote_literal": _of("'''' || replace({0}, '''', '''''') || ''''", 1),
    "json_build_object": _of("CAST(json_object({*}) AS VARCHAR)"),
    "pg_typeof": _of("lower(typeof({0}))", 1),
}

_AGGREGATES: dict[str, Forms] = {
    **{name: _of(f"{name}({{*}})") for name in ("count", "string_agg")},
    **{name: _of(f"{name}({{0}})", 1) for name in ("min", "max", "sum", "avg", "array_agg", "bool_and", "bool_or")},
    "every": _of("bool_and({0})", 1),
    **{name: _of(f"{name}()", 0) for name in ("row_number", "rank", "dense_rank")},
    **{name: _of(f"{name}({{*}})") for name in ("lag", "lead", "first_value", "last_value")},
}

FUNCTIONS: dict[str, Forms] = {**_SESSION, **_OBJECTS, **_ARRAYS, **_VALUES, **_AGGREGATES}

BARE = frozenset(
    {"current_user", "session_user", "user", "current_role", "current_catalog", "current_schema", "current_date"}
    | {"localtimestamp", "current_timestamp"}
)
"""Those that are called without parentheses."""

_COMMON = frozenset({"current_date", "current_timestamp", "now", "localtimestamp", "clock_timestamp"})

PRIVATE = frozenset(_SESSION.keys() | _OBJECTS.keys() | {"pg_get_keywords", "_pg_expandarray"}) - _COMMON
"""Those that tell of the session or the catalogue: a query that calls one, and reads no table, is the catalogue's."""

_WORDS = ", ".join(
    f"'{word}'" for word in ("analyze", "ilike", "isnull", "lateral", "limit", "notnull", "offset", "qualify")
)
"""Words of the dialect that standard SQL does not keep for itself."""


@dataclass(frozen=True, slots=True)
class FromFunction:
    """A function that stands for a relation."""

    query: str
    columns: tuple[str, ...] = ("",)
    """Its columns where the query names none; one without a name is called like the relation."""


RELATIONS = {
    "generate_series": FromFunction("SELECT unnest(generate_series({*}))"),
    "generate_subscripts": FromFunction("SELECT generate_subscripts({0}, 1)"),
    "unnest": FromFunction("SELECT unnest({0})"),
    "_pg_expandarray": FromFunction(
        "SELECT unnest(list_transform({0}, LAMBDA _e, _i : _e)), generate_subscripts({0}, 1)", ("x", "n")
    ),
    "pg_get_keywords": FromFunction(f"SELECT unnest([{_WORDS}]), 'R', 'reserved'", ("word", "catcode", "catdesc")),
    "pg_partition_ancestors": FromFunction("SELECT CAST({0} AS UINTEGER)", ("relid",)),
}
"""Those that may stand in FROM."""
