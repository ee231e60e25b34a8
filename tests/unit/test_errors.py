"""The error tree: every class means the same on every surface."""

from __future__ import annotations

import re

import pytest

from limbeck import errors
from limbeck.api import shapes
from limbeck.api.context import MissingHeader
from limbeck.client.transport import error_from
from limbeck.errors import InvalidInput, LimbeckError, MissingExtra, SqlError, every_kind, nearest

CLASSES = sorted(set(every_kind()), key=lambda kind: kind.__name__)


def test_codes_belong_to_one_class_each() -> None:
    own = [kind for kind in CLASSES if "code" in vars(kind)]
    assert len({kind.code for kind in own}) == len(own)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_has_a_spelling_on_every_surface(kind: type[LimbeckError]) -> None:
    assert re.fullmatch(r"[A-Z]+-\d{3,4}-\d{3}|\d{6}", kind.code)
    assert 400 <= kind.status <= 599
    assert re.fullmatch(r"[0-9A-Z]{5}", kind.sqlstate)
    assert kind.exit_code in (1, 2, 3, 4, 70)
    assert kind.__doc__


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_crosses_the_street_unchanged(kind: type[LimbeckError]) -> None:
    sent = kind("what was found", samples=[{"row": 1}])
    body = shapes.error(sent, "request-1")
    arrived = error_from(body, sent.status)
    assert type(arrived).code == kind.code
    assert (str(arrived), arrived.details["samples"]) == ("what was found", [{"row": 1}])


def test_position_and_hint_of_a_statement_arrive() -> None:
    sent = SqlError("no column x", position=8, hint='did you mean "y"?')
    arrived = error_from(shapes.error(sent, ""), 400)
    assert isinstance(arrived, SqlError)
    assert (arrived.position, arrived.hint) == (8, 'did you mean "y"?')
    assert str(arrived) == 'no column x. Hint: did you mean "y"?'


def test_a_foreign_answer_is_told_by_its_status() -> None:
    assert type(error_from({}, 404, "gone")) is errors.NotFound
    assert type(error_from({"error_code": MissingHeader.code}, 400)) is MissingHeader
    assert type(error_from({"error_code": "never heard of"}, 418, "teapot")) is InvalidInput


def test_a_missing_library_names_the_command_that_installs_it() -> None:
    assert 'pip install "limbeck[tune]"' in str(MissingExtra.of("optuna", "tune"))


def test_the_nearest_names_are_offered_in_their_own_spelling() -> None:
    assert nearest("evnts", ["Events", "profiles"]) == 'did you mean "Events"?'
    assert nearest("zzz", ["Events", "profiles"]) == ""
