"""How `explain` shows one person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from limbeck.cli import output
from limbeck.cli.output import Part, Rows
from limbeck.client import Client


def explain(client: Client, profile: str, definition: Path, home: Path | None) -> None:
    """Show what leads to one person's score and memberships."""
    from limbeck.workflow.explain import explain

    found = explain(profile, client, definition, home)
    output.current().sections(found, list(_parts(found)))


def latest(home: Path | None) -> Path:
    """Return the definition of the latest run in a home."""
    from limbeck.settings import Settings
    from limbeck.workflow.latest import definition

    return definition(Settings.load(home).home)


def _parts(found: Mapping[str, Any]) -> Iterator[Part]:
    who, definition = found["profile"], found["definition"]
    yield f"{who['namespace']}:{who['id']} in {definition['name']}: {definition['title']}"
    yield found["told"]
    ids = [f"{namespace}:{value}" for namespace, values in found["identities"].items() for value in values]
    yield f"identities: {', '.join(ids)}"
    if found["attributes"]:
        rows = [(a["name"], _value(a["value"]), a["dataset"], a["time"]) for a in found["attributes"]]
        yield from ("", Rows(("attribute", "value", "dataset", "since"), rows))
    yield from _events(found)
    yield from _features(found)
    yield from _score(found)
    yield from _audiences(found)


def _events(found: Mapping[str, Any]) -> Iterator[Part]:
    events = found["events"]
    yield ""
    if events is None:
        yield f"events: not loaded; run: {found['commands']['events']}"
        return
    types = ", ".join(f"{count:,} {kind}" for kind, count in events["types"].items())
    yield f"{events['count']:,} events before {found['cutoff']}" + (f": {types}; the last:" if types else "")
    if events["last"]:
        yield Rows(("time", "type"), [(e["time"], e["type"]) for e in events["last"]])


def _features(found: Mapping[str, Any]) -> Iterator[Part]:
    yield ""
    if found["features"]:
        rows = [(f["name"], _value(f["value"]), _value(f["median"])) for f in found["features"]]
        yield Rows(("feature", "value", "median or most frequent of all"), rows)
    elif "features" in found["commands"]:
        yield f"features: not computed; run: {found['commands']['features']}"
    else:
        yield "features: none; the scoring set has eligible people only"


def _score(found: Mapping[str, Any]) -> Iterator[Part]:
    score, kept = found["score"], found["on_profile"]
    yield ""
    if score is None:
        yield f"score: none{_run(found, 'score')}"
    else:
        place = f"rank {score['rank']:,} of {score['scored']:,}, above {score['percentile']:.1f} % of them"
        yield f"score {score['probability']:.4f} as of {score['as_of']}, {place}"
        yield f"{score['points']} of 100 points: {score['bucket']}"
        if score["because"]:
            yield f"because: {score['because']}"
        yield f"model {score['model']} version {score['version']}, trained {score['trained']}"
    if kept is not None:
        yield f"on the profile: {kept['score']:.4f} by {kept['model']}, since {kept['since']}"
        if kept.get("uplift") is not None:
            yield f"a contact is predicted to change that by {100 * kept['uplift']:+.1f} points: {kept['upliftGroup']}"


def _audiences(found: Mapping[str, Any]) -> Iterator[Part]:
    yield ""
    if found["audiences"]:
        rows = [(a["name"], a["status"], a["since"]) for a in found["audiences"]]
        yield Rows(("audience", "status", "since"), rows)
    else:
        yield f"audiences: none{_run(found, 'audiences')}"
    control = {True: "held out as control", False: "not held out", None: "not known" + _run(found, "control")}
    yield f"control group: {control[found['control']]}"


def _run(found: Mapping[str, Any], part: str) -> str:
    return f"; run: {found['commands'][part]}" if part in found["commands"] else ""


def _value(value: Any) -> str | None:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    return None if value is None else str(value)
