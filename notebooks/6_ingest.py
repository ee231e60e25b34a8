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
# # 6 · Ingest: scores onto profiles
#
# A score in a file helps nobody. It comes home the way any data come to AEP: a file in the *upload* area of the
# landing zone, a mapping from its columns to XDM, and a dataflow that picks it up into a dataset that is enabled for
# Profile. From then on the score is an attribute of the person, like the name or the city, and whatever reads
# profiles can use it.

# %%
DEFINITION = "../examples/newsletter.toml"
HOME = ".limbeck"
CONFIG = None

# %%
import os
from pathlib import Path

import pandas as pd

import limbeck
from limbeck.workflow.names import quoted

if "__file__" in globals():  # run as a script: paths count from where this file lies, as they do in Jupyter
    os.chdir(Path(__file__).resolve().parent)

aep = limbeck.connect(HOME, CONFIG)
with limbeck.steps(DEFINITION, aep, HOME) as steps:
    ingested = steps.ingested
definition, scores = steps.definition, pd.read_parquet(steps.scores)
print(f"{ingested.rows:,} scores in the dataset {ingested.dataset.name}, table {ingested.dataset.table}")

# %% [markdown]
# ## The way they came
#
# The files lie in the upload area; the runs of the dataflow tell what became of them. New scores are a new file; the
# same scores are not sent again, however often this notebook runs.

# %%
print(*aep.landing_zone("upload").list(ingested.folder), sep="\n")
runs = aep.flow_runs(aep.find_flow(f"limbeck pick-up of {ingested.dataset.table}"))
pd.DataFrame([{"status": r.status, "rows": r.rows, "files": r.files, "ended": r.completed} for r in runs])

# %% [markdown]
# ## Look up one person
#
# By identity: a namespace and a value. The profile is merged at this moment from all datasets that are enabled for
# it. Here is the person with the highest score.

# %%
namespace = definition.event_sources[0].identity.identity
best = scores.sort_values(["rank", "entity_id"])["entity_id"].iloc[0]
person = aep.people.find(namespace, best)
person.entity

# %% [markdown]
# ## Which dataset says so, and since when?
#
# Each attribute knows the dataset that it comes from and the time of that dataset's word on it. Where two datasets
# disagree, the later word wins; this table is where you see which. (AEP itself does not tell: there it is empty.)

# %%
known = {d.id: d.name for d in aep.datasets()}
sources = pd.DataFrame(
    [{"attribute": path, "dataset": known[s["datasetId"]], "time": s["time"]} for path, s in person.sources.items()],
    columns=["attribute", "dataset", "time"],
)
sources

# %% [markdown]
# ## What happened to this person last?
#
# Events are not merged, they are listed. Does the story fit the score?

# %%
story = aep.people.events(namespace, best, limit=10)
pd.DataFrame([{"time": event["timestamp"], "type": event["eventType"]} for event in story])

# %% [markdown]
# ## What this notebook claims
#
# As many scores arrived as were sent, in a run that ended well. For a sample of people: the profile carries the very
# score, rank and model of the file, as of the scoring cutoff; the group is a known one; and each of these attributes
# says that it comes from the dataset of scores.

# %%
assert ingested.rows == len(scores)
assert aep.sql(f"SELECT count(*) FROM {quoted(ingested.dataset.table)}").scalar() >= len(scores)
assert runs[0].status == "success"
prefix = f"_{aep.tenant}.propensity.{definition.name}"
for row in scores.sample(min(10, len(scores)), random_state=1).to_dict("records"):
    found = aep.people.find(namespace, row["entity_id"])
    kept = found.entity[f"_{aep.tenant}"]["propensity"][definition.name]
    assert (kept["score"], kept["rank"]) == (row["score"], row["rank"])
    assert kept["model"] == f"{row['model']} {row['version']}"
    assert kept["group"] in ("treatment", "control")
    assert pd.Timestamp(kept["asOf"]).tz_localize(None) == pd.Timestamp(definition.cutoffs.score)
    if found.sources:
        assert {found.sources[f"{prefix}.{name}"]["datasetId"] for name in kept} == {ingested.dataset.id}
aep.close()
