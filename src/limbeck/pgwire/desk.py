"""What a session asks of the platform: statements of one principal on one sandbox (SQL contract, section 1.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from limbeck.access.service import require_sandbox
from limbeck.engine import Interrupt
from limbeck.errors import NotFound, Unauthenticated, UnknownSandbox
from limbeck.pgwire.answer import Answer
from limbeck.platform import Platform
from limbeck.query.database import Database, session
from limbeck.query.service import Parameter, SqlSession
from limbeck.query.spool import Spool
from limbeck.query.variables import Variables
from limbeck.scope import Principal, Sandbox
from limbeck.settings import MIB
from limbeck.xdm.types import Type


@dataclass(frozen=True, slots=True)
class Desk:
    """Statements of one principal, on the tables that its database name lets it see."""

    platform: Platform
    principal: Principal
    sandbox: Sandbox
    session: SqlSession

    @classmethod
    def open(cls, platform: Platform, user: str, password: str, database: str, variables: Variables) -> Desk:
        """Log in with the settings that the client sent.

        Raise `Unauthenticated`, `Forbidden`, `UnknownSandbox` or `NoTablesInScope`.
        """
        principal = _principal(platform, user, password)
        found = Database.of(database)
        require_sandbox(principal, found.sandbox)
        try:
            sandbox = platform.access.sandbox(principal.org_id, found.sandbox)
        except NotFound as error:
            raise UnknownSandbox(f'database "{database}": {error}') from error
        return cls(
            platform, principal, sandbox, session(platform.lake, platform.query.objects, sandbox, found, variables)
        )

    def set_aside(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Spool:
        """Write rows to a file in the scratch folder; raise `DiskFull` if they are too many."""
        settings = self.platform.settings
        return Spool(settings.scratch, schema, batches, settings.engine_spill_mib * MIB)

    def run(self, sql: str, params: Sequence[Parameter], interrupt: Interrupt) -> Answer:
        """Run a statement of Query Service; raise `Unauthenticated` if the credential was revoked since the login."""
        self.platform.access.confirm(self.principal, self.sandbox)
        query, who = self.platform.query, self.principal
        return Answer.of(
            query.run(self.sandbox, sql, principal=who, params=params, session=self.session, interrupt=interrupt)
        )

    def parameters(self, sql: str, known: Sequence[Type | None]) -> list[Type]:
        """Return the types of a statement's parameters."""
        return self.platform.query.parameters(self.sandbox, sql, known, session=self.session)

    def describe(self, sql: str, types: Sequence[Type | None]) -> pa.Schema | None:
        """Return the columns of a statement; None if it gives no rows."""
        _, schema = self.platform.query.describe(self.sandbox, sql, types, session=self.session)
        return schema if len(schema) else None

    def close(self) -> None:
        """Drop what is the session's own."""
        self.session.close()


def _principal(platform: Platform, user: str, password: str) -> Principal:
    """Password: an access token, or `client_id:client_secret`. The user is the organisation."""
    name, colon, secret = password.partition(":")
    try:
        token = platform.access.token(name, secret)[0] if colon else password
        principal = platform.access.principal(token)
    except Unauthenticated as error:
        raise Unauthenticated(f'password authentication failed for user "{user}"') from error
    if user != principal.org_id:
        raise Unauthenticated(f'password authentication failed for user "{user}": it is the organisation\'s id')
    return principal
