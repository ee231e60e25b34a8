"""What an experiment of the past tells, from its people as they were known when it began (docs/uplift.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.client import Client
from limbeck.errors import InvalidInput
from limbeck.propensity import frames
from limbeck.propensity.experiment import GROUPS, experiment, points
from limbeck.propensity.fit import probability
from limbeck.propensity.planner import ByShare
from limbeck.propensity.uplift import TREATED
from limbeck.workflow import ingest, pictures
from limbeck.workflow.definition import Definition
from limbeck.workflow.names import literal
from limbeck.workflow.page import page, picture, section, table
from limbeck.workflow.relations import Tables, events
from limbeck.workflow.trial import UpliftPart
from limbeck.workflow.whole import whole

if TYPE_CHECKING:
    import pandas as pd

NAMES = {
    "two_model": "uplift, two models",
    "transformed_outcome": "uplift, transformed outcome",
    "propensity": "propensity, learnt here",
    "score": "the model's score",
}
"""Rankings, for readers."""


def judge(
    client: Client, definition: Definition, part: UpliftPart, files: Sequence[Path], tables: Tables, model: Any
) -> dict[str, Any]:
    """Return what `experiment` finds in the experiment of *part*; *files* hold its people, with features and label.

    The scores of *model* are judged as a ranking if it has not seen these labels: if the campaign began at the test
    cutoff or later. Raise `InvalidInput` if nobody, or everybody, was treated.
    """
    frame = people(client, definition, part, frames.read(files), tables)
    unseen = part.cutoff >= definition.cutoffs.test
    scores = probability(model, frame.drop(columns=TREATED)) if unseen else None
    money = definition.audience.money if definition.audience else None
    least = (money.break_even or None) if money else None
    found = experiment(frame, part.learning, definition.seed, chance=part.chance, least=least, scores=scores)
    return {"name": definition.name, "title": definition.title, "cutoff": part.cutoff.isoformat(), **found}


def people(
    client: Client, definition: Definition, part: UpliftPart, known: pd.DataFrame, tables: Tables
) -> pd.DataFrame:
    """Return the people of the experiment: those of *known* who took part, with the column `treated`."""
    if part.least is None:
        found = client.sql(_treated(client, definition, part, tables)).table()["entity_id"].to_pylist()
        frame = known.assign(**{TREATED: known["entity_id"].isin(found).astype(int)})
        return _checked(frame, f"no event from {part.cutoff} on satisfies uplift.treated", "nobody")
    scored = ingest.scored(client, definition, part.cutoff)
    chosen = scored[scored["score"] >= part.least].set_index("entity_id")["group"]
    frame = known[known["entity_id"].isin(chosen.index)].reset_index(drop=True)
    groups = frame["entity_id"].map(chosen)
    frame = frame.assign(**{TREATED: (groups == ingest.TREATMENT).astype(int)})
    return _checked(
        frame, f"nobody was scored as of {part.cutoff} with at least uplift.audience.least", "no control group"
    )


def _treated(client: Client, definition: Definition, part: UpliftPart, tables: Tables) -> str:
    until = part.within.after(part.cutoff, definition.cutoffs.clock) if part.within else None
    end = until or definition.label_end(part.cutoff)
    relation = events(definition, tables, client.tenant)
    during = f"event_time >= {literal(part.cutoff)}" + (f" AND event_time < {literal(end)}" if end else "")
    return f"SELECT DISTINCT entity_id FROM ({relation}) AS events WHERE {during} AND ({part.treated})"


def _checked(frame: pd.DataFrame, none: str, other: str) -> pd.DataFrame:
    if not len(frame) or not frame[TREATED].any():
        raise InvalidInput(f"nobody was treated: {none}")
    if frame[TREATED].all():
        raise InvalidInput(f"everybody was treated: {other} was left alone by chance, so there is nothing to compare")
    return frame


def effects(found: Mapping[str, Any] | None) -> ByShare | None:
    """Return the effect by share of the people with the highest scores, where the experiment tells it."""
    ranked = None if found is None else found["rankings"].get("score")
    return None if ranked is None else ranked["by_share"]


# -- the page -----------------------------------------------------------------------------------------------------


def write(found: Mapping[str, Any], path: Path) -> None:
    """Write what `judge` found as a page that stands by itself; the file appears whole."""
    parts = [
        f"<h1>Whom it changes</h1>\n<p class='quiet'>{escape(found['title'])}, as of {found['cutoff']}</p>\n",
        "".join(f"<p>{escape(line)}</p>\n" for line in found["told"]),
        *_learnt(found),
    ]
    with whole(path) as beside:
        beside.write_text(page(f"Uplift: {found['title']}", parts), encoding="utf-8")


def _learnt(found: Mapping[str, Any]) -> Iterator[str]:
    rankings = {NAMES[name]: ranked for name, ranked in found["rankings"].items()}
    if rankings:
        curves = {name: ranked["curve"] for name, ranked in rankings.items()}
        rows = [
            [name, "{value:.4f} ({low:.4f} to {high:.4f})".format(**r["qini"]), f"{r['qini']['p']:.3f}"]
            for name, r in rankings.items()
        ]
        note = (
            '<p class="quiet">The line rises by how many more of 100 people convert if the best so many are contacted; '
            "dashed: as many at random. The coefficient is the area between, in conversions per person.</p>\n"
        )
        head = ["ranked by", "Qini coefficient", "chance of as much if it knew nothing"]
        yield section(
            "Choosing by uplift", picture(pictures.qini(curves), "Qini") + note + table(head, rows, numbers=True)
        )
    if "groups" in found:
        yield section("By tenth of the people", picture(pictures.tenths(found["tenths"]), "Uplift by tenth"))
        yield section("The four groups", _groups(found))


def _groups(found: Mapping[str, Any]) -> str:
    rows = [_group(name, found["groups"][name]) for name in GROUPS]
    head = ["looks like", "people", "share", "would convert anyway", "change, measured", "borne out"]
    return table(head, rows, numbers=True) + (
        '<p class="quiet">By forecasts with and without contact: who gains at least '
        f"{100 * found['least']:.1f} points is a persuadable, who loses as much a sleeping dog; of the others, who "
        "converts at the usual rate anyway is a sure thing. Nobody's own group is ever seen: measured is the mean "
        "change in the group.</p>\n"
    )


def _group(name: str, group: Mapping[str, Any]) -> list[str]:
    if not group["people"]:
        return [name, "0", "0.0%", "", "", ""]
    control, shown = f"{group['control']:.1%}", "yes" if group["shown"] else "no"
    return [name, f"{group['people']:,}", f"{group['share']:.1%}", control, points(group["effect"]), shown]
