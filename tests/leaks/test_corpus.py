"""Each planted leak of the corpus is one, and is found; a clean case keeps what it promises, and is not accused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from limbeck.propensity.leaks import Evidence, Finding, find
from tests.leaks.corpus import CLEAN, PLANTED
from tests.leaks.frames import KEYS, Case, Frames, expected_and_met, promised_and_kept

MARGIN = 0.04
"""What a leak adds at least to the ROC-AUC, or to the share that is expected to reach the goal."""


def test_there_are_enough_of_each() -> None:
    for cases in (PLANTED, CLEAN):
        assert len({case.name for case in cases}) == len(cases) >= 10
        assert sum(case.real for case in cases) >= 5


@pytest.mark.parametrize("case", PLANTED, ids=lambda case: case.name)
def test_a_planted_leak_promises_what_is_not_kept_and_is_found(case: Case) -> None:
    _check_fit(case)
    promised, kept = (promised_and_kept if case.ranks else expected_and_met)(case.frames)
    assert promised - kept > MARGIN
    found = _found(case)
    assert found
    accused = {name for one in found for name in one.features}
    assert accused & set(case.features) or not case.features
    assert all(any(char.isdigit() for char in one.verdict) and one.remedy for one in found)


@pytest.mark.parametrize("case", CLEAN, ids=lambda case: case.name)
def test_a_clean_case_keeps_what_it_promises_and_is_not_accused(case: Case) -> None:
    """Where the honest rows are other people, it does within what chance allows; real ones are the very same."""
    _check_fit(case)
    found = case.frames
    promised, kept = promised_and_kept(found)
    fewest = min(frame["label"].value_counts().min() for frame in (found.later, found.honest))
    assert abs(promised - kept) <= (0.0 if case.real else 3 * np.sqrt(2 / 12 / fewest))
    if case.real:
        _check_nothing_later(found)
    assert _found(case) == []


def _found(case: Case) -> list[Finding]:
    found = case.frames
    return find(Evidence(found.known, found.later, found.asked, lambda: found.aged))


def _check_nothing_later(found: Frames) -> None:
    """Features computed from what happened before the cutoff alone are the same."""
    pd.testing.assert_frame_equal(found.later[list(found.honest.columns)], found.honest, check_dtype=False)


def _check_fit(case: Case) -> None:
    found = case.frames
    features = [c for c in found.known.columns if c not in KEYS]
    assert set(case.features) <= set(features)
    for frame in (found.later, found.honest, found.asked, *found.aged):
        assert frame is None or [c for c in frame.columns if c not in KEYS] == features
    for frame in found.aged:
        assert frame["entity_id"].tolist() == found.known["entity_id"].tolist()
        assert frame["label"].tolist() == found.known["label"].tolist()
