"""`limbeck explain`: what it says of a person is what the data say, and saying it does nothing."""

from __future__ import annotations

import json
import shutil
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck.client import Client
from limbeck.errors import InvalidInput, NotFound
from limbeck.workflow.generate import CLASSES, IN_PROFILE
from limbeck.workflow.ingest import CONTROL, groups
from limbeck.workflow.sources import field_group
from tests import shop
from tests.behaviour.test_run_crashes import DEFINITION
from tests.commands import limbeck as command
from tests.platforms import ORG, served
from tests.shop_definition import kept, models, scores, tables

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]

CUTOFF = datetime(2026, 5, 20)
STRANGER = "c9999"
"""Somebody with a profile and without events."""


@dataclass(frozen=True)
class Shop:
    """A home on which the definition was run, and what came of it."""

    folder: Path
    summary: Mapping[str, Any]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def toml(self) -> Path:
        return self.folder / "shop.toml"

    def state(self) -> tuple[Any, ...]:
        return tables(self.home), models(self.home), kept(self.home)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    shop.write(folder)
    with (folder / "people.csv").open("a") as people:
        people.write(f"{STRANGER},77,north\n")
    (folder / "shop.toml").write_text(DEFINITION)
    assert command("credentials", "create", "--org", ORG, "--home", folder / "home").returncode == 0
    with limbeck.connect(folder / "home") as aep:
        link(aep, folder / "crm.json", "c0001", "one@example.com")
        return Shop(folder, limbeck.run(folder / "shop.toml", aep, folder / "home"))


def link(aep: Client, file: Path, customer: str, mail: str) -> None:
    """Say in a dataset of Profile that somebody has an address."""
    types = {f"_{aep.tenant}.customer": "string", f"_{aep.tenant}.mail": "string"}
    body = field_group("crm fields", CLASSES["profile"], types, aep.tenant)
    assert body is not None
    schema = aep.create_schema("crm", CLASSES["profile"], [aep.create_field_group(body).id])
    aep.create_identity(schema, f"_{aep.tenant}.customer", "CRMID")
    aep.create_identity(schema, f"_{aep.tenant}.mail", "Email", primary=False)
    aep.enable_profile(schema)
    file.write_text(json.dumps({f"_{aep.tenant}": {"customer": customer, "mail": mail}}))
    aep.upload(aep.create_dataset("crm", schema, IN_PROFILE), file)


@pytest.fixture(scope="module")
def aep(place: Shop) -> Iterator[Client]:
    with limbeck.connect(place.home) as client:
        yield client


def ask(place: Shop, aep: Client, who: str, definition: Path | None = None) -> Any:
    """The explanation, once it has been through JSON; nothing must have changed by asking."""
    before = place.state()
    found = limbeck.explain(who, aep, definition, place.home)
    assert place.state() == before
    return json.loads(json.dumps(found, allow_nan=False))


def changed(place: Shop, old: str, new: str) -> Path:
    assert old in DEFINITION
    path = place.folder / "changed.toml"
    path.write_text(DEFINITION.replace(old, new))
    return path


def people(place: Shop) -> dict[str, list[dict[str, Any]]]:
    """Everybody's events before the cutoff, in the order of time."""
    found: dict[str, list[dict[str, Any]]] = {}
    for event in pq.read_table(place.folder / "events.parquet").to_pylist():
        if event["at"] < CUTOFF:
            found.setdefault(event["customer"], []).append({**event, "at": event["at"].replace(microsecond=0)})
    return found


def features(events: list[dict[str, Any]], age: int) -> dict[str, Any]:
    views = [e for e in events if e["kind"] == "view"]
    week = [e for e in views if e["at"] >= CUTOFF - timedelta(days=7)]
    spend = sum(e["amount"] or 0 for e in events)
    return {"views": len(views), "views_7d": len(week), "spend": spend, "age": age}


def chosen(place: Shop) -> list[str]:
    """Some people of each sort: high and low scores, members and control."""
    ranked = [row["entity_id"] for row in sorted(scores(output(place)), key=lambda row: row["rank"])]
    held = dict(zip(ranked, groups(ranked, 0, 0.25), strict=True))
    control = next(person for person in ranked if held[person] == CONTROL)
    return [*dict.fromkeys([*ranked[:2], control, ranked[150], ranked[-1]])]


def output(place: Shop) -> Path:
    return place.home / "output" / "shop" / "scores.parquet"


def test_it_says_what_the_data_say(place: Shop, aep: Client) -> None:
    events, lines = people(place), (place.folder / "people.csv").read_text().splitlines()[1:]
    ages = {line.split(",")[0]: int(line.split(",")[1]) for line in lines}
    everybody = {person: features(mine, ages[person]) for person, mine in events.items()}
    scored = {row["entity_id"]: row for row in scores(output(place))}
    assert set(scored) == set(everybody)
    threshold = float(place.summary["audience"]["rule"].split()[2])
    for person in chosen(place):
        found = ask(place, aep, person)
        mine, row = events[person], scored[person]
        assert (found["state"], found["commands"]) == ("scored", {})
        assert (found["profile"], found["identities"]) == ({"namespace": "CRMID", "id": person}, {"CRMID": [person]})
        (age,) = found["attributes"]
        assert (age["name"], age["value"], age["dataset"]) == ("age", ages[person], "people")
        assert datetime.fromisoformat(age["time"]).year >= 2026
        assert found["events"]["count"] == len(mine)
        assert found["events"]["types"] == Counter(e["kind"] for e in mine)
        last = sorted(((e["at"].isoformat(), e["kind"]) for e in mine), key=lambda e: e[0], reverse=True)[:10]
        assert sorted((e["time"], e["type"]) for e in found["events"]["last"]) == sorted(last)
        for feature in found["features"]:
            name = feature["name"]
            assert feature["value"] == pytest.approx(everybody[person][name])
            assert feature["median"] == pytest.approx(statistics.median(e[name] for e in everybody.values()))
        assert [f["name"] for f in found["features"]] == list(everybody[person])
        score = found["score"]
        assert (score["probability"], score["rank"], score["scored"]) == (row["score"], row["rank"], len(scored))
        below = sum(other["score"] < row["score"] for other in scored.values())
        assert score["percentile"] == pytest.approx(100 * below / len(scored))
        assert (score["points"], score["bucket"]) == (row["points"], row["bucket"])
        assert score["reasons"] == json.loads(row["reasons"])
        assert 0 < len(score["reasons"]) <= 3
        for reason in score["reasons"]:
            assert reason["value"] == pytest.approx(everybody[person][reason["feature"]])
            moved = "raises" if reason["effect"] > 0 else "lowers"
            assert f"{reason['feature']} = {reason['value']} {moved} it (odds × " in score["because"]
        assert (score["model"], score["version"], score["as_of"]) == ("shop", "1", CUTOFF.isoformat())
        assert score["trained"] == place.summary["model"]["trained"]
        assert found["on_profile"]["score"] == pytest.approx(row["score"])
        (group,) = groups([person], 0, 0.25)
        assert found["control"] is (group == CONTROL)
        (audience,) = found["audiences"]
        member = row["score"] >= threshold and group != CONTROL
        assert (audience["id"], audience["name"]) == (place.summary["audience"]["id"], "shop")
        assert (audience["status"], audience["since"] is not None) == ("realized" if member else "not in it", member)


def test_the_namespace_may_be_said_and_the_definition_too(place: Shop, aep: Client) -> None:
    expected = ask(place, aep, "c0001")
    assert ask(place, aep, "CRMID:c0001", place.toml) == expected
    assert expected["definition"] == {"name": "shop", "title": "shop", "path": str(place.toml)}


def test_another_identity_of_theirs_does_too(place: Shop, aep: Client) -> None:
    expected = ask(place, aep, "c0001")
    assert expected["identities"] == {"CRMID": ["c0001"], "Email": ["one@example.com"]}
    found = ask(place, aep, "Email:one@example.com")
    assert found["profile"] == {"namespace": "Email", "id": "one@example.com"}
    assert {**found, "profile": None} == {**expected, "profile": None}


def test_a_server_says_the_same(place: Shop, aep: Client) -> None:
    expected = [ask(place, aep, person) for person in chosen(place)]
    with served(place.home) as remote:
        assert [ask(place, remote, person) for person in chosen(place)] == expected


def test_who_has_a_profile_and_no_events_is_not_eligible(place: Shop, aep: Client) -> None:
    found = ask(place, aep, STRANGER)
    assert found["state"] == "not eligible"
    assert found["told"] == (
        "not eligible: no event before 2026-05-20 00:00 satisfies goal.eligible, 'true'"  # the definition's default
    )
    assert (found["events"]["count"], found["features"], found["score"], found["control"]) == (0, None, None, None)
    assert found["attributes"][0]["value"] == 77


@pytest.mark.parametrize("who", ["c7777", "Email:c0001", "o'neil\\", "CRMID:'); --", "ünï ✓"])
def test_nobody(place: Shop, aep: Client, who: str) -> None:
    namespace, _, value = who.rpartition(":")
    with pytest.raises(NotFound) as raised:
        ask(place, aep, who)
    assert str(raised.value) == (
        f"nobody is known by the identity {value!r} of namespace {namespace or 'CRMID'}: "
        "neither profiles nor the events of shop have them"
    )


@pytest.mark.parametrize("who", ["", " ", "CRMID:"])
def test_no_identity(place: Shop, aep: Client, who: str) -> None:
    with pytest.raises(InvalidInput, match="names nobody; write NAMESPACE:id, or an id of namespace CRMID"):
        ask(place, aep, who)


def test_what_is_not_done_names_its_command(place: Shop, aep: Client) -> None:
    path = changed(place, "resamples = 100", "resamples = 200")
    found = ask(place, aep, "c0001", path)
    assert (found["state"], found["score"], found["commands"]) == (
        "not scored",
        None,
        {"score": f"limbeck score {path}"},
    )
    assert found["told"] == f"not scored: shop has no scores yet, run: limbeck score {path}"
    assert found["features"] is not None

    path = changed(place, '"7 days"', '"8 days"')
    found = ask(place, aep, "c0001", path)
    assert (found["state"], found["features"], found["events"]["count"]) == ("not scored", None, 9)
    assert found["told"] == f"not scored: shop has no scores yet, run: limbeck run {path}"
    assert found["commands"] == {"features": f"limbeck export {path}", "score": f"limbeck score {path}"}

    path = changed(place, '"{tenant}.amount"', '"{tenant}.money"').rename(place.folder / "events.toml")
    path.write_text(path.read_text().replace('"actions"', '"deeds"'))
    found = ask(place, aep, "c0001", path)
    assert (found["state"], found["events"], found["attributes"][0]["value"]) == ("not scored", None, 21)
    assert found["commands"]["events"] == f"limbeck generate {path}"
    with pytest.raises(NotFound, match="the data of shop are not loaded yet, run: limbeck generate "):
        ask(place, aep, "c7777", path)


def test_the_command_shows_it(place: Shop) -> None:
    person = chosen(place)[0]
    ended = command("explain", person, "--home", place.home)
    assert (ended.returncode, ended.stderr) == (0, f"home {place.home}\n")
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert lines[0] == f"CRMID:{person} in shop: shop"
    assert lines[2] == f"identities: CRMID:{person}"
    assert [line for line in lines if line.startswith(("attribute ", "time ", "feature ", "audience "))] == [
        "attribute value dataset since",
        "time type",
        "feature value median or most frequent of all",
        "audience status since",
    ]
    assert any(line.startswith("score 0.") and "rank 1 of 300, above 99." in line for line in lines)
    document = command("explain", f"CRMID:{person}", place.toml, "--home", place.home, "--json")
    assert (document.returncode, document.stderr) == (0, "")
    assert json.loads(document.stdout)["score"]["rank"] == 1


def test_a_call_that_is_wrong(place: Shop, tmp_path: Path) -> None:
    empty = command("explain", "c0001", "--home", tmp_path / "home")
    assert (empty.returncode, empty.stdout) == (2, "")
    told = f"no definition has been run in the home {tmp_path / 'home'} yet; name one, or run: limbeck run DEFINITION"
    assert empty.stderr == f"error: {told}\n"
    assert not (tmp_path / "home").exists()

    shutil.copytree(place.home / "workflow", tmp_path / "moved" / "workflow")
    latest = tmp_path / "moved" / "workflow" / "shop" / "latest.json"
    latest.write_text(latest.read_text().replace("shop.toml", "gone.toml"))
    gone = command("explain", "c0001", "--home", tmp_path / "moved", "--json")
    assert gone.returncode == 2
    told = json.loads(gone.stderr)["error"]["message"]
    assert told == f"the definition of the latest run, {place.folder / 'gone.toml'}, is no longer there; name another"

    nobody = command("explain", "c7777", "--home", place.home)
    assert (nobody.returncode, nobody.stdout) == (2, "")
    assert "error: nobody is known by the identity 'c7777'" in nobody.stderr
