"""Which version scores: the champion, until a version that is trained later is better beyond noise.

A trained version is judged once, on its own test set, and becomes the champion

* if there is none, or the present one answers another question or needs features that are no longer computed;
* if it is better than the present one on the same rows beyond noise (`propensity.promotion`).

Else it becomes the challenger, which `limbeck promote` makes the champion by hand. A verdict is not revised when the
same definition runs again, so what was done by hand stays, as long as the champion can answer what is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.errors import InvalidInput
from limbeck.lock import file_lock
from limbeck.propensity import frames, promotion
from limbeck.settings import Settings
from limbeck.workflow import latest, logged
from limbeck.workflow.definition import Definition
from limbeck.workflow.tracking import Kept, Tracking, Verdict

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 3
"""Features that a message names."""


def standing(tracking: Tracking, trained: Kept, asked: Mapping[str, Any]) -> Kept | None:
    """Return the champion that answers the question *asked*; None if *trained* has to be judged first."""
    champion = tracking.champion_if_any(trained.name)
    if champion is None or not trained.settled or lacking(champion, asked):
        return None
    return champion


def judge(
    tracking: Tracking, trained: Kept, asked: Mapping[str, Any], test: Sequence[Path], resamples: int, seed: int
) -> Verdict:
    """Return whether *trained* is to be the champion instead of the present one, and why.

    Both are compared on the rows of the files *test*. *asked* is the question of the definition, *resamples* and *seed*
    are those of the bootstrap. A verdict that a crash kept from taking effect is returned as it was.
    """
    if trained.verdict is not None and not trained.settled:
        return trained.verdict
    champion = tracking.champion_if_any(trained.name)
    new = f"version {trained.version}"
    if champion is None:
        return Verdict(True, f"{new} is the champion: there is no other yet")
    if champion.version == trained.version:
        return Verdict(True, f"{new} is the champion already")
    old = f"version {champion.version}"
    if why := lacking(champion, asked):
        return Verdict(
            True, f"{new} is the champion: {old}, the champion before, cannot score these people any more, as {why}"
        )
    rows = frames.read(test)
    before, now = (_probability(tracking.load(kept), rows, kept) for kept in (champion, trained))
    labels, people = rows["label"].to_numpy(float), rows["entity_id"].to_numpy()
    found = promotion.compare(people, labels, before, now, resamples, seed)
    told = _gains(found, rows["cutoff"].min(), rows["cutoff"].max())
    if found["better"]:
        return Verdict(True, f"{new} is the champion: it is better than {old} beyond noise. {told}", found)
    seen = _seen(champion, rows["cutoff"].min())
    by_hand = f"`limbeck promote DEFINITION {trained.version}` makes it the champion all the same"
    return Verdict(
        False, f"{new} is the challenger: it is not better than {old} beyond noise. {told}{seen}; {by_hand}", found
    )


def lacking(champion: Kept, asked: Mapping[str, Any]) -> str:
    """Return why *champion* cannot answer the question *asked*, as a clause; empty if it can."""
    if any(champion.question[part] != asked[part] for part in ("goal", "entity")):
        return "it forecasts another goal, or for others"
    needed, computed = champion.question["features"], asked["features"]
    for told, names in (
        ("is no longer computed", [n for n in needed if n not in computed]),
        ("is computed otherwise now", [n for n in needed if n in computed and needed[n] != computed[n]]),
    ):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            return f"it needs {', '.join(names[:SHOWN])}{more}, which {told}"
    return ""


def promote(definition: Definition | Path | str, version: str | None = None, home: Path | str | None = None) -> Kept:
    """Make a version of a definition's model the champion by hand, the challenger if none is named, and return it.

    Raise `NotFound` if there is none such, `InvalidInput` if it does not answer what the definition asks.
    """
    loaded = definition if isinstance(definition, Definition) else Definition.load(definition)
    settings = Settings.load(home)
    tracking = Tracking(settings.home, settings.mlflow_tracking_uri)
    kept = tracking.version(loaded.name, version)
    if why := lacking(kept, logged.question(loaded)):
        raise InvalidInput(f"version {kept.version} of {kept.name} cannot score what {loaded.path} asks, as {why}")
    folder = settings.home / latest.WORKFLOW / loaded.name
    folder.mkdir(parents=True, exist_ok=True)
    with file_lock(folder / latest.LOCK):
        tracking.promote(kept)
    return kept


def _probability(model: Any, rows: pd.DataFrame, kept: Kept) -> Any:
    return model.predict_proba(rows[list(kept.question["features"])])[:, 1]


def _gains(found: Mapping[str, Any], first: datetime, last: datetime) -> str:
    told = []
    for measure, name, verb in (("roc_auc", "ROC-AUC", "gains"), ("log_loss", "log loss", "is smaller by")):
        gain = found[measure]["gain"]
        told.append(f"its {name} {verb} {gain['value']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})")
    of = f"{first:%Y-%m-%d}" if first == last else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return f"For the same {found['people']:,} people of {of} {' and '.join(told)}"


def _seen(champion: Kept, cutoff: datetime) -> str:
    """Return a warning if the champion learnt from outcomes after *cutoff*: the comparison favours it then."""
    until = champion.learnt_until
    if until is None or datetime.fromisoformat(until).replace(tzinfo=None) <= cutoff.replace(tzinfo=None):
        return ""
    return f", where it is at a disadvantage: version {champion.version} learnt from outcomes of that time"
