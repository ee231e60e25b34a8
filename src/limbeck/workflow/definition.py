"""The definition of a propensity forecast: what is known, what is asked, from which features (docs/definition.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal

from limbeck.errors import DefinitionError, nearest
from limbeck.workflow import campaign, families, modelling, question, trial
from limbeck.workflow.families import NAME, Feature
from limbeck.workflow.modelling import ModelPart
from limbeck.workflow.question import Cutoffs, Entity, Goal, Span
from limbeck.workflow.toml_text import Document, Table

TYPES = ("string", "boolean", "int", "long", "number", "date", "date-time")
RESERVED_COLUMNS = frozenset(
    {"entity_id", "event_time", "arrived", "cutoff", "cutoff_number", "label_end", "pair_entity", "pair_object"}
)
"""Names that stand beside an event's columns in the SQL of features."""

KINDS: Mapping[str, Literal["event", "profile", "history"]] = {
    "event": "event",
    "profile": "profile",
    "history": "history",
}
"""Classes of sources."""

TIMESTAMP, EVENT_TYPE = "timestamp", "eventType"

GENERATED = "generator:"
GENERATED_PARTS = ("events", "profiles")
"""What follows the prefix in a source's files."""
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "newsletter": {"people": None, "days": None},
    "tutorial": {"people": 100_000, "days": 60},
    "realistic": {"people": None, "days": None, "weekend": 0.3, "yearly": 0.3, "monthly": 0.15, "evening": 0.4},
}
"""Processes of `[generator]`, and the settings that they bring."""
SHARES = ("duplicates", "late", "bots", "identities", "weekend", "yearly", "monthly", "evening", "treated")
"""Settings of `[generator]` that are shares, 0 if neither given nor brought by the preset."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source, which conditions and features know by its name, and its place in XDM."""

    name: str
    path: str
    """Dotted; a leading `{tenant}` stands for the organisation's `_tenant`."""
    type: str | None = None
    """One of `TYPES`; None takes the column's own."""
    identity: str | None = None
    """Namespace, if the column identifies the person."""


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset: made from files, or one that the platform has already."""

    dataset: str
    kind: Literal["event", "profile", "history"]
    """A history tells attributes of people, each row from its time on."""
    files: Mapping[str, str]
    """Path, glob, `package:NAME/path` or `generator:PART` by alias; empty for a dataset that exists."""
    sql: str | None
    columns: tuple[Column, ...]
    key: str | None
    """Column whose values must be unique; becomes `_id`."""
    field_groups: tuple[str, ...]
    """`$id`s of standard field groups that the paths outside `{tenant}` need."""
    where: str
    """Place in the file, for messages."""
    arrival: str | None = None
    """Column that says when a row was known; None takes rows for known when they happen."""

    @property
    def identity(self) -> Column:
        """Return the column that identifies the person."""
        return next(c for c in self.columns if c.identity)


@dataclass(frozen=True, slots=True)
class Generator:
    """Synthetic newsletter customers (`limbeck.workflow.synthetic`)."""

    people: int
    days: int
    start: date
    """The first of the days."""
    seed: int
    duplicates: float = 0.0
    """Share of the events that come twice."""
    late: float = 0.0
    """Share of the events that arrive hours to days late."""
    bots: float = 0.0
    """Bots beside the people, as a share of these."""
    identities: float = 0.0
    """Share of the people who have a second identity."""
    weekend: float = 0.0
    """Share of the visits that are lacking on Saturdays and Sundays; other days have more."""
    yearly: float = 0.0
    """By which share visits are more at the height of the year, in mid-December, and fewer half a year from it."""
    monthly: float = 0.0
    """By which share visits are more at the turn of the month, and fewer in its middle."""
    evening: float = 0.0
    """Share of the visits that are moved into the evening."""
    treated: float = 0.0
    """Share of the people who are treated, by chance alone."""
    treatment: date | None = None
    """When they are; None if nobody is."""
    preset: str = "newsletter"
    """The process by which people live: one of `PRESETS`."""

    @property
    def end(self) -> datetime:
        """Return the midnight after the last day."""
        return datetime.combine(self.start, time()) + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the report's funnel: who has an event that satisfies the condition, and reached the stage before."""

    name: str
    condition: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A propensity forecast, as its TOML file says."""

    path: Path
    name: str
    seed: int
    sources: tuple[Source, ...]
    goal: Goal
    cutoffs: Cutoffs
    features: tuple[Feature, ...]
    model: ModelPart
    title: str
    funnel: tuple[Stage, ...]
    places: Mapping[str, str]
    """Where in the file each SQL text over events stands, by text: what a complaint about it begins with."""
    declared: Mapping[str, str]
    """Where in the file each feature stands, by name."""
    groups: tuple[str, ...] = ()
    """Features by whose values the report compares forecast and outcome, beside texts and flags."""
    entity: Entity | None = None
    """None where it is persons who are asked about."""
    generator: Generator | None = None
    audience: campaign.AudiencePart | None = None
    activation: campaign.ActivationPart | None = None
    uplift: trial.UpliftPart | None = None
    """An experiment of the past."""

    @classmethod
    def load(cls, path: Path | str) -> Definition:
        """Read and check a definition.

        Raise `DefinitionError` naming file, line and key, what was found and what is allowed.
        """
        top = Document(Path(path)).top
        name = _name(top, "name")
        sources = tuple(_source(table) for table in top.tables("sources"))
        entity = question.entity(top.table("entity")) if "entity" in top else None
        goal = question.goal(top.table("goal"), entity)
        cutoffs = question.cutoffs(top.table("cutoffs"), goal, entity)
        features = tuple(families.features(top.table("features"), entity))
        report = top.table("report", optional=True)
        audience = campaign.audience(top.table("audience"), name) if "audience" in top else None
        definition = cls(
            path=Path(path),
            name=name,
            seed=top.number("seed", 0, 0, 2**31 - 1),
            sources=sources,
            goal=goal,
            cutoffs=cutoffs,
            features=features,
            model=modelling.model(top.table("model", optional=True), features),
            title=report.text("title", name.replace("_", " ")),
            funnel=tuple(_funnel(report.table("funnel", optional=True))),
            groups=_groups(report, features),
            places={text: table.where(key) for table, key, text in _texts(top, goal, entity, features)},
            declared={f.name: _declared(top.table("features"), f.name) for f in features},
            entity=entity,
            generator=_generator(top.table("generator")) if "generator" in top else None,
            audience=audience,
            activation=_activation(top, audience),
            uplift=trial.uplift(top.table("uplift"), cutoffs.clock) if "uplift" in top else None,
        )
        report.close()
        top.close(("generator", "entity", "audience", "activation", "uplift"))
        _check(definition, top)
        _check_entity(definition, top)
        _check_generator(definition, top)
        _check_uplift(definition, top)
        _check_chosen_by_uplift(definition, top)
        return definition

    @property
    def event_sources(self) -> tuple[Source, ...]:
        """Return the sources of events."""
        return tuple(s for s in self.sources if s.kind == "event")

    @property
    def profile_sources(self) -> tuple[Source, ...]:
        """Return the sources of profiles."""
        return tuple(s for s in self.sources if s.kind == "profile")

    @property
    def history_sources(self) -> tuple[Source, ...]:
        """Return the sources that tell attributes over time."""
        return tuple(s for s in self.sources if s.kind == "history")

    @property
    def conditions(self) -> tuple[str, ...]:
        """Return each SQL text over an event that is a condition."""
        goal, aggregates = self.goal, [f for f in self.features if f.kind in families.AGGREGATES]
        found = [goal.event, goal.eligible, goal.excluded, *(stage.condition for stage in self.funnel)]
        found += [text for f in aggregates for text in (f.condition, f.of if f.kind == "share" else "")]
        found += [self.entity.where] if self.entity else []
        return tuple(text for text in dict.fromkeys(found) if text)

    @property
    def row_columns(self) -> tuple[str, ...]:
        """Return the columns that tell the rows of a set apart."""
        return ("entity_id", "object_id", "cutoff") if self.entity else ("entity_id", "cutoff")

    def label_end(self, cutoff: datetime) -> datetime | None:
        """Return when the label of a cutoff is known; None for pairs whose event says so."""
        within = self.goal.within
        return None if within is None else within.after(cutoff, self.cutoffs.clock)

    @property
    def spans(self) -> tuple[Span, ...]:
        """Return the time of the goal after each cutoff; nothing for pairs whose event says it."""
        ends = ((cutoff, self.label_end(cutoff)) for cutoff in self.cutoffs.all)
        return tuple(Span(cutoff, end) for cutoff, end in ends if end is not None)

    @property
    def rules(self) -> Mapping[str, Any]:
        """Return what labels and features depend on, as values that JSON can write."""
        shapes = [
            {"kind": s.kind, "columns": [asdict(c) for c in s.columns], "arrival": s.arrival} for s in self.sources
        ]
        whole = asdict(self)
        seed = self.seed if self.cutoffs.drawn else 0
        parts = {part: whole[part] for part in ("entity", "goal", "cutoffs", "features")}
        return {"sources": shapes, "seed": seed, **parts}


def _activation(top: Table, audience: campaign.AudiencePart | None) -> campaign.ActivationPart | None:
    if "activation" not in top:
        return None
    if audience is None:
        raise top.error("activation", "has nobody to deliver", "a section [audience] with top = 0.1")
    return campaign.activation(top.table("activation"), audience.by)


def _generator(table: Table) -> Generator:
    preset = table.choice("preset", tuple(PRESETS), "newsletter")
    people = table.number("people", PRESETS[preset]["people"], 1, 100_000_000)
    days = table.number("days", PRESETS[preset]["days"], 1, 3_650)
    start = table.moment("start")
    if start.time() != time():
        raise table.error("start", f"is {start}", "a date such as 2017-07-15, without a time")
    seed = table.number("seed", 0, 0, 2**31 - 1)
    shares = {name: table.share(name, PRESETS[preset].get(name, 0.0), above=False) for name in SHARES}
    treatment = table.moment("treatment") if "treatment" in table or shares["treated"] else None
    given = treatment.date() if treatment else None
    found = Generator(people, days, start.date(), seed, **shares, treatment=given, preset=preset)
    if treatment and (treatment.time() != time() or not found.start <= treatment.date() < found.end.date()):
        wanted = f"a day from {found.start} on and before {found.end:%Y-%m-%d}"
        raise table.error("treatment", f"is {treatment:%Y-%m-%d %H:%M}", wanted)
    if treatment and not found.treated:
        raise table.error("treatment", f"is {treatment:%Y-%m-%d}, but nobody is treated", "treated = 0.5 beside it")
    table.close(("treatment",))
    return found


def _texts(
    top: Table, goal: Goal, entity: Entity | None, features: Sequence[Feature]
) -> Iterator[tuple[Table, str, str]]:
    """Yield each SQL text over events, with the table and the key where it stands."""
    funnel = top.table("report", optional=True).table("funnel", optional=True)
    for name in funnel.keys():  # noqa: SIM118
        yield funnel, name, funnel.text(name)
    table = top.table("features")
    for feature in features:
        if feature.kind in families.AGGREGATES:
            name = _key_of(table, feature.name)
            over_events = feature.of if feature.kind not in families.OF_CLOCK else ""
            yield from ((table, name, text) for text in (over_events, feature.condition) if text)
    if entity is not None:
        yield top.table("entity"), "where", entity.where
    if "uplift" in top and "treated" in top.table("uplift"):
        yield top.table("uplift"), "treated", top.table("uplift").text("treated")
    asked = {"value": goal.value, "excluded": goal.excluded, "eligible": goal.eligible, "event": goal.event}
    yield from ((top.table("goal"), key, text) for key, text in asked.items() if text)


def _key_of(table: Table, feature: str) -> str:
    """Return the key that declares a feature, whose name is the key with or without a window's ending."""
    return max((key for key in table.keys() if feature.startswith(key)), key=len)  # noqa: SIM118


def _declared(table: Table, feature: str) -> str:
    return table.where(_key_of(table, feature))


def _source(table: Table) -> Source:
    kind = table.choice("class", tuple(KINDS), "event")
    files = table.table("files", optional=True)
    found = Source(
        dataset=table.text("dataset"),
        kind=KINDS[kind],
        files={alias: files.text(alias) for alias in files.keys()},  # noqa: SIM118
        sql=table.text("sql") if "sql" in table else None,
        columns=tuple(_columns(table.table("columns"))),
        key=table.text("key") if "key" in table else None,
        field_groups=table.texts("field_groups"),
        where=table.where(),
        arrival=table.text("arrival") if "arrival" in table else None,
    )
    table.close(("sql", "key", "arrival"))
    if found.sql is None and len(found.files) > 1:
        raise table.error("files", "names several files", "one file, or an sql that says how their rows come together")
    if found.sql is not None and not found.files:
        raise table.error("sql", "stands alone", "files that it reads")
    _check_columns(found, table)
    return found


def _columns(table: Table) -> Iterator[Column]:
    for name in table.keys():  # noqa: SIM118
        if not NAME.fullmatch(name.lower()):
            raise table.error(name, "is no column name", "letters, digits and underscores")
        if isinstance(table.raw(name), str):
            yield Column(name, table.text(name))
            continue
        inner = table.table(name)
        yield Column(
            name,
            inner.text("path"),
            inner.choice("type", TYPES) if "type" in inner else None,
            inner.text("identity") if "identity" in inner else None,
        )
        inner.close(("type", "identity"))


def _check_columns(source: Source, table: Table) -> None:
    columns = table.table("columns")
    paths = [c.path for c in source.columns]
    if sum(c.identity is not None for c in source.columns) != 1:
        wanted = 'exactly one column such as customer = { path = "{tenant}.customer", identity = "CRMID" }'
        raise columns.error(source.columns[0].name if source.columns else "", "stands in no identity", wanted)
    for column in source.columns:
        if source.kind != "profile" and column.name.lower() in RESERVED_COLUMNS:
            raise columns.error(column.name, "is a name that features need", "another name, given in sql")
        if paths.count(column.path) > 1:
            raise columns.error(column.name, f"maps to {column.path}, like another column", "paths that differ")
        if any(other.startswith(f"{column.path}.") for other in paths):
            raise columns.error(column.name, f"maps to {column.path}, which holds others", "the path of a single value")
    needed = (TIMESTAMP, EVENT_TYPE) if source.kind != "profile" else ()
    for path in needed:
        if path not in paths:
            raise DefinitionError(f'{columns.where()} lacks a column that maps to "{path}", which every event has')
    known = [c.name for c in source.columns]
    for key, name in (("key", source.key), ("arrival", source.arrival)):
        if name is not None and name not in known:
            raise table.error(key, f"is {name!r}", f"one of {', '.join(known)}", nearest(name, known))


def _funnel(table: Table) -> Iterator[Stage]:
    for name in table.keys():  # noqa: SIM118
        yield Stage(name, table.text(name))


def _groups(report: Table, features: Sequence[Feature]) -> tuple[str, ...]:
    names = [f.name for f in features]
    found = report.texts("groups", ())
    for name in found:
        if name not in names:
            raise report.error("groups", f"names {name!r}", "names of features", nearest(name, names))
    return found


def _name(table: Table, key: str) -> str:
    found = table.text(key)
    if not NAME.fullmatch(found):
        raise table.error(key, f"is {found!r}", "lower-case letters, digits and underscores, beginning with a letter")
    return found


def _check(definition: Definition, top: Table) -> None:
    if not definition.event_sources:
        raise DefinitionError(f"{top.where('sources')} has no events; one source must be of class event")
    _check_unique(top, "sources", [s.dataset for s in definition.sources], "dataset")
    _check_unique(top, "features", [f.name for f in definition.features], "feature")
    late = next((s for s in definition.event_sources if s.arrival), None)
    for feature in definition.features:
        if feature.kind == "gap_last" and late is not None:
            wanted = f"gap_mean, or another kind: {late.dataset!r} has late rows (arrival), and one may come between"
            raise top.table("features").error(feature.name, "is gap_last", wanted)
    told = (*definition.profile_sources, *definition.history_sources)
    attributes = {c.name for s in told for c in s.columns if not c.identity}
    for feature in definition.features:
        if feature.kind == "attribute" and feature.of not in attributes:
            known = sorted(attributes)
            wanted = f"a column of a profile or history: {', '.join(known) or 'there is none'}"
            raise top.table("features").error(
                feature.name, f"takes the attribute {feature.of!r}", wanted, nearest(feature.of, known)
            )


def _check_entity(definition: Definition, top: Table) -> None:
    """The columns that make pairs are columns of events; a person has one score, so pairs are chosen by nobody."""
    if definition.entity is None:
        return
    known = sorted({c.name for s in definition.event_sources for c in s.columns})
    asked = [("entity", "pair", definition.entity.pair), ("goal", "until", definition.goal.until)]
    for section, key, name in asked:
        if name and name not in known:
            inner = top.table(section)
            raise inner.error(key, f"is {name!r}", f"a column of events: {', '.join(known)}", nearest(name, known))
    for feature in definition.features:
        if feature.kind == "object" and feature.of not in known:
            told, wanted = f"takes {feature.of!r} of the object", f"a column of events: {', '.join(known)}"
            raise top.table("features").error(feature.name, told, wanted, nearest(feature.of, known))
    if definition.audience is not None:
        wanted = "no such section beside [entity]: a pair has a score, and profiles are chosen by one of a person"
        raise top.error("audience", "chooses profiles", wanted)


def _check_generator(definition: Definition, top: Table) -> None:
    generator, known = definition.generator, [GENERATED + part for part in GENERATED_PARTS]
    used = list(_generated(definition, top))
    for text, alias, files in used:
        if text not in known:
            raise files.error(alias, f"is {text!r}", f"one of {', '.join(known)}", nearest(text, known))
        if generator is None:
            told = f"is {text!r}, but nothing is generated"
            raise files.error(alias, told, "a section [generator] with people, days and start")
    if generator is not None:
        if not used:
            raise top.error("generator", "is used by no source", f'a source with files.ALIAS = "{known[0]}"')
        _check_days(generator, definition, top)


def _generated(definition: Definition, top: Table) -> Iterator[tuple[str, str, Table]]:
    for source, table in zip(definition.sources, top.tables("sources"), strict=True):
        for alias, text in source.files.items():
            if text.startswith(GENERATED):
                yield text, alias, table.table("files")


def _check_days(generator: Generator, definition: Definition, top: Table) -> None:
    """The truth is known within the days of synthetic people, of a goal whose time is known."""
    within, cutoffs, table = definition.goal.within, definition.cutoffs, top.table("cutoffs")
    if within is None:
        raise top.table("goal").error("until", f"is {definition.goal.until!r}", "within beside [generator]")
    begin = datetime.combine(generator.start, time())
    span = f"a time after {generator.start} and until {generator.end:%Y-%m-%d}, when the days of [generator] end"
    for key, moments in {"train": cutoffs.train, "test": cutoffs.test, "score": (cutoffs.score,)}.items():
        for moment in moments:
            if not begin < moment <= generator.end or moment.microsecond % 1000:
                raise table.error(key, f"is {moment:%Y-%m-%d %H:%M}", f"{span}, in whole milliseconds")
    end, last = generator.end - timedelta(days=1), cutoffs.test[-1]
    if within.after(last, cutoffs.clock) > end:
        latest = within.before(end, cutoffs.clock)
        wanted = f"{latest:%Y-%m-%d} or earlier, so that its label is known on the last day of [generator]"
        told = "is" if len(cutoffs.test) == 1 else "ends with"
        raise table.error("test", f"{told} {last:%Y-%m-%d}", wanted)


def _check_uplift(definition: Definition, top: Table) -> None:
    part = definition.uplift
    if part is None:
        return
    if definition.entity is not None:
        raise top.error("uplift", "asks about persons", "no such section beside [entity], which asks about pairs")
    if part.least is not None and not (definition.audience and definition.audience.control):
        told, wanted = "takes the audience's control group", "audience.control, as it was for that campaign"
        raise top.table("uplift").error("audience", told, wanted)


def _check_chosen_by_uplift(definition: Definition, top: Table) -> None:
    """Everybody's uplift is known only where an experiment tells it."""
    part, audience, activation = definition.uplift, definition.audience, definition.activation
    wanted = "a section [uplift] with treated, a campaign of the past whose recipients were chosen by chance"
    if audience is not None and audience.by == campaign.UPLIFT:
        table, other = top.table("audience"), f'{wanted}; or by = "score"'
        if part is None:
            raise table.error("by", "is 'uplift', but no experiment tells it", other)
        if not part.forecasts:
            told = "is 'uplift', but uplift.audience tells of those only who were chosen then"
            raise table.error("by", told, other)
    asked = next((c for c in activation.columns if c.source == campaign.UPLIFT), None) if activation else None
    if asked is not None and not (part and part.forecasts):
        raise top.table("activation").table("columns").error(asked.name, "is 'uplift', which nothing tells", wanted)


def _check_unique(top: Table, key: str, names: Sequence[str], what: str) -> None:
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise top.error(key, f"name the {what} {twice!r} twice", "names that differ")
