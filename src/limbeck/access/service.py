"""Organisations, sandboxes, credentials and tokens (REST contract, section 3)."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from sqlalchemy import Connection, Row, bindparam, insert, select, update

from limbeck import clock, ids
from limbeck.access.permissions import ROLES
from limbeck.access.sandboxes import DEFAULT_SANDBOX, Sandboxes
from limbeck.access.sandboxes import add as add_sandbox
from limbeck.access.sandboxes import find as find_sandbox
from limbeck.access.sas import AccountKey, Level
from limbeck.access.secrets import hashed, matches, new_secret
from limbeck.errors import Forbidden, InvalidInput, NameTaken, NotFound, Unauthenticated
from limbeck.scope import LOCAL, Principal, Sandbox
from limbeck.store import Store, audit
from limbeck.store.tables import credentials, keys, organisations

DEFAULT_ORG = "limbeck@LocalOrg"
_ALGORITHM = "HS256"
_ONE = select(credentials).where(credentials.c.client_id == bindparam("client"))


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential as it is shown once; afterwards only a hash of the secret is kept."""

    client_id: str
    client_secret: str
    org_id: str
    sandbox: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential as it is kept, without its secret."""

    client_id: str
    org_id: str
    roles: Sequence[str]
    sandboxes: frozenset[str] | None
    """The only ones it may work in; None for all."""
    created: datetime
    revoked: datetime | None


class Access:
    """Knows who may act on which sandbox."""

    def __init__(self, store: Store, token_lifetime_s: int) -> None:
        self.sandboxes = Sandboxes(store)
        self._store = store
        self._lifetime = token_lifetime_s
        self._key = self._kept_key("token")

    # -- organisations and sandboxes -----------------------------------------------------------------------

    def organisation(self) -> str | None:
        """Return the id of the home's organisation, or None while there is none."""
        with self._store.read() as connection:
            return connection.execute(select(organisations.c.id)).scalar()

    def ensure_organisation(self, org_id: str | None = None) -> str:
        """Return the home's organisation, made now if there is none; it gets the sandbox `prod`.

        Raise `InvalidInput` if the home belongs to another organisation than *org_id*.
        """
        with self._store.write() as connection:
            found = connection.execute(select(organisations.c.id)).scalar()
            if found is None:
                found = org_id or DEFAULT_ORG
                values = {"id": found, "tenant": tenant_of(found), "created": clock.millis(clock.now())}
                connection.execute(insert(organisations).values(values))
                add_sandbox(connection, found, DEFAULT_SANDBOX, "development")
        if org_id not in (None, found):
            raise InvalidInput(f"this home belongs to organisation {found}, not {org_id}; use another --home")
        return str(found)

    def ensure_sandbox(self, org_id: str, name: str, type_: str = "development") -> Sandbox:
        """Return the sandbox *name*, made now if there is none."""
        with suppress(NameTaken):
            self.sandboxes.create(org_id, name, type=type_)
        return self.sandbox(org_id, name)

    def sandbox(self, org_id: str, name: str) -> Sandbox:
        """Return a sandbox by name; raise `NotFound` if the organisation has none such."""
        return self.sandboxes.get(org_id, name).sandbox

    # -- credentials ---------------------------------------------------------------------------------------

    def has_credentials(self) -> bool:
        """Return whether anybody can log in."""
        with self._store.read() as connection:
            return connection.execute(select(credentials.c.client_id)).first() is not None

    def create_credential(
        self,
        org_id: str,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        roles: Sequence[str] = ("admin",),
        sandbox: str = DEFAULT_SANDBOX,
        only: Sequence[str] | None = None,
        public_key: str | None = None,
    ) -> NewCredential:
        """Make a credential; with *public_key* (PEM, RSA) it may also show tokens that it signs itself.

        It works in all sandboxes, or in those called as *only* says; *sandbox* is the one it begins with. Raise
        `NameTaken` if its id is in use, `InvalidInput` for an unknown role and for what is no such key, `NotFound` for
        a sandbox that is not there.
        """
        if public_key is not None:
            _require_rsa(public_key)
        if unknown := set(roles) - ROLES.keys():
            raise InvalidInput(f"unknown role {', '.join(sorted(unknown))}; roles are {', '.join(sorted(ROLES))}")
        if only is not None:
            for name in only:
                self.sandbox(org_id, name)
        made = NewCredential(client_id or secrets.token_hex(16), client_secret or new_secret(), org_id, sandbox)
        row = {
            "client_id": made.client_id,
            "org_id": org_id,
            "secret_hash": hashed(made.client_secret),
            "roles": json.dumps(sorted(roles)),
            "public_key": public_key,
            "sandboxes": None if only is None else json.dumps(sorted(set(only))),
            "created": clock.millis(clock.now()),
        }
        with self._store.write() as connection:
            if made.client_id == LOCAL or _credential(connection, made.client_id) is not None:
                raise NameTaken(f"credential {made.client_id!r} exists already")
            connection.execute(insert(credentials).values(row))
            audit.record(connection, "create", "credential", made.client_id, audit.ORGANISATION)
        return made

    def credentials(self) -> list[Credential]:
        """Return all credentials, oldest first."""
        query = select(credentials).order_by(credentials.c.created, credentials.c.client_id)
        with self._store.read() as connection:
            return [_described(row) for row in connection.execute(query)]

    def revoke_credential(self, client_id: str) -> None:
        """Make a credential, and every token it was given, worthless."""
        with self._store.write() as connection:
            mine = update(credentials).where(credentials.c.client_id == client_id)
            if connection.execute(mine.values(revoked=clock.millis(clock.now()))).rowcount == 0:
                raise NotFound(f"no credential {client_id!r}")
            audit.record(connection, "revoke", "credential", client_id, audit.ORGANISATION)

    # -- tokens --------------------------------------------------------------------------------------------

    def token(self, client_id: str, client_secret: str) -> tuple[str, int]:
        """Return a signed access token and its validity in seconds; raise `Unauthenticated`."""
        with self._store.read() as connection:
            row = _credential(connection, client_id)
        if row is None or row.revoked is not None or not matches(client_secret, row.secret_hash):
            raise Unauthenticated("client_id and client_secret do not belong to a credential of this home")
        return self._signed(row.client_id), self._lifetime

    def exchange(self, client_id: str, client_secret: str, signed: str) -> tuple[str, int]:
        """Return what `token` does for a JWT that the credential's own key has signed (REST contract, section 3.2).

        Raise `Unauthenticated` if secret, signature, issuer, audience or time do not fit, or no key is registered.
        """
        with self._store.read() as connection:
            row = _credential(connection, client_id)
        if row is None or row.revoked is not None or not matches(client_secret, row.secret_hash):
            raise Unauthenticated("client_id and client_secret do not belong to a credential of this home")
        if row.public_key is None:
            told = "this credential has no public key: limbeck credentials create --public-key FILE makes one that has"
            raise Unauthenticated(told)
        try:
            options: Any = {"require": ["exp", "iss", "sub", "aud"], "verify_aud": False}
            claims = jwt.decode(signed, row.public_key, algorithms=["RS256"], options=options, issuer=row.org_id)
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"jwt_token is not valid: {error}") from error
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if not any(str(audience).endswith(f"/c/{client_id}") for audience in audiences):
            raise Unauthenticated(f"jwt_token is made for {claims['aud']}, not for /c/{client_id}")
        return self._signed(row.client_id), self._lifetime

    def token_for(self, principal: Principal) -> str:
        """Return a fresh token for who has just shown a valid one."""
        return self._signed(principal.client_id)

    def principal(self, token: str) -> Principal:
        """Return who *token* stands for; raise `Unauthenticated` if it is not ours or no longer valid."""
        with self._store.read() as connection:
            return self._principal(connection, token)

    def enter(self, token: str, sandbox: str) -> tuple[Principal, Sandbox | None]:
        """Return who *token* stands for, and the sandbox of that name in their organisation, None if there is none.

        Raise what `principal` raises. Every request begins so: it is one transaction. Whether they may work there is
        another question: `require_sandbox`.
        """
        with self._store.read() as connection:
            principal = self._principal(connection, token)
            return principal, find_sandbox(connection, principal.org_id, sandbox)

    def _principal(self, connection: Connection, token: str) -> Principal:
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options={"require": ["exp", "sub"]})
        except jwt.PyJWTError as error:
            raise Unauthenticated("Oauth token is not valid") from error
        return self._known(connection, claims["sub"])

    def confirm(self, principal: Principal, sandbox: Sandbox) -> None:
        """Check that who logged in before may still work in a sandbox.

        Raise `Unauthenticated` if the credential was revoked since, `NotFound` if the sandbox is no longer there.
        """
        with self._store.read() as connection:
            self._known(connection, principal.client_id)
            found = find_sandbox(connection, sandbox.org_id, sandbox.name)
        if found is None or found.id != sandbox.id:
            raise NotFound(f"sandbox {sandbox.name!r} was deleted")

    def check_signature(
        self, sent: Mapping[str, str], container: str, blob: str, level: Level, *any_of: str, secure: bool
    ) -> None:
        """Check a signature as `AccountKey.check` does, and that the credential it is bound to was not revoked."""
        self.account_key().check(sent, container, blob, level, *any_of, secure=secure)
        if client_id := sent.get("si"):
            with self._store.read() as connection:
                try:
                    self._known(connection, client_id)
                except Unauthenticated as error:
                    told = "the credential that fetched this shared access signature was revoked"
                    raise Unauthenticated(told) from error

    def _known(self, connection: Connection, client_id: str) -> Principal:
        if client_id == LOCAL:
            org_id = connection.execute(select(organisations.c.id)).scalar() or DEFAULT_ORG
            return Principal(LOCAL, org_id, frozenset({"admin"}))
        row = _credential(connection, client_id)
        if row is None or row.revoked is not None:
            raise Unauthenticated("Oauth token is not valid: its credential was revoked")
        return Principal(row.client_id, row.org_id, frozenset(json.loads(row.roles)), _sandboxes(row))

    def local_token(self) -> str:
        """Return a token for whoever can open the home's folder itself: such a process may do everything."""
        return self._signed(LOCAL)

    def _signed(self, client_id: str) -> str:
        issued = clock.millis(clock.now()) // 1000
        claims = {"sub": client_id, "iat": issued, "exp": issued + self._lifetime}
        return jwt.encode({**claims, "jti": ids.new_uuid()}, self._key, algorithm=_ALGORITHM)

    def account_key(self) -> AccountKey:
        """Return the key by which access to the landing zone is signed."""
        return AccountKey(bytes.fromhex(self._kept_key("landing-zone")))

    def _kept_key(self, name: str) -> str:
        """Return the home's key for one purpose, made at the first call."""
        with self._store.read() as connection:
            found = connection.execute(select(keys.c.value).where(keys.c.name == name)).scalar()
        if found is None:
            with self._store.write() as connection:
                found = connection.execute(select(keys.c.value).where(keys.c.name == name)).scalar()
                if found is None:
                    found = secrets.token_hex(32)
                    connection.execute(insert(keys).values(name=name, value=found))
        return str(found)


def _require_rsa(pem: str) -> None:
    """Raise `InvalidInput` for what is no public key, or certificate, of RSA."""
    try:
        key = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).prepare_key(pem)
        if hasattr(key, "private_numbers"):
            raise ValueError("it is a private key, which nobody else should have")
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidInput(f"this is no public key of RSA in PEM: {error}") from error


def may_write(principal: Principal) -> bool:
    """Return whether *principal* may change data."""
    return bool(principal.roles & {"admin", "editor"})


def require_sandbox(principal: Principal, sandbox: str) -> None:
    """Raise `Forbidden` unless *principal* may work in the sandbox of that name."""
    if not principal.may_enter(sandbox):
        only = ", ".join(sorted(principal.sandboxes or ()))
        raise Forbidden(f"credential {principal.client_id} may not work in sandbox {sandbox!r}; it may in {only}")


def require_admin(principal: Principal) -> None:
    """Raise `Forbidden` unless *principal* may change sandboxes; who may work in some only, may not."""
    if principal.sandboxes is not None:
        raise Forbidden(f"credential {principal.client_id} is bound to its sandboxes; this changes the organisation's")
    if "admin" not in principal.roles:
        raise Forbidden(f"credential {principal.client_id} is none of an administrator; this needs the role admin")


def require_write(principal: Principal) -> None:
    """Raise `Forbidden` unless *principal* may change data."""
    if not may_write(principal):
        raise Forbidden(f"credential {principal.client_id} may read only; this needs the role editor or admin")


def tenant_of(org_id: str) -> str:
    """Return the tenant id of an organisation: lower-case letters, digits and underscores.

    >>> tenant_of("Acme Corp@AdobeOrg")
    'acme_corp'
    """
    return re.sub(r"[^a-z0-9]+", "_", org_id.partition("@")[0].lower()).strip("_") or "tenant"


def _described(row: Row[Any]) -> Credential:
    revoked = None if row.revoked is None else clock.from_millis(row.revoked)
    made = clock.from_millis(row.created)
    return Credential(row.client_id, row.org_id, json.loads(row.roles), _sandboxes(row), made, revoked)


def _sandboxes(row: Row[Any]) -> frozenset[str] | None:
    return None if row.sandboxes is None else frozenset(json.loads(row.sandboxes))


def _credential(connection: Connection, client_id: str) -> Row[Any] | None:
    return connection.execute(_ONE, {"client": client_id}).first()
