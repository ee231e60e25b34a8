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
# # 3 · Export
#
# The feature tables leave the platform the way AEP lets datasets leave: a *dataflow* of Flow Service writes them as
# Parquet into the export area of the *landing zone*. Any tool that reads Parquet can go on from there: pandas, Spark,
# SageMaker, Databricks, DataRobot. On AEP the landing zone is a container of Azure or a bucket of S3; here it is a
# folder, behind the same interface.

# %%
DEFINITION = "../examples/newsletter.toml"
HOME = ".limbeck"
CONFIG = None

# %%
import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

import limbeck
from limbeck.workflow.names import quoted

if "__file__" in globals():  # run as a script: paths count from where this file lies, as they do in Jupyter
    os.chdir(Path(__file__).resolve().parent)

aep = limbeck.connect(HOME, CONFIG)
with limbeck.steps(DEFINITION, aep, HOME) as steps:
    sets = steps.features
definition = steps.definition

pd.DataFrame(
    [
        {"set": name, "rows": s.rows, "reach the goal": s.positives, "table": s.dataset.table, "files": len(s.files)}
        for name, s in sets.items()
    ]
)

# %% [markdown]
# ## The dataflow
#
# One for each table, found again by its name. Each *run* tells what it wrote and how it ended. A run that failed
# would show here with its reason; a run for something exported already is not repeated, because a feature table never
# changes.

# %%
runs = {name: aep.flow_runs(aep.find_flow(f"limbeck export of {s.dataset.table}")) for name, s in sets.items()}
pd.DataFrame(
    [
        {"set": name, "status": r.status, "rows": r.rows, "files": r.files, "bytes": r.bytes, "ended": r.completed}
        for name, some in runs.items()
        for r in some
    ]
)

# %% [markdown]
# ## The files in the landing zone
#
# Below the folder of each dataset lies one folder for each export, called `exportTime=…`: the newest is the last in
# the alphabet. Do not read across these folders, or every row counts as often as it was exported.

# %%
zone = aep.landing_zone("export")
folder = f"limbeck/{definition.name}/features"
exports = {name: zone.list(f"{folder}/{s.dataset.id}") for name, s in sets.items()}
files = {name: zone.list(max(some)) for name, some in exports.items()}
pd.DataFrame([{"set": name, "file": file.removeprefix(f"{folder}/")} for name, some in files.items() for file in some])

# %% [markdown]
# ## Read straight from the landing zone
#
# `zone.open` gives an open file, wherever the zone is. Arrow reads the schema from it: types are real types, so
# nothing has to be guessed as with CSV.

# %%
with zone.open(files["train"][0]) as handle:
    schema = pq.read_schema(handle)
pd.DataFrame([{"column": column.name, "type": str(column.type)} for column in schema])

# %% [markdown]
# ## Or from here
#
# The step has fetched the newest export and put its rows in order, so that the same rows are the same file; `files` are
# local paths. From here on everything is ordinary pandas.

# %%
frames = {name: pd.concat([pd.read_parquet(file) for file in s.files], ignore_index=True) for name, s in sets.items()}
frames["train"].head()

# %% [markdown]
# Missing values mean something: no event of that kind before the cutoff, or no profile. Do not fill them with 0
# without thinking: *never clicked* is not *clicked today*.

# %%
gaps = pd.DataFrame({name: frame.isna().mean() for name, frame in frames.items()})
gaps[gaps.max(axis="columns") > 0].round(3)

# %% [markdown]
# ## What this notebook claims
#
# What left is what was there: as many rows as SQL counts in the table, the same people, and the same labels; each
# export ended well; the rows in the landing zone are the rows here; and the scoring set has no label that could leak.

# %%
for name, found in sets.items():
    frame, table = frames[name], quoted(found.dataset.table)
    assert runs[name][0].status == "success"
    assert len(frame) == found.rows == aep.sql(f"SELECT count(*) FROM {table}").scalar()
    assert len(frame.drop_duplicates(["entity_id", "cutoff"])) == len(frame)
    assert set(frame["entity_id"]) == set(aep.sql(f"SELECT DISTINCT entity_id FROM {table}").to_pandas()["entity_id"])
    if name != "score":
        assert frame["label"].sum() == found.positives == aep.sql(f"SELECT sum(label) FROM {table}").scalar()
    there = []
    for file in files[name]:
        with zone.open(file) as handle:
            there.append(pd.read_parquet(handle))
    rows = pd.concat(there).sort_values(["cutoff", "entity_id"], ignore_index=True)
    pd.testing.assert_frame_equal(rows, frame.sort_values(["cutoff", "entity_id"], ignore_index=True))
assert "label" not in frames["score"]
assert all("/exportTime=" in export for some in exports.values() for export in some)
aep.close()
