"""Previews: how many people a rule is about, and some of them, without an audience (profile contract, section 5.4)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from limbeck import clock, ids
from limbeck.audience import objects
from limbeck.audience.evaluation import Evaluation
from limbeck.audience.objects import SegmentObject
from limbeck.audience.service import Audiences
from limbeck.errors import LimbeckError, NotFound
from limbeck.identity import Identities, Identity
from limbeck.scope import Sandbox
from limbeck.store import Store
from limbeck.store.queue import Job, enqueue

PREVIEW = "audience.preview"
"""The kind of the job that evaluates a preview's rule."""

KIND = "preview"

SHOWN = 20
"""How many of the people a preview names."""

KEPT = timedelta(days=1)
"""A preview that is older goes when the next is made."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A rule, and how many people it is about."""

    id: str
    rule: str
    state: str
    """NEW, RUNNING, RESULT_READY or FAILED."""
    everybody: int = 0
    matched: int = 0
    by_namespace: Mapping[str, int] = field(default_factory=dict)
    people: Sequence[Sequence[Identity]] = ()
    """All identities of each of the first `SHOWN`."""
    error: str = ""


class Previews:
    """The previews of a home."""

    def __init__(
        self, store: Store, audiences: Audiences, evaluation: Evaluation, identities: Identities, scratch: Path
    ) -> None:
        self._store = store
        self._audiences = audiences
        self._evaluation = evaluation
        self._identities = identities
        self._scratch = scratch

    def create(self, sandbox: Sandbox, rule: str) -> Preview:
        """Queue the evaluation of a rule; raise `PqlError` if it does not fit the union schema."""
        self._audiences.compile(sandbox, rule)
        oldest = clock.now() - KEPT
        with self._store.write() as connection:
            for old in objects.every(connection, sandbox, KIND):
                if old.created < oldest:
                    objects.remove(connection, old)
            made = objects.create(connection, sandbox, KIND, {"rule": rule, "state": "NEW"})
            enqueue(connection, PREVIEW, made.id, asdict(sandbox))
        return _preview(made)

    def get(self, sandbox: Sandbox, preview_id: str) -> Preview:
        """Return a preview; raise `NotFound` if the sandbox has none such."""
        with self._store.read() as connection:
            return _preview(objects.load(connection, sandbox, KIND, preview_id))

    def delete(self, sandbox: Sandbox, preview_id: str) -> None:
        """Forget a preview; raise `NotFound` if the sandbox has none such."""
        with self._store.write() as connection:
            objects.remove(connection, objects.load(connection, sandbox, KIND, preview_id))

    def run(self, job: Job) -> None:
        """Evaluate a preview's rule over the profiles as they are now. Only the worker calls this."""
        sandbox = Sandbox(**job.payload)
        try:
            rule = self.get(sandbox, job.key).rule
        except NotFound:
            return  # it was deleted
        self._change(sandbox, job.key, state="RUNNING")
        try:
            self._change(sandbox, job.key, state="RESULT_READY", **self._counted(sandbox, rule))
        except LimbeckError as error:
            self.give_up(job, str(error))

    def give_up(self, job: Job, reason: str) -> None:
        """Let a preview fail that cannot be done."""
        self._change(Sandbox(**job.payload), job.key, state="FAILED", error=reason)

    def _counted(self, sandbox: Sandbox, rule: str) -> dict[str, Any]:
        with self._folder() as folder:
            compiled = self._audiences.compile(sandbox, rule)
            everybody, members = self._evaluation.preview(sandbox, compiled, clock.now(), folder)
            first = pq.read_table(members.file, columns=["namespace", "value"]).slice(0, SHOWN).to_pylist()
        people = [self._identities.cluster(sandbox, Identity(**one)) for one in first]
        return {
            "everybody": everybody,
            "matched": members.realized,
            "by_namespace": dict(members.by_namespace),
            "people": [[[i.namespace, i.value] for i in person] for person in people],
        }

    def _change(self, sandbox: Sandbox, preview_id: str, **values: Any) -> None:
        with self._store.write() as connection:
            try:
                found = objects.load(connection, sandbox, KIND, preview_id)
            except NotFound:
                return
            objects.change(connection, found, {**found.body, **values})

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        folder = self._scratch / f"preview-{ids.new_uuid()}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _preview(found: SegmentObject) -> Preview:
    told = dict(found.body)
    people = [[Identity(*one) for one in person] for person in told.pop("people", ())]
    return Preview(id=found.id, people=people, **told)
