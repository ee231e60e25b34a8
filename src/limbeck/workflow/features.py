"""A definition as SQL: labels and features of everybody eligible at every cutoff.

The text is Query Service's dialect (SQL contract, sections 2.1 and 4) and runs on AEP as it runs here: common table
expressions, CASE, aggregates, `datediff`. Times are computed here and stand in it as literals, but for those of pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from limbeck.workflow.aggregates import PAIR_ENTITY, PAIR_OBJECT, Aggregates, since, windows
from limbeck.workflow.definition import TIMESTAMP, Column, Definition, Source
from limbeck.workflow.families import Feature
from limbeck.workflow.names import literal, literal_text, quoted
from limbeck.workflow.question import Entity, Span
from limbeck.workflow.sources import TENANT

Tables = Mapping[str, str]
"""The SQL table of each dataset of the definition."""

When = Sequence[datetime] | Span
"""The cutoffs of persons, or when pairs were paired."""

INDENT = "\n    "
NEWLINE = "\n"


@dataclass(frozen=True, slots=True)
class Earlier:
    """The same set, computed from earlier snapshots of the sources."""

    table: str
    snapshots: Mapping[str, int]
    """By dataset."""


def training_set(
    definition: Definition,
    tables: Tables,
    tenant: str,
    when: When,
    *,
    labelled: bool = True,
    drawn: bool = False,
    told: bool = False,
    earlier: Earlier | None = None,
) -> str:
    """Return the SELECT of one row for each person, or pair, and cutoff.

    Columns: `entity_id` (text), for pairs `object_id` (text), `cutoff` (timestamp), with *labelled* `label` (1 if
    the goal is reached at the cutoff or later, but before its time is over, else 0), then the features in the order of
    the definition. Features see events strictly before the cutoff, which had arrived by then. A person is there from
    the first eligible event before the cutoff on; *drawn*, at one of the cutoffs only. With *told*, each step has a
    comment. With *earlier*, only those are computed of whom rows came or went since its snapshots, and the others are
    taken from it: the rows are the same.
    """
    steps = _Steps(definition, tables, tenant, when, labelled=labelled, drawn=drawn, earlier=earlier)
    notes = {name: f"\n-- {note}\n" if told else "" for name, note in NOTES.items()}
    ctes = ",\n".join(f"{_note(notes, name)}{name} AS (\n    {text}\n)" for name, text in steps.parts().items())
    outcome = ["label"] if labelled else []
    keys = [*map(quoted, definition.row_columns), *outcome]
    computed = f"SELECT {', '.join([*keys, *map(_outer, definition.features)])}\nFROM known"
    if earlier is not None:
        same = ", ".join(f"earlier.{name}" for name in [*keys, *(f.name for f in definition.features)])
        kept = f"{quoted(earlier.table)} AS earlier LEFT JOIN touched ON touched.entity_id = earlier.entity_id"
        computed += f"\nUNION ALL\nSELECT {same}\nFROM {kept}\nWHERE touched.entity_id IS NULL"
    return f"WITH {ctes}{_note(notes, 'last') or NEWLINE}{computed}"


NOTES = {
    "touched": "of whom rows came or went since the earlier snapshots",
    "cutoffs": "when forecasts are made: the cutoff, when the goal's time is over, when each window begins",
    "events": "all events as one relation: who, when, and the columns by their names",
    "acts": "each event with the time of the one before it",
    "pairs": "who was paired with what, and when: the cutoff of each pair",
    "people": "what each knew and did up to the cutoff, and whether the goal was reached from it on",
    "profiles": "attributes as they are",
    "changes": "attributes as they were told, from time to time",
    "history": "attributes as they were told last before the cutoff",
    "known": "attributes beside features",
    "last": "the columns in the order of the definition; expressions over features",
}
"""What the steps of the SQL do, for readers."""


def _note(notes: Mapping[str, str], name: str) -> str:
    return notes[name.rstrip("_0123456789")]


def _outer(feature: Feature) -> str:
    return f"{feature.of} AS {feature.name}" if feature.kind == "expression" else feature.name


def events(definition: Definition, tables: Tables, tenant: str) -> str:
    """Return the SELECT of all events as one relation: `entity_id`, `event_time`, and the columns by their names.

    Where a source says when its rows arrived, `arrived` does so for all.
    """
    sources = definition.event_sources
    names = list(dict.fromkeys(c.name for s in sources for c in s.columns))
    arrival = any(source.arrival for source in sources)
    return f"{INDENT}UNION ALL{INDENT}".join(
        _events_of(source, names, tables[source.dataset], tenant, arrival=arrival) for source in sources
    )


def ends(definition: Definition, tables: Tables, tenant: str, span: Span, by: datetime) -> str:
    """Return the SELECT of how many `pairs` a span has, and when their goals' time is over.

    Of how many pairs it is `untold`, of how many it is later than *by* (`open`), and the `last` of these times.
    """
    steps = _Steps(definition, tables, tenant, span, labelled=True, drawn=False, earlier=None).parts()
    counts = {
        "pairs": "count(1)",
        "untold": "count(CASE WHEN label_end IS NULL THEN 1 END)",
        "open": f"count(CASE WHEN label_end > {literal(by)} THEN 1 END)",
        "last": "max(label_end)",
    }
    needed = ", ".join(f"{name} AS ({INDENT}{steps[name]}\n)" for name in ("events", "pairs"))
    return f"WITH {needed}\nSELECT {', '.join(f'{text} AS {quoted(name)}' for name, text in counts.items())} FROM pairs"


def _events_of(source: Source, names: Sequence[str], table: str, tenant: str, *, arrival: bool) -> str:
    mine = {c.name: field(c, tenant) for c in source.columns}
    time = _time(source, tenant)
    known = [f"{mine[source.arrival] if source.arrival else time} AS arrived"] if arrival else []
    columns = [f"{_identity(source, tenant)} AS entity_id", f"{time} AS event_time", *known]
    columns += [f"{mine.get(name, 'NULL')} AS {quoted(name)}" for name in names]
    return f"SELECT {', '.join(columns)} FROM {quoted(table)} WHERE {_identity(source, tenant)} IS NOT NULL"


def _time(source: Source, tenant: str) -> str:
    return next(field(c, tenant) for c in source.columns if c.path == TIMESTAMP)


def _identity(source: Source, tenant: str) -> str:
    return field(source.identity, tenant)


def field(column: Column, tenant: str) -> str:
    """Return the SQL of a column's field."""
    return ".".join(map(quoted, column.path.replace(TENANT, f"_{tenant}", 1).split(".")))


class _Steps:
    """The common table expressions of one set."""

    def __init__(
        self,
        definition: Definition,
        tables: Tables,
        tenant: str,
        when: When,
        *,
        labelled: bool,
        drawn: bool,
        earlier: Earlier | None,
    ) -> None:
        self._definition, self._tables, self._tenant = definition, tables, tenant
        self._when, self._labelled, self._drawn, self._earlier = when, labelled, drawn, earlier
        self._aggregates = Aggregates(definition)
        self._acts = "acts" if self._aggregates.predecessors() else "events"

    def parts(self) -> dict[str, str]:
        """Return each step by its name."""
        definition, aggregates = self._definition, self._aggregates
        found = {} if isinstance(self._when, Span) else {"cutoffs": self._cutoffs(self._when)}
        found["events"] = events(definition, self._tables, self._tenant)
        if self._earlier is not None:
            only = f"{INDENT}) AS everything WHERE entity_id IN (SELECT entity_id FROM touched)"
            found = {"touched": self._touched(self._earlier), **found}
            found["events"] = f"SELECT * FROM ({INDENT}{found['events']}{only}"
        if before := aggregates.predecessors():
            columns = ", ".join(f"{text} AS {name}" for name, text in before.items())
            found["acts"] = f"SELECT *, {columns}{INDENT}FROM events"
        for n, source in enumerate(definition.profile_sources):
            found[f"profiles_{n}"] = self._profiles(source)
        for n, source in enumerate(definition.history_sources):
            found[f"changes_{n}"] = self._changes(source)
        if isinstance(self._when, Span) and definition.entity is not None:
            found["pairs"] = self._pairs(definition.entity, self._when)
        found["people"] = self._people()  # after all tables are read: one may have this name
        for n, source in enumerate(definition.history_sources):
            found[f"history_{n}"] = self._history(n, source)
        found["known"] = self._known()
        return found

    def _touched(self, earlier: Earlier) -> str:
        """Return whose rows came after the earlier snapshots, or are gone since."""
        found = []
        for source in self._definition.sources:
            identity, table = _identity(source, self._tenant), quoted(self._tables[source.dataset])
            before = earlier.snapshots[source.dataset]
            found.append(f"SELECT {identity} AS entity_id FROM {table} SNAPSHOT SINCE {before}")
            gone = f"_ACP_BATCHID NOT IN (SELECT DISTINCT _ACP_BATCHID FROM {table})"
            found.append(f"SELECT {identity} AS entity_id FROM {table} SNAPSHOT AS OF {before} WHERE {gone}")
        every = f"{INDENT}    UNION ALL{INDENT}    ".join(found)
        return f"SELECT DISTINCT entity_id FROM ({INDENT}    {every}{INDENT}) AS changed WHERE entity_id IS NOT NULL"

    # -- cutoffs --------------------------------------------------------------------------------------------------

    def _cutoffs(self, cutoffs: Sequence[datetime]) -> str:
        return f"{INDENT}UNION ALL{INDENT}".join(self._cutoff(n, cutoff) for n, cutoff in enumerate(cutoffs))

    def _cutoff(self, number: int, cutoff: datetime) -> str:
        clock, end = self._definition.cutoffs.clock, self._definition.label_end(cutoff)
        bounds = {"cutoff": cutoff, **({"label_end": end} if end else {})}
        bounds |= {since(window): window.before(cutoff, clock) for window in windows(self._definition)}
        columns = [f"{literal(moment)} AS {name}" for name, moment in bounds.items()]
        return "SELECT " + ", ".join(columns + ([f"{number} AS cutoff_number"] if self._drawn else []))

    def _pairs(self, entity: Entity, span: Span) -> str:
        goal, pair = self._definition.goal, quoted(entity.pair)
        objects = {f.of: f"object_{f.of}" for f in self._definition.features if f.kind == "object"}
        first = {name: f"min(struct(event_time AS at, {quoted(of)} AS value)).value" for of, name in objects.items()}
        if goal.until:
            first["label_end"] = (
                f"CAST(min(struct(event_time AS at, {quoted(goal.until)} AS value)).value AS TIMESTAMP)"
            )
        columns = [f"entity_id AS {PAIR_ENTITY}", f"{pair} AS {PAIR_OBJECT}", "min(event_time) AS cutoff"]
        columns += [f"{text} AS {quoted(name)}" for name, text in first.items()]
        inner = (
            f"SELECT {', '.join(columns)}{INDENT}    FROM events WHERE ({entity.where}) AND {pair} IS NOT NULL"
            f"{INDENT}    GROUP BY entity_id, {pair}{INDENT}    HAVING min(event_time) >= {literal(span.first)} "
            f"AND min(event_time) < {literal(span.until)}"
        )
        bounds = [] if goal.within is None else [f"cutoff + {goal.within.interval} AS label_end"]
        bounds += [f"cutoff - {window.interval} AS {since(window)}" for window in windows(self._definition)]
        return f"SELECT {', '.join(['*', *bounds])}{INDENT}FROM ({INDENT}    {inner}{INDENT}) AS paired"

    # -- people ---------------------------------------------------------------------------------------------------

    def _people(self) -> str:
        until = "label_end" if self._labelled else "cutoff"
        label = [f"{self._aggregates.label()} AS label"] if self._labelled else []
        eligible = self._aggregates.eligible()
        having = f"{INDENT}HAVING {eligible}" if eligible else ""
        entity = self._definition.entity
        if entity is not None:
            who = [f"{PAIR_ENTITY} AS entity_id", f"CAST({PAIR_OBJECT} AS STRING) AS object_id", "cutoff"]
            source = f"pairs LEFT JOIN {self._acts} ON entity_id = {PAIR_ENTITY} AND event_time < {until}"
            grouped = f"{INDENT}GROUP BY {PAIR_ENTITY}, {PAIR_OBJECT}, cutoff"
        else:
            who = ["entity_id", "cutoff"]
            joined = f"JOIN cutoffs ON cutoff_number = {self._draw()}" if self._drawn else "CROSS JOIN cutoffs"
            source = f"{self._acts} {joined}{INDENT}WHERE event_time < {until}"
            grouped = f"{INDENT}GROUP BY entity_id, cutoff"
        lines = f",{INDENT}    ".join([*who, *label, *self._aggregates.columns()])
        return f"SELECT {lines}{INDENT}FROM {source}{grouped}{having}"

    def _draw(self) -> str:
        """Return the number of a person's cutoff: drawn by the seed, and the same each time."""
        count = len(self._when) if not isinstance(self._when, Span) else 1
        seed = literal_text(f":{self._definition.seed}")
        return f"CAST(conv(substr(md5(concat(entity_id, {seed})), 1, 8), 16, 10) AS BIGINT) % {count}"

    # -- attributes -----------------------------------------------------------------------------------------------

    def _profiles(self, source: Source) -> str:
        columns = [f"{field(c, self._tenant)} AS {_attribute(c.name)}" for c in source.columns if not c.identity]
        identity = f"{_identity(source, self._tenant)} AS profile_id"
        return f"SELECT {', '.join([identity, *columns])} FROM {quoted(self._tables[source.dataset])}"

    def _changes(self, source: Source) -> str:
        arrived = next((field(c, self._tenant) for c in source.columns if c.name == source.arrival), None)
        columns = [
            f"{_identity(source, self._tenant)} AS profile_id",
            f"{_time(source, self._tenant)} AS changed",
            *([f"{arrived} AS arrived"] if arrived else []),
            *(f"{field(c, self._tenant)} AS {_attribute(c.name)}" for c in source.columns if not c.identity),
        ]
        return f"SELECT {', '.join(columns)} FROM {quoted(self._tables[source.dataset])}"

    def _history(self, number: int, source: Source) -> str:
        """Return what was told last of each attribute that features take, before each cutoff."""
        rows = ", ".join(f"people.{quoted(name)}" for name in self._definition.row_columns)
        mine = {c.name for c in source.columns if not c.identity}
        known = "changed < people.cutoff" + (" AND arrived <= people.cutoff" if source.arrival else "")
        taken = dict.fromkeys(f.of for f in self._definition.features if f.kind == "attribute" and f.of in mine)
        columns = [f"{_last(_attribute(name))} AS {_attribute(name)}" for name in taken]
        return (
            f"SELECT {', '.join([rows, *columns])}{INDENT}FROM people JOIN changes_{number} ON profile_id = "
            f"people.entity_id AND {known}{INDENT}GROUP BY {rows}"
        )

    def _known(self) -> str:
        """Join the attributes that features take; a person without a profile has none."""
        taken = [f"{_attribute(f.of)} AS {f.name}" for f in self._definition.features if f.kind == "attribute"]
        joins = [
            f"{INDENT}LEFT JOIN profiles_{n} ON profiles_{n}.profile_id = people.entity_id"
            for n, _ in enumerate(self._definition.profile_sources)
        ]
        for n, _ in enumerate(self._definition.history_sources):
            same = (f"history_{n}.{quoted(c)} = people.{quoted(c)}" for c in self._definition.row_columns)
            joins.append(f"{INDENT}LEFT JOIN history_{n} ON {' AND '.join(same)}")
        return f"SELECT {', '.join(['people.*', *taken])}{INDENT}FROM people{''.join(joins)}"


def _attribute(name: str) -> str:
    return quoted(f"attribute_{name}")


def _last(name: str) -> str:
    return f"max(CASE WHEN {name} IS NOT NULL THEN struct(changed AS at, {name} AS value) END).value"


def _first(name: str) -> str:
    """Return the value of the first event; of several at once the least, and none only if all have none."""
    return f"min(struct(event_time AS at, {name} IS NULL AS missing, {name} AS value)).value"
