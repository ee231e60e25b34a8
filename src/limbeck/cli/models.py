"""What the commands about models show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from limbeck.cli import output
from limbeck.cli.output import Part, Rows
from limbeck.client import Client

SHOWN = 10
"""Features that are shown to people."""


def promote(definition: Path, version: str | None, home: Path | None) -> None:
    """Make a version the champion, and show which."""
    from limbeck.workflow.champion import promote

    kept = promote(definition, version, home)
    value = {"name": kept.name, "version": kept.version, "run_id": kept.run_id}
    told = f"version {kept.version} of {kept.name} is the champion; the next run scores with it"
    output.current().result(value, told)


def monitor(client: Client, definition: Path, home: Path | None, target: Path | None, *, yes_production: bool) -> None:
    """Show whether the model still holds."""
    from limbeck.workflow.monitor import monitor

    shown = output.current()
    found = monitor(definition, client, home, target, progress=shown, yes_production=yes_production)
    shown.sections(found, list(_parts(found)))


def _parts(found: Mapping[str, Any]) -> Iterator[Part]:
    drift, outcome = found["drift"], found["outcome"]
    yield found["title"]
    yield found["told"]
    yield ""
    people = drift["people"]
    yield f"{people['now']:,} people scored as of {found['cutoff']}, beside {people['before']:,} of training"
    rows = [("(the scores)", drift["scores"]["shift"], f"{drift['scores']['psi']:.3f}", "", "")]
    for one in drift["features"][:SHOWN]:
        missing = one["missing"]
        rows.append(
            (one["feature"], one["shift"], f"{one['psi']:.3f}", f"{missing['before']:.1%}", f"{missing['now']:.1%}")
        )
    yield Rows(("feature", "shift", "PSI", "missing before", "now"), rows)
    yield ""
    if outcome is None:
        yield f"outcomes are not known yet: {found['outcome_told']}"
    else:
        yield f"outcomes of those scored as of {found['outcome_of']['cutoff']}, {outcome['people']:,} people:"
        tenths = [
            (
                n,
                f"{t['people']:,}",
                f"{t['expected']:,.1f}",
                f"{t['low']:,.1f} to {t['high']:,.1f}",
                f"{t['actual']:,.0f}",
            )
            for n, t in enumerate(outcome["tenths"], 1)
        ]
        yield Rows(("tenth by score", "people", "expected", "by chance", "actual"), tenths)
    yield f"page {found['page']}"
