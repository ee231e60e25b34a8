# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7 · Activate
#
# Whom do we write to? More people bring more conversions, and each further person brings less. The planner shows that
# trade before anything happens; then the choice becomes an *audience*, a rule over profiles; and its members are
# delivered as a file, except for a *control group*, which shows afterwards what the campaign itself did.
#
# `TOP` and `CONTROL` count only if the definition has no `[audience]` of its own: the share of people to choose, and
# the share to hold out.

# %%
DEFINITION = "../examples/newsletter.toml"
HOME = ".limbeck"
CONFIG = None
TOP = 0.1
CONTROL = 0.1

# %%
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import limbeck
from limbeck.propensity import frames
from limbeck.propensity.money import Choice
from limbeck.propensity.planner import Planner
from limbeck.propensity.surface import surface
from limbeck.workflow import pictures
from limbeck.workflow.campaign import ActivationPart, AudiencePart
from limbeck.workflow.ingest import groups
from limbeck.workflow.names import literal
from limbeck.workflow.planning import told
from limbeck.workflow.relations import events

if "__file__" in globals():  # run as a script: paths count from where this file lies, as they do in Jupyter
    os.chdir(Path(__file__).resolve().parent)

definition = limbeck.Definition.load(DEFINITION)
definition = replace(
    definition,
    audience=definition.audience or AudiencePart(f"Best of {definition.name}", Choice("top", TOP), CONTROL),
    activation=definition.activation or ActivationPart(),
)
assert definition.audience.by == "score", "this notebook looks at scores; for uplifts see limbeck plan, docs/uplift.md"
aep = limbeck.connect(HOME, CONFIG)
with limbeck.steps(definition, aep, HOME) as steps:
    planned = steps.planned_audience
scores, evaluation = pd.read_parquet(steps.scores), steps.model.evaluation

# %% [markdown]
# ## The plan
#
# Each line: if everybody with at least this score is chosen, how many people is that, which share of them converts,
# and how many conversions is it? The share is what the *test* showed for the same part of the people, with the range
# in which 95 % of its resamples lie; the people are those scored *now*. Nothing has been made or sent so far.

# %%
rows = [reach.shown() for reach in planned.table]
pd.DataFrame(
    [
        {
            "of all": f"{row['share']:.1%}",
            "people": row["people"],
            "least score": round(row["threshold"], 4),
            "convert": "{value:.1%} ({low:.1%} to {high:.1%})".format(**row["precision"]),
            "conversions": "{value:,.0f} ({low:,.0f} to {high:,.0f})".format(**row["conversions"]),
        }
        for row in rows
    ]
)

# %%
pictures.reach(rows, planned.chosen.shown())

# %% [markdown]
# The same by threshold, for whoever thinks in scores. The distance between the lines is the people who are reached in
# vain. `Planner.at` answers any such question, for one threshold or for many.

# %%
planner = Planner(scores["score"].to_numpy(), evaluation["by_share"])
grid = np.unique(np.quantile(scores["score"], np.linspace(0, 0.995, 100)))
curve = [planner.at(threshold).shown() for threshold in grid]
pictures.thresholds(curve, planned.chosen.shown())

# %% [markdown]
# ## Propensity, reach and look-back
#
# A second lever is how long ago somebody was last seen: one may write only to people of the last week. Columns are
# thresholds of the score, rows are look-backs. The colour is the share who converted in the *test*, of those with
# such a score and such a look-back *then*; the number in a cell is how many people that reaches *now*. Go along a
# column: if the colour hardly changes, the look-back costs reach and brings nothing, since the score knows recency
# already. A cell stays blank where the test had fewer than 20 such people.

# %%
judged = frames.read(steps.features["test"].files)
judged["score"] = steps.pipeline.predict_proba(judged[frames.features_of(judged)])[:, 1].round(12)
relation = events(definition, steps.tables, aep.tenant)


def with_days(frame, cutoff):
    """Add how many days before the cutoff each person was last seen."""
    days = f"datediff({literal(cutoff)}, max(event_time))"
    known = f"SELECT entity_id, {days} AS days FROM ({relation}) AS events WHERE event_time < {literal(cutoff)}"
    return frame.merge(aep.sql(f"{known} GROUP BY entity_id").to_pandas(), on="entity_id")


now = with_days(scores, definition.cutoffs.score)
then = pd.concat([with_days(judged[judged["cutoff"] == c], c) for c in map(pd.Timestamp, definition.cutoffs.test)])
look_backs = {"1 day": 1, "3 days": 3, "7 days": 7, "14 days": 14, "28 days": 28, "ever": np.inf}
columns = {f"{reach.threshold:.3f}  ({reach.share:.0%})": reach for reach in planned.table}
groups_of = {name: tuple((side["days"] <= d).to_numpy() for side in (now, then)) for name, d in look_backs.items()}
both = (side["score"].to_numpy() for side in (now, then))
least = {name: reach.threshold for name, reach in columns.items()}
cells = surface(*both, then["label"].to_numpy(float), groups_of, list(least.values()), definition.audience.money)
people, rates = pd.DataFrame(index=look_backs, columns=columns), pd.DataFrame(index=look_backs, columns=columns)
for cell, column in zip(cells, list(columns) * len(look_backs), strict=True):
    people.loc[cell["group"], column] = cell["people"]
    rates.loc[cell["group"], column] = np.nan if cell["precision"] is None else cell["precision"]["value"]
pictures.surface(rates.astype(float), people, "last seen within", "least score (share of all)")

# %% [markdown]
# ## The choice
#
# This is whom the definition chooses. Its rule is PQL, the language of AEP's audiences, over attributes of profiles:
# anybody can read it, and evaluate it elsewhere.

# %%
chosen = planned.chosen
print(definition.audience.choice)
print("\n".join(told(planned)))
print(planned.rule)

# %% [markdown]
# ## Make the audience, and deliver it
#
# Now something happens: scores come onto profiles if they are not there, the audience is made and evaluated, and its
# members are written to the landing zone. What was delivered already is not delivered again.

# %%
with steps.working():
    campaign = steps.campaign
audience, delivery = campaign["audience"], campaign["activation"]
pd.Series({**audience, **delivery}, name="campaign").to_frame()

# %% [markdown]
# ## What the other side gets
#
# A file, and after it a manifest, which names the files with their rows and sizes: whoever waits for the manifest
# never reads half a file.

# %%
zone = aep.landing_zone("export")
manifest = json.loads(zone.read(f"{delivery['path']}/{delivery['manifest']}"))
parts = []
for name in delivery["files"]:
    with zone.open(f"{delivery['path']}/{name}") as handle:
        parts.append(pd.read_parquet(handle) if name.endswith(".parquet") else pd.read_csv(handle, dtype=str))
delivered = pd.concat(parts, ignore_index=True)
manifest

# %%
delivered.head()

# %% [markdown]
# ## Who gets nothing
#
# The chosen who are in no file are of two kinds. The *control group* is drawn by a chance that is always the same for
# a person, so it is the same tomorrow, and profiles say who is in it. Compare conversions of both groups *after* the
# campaign: the difference is what it did. Without such a group, a good forecast looks like a good campaign. And who
# has *opted out* of everything (`optInOut.globalOptout`, `privacyOptOuts`) is in no audience, whatever the rule says:
# the platform sees to that, as AEP does. Mean scores of the first two lines should be alike.

# %%
identity = next((c.name for c in definition.activation.columns if c.source == "identity"), None)
above = scores[scores["score"] >= chosen.threshold].copy()
above["group"] = groups(above["entity_id"].tolist(), definition.seed, definition.audience.control)
if identity:
    silent = (above["group"] == "treatment") & ~above["entity_id"].isin(delivered[identity])
    above.loc[silent, "group"] = "opted out"
above.groupby("group").agg(people=("score", "size"), mean_score=("score", "mean")).sort_index(ascending=False).round(3)

# %% [markdown]
# ## Was the plan right?
#
# For real people the answer comes after the campaign. Synthetic people have a true probability, written beside the
# data and seen by no step: its mean over the delivered is what the plan tried to tell. `best` is what a forecaster
# who knows everything would reach with as many people.

# %%
true_share = None
if steps.generated is not None and identity:
    truth = pd.read_parquet(steps.generated / "truth.parquet")
    truth = truth[truth["cutoff"] == pd.Timestamp(definition.cutoffs.score)].set_index("entity_id")["probability"]
    true_share = truth.loc[delivered[identity]].mean()
    best = truth.nlargest(len(delivered)).mean()
    print(f"the delivered convert with {true_share:.1%}; everybody with {truth.mean():.1%}; best {best:.1%}")
    print("the plan said {value:.1%} ({low:.1%} to {high:.1%})".format(**chosen.precision))

# %% [markdown]
# ## What this notebook claims
#
# Delivered are exactly those with at least the chosen score, except for the control group and who has opted out, each
# once; the audience on the platform, the manifest and the file agree; profiles know who is a member, who is held out,
# and who has opted out; the table over look-backs agrees with the plan where nobody is left out; and, where the truth
# is known, the mean true probability of the delivered lies within the interval that the plan gave.

# %%
namespace = definition.event_sources[0].identity.identity
listed = [entry for entry in manifest["exportResults"] if entry["name"] in delivery["files"]]
assert audience["size"] == delivery["rows"] == len(delivered) == sum(int(entry["rows"]) for entry in listed)
assert aep.audiences.get(audience["id"]).rule == planned.rule
assert len(above) == chosen.people
assert (above["group"] == "control").sum() == planned.control
assert people.loc["ever"].to_dict() == {column: reach.people for column, reach in columns.items()}
assert (people.astype(int).diff().dropna() >= 0).all(axis=None)
if identity:
    assert delivered[identity].is_unique
    assert set(delivered[identity]) == set(above.loc[above["group"] == "treatment", "entity_id"])
    for row in above.groupby("group").head(5).to_dict("records"):
        person = aep.people.find(namespace, row["entity_id"])
        kept = person.entity[f"_{aep.tenant}"]["propensity"][definition.name]
        assert (kept["group"] == "control") == (row["group"] == "control")
        assert (person.audiences.get(audience["id"]) == "realized") == (row["group"] == "treatment")
        if row["group"] == "opted out":
            assert person.entity.get("optInOut", {}).get("globalOptout") or person.entity.get("privacyOptOuts")
if true_share is not None:
    assert chosen.precision["low"] <= true_share <= chosen.precision["high"]
aep.close()
