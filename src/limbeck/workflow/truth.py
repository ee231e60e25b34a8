"""What a forecast is worth beside the truth, which only synthetic data know: computed from what is there.

An outcome is partly luck, so the measures are of true probabilities. The expected ROC-AUC of scores is that of people
who each convert by a chance of their own: of all pairs of two people, weighed by the chance that the first converts and
the second does not, the share that the scores rank rightly (equal scores count half). The *oracle* ranks by the true
probabilities themselves, and no ranking is to be expected above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from limbeck.client import Client
from limbeck.errors import InvalidInput, NotFound
from limbeck.propensity.evaluate import Ranking
from limbeck.propensity.intervals import ENDS, Numbers, Resamples
from limbeck.propensity.planner import times
from limbeck.settings import Settings
from limbeck.workflow import planning
from limbeck.workflow.definition import Definition
from limbeck.workflow.question import WANTED, Span
from limbeck.workflow.run import Done, Run
from limbeck.workflow.times import Duration
from limbeck.workflow.tracking import Kept
from limbeck.workflow.world import GENERATED

TENTHS = 10
DRAWS = 200
"""Draws of people for an interval."""

Truth = dict[str, Any]
TIME = pa.timestamp("us")


def truth(client: Client, definition: Definition | Path | str, home: Path | str | None = None) -> Truth:
    """Return how the scores of a definition with `[generator]` compare with the truth, as values for JSON.

    `roc_auc` has the expected areas of `model` and `oracle` at the scoring cutoff and `share`, the part of the way from
    0.5 to the oracle that the model went; `test` the areas against the outcomes at the test cutoff, and `sigmas`, how
    many standard errors their number lies from what the truth says (of several cutoffs the most, and the same for each
    as `cutoffs`); `calibration` the `tenths` of the people by score,
    each with mean `score`, mean `true` probability and `error`, and the mean `error` of them all; `audience` the
    planned precision beside the true one (None if nobody is chosen), and, where people are treated, the mean true
    `uplift` of the chosen beside the one that was `planned`. Of people who are chosen `by` uplift the truth knows no
    precision: theirs is that of the contacted. No step is run: raise `NotFound` for what is not done yet,
    `InvalidInput` for a definition whose truth is not known.
    """
    loaded = definition if isinstance(definition, Definition) else Definition.load(definition)
    _check(loaded)
    done = Run(loaded, client, Settings.load(home).home).look()
    if done.model is None or done.scores is None or not done.test:
        raise NotFound(f"nobody is scored by {loaded.name} yet; run: limbeck score {loaded.path}")
    if done.truth is None:
        raise NotFound(f"the truth of {loaded.name} is no longer in the home; run: limbeck generate {loaded.path}")
    return told(client, loaded, done)


def told(client: Client, loaded: Definition, done: Done) -> Truth:
    """Return what `truth` does, of steps that are *done*; the truth of *loaded* is known."""
    assert done.scores is not None
    assert done.model is not None
    assert done.truth is not None
    scored = joined(pq.read_table(done.scores, columns=["entity_id", "cutoff", "score"]), done.truth)
    scores, chances = scored["score"].to_numpy(), scored["probability"].to_numpy()
    uplift = scored["uplift"].to_numpy() if "uplift" in scored.column_names else None
    return {
        "name": loaded.name,
        "title": loaded.title,
        "definition": str(loaded.path.absolute()),
        "cutoff": loaded.cutoffs.score.isoformat(),
        "people": len(scores),
        "roc_auc": areas(scores, chances),
        "test": _tested(loaded, done.model, done.test, done.truth),
        "calibration": calibration(scores, chances),
        "audience": _audience(client, loaded, done, scored["entity_id"], chances, uplift),
    }


def at(definition: Definition, cutoff: datetime, within: str | None = None) -> pa.Table:
    """Return what is true of everybody at any time of the days of `[generator]`, whatever cutoffs were asked for.

    Columns are those of `truth.parquet`: `entity_id`, `cutoff` (UTC, as the given one is unless it says otherwise),
    `probability` of the goal *within* a time such as "21 days" (the definition's own if None), and what `[generator]`
    brings. It is exact, given the state at the cutoff and what was done on its day before, and writes nothing. Raise
    `InvalidInput` for a definition whose truth is not known, another cutoff, or what is no time.
    """
    from limbeck.workflow import synthetic

    _check(definition)
    assert definition.generator is not None
    asked = definition.goal.within if within is None else Duration.parse(within)
    if asked is None:
        raise InvalidInput(f"the truth is asked for within {within!r}; wanted is {WANTED}")
    moment = cutoff if cutoff.tzinfo is None else cutoff.astimezone(UTC).replace(tzinfo=None)
    span = Span(moment, asked.after(moment, definition.cutoffs.clock))
    return pa.concat_tables(synthetic.truth(definition.generator, [span]))


def is_known(definition: Definition, done: Done) -> bool:
    """Return whether `told` can say anything of steps that are *done*: of synthetic persons, and nobody else."""
    synthetic = all(text.startswith(GENERATED) for s in definition.sources for text in s.files.values())
    return synthetic and definition.entity is None and None not in (done.truth, done.scores, done.model)


def _check(definition: Definition) -> None:
    if definition.generator is None:
        raise InvalidInput(
            f"the truth of {definition.path} is not known: its events are not synthetic; it is for a definition with a "
            "section [generator], such as examples/newsletter.toml"
        )
    if definition.entity is not None:
        raise InvalidInput(
            f"the truth of {definition.path} is not known: it is that of persons, and [entity] asks about pairs; "
            "leave that section out"
        )


def joined(rows: pa.Table, truth: Path) -> pa.Table:
    """Return *rows*, which are of one cutoff, each with what the file *truth* tells of it, in any order.

    That is `probability`, and `uplift` where people are treated. Raise `InvalidInput` for people whom it does not know.
    """
    names = [n for n in ("entity_id", "probability", "uplift") if n in pq.read_schema(truth).names]
    moment = rows["cutoff"][0].as_py().replace(tzinfo=None)
    known = pq.read_table(truth, columns=names, filters=[("cutoff", "==", moment)])
    found = rows.join(known, "entity_id", join_type="inner")
    if len(found) != len(rows):
        raise InvalidInput(
            f"{len(rows) - len(found):,} of {len(rows):,} people are not synthetic, so nothing is known of them; "
            "leave out the sources that bring them"
        )
    return found


# -- ranking ------------------------------------------------------------------------------------------------------


def expected_auc(scores: Numbers, chances: Numbers) -> float:
    """Return the ROC-AUC to expect of *scores* where people convert by *chances*; with outcomes for these the usual.

    Nobody is compared with oneself. NaN if no pair of different outcomes can come about.
    """
    return float(_expected(Ranking(chances, scores), np.ones((1, len(scores))))[0])


def _expected(ranking: Ranking, weights: Numbers) -> Numbers:
    """Return the area to expect of each draw of people."""
    positive, negative = ranking.counts(weights[:, ranking.order])
    own = weights[:, ranking.order] @ (ranking.labels * (1 - ranking.labels))
    pairs = positive[:, -1] * negative[:, -1] - own
    right = np.trapezoid(positive, negative, axis=-1) - own / 2
    found: Numbers = np.divide(right, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0)
    return found


def areas(scores: Numbers, chances: Numbers) -> dict[str, float]:
    """Return the expected areas of the `model` and the `oracle`, and the `share` of what is achievable.

    `low` and `high` are the ends of the share's 95 % interval, of draws of people.
    """
    model, oracle = expected_auc(scores, chances), expected_auc(chances, chances)
    low = high = float("nan")
    if oracle > 0.5:
        rankings = [Ranking(chances, ranked) for ranked in (scores, chances)]
        draws = Resamples(np.arange(len(scores)), chances, DRAWS, 0).blocks()
        drawn = [[_expected(ranking, weights) for ranking in rankings] for weights in draws]
        low, high = map(float, np.nanquantile(np.concatenate([_share(*both) for both in drawn]), ENDS))
    return {"model": model, "oracle": oracle, "share": float(_share(model, oracle)), "low": low, "high": high}


def _share(model: Any, oracle: Any) -> Any:
    """Return the share of the way from 0.5 to the oracle's area that the model went."""
    return (model - 0.5) / np.where(oracle > 0.5, oracle - 0.5, np.nan)


def _tested(definition: Definition, kept: Kept, files: tuple[Path, ...], truth: Path) -> dict[str, Any]:
    """Return what the outcomes at the test cutoffs say: of the model as it was judged, and of the oracle.

    Of several cutoffs `cutoffs` has the same for each whose measures are kept. The share's interval is that of the
    model's area.
    """
    rows = pa.concat_tables(pq.read_table(f, columns=["entity_id", "cutoff", "label"]) for f in files)
    moments = definition.cutoffs.test
    parts = [joined(rows.filter(pc.equal(pc.cast(rows["cutoff"], TIME), moment)), truth) for moment in moments]
    whole = _outcomes(pa.concat_tables(parts), kept.evaluation["test"]["roc_auc"])
    if len(parts) == 1:
        return {"cutoff": moments[0].isoformat(), **whole}
    alone = [one for one in kept.evaluation["moments"] if one["set"] == "test" and one["since"] == one["until"]]
    areas = {one["since"]: one["measures"].get("roc_auc") for one in alone}
    told = [(moment.isoformat(), part) for moment, part in zip(moments, parts, strict=True)]
    found = [{"cutoff": at, **_outcomes(part, areas[at])} for at, part in told if areas.get(at)]
    sigmas = max((one["sigmas"] for one in found), key=abs, default=whole["sigmas"])
    return {"cutoff": [at for at, _ in told], **whole, "sigmas": sigmas, "cutoffs": found}


def _outcomes(rows: pa.Table, area: Mapping[str, float]) -> dict[str, Any]:
    labels, chances = rows["label"].to_numpy().astype(np.float64), rows["probability"].to_numpy()
    spread = float(np.sqrt(chances @ (1 - chances)))
    oracle = expected_auc(chances, labels)
    share, low, high = (float(_share(area[end], oracle)) for end in ("value", "low", "high"))
    return {
        "people": len(labels),
        "model": area["value"],
        "oracle": oracle,
        "share": share,
        "low": low,
        "high": high,
        "converted": float(labels.mean()),
        "expected": float(chances.mean()),
        "sigmas": float((labels - chances).sum()) / spread if spread else 0.0,
    }


# -- probabilities ------------------------------------------------------------------------------------------------


def calibration(scores: Numbers, chances: Numbers) -> dict[str, Any]:
    """Compare scores with true probabilities in tenths of the people, by score: `tenths` and their mean `error`."""
    parts = [part for part in np.array_split(np.argsort(scores, kind="stable"), TENTHS) if len(part)]
    tenths = [_tenth(scores[part], chances[part]) for part in parts]
    error = np.average([abs(t["error"]) for t in tenths], weights=[t["people"] for t in tenths])
    return {
        "score": float(scores.mean()),
        "true": float(chances.mean()),
        "error": float(error),
        "rmse": float(np.sqrt(np.mean((scores - chances) ** 2))),
        "tenths": tenths,
    }


def _tenth(scores: Numbers, chances: Numbers) -> dict[str, float]:
    score, true = float(scores.mean()), float(chances.mean())
    return {"people": len(scores), "score": score, "true": true, "error": score - true}


# -- the audience -------------------------------------------------------------------------------------------------


def _audience(
    client: Client,
    definition: Definition,
    done: Done,
    people: pa.ChunkedArray,
    chances: Numbers,
    uplift: Numbers | None,
) -> dict[str, Any] | None:
    """Return the planned precision of the chosen beside the true one, and that of as many chosen by the oracle.

    *chances* and *uplift* are true of *people*, in their order.
    """
    part = definition.audience
    if part is None or done.known is None:
        return None
    table = pq.read_table(planning.basis_of(definition, part, done.known).people, columns=["entity_id", part.by])
    worth = table[part.by].take(pc.index_in(people, table["entity_id"].combine_chunks())).to_numpy()
    reach = planning.plan(definition, part, done.known, client.tenant).chosen
    added = reach.incremental and times(1 / max(1, reach.contacted), reach.incremental)
    return {
        "name": part.name,
        "by": part.by,
        "people": reach.people,
        "share": reach.share,
        "threshold": reach.threshold,
        "planned": dict(reach.precision),
        **chosen(worth, chances, reach.threshold),
        "uplift": None
        if uplift is None
        else {"planned": added, **chosen(worth, uplift, reach.threshold), "all": float(uplift.mean())},
    }


def chosen(scores: Numbers, worth: Numbers, threshold: float) -> dict[str, float]:
    """Return the mean *worth* of those with at least the score, or uplift, *threshold* as `true`, and the `oracle`'s.

    The oracle chooses as many people, those of most worth: true probability, or true uplift.
    """
    above = scores >= threshold
    best = np.sort(worth)[::-1][: np.count_nonzero(above)]
    return {"true": float(worth[above].mean()), "oracle": float(best.mean())}
