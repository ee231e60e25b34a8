"""Mappings: which column of a file fills which field (Data Prep; REST contract, section 8.5).

A mapping leads from the dotted XDM path of a field to the name of a column. What it does not name is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from limbeck.engine.sql import literal
from limbeck.errors import InvalidFile, nearest
from limbeck.ingest.formats import StagedFile

Columns = Mapping[str, str]
"""Dotted path of a field to the name of the column that fills it."""

Branch = dict[str, "Branch | str"]
"""The same as a tree: the names of fields to columns, or to the fields inside."""


def tree(columns: Columns) -> Branch:
    """Return a mapping as a tree.

    >>> tree({"a.b": "x", "a.c": "y"})
    {'a': {'b': 'x', 'c': 'y'}}
    """
    root: Branch = {}
    for path, column in columns.items():
        *way, last = path.split(".")
        inner = root
        for name in way:
            below = inner.setdefault(name, {})
            assert isinstance(below, dict)
            inner = below
        inner[last] = column
    return root


def leaves(branch: Branch) -> list[str]:
    """Return the columns of a tree."""
    return [c for b in branch.values() for c in ([b] if isinstance(b, str) else leaves(b))]


def require(file: StagedFile, held: Collection[str], columns: Columns) -> None:
    """Raise `InvalidFile`, naming file and column, if *file* does not hold a column that is mapped."""
    for path, column in columns.items():
        if column not in held:
            hint = nearest(column, list(held)) or f"it has {', '.join(sorted(held)[:20]) or 'none'}"
            raise InvalidFile(
                f'file "{file.name}" has no column "{column}", which the mapping leads to "{path}"; {hint}'
            )


def document(branch: Branch, cell: Callable[[str], str]) -> str:
    """Return the SQL of a row as JSON, of which *cell* gives the values; an object without values is NULL."""
    members = [
        f"{literal(name)}, {cell(inner) if isinstance(inner, str) else document(inner, cell)}"
        for name, inner in branch.items()
    ]
    filled = " OR ".join(f"{cell(column)} IS NOT NULL" for column in leaves(branch))
    return f"CASE WHEN {filled} THEN json_object({', '.join(members)}) END"
