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
# # 0 · Connect
#
# Everything in these notebooks goes over one object, the *client*, and the client speaks the interfaces of Adobe
# Experience Platform (AEP): schemas, datasets, batches, SQL, flows, profiles, audiences. What stands behind it is
# decided by one line, so a notebook that works on your laptop works on a server without a change.
#
# The next cell is the only one you have to change, here and in every other notebook:
#
# - `DEFINITION`: the forecast: where the data are, what is asked, when, from which features. One TOML file; its
#   format is in `docs/definition.md`. Your own data are such a file.
# - `HOME`: the folder in which an embedded platform keeps its data, and in which working files and models lie. `None`
#   is `.limbeck` in the folder you are in.
# - `CONFIG`: `None` is the platform embedded in this process. The path of a `config.ini`, in the form `aepp` users
#   know, is a Limbeck server or AEP.

# %%
DEFINITION = "../examples/newsletter.toml"
HOME = ".limbeck"
CONFIG = None

# %% [markdown]
# ## Open
#
# An embedded platform starts in a second or two and ends with the process or with `aep.close()`. Nothing is installed
# and no port is opened to the outside. Several notebooks may be open on one home at the same time.

# %%
import os
from pathlib import Path

import pandas as pd

import limbeck
from limbeck.errors import SqlError

if "__file__" in globals():  # run as a script: paths count from where this file lies, as they do in Jupyter
    os.chdir(Path(__file__).resolve().parent)

aep = limbeck.connect(HOME, CONFIG)

# %% [markdown]
# ## Where am I?
#
# The *tenant* is your organisation's own name space: your fields live under `_{tenant}`, never beside Adobe's. The
# *sandbox* separates worlds that know nothing of each other. In one of type `production` the steps write only if
# `limbeck.steps(..., yes_production=True)` says so: look at this line before you run anything.

# %%
where = {"tenant": aep.tenant, "sandbox": aep.sandbox, "type": aep.sandbox_type}
where

# %% [markdown]
# ## What is there already?
#
# In a new home: nothing. Come back after `1_generate`, and you will see the datasets of the definition. `table` is
# the name that SQL knows, and `version` changes with every batch that lands: it is what makes a number repeatable.

# %%
datasets = pd.DataFrame(
    [{"name": d.name, "table": d.table, "version": d.version, "id": d.id} for d in aep.datasets()],
    columns=["name", "table", "version", "id"],
)
datasets

# %% [markdown]
# ## SQL
#
# `aep.sql` takes one statement of Query Service's dialect. The result is a stream of Arrow batches, to be read once:
# by `.to_pandas()`, by `.table()` (Arrow), or by `.scalar()` if it is a single value. `SHOW TABLES` lists what can be
# asked.

# %%
answer = aep.sql("SELECT 6 * 7 AS answer").scalar()
tables = aep.sql("SHOW TABLES").to_pandas()
tables

# %% [markdown]
# A mistake comes back with a SQLSTATE and a message that says what was found and what to do, as from any PostgreSQL.

# %%
try:
    aep.sql("SELECT count(*) FROM no_such_table").scalar()
    complaint = None
except SqlError as error:
    complaint = error
    print(type(error).__name__, error.sqlstate, "-", error)

# %% [markdown]
# ## The forecast
#
# The definition is checked when it is read: a wrong key or an impossible date ends here, with file and line. What it
# asks is three things: *what* happens (`goal.event`), *how soon* (`goal.within`), and *from when on we forecast* (the
# cutoffs).

# %%
definition = limbeck.Definition.load(DEFINITION)
goal, cutoffs = definition.goal, definition.cutoffs
print(definition.title)
print(f"goal: {goal.event}, within {goal.within}, for people with {goal.eligible}")
pd.DataFrame(
    [
        *({"cutoff": c, "label known": definition.label_end(c), "used for": "training"} for c in cutoffs.train),
        *({"cutoff": c, "label known": definition.label_end(c), "used for": "judging the model"} for c in cutoffs.test),
        {"cutoff": cutoffs.score, "label known": None, "used for": "scoring: here the outcome is not known"},
    ]
)

# %% [markdown]
# Features see what happened *before* a cutoff, labels what happens *from it on*. Read the table row by row: the label
# of every training row is known on the day of the test, just as it will be when you use the model. If that were not
# so, the test would flatter it.
#
# ## What this notebook claims
#
# The platform answers, in the dialect it promises; its list of datasets and its list of tables agree; and the test
# lies after everything that training knew.

# %%
assert answer == 42
assert complaint is not None
assert complaint.sqlstate == "42P01"  # PostgreSQL's code for a table that is not there
assert set(datasets["table"]) == set(tables["name"])
assert definition.label_end(max(cutoffs.train)) <= cutoffs.test[0] <= cutoffs.score
aep.close()
