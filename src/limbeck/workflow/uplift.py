"""What an experiment of the past tells, from its people as they were known when it began (docs/uplift.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from limbeck.client import Client
from limbeck.errors import InvalidInput
from limbeck.propensity.experiment import GROUPS, chances_of, experiment, name_groups, points
from limbeck.propensity.fit import probability
from limbeck.propensity.incremental import by_uplift
from limbeck.propensity.money import Money
from limbeck.propensity.planner import ByShare
from limbeck.propensity.uplift import TREATED, fit
from limbeck.workflow import ingest, pictures
from limbeck.workflow.campaign import SCORE
from limbeck.workflow.definition import Definition
from limbeck.workflow.names import literal
from limbeck.workflow.page import page, picture, section, table
from limbeck.workflow.relations import Tables, events
from limbeck.workflow.trial import UpliftPart
from limbeck.workflow.verdicts import day
from limbeck.workflow.whole import whole

if TYPE_CHECKING:
    import pandas as pd

Judgement = Mapping[str, Any]
"""What `judge` found."""
Now: TypeAlias = "tuple[pd.DataFrame, list[dict[str, Any]]] | None"
"""Each person's uplift, and what each reach by it would bring."""

NAMES = {
    "two_model": "uplift, two models",
    "transformed_outcome": "uplift, transformed outcome",
    "propensity": "propensity, learnt here",
    "score": "the model's score",
}
"""Rankings, for readers."""


def judge(
    definition: Definition, part: UpliftPart, frame: pd.DataFrame, reached: float | None, model: Any
) -> dict[str, Any]:
    """Return what `experiment` finds in the experiment of *part*: of *frame* and *reached*, as `people` returns them.

    The scores of *model* are judged as a ranking if it has not seen these labels: if the campaign began at the first
    test cutoff or later.
    """
    unseen = part.cutoff >= definition.cutoffs.test[0]
    scores = probability(model, frame.drop(columns=TREATED)) if unseen else None
    money = _money(definition)
    least = (money.break_even or None) if money else None
    found = experiment(frame, part.learning, definition.seed, chance=part.chance, least=least, scores=scores)
    return {
        "name": definition.name,
        "title": definition.title,
        "cutoff": part.cutoff.isoformat(),
        "reached": reached,
        **found,
    }


def _money(definition: Definition) -> Money | None:
    return definition.audience.money if definition.audience else None


def forecast(definition: Definition, part: UpliftPart, frame: pd.DataFrame, found: Judgement, now: pd.DataFrame) -> Now:
    """Return the uplift of each of those who can be chosen *now*, and what choosing by it would bring.

    The columns are `entity_id`, `uplift`, `treated` and `control` (the probabilities with and without contact) and
    `group`; *found* is what `judge` found. None where there was too little to learn from, and where only those who
    were chosen took part: of the others nothing is known.
    """
    if "groups" not in found or not part.forecasts:
        return None
    how, by_chance = part.learning, bool(found["balance"]["by_chance"])
    chances = chances_of(frame, part.chance, how, definition.seed, by_chance=by_chance)
    told = fit(frame, chances, how, definition.seed).forecast(now)
    uplift = told.uplift[how.estimator]
    names = np.array(GROUPS)[name_groups(told.control + uplift, told.control, found["least"], found["usual"])]
    columns = {"uplift": uplift, "treated": told.treated, "control": told.control, "group": names}
    ranked = found["rankings"][how.estimator]["by_share"]
    return now[["entity_id"]].assign(**columns), by_uplift(uplift, ranked, _money(definition))


def people(
    client: Client, definition: Definition, part: UpliftPart, known: pd.DataFrame, tables: Tables
) -> tuple[pd.DataFrame, float | None]:
    """Return the people of the experiment, those of *known* who took part, and up to which share of all by score.

    That is None if they were chosen by something else. They have the column `treated`. Raise `InvalidInput` if nobody,
    or everybody, was treated.
    """
    if part.least is None:
        found = client.sql(_treated(client, definition, part, tables)).table()["entity_id"].to_pylist()
        frame = known.assign(**{TREATED: known["entity_id"].isin(found).astype(int)})
        return _checked(frame, f"no event from {part.cutoff} on satisfies uplift.treated", "nobody"), 1.0
    scored = ingest.scored(client, definition, part.cutoff)
    chosen = scored[scored[part.by] >= part.least].set_index("entity_id")["group"]
    frame = known[known["entity_id"].isin(chosen.index)].reset_index(drop=True)
    groups = frame["entity_id"].map(chosen)
    frame = frame.assign(**{TREATED: (groups == ingest.TREATMENT).astype(int)})
    none = f"nobody had as of {part.cutoff} {part.by} of at least uplift.audience.least"
    return _checked(frame, none, "no control group"), len(chosen) / len(scored) if part.by == SCORE else None


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
    """Return the effect by share of all with the highest scores, as far as those of the experiment reach.

    None where the experiment does not tell it.
    """
    ranked = None if found is None else found["rankings"].get("score")
    if found is None or ranked is None or found["reached"] is None:
        return None
    return [{**row, "share": row["share"] * found["reached"]} for row in ranked["by_share"]]


# -- the page -----------------------------------------------------------------------------------------------------


def write(found: Mapping[str, Any], path: Path) -> None:
    """Write what `judge` found as a page that stands by itself; the file appears whole."""
    parts = [
        f"<h1>Whom it changes</h1>\n<p class='quiet'>{escape(found['title'])} "
        f"The experiment of {escape(day(found['cutoff']))}.</p>\n",
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
            [name, "{value:+.4f} ({low:+.4f} to {high:+.4f})".format(**r["qini"]), f"{r['qini']['p']:.3f}"]
            for name, r in rankings.items()
        ]
        note = (
            '<p class="quiet">The lines say how many more of 100 people convert if the best so many are contacted, the '
            "band where the first of them lies 95 times in 100. The coefficient is the area between a line and that of "
            "as many at random, in conversions per person.</p>\n"
        )
        head = ["ranked by", "Qini coefficient", "p: chance of as much if it knew nothing"]
        yield section(
            "Choosing by uplift", picture(pictures.qini(curves), "Qini") + note + table(head, rows, numbers=True)
        )
    if "groups" in found:
        yield section("By tenth of the people", picture(pictures.tenths(found["tenths"]), "Uplift by tenth"))
        yield section("The four groups", _groups(found))
    if found.get("now"):
        yield section("If people were chosen by uplift now", _now(found["now"]))


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


PAYS = " The least uplift pays if, as it is predicted, it is at least cost ÷ value; whether all do, the profit says."


def _now(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ["of all scored", "people", "least uplift", "conversions added", *(["cost"] if "cost" in rows[0] else [])]
    head += ["profit of these", "least uplift pays"] if "pays" in rows[0] else []
    return table(head, [_reach(row) for row in rows], numbers=True) + (
        '<p class="quiet">Those with the highest predicted uplift first. What they add is what the experiment measured '
        "among the same share of its people; whom it is, uplift.parquet says."
        + (PAYS if "pays" in rows[0] else "")
        + "</p>\n"
    )


def _reach(row: Mapping[str, Any]) -> list[str]:
    cells = [
        f"{row['share']:.1%}",
        f"{row['people']:,}",
        f"{100 * row['threshold']:+.1f} points",
        _count(row["incremental"]),
    ]
    cells += [f"{row['cost']:,.0f}"] if "cost" in row else []
    return cells + ([_count(row["incremental_profit"]), "yes" if row["pays"] else "no"] if "pays" in row else [])


def _count(measure: Mapping[str, float]) -> str:
    return "{value:,.0f} ({low:,.0f} to {high:,.0f})".format(**measure)
