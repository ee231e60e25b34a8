"""Optuna's search for settings (Akiba et al. 2019), judged by the folds of the training set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from limbeck.errors import InvalidInput
from limbeck.propensity.candidates import Candidate


def search(candidate: Candidate, score: Callable[[Mapping[str, Any]], float], trials: int, seed: int) -> None:
    """Draw *trials* settings of *candidate* after its own, each where those before it did well by *score*.

    *score* keeps what it is asked; the higher the better. The same seed draws the same settings. Raise `InvalidInput`
    if Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise InvalidInput('model.trials needs Optuna: pip install "limbeck[tune]"; or leave trials out') from error
    if candidate.space is None:
        return
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = candidate.space
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    for settings in candidate.settings:
        study.enqueue_trial(dict(settings))
    study.optimize(lambda trial: score(space(trial)), n_trials=len(candidate.settings) + trials)
