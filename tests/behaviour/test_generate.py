"""Sources become datasets of a platform, once each; what an interrupted run left behind is taken up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from limbeck.client import Batch, Client, Dataset
from limbeck.errors import InvalidInput
from limbeck.workflow import generate, sources
from limbeck.workflow.datasets import Source
from limbeck.workflow.definition import Definition
from limbeck.workflow.generate import KEY_TAG, Loaded
from tests.platforms import embedded

DEFINITION = """\
name = "shop"

[[sources]]
dataset = "visits"
files.log = "rows.csv"
key = "number"

[sources.columns]
customer = { path = "{tenant}.customer", identity = "CRMID" }
number = { path = "{tenant}.number", type = "string" }
at = "timestamp"
kind = "eventType"

[goal]
event = "kind = 'buy'"
within = "2 days"

[cutoffs]
train = [2026-01-03]
test = 2026-01-06
score = 2026-01-09

[features]
visits = { count = true }
"""
ROWS = ["a,1,2026-01-01,look", "a,2,2026-01-02,buy", "b,3,2026-01-02,look"]


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with embedded(tmp_path_factory.mktemp("home")) as client:
        yield client


class Shop:
    """A definition in a folder, whose one source makes a dataset of the test's own name."""

    def __init__(self, aep: Client, folder: Path, name: str) -> None:
        (folder / "shop.toml").write_text(DEFINITION.replace('"visits"', f'"{name}"'))
        self.aep, self.name, self.work = aep, name, folder / "work"
        self.definition = Definition.load(folder / "shop.toml")
        self.write(ROWS)

    @property
    def source(self) -> Source:
        return self.definition.sources[0]

    def write(self, rows: list[str]) -> None:
        (self.definition.path.parent / "rows.csv").write_text("\n".join(["customer,number,at,kind", *rows, ""]))

    def load(self, key: str) -> Loaded:
        found = generate.load(self.aep, self.definition, self.source, key, self.work)
        assert not self.work.exists()
        return found

    def find(self, key: str) -> Loaded | None:
        return generate.find(self.aep, self.source, key)

    def count(self, dataset: Dataset) -> int:
        found = self.aep.sql(f"select count(*) from {dataset.table}").scalar()
        assert isinstance(found, int)
        return found

    def interrupted(self, key: str, where: str) -> Dataset | None:
        """Load, interrupted as by Ctrl-C when the client is to do *where*; return the dataset that is left."""

        def interrupt(*_arguments: object, **_named: object) -> None:
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Client, where, interrupt)
            with pytest.raises(KeyboardInterrupt):
                self.load(key)
        assert not self.work.exists()
        return next(iter(self.aep.datasets(self.name)), None)

    def statuses(self, dataset: Dataset) -> list[str]:
        return [b.status for b in self.aep.batches(dataset)]


@pytest.fixture
def shop(aep: Client, tmp_path: Path, request: pytest.FixtureRequest) -> Shop:
    return Shop(aep, tmp_path, request.node.name.removeprefix("test_"))


def same(one: Loaded | None, other: Loaded) -> bool:
    """Whether both are the same rows of the same dataset."""
    return one is not None and (one.dataset.id, one.rows) == (other.dataset.id, other.rows)


def test_what_was_loaded_is_found(shop: Shop) -> None:
    assert shop.find("k1") is None

    made = shop.load("k1")

    assert same(shop.find("k1"), made)
    assert (made.rows, shop.count(made.dataset)) == (3, 3)
    sql = f'select _id, timestamp, "eventType", _{shop.aep.tenant}.customer from {made.dataset.table} order by 1'
    assert [(r["_id"], r["customer"]) for r in shop.aep.sql(sql).table().to_pylist()] == [
        ("1", "a"),
        ("2", "a"),
        ("3", "b"),
    ]
    assert list(made.dataset.tags[KEY_TAG]) == ["k1"]


def test_what_is_found_has_the_version_that_loading_gave(shop: Shop) -> None:
    """Later steps are kept under it: were it another one, the next run would do them all again."""
    made = shop.load("k1")
    assert shop.find("k1") == made


def test_other_rows_are_another_dataset_of_the_same_name(shop: Shop) -> None:
    first = shop.load("k1")
    shop.write([*ROWS, "c,4,2026-01-03,buy"])

    second = shop.load("k2")

    assert (first.dataset.name, second.dataset.name) == (shop.name, shop.name)
    assert first.dataset.table != second.dataset.table
    assert (shop.count(first.dataset), shop.count(second.dataset)) == (3, 4)
    assert shop.find("k1") is None  # out of Profile, and what is enabled again does not bring its rows back
    assert same(shop.find("k2"), second)


def test_rows_that_are_wanted_again_are_loaded_again_and_stand_alone_in_profile(shop: Shop) -> None:
    first = shop.load("k1")
    shop.write([*ROWS, "zoe,4,2026-01-03,buy"])
    second = shop.load("k2")
    assert len(shop.aep.people.events("CRMID", "zoe")) == 1
    shop.write(ROWS)

    third = shop.load("k1")

    assert same(shop.find("k1"), third)
    assert shop.aep.people.events("CRMID", "zoe") == []
    assert {d.id for d in shop.aep.datasets(shop.name)} == {second.dataset.id, third.dataset.id}
    assert first.dataset.id != third.dataset.id


def test_other_columns_are_another_schema(shop: Shop) -> None:
    first = shop.load("k1")
    (source,) = shop.definition.sources
    columns = tuple(replace(c, path="{tenant}.id.number") if c.name == "number" else c for c in source.columns)
    nested = replace(source, columns=columns)

    second = generate.load(shop.aep, shop.definition, nested, "k2", shop.work)

    sql = f"select max(_{shop.aep.tenant}.id.number) from {second.dataset.table}"
    assert shop.aep.sql(sql).scalar() == "3"
    assert shop.count(first.dataset) == shop.count(second.dataset) == 3


def test_another_namespace_is_another_schema(shop: Shop) -> None:
    first = shop.load("k1")
    (source,) = shop.definition.sources
    columns = tuple(replace(c, identity="Loyalty") if c.identity else c for c in source.columns)

    second = generate.load(shop.aep, shop.definition, replace(source, columns=columns), "k2", shop.work)

    assert shop.count(first.dataset) == shop.count(second.dataset) == 3


def test_bad_rows_leave_nothing_and_the_next_run_works(shop: Shop) -> None:
    shop.write([*ROWS, "c,4,soon,buy"])
    with pytest.raises(InvalidInput, match=r"row 4, column 'at': 'soon' is no time"):
        shop.load("k1")
    assert shop.aep.datasets(shop.name) == []
    assert not shop.work.exists()

    shop.write(ROWS)
    assert shop.load("k2").rows == 3


# -- what an interrupted run left behind --------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["create_field_group", "create_schema", "create_identity", "create_dataset"])
def test_parts_of_a_dataset_are_taken_up(aep: Client, tmp_path: Path, where: str) -> None:
    shop = Shop(aep, tmp_path, f"cut_at_{where}")
    assert shop.interrupted("k1", where) is None
    assert shop.find("k1") is None

    assert shop.load("k1").rows == 3
    assert len(aep.datasets(shop.name)) == 1


def test_an_empty_dataset_is_filled(shop: Shop) -> None:
    left = shop.interrupted("k1", "upload")
    assert left is not None
    assert (shop.find("k1"), shop.statuses(left)) == (None, [])

    made = shop.load("k1")

    assert (made.dataset.id, made.rows, shop.count(left)) == (left.id, 3, 3)


def test_a_batch_that_lacks_a_file_is_replaced(shop: Shop) -> None:
    left = shop.interrupted("k1", "put_file")
    assert left is not None
    assert shop.find("k1") is None

    made = shop.load("k1")

    assert (made.dataset.id, made.rows, shop.count(left)) == (left.id, 3, 3)


def test_an_open_batch_is_given_up_and_replaced(shop: Shop) -> None:
    left = shop.interrupted("k1", "complete_batch")
    assert left is not None
    assert (shop.find("k1"), shop.statuses(left)) == (None, ["loading"])

    made = shop.load("k1")

    assert (made.dataset.id, made.rows, shop.count(left)) == (left.id, 3, 3)
    assert sorted(shop.statuses(left)) == ["aborted", "success"]
    assert same(shop.find("k1"), made)


def test_a_completed_batch_is_awaited(shop: Shop) -> None:
    left = shop.interrupted("k1", "wait")
    assert left is not None

    made = shop.find("k1") or shop.load("k1")

    assert (made.dataset.id, made.rows, shop.count(left)) == (left.id, 3, 3)
    assert shop.statuses(left) == ["success"]


def test_a_batch_that_ends_between_looking_and_loading_is_not_loaded_again(shop: Shop) -> None:
    made = shop.load("k1")
    assert same(shop.load("k1"), made)
    assert shop.count(made.dataset) == 3


def test_a_batch_that_becomes_visible_while_one_looks_is_told_with_its_version(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, listed = shop.load("k1"), Client.batches

    def late(client: Client, dataset: Dataset, status: str | None = None) -> list[Batch]:
        monkeypatch.undo()
        prepared = sources.prepare(shop.source, tmp_path, client.tenant, shop.work)
        client.upload(dataset, *prepared.files)
        return listed(client, dataset, status)

    monkeypatch.setattr(Client, "batches", late)
    found = shop.find("k1")

    assert found is not None
    assert found.rows == 2 * made.rows
    assert found.dataset.version == shop.aep.datasets(shop.name)[0].version != made.dataset.version


# -- datasets that are there --------------------------------------------------------------------------------------


def test_a_source_without_files_is_a_dataset_that_is_there(shop: Shop) -> None:
    made = shop.load("k1")
    without = replace(shop.source, files={}, sql=None)
    found = generate.find(shop.aep, without, "whatever")
    assert same(found, made)


def test_a_dataset_that_is_not_there(shop: Shop) -> None:
    without = replace(shop.source, files={}, sql=None)
    with pytest.raises(InvalidInput) as caught:
        generate.find(shop.aep, without, "k1")
    told = str(caught.value)
    for part in ("shop.toml, line 3: sources[0]", repr(shop.name), f"sandbox {shop.aep.sandbox}", "name the files"):
        assert part in told
