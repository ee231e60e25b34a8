"""Where a connection leads, and what is there: the proof that it works."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from limbeck import housekeeping
from limbeck.connect import connect
from limbeck.errors import Forbidden, InvalidInput, LimbeckError, MissingExtra, NotFound
from limbeck.version import VERSION

if TYPE_CHECKING:
    from limbeck.client import Client
    from limbeck.client.config import Config

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a connection to a server: what was tried, how it went, and what there is to say of it."""

    name: str
    state: Literal["ok", "skipped", "failed"]
    told: str


def _silent(_: Step) -> None:
    """Tell nobody."""


def whereabouts(
    home: Path | str | None = None,
    config: Path | str | None = None,
    sandbox: str | None = None,
    tell: Callable[[Step], None] = _silent,
) -> dict[str, Any]:
    """Connect as `limbeck.connect` does, and return what is there, as values that JSON can write.

    `kind` (embedded, limbeck or aep), `where` (home or endpoint), `organisation`, `tenant`, `sandbox` (`name`, `type`),
    `versions`, and `datasets` with `rows` and `bytes`, which are None where the platform does not tell. For an embedded
    home also `sizes` (bytes by kind) and `clean` (bytes that `housekeeping.clean` would free).

    With *config* the connection is made step by step, each of which *tell* is told: file, keys, host, token, sandbox,
    tenant, SQL wire, landing zone. They are in `steps`, and in the `details` of the error that the first failed one
    raises, without any secret. Raise `InvalidInput`, `Unauthenticated`, `Forbidden`, `HomeError` and others with a
    message that says how to mend it.
    """
    if config is not None:
        return _proven(Path(config), sandbox, tell)
    from limbeck.settings import Settings

    with connect(home, sandbox=sandbox) as client:
        found = {"kind": "embedded", "where": str(Settings.load(home).home), **_found(client, _sandbox_type(client))}
    found["sizes"] = housekeeping.sizes(home)
    found["clean"] = housekeeping.clean(home, dry_run=True).bytes
    return found


def _proven(path: Path, sandbox: str | None, tell: Callable[[Step], None]) -> dict[str, Any]:
    """Go the way of a configuration: what the next step needs stops at once, the rest is tried in any case."""
    from limbeck.client.config import Config

    steps = _Steps(tell)
    values = steps.must("file", lambda: Config.values(path), lambda _: str(path))
    read = steps.must("keys", lambda: Config.of(values, path), lambda c: f"organisation {c.org_id}, {c.client_id}")
    steps.secrets = (read.client_secret,)
    with connect(config=path, sandbox=sandbox) as client:
        steps.must("host", client.reach, lambda _: f"{read.endpoint} answers")
        steps.must("token", lambda: _roles(client), lambda roles: f"{read.client_id} may log in{roles}")
        type_ = steps.must("sandbox", lambda: _sandbox_type(client, path), lambda t: f"{client.sandbox} ({t})")
        steps.must("tenant", lambda: client.tenant, lambda tenant: f"_{tenant}")
        steps.may("SQL wire", client.wire, (NotFound, MissingExtra) if read.is_limbeck else ())
        steps.may("landing zone", lambda: _zone(client))
        steps.end()
        return {**_address(read), **_found(client, type_), "steps": steps.value()}


class _Steps:
    """The steps that were gone, each told as soon as it is known how it went."""

    def __init__(self, tell: Callable[[Step], None]) -> None:
        self.secrets: tuple[str, ...] = ()
        self._tell = tell
        self._gone: list[Step] = []
        self._failure: LimbeckError | None = None

    def must(self, name: str, call: Callable[[], _T], told: Callable[[_T], str]) -> _T:
        """Go a step without which there is no next one."""
        try:
            found = call()
        except LimbeckError as failure:
            self._fail(name, failure)
            self.end()
            raise
        self._note(Step(name, "ok", told(found)))
        return found

    def may(self, name: str, call: Callable[[], str], skipped: tuple[type[LimbeckError], ...] = ()) -> None:
        """Go a step without which others can be gone; *skipped* stands for what need not be there."""
        try:
            self._note(Step(name, "ok", call()))
        except skipped as failure:
            self._note(Step(name, "skipped", self._clean(str(failure))))
        except LimbeckError as failure:
            self._fail(name, failure)

    def end(self) -> None:
        """Raise the first failure, if there is one."""
        if self._failure is not None:
            self._failure.details = {**self._failure.details, "steps": self.value()}
            raise self._failure

    def value(self) -> list[dict[str, str]]:
        """Return the steps as values that JSON can write."""
        return [asdict(step) for step in self._gone]

    def _fail(self, name: str, failure: LimbeckError) -> None:
        failure.message = self._clean(failure.message)
        failure.args = (failure.message,)
        self._note(Step(name, "failed", failure.message))
        self._failure = self._failure or failure

    def _note(self, step: Step) -> None:
        self._gone.append(step)
        self._tell(step)

    def _clean(self, text: str) -> str:
        """Return a text in one line, without secrets: libraries name addresses that hold signatures and tokens."""
        for secret in filter(None, self.secrets):
            text = text.replace(secret, "…")
        return " ".join(_SECRET.sub(r"\1…", text).split())


_SECRET = re.compile(r"(\bsig=|\b(?=eyJ))[\w.%+/-]+")


def _roles(client: Client) -> str:
    """Log in, and return as what."""
    client.log_in()
    roles = client.roles()
    return f" as {', '.join(roles)}" if roles else ""


def _zone(client: Client) -> str:
    """List both areas of the landing zone."""
    upload, export = (len(client.landing_zone(kind).list()) for kind in ("upload", "export"))
    return f"upload area with {upload} entries, export area with {export}"


def _found(client: Client, type_: str) -> dict[str, Any]:
    return {
        "organisation": client.org_id,
        "tenant": client.tenant,
        "sandbox": {"name": client.sandbox, "type": type_},
        "versions": _versions(client),
        "datasets": [
            {"name": d.name, "table": d.table, "id": d.id, "rows": d.rows, "bytes": d.bytes} for d in client.datasets()
        ],
    }


def _address(config: Config) -> dict[str, str]:
    return {"kind": "limbeck" if config.is_limbeck else "aep", "where": config.endpoint}


def _versions(client: Client) -> dict[str, str]:
    server = client.server_version
    return {"limbeck": VERSION, **({"server": server} if server else {}), "python": platform.python_version()}


def _sandbox_type(client: Client, config: Path | None = None) -> str:
    """Return the type of the sandbox; if there is none such, say which there are."""
    try:
        return client.sandbox_type
    except (Forbidden, NotFound) as error:
        known = _sandboxes(client)
        if not known or client.sandbox in known:
            raise
        place = f"sandbox_name in {config}" if config else "--sandbox"
        told = f"organisation {client.org_id} has no sandbox {client.sandbox!r}, but {', '.join(known)}"
        raise InvalidInput(f"{told}; name one of them as {place}") from error


def _sandboxes(client: Client) -> list[str]:
    try:
        return client.sandboxes()
    except LimbeckError:
        return []
