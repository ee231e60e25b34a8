"""Functions the engine lacks, computed in Python over Arrow arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType


@dataclass(frozen=True, slots=True)
class Native:
    """A pure function of columns; a session that was given it knows it by its name."""

    name: str
    parameters: tuple[str, ...]
    """DuckDB's names of the arguments' types."""
    result: str
    """DuckDB's name of the type it gives."""
    compute: Callable[..., pa.Array]
    """From one `pa.ChunkedArray` for each argument, NULL among its values, to as many results."""

    @classmethod
    def by_row(
        cls, name: str, parameters: str, result: tuple[str, pa.DataType], function: Callable[..., Any]
    ) -> Native:
        """Return a native that calls *function* for each row and gives NULL where an argument is NULL.

        *parameters* are types with spaces between them.
        """

        def compute(*columns: pa.ChunkedArray) -> pa.Array:
            rows = zip(*(column.to_pylist() for column in columns), strict=True)
            return pa.array([None if None in row else function(*row) for row in rows], result[1])

        return cls(name, tuple(parameters.split()), result[0], compute)

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make it known to an instance; do so before it is locked."""
        connection.create_function(
            self.name,
            _FIXED[len(self.parameters)](self.compute),
            list(self.parameters),
            self.result,
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )


_FIXED: dict[int, Callable[[Callable[..., pa.Array]], Callable[..., pa.Array]]] = {
    1: lambda compute: lambda a: compute(a),
    2: lambda compute: lambda a, b: compute(a, b),
    3: lambda compute: lambda a, b, c: compute(a, b, c),
}
"""The engine counts parameters by name, so a function of any number of them has to be given a number."""
