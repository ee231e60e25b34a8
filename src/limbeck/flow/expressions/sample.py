"""What an expression gives for one row, tried on the engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from limbeck.engine import Engine
from limbeck.engine.sql import literal
from limbeck.errors import InvalidInput
from limbeck.flow.expressions.compile import Expression
from limbeck.ingest.formats.json import Cells
from limbeck.xdm.types import Object


def sampled(engine: Engine, expression: Expression, row: str | Mapping[str, Any]) -> tuple[Any, bool]:
    """Return the value of an expression for a row of JSON, and whether it fails there.

    Raise `InvalidInput` for what is no row.
    """
    try:
        parsed = json.loads(row) if isinstance(row, str) else row
    except ValueError as error:
        raise InvalidInput(f"sampleData is no JSON: {error}") from error
    if not isinstance(parsed, Mapping):
        raise InvalidInput(f"sampleData is {parsed!r}; it is an object, a row of JSON")
    value = expression.sql(Cells(), Object(()))
    source = f"(SELECT CAST({literal(json.dumps(dict(parsed)))} AS JSON) AS raw)"
    with engine.session() as session:
        ((text, fails),) = session.fetch(
            f"SELECT CAST(t.v AS VARCHAR), t IS NULL FROM (SELECT TRY(struct_pack(v := {value})) AS t FROM {source})"
        )
    return None if text is None else json.loads(text), bool(fails)
