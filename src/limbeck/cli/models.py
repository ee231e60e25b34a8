"""What the commands about models show."""

from __future__ import annotations

from pathlib import Path

from limbeck.cli import output


def promote(definition: Path, version: str | None, home: Path | None) -> None:
    """Make a version the champion, and show which."""
    from limbeck.workflow.champion import promote

    kept = promote(definition, version, home)
    value = {"name": kept.name, "version": kept.version, "run_id": kept.run_id}
    output.current().result(
        value, f"version {kept.version} of {kept.name} is the champion; the next run scores with it"
    )
