"""PQL, the language of audience rules: from text to a DuckDB condition (profile contract, section 4)."""

from __future__ import annotations

from limbeck.audience.pql.check import Audiences, Rule, check
from limbeck.audience.pql.parse import parse
from limbeck.audience.pql.sql import condition
from limbeck.xdm.types import Object


def compile_rule(text: str, profile: Object, event: Object | None, audiences: Audiences) -> Rule:
    """Return the rule that *text* is, for the union schemas of profiles and events.

    *audiences* gives the id of the audience of an id or a unique name, or None. *event* is None where no schema of
    events takes part in Profile. Raise `PqlError` with the position of what is wrong.
    """
    return check(parse(text), text, profile, event, audiences)


__all__ = ["Rule", "compile_rule", "condition"]
