"""A definition as SQL: labels and features of every eligible person at every cutoff.

The text is Query Service's dialect (SQL contract, sections 2.1 and 4) and runs on AEP as it runs here: common table
expressions, CASE, aggregates, `datediff`. Times are computed here and stand in it as literals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from limbeck.workflow.definition import TIMESTAMP, Column, Definition, Feature, Source
from limbeck.workflow.sources import TENANT

Tables = Mapping[str, str]
"""The SQL table of each dataset of the definition."""

INDENT = "\n    "


def training_set(
    definition: Definition, tables: Tables, tenant: str, cutoffs: Sequence[datetime], *, labelled: bool = True
) -> str:
    """Return the SELECT of one row for each person and cutoff.

    Columns: `entity_id` (text), `cutoff` (timestamp), with *labelled* `label` (1 if the goal happens at the cutoff or
    later, but before the goal's time is over, else 0), then the features in the order of the definition. Features see
    events strictly before the cutoff. A person is there from the first eligible event before the cutoff on.
    """
    parts = {
        "cutoffs": _cutoffs(definition, cutoffs),
        "events": events(definition, tables, tenant),
        **{f"profiles_{n}": _profiles(s, tables, tenant) for n, s in enumerate(definition.profile_sources)},
        "people": _people(definition, labelled=labelled),  # after all tables are read: one may have this name
        "known": _known(definition),
    }
    ctes = ",\n".join(f"{name} AS (\n    {text}\n)" for name, text in parts.items())
    outcome = ["label"] if labelled else []
    columns = ["entity_id", "cutoff", *outcome, *map(_outer, definition.features)]
    return f"WITH {ctes}\nSELECT {', '.join(columns)}\nFROM known"


def events(definition: Definition, tables: Tables, tenant: str) -> str:
    """Return the SELECT of all events as one relation: `entity_id`, `event_time`, and the columns by their names."""
    names = _column_names(definition.event_sources)
    return f"{INDENT}UNION ALL{INDENT}".join(
        _events_of(source, names, tables[source.dataset], tenant) for source in definition.event_sources
    )


def _column_names(sources: Sequence[Source]) -> list[str]:
    return list(dict.fromkeys(c.name for s in sources for c in s.columns))


def _events_of(source: Source, names: Sequence[str], table: str, tenant: str) -> str:
    mine = {c.name: field(c, tenant) for c in source.columns}
    time = next(field(c, tenant) for c in source.columns if c.path == TIMESTAMP)
    columns = ", ".join(f"{mine.get(name, 'NULL')} AS {quoted(name)}" for name in names)
    return f"SELECT {_identity(source, tenant)} AS entity_id, {time} AS event_time, {columns} FROM {quoted(table)}"


def _identity(source: Source, tenant: str) -> str:
    return field(source.identity, tenant)


def field(column: Column, tenant: str) -> str:
    """Return the SQL of a column's field."""
    return ".".join(map(quoted, column.path.replace(TENANT, f"_{tenant}", 1).split(".")))


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(moment: datetime) -> str:
    """Return a time as an SQL literal."""
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}'"


# -- cutoffs ------------------------------------------------------------------------------------------------------


def _cutoffs(definition: Definition, cutoffs: Sequence[datetime]) -> str:
    return f"{INDENT}UNION ALL{INDENT}".join(_cutoff(definition, cutoff) for cutoff in cutoffs)


def _cutoff(definition: Definition, cutoff: datetime) -> str:
    bounds = {"cutoff": cutoff, "label_end": cutoff + definition.goal.within}
    bounds |= {_since(window): cutoff - window for window in _windows(definition)}
    return "SELECT " + ", ".join(f"{literal(moment)} AS {name}" for name, moment in bounds.items())


def _windows(definition: Definition) -> list[timedelta]:
    return sorted({f.window for f in definition.features if f.window is not None})


def _since(window: timedelta) -> str:
    return f"since_{int(window.total_seconds()) // 3600}h"


# -- people -------------------------------------------------------------------------------------------------------


def _people(definition: Definition, *, labelled: bool) -> str:
    columns = ["entity_id", "cutoff", *([_label(definition)] if labelled else []), *_aggregates(definition)]
    until = "label_end" if labelled else "cutoff"
    lines = f",{INDENT}    ".join(columns)
    return (
        f"SELECT {lines}{INDENT}FROM events CROSS JOIN cutoffs{INDENT}WHERE event_time < {until}"
        f"{INDENT}GROUP BY entity_id, cutoff"
        f"{INDENT}HAVING count(CASE WHEN event_time < cutoff AND ({definition.goal.eligible}) THEN 1 END) > 0"
    )


def _label(definition: Definition) -> str:
    return f"max(CASE WHEN event_time >= cutoff AND ({definition.goal.event}) THEN 1 ELSE 0 END) AS label"


def _aggregates(definition: Definition) -> Iterator[str]:
    for feature in definition.features:
        if feature.kind not in ("expression", "attribute"):
            yield f"{_aggregate(feature)} AS {feature.name}"


def _aggregate(feature: Feature) -> str:
    matches = f"event_time < cutoff AND ({feature.condition})"
    if feature.window is not None:
        matches = f"event_time >= {_since(feature.window)} AND {matches}"
    value = f"CASE WHEN {matches} THEN {{}} END"
    match feature.kind:
        case "count":
            return f"count({value.format(1)})"
        case "count_distinct":
            return f"count(DISTINCT {value.format(feature.of)})"
        case "sum":
            return f"coalesce(sum({value.format(feature.of)}), 0)"
        case "days_since_last":
            return f"datediff(max(cutoff), max({value.format('event_time')}))"
        case "days_since_first":
            return f"datediff(max(cutoff), min({value.format('event_time')}))"
        case plain:
            return f"{plain}({value.format(feature.of)})"


# -- attributes ---------------------------------------------------------------------------------------------------


def _profiles(source: Source, tables: Tables, tenant: str) -> str:
    columns = [f"{field(c, tenant)} AS {_attribute(c.name)}" for c in source.columns if not c.identity]
    identity = f"{_identity(source, tenant)} AS profile_id"
    return f"SELECT {', '.join([identity, *columns])} FROM {quoted(tables[source.dataset])}"


def _attribute(name: str) -> str:
    return quoted(f"attribute_{name}")


def _known(definition: Definition) -> str:
    """Join the attributes that features take; a person without a profile has none."""
    taken = [f"{_attribute(f.of)} AS {f.name}" for f in definition.features if f.kind == "attribute"]
    joins = "".join(
        f"{INDENT}LEFT JOIN profiles_{n} ON profiles_{n}.profile_id = people.entity_id"
        for n, _ in enumerate(definition.profile_sources)
    )
    return f"SELECT {', '.join(['people.*', *taken])}{INDENT}FROM people{joins}"


def _outer(feature: Feature) -> str:
    return f"{feature.of} AS {feature.name}" if feature.kind == "expression" else feature.name
