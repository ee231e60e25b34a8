"""The parts of a definition that say whom to choose and what to deliver, and the complaints about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from limbeck.errors import DefinitionError
from limbeck.propensity.money import Choice, Money
from limbeck.workflow.campaign import ActivationPart, AudiencePart, DeliveredColumn
from limbeck.workflow.definition import Definition

SHOP = """\
name = "shop"

[[sources]]
dataset = "events"
files.log = "events.parquet"

[sources.columns]
customer = { path = "{tenant}.customer", identity = "CRMID" }
at = "timestamp"
kind = "eventType"

[goal]
event = "kind = 'purchase'"
within = "14 days"

[cutoffs]
train = [2026-02-01, 2026-03-01]
test = 2026-04-01
score = 2026-05-01

[features]
views = { count = true, where = "kind = 'view'" }

[model]
candidates = ["logistic"]
"""


def load(folder: Path, text: str) -> Definition:
    path = folder / "shop.toml"
    path.write_text(f"{SHOP}\n{text}")
    return Definition.load(path)


def test_neither_is_needed(tmp_path: Path) -> None:
    found = load(tmp_path, "")
    assert (found.audience, found.activation) == (None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("top = 0.1", AudiencePart("shop", Choice("top", 0.1), 0.0)),
        ("top = 1", AudiencePart("shop", Choice("top", 1.0), 0.0)),
        ("precision = 0.25\ncontrol = 0.5", AudiencePart("shop", Choice("precision", 0.25), 0.5)),
        ('budget = 99\ncost = 0.5\nname = "VIP"', AudiencePart("VIP", Choice("budget", 99.0), 0.0, Money(0.5))),
        ("top = 0.1\ncontrol = 1", AudiencePart("shop", Choice("top", 0.1), 1.0)),
        ("break_even = true\ncost = 1\nvalue = 9", AudiencePart("shop", Choice("break_even"), 0.0, Money(1, value=9))),
        ("max_profit = true\ncost = 0\nvalue = 9", AudiencePart("shop", Choice("max_profit"), 0.0, Money(0, value=9))),
        ("top = 1\nbreak_even = false", AudiencePart("shop", Choice("top", 1.0), 0.0)),
        (
            'top = 1\ncost = 1\nfixed_cost = 5\nvalue = 2\ncurrency = "EUR"',
            AudiencePart("shop", Choice("top", 1.0), 0.0, Money(1, 5, 2, "EUR")),
        ),
        ("top = 1\nfixed_cost = 5", AudiencePart("shop", Choice("top", 1.0), 0.0, Money(0, 5))),
    ],
)
def test_whom_to_choose(tmp_path: Path, text: str, expected: AudiencePart) -> None:
    assert load(tmp_path, f"[audience]\n{text}").audience == expected


PLAIN = (DeliveredColumn("identity", "identity"), DeliveredColumn("score", "score"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('format = "csv"', ActivationPart("csv", PLAIN)),
        ('format = "parquet"', ActivationPart("parquet", PLAIN)),
        (
            'columns = { who = "identity", age = "{tenant}.age", at = "rank" }',
            ActivationPart(
                "csv",
                (
                    DeliveredColumn("who", "identity"),
                    DeliveredColumn("age", "{tenant}.age"),
                    DeliveredColumn("at", "rank"),
                ),
            ),
        ),
    ],
)
def test_what_to_deliver(tmp_path: Path, text: str, expected: ActivationPart) -> None:
    assert load(tmp_path, f"[audience]\ntop = 0.1\n[activation]\n{text}").activation == expected


def test_an_empty_table_has_its_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "[audience]\ntop = 0.1\n[activation]").activation == ActivationPart("csv", PLAIN)


def test_an_empty_audience_is_complained_of(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="exactly one of top, precision, budget"):
        load(tmp_path, "[audience]")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("top = 0.1\nprecision = 0.2", r"audience has top and precision; wanted is exactly one of top"),
        ("control = 0.2", r"audience says not how many are chosen; wanted is exactly one of"),
        ("top = 0", r"audience\.top is 0; wanted is a share above 0, up to 1"),
        ("top = 1.5", r"audience\.top is 1\.5; wanted is a share above 0"),
        ("top = nan", r"audience\.top is nan"),
        ('top = "most"', r"audience\.top is 'most'; wanted"),
        ("top = true", r"audience\.top is True; wanted"),
        ("precision = -0.1", r"audience\.precision is -0\.1; wanted is a share above 0"),
        ("top = 0.1\ncontrol = -0.1", r"audience\.control is -0\.1; wanted is a share from 0, up to 1"),
        ("top = 0.1\ncontrol = 1.1", r"audience\.control is 1\.1"),
        ("budget = 100", r"audience lacks the key 'cost'"),
        ("budget = 0\ncost = 1", r"audience\.budget is 0; wanted is a number above 0"),
        ("budget = 10\ncost = 0", r"audience\.cost is 0; wanted is a number above 0"),
        ("budget = inf\ncost = 1", r"audience\.budget is inf"),
        ("top = 0.1\ncontrl = 0.2", r"audience\.contrl is not known here.*did you mean \"control\""),
        ("top = 0.1\ncost = -1", r"audience\.cost is -1; wanted is a number from 0"),
        ("top = 0.1\nfixed_cost = -0.5", r"audience\.fixed_cost is -0\.5; wanted is a number from 0"),
        ("top = 0.1\nvalue = 0", r"audience\.value is 0; wanted is a number above 0"),
        ("top = 0.1\nvalue = nan", r"audience\.value is nan"),
        ("top = 0.1\nbreak_even = true", r"audience has top and break_even; wanted is exactly one"),
        ("break_even = 1", r"audience\.break_even is 1; wanted is true or false"),
        ("break_even = false", r"audience says not how many are chosen"),
        ("break_even = true\nvalue = 9", r"audience lacks the key 'cost'"),
        ("break_even = true\ncost = 0\nvalue = 9", r"audience\.cost is 0; wanted is a number above 0"),
        ("max_profit = true\ncost = 1", r"audience lacks the key 'value'"),
        ("top = 0.1\ncurrency = 3", r"audience\.currency is 3; wanted"),
        ("top = 0.1\nname = 3", r"audience\.name is 3; wanted"),
    ],
)  # fmt: skip
def test_an_audience_that_cannot_be_meant(tmp_path: Path, text: str, said: str) -> None:
    complained(tmp_path, f"[audience]\n{text}", said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('format = "xlsx"', r"activation\.format is 'xlsx'; wanted is one of csv, parquet"),
        ('formt = "csv"', r"activation\.formt is not known here.*did you mean \"format\""),
        ('columns = "identity"', r"activation\.columns is 'identity'; wanted"),
        ("columns = { who = 1 }", r"activation\.columns\.who is 1; wanted"),
        ('columns = { who = "" }', r"activation\.columns\.who"),
    ],
)
def test_a_delivery_that_cannot_be_meant(tmp_path: Path, text: str, said: str) -> None:
    complained(tmp_path, f"[audience]\ntop = 0.1\n[activation]\n{text}", said)


def test_a_delivery_needs_an_audience(tmp_path: Path) -> None:
    complained(tmp_path, '[activation]\nformat = "csv"', r"activation has nobody to deliver; wanted is a section \[aud")


def complained(folder: Path, text: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=f"(?s){said}") as caught:
        load(folder, text)
    assert re.match(r"shop\.toml, line \d+: ", str(caught.value))
