"""Flows from the profile store to the landing zone: the plug that the Flow Service runs (REST contract, 8.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from limbeck.activation.delivery import Deliveries, Order
from limbeck.activation.plan import Plan, selected_audiences
from limbeck.errors import InvalidInput
from limbeck.flow.model import Metrics, Resource, Run, Runner
from limbeck.flow.resources import Resources
from limbeck.scope import Sandbox


class ActivationRunner(Runner):
    """Delivers the audiences that a flow selects, or those of them that a run asks for."""

    def __init__(self, deliveries: Deliveries, resources: Resources) -> None:
        self._deliveries = deliveries
        self._resources = resources

    def check(self, flow: Resource, target: Resource) -> None:
        """Raise `InvalidInput` or `NotServed` for a flow that could not be delivered as it says."""
        Plan.of(flow.body, target.body)

    def check_run(self, flow: Resource, payload: Mapping[str, Any]) -> None:
        """Raise `InvalidInput` for an audience that is not in the flow."""
        _asked(selected_audiences(flow.body), payload)

    def run(self, sandbox: Sandbox, flow: Resource, run: Run) -> Metrics:
        """Deliver, and count; raise what keeps the files from being written.

        A run that was killed and is done again writes files of the same names: its own time stands in them.
        """
        target = self._resources.get(sandbox, "targetConnection", str(flow.body["targetConnectionIds"][0]))
        plan = Plan.of(flow.body, target.body)
        wanted = _asked([s.audience_id for s in plan.audiences], run.payload)
        plan = replace(plan, audiences=tuple(s for s in plan.audiences if s.audience_id in wanted))
        found = self._deliveries.deliver(sandbox, Order(plan, run.id, run.created))
        files = [file for delivered in found for file in delivered.files]
        return Metrics(
            output_files=len(files),
            output_bytes=sum(file.bytes for file in files),
            input_records=sum(d.records for d in found),
            output_records=sum(d.rows for d in found),
            skipped_records=sum(d.records - d.rows for d in found),
        )


def _asked(known: Sequence[str], payload: Mapping[str, Any]) -> list[str]:
    """Return the audiences that a run asks for, each of which is *known*; all of them if it names none."""
    wanted = [str(audience_id) for audience_id in payload.get("audiences", ())]
    for audience_id in wanted:
        if audience_id not in known:
            raise InvalidInput(f"audience {audience_id} is not in the flow; add it to its segmentSelectors first")
    return wanted or list(known)
