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
# # 5 · Score
#
# Everybody eligible at the scoring cutoff gets a probability, by the champion of `4_train`. The scoring set is made
# by the same statement as the training set, only without a label: nothing is computed in a second place that could
# drift apart.

# %%
DEFINITION = "../examples/newsletter.toml"
HOME = ".limbeck"
CONFIG = None

# %%
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

import limbeck
from limbeck.propensity import frames, shapley
from limbeck.propensity.reasons import because
from limbeck.workflow import pictures
from limbeck.workflow.names import quoted

if "__file__" in globals():  # run as a script: paths count from where this file lies, as they do in Jupyter
    os.chdir(Path(__file__).resolve().parent)

aep = limbeck.connect(HOME, CONFIG)
with limbeck.steps(DEFINITION, aep, HOME) as steps:
    path = steps.scores
definition, found = steps.definition, steps.model.evaluation
print(path)

# %% [markdown]
# ## The file
#
# One row for each person: the probability, its percentile, points (50 is the base rate, ten more are twice the odds)
# and bucket, the rank (1 is the highest; who ties shares one), the reasons, as of when, of which data, and by which
# version of the model. A score without its cutoff and its model is a rumour.

# %%
scores = pd.read_parquet(path)
scores.sort_values("rank").head()

# %% [markdown]
# ## How the scores lie
#
# For a rare goal most people score low, and a few high; the mean should be near the base rate, because people as of
# now are much like people as of the test. A spike means that many people look alike to the model. A mean far off the
# base rate means that the people, or the features, have changed.

# %%
pictures.distribution(scores["score"].tolist(), found["base_rate"])

# %%
scores["score"].describe(percentiles=[0.1, 0.5, 0.9, 0.99]).to_frame().T.assign(base_rate=found["base_rate"]).round(4)

# %% [markdown]
# ## Do higher scores mean more?
#
# Of the people just scored nobody knows it yet. Of those in the test we know: tenths of them by the same model's
# forecast, with what was forecast and what came. `reached` should fall from line to line, and be near `forecast`.

# %%
champion = steps.pipeline
later = frames.read(steps.features["test"].files)
later["forecast"] = champion.predict_proba(later[frames.features_of(later)])[:, 1]
tenth = 1 + (later["forecast"].rank(method="first", ascending=False) - 1) * 10 // len(later)
tenths = later.groupby(tenth.astype(int).rename("tenth")).agg(
    people=("label", "size"), forecast=("forecast", "mean"), reached=("label", "mean")
)
tenths.assign(lift=tenths["reached"] / later["label"].mean()).round(3)

# %% [markdown]
# ## Why?
#
# A forecast's log-odds are a base value plus an effect of each feature (Shapley values). Each point is a person of the
# test: how far right, how much the feature adds to the forecast; the colour is the feature's value. What looks wrong
# here is wrong with the feature, or surprising.

# %%
pictures.reasons(found["reasons"])

# %% [markdown]
# And the reasons of single people: the features that move their score most. An effect of 0.7 doubles the odds.

# %%
for row in scores.sort_values("rank").iloc[[0, len(scores) // 2, -1]].to_dict("records"):
    told = because(json.loads(row["reasons"]), found["reasons"]["unit"])
    print(f"{row['entity_id']}: {row['score']:.3f}, {row['points']} points, {row['bucket']}: {told}")

# %% [markdown]
# ## Who are the highest?
#
# The features of the ten with the highest scores beside the median of all. This is where a mistake in a feature
# shows: robots, test accounts and colleagues like to be at the top.

# %%
asked = frames.read(steps.features["score"].files)
ranked = asked.merge(scores[["entity_id", "score"]], on="entity_id").sort_values("score", ascending=False)
numbers = frames.numbers_of(asked)
pd.concat([ranked[["score", *numbers]].head(10), ranked[["score", *numbers]].median().to_frame("median of all").T])

# %% [markdown]
# ## What this notebook claims
#
# Every eligible person is scored exactly once, and nobody else; scores are probabilities; ranks follow the scores;
# anybody who applies the registered model to the scoring set gets these scores; percentiles, points and reasons are
# what they claim to be; and in the test, people with higher scores did convert more: the upper half of the tenths more
# than the lower, and the first tenth more than the average.

# %%
table = quoted(steps.features["score"].dataset.table)
eligible = aep.sql(f"SELECT entity_id FROM {table}").to_pandas()["entity_id"]
assert scores["entity_id"].is_unique
assert set(scores["entity_id"]) == set(eligible)
assert scores["score"].between(0, 1).all()
assert scores["score"].nunique() > 1
assert (scores["rank"] == scores["score"].rank(method="min", ascending=False)).all()
assert set(scores["cutoff"]) == {pd.Timestamp(definition.cutoffs.score)}
again = champion.predict_proba(asked[frames.features_of(asked)])[:, 1]
assert np.allclose(scores.set_index("entity_id")["score"].loc[asked["entity_id"]], again, atol=1e-9)
lower = scores["score"].rank(method="min") - 1
assert np.allclose(scores["percentile"], 100 * lower / len(scores))
above = np.log2(scores["score"] / (1 - scores["score"])) - np.log2(found["base_rate"] / (1 - found["base_rate"]))
assert (scores["points"] - (50 + 10 * above).clip(0, 100)).abs().max() <= 0.5 + 1e-9
explainer = shapley.explainer(champion, found["reasons"]["typical"])
effects = pd.DataFrame(explainer.effects(asked), asked["entity_id"], list(explainer.features))
for row in scores.sample(min(20, len(scores)), random_state=1).to_dict("records"):
    named = json.loads(row["reasons"])
    assert [abs(r["effect"]) for r in named] == sorted((abs(r["effect"]) for r in named), reverse=True)
    assert np.allclose(
        [r["effect"] for r in named], [effects.loc[row["entity_id"], r["feature"]] for r in named], atol=1e-3
    )
assert tenths["reached"].iloc[:5].mean() > tenths["reached"].iloc[5:].mean()
assert tenths["reached"].iloc[0] > later["label"].mean()
aep.close()
