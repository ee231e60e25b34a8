"""Whether the sections of a definition fit each other; each has been read by then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from limbeck.errors import DefinitionError, nearest
from limbeck.workflow import campaign
from limbeck.workflow.toml_text import Table
from limbeck.workflow.world import GENERATED, GENERATED_PARTS, Generator

if TYPE_CHECKING:
    from limbeck.workflow.definition import Definition


def check(definition: Definition, top: Table) -> None:
    """Raise `DefinitionError`, with file, line and key, if a section asks for what another does not have."""
    _check_known(definition, top)
    _check_entity(definition, top)
    _check_generator(definition, top)
    _check_uplift(definition, top)
    _check_chosen_by_uplift(definition, top)


def _check_known(definition: Definition, top: Table) -> None:
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
