"""Namespaces of identities: the standard ones, and those that sandboxes add (profile contract, section 2.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from limbeck import clock
from limbeck.errors import InvalidInput, NameTaken, nearest
from limbeck.scope import Sandbox
from limbeck.store import Store, audit, tables

TYPES = ("COOKIE", "CROSS_DEVICE", "DEVICE", "EMAIL", "MOBILE", "NON_PEOPLE", "PARTNER", "PHONE")
"""What a namespace may be of."""

NEVER_LINKING = ("NON_PEOPLE", "PARTNER")
"""Types of namespaces whose identities tell nothing about who belongs together (profile contract, section 2.2)."""

FIRST_CUSTOM_ID = 10_000_000
"""The least id of a namespace that is not standard."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """Where an identity's value comes from."""

    id: int
    code: str
    name: str
    type: str
    """One of `TYPES`."""
    description: str = ""
    created: datetime | None = None
    """None for a standard one."""
    updated: datetime | None = None


STANDARD = (
    Namespace(0, "CORE", "CORE", "COOKIE"),
    Namespace(4, "ECID", "ECID", "COOKIE"),
    Namespace(6, "Email", "Email", "EMAIL"),
    Namespace(7, "Phone", "Phone", "PHONE"),
    Namespace(8, "WAID", "Windows AID", "DEVICE"),
    Namespace(9, "TNTID", "TNTID", "COOKIE"),
    Namespace(10, "AAID", "AAID", "COOKIE"),
    Namespace(11, "Email_LC_SHA256", "Emails (SHA256, lowercased)", "EMAIL"),
    Namespace(15, "Phone_SHA256", "Phone (SHA256)", "PHONE"),
    Namespace(17, "Phone_E.164", "Phone (E.164)", "PHONE"),
    Namespace(18, "Phone_SHA256_E.164", "Phone (SHA256_E.164)", "PHONE"),
    Namespace(411, "AdCloud", "AdCloud", "COOKIE"),
    Namespace(771, "Google", "Google", "COOKIE"),
    Namespace(20914, "GAID", "Google Ad ID (GAID)", "DEVICE"),
    Namespace(20915, "IDFA", "Apple IDFA", "DEVICE"),
)
"""Those that every sandbox has."""


class Namespaces:
    """The namespaces of one home's sandboxes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, sandbox: Sandbox) -> list[Namespace]:
        """Return the standard namespaces and the sandbox's own, oldest first."""
        with self._store.read() as connection:
            query = select(tables.namespaces).where(tables.namespaces.c.sandbox_id == sandbox.id)
            rows = connection.execute(query.order_by(tables.namespaces.c.id)).all()
        return [*STANDARD, *map(_namespace, rows)]

    def find(self, sandbox: Sandbox, code: str) -> Namespace | None:
        """Return the namespace with this code, whatever the case, or None."""
        return next((n for n in self.all(sandbox) if n.code.lower() == code.lower()), None)

    def create(
        self, sandbox: Sandbox, code: str, name: str, type: str, *, description: str = "", created_by: str = ""
    ) -> Namespace:
        """Add a namespace; raise `InvalidInput` for a code that is no word or an unknown type.

        Raise `NameTaken` if there is one with this code or name, whatever the case.
        """
        kind = type.strip().upper().replace("-", "_").replace(" ", "_")
        if kind not in TYPES:
            hint = nearest(kind, list(TYPES)) or f"known are {', '.join(TYPES)}"
            raise InvalidInput(f'there is no type "{type}" of namespaces; {hint}')
        if not re.fullmatch(r"[A-Za-z0-9_.\-]+", code):
            raise InvalidInput(f'the code of a namespace is one word of letters, digits and _ . -; found "{code}"')
        moment = clock.millis(clock.now())
        with self._store.write() as connection:
            _check_free(connection, sandbox, code, name)
            found = Namespace(_next_id(connection, sandbox), code, name, kind, description)
            state = {"description": description, "created_by": created_by, "created": moment, "updated": moment}
            row = {"id": found.id, "code": code, "name": name, "type": kind, "sandbox_id": sandbox.id}
            connection.execute(insert(tables.namespaces).values(**row, **state))
            audit.record(connection, "create", "namespace", str(found.id), sandbox.id, name=code)
        return found

    def change(self, sandbox: Sandbox, found: Namespace, name: str, description: str) -> None:
        """Give a sandbox's own namespace another name and description.

        Raise `InvalidInput` for a standard one, `NameTaken` if another has that name.
        """
        if found.created is None:
            raise InvalidInput(f'namespace "{found.code}" is standard and stays as it is')
        columns, moment = tables.namespaces.c, clock.millis(clock.now())
        mine = (columns.sandbox_id == sandbox.id, columns.id == found.id)
        with self._store.write() as connection:
            if name.lower() != found.name.lower():
                _check_free(connection, sandbox, "", name)
            values = {"name": name, "description": description, "updated": moment}
            connection.execute(update(tables.namespaces).where(*mine).values(values))


def _namespace(row: Row[Any]) -> Namespace:
    times = (clock.from_millis(row.created), clock.from_millis(row.updated))
    return Namespace(row.id, row.code, row.name, row.type, row.description, *times)


def _check_free(connection: Connection, sandbox: Sandbox, code: str, name: str) -> None:
    columns = tables.namespaces.c
    same = or_(func.lower(columns.code) == code.lower(), func.lower(columns.name) == name.lower())
    taken = connection.execute(select(columns.id).where(columns.sandbox_id == sandbox.id, same)).first() is not None
    standard = any(code.lower() == n.code.lower() or name.lower() == n.name.lower() for n in STANDARD)
    if taken or standard:
        raise NameTaken(f'a namespace with the code "{code}" or the name "{name}" exists already')


def _next_id(connection: Connection, sandbox: Sandbox) -> int:
    columns = tables.namespaces.c
    last = connection.execute(select(func.max(columns.id)).where(columns.sandbox_id == sandbox.id)).scalar()
    return FIRST_CUSTOM_ID if last is None else int(last) + 1
