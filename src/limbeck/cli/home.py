"""What `connect` and `clean` show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.cli import output
from limbeck.cli.output import Part, Rows, in_bytes
from limbeck.disk import Leftover

if TYPE_CHECKING:
    from limbeck.whereabouts import Step


def clean(home: Path | None, older_than: str, *, dry_run: bool) -> None:
    """Free the disk of a home, or say what that would remove."""
    from limbeck import housekeeping
    from limbeck.settings import Settings

    age, root = housekeeping.age(older_than), Settings.load(home).home
    found = housekeeping.clean(root, age, dry_run=dry_run)
    told = "would free" if dry_run else "freed"
    versions = f"{found.versions:,} old versions of tables " + ("would be forgotten" if dry_run else "are forgotten")
    total = f"{told} {in_bytes(found.bytes)} in {root}"
    rows = [(in_bytes(leftover.bytes), _within(leftover.path, root), leftover.why) for leftover in found.leftovers]
    value = {
        "home": str(root),
        "dry_run": dry_run,
        "bytes": found.bytes,
        "versions": found.versions,
        "leftovers": [_shown(leftover) for leftover in found.leftovers],
    }
    table: list[Part] = [Rows(("size", "path", "why"), rows)] if rows else []
    output.current().sections(value, [*table, *([versions] if found.versions else []), total])


KINDS = {"embedded": "embedded, home", "limbeck": "Limbeck server", "aep": "Adobe Experience Platform"}


def connect(home: Path | None, config: Path | None, sandbox: str | None) -> None:
    """Prove that the connection works, and show where it leads."""
    from limbeck.whereabouts import whereabouts

    found = whereabouts(home, config, sandbox, lambda step: output.current().note(_told(step)))
    where = found["sandbox"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    head = [
        f"connected: {KINDS[found['kind']]} {found['where']}",
        f"organisation {found['organisation']}, tenant _{found['tenant']}",
        f"sandbox {where['name']} ({where['type']})",
        versions,
    ]
    rows = [(_count(d["rows"]), _size(d["bytes"]), d["table"], d["name"]) for d in found["datasets"]]
    datasets: Part = Rows(("rows", "size", "table", "dataset"), rows) if rows else "no datasets"
    output.current().sections(found, ["\n".join(head), "", datasets, *_disk(found)])


def _told(step: Step) -> str:
    return f"{step.state:<8}{step.name:<13}{step.told}"


def _disk(found: Mapping[str, Any]) -> list[Part]:
    if "sizes" not in found:
        return []
    rows = [(in_bytes(size), kind) for kind, size in found["sizes"].items() if size]
    return ["", Rows(("size", "of the home"), rows), f"limbeck clean would free {in_bytes(found['clean'])}"]


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _size(value: int | None) -> str:
    return "" if value is None else in_bytes(value)


def _shown(leftover: Leftover) -> dict[str, object]:
    return {"path": str(leftover.path), "bytes": leftover.bytes, "why": leftover.why}


def _within(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
