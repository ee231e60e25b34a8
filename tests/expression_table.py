"""The table of functions in docs/flows.md, made from the code: `python -m tests.expression_table --write`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from limbeck.flow.expressions.operators import OPERATORS
from limbeck.flow.expressions.table import FUNCTIONS

PAGE = Path(__file__).parents[1] / "docs" / "flows.md"
_BETWEEN = re.compile(r"(?<=<!-- functions -->\n).*(?=<!-- end of functions -->)", re.DOTALL)


def lines() -> Iterator[str]:
    yield "| call | gives | what it is | example | its result |"
    yield "|---|---|---|---|---|"
    for f in (*OPERATORS, *FUNCTIONS):
        called = f.name if f in OPERATORS else ", ".join((f.syntax, *f.aliases))
        result = "" if f.result is ... else _code(json.dumps(f.result))
        yield f"| {_code(called)} | {f.gives or 'as given'} | {_cell(f.says)} | {_code(f.example)} | {result} |"


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page() -> str:
    """The page as it should be."""
    table = "\n".join(lines()) + "\n"
    return _BETWEEN.sub(lambda _: table, PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    PAGE.write_text(page(), encoding="utf-8")
