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
# # 2b · Featurize
#
# A feature is what was *known before a cutoff*; the label is what *happened after it*. One statement computes both,
# for every eligible person at every cutoff, as a table on the platform: no row of events leaves it. This notebook
# shows the statement, what came of it, and that the features really did not see the future.

# %%
DEFINITION = "../examples/newsletter.toml"
HOME = ".limbeck"
CONFIG = None

# %%
import os
from pathlib import Path

import numpy as np
import pandas as pd

import limbeck
from limbeck.propensity import frames
from limbeck.propensity.evaluate import separation
from limbeck.propensity.leaks.features import ALONE
from limbeck.workflow import featurize, pictures
from limbeck.workflow.features import training_set
from limbeck.workflow.names import quoted

if "__file__" in globals():  # run as a script: paths count from where this file lies, as they do in Jupyter
    os.chdir(Path(__file__).resolve().parent)

aep = limbeck.connect(HOME, CONFIG)
with limbeck.steps(DEFINITION, aep, HOME) as steps:
    sets = steps.feature_tables
definition = steps.definition
cutoffs = definition.cutoffs

# %% [markdown]
# ## The statement
#
# This is what ran, in Query Service's dialect; take it along to AEP. Read it for three things: every feature says
# `event_time < cutoff`; the label says `event_time >= cutoff`; and a person is there only from the first eligible
# event before the cutoff on. Windows (`since_…`) are fixed lengths of time, because a count over all time grows from
# cutoff to cutoff, and would mean something else in the test than it did in training.

# %%
print(featurize.statement(definition, steps.tables, aep.tenant, "train", steps.feature_key))

# %% [markdown]
# ## What came of it
#
# Three tables, named after the definition and the key of what they were computed from. If the definition or the data
# change, so does the key; the tables of before stay, and what was computed from them stays repeatable.

# %%
train, test, score = (quoted(sets[name].table) for name in ("train", "test", "score"))
aep.sql(f"SELECT * FROM {train} ORDER BY entity_id, cutoff LIMIT 5").to_pandas()

# %% [markdown]
# ## Base rates
#
# The share of those who reach the goal, by cutoff. If it moves a lot, season or growth is at work, and probabilities
# that were right in training will be off in the test, even if the ranking stays good. Very low shares need more
# people or a longer `within`.

# %%
rates = aep.sql(
    f"""
    SELECT 'train' AS part, cutoff, count(*) AS people, sum(label) AS reached FROM {train} GROUP BY cutoff
    UNION ALL
    SELECT 'test' AS part, cutoff, count(*) AS people, sum(label) AS reached FROM {test} GROUP BY cutoff
    ORDER BY cutoff
    """
).to_pandas()
rates.assign(share=(rates["reached"] / rates["people"]).round(4))

# %% [markdown]
# ## What goes together
#
# Rank correlations of the numeric features with each other and, in the last row and column, with the label. Blocks of
# dark colour are windows of the same count: harmless for trees, and why the coefficients of a linear model should not
# be read one by one. A feature that is dark in the *last* row deserves distrust before joy.

# %%
known = aep.sql(f"SELECT * FROM {train}").to_pandas()
numeric = [name for name in frames.features_of(known) if pd.api.types.is_numeric_dtype(known[name])]
matrix = known[[*numeric, "label"]].astype(float).corr("spearman")
pictures.correlations(matrix)

# %% [markdown]
# ## How well does each feature do by itself?
#
# The ROC-AUC of one feature alone, in its better direction. Honest features rarely reach 0.8. One above 0.95 almost
# surely knows the outcome (it was written when the goal was reached, say), and training refuses it.

# %%
labels = known["label"].to_numpy(float)
alone = pd.Series({name: separation(labels, known[name].to_numpy(float)) for name in numeric}, name="ROC-AUC alone")
alone.sort_values(ascending=False).round(3).to_frame()

# %% [markdown]
# ## Did they see the future?
#
# A statement can say `event_time < cutoff` and still be wrong. So: compute the features of the test cutoff once more,
# by a statement that filters every event from the cutoff on away *before* anything is counted, and has no label. If a
# single feature of the test set had seen a single later event, the two would differ.


# %%
def differences(one, other):
    """Count the values of two columns that are not the same; gaps are the same as gaps."""
    gaps = one.isna() & other.isna()
    same = np.isclose(one, other) if pd.api.types.is_numeric_dtype(one) else one == other
    return int((~(same | gaps)).sum())


blind = training_set(definition, steps.tables, aep.tenant, cutoffs.test, labelled=False)
without_future, judged = (
    aep.sql(text).to_pandas().sort_values(["cutoff", "entity_id"], ignore_index=True)
    for text in (blind, f"SELECT * FROM {test}")
)
different = pd.Series({n: differences(judged[n], without_future[n]) for n in frames.features_of(judged)})
different.to_frame("values that differ")

# %% [markdown]
# ## What this notebook claims
#
# One row for each person and cutoff; the label is 0 or 1, and both occur; the scoring set has no label; the same
# people are there, and the same features come out, when everything after the cutoff is taken away; and no feature
# tells the outcome by itself.

# %%
for table in (train, test, score):
    once = f"(SELECT DISTINCT entity_id, cutoff FROM {table}) AS once"
    rows, different_rows = (aep.sql(f"SELECT count(*) FROM {one}").scalar() for one in (table, once))
    assert rows == different_rows > 0
assert set(known["label"]) == set(judged["label"]) == {0, 1}
assert "label" not in aep.sql(f"SELECT * FROM {score} LIMIT 0").table().column_names
assert set(known["cutoff"]) == set(map(pd.Timestamp, cutoffs.train))
assert judged["entity_id"].equals(without_future["entity_id"])
assert (different == 0).all()
assert not (alone >= ALONE).any()
aep.close()
