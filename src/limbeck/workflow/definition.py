"""The definition of a propensity forecast: what is known, what is asked, from which features (docs/definition.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from limbeck.errors import nearest
from limbeck.workflow import campaign, consistent, datasets, families, modelling, question, trial, world
from limbeck.workflow.datasets import Source
from limbeck.workflow.families import NAME, Feature
from limbeck.workflow.modelling import ModelPart
from limbeck.workflow.question import Cutoffs, Entity, Goal, Span
from limbeck.workflow.toml_text import Document, Table
from limbeck.workflow.world import Generator


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
        sources = tuple(datasets.source(table) for table in top.tables("sources"))
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
            generator=world.generator(top.table("generator")) if "generator" in top else None,
            audience=audience,
            activation=_activation(top, audience),
            uplift=trial.uplift(top.table("uplift"), cutoffs.clock) if "uplift" in top else None,
        )
        report.close()
        top.close(("generator", "entity", "audience", "activation", "uplift"))
        consistent.check(definition, top)
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
