"""A definition file: what it may say, and the complaint about everything else."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.errors import DefinitionError
from limbeck.workflow.datasets import Column
from limbeck.workflow.definition import Definition
from limbeck.workflow.families import Feature
from limbeck.workflow.keys import key
from limbeck.workflow.question import Cutoffs, Goal
from limbeck.workflow.times import Duration

ROOT = Path(__file__).parents[2]
EXAMPLE, PAGE = ROOT / "examples" / "complete_journey.toml", ROOT / "docs" / "definition.md"

SHOP = """\
name = "shop"
seed = 3

[[sources]]
dataset = "events"
class = "event"
files.log = "events.parquet"
sql = '''
    select *
    from log
'''
key = "number"

[sources.columns]
customer = { path = "{tenant}.customer", identity = "CRMID" }
number = "{tenant}.number"
at = "timestamp"
kind = "eventType"
amount = { path = "{tenant}.order.amount", type = "number" }

[[sources]]
dataset = "people"
class = "profile"

[sources.columns]
customer = { path = "{tenant}.customer", identity = "CRMID" }
age = "{tenant}.age"

[goal]
event = "kind = 'purchase'"
within = "14 days"

[cutoffs]
train = [2026-02-01, 2026-03-01]
test = 2026-04-01
score = 2026-05-01

[features]
views = { count = true, where = "kind = 'view'", windows = ["ever", "7 days", "36 hours"] }
spend = { sum = "amount" }
mean_spend = { expression = "spend / nullif(views, 0)" }
age = { attribute = "age" }

[model]
candidates = ["logistic"]
folds = 4
baselines.rule = "views"
"""


def load(folder: Path, text: str) -> Definition:
    path = folder / "shop.toml"
    path.write_text(text)
    return Definition.load(path)


def changed(old: str, new: str) -> str:
    assert SHOP.count(old) == 1, old
    return SHOP.replace(old, new)


def test_what_the_file_says(tmp_path: Path) -> None:
    found = load(tmp_path, SHOP)

    assert (found.name, found.seed, found.title) == ("shop", 3, "shop")
    assert [(s.dataset, s.kind, s.identity.name) for s in found.sources] == [
        ("events", "event", "customer"),
        ("people", "profile", "customer"),
    ]
    assert found.sources[0].files == {"log": "events.parquet"}
    assert found.sources[1].files == {}
    assert found.goal.within == Duration(14, "days")
    assert found.cutoffs.train == (datetime(2026, 2, 1), datetime(2026, 3, 1))
    assert [f.name for f in found.features] == ["views", "views_7d", "views_36h", "spend", "mean_spend", "age"]
    assert found.features[2] == Feature("views_36h", "count", "", "kind = 'view'", Duration(36, "hours"))
    assert (found.model.folds, found.model.resamples, found.model.rule) == (4, 1000, "views")
    assert found.model.rfm == ("views", "views_7d", "views_36h")


def test_the_example_says_what_it_shows() -> None:
    found = Definition.load(EXAMPLE)

    assert (found.name, found.seed, found.title) == (
        "complete_journey",
        17,
        "Who redeems a coupon within 60 days?",
    )
    assert [(s.dataset, s.kind, list(s.files)) for s in found.sources] == [
        ("purchases", "event", ["transactions"]),
        ("campaigns", "event", ["campaigns", "campaign_descriptions"]),
        ("redemptions", "event", ["redemptions"]),
        ("households", "profile", ["demographics"]),
    ]
    assert {s.identity for s in found.sources} == {
        Column("household_id", "{tenant}.household", identity="Household"),
    }
    assert found.goal == Goal("type = 'coupon_redeemed'", Duration(60, "days"), "type = 'purchase_line'")
    assert found.cutoffs == Cutoffs(
        train=(datetime(2017, 4, 1), datetime(2017, 5, 1)),
        test=(datetime(2017, 7, 15),),
        score=datetime(2017, 10, 1),
    )
    names = [f.name for f in found.features]
    assert len(names) == len(set(names)) == 25
    assert names[:8] == [
        *("recency", "tenure", "baskets", "baskets_28d", "baskets_56d"),
        *("spend", "spend_28d", "spend_56d"),
    ]
    assert [f.name for f in found.features if f.kind == "attribute"] == ["age", "income", "kids"]
    assert found.model.candidates == ("logistic", "lightgbm")
    assert (found.model.rule, found.model.rfm) == ("redemptions", ("recency", "baskets", "spend"))
    assert [stage.name for stage in found.funnel] == [
        *("bought", "was sent a campaign", "bought with a coupon", "redeemed a campaign's coupon"),
    ]


def test_the_page_shows_a_definition_and_a_complaint_that_are_true(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    text = page.partition("```toml\n")[2].partition("```")[0]
    assert [f.name for f in load(tmp_path, text).features] == [
        *("recency", "views", "views_28d", "spend", "spend_28d", "spend_per_view", "city"),
    ]
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, text.replace("14 days", "2 fortnights"))
    assert f"```\n{caught.value}\n```" in page


def test_a_time_with_a_zone_is_meant_in_utc(tmp_path: Path) -> None:
    found = load(tmp_path, changed("test = 2026-04-01", "test = 2026-04-01T02:00:00+02:00"))
    assert found.cutoffs.test == (datetime(2026, 4, 1),)


@pytest.mark.parametrize(
    ("told", "days"),
    [
        ("2026-03-15", [(3, 15)]),
        ("[2026-03-15]", [(3, 15)]),
        ("[2026-03-15, 2026-04-20, 2026-05-01]", [(3, 15), (4, 20), (5, 1)]),
        ('{ every = "2 weeks", from = 2026-03-15, until = 2026-04-20 }', [(3, 15), (3, 29), (4, 12)]),
    ],
)
def test_a_label_may_end_where_the_test_begins_and_there_may_be_several_cutoffs(
    tmp_path: Path, told: str, days: list[tuple[int, int]]
) -> None:
    found = load(tmp_path, changed("test = 2026-04-01", f"test = {told}"))
    assert found.cutoffs.test == tuple(datetime(2026, *day) for day in days)
    assert set(found.cutoffs.test) <= set(found.cutoffs.all)


# What is changed in the file; a text on the line that the complaint names, if that is not the changed one; and what
# else it names: the key, what was found, what is allowed.
MISTAKES = {
    "unknown key on top": ("seed = 3", "sed = 3", "", ["sed", "known are", "seed"]),
    "unknown key in a section": ("folds = 4", "fold = 4", "", ["model.fold", 'did you mean "folds"?']),
    "unknown key of a source": ('key = "number"', 'kee = "number"', "", ["sources[0].kee", "key"]),
    "unknown key of a feature": (
        "{ sum =",
        '{ wher = "x", sum =',
        "",
        ["features.spend.wher", 'did you mean "where"?'],
    ),
    "unknown section": ("[model]", "[modle]", "", ["modle", "model"]),
    "missing key": ('event = "kind', 'evnt = "kind', "[goal]", ["goal", "'event'", 'did you mean "evnt"?']),
    "text for a number": ("folds = 4", 'folds = "4"', "", ["model.folds", "'4'", "a whole number"]),
    "truth for a number": ("seed = 3", "seed = true", "", ["seed", "True", "a whole number"]),
    "number for a text": ('within = "14 days"', "within = 14", "", ["goal.within", "14", "a text"]),
    "number out of bounds": ("folds = 4", "folds = 1", "", ["model.folds", "1", "from 2 to 20"]),
    "a date for dates": ("[2026-02-01, 2026-03-01]", "2026-02-01", "", ["cutoffs.train", "2026-02-01", "a list"]),
    "no such date": ("score = 2026-05-01", 'score = "soon"', "", ["cutoffs.score", "'soon'", "a date"]),
    "no such time": ('"14 days"', '"2 fortnights"', "", ["goal.within", "'2 fortnights'", "'28 days'"]),
    "no end": ('"14 days"', '"ever"', "", ["goal.within", "'ever'", "a time"]),
    "a week of days": ('{ sum = "amount" }', '{ weekday_share = ["sonntag"] }', "", ["'sonntag'", "sunday"]),
    "no days": ('{ sum = "amount" }', "{ weekday_share = [] }", "", ["features.spend.weekday_share", "empty"]),
    "no hours": ('{ sum = "amount" }', '{ hour_share = "8-8" }', "", ["features.spend.hour_share", "'8-8'", "18-24"]),
    "trend for ever": ('{ sum = "amount" }', "{ trend = true }", "", ["features.spend.windows", "absent", "28 days"]),
    "object of nobody": ('{ sum = "amount" }', '{ object = "amount" }', "", ["features.spend.object", "only pairs"]),
    "no such zone": ("test = 2026-04-01", "test = 2026-04-01\nzone = 'Europe/Berin'", "zone", ["Berin", "Berlin"]),
    "until nothing": ('"14 days"', '"14 days"\nuntil = "at"', "until", ["goal.until", "no section [entity]"]),
    "too much": ('"14 days"', '"9999 years"', "", ["goal.within", "'9999 years'"]),
    "value of nothing": ('"14 days"', '"14 days"\nvalue = { sum = "amount" }', "value", ["goal.value", "'least'"]),
    "sliding backwards": (
        "[2026-02-01, 2026-03-01]",
        '{ every = "1 week", from = 2026-02-01, until = 2026-01-01 }',
        "",
        ["cutoffs.train.until", "after 2026-02-01"],
    ),
    "too many": (
        "[2026-02-01, 2026-03-01]",
        '{ every = "1 hour", from = 2026-01-01, until = 2026-03-01 }',
        "",
        ["cutoffs.train.every", "1417 cutoffs"],
    ),
    "no such window": ('"7 days"', '"0 days"', "", ["features.views.windows", "'0 days'", "'28 days'"]),
    "wrong class": ('"profile"', '"profil"', "", ["sources[1].class", "'profil'", 'did you mean "profile"?']),
    "no candidate": ('["logistic"]', "[]", "", ["model.candidates is an empty list", "logistic, lightgbm"]),
    "wrong candidate": ('["logistic"]', '["logistik"]', "", ["model.candidates", "'logistik'", "lightgbm"]),
    "wrong group": (
        "[model]",
        '[report]\ngroups = ["vews"]\n\n[model]',
        "groups",
        ["report.groups", "'vews'", "views"],
    ),
    "wrong baseline": ('rule = "views"', 'rule = "visits"', "", ["model.baselines.rule", "'visits'", "views_7d"]),
    "wrong type": ('type = "number"', 'type = "float"', "", ["columns.amount.type", "'float'", "date-time"]),
    "wrong aggregate": ("{ sum =", "{ summ =", "", ["features.spend", "exactly one of", 'did you mean "sum"?']),
    "two aggregates": ("{ sum =", '{ avg = "amount", sum =', "", ["features.spend", "sum and avg", "exactly one of"]),
    "sum of nothing": ('{ sum = "amount" }', "{ sum = true }", "", ["features.spend.sum", "True", "SQL expression"]),
    "count of something": ("count = true", 'count = "kind"', "", ["features.views.count", "'kind'", "true"]),
    "reserved name": ("spend = { sum", "label = { sum", "", ["features.label", "no feature name"]),
    "feature named twice": ("spend = { sum", "views_7d = { sum", "[features]", ["'views_7d'", "twice"]),
    "unknown attribute": (
        'attribute = "age"',
        'attribute = "agee"',
        "",
        ["'agee'", "a profile or history: age.", 'did you mean "age"?'],
    ),
    "identity for an attribute": ('attribute = "age"', 'attribute = "customer"', "", ["features.age", "'customer'"]),
    "attribute of an event": (
        'attribute = "age"',
        'attribute = "amount"',
        "",
        ["'amount'", "a profile or history: age"],
    ),
    "unknown key column": ('key = "number"', 'key = "nmber"', "", ["sources[0].key", 'did you mean "number"?']),
    "no identity": (
        '{ path = "{tenant}.customer", identity = "CRMID" }\nnumber',
        '"{tenant}.customer"\nnumber',
        "",
        ["columns.customer", "no identity", "exactly one"],
    ),
    "no time": ('at = "timestamp"', 'at = "{tenant}.at"', "[sources.columns]", ["sources[0].columns", '"timestamp"']),
    "two identities": (
        'number = "{tenant}.number"',
        'number = { path = "{tenant}.number", identity = "Receipt" }',
        'customer = { path = "{tenant}.customer", identity = "CRMID" }\nnumber',
        ["columns.customer", "exactly one"],
    ),
    "no type of event": ('kind = "eventType"', 'kind = "{tenant}.kind"', "[sources.columns]", ['"eventType"']),
    "column no SQL name": ("number = ", '"the number" = ', "", ["columns.the number", "no column name"]),
    "column of our own name": ("at = ", "cutoff = ", "", ["columns.cutoff", "features need", "another name"]),
    "unknown key of a column": ('identity = "CRMID" }\nage', "idntity = 1 }\nage", "", ["columns.customer.idntity"]),
    "one path for two": ('"{tenant}.number"', '"eventType"', "", ["columns.number", "eventType", "like another"]),
    "a path around another": ('"{tenant}.number"', '"{tenant}.order"', "", ["columns.number", "holds others"]),
    "sql over nothing": ('files.log = "events.parquet"\n', "", "sql =", ["sources[0].sql", "files"]),
    "no time that counts": ("2026-05-01", "9999-12-31", "", ["cutoffs.score", "9999-12-31", "from 1900 to 2199"]),
    "no training": ("[2026-02-01, 2026-03-01]", "[]", "", ["cutoffs.train", "empty list", "a list of dates"]),
    "empty condition": ("\"kind = 'purchase'\"", '" "', "", ["goal.event", "is empty", "a text"]),
    "name with a blank": ('"shop"', '"my shop"', "", ["name", "'my shop'", "lower-case"]),
    "training twice": ("2026-03-01]", "2026-02-01]", "", ["cutoffs.train", "twice"]),
    "label unknown at the test": (
        "test = 2026-04-01",
        "test = 2026-03-14",
        "",
        ["cutoffs.test", "2026-03-14", "2026-03-15 or later"],
    ),
    "label unknown at the first test": (
        "test = 2026-04-01",
        "test = [2026-03-14, 2026-04-01]",
        "",
        ["cutoffs.test begins on 2026-03-14", "2026-03-15 or later"],
    ),
    "no test": ("test = 2026-04-01", "test = []", "", ["cutoffs.test is an empty list", "a list of dates"]),
    "test twice": ("test = 2026-04-01", "test = [2026-04-01, 2026-04-01]", "", ["cutoffs.test names a date twice"]),
    "tests out of order": (
        "test = 2026-04-01",
        "test = [2026-04-20, 2026-04-01]",
        "",
        ["cutoffs.test has 2026-04-01 after 2026-04-20", "in the order of time"],
    ),
    "tests that are drawn": (
        "test = 2026-04-01",
        'test = { every = "1 week", from = 2026-04-01, until = 2026-04-20, drawn = true }',
        "",
        ["cutoffs.test.drawn is not known here", "every, from, until"],
    ),
    "scoring before the last test": (
        "test = 2026-04-01",
        "test = [2026-04-01, 2026-05-02]",
        "score",
        ["cutoffs.score", "2026-05-01", "the last test cutoff, 2026-05-02, or later"],
    ),
    "scoring before the test": (
        "score = 2026-05-01",
        "score = 2026-03-31",
        "",
        ["cutoffs.score", "2026-03-31", "2026-04-01, or later"],
    ),
}


@pytest.mark.parametrize(("old", "new", "at", "named"), MISTAKES.values(), ids=MISTAKES)
def test_a_complaint_names_line_and_key_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, at: str, named: list[str]
) -> None:
    text = changed(old, new)
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, text)

    told, line = str(caught.value), text[: text.index(at or new)].count("\n") + 1
    assert told.startswith(f"shop.toml, line {line}: "), told
    for part in named:
        assert part in told


def test_several_files_need_sql(tmp_path: Path) -> None:
    text = re.sub(r"sql = '''.*?'''\n", 'files.more = "more.parquet"\n', SHOP, flags=re.DOTALL)
    with pytest.raises(DefinitionError, match=r"line 4: sources\[0\]\.files names several files"):
        load(tmp_path, text)


@pytest.mark.parametrize("without", ["name", "goal", "cutoffs", "features", "sources"])
def test_what_every_definition_needs(tmp_path: Path, without: str) -> None:
    line = rf"^{without} = .*\n" if without == "name" else rf"^\[+{without}\]+\n(?:.*\n)*?(?=\[(?!\[?sources)|\Z)"
    with pytest.raises(DefinitionError, match=f"lacks the key '{without}'"):
        load(tmp_path, re.sub(line, "", SHOP, flags=re.MULTILINE))


def test_events_are_needed(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="one source must be of class event"):
        load(tmp_path, changed('class = "event"', 'class = "profile"'))


def test_a_dataset_has_one_source(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="the dataset 'events' twice"):
        load(tmp_path, changed('dataset = "people"', 'dataset = "events"'))


def test_a_file_that_is_no_definition(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"nowhere\.toml does not exist"):
        Definition.load(tmp_path / "nowhere.toml")
    with pytest.raises(DefinitionError, match=r"shop\.toml is not TOML.*line 2"):
        load(tmp_path, 'name = "shop"\nseed =\n')
    with pytest.raises(DefinitionError, match="cannot be read"):
        Definition.load(tmp_path)


@pytest.mark.parametrize(
    ("again", "named"),
    [
        ("[features.more]\ncount = true\ncount = true", "features.more.count"),
        ("[model]", "model"),
        ("[report]\ntitle = 'a'\n'title' = 'b'", "report.title"),
    ],
)
def test_a_name_that_stands_twice(tmp_path: Path, again: str, named: str) -> None:
    text = f"{SHOP}\n{again}"
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, text)
    line = text.count("\n") + 1
    assert str(caught.value) == f"shop.toml, line {line}: {named} stands twice; wanted is names that differ."


# What may stand between two lines of TOML. The last two are line ends to some, but not to TOML.
BETWEEN = st.sampled_from(["", "# note", "    # folds = 7", "# ''' not a text", "# [goal]", "# a\u2028b", "# a\x85b"])


@settings(max_examples=25, deadline=None)
@given(place=st.floats(0, 1), others=st.lists(BETWEEN, max_size=6), ends=st.sampled_from(["\n", "\r\n"]))
def test_the_line_is_right_whatever_stands_before(
    tmp_path_factory: pytest.TempPathFactory, place: float, others: list[str], ends: str
) -> None:
    lines = changed("folds = 4", "folds = 1").splitlines()
    number = int(place * lines.index("folds = 1"))
    while lines[:number].count("sql = '''") != lines[:number].count("'''"):
        number += 1  # not inside a text: there a comment is none
    lines[number:number] = others
    path = tmp_path_factory.getbasetemp() / "shop.toml"
    path.write_bytes(ends.join(lines).encode())

    with pytest.raises(DefinitionError, match=f"^shop.toml, line {lines.index('folds = 1') + 1}: model.folds is 1;"):
        Definition.load(path)


VALUES = ["true", "0", "-1", "1.5", '""', '"x"', "[]", "[1]", '["x"]', "{}", "2026-02-01", "nan"]
SETTINGS = [n for n, line in enumerate(SHOP.splitlines()) if " = " in line and "'''" not in line]


@pytest.mark.parametrize("number", SETTINGS, ids=lambda n: SHOP.splitlines()[n].split(" = ")[0])
def test_no_value_of_a_key_ends_in_anything_but_a_complaint(tmp_path: Path, number: int) -> None:
    lines = SHOP.splitlines()
    told = []
    for value in VALUES:
        lines[number] = f"{lines[number].split(' = ')[0]} = {value}"
        with suppress(DefinitionError):
            load(tmp_path, "\n".join(lines))
            continue
        told.append(value)
    assert len(told) >= len(VALUES) // 2


# -- what a step depends on ---------------------------------------------------------------------------------------


def rules(folder: Path, text: str) -> str:
    return key("featurize", ("features",), load(folder, text).rules)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("folds = 4", "folds = 5"),
        ('baselines.rule = "views"', 'baselines.rule = "spend"'),
        ("seed = 3", "seed = 4"),
        ("[model]", '[report]\ntitle = "Other"\ngroups = ["views"]\n\n[model]'),
    ],
)
def test_features_do_not_depend_on_model_and_report(tmp_path: Path, old: str, new: str) -> None:
    assert rules(tmp_path, changed(old, new)) == rules(tmp_path, SHOP)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"7 days"', '"8 days"'),
        ('"14 days"', '"13 days"'),
        ("kind = 'purchase'", "kind = 'view'"),
        ("score = 2026-05-01", "score = 2026-05-02"),
        ("{tenant}.order.amount", "{tenant}.amount"),
    ],
)
def test_features_depend_on_windows_goal_cutoffs_and_paths(tmp_path: Path, old: str, new: str) -> None:
    assert rules(tmp_path, changed(old, new)) != rules(tmp_path, SHOP)


def test_rules_are_values_that_json_keeps(tmp_path: Path) -> None:
    found = load(tmp_path, SHOP).rules
    assert json.dumps(found, sort_keys=True, default=str) == json.dumps(
        load(tmp_path, SHOP).rules, sort_keys=True, default=str
    )
    assert set(found) == {"sources", "seed", "entity", "goal", "cutoffs", "features"}
