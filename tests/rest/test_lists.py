"""Filters of lists by regular expressions, alike in every service that has them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rest.api import Api, served
from tests.rest.resources import KINDS, Kind

NAMES = {
    "schemas": "title",
    "fieldgroups": "title",
    "classes": "title",
    "datatypes": "title",
    "dataset": "name",
    "connection": "name",
    "source connection": "name",
    "target connection": "name",
    "flow": "name",
    "query template": "name",
    "query schedule": "query.name",
}
"""The kinds with such lists, and the key of a name."""

HARD = "a" * 60 + "!"
"""For `^(a+)+$`, engines that go back try each of 2^60 ways to cut it."""

listing = pytest.mark.parametrize("kind", [k for k in KINDS if k.name in NAMES], ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with served(tmp_path_factory.mktemp("lists")) as opened:
        yield opened


def named(api: Api, kind: Kind, name: str) -> str:
    body, key = kind.body(api), NAMES[kind.name]
    if key.startswith("query."):
        body["query"] = {**body["query"], "name": name}
    else:
        body[key] = name
    return kind.id_of(api.ok("POST", kind.path, body))


def listed(api: Api, kind: Kind, pattern: str) -> list[str]:
    assert kind.listed is not None
    return list(kind.listed(api.ok("GET", kind.path, params={"property": f"{NAMES[kind.name]}~{pattern}"})))


@listing
def test_a_regular_expression_is_looked_for(api: Api, kind: Kind) -> None:
    one, other, hard = (named(api, kind, name) for name in ("late 2024 sales", "sales of 1999, late", HARD))
    assert listed(api, kind, "sales$") == [one]
    assert set(listed(api, kind, r"\d{4}.*(s|late)$")) == {one, other}
    assert listed(api, kind, "of [0-9]{2,4}, late") == [other]
    assert listed(api, kind, "^(a+)+$") == []
    assert listed(api, kind, "^(a+)+!$") == [hard]


@listing
@pytest.mark.parametrize("wrong", ["(", "[z-a]", "(?=a)", r"(a)\1", "*", "a{9999}"])
def test_what_is_none_is_refused(api: Api, kind: Kind, wrong: str) -> None:
    answer = api.send("GET", kind.path, params={"property": f"{NAMES[kind.name]}~{wrong}"})
    assert (answer.status_code, answer.json()["status"]) == (400, 400)
    assert "regular expression" in answer.text
