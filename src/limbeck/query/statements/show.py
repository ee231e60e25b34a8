"""SHOW of what there is in a sandbox (SQL contract, section 1.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from limbeck.query.result import Result
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.words import Words


@dataclass(frozen=True, slots=True)
class ShowTables:
    """SHOW TABLES."""


def _show(words: Words) -> Any:
    if not words.take("SHOW", "TABLES"):
        return None
    words.end()
    return ShowTables()


def _tables(statement: Statement) -> Result:
    """List the tables that the session sees."""
    found = statement.catalogue.datasets()
    return Result.of(
        {
            "name": [d.table for d in found],
            "dataSetId": [d.id for d in found],
            "dataSet": [d.name for d in found],
            "description": ["" for _ in found],
            "resolved": ["true" for _ in found],
            "labels": ["false" for _ in found],
        }
    )


def _columns(statement: Statement) -> pa.Schema:
    return _tables(statement).schema


PARSERS: dict[str, Parser] = {"SHOW": _show}

KINDS: dict[type, Kind] = {ShowTables: Kind(_tables, "SHOW", columns=_columns)}
