"""A definition as SQL: labels and features of everybody eligible at every cutoff.

The text is Query Service's dialect (SQL contract, sections 2.1 and 4) and runs on AEP as it runs here: common table
expressions, CASE, aggregates, `datediff`. Times are computed here and stand in it as literals, but for those of pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from limbeck.workflow.aggregates import PAIR_ENTITY, PAIR_OBJECT, Aggregates, since, windows
from limbeck.workflow.attributes import Attributes
from limbeck.workflow.definition import Definition
from limbeck.workflow.families import Feature
from limbeck.workflow.names import literal, literal_text, quoted
from limbeck.workflow.question import Entity, Span
from limbeck.workflow.relations import INDENT, Tables, events, identity_of

When = Sequence[datetime] | Span
"""The cutoffs of persons, or when pairs were paired."""

BRANCHES = 60
"""So many stacked cutoffs have a branch of the SQL each, which is quicker than a join and needs less memory; more are
joined, since the text grows with the branches."""

NEWLINE = "\n"


@dataclass(frozen=True, slots=True)
class Earlier:
    """The same set, computed from earlier snapshots of the sources."""

    table: str
    snapshots: Mapping[str, int]
    """By dataset."""
    shrunk: Collection[str] | None = None
    """Datasets from which rows were taken out since (`gone`); None if any may be one."""


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


def gone(tables: Tables, snapshots: Mapping[str, int]) -> str:
    """Return the SELECT of how many rows were taken out of each `dataset` since its snapshot (`gone`).

    These are counts only, which nothing has to be read for; to find the rows themselves takes a look at all.
    """
    found = []
    for dataset, snapshot in snapshots.items():
        table = quoted(tables[dataset])
        counts = (
            f"SELECT count(1) AS counted FROM {table} SNAPSHOT AS OF {snapshot}",
            f"SELECT count(1) FROM {table} SNAPSHOT SINCE {snapshot}",
            f"SELECT -count(1) FROM {table}",
        )
        every = " UNION ALL ".join(counts)
        found.append(f"SELECT {literal_text(dataset)} AS dataset, sum(counted) AS gone FROM ({every}) AS counts")
    return "\nUNION ALL\n".join(found)


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
        found = {} if isinstance(self._when, Span) or self._branched else {"cutoffs": self._cutoffs(self._when)}
        found["events"] = events(definition, self._tables, self._tenant)
        if self._earlier is not None:
            only = f"{INDENT}) AS everything WHERE entity_id IN (SELECT entity_id FROM touched)"
            found = {"touched": self._touched(self._earlier), **found}
            found["events"] = f"SELECT * FROM ({INDENT}{found['events']}{only}"
        if before := aggregates.predecessors():
            columns = ", ".join(f"{text} AS {name}" for name, text in before.items())
            found["acts"] = f"SELECT *, {columns}{INDENT}FROM events"
        attributes = Attributes(definition, self._tables, self._tenant)
        found |= attributes.relations()
        if isinstance(self._when, Span) and definition.entity is not None:
            found["pairs"] = self._pairs(definition.entity, self._when)
        found["people"] = self._people()  # after all tables are read: one may have this name
        return {**found, **attributes.beside_people()}

    def _touched(self, earlier: Earlier) -> str:
        """Return whose rows came after the earlier snapshots, or are gone since."""
        found = []
        for source in self._definition.sources:
            identity, table = identity_of(source, self._tenant), quoted(self._tables[source.dataset])
            before = earlier.snapshots[source.dataset]
            found.append(f"SELECT {identity} AS entity_id FROM {table} SNAPSHOT SINCE {before}")
            if earlier.shrunk is not None and source.dataset not in earlier.shrunk:
                continue
            gone = f"_ACP_BATCHID NOT IN (SELECT DISTINCT _ACP_BATCHID FROM {table})"
            found.append(f"SELECT {identity} AS entity_id FROM {table} SNAPSHOT AS OF {before} WHERE {gone}")
        every = f"{INDENT}    UNION ALL{INDENT}    ".join(found)
        return f"SELECT DISTINCT entity_id FROM ({INDENT}    {every}{INDENT}) AS changed WHERE entity_id IS NOT NULL"

    # -- cutoffs --------------------------------------------------------------------------------------------------

    def _cutoffs(self, cutoffs: Sequence[datetime]) -> str:
        return f"{INDENT}UNION ALL{INDENT}".join(self._cutoff(n, cutoff) for n, cutoff in enumerate(cutoffs))

    def _cutoff(self, number: int, cutoff: datetime) -> str:
        columns = [f"{text} AS {name}" for name, text in self._bounds(cutoff).items()]
        return "SELECT " + ", ".join(columns + ([f"{number} AS cutoff_number"] if self._drawn else []))

    def _bounds(self, cutoff: datetime) -> dict[str, str]:
        """Return the cutoff, when its label's time is over and when its windows begin, as literals by name."""
        clock, end = self._definition.cutoffs.clock, self._definition.label_end(cutoff)
        bounds = {"cutoff": cutoff, **({"label_end": end} if end else {})}
        bounds |= {since(window): window.before(cutoff, clock) for window in windows(self._definition)}
        return {name: literal(moment) for name, moment in bounds.items()}

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

    @property
    def _branched(self) -> bool:
        """Whether each cutoff has a branch of its own."""
        return not isinstance(self._when, Span) and not self._drawn and len(self._when) <= BRANCHES

    def _people(self) -> str:
        until = "label_end" if self._labelled else "cutoff"
        if isinstance(self._when, Span):
            who = [f"{PAIR_ENTITY} AS entity_id", f"CAST({PAIR_OBJECT} AS STRING) AS object_id", "cutoff"]
            source = f"pairs LEFT JOIN {self._acts} ON entity_id = {PAIR_ENTITY} AND event_time < {until}"
            return self._grouped(self._aggregates, who, source, f"{PAIR_ENTITY}, {PAIR_OBJECT}, cutoff")
        if not self._branched:
            joined = f"JOIN cutoffs ON cutoff_number = {self._draw()}" if self._drawn else "CROSS JOIN cutoffs"
            source = f"{self._acts} {joined}{INDENT}WHERE event_time < {until}"
            return self._grouped(self._aggregates, ["entity_id", "cutoff"], source, "entity_id, cutoff")
        branches = []
        for bounds in map(self._bounds, self._when):
            who = ["entity_id", f"{bounds['cutoff']} AS cutoff"]
            source = f"{self._acts}{INDENT}WHERE event_time < {bounds[until]}"
            branches.append(self._grouped(Aggregates(self._definition, bounds), who, source, "entity_id"))
        return f"{INDENT}UNION ALL{INDENT}".join(branches)

    def _grouped(self, aggregates: Aggregates, who: Sequence[str], source: str, keys: str) -> str:
        """Return the SELECT of one row for each of the *keys*, if it is eligible."""
        label = [f"{aggregates.label()} AS label"] if self._labelled else []
        eligible = aggregates.eligible()
        having = f"{INDENT}HAVING {eligible}" if eligible else ""
        lines = f",{INDENT}    ".join([*who, *label, *aggregates.columns()])
        return f"SELECT {lines}{INDENT}FROM {source}{INDENT}GROUP BY {keys}{having}"

    def _draw(self) -> str:
        """Return the number of a person's cutoff: drawn by the seed, and the same each time."""
        count = 1 if isinstance(self._when, Span) else len(self._when)
        seed = literal_text(f":{self._definition.seed}")
        return f"CAST(conv(substr(md5(concat(entity_id, {seed})), 1, 8), 16, 10) AS BIGINT) % {count}"
