"""Mappings: which column of a file fills which field (Data Prep; REST contract, section 8.5).

A mapping leads from the dotted XDM path of a field to the name of a column, or to what is calculated from columns.
What it does not name is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from limbeck.engine.sql import literal
from limbeck.errors import InvalidFile, nearest
from limbeck.ingest.formats import StagedFile
from limbeck.xdm.types import Type

Path = tuple[str | int, ...]
"""A column, and what is inside it: names of fields, and places in lists from 0."""


class Cells(Protocol):
    """The cells of a row of a file."""

    def text(self, path: Path) -> str:
        """Return the SQL of a cell as text."""

    def json(self, path: Path) -> str:
        """Return the SQL of a cell as JSON; what is not there is NULL."""


class Calculated(Protocol):
    """What is calculated from the columns of a row."""

    @property
    def text(self) -> str:
        """What its owner wrote."""

    @property
    def columns(self) -> Sequence[Path]:
        """The columns that it reads."""

    def sql(self, cells: Cells, wanted: Type) -> str:
        """Return the SQL of its value as JSON that is to become *wanted*; a row for which there is none fails."""


Columns = Mapping[str, str]
"""Dotted path of a field to the name of the column that fills it."""

Sources = Mapping[str, "str | Calculated"]
"""The same, of which some are calculated."""

Branch = dict[str, "Branch | str"]
"""The same as a tree: the names of fields to columns, or to the fields inside."""


@dataclass(frozen=True, slots=True)
class Source:
    """Files that are read alike: the SELECT of their rows, and the cells of one."""

    files: Sequence[StagedFile]
    sql: str
    cells: Cells
    names: Collection[str] | None = None
    """The columns; None where each row has its own."""
    texts: bool = False
    """Cells are texts, booleans too."""
    row: str = "{}"
    """What becomes of a row's document: a row that is none stays what it is."""
    held: str = ""
    """The SELECT of the names of columns, where no header tells."""


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


def columns(sources: Sources) -> Columns | None:
    """Return a mapping whose fields are filled by columns as they are; None for one that calculates.

    Nor is it such a mapping if the name of a column has a dot, behind which may be something inside the column.
    """
    plain = {path: source for path, source in sources.items() if isinstance(source, str) and "." not in source}
    return plain if len(plain) == len(sources) else None


def path_of(column: str) -> Path:
    """Return the way that a dotted name stands for."""
    return tuple(column.split("."))


def shown(path: Path) -> str:
    """Return a path as a name with dots and places.

    >>> shown(("a", "b", 0))
    'a.b[0]'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def whole(path: Path) -> str | None:
    """Return the name of a column that has dots in it, if *path* may be that."""
    return None if any(isinstance(step, int) for step in path) else ".".join(map(str, path))


def leaves(branch: Branch) -> list[str]:
    """Return the columns of a tree."""
    return [c for b in branch.values() for c in ([b] if isinstance(b, str) else leaves(b))]


def require(file: StagedFile, held: Collection[str], sources: Sources) -> None:
    """Raise `InvalidFile`, naming file and column, if *file* does not hold a column that is mapped."""
    for path, source in sources.items():
        for wanted in [path_of(source)] if isinstance(source, str) else source.columns:
            if whole(wanted) not in held and wanted[0] not in held:
                name = source if isinstance(source, str) else str(wanted[0])
                hint = nearest(name, list(held)) or f"it has {', '.join(sorted(held)[:20]) or 'none'}"
                raise InvalidFile(
                    f'file "{file.name}" has no column "{name}", which the mapping leads to "{path}"; {hint}'
                )


def document(branch: Branch, cell: Callable[[str], str]) -> str:
    """Return the SQL of a row as JSON, of which *cell* gives the values; an object without values is NULL."""
    members = [
        f"{literal(name)}, {cell(inner) if isinstance(inner, str) else document(inner, cell)}"
        for name, inner in branch.items()
    ]
    filled = " OR ".join(f"{cell(column)} IS NOT NULL" for column in leaves(branch))
    return f"CASE WHEN {filled} THEN json_object({', '.join(members)}) END"
