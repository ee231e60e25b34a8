"""People and audiences, as AEP's Profile and Segmentation services know them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from limbeck.client.polling import until
from limbeck.client.transport import Transport
from limbeck.errors import InvalidInput, NotFound

UPS = "/data/core/ups"
PROFILE = "_xdm.context.profile"
EVENT = "_xdm.context.experienceevent"


@dataclass(frozen=True, slots=True)
class Person:
    """One person's profile."""

    entity: Mapping[str, Any]
    """XDM attributes, with `identityMap` and `segmentMembership`."""
    sources: Mapping[str, Mapping[str, str]]
    """`datasetId` and `time` of each attribute, by dotted path; empty on AEP, which does not tell."""

    @property
    def audiences(self) -> Mapping[str, str]:
        """Return the status of each membership, by audience id."""
        found = self.entity.get("segmentMembership", {}).get("ups", {})
        return {audience: entry["status"] for audience, entry in found.items()}


@dataclass(frozen=True, slots=True)
class Audience:
    """A stored audience."""

    id: str
    name: str
    rule: str
    """PQL text."""
    size: int | None
    """Members after the last evaluation; None before the first."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A segment job that has ended well."""

    id: str
    sizes: Mapping[str, int]
    """Members by audience id."""
    evaluated: datetime
    """The instant that the rules called now."""


class People:
    """Look-up of one person."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(self, namespace: str, value: str) -> Person | None:
        """Return the person with an identity, or None."""
        params = {"schema.name": PROFILE, "entityId": value, "entityIdNS": namespace}
        try:
            (found,) = self._transport.call("GET", f"{UPS}/access/entities", params=params).values()
        except NotFound:
            return None
        return Person(found["entity"], found.get("attributeSources", {}))

    def events(self, namespace: str, value: str, limit: int = 1000) -> list[Mapping[str, Any]]:
        """Return a person's newest events, oldest of them first, as XDM."""
        params = {
            "schema.name": EVENT,
            "relatedSchema.name": PROFILE,
            "relatedEntityId": value,
            "relatedEntityIdNS": namespace,
            "limit": str(limit),
        }
        found = self._transport.call("GET", f"{UPS}/access/entities", params=params)
        return [child["entity"] for child in found["children"]]


class Audiences:
    """Audiences and their evaluation."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str, rule: str, description: str = "") -> Audience:
        """Store an audience; raise `PqlError` if its rule does not fit the union schema."""
        return _audience(
            self._transport.call("POST", f"{UPS}/segment/definitions", json=_body(name, rule, description))
        )

    def change(self, audience: Audience, rule: str, description: str = "") -> Audience:
        """Replace an audience's rule."""
        body = _body(audience.name, rule, description)
        return _audience(self._transport.call("PATCH", f"{UPS}/segment/definitions/{audience.id}", json=body))

    def named(self, name: str) -> Audience | None:
        """Return the newest audience called *name*, or None."""
        return next((a for a in self.all() if a.name == name), None)

    def get(self, audience_id: str) -> Audience:
        """Return an audience; raise `NotFound`."""
        return _audience(self._transport.call("GET", f"{UPS}/segment/definitions/{audience_id}"))

    def all(self) -> Iterator[Audience]:
        """Yield all audiences, newest first."""
        page = 0
        while True:
            found = self._transport.call("GET", f"{UPS}/segment/definitions", params={"page": page})
            yield from map(_audience, found["segments"])
            page += 1
            if not found["segments"] or page >= found["page"]["totalPages"]:
                return

    def delete(self, audience: Audience) -> None:
        """Delete an audience; refused while something uses it."""
        self._transport.call("DELETE", f"{UPS}/segment/definitions/{audience.id}")

    def evaluate(self, *audiences: Audience, at: datetime | None = None) -> Evaluation:
        """Evaluate audiences together and wait for the end; *at* stands for now. Raise `InvalidInput` if one failed."""
        wanted = [{"segmentId": a.id} for a in audiences]
        headers = {} if at is None else {"x-evaluation-time": at.astimezone(UTC).isoformat()}
        job = self._transport.call("POST", f"{UPS}/segment/jobs", json=wanted, headers=headers)
        return self._wait(str(job["id"]))

    def _wait(self, job_id: str) -> Evaluation:
        job = until(
            lambda: self._transport.call("GET", f"{UPS}/segment/jobs/{job_id}"), lambda seen: seen["status"] in _ENDED
        )
        told: Sequence[Mapping[str, Any]] = job.get("errors") or ()
        if job["status"] != "SUCCEEDED" or told:
            reasons = "; ".join(str(e.get("message", e)) for e in told) or job["status"]
            raise InvalidInput(f"segment job {job_id} failed: {reasons}")
        moment = datetime.fromtimestamp(job.get("evaluatedAt", job["creationTime"]) / 1000, UTC)
        return Evaluation(job_id, job["metrics"]["segmentedProfileCounter"], moment)


_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


def _body(name: str, rule: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "profileInstanceId": "ups",
        "description": description or name,
        "expression": {"type": "PQL", "format": "pql/text", "value": rule},
        "schema": {"name": PROFILE},
        "payloadSchema": "string",
        "ttlInDays": 60,
    }


def _audience(body: Mapping[str, Any]) -> Audience:
    size = body.get("metrics", {}).get("data", {}).get("totalProfiles")
    return Audience(body["id"], body["name"], body["expression"]["value"], size)
