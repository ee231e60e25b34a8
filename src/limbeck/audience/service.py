"""Audiences: rules over people, and who is in (profile contract, section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from limbeck.audience import statements
from limbeck.audience.definitions import Definitions
from limbeck.audience.model import Audience, Membership, Status
from limbeck.audience.pql import Rule, compile_rule
from limbeck.engine import Engine, Table
from limbeck.engine.sql import literal
from limbeck.errors import InvalidInput, LimbeckError, WrongState
from limbeck.files import Folder
from limbeck.identity import Identity
from limbeck.profile import Profiles
from limbeck.scope import Sandbox
from limbeck.store import Store


class Audiences:
    """The audiences of a home, and who is in them."""

    def __init__(self, store: Store, profiles: Profiles, engine: Engine, folder: Folder) -> None:
        self.definitions = Definitions(store)
        self.folder = folder
        """Where the members' files are."""
        self._profiles = profiles
        self._engine = engine

    # -- rules ----------------------------------------------------------------------------------------------------

    def create(self, sandbox: Sandbox, name: str, rule: str, body: Mapping[str, Any]) -> Audience:
        """Store an audience; raise `PqlError` if *rule* is not PQL or does not fit the union schema."""
        self.needed(sandbox, self.compile(sandbox, rule))  # by a name, what is asked for might lead to the new one
        return self.definitions.create(sandbox, name, rule, body)

    def change(
        self,
        sandbox: Sandbox,
        audience_id: str,
        name: str,
        rule: str,
        body: Mapping[str, Any],
        etag: str | None = None,
    ) -> Audience:
        """Replace an audience.

        Raise `PqlError` for its rule, also if it leads back to itself, `StaleEtag` if it is not the one with *etag*.
        """
        self.definitions.get(sandbox, audience_id)
        if audience_id in self.needed(sandbox, self.compile(sandbox, rule)):
            raise InvalidInput(f"the rule leads back to the audience {audience_id} itself")
        return self.definitions.change(sandbox, audience_id, name, rule, body, etag)

    def compile(self, sandbox: Sandbox, rule: str) -> Rule:
        """Return *rule* checked against the union schemas; raise `PqlError` saying where it does not fit."""
        profile, event = self._profiles.unions(sandbox)

        def known(name: str) -> str | None:
            found = self.definitions.named(sandbox, name)
            return found[0].id if len(found) == 1 else None

        return compile_rule(rule, profile, event, known)

    def needed(self, sandbox: Sandbox, rule: Rule) -> set[str]:
        """Return the audiences that *rule* asks for, and those that they ask for."""
        found: set[str] = set()
        waiting = list(rule.audiences)
        while waiting:
            audience = self.definitions.get(sandbox, waiting.pop())
            if audience.id not in found:
                found.add(audience.id)
                waiting += self.compile(sandbox, audience.rule).audiences
        return found

    def users(self, sandbox: Sandbox, audience_id: str) -> list[Audience]:
        """Return the other audiences whose rules ask for an audience."""
        found = []
        for audience in self.definitions.all(sandbox):
            with suppress(LimbeckError):  # a rule that no longer fits uses nothing
                if audience.id != audience_id and audience_id in self.compile(sandbox, audience.rule).audiences:
                    found.append(audience)
        return found

    # -- members --------------------------------------------------------------------------------------------------

    def file(self, audience_id: str) -> Path | None:
        """Return the Parquet file of an audience's members; None before its first evaluation."""
        found = self.definitions.membership(audience_id)
        return None if found is None else self.folder.path(found.path)

    def membership(self, audience_id: str) -> Membership:
        """Return an audience's membership; raise `WrongState` before its first evaluation."""
        found = self.definitions.membership(audience_id)
        if found is None:
            raise WrongState(f"audience {audience_id} has not been evaluated yet; start a segment job first")
        return found

    def statuses(self, sandbox: Sandbox, identities: Sequence[Identity]) -> list[Status]:
        """Return the memberships of the person who has *identities*."""
        files = {str(self.folder.path(m.path)): m.audience_id for m in self.definitions.memberships(sandbox)}
        if not files:
            return []
        table = Table("limbeck_memberships", statements.MEMBERSHIP, tuple(files), exact=True, origin=True)
        wanted = ", ".join(f"({literal(i.namespace)}, {literal(i.value)})" for i in identities)
        mine = f"SELECT * FROM {table.name} WHERE (namespace, value) IN ({wanted})"
        with self._engine.session([table]) as session:
            rows = session.fetch(f"SELECT limbeck_file, {statements.TOGETHER} FROM ({mine}) GROUP BY limbeck_file")
        found = {file: (status, since) for file, status, since in rows}
        return [Status(audience_id, *found[file]) for file, audience_id in files.items() if file in found]
