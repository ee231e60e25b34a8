"""The experiment that a definition names: what `[uplift]` says, and what cannot be meant."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from limbeck.errors import DefinitionError
from limbeck.propensity.uplift import Learning
from limbeck.workflow.definition import Definition
from limbeck.workflow.times import Duration
from limbeck.workflow.trial import UpliftPart
from tests.shop_definition import DEFINITION

WHEN = datetime(2026, 4, 20)
AUDIENCE = "[audience]\ntop = 0.1\ncontrol = 0.1\n"


def load(folder: Path, text: str) -> Definition:
    path = folder / "shop.toml"
    path.write_text(f"{DEFINITION}\n{text}")
    return Definition.load(path)


EXPERIMENT = "[uplift]\ncutoff = 2026-04-20\ntreated = \"kind = 'mail'\"\n"


def test_people_are_chosen_and_delivered_by_uplift(tmp_path: Path) -> None:
    found = load(tmp_path, f'[audience]\nby = "uplift"\ntop = 0.1\n[activation]\n{EXPERIMENT}')
    assert found.audience is not None
    assert found.activation is not None
    assert found.audience.by == "uplift"
    assert [(c.name, c.source) for c in found.activation.columns] == [("identity", "identity"), ("uplift", "uplift")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'by = "uplift"\ntop = 0.1',
            r"audience\.by is 'uplift', but no experiment tells it; wanted is a section \[upl",
        ),
        (
            'by = "uplift"\ntop = 0.1\ncontrol = 0.1\n[uplift]\ncutoff = 2026-04-20\naudience = { least = 0.2 }',
            r"audience\.by is 'uplift', but uplift\.audience tells of those only who were chosen then",
        ),
        (
            f'by = "uplift"\nprecision = 0.2\n{EXPERIMENT}',
            r"audience\.precision is a share of converters, and by = \"uplift\" .* one of top, budget, break_even, m",
        ),
        (f'by = "uplifts"\ntop = 0.1\n{EXPERIMENT}', r"audience\.by is 'uplifts'; wanted is one of score, uplift"),
        ("by = 1\ntop = 0.1", r"audience\.by is 1; wanted is a text"),
        (
            'top = 0.1\n[activation.columns]\ngain = "uplift"',
            r"activation\.columns\.gain is 'uplift', which nothing tells; wanted is a section \[uplift\]",
        ),
    ],
)
def test_by_an_uplift_that_nothing_tells_nobody_is_chosen(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=rf"shop\.toml, line \d+: {said}"):
        load(tmp_path, f"[audience]\n{text}")


def test_none_is_needed(tmp_path: Path) -> None:
    assert load(tmp_path, "").uplift is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("treated = \"kind = 'mail'\"", UpliftPart(WHEN, "kind = 'mail'")),
        (
            'treated = "kind = \'mail\'"\nwithin = "2 days"\nchance = 0.25',
            UpliftPart(WHEN, "kind = 'mail'", Duration.parse("2 days"), chance=0.25),
        ),
        ("audience = { least = 0.2 }", UpliftPart(WHEN, least=0.2)),
        ('audience = { by = "uplift", least = 0.01 }', UpliftPart(WHEN, least=0.01, by="uplift")),
        (
            'treated = "true"\nestimator = "transformed_outcome"\ncandidate = "lightgbm"\nfolds = 3\nresamples = 100',
            UpliftPart(WHEN, "true", learning=Learning("transformed_outcome", "lightgbm", 3, 100)),
        ),
    ],
)
def test_what_is_meant(tmp_path: Path, text: str, expected: UpliftPart) -> None:
    assert load(tmp_path, f"{AUDIENCE}[uplift]\ncutoff = 2026-04-20\n{text}").uplift == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('treated = "true"', r"uplift lacks the key 'cutoff'"),
        ("cutoff = 2026-04-20", r"uplift says not who was treated; wanted is either treated, a condition"),
        ('cutoff = 2026-04-20\ntreated = "true"\naudience = { least = 0 }', r"uplift has treated and audience"),
        ('cutoff = "soon"\ntreated = "true"', r"uplift\.cutoff is 'soon'; wanted is a date"),
        ('cutoff = 2026-04-20\ntreated = ""', r"uplift\.treated is empty"),
        ('cutoff = 2026-04-20\ntreated = "true"\nchance = 0', r"uplift\.chance is 0; wanted is a share above 0"),
        ('cutoff = 2026-04-20\ntreated = "true"\nchance = 1', r"uplift\.chance is 1; wanted is a share below 1"),
        (
            'cutoff = 2026-04-20\ntreated = "true"\nestimator = "x"',
            r"uplift\.estimator is 'x'; wanted is one of two_model",
        ),
        ('cutoff = 2026-04-20\ntreated = "true"\ncandidate = "tree"', r"uplift\.candidate is 'tree'; wanted is one of"),
        ('cutoff = 2026-04-20\ntreated = "true"\nfolds = 1', r"uplift\.folds is 1; wanted is a whole number from 2"),
        ('cutoff = 2026-04-20\ntreated = "true"\nwithn = "1 day"', r"uplift\.withn is not known here.*\"within\""),
        ("cutoff = 2026-04-20\naudience = {}", r"uplift\.audience lacks the key 'least'"),
        ("cutoff = 2026-04-20\naudience = { least = -1 }", r"uplift\.audience\.least is -1"),
        (
            'cutoff = 2026-04-20\naudience = { least = 0, by = "rank" }',
            r"uplift\.audience\.by is 'rank'; wanted is one of",
        ),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        load(tmp_path, f"{AUDIENCE}[uplift]\n{text}")


def test_our_own_audience_needs_its_control_group(tmp_path: Path) -> None:
    for audience in ("", "[audience]\ntop = 0.1\n"):
        with pytest.raises(
            DefinitionError, match=r"uplift\.audience takes the audience's control group; wanted is audi"
        ):
            load(tmp_path, f"{audience}[uplift]\ncutoff = 2026-04-20\naudience = {{ least = 0.2 }}")


def test_pairs_have_no_uplift(tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "examples" / "campaign_response.toml"
    other = tmp_path / "pairs.toml"
    other.write_text(path.read_text() + '\n[uplift]\ncutoff = 2017-06-01\ntreated = "true"\n')
    with pytest.raises(
        DefinitionError, match=r"uplift asks about persons; wanted is no such section beside \[entity\]"
    ):
        Definition.load(other)
