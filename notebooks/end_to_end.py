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
# # End to end
#
# The whole way in one call: data onto the platform, exploration, features by SQL, export, training, scores, scores
# onto profiles, an audience, its delivery, and a report. It is what `limbeck run DEFINITION` does on the command
# line; the other notebooks take it apart, one step each.

# %%
DEFINITION = "../examples/newsletter.toml"
HOME = ".limbeck"
CONFIG = None

# %%
import json
import os
from pathlib import Path

import pandas as pd

import limbeck
from limbeck.workflow import pictures

if "__file__" in globals():  # run as a script: paths count from where this file lies, as they do in Jupyter
    os.chdir(Path(__file__).resolve().parent)

aep = limbeck.connect(HOME, CONFIG)
with limbeck.steps(DEFINITION, aep, HOME) as steps:
    summary = steps.report()
definition, evaluation = steps.definition, steps.model.evaluation
print(summary["title"])
pd.Series(summary["rows"], name="rows").to_frame()

# %% [markdown]
# ## Where the time went
#
# Each step is kept under a key made of all that it depends on: the part of the definition, the data, the code. Run
# this notebook again, and only milliseconds remain. Change a feature's window, and the work begins again at the
# features.

# %%
pd.Series(summary["seconds"], name="seconds").to_frame()

# %% [markdown]
# ## How people come to the goal

# %%
pictures.funnel(steps.exploration["funnel"])

# %% [markdown]
# ## How good the forecast is
#
# On the test cutoff, later than everything that was learned from, with 95 % intervals; `rule` and `rfm` are what
# comes without a model. A gain over them that is smaller than the intervals is no gain.

# %%
measures = {"model": summary["test"], **summary["baselines"]}
pd.DataFrame(
    {
        who: {name: f"{m['value']:.3f} ({m['low']:.3f} to {m['high']:.3f})" for name, m in some.items()}
        for who, some in measures.items()
    }
)

# %%
pictures.gains(evaluation["curves"])

# %%
pictures.calibration(evaluation["curves"]["model"]["calibration"])

# %% [markdown]
# ## Whom it chose
#
# If the definition has an `[audience]`: what each reach would bring, and where the choice lies.

# %%
planned = steps.planned_audience
pictures.reach([reach.shown() for reach in planned.table], planned.chosen.shown()) if planned else None

# %%
made, delivered = summary.get("audience"), summary.get("activation")
pd.Series({**(made or {}), **(delivered or {})}, name="campaign", dtype=object).to_frame()

# %% [markdown]
# ## What is left behind
#
# A report for whoever decides, in one file that needs no other; the scores; and the numbers for programs.

# %%
folder = steps.scores.parent
files = {name: folder / name for name in ("report.html", "scores.parquet", "summary.json")}
pd.DataFrame([{"file": str(path), "bytes": path.stat().st_size} for path in files.values()])

# %% [markdown]
# ## Once more
#
# A second run finds everything done. If it trained another model or delivered another file, nobody could trust the
# first.

# %%
before = {name: files[name].read_bytes() for name in ("scores.parquet",)}
again = limbeck.run(DEFINITION, aep, HOME)
pd.DataFrame({"first": summary["seconds"], "again": again["seconds"]})

# %% [markdown]
# ## What this notebook claims
#
# Everybody in the scoring set has one score; the model ranks better than guessing, beyond its uncertainty; the files
# say what was returned; a second run does nothing again; and if the data are synthetic, the true probability of those
# who were delivered, which no step has seen, lies within the interval of the plan.

# %%
scores = pd.read_parquet(files["scores.parquet"])
assert len(scores) == scores["entity_id"].nunique() == summary["rows"]["scored"]
assert scores["score"].between(0, 1).all()
assert summary["test"]["roc_auc"]["low"] > 0.5
told = json.loads(files["summary.json"].read_text())
passing = ("seconds", "generated")
assert {k: v for k, v in told.items() if k not in passing} == {k: v for k, v in summary.items() if k not in passing}
assert {k: v for k, v in again.items() if k not in passing} == {k: v for k, v in summary.items() if k not in passing}
assert files["scores.parquet"].read_bytes() == before["scores.parquet"]
assert "<img" in files["report.html"].read_text()
columns = {c.source: c.name for c in definition.activation.columns} if definition.activation else {}
by_score = planned is not None and planned.chosen.by == "score"  # by uplift the plan tells of the contacted
if steps.generated is not None and by_score and "identity" in columns and definition.activation.format == "csv":
    zone = aep.landing_zone("export")
    parts = []
    for name in delivered["files"]:
        with zone.open(f"{delivered['path']}/{name}") as handle:
            parts.append(pd.read_csv(handle, dtype=str)[columns["identity"]])
    who = pd.concat(parts)
    truth = pd.read_parquet(steps.generated / "truth.parquet")
    truth = truth[truth["cutoff"] == pd.Timestamp(definition.cutoffs.score)].set_index("entity_id")["probability"]
    assert len(who) == delivered["rows"] == made["size"]
    assert planned.chosen.precision["low"] <= truth.loc[who].mean() <= planned.chosen.precision["high"]
aep.close()
