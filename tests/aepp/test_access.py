"""Access control and audit events, as aepp reads them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aepp.clients import Aep, aep


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aep]:
    with aep(tmp_path_factory.mktemp("access")) as opened:
        yield opened


def test_who_may_do_what_and_who_has_done_what(platform: Aep) -> None:
    found = platform.run("access.py", "0.6.0")
    assert found["permissions"] == ["permissions", "resource-types"]
    assert found["policies"] == {"datasets": ["view", "manage"], "manage-sandboxes": ["view", "manage"]}
    assert (found["roles"], found["role"]) == (["admin", "editor", "viewer"], "viewer")
    assert len(found["subjects"]) == 1
    assert found["events"] == ["c", "b", "a"]
    assert found["some"] == [2, 3]
