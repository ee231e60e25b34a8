"""Step 7: choose people by their score or uplift, make the audience, and deliver its members."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limbeck.client import Client, LandingZone
from limbeck.client.people import Audience
from limbeck.errors import Internal, NotFound
from limbeck.workflow.campaign import OWN, ActivationPart
from limbeck.workflow.definition import Definition
from limbeck.workflow.export import settle
from limbeck.workflow.ingest import path_of
from limbeck.workflow.keys import digest
from limbeck.workflow.planning import Planned
from limbeck.workflow.sources import TENANT


def audience(client: Client, name: str, planned: Planned) -> dict[str, Any]:
    """Make the audience called *name*, or give it the plan's rule, and evaluate it.

    Return `id`, `name`, `rule`, `size` and `evaluated`.
    """
    found = client.audiences.named(name)
    if found is None:
        found = client.audiences.create(name, planned.rule)
    elif found.rule != planned.rule:
        found = client.audiences.change(found, planned.rule)
    done = client.audiences.evaluate(found)
    moment = done.evaluated.isoformat(timespec="seconds")
    return {"id": found.id, "name": name, "rule": found.rule, "size": done.sizes[found.id], "evaluated": moment}


def is_current(client: Client, made: Mapping[str, Any]) -> bool:
    """Whether the audience that `audience` made is still there with its rule."""
    try:
        return client.audiences.get(made["id"]).rule == str(made["rule"])
    except NotFound:
        return False


def activate(
    client: Client, definition: Definition, part: ActivationPart, made: Mapping[str, Any], key: str
) -> dict[str, Any]:
    """Deliver the members of the audience *made* to the landing zone; what was delivered under *key* is not again.

    Return `files` (names), `path` (folder in the landing zone), `rows` and `manifest`.
    """
    path = f"limbeck/{definition.name}/activation"
    zone = client.landing_zone("export")
    found = _delivered(zone, path, key)
    if found is None:
        columns = {c.name: _source(c.source, definition, client.tenant) for c in part.columns}
        # a dataflow for each shape of file: its mapping is part of its name
        shape = json.dumps([columns, part.format], sort_keys=True)
        name = f"limbeck delivery of {definition.name} {digest(shape.encode())}"
        flow = client.find_flow(name) or client.destinations.create(name, path, columns, part.format)
        chosen = Audience(made["id"], made["name"], made["rule"], made["size"])
        client.destinations.select(flow, chosen, f"{definition.name}_%SEGMENT_ID%_{key}")
        settle(client, flow)
        found = _delivered(zone, path, key)
        if found is None:
            client.wait_run(client.destinations.start(flow, chosen))
            found = _delivered(zone, path, key)
    if found is None:
        raise Internal(f"the delivery of {definition.name} ended, but left no manifest in {path}")
    return found


def is_delivered(client: Client, definition: Definition, key: str) -> bool:
    """Whether something was delivered under *key*."""
    return _delivered(client.landing_zone("export"), f"limbeck/{definition.name}/activation", key) is not None


def _delivered(zone: LandingZone, path: str, key: str) -> dict[str, Any] | None:
    """Return what was delivered under *key*: the manifest comes last, so its files are whole."""
    for name in sorted(zone.list(path), reverse=True):
        if Path(name).name.startswith("manifest-"):
            manifest = json.loads(zone.read(name))
            files = [f for f in manifest["exportResults"] if f"_{key}." in f["name"] or f"_{key}_" in f["name"]]
            if files:
                rows = sum(int(f.get("rows", 0)) for f in files)
                return {"files": [f["name"] for f in files], "path": path, "rows": rows, "manifest": Path(name).name}
    return None


def _source(source: str, definition: Definition, tenant: str) -> str:
    """Return the profile path of a column: words of the definition stand for where they are kept."""
    if source == "identity":
        return f"identityMap.{definition.event_sources[0].identity.identity}"
    return path_of(definition, source, tenant) if source in OWN else source.replace(TENANT, f"_{tenant}", 1)
