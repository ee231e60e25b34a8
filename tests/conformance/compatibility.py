"""What is served, from what the tests probe: `python -m tests.conformance.compatibility --write`.

It makes the page `docs/compatibility.md`, and the file that `limbeck compatibility` prints.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.aepp import methods
from tests.conformance import surface
from tests.conformance.cases import CASES
from tests.conformance.endpoints import endpoints
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

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "compatibility.md"
DATA = ROOT / "src" / "limbeck" / "compatibility.json"

HEAD = """# What is served, and to whom

Made from the tests by `python -m tests.conformance.compatibility --write`; a test fails when it is out of date, and
every line is probed by one; `limbeck compatibility` prints the same. Sections are those of AEP's documentation as the
tests' cases number them.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *services(), *statements(), *functions(), *clients(), *programs(), *cases(), ""])


def data() -> str:
    """The same for the command, as lines of what, state, and the test or section behind it."""
    found = {
        "endpoints": [(e.service, f"{e.method} {e.path}", e.state, e.test) for e in endpoints()],
        "statements": [(g.title, e.what, state(e), g.section) for g in STATEMENTS for e in g.entries],
        "functions": [(group, name.lower(), "served", "") for group, names in functions_by_group() for name in names],
        "clients": [(name, a, "tested", test) for name, does in CLIENTS.items() for a, test in does.items()],
    }
    found["functions"] += [
        ("Adobe-defined", f.lower(), f"missing: {surface.SKETCHES.text}", "") for f in probes(SKETCH)
    ]
    found["clients"] += [(name, what, "tested", test) for name, what, test in PROGRAMS]
    return json.dumps(found, indent=0) + "\n"


PROGRAMS = [
    (f"aepp {release}", "schema to audience, unmodified", "tests/aepp/test_life_cycle.py::test_the_life_cycle")
    for release in ("0.6.0", "0.3.11.post2", "0.3.10.post2")
] + [
    ("aepp 0.6.0", "managers and synchronizer, unmodified", "tests/aepp/test_managers.py::test_the_managers"),
    ("adlfs, pandas", "landing zone", "tests/rest/test_blobs.py::test_adlfs_and_pandas_work_as_they_are"),
    ("azure-storage-blob", "landing zone", "tests/rest/test_blobs.py::test_a_blob_is_written_read_listed_and_deleted"),
    (
        "requests, httpx",
        "limbeck exec",
        "tests/behaviour/test_exec.py::test_clients_that_check_certificates_and_settings_of_their_own",
    ),
]
"""Programs beside PostgreSQL's clients, what they do, and the test behind it."""


def services() -> Iterator[str]:
    """Endpoints with their state."""
    yield "## REST\n"
    for service in dict.fromkeys(e.service for e in endpoints()):
        mine = [e for e in endpoints() if e.service == service]
        section = f" ({mine[0].section})" if mine[0].section else ""
        yield f"### {service}{section}\n"
        yield f"Shown by `{mine[0].test}`.\n"
        yield from table(("endpoint", "state"), [(f"`{e.method} {e.path}`", e.state) for e in mine])


def programs() -> Iterator[str]:
    """Programs that are no clients of PostgreSQL."""
    yield from table(
        ("program", "what it does", "test"), [(n, w, f"`{t.rpartition('::')[2]}`") for n, w, t in PROGRAMS]
    )


def functions_by_group() -> list[tuple[str, list[str]]]:
    """Functions by what they are for."""
    groups = {"Adobe-defined": list(probes(ADOBE)), **{name: list(probes(text)) for name, text in SPARK.items()}}
    groups["others"] = list(GROUPED)
    return list(groups.items())


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
    rows = [(name, " ".join(f"`{f.lower()}`" for f in found)) for name, found in functions_by_group()]
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
    DATA.write_text(data(), "utf-8")
    methods.DOCS.write_text(methods.written(methods.DOCS.read_text("utf-8")), "utf-8")
