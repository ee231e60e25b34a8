"""SHOW TABLES (SQL contract, section 1.7)."""

from __future__ import annotations

from limbeck.query.result import Result
from limbeck.query.statements.context import Statement


def tables(statement: Statement) -> Result:
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
