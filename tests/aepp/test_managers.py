"""aepp's managers of schemas, field groups, classes and data types, in one sandbox and on to another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aepp.clients import Aep, aep

MINE = ("children", "counts", "deep", "orders", "score", "spent", "tags", "tier", "userid")
NAMES = [f"name.{part}Name" for part in ("first", "full", "last", "middle")]
PERSON = ["birthDate", "birthDayAndMonth", "birthYear", "gender", *NAMES]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aep]:
    with aep(tmp_path_factory.mktemp("managers")) as opened:
        with opened.http() as http:
            made = http.post(
                "/data/foundation/sandbox-management/sandboxes",
                json={"name": "other", "title": "Other", "type": "development"},
            )
            assert made.status_code == 201
        yield opened


def test_the_managers(platform: Aep) -> None:
    found = platform.run("managers.py", sandbox="prod", other="other")
    assert found["money"] == ["1.1", ["amount", "currency"], {"amount": "number", "currency": "string"}]
    assert found["person"] == ["Person", True, "string"]
    assert (found["group"], found["updated"], found["patched"]) == ("1.0", "1.1", "Who buys")
    children = [f"children[]{{}}{below}" for below in ("", ".name", *(f".{part}" for part in PERSON))]
    inside = ["deep.one", "deep.two", "spent.amount", "spent.currency", "orders[]{}", "orders[]{}.at", "orders[]{}.id"]
    flat = ["counts", "deep", "score", "spent", "tags[]", "tier", "userid"]
    assert found["fields"] == sorted(["_acme", *(f"_acme.{path}" for path in (*children, *inside, *flat))])
    assert found["typed"].pop("_acme.children[]{}") == "https://ns.adobe.com/xdm/context/person"
    assert list(found["typed"]) == ["_acme.spent"]
    assert (found["searched"], found["attributes"], found["som"], found["pydantic"]) == (["score"], 5, True, True)
    assert found["class"] == ["More things", ["_id", "timestamp"]]
    assert found["schema"] == "1.0"
    kinds = ["alternateDisplayInfo", "descriptorDeprecated", "descriptorIdentity", "descriptorTimeSeriesGranularity"]
    assert found["descriptors"] == found["carried"] == [f"xdm:{kind}" for kind in kinds]
    assert found["title"] == "Likelihood"
    assert found["described"] == ["1.1", "Those who buy"]
    assert found["frame"] == [["Buyers", "Demographic Details", "class"], True]
    leaves = [f"_acme.{name}" for name in MINE if name not in ("deep", "spent")]
    assert {*leaves, "_acme.deep.one", "_acme.spent.amount", "person.name.firstName", "_id"} <= set(found["paths"])
    assert found["dictionary"] == found["sample"] == sorted(MINE)
    assert (found["datasets"], found["unseen"]) == (True, [])
    assert (found["added"], found["copied"]) == (4, "More again")
    assert found["twin"] == [True, True]
    assert found["compared"] == [True, True, []]
