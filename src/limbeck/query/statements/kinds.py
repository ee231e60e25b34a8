"""All statements that are served: how they are read and how they are run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limbeck.query.statements import (
    alter,
    block,
    catalogued,
    containers,
    create,
    drop,
    explain,
    identities,
    insert,
    samples,
    select,
    settings,
    show,
    statistics,
    unserved,
    views,
)
from limbeck.query.statements.context import Kind, Parser
from limbeck.query.words import Words, tokens

_MODULES: tuple[Any, ...] = (
    block,
    catalogued,
    select,
    create,
    views,
    containers,
    identities,
    insert,
    samples,
    drop,
    explain,
    show,
    statistics,
    unserved,
    alter,
    settings,
)
"""Where two read the same first word, the earlier is asked first."""

KINDS: Mapping[type, Kind] = {kind: how for module in _MODULES for kind, how in module.KINDS.items()}


def command(sql: str) -> object | None:
    """Return a statement that SQLGlot does not know, as one of the modules' classes; None if it is left to SQLGlot.

    Raise `SqlSyntaxError` for one that begins like ours and does not go on so.
    """
    first = next(tokens(sql), None)
    for parse in _PARSERS.get(first.word or first.text, ()) if first is not None else ():
        found: object | None = parse(Words(sql))
        if found is not None:
            return found
    return None


def _parsers() -> dict[str, list[Parser]]:
    found: dict[str, list[Parser]] = {}
    for module in _MODULES:
        for word, parser in getattr(module, "PARSERS", {}).items():
            found.setdefault(word, []).append(parser)
    return found


_PARSERS = _parsers()
