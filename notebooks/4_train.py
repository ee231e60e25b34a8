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
# # 4 · Train
#
# The candidates of the definition are tuned on the training cutoffs, by forecasts of rows that they did not learn
# from: of later cutoffs where there are enough of them, else of other *people* (docs/training.md). The plainest of
# those that come near the best is judged *once*, on the test cutoff, which is later than everything it learned from.
# The test chooses nothing: so its numbers are those you may expect in use.

# %%
DEFINITION = "../examples/newsletter.toml"
HOME = ".limbeck"
CONFIG = None

# %%
import os
from pathlib import Path

import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

import limbeck
from limbeck.propensity import candidates, evaluate, fit, frames, splits
from limbeck.workflow import pictures

if "__file__" in globals():  # run as a script: paths count from where this file lies, as they do in Jupyter
    os.chdir(Path(__file__).resolve().parent)

aep = limbeck.connect(HOME, CONFIG)
with limbeck.steps(DEFINITION, aep, HOME) as steps:
    model = steps.model
definition, found = steps.definition, model.evaluation

pd.DataFrame(
    [
        {"candidate": name, "ROC-AUC in cross-validation": c["cv_roc_auc"], "settings": c["settings"]}
        for name, c in found["candidates"].items()
    ]
)

# %% [markdown]
# ## How good is it, and compared to what?
#
# A number says little without two others: how sure it is, and what comes for free. In brackets is where 95 % of
# resamples of the people lie. `rule` ranks people by one feature of yours, without any model; `rfm` is recency,
# frequency and money. What the model is `beyond` them is measured on the same resamples, so it may be sure where the
# ranges overlap. If it is not, take the simpler one. docs/evaluation.md tells what each measure is.

# %%
measures = {"model": found["test"], **found["baselines"]}
pd.DataFrame(
    {
        who: {name: f"{m['value']:.3f} ({m['low']:.3f} to {m['high']:.3f})" for name, m in some.items()}
        for who, some in measures.items()
    }
)

# %%
pd.DataFrame(
    {
        f"beyond {who}": {name: f"{m['value']:+.3f} ({m['low']:+.3f} to {m['high']:+.3f})" for name, m in some.items()}
        for who, some in found["beyond"].items()
    }
)

# %% [markdown]
# ## Ranking
#
# *ROC*: how many of the converters you find for the others that you take along. With few converters it flatters; look
# at *precision and recall* too, where guessing is the dotted base rate.

# %%
pictures.roc(found["curves"])

# %%
pictures.precision_recall(found["curves"], found["base_rate"])

# %% [markdown]
# *Gains* and *lift* are the same in a marketer's words: choosing the best fifth finds which part of the converters,
# and how many times better than chance is that?

# %%
pictures.gains(found["curves"])

# %%
pictures.lift(found["curves"])

# %% [markdown]
# ## Calibration
#
# Each point is a tenth of the people: what was forecast, and what came. Points on the line mean that a score of 20 %
# *is* a chance of 20 %, and that the sum of scores over an audience is the number of conversions to expect. Below the
# line the forecast promises too much; this happens when the world moves between training and test. A model can rank
# well and be off here. The planner of `7_activate` does not rely on it: it takes what the test showed.

# %%
points = found["curves"]["model"]["calibration"]
forecast, came = (
    sum(p * n for p, n in zip(points[x], points["count"], strict=True)) for x in ("predicted", "observed")
)
print(f"forecast for the test: {forecast:,.0f} people; it came to {came:,.0f}")
pictures.calibration(points)

# %% [markdown]
# The *calibration error* is the mean distance of forecast and outcome over these tenths. Luck alone makes one, so
# beside it stands what right forecasts would show by chance. *Observed to expected* and the *slope* are
# 1 where all is well.

# %%
trusted = ("calibration_error", "observed_to_expected", "calibration_intercept", "calibration_slope")
pd.DataFrame({n: found["test"][n] for n in trusted if n in found["test"]} | {"by chance": found["chance"]}).T.round(3)

# %%
pictures.expected(found["tenths"])

# %% [markdown]
# ## Right about everybody, and at every time?
#
# A model that is right on the average may be wrong about some: here are forecast and outcome by the texts and flags
# among the features (the report adds those that `[report] groups` names). And here is the ROC-AUC at every cutoff: for
# those of training, by models that did not know their labels.

# %%
pictures.groups(found["groups"])

# %%
pictures.moments(found["moments"])

# %% [markdown]
# ## What it looks at
#
# What ROC-AUC loses when a feature is shuffled among the people of the test.

# %%
pictures.importance(found["importance"])

# %% [markdown]
# ## In MLflow
#
# The run, its parameters and measures, and the registered model lie in an ordinary MLflow store in the home; whatever
# knows MLflow can read it (`mlflow ui --backend-store-uri sqlite:///…/mlflow.db`, with the full `mlflow` package).
# The version to use bears the alias `champion`; one that is trained later takes it only if it is better beyond noise
# (docs/models.md).

# %%
import mlflow

os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
mlflow.set_tracking_uri(f"sqlite:///{steps.home / 'mlflow.db'}")
run = mlflow.get_run(model.run_id)
version = mlflow.MlflowClient().get_model_version_by_alias(definition.name, "champion")
champion = mlflow.sklearn.load_model(f"models:/{definition.name}@champion")
print(f"{version.name} version {version.version}, run {version.run_id}: {run.data.params}")
champion

# %% [markdown]
# ## An estimator of your own
#
# This definition chooses among `logistic` and `lightgbm`. Anything else with scikit-learn's face can be held against
# them here: a `Candidate` is a name, a function that builds a pipeline for a frame of features, and the settings to
# try. It gets the same folds. Here it is compared, not adopted; named in `[model] candidates` as
# `package.module:factory`, it is tried by every training.

# %%
known, later = (frames.read(steps.features[name].files) for name in ("train", "test"))
inputs = frames.features_of(known)


def trees(frame, *, leaf):
    """Build extremely randomised trees over numbers and flags of texts."""
    columns = candidates.columns(frame, SimpleImputer(strategy="median", keep_empty_features=True))
    return make_pipeline(columns, ExtraTreesClassifier(60, min_samples_leaf=leaf, random_state=definition.seed))


mine = candidates.Candidate("extra_trees", trees, ({"leaf": 20}, {"leaf": 60}))
folds = splits.splits(known, definition.model.folds, definition.seed, definition.label_end).folds
tuned = fit.tune(known, mine, folds)
fitted = mine.build(known, **tuned.settings).fit(known[inputs], known["label"])
chances = fitted.predict_proba(later[inputs])[:, 1]
outcome = later["label"].to_numpy(float)
judged = evaluate.evaluate(later["entity_id"].to_numpy(), outcome, chances, 100, definition.seed)
pd.DataFrame({"extra_trees": judged["roc_auc"], found["champion"]: found["test"]["roc_auc"]}).round(3)

# %% [markdown]
# ## What this notebook claims
#
# The champion in MLflow is the model of these numbers: loaded anew, it makes the same forecast of the test set, and
# anybody's ROC-AUC of that is the recorded one. The test is later than what training knew. The model ranks better
# than guessing, beyond its uncertainty. And in a world that does not change, as that of the synthetic people, its
# forecasts add up to what happened, within a quarter.

# %%
again = champion.predict_proba(later[inputs])[:, 1]
assert version.run_id == model.run_id
assert abs(roc_auc_score(outcome, again) - found["test"]["roc_auc"]["value"]) < 1e-6
assert abs(run.data.metrics["test.roc_auc"] - found["test"]["roc_auc"]["value"]) < 1e-9
assert definition.label_end(known["cutoff"].max()) <= later["cutoff"].min()
assert found["candidates"][found["champion"]]["behind"]["low"] <= 0
assert found["test"]["roc_auc"]["low"] > 0.5
assert abs(again.sum() - forecast) < 1e-6 * forecast
assert definition.generator is None or 0.75 < forecast / came < 1.25
assert 0.5 < tuned.roc_auc < 1
aep.close()
