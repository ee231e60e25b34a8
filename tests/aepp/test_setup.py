"""Every release of aepp gets in, in each way that its users configure it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aepp.clients import RELEASES, Aep, aep
from tests.platforms import ORG


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aep]:
    with aep(tmp_path_factory.mktemp("setup")) as opened:
        yield opened


@pytest.mark.parametrize("release", RELEASES)
def test_a_token_and_the_tenant(platform: Aep, release: str) -> None:
    found = platform.run("setup.py", release)
    assert found == {"by_hand": "acme", "by_file": "acme", "org": ORG, "datasets": {}}
