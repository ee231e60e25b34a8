"""The page `docs/compatibility.md`, from what the tests probe: `python -m tests.conformance.compatibility --write`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.conformance import surface
from tests.conformance.cases import CASES
from tests.conformance.surface import (
    ABILITIES,
    ADOBE,
    CLIENTS,
    GROUPED,
    OPERATORS,
    SKETCH,
    SPARK,
    STATEMENTS,
    Entry,
    probes,
)

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"

HEAD = """# What SQL is served, and to whom

Made from the tests by `python -m tests.conformance.compatibility --write`; a test fails when it is out of date, and
every line is probed by one. Sections are those of Query Service's documentation as the tests' cases number them.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *statements(), *functions(), *clients(), *cases(), ""])


def statements() -> Iterator[str]:
    """Statements with their state."""
    yield "## Statements\n"
    for group in STATEMENTS:
        rows = [(entry.what, state(entry)) for entry in group.entries]
        yield f"### {group.title} ({group.section})\n"
        yield from table(("statement", "state"), rows)


def state(entry: Entry) -> str:
    """The state of a statement in words."""
    return f"notimpl (0A000): {entry.reason.text}" if entry.reason else "served"


def functions() -> Iterator[str]:
    """Functions by what they are for."""
    yield "## Functions\n"
    groups = {"Adobe-defined": list(probes(ADOBE)), **{name: list(probes(text)) for name, text in SPARK.items()}}
    groups["others"] = list(GROUPED)
    rows = [(name, " ".join(f"`{f.lower()}`" for f in found)) for name, found in groups.items()]
    rows.append(("operators", ", ".join(OPERATORS)))
    rows.append(("notimpl (0A000)", f"{' '.join(f'`{f}`' for f in probes(SKETCH))}: {surface.SKETCHES.text}"))
    yield from table(("group", "functions"), rows)


def clients() -> Iterator[str]:
    """Clients, and the test behind each cell."""
    yield "## Clients\n"
    rows = [
        (name, *(f"`{abilities[a].rpartition('::')[2]}`" if a in abilities else "–" for a in ABILITIES))
        for name, abilities in CLIENTS.items()
    ]
    yield from table(("client", *ABILITIES.values()), rows)
    yield "A cell names its test, in `tests/wire` or `tests/conformance`; – is not tested.\n"


def cases() -> Iterator[str]:
    """How many cases there are."""
    yield "## Cases\n"
    yield (
        f"{len(CASES)} cases of the contract (`tests/conformance/cases`) run over psycopg2 and in process, each on the"
        " contract's tables and on a twin with other names, values and numbers of rows, beside a reference that"
        " goes through the rows one at a time.\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table in Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.conformance.compatibility --write")
    PAGE.write_text(page(), "utf-8")
