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
# # 1 · Generate: data onto the platform
#
# A *source* of the definition becomes a *dataset*: its columns get a place in XDM, Adobe's data model; the places
# become a schema; the schema a dataset; and the rows one *batch*, which lands as a whole or not at all. A source can
# be files of yours, a dataset that exists already, or, as in the newsletter example, synthetic people made on the
# spot.

# %%
DEFINITION = "../examples/newsletter.toml"
HOME = ".limbeck"
CONFIG = None

# %% [markdown]
# ## Load
#
# `limbeck.steps` gives the steps of a definition as properties. Reading one does what has yet to be done for it, and
# no more: run this cell twice, and the second time it only looks.

# %%
import os
from pathlib import Path

import numpy as np
import pandas as pd

import limbeck
from limbeck.workflow.names import literal, quoted
from limbeck.workflow.relations import events, field

if "__file__" in globals():  # run as a script: paths count from where this file lies, as they do in Jupyter
    os.chdir(Path(__file__).resolve().parent)

aep = limbeck.connect(HOME, CONFIG)
with limbeck.steps(DEFINITION, aep, HOME) as steps:
    datasets = steps.datasets
definition = steps.definition

pd.DataFrame(
    [{"source": name, "table": d.dataset.table, "rows": d.rows, "id": d.dataset.id} for name, d in datasets.items()]
)

# %% [markdown]
# ## Where each column went
#
# Standard fields (`timestamp`, `eventType`, `web.webPageDetails.name`) are where every AEP tool looks for them. Your
# own live under `_{tenant}`. One column of each source says who the row is about: its *identity*. Identities have to
# be the same texts in all sources, otherwise people fall apart into strangers; that is the first thing to check with
# own data.

# %%
pd.DataFrame(
    [
        {"source": s.dataset, "class": s.kind, "column": c.name, "XDM path": c.path, "identity": c.identity or ""}
        for s in definition.sources
        for c in s.columns
    ]
)

# %% [markdown]
# ## A row as the platform has it
#
# XDM is nested, and SQL sees it nested: a struct inside a struct. A dot goes inside.

# %%
table = datasets[definition.event_sources[0].dataset].dataset.table
row = aep.sql(f"SELECT * FROM {quoted(table)} LIMIT 1").table().to_pylist()[0]
row

# %% [markdown]
# ## Batches
#
# Each batch is one snapshot of the dataset. `success` means that all of its rows are there; a batch with a row that
# does not fit its schema fails as a whole, and names the rows. A source of files has one batch, however often you run
# this.

# %%
batches = {name: aep.batches(d.dataset, "success") for name, d in datasets.items()}
pd.DataFrame(
    [
        {"source": name, "batch": b.id, "status": b.status, "rows": b.rows}
        for name, some in batches.items()
        for b in some
    ]
)

# %% [markdown]
# ## One person
#
# Whatever the sources look like, all events come together as one relation: `entity_id`, `event_time`, and the columns
# under their names in the definition. Read a few persons' stories before you build features on them. Here is somebody
# who reached the goal.

# %%
relation = events(definition, steps.tables, aep.tenant)
someone = aep.sql(f"SELECT max(entity_id) FROM ({relation}) AS events WHERE {definition.goal.event}").scalar()
story = aep.sql(
    f"SELECT * FROM ({relation}) AS events WHERE entity_id = '{someone}' ORDER BY event_time DESC LIMIT 12"
).to_pandas()
story.dropna(axis="columns", how="all")

# %% [markdown]
# ## The truth, if the data are synthetic
#
# The generator writes beside its data, and never onto the platform, how likely each person *really* was to reach the
# goal after each cutoff. Nobody has that for real people. It lets you ask of every later step: was it right? Here: of
# all people, as many reached the goal after the test cutoff as their true probabilities add up to, give or take
# chance.

# %%
surprise = 0.0
if steps.generated is not None:
    truth = pd.read_parquet(steps.generated / "truth.parquet")
    begin = definition.cutoffs.test[0]
    truth, end = truth[truth["cutoff"] == pd.Timestamp(begin)], definition.label_end(begin)
    happened = aep.sql(
        f"SELECT count(DISTINCT entity_id) FROM ({relation}) AS events WHERE type = 'web.formFilledOut' "
        f"AND event_time >= {literal(begin)} AND event_time < {literal(end)}"
    ).scalar()
    expected = truth["probability"].sum()
    chance = np.sqrt((truth["probability"] * (1 - truth["probability"])).sum())
    surprise = (happened - expected) / chance
    print(f"{happened:,} people filled in the form; {expected:,.0f} were to be expected, ± {chance:,.0f} by chance")

# %% [markdown]
# ## What this notebook claims
#
# Everything that was loaded is there and can be asked, no more and no less; loading again would load nothing; every
# event says who, when and what; a profile stands for one person; and the synthetic world behaves as it says.

# %%
for source in definition.sources:
    found = datasets[source.dataset]
    identity = field(source.identity, aep.tenant)
    counted = aep.sql(
        f"SELECT count(*) AS n, count({identity}) AS named, count(DISTINCT {identity}) AS people "
        f"FROM {quoted(found.dataset.table)}"
    ).to_pandas()
    n, named, people = counted.iloc[0]
    assert n == named == found.rows > 0
    if source.kind == "profile":
        assert people == n
    if source.files:
        assert len(batches[source.dataset]) == 1
incomplete = f"SELECT count(*) FROM ({relation}) AS events WHERE entity_id IS NULL OR event_time IS NULL"
assert aep.sql(incomplete).scalar() == 0
assert abs(surprise) < 4  # standard deviations
aep.close()
