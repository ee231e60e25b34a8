"""One person, from events to features to the score to the audiences: what is there, computing nothing anew."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.client import Client
from limbeck.client.people import Person
from limbeck.errors import InvalidInput, NotFound
from limbeck.propensity.reasons import because
from limbeck.settings import Settings
from limbeck.workflow import latest
from limbeck.workflow.campaign import GROUP, SCORE
from limbeck.workflow.datasets import EVENT_TYPE
from limbeck.workflow.definition import Definition
from limbeck.workflow.ingest import CONTROL, path_of
from limbeck.workflow.names import literal, literal_text, quoted
from limbeck.workflow.relations import events
from limbeck.workflow.run import Done, Run
from limbeck.workflow.sources import TENANT

if TYPE_CHECKING:
    import pyarrow as pa

LAST_EVENTS = 10
NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
SCORED, NOT_SCORED, NOT_ELIGIBLE = "scored", "not scored", "not eligible"

Explanation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Who:
    """The person who was asked for, as the definition and the platform know them."""

    namespace: str
    id: str
    person: Person | None
    """The profile; None if no dataset of Profile tells of them."""
    entities: tuple[str, ...]
    """Their identities in the namespace of the definition's events."""


def explain(
    profile: str, client: Client, definition: Definition | Path | str | None = None, home: Path | str | None = None
) -> Explanation:
    """Return what leads to one person's score and memberships, as values that JSON can write.

    *profile* is `NAMESPACE:id`, or an id in the namespace of the definition's events; without *definition* it is that
    of the latest run in *home* (`./.limbeck`). `state` is `scored`, `not scored` or `not eligible`, `told` says it in
    words, and `commands` names by part what has to be run for what is not there. No step is run. Raise `NotFound` if
    nobody knows the person, or there is no definition; `InvalidInput` if *profile* is no identity.
    """
    root = Settings.load(home).home
    found = definition or latest.definition(root)
    loaded = found if isinstance(found, Definition) else Definition.load(found)
    done = Run(loaded, client, root).look()
    who = _who(profile, client, loaded)
    acts = _events(client, loaded, done, who)
    features = _features(loaded, done, who)
    if who.person is None and features is None and not (acts and acts["count"]):
        raise NotFound(_unknown(who, loaded, done))
    score = _score(done, who)
    state, told = _state(loaded, done, features, score)
    group = None if who.person is None else _at(who.person.entity, path_of(loaded, GROUP, client.tenant))
    return {
        "profile": {"namespace": who.namespace, "id": who.id},
        "definition": {"name": loaded.name, "title": loaded.title, "path": str(loaded.path.absolute())},
        "cutoff": loaded.cutoffs.score.isoformat(),
        "state": state,
        "told": told,
        "identities": _identities(who),
        "attributes": _attributes(client, loaded, who),
        "events": acts,
        "features": features,
        "score": score,
        "on_profile": _on_profile(client, loaded, who),
        "audiences": _audiences(client, loaded, who),
        "control": None if group is None else group == CONTROL,
        "commands": _commands(client, loaded, done, group),
    }


# -- who ----------------------------------------------------------------------------------------------------------


def _who(profile: str, client: Client, definition: Definition) -> Who:
    own = str(definition.event_sources[0].identity.identity)
    left, colon, right = profile.partition(":")
    namespace, value = (left, right) if colon and NAMESPACE.fullmatch(left) else (own, profile)
    if not value.strip():
        raise InvalidInput(f"{profile!r} names nobody; write NAMESPACE:id, or an id of namespace {own}")
    person = client.people.find(namespace, value)
    known = [i["id"] for ns, found in _identity_map(person).items() if ns.lower() == own.lower() for i in found]
    asked = [value] if namespace.lower() == own.lower() else []
    return Who(namespace, value, person, tuple(dict.fromkeys([*asked, *known])))


def _identity_map(person: Person | None) -> Mapping[str, Sequence[Mapping[str, str]]]:
    found: Mapping[str, Sequence[Mapping[str, str]]] = {} if person is None else person.entity.get("identityMap", {})
    return found


def _identities(who: Who) -> dict[str, list[str]]:
    found = {namespace: [i["id"] for i in values] for namespace, values in _identity_map(who.person).items()}
    return found or {who.namespace: [who.id]}


def _unknown(who: Who, definition: Definition, done: Done) -> str:
    told = f"nobody is known by the identity {who.id!r} of namespace {who.namespace}"
    if not done.datasets:
        return f"{told}; the data of {definition.name} are not loaded yet, run: limbeck generate {definition.path}"
    return f"{told}: neither profiles nor the events of {definition.name} have them"


def _attributes(client: Client, definition: Definition, who: Who) -> list[dict[str, Any]]:
    """Return the attributes that the definition names, with the dataset and the time that they come from."""
    if who.person is None:
        return []
    names = {dataset.id: dataset.name for dataset in client.datasets()}
    found = []
    for column in (c for source in definition.profile_sources for c in source.columns if not c.identity):
        path = column.path.replace(TENANT, f"_{client.tenant}", 1)
        origin = who.person.sources.get(path, {})
        dataset = names.get(origin.get("datasetId", ""), origin.get("datasetId"))
        value = _at(who.person.entity, path)
        found.append({"name": column.name, "value": value, "dataset": dataset, "time": origin.get("time")})
    return found


def _at(entity: Mapping[str, Any], path: str) -> Any:
    value: Any = entity
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


# -- events, features, score --------------------------------------------------------------------------------------


def _events(client: Client, definition: Definition, done: Done, who: Who) -> dict[str, Any] | None:
    """Return the person's events before the scoring cutoff: `count`, `types`, and the `last` ones, newest first."""
    if not done.datasets:
        return None
    if not who.entities:
        return {"count": 0, "types": {}, "last": []}
    tables = {name: loaded.dataset.table for name, loaded in done.datasets.items()}
    kinds = {c.name: None for s in definition.event_sources for c in s.columns if c.path == EVENT_TYPE}
    mine = ", ".join(map(literal_text, who.entities))
    relation = (
        f"SELECT event_time, coalesce({', '.join(map(quoted, kinds))}, NULL) AS kind "
        f"FROM (\n    {events(definition, tables, client.tenant)}\n) AS events "
        f"WHERE entity_id IN ({mine}) AND event_time < {literal(definition.cutoffs.score)}"
    )
    counted = f"SELECT kind, count(*) AS events FROM ({relation}) AS mine GROUP BY kind ORDER BY events DESC, kind"
    newest = f"SELECT event_time, kind FROM ({relation}) AS mine ORDER BY event_time DESC, kind LIMIT {LAST_EVENTS}"
    types = {row["kind"]: row["events"] for row in client.sql(counted).table().to_pylist()}
    last = client.sql(newest).table().to_pylist()
    rows = [{"time": row["event_time"].isoformat(), "type": row["kind"]} for row in last]
    return {"count": sum(types.values()), "types": types, "last": rows}


def _features(definition: Definition, done: Done, who: Who) -> list[dict[str, Any]] | None:
    """Return the person's features with the middle of everybody's; None if they are not in the scoring set."""
    import pyarrow.parquet as pq

    if not done.features:
        return None
    table = pq.read_table(list(done.features))
    row = _row_of(table, who)
    if row is None:
        return None
    names = [feature.name for feature in definition.features]
    return [{"name": name, "value": row[name], "median": _middle(table[name])} for name in names]


def _row_of(table: pa.Table, who: Who) -> dict[str, Any] | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    mine = table.filter(pc.is_in(table["entity_id"], pa.array(who.entities, pa.string())))
    found = {row["entity_id"]: row for row in mine.to_pylist()}
    return next((found[entity] for entity in who.entities if entity in found), None)


def _middle(column: pa.ChunkedArray) -> Any:
    """Return the median of numbers, the most frequent of texts and flags; None where there is neither."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = column.drop_null()
    if not len(known):
        return None
    if pa.types.is_integer(known.type) or pa.types.is_floating(known.type) or pa.types.is_decimal(known.type):
        return float(pc.quantile(known.cast(pa.float64()), 0.5)[0].as_py())
    counted = sorted(known.value_counts().to_pylist(), key=lambda entry: (-entry["counts"], str(entry["values"])))
    return counted[0]["values"]


def _score(done: Done, who: Who) -> dict[str, Any] | None:
    """Return the person's probability and their place among all who were scored."""
    import pyarrow.parquet as pq

    if done.scores is None or done.model is None:
        return None
    table = pq.read_table(done.scores)
    row = _row_of(table, who)
    if row is None:
        return None
    reasons = json.loads(row["reasons"] or "[]")
    return {
        "probability": row["score"],
        "rank": row["rank"],
        "scored": table.num_rows,
        "percentile": row["percentile"],
        "points": row["points"],
        "bucket": row["bucket"],
        "reasons": reasons,
        "because": because(reasons, done.model.evaluation["reasons"]["unit"]),
        "model": row["model"],
        "version": row["version"],
        "trained": done.model.trained.isoformat(timespec="seconds"),
        "as_of": row["cutoff"].isoformat(),
    }


def _state(
    definition: Definition, done: Done, features: Sequence[Any] | None, score: Mapping[str, Any] | None
) -> tuple[str, str]:
    cutoff, path = f"{definition.cutoffs.score:%Y-%m-%d %H:%M}", definition.path
    if score is not None:
        return SCORED, f"scored {score['probability']:.4f}, rank {score['rank']:,} of {score['scored']:,}"
    if done.features and features is None:
        told = f"no event before {cutoff} satisfies goal.eligible, {definition.goal.eligible!r}"
        return NOT_ELIGIBLE, f"not eligible: {told}"
    if done.scores is None:
        step = "score" if done.features else "run"
        return NOT_SCORED, f"not scored: {definition.name} has no scores yet, run: limbeck {step} {path}"
    return NOT_SCORED, f"not scored: the scores of {definition.name} do not have them, run: limbeck run {path}"


# -- profile and audiences ----------------------------------------------------------------------------------------


def _on_profile(client: Client, definition: Definition, who: Who) -> dict[str, Any] | None:
    """Return the forecast that the profile keeps, and since when; None if there is none."""
    path = path_of(definition, SCORE, client.tenant)
    value = None if who.person is None else _at(who.person.entity, path.rpartition(".")[0])
    if who.person is None or not isinstance(value, Mapping):
        return None
    return {**value, "since": who.person.sources.get(path, {}).get("time")}


def _audiences(client: Client, definition: Definition, who: Who) -> list[dict[str, Any]]:
    """Return the memberships, and that there is none in the definition's audience if it is so."""
    entity = {} if who.person is None else who.person.entity
    members = entity.get("segmentMembership", {}).get("ups", {})
    known = {audience.id: audience.name for audience in client.audiences.all()}
    found = [
        {"id": i, "name": known.get(i, i), "status": m["status"], "since": m.get("lastQualificationTime")}
        for i, m in members.items()
    ]
    for audience_id in _own(client, definition):
        if audience_id not in members:
            found.append({"id": audience_id, "name": known[audience_id], "status": "not in it", "since": None})
    return found


def _own(client: Client, definition: Definition) -> Iterator[str]:
    """Yield the id of the definition's audience, if it was made."""
    if definition.audience is not None:
        with suppress(NotFound):
            audience = client.audiences.named(definition.audience.name)
            if audience is not None:
                yield audience.id


def _commands(client: Client, definition: Definition, done: Done, group: Any) -> dict[str, str]:
    """Return what has to be run for each part that is not there."""
    missing = {
        "events": None if done.datasets else "generate",
        "features": None if done.features else "export",
        "score": None if done.scores else "score",
        "control": None if group is not None else "ingest",
        "audiences": "activate" if definition.audience and not list(_own(client, definition)) else None,
    }
    return {part: f"limbeck {step} {definition.path}" for part, step in missing.items() if step}
