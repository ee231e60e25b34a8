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
# # 2a · Explore
#
# Before any model: what happens, how often, to whom, and does it have to do with the goal at all? All of it is SQL on
# the platform; only small tables of counts come here. The queries run on Query Service as they stand.

# %%
DEFINITION = "../examples/newsletter.toml"
HOME = ".limbeck"
CONFIG = None

# %%
import os
from pathlib import Path

import pandas as pd

import limbeck
from limbeck.workflow import pictures
from limbeck.workflow.names import literal
from limbeck.workflow.relations import event_kinds, events

if "__file__" in globals():  # run as a script: paths count from where this file lies, as they do in Jupyter
    os.chdir(Path(__file__).resolve().parent)

aep = limbeck.connect(HOME, CONFIG)
with limbeck.steps(DEFINITION, aep, HOME) as steps:
    exploration = steps.exploration
definition = steps.definition
goal, cutoffs = definition.goal, definition.cutoffs

# %% [markdown]
# ## The relation that all queries start from
#
# The sources as one relation of events: who, when, and the columns by their names. This is plain SQL over the tables
# that `1_generate` made; print it once, and you can take it into any SQL editor.

# %%
relation = events(definition, steps.tables, aep.tenant)
typed = event_kinds(definition, steps.tables, aep.tenant)
print(relation)

# %% [markdown]
# ## What happens, and how many people does it happen to?
#
# A type with many events of few people is a machine or a heavy user, and a count of it will dominate a linear model.
# A type that hardly anybody has cannot be a good feature, however telling it looks.

# %%
types = aep.sql(
    f"""
    SELECT kind, count(*) AS events, count(DISTINCT entity_id) AS people,
           min(event_time) AS first_seen, max(event_time) AS last_seen
    FROM ({typed}) AS events
    GROUP BY kind
    ORDER BY events DESC
    """
).to_pandas()
types.assign(per_person=(types["events"] / types["people"]).round(1))

# %% [markdown]
# ## When does it happen?
#
# Look for days without events (a broken feed), steps (a new tracking plan), and a trend: if the world before the
# training cutoffs differs from the world before the test, so do the features. The shaded spans are the times in which
# labels come about; training ends where the test begins, or earlier.

# %%
days = aep.sql(
    f"""
    SELECT date_trunc('day', event_time) AS day, count(*) AS events
    FROM ({relation}) AS events
    GROUP BY date_trunc('day', event_time)
    ORDER BY day
    """
).to_pandas()
marks = {"training": cutoffs.train, "test": cutoffs.test, "scoring": [cutoffs.score]}
pictures.timeline(list(days["day"].dt.to_pydatetime()), days["events"].tolist(), marks, definition.label_end)

# %% [markdown]
# ## How do people come to the goal?
#
# The stages are the definition's (`[report.funnel]`). Who is counted in a stage has reached all stages above it too,
# in whatever order. The widest step down is where people are lost, and often where a campaign can do something.

# %%
pictures.funnel(exploration["funnel"])

# %% [markdown]
# ## What do people have together?
#
# Of those who have an event of the row's type, how many have one of the column's as well? A row and a column that are
# dark everywhere are what everybody has. Two types that always come together carry the same information: one feature
# will do.

# %%
pairs = aep.sql(
    f"""
    WITH kinds AS (SELECT DISTINCT entity_id, kind FROM ({typed}) AS events)
    SELECT one.kind AS kind, other.kind AS other, count(*) AS people
    FROM kinds AS one JOIN kinds AS other ON one.entity_id = other.entity_id
    GROUP BY one.kind, other.kind
    """
).to_pandas()
order = types["kind"].tolist()
both = pairs.pivot(index="kind", columns="other", values="people").reindex(index=order, columns=order).fillna(0)
having = types.set_index("kind")["people"]
pictures.together(both.div(having, axis="index"))

# %% [markdown]
# ## Is there anything to learn?
#
# The simplest question to put to data before a model: do people who were there lately reach the goal more often? As
# of the first training cutoff, with what was known then, and what happened after. If the shares below are all alike,
# recency says nothing, and the model will have to find something better.

# %%
cutoff = cutoffs.train[0]
until = definition.label_end(cutoff)
recency = aep.sql(
    f"""
    WITH events AS ({relation}),
    known AS (
        SELECT entity_id, datediff({literal(cutoff)}, max(event_time)) AS days
        FROM events WHERE event_time < {literal(cutoff)} GROUP BY entity_id
    ),
    reached AS (
        SELECT DISTINCT entity_id FROM events
        WHERE event_time >= {literal(cutoff)} AND event_time < {literal(until)} AND ({goal.event})
    )
    SELECT CASE WHEN days <= 1 THEN 'a: up to a day' WHEN days <= 7 THEN 'b: up to a week'
                WHEN days <= 28 THEN 'c: up to four weeks' ELSE 'd: longer' END AS last_seen,
           count(*) AS people, count(reached.entity_id) AS reached
    FROM known LEFT JOIN reached ON known.entity_id = reached.entity_id
    GROUP BY CASE WHEN days <= 1 THEN 'a: up to a day' WHEN days <= 7 THEN 'b: up to a week'
                  WHEN days <= 28 THEN 'c: up to four weeks' ELSE 'd: longer' END
    ORDER BY last_seen
    """
).to_pandas()
recency.assign(share=(recency["reached"] / recency["people"]).round(3))

# %% [markdown]
# ## Who comes back, and what is odd?
#
# `limbeck explore` looks at all of this and more, and leaves a page, `explore.html`. Cohorts are the people of a month
# of first events: how many of them are active in the months after? What is odd (days without events, repeated rows,
# impossible times, machines, identities that were numbers once) is best mended before a model learns it.

# %%
with limbeck.steps(DEFINITION, aep, HOME) as steps:
    overview = steps.overview
print("\n".join(found["told"] for found in overview["findings"]) or "nothing is odd")
pictures.cohorts(overview["cohorts"])

# %% [markdown]
# ## What this notebook claims
#
# No event was lost or counted twice on the way from the datasets to these tables, whichever way they are counted; a
# funnel only narrows; what people have together is symmetric, and with itself it is the number of people; and some
# people do reach the goal after the cutoff while others do not.

# %%
rows = sum(steps.datasets[source.dataset].rows for source in definition.event_sources)
assert types["events"].sum() == days["events"].sum() == rows
assert types.set_index("kind")["events"].to_dict() == exploration["events"]
assert pd.Series([stage["people"] for stage in exploration["funnel"]]).is_monotonic_decreasing
assert (both.to_numpy() == both.to_numpy().T).all()
assert (both.to_numpy().diagonal() == having.loc[order].to_numpy()).all()
assert types["people"].max() <= exploration["people"]
assert 0 < recency["reached"].sum() < recency["people"].sum()
assert sum(cohort["people"] for cohort in overview["cohorts"]) <= exploration["people"]
aep.close()
