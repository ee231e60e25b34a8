"""What `limbeck compatibility` shows: what is served, as the tests found it."""

from __future__ import annotations

import json
from importlib.resources import files

from limbeck.cli import output
from limbeck.errors import InvalidInput, nearest

COLUMNS = ("service", "what", "state", "shown by")


def show(of: str | None, service: str | None, missing: bool) -> None:
    """Print what is served and what is not; raise `InvalidInput` for a kind or service that there is not."""
    found = json.loads(files("limbeck").joinpath("compatibility.json").read_text("utf-8"))
    if of is not None and of not in found:
        raise InvalidInput(f"--of is {of!r}; it is one of {', '.join(found)}")
    rows = [row for kind, rows in found.items() if of in (None, kind) for row in rows]
    if service is not None:
        known = list(dict.fromkeys(row[0] for row in rows))
        rows = [row for row in rows if row[0].lower() == service.lower()]
        if not rows:
            raise InvalidInput(f"there is no service {service!r}. {nearest(service, known)}".rstrip())
    output.current().table(COLUMNS, [row for row in rows if not missing or row[2].startswith(("missing", "notimpl"))])
