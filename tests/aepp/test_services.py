"""Every public method of aepp's services, in the newest and the oldest release: called, or there is a reason."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.aepp.clients import RELEASES, aep
from tests.aepp.methods import DOCS, MODULES, uncalled, written

HAS_PG = importlib.util.find_spec("pg") is not None


@pytest.mark.parametrize("release", [RELEASES[0], RELEASES[-1]])
def test_every_method_is_called_or_there_is_a_reason(release: str, tmp_path: Path) -> None:
    """One process runs the script of each module. Which methods there are, and which are called, it finds by itself."""
    with aep(tmp_path) as platform:
        told = platform.run("services.py", release, name="services", modules=MODULES, pygresql=HAS_PG)
    failed = "\n".join(f"{name}: {failure}" for name, failure in told["failed"].items())
    assert not failed, failed
    there, called = set(told["methods"]), set(told["called"])
    reasons = {u.method: u for u in uncalled()}
    if not HAS_PG:
        there = {name for name in there if not name.startswith("InteractiveQuery.")}
    assert there - called - reasons.keys() == set(), "call them in scripts/service, or say in methods.py why not"
    assert called & reasons.keys() == set(), "they are called: take them out of methods.py"


def test_the_reasons_are_true_and_told_once() -> None:
    found = list(uncalled())
    served = sorted({u.heading for u in found if not u.reason})
    assert served == [], "these are served now, or stand in no table: call their methods in scripts/service"
    assert len({u.method for u in found}) == len(found)


def test_the_page_for_users_lists_them() -> None:
    assert written(DOCS.read_text()) == DOCS.read_text(), "python -m tests.conformance.compatibility --write"
