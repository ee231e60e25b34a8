"""Commands for whoever runs a server: `serve`, `credentials` and `sandbox`."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from limbeck.cli import output
from limbeck.errors import InvalidInput

if TYPE_CHECKING:
    from limbeck.access.service import NewCredential
    from limbeck.platform import Platform


class PgTls(StrEnum):
    """What `--pg-tls` takes."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class LogLevel(StrEnum):
    """What `--log-level` takes."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Way(NamedTuple):
    """The proxy's address, whom its clients are to trust, and whether it leads to other hosts, too."""

    url: str
    certificate: Path
    passes_on: bool


LOG_FORM = "%(asctime)s level=%(levelname)s logger=%(name)s %(message)s"

sandboxes = typer.Typer(no_args_is_help=True, help="The isolated parts of a home.")
credentials = typer.Typer(no_args_is_help=True, help="Who may log in at a server of this home.")

HomeOption = Annotated[Path | None, typer.Option("--home", help="Folder of all data; ./.limbeck if not given.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def serve(
    home: HomeOption = None,
    http: Annotated[str, typer.Option(help="HOST:PORT to listen on; port 0 takes a free one.")] = "127.0.0.1:8086",
    pg: Annotated[str, typer.Option(help="HOST:PORT for PostgreSQL's clients; off for none.")] = "127.0.0.1:8087",
    proxy: Annotated[str | None, typer.Option(help="HOST:PORT of a proxy that answers for Adobe's hosts.")] = None,
    log_level: Annotated[
        LogLevel, typer.Option(help="What is logged to standard error; info has a line for each request.")
    ] = LogLevel.WARNING,
    pg_tls: Annotated[PgTls, typer.Option(help="Whether this machine's own clients need TLS.")] = PgTls.OPTIONAL,
) -> None:
    """Serve a home over HTTP and the PostgreSQL wire until Ctrl-C. Makes a credential and its config.ini if needed."""
    from limbeck.api.server import listen, serve, url_of

    shown = output.choose(json=False)
    logging.basicConfig(level=log_level.value.upper(), format=LOG_FORM)
    host, port = _address(http, "--http")
    wire = None if pg.lower() == "off" else _address(pg, "--pg")
    door = None if proxy is None else _address(proxy, "--proxy")
    with (
        _opened(home) as platform,
        listen(host, port) as bound,
        _wire(platform, wire, pg_tls) as address,
        _proxy(platform, door, address, url_of(bound)) as way,
    ):
        platform.start()
        shown.note(f"home {platform.settings.home}")
        if not platform.access.has_credentials():
            shown.note(f"configuration {_first_credential(platform, url_of(bound))}")
        shown.result({"url": url_of(bound)}, f"serving on {url_of(bound)}")
        if address is not None:
            shown.result({}, f"PostgreSQL wire on {_shown(address)}")
        if way is not None:
            shown.result({}, f"proxy on {way.url}")
            shown.note(
                f"HTTPS_PROXY={way.url} leads programs here; the certificate they may trust is {way.certificate}"
            )
            if not way.passes_on:
                shown.note("it is not on this machine's own address, so it passes no other hosts on (docs/exec.md)")
        serve(platform, bound, address)


@credentials.command()
def create(
    org: Annotated[str, typer.Option(help="Organisation id, e.g. acme@AdobeOrg; the first becomes the home's.")],
    home: HomeOption = None,
    id: Annotated[str | None, typer.Option(help="Client id; a random one if not given.")] = None,
    secret: Annotated[str | None, typer.Option(help="Client secret; a random one if not given.")] = None,
    sandbox: Annotated[
        list[str] | None,
        typer.Option(help="The only sandbox it may work in, made if need be; may be repeated. All if not given."),
    ] = None,
    role: Annotated[list[str] | None, typer.Option(help="admin, editor or viewer; may be repeated.")] = None,
    public_key: Annotated[Path | None, typer.Option(help="PEM file, for clients that log in with JWTs.")] = None,
    endpoint: Annotated[str, typer.Option(help="Server's address, for the printed config.ini.")] = "",
    json: JsonOption = False,
) -> None:
    """Make a credential and print it as a config.ini; the secret is shown this once."""
    from limbeck.access.sandboxes import DEFAULT_SANDBOX

    shown = output.choose(json)
    with _opened(home) as platform:
        platform.access.ensure_organisation(org)
        for name in sandbox or ():
            platform.access.ensure_sandbox(org, name)
        made = platform.access.create_credential(
            org,
            client_id=id,
            client_secret=secret,
            sandbox=sandbox[0] if sandbox else DEFAULT_SANDBOX,
            only=sandbox or None,
            roles=role or ["admin"],
            public_key=None if public_key is None else _text_of(public_key),
        )
    value = {"client_id": made.client_id, "client_secret": made.client_secret, "org_id": org, "sandbox": made.sandbox}
    shown.result(value, _config_text(made, endpoint or "http://127.0.0.1:8086"))


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the public key {path} cannot be read: {error}") from error


@credentials.command("list")
def list_credentials(home: HomeOption = None, json: JsonOption = False) -> None:
    """List the credentials of a home, without their secrets."""
    shown = output.choose(json)
    with _opened(home) as platform:
        found = platform.access.credentials()
    columns = ("client_id", "org_id", "roles", "sandboxes", "created", "revoked")
    rows = [
        (c.client_id, c.org_id, ", ".join(c.roles), ", ".join(sorted(c.sandboxes or ["all"])), c.created, c.revoked)
        for c in found
    ]
    shown.table(columns, rows)


@credentials.command()
def revoke(
    id: Annotated[str, typer.Argument(help="Client id.")], home: HomeOption = None, json: JsonOption = False
) -> None:
    """Make a credential, and every token it was given, worthless."""
    shown = output.choose(json)
    with _opened(home) as platform:
        platform.access.revoke_credential(id)
    shown.result({"revoked": id}, f"revoked {id}")


NameArgument = Annotated[str, typer.Argument(help="Name of the sandbox.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it: everything in the sandbox will be gone.")]


@sandboxes.command("create")
def create_sandbox(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    home: HomeOption = None,
    type: Annotated[str, typer.Option(help="development or production.")] = "development",
    title: Annotated[str, typer.Option(help="What people read; the name if not given.")] = "",
    json: JsonOption = False,
) -> None:
    """Make an empty sandbox."""
    shown = output.choose(json)
    with _opened(home) as platform:
        org = platform.access.ensure_organisation()
        made = platform.access.sandboxes.create(org, name, type=type, title=title)
    shown.result({"name": name, "id": made.sandbox.id, "type": type}, f"made sandbox {name} ({type})")


@sandboxes.command("list")
def list_sandboxes(home: HomeOption = None, json: JsonOption = False) -> None:
    """List the sandboxes of a home."""
    shown = output.choose(json)
    with _opened(home) as platform:
        found = platform.access.sandboxes.all(platform.access.ensure_organisation())
    rows = [(s.sandbox.name, s.title, s.sandbox.type, s.created, s.sandbox.id) for s in found]
    shown.table(("name", "title", "type", "created", "id"), rows)


@sandboxes.command("reset")
def reset_sandbox(
    name: NameArgument, home: HomeOption = None, yes: YesOption = False, json: JsonOption = False
) -> None:
    """Empty a sandbox: schemas, datasets, profiles, audiences, flows and queries; its name stays."""
    shown = output.choose(json)
    _require_yes(yes, f"limbeck sandbox reset {name}")
    with _opened(home) as platform:
        platform.access.sandboxes.reset(platform.access.ensure_organisation(), name)
    shown.result({"reset": name}, f"emptied sandbox {name}")


@sandboxes.command("delete")
def delete_sandbox(
    name: NameArgument, home: HomeOption = None, yes: YesOption = False, json: JsonOption = False
) -> None:
    """Delete a sandbox with everything in it."""
    shown = output.choose(json)
    _require_yes(yes, f"limbeck sandbox delete {name}")
    with _opened(home) as platform:
        platform.access.sandboxes.delete(platform.access.ensure_organisation(), name)
    shown.result({"deleted": name}, f"deleted sandbox {name}")


def _require_yes(yes: bool, command: str) -> None:
    if not yes:
        raise InvalidInput(f"everything in the sandbox would be gone; if that is what you want: {command} --yes")


@contextmanager
def _wire(platform: Platform, address: tuple[str, int] | None, tls: PgTls) -> Iterator[tuple[str, int] | None]:
    """Serve the PostgreSQL wire while the block lasts; give the address it got."""
    if address is None:
        yield None
        return
    from limbeck.api.server import listen
    from limbeck.pgwire import PgServer

    bound = listen(*address, "--pg")
    server = PgServer(platform, bound, tls.value)
    server.start()
    try:
        yield address[0], bound.getsockname()[1]
    finally:
        server.stop()


@contextmanager
def _proxy(
    platform: Platform, address: tuple[str, int] | None, pg: tuple[str, int] | None, http: str
) -> Iterator[Way | None]:
    """Answer for Adobe's hosts while the block lasts."""
    if address is None:
        yield None
        return
    from limbeck.api.app import create_app
    from limbeck.api.server import listen, url_of
    from limbeck.proxy import Authority, ProxyServer

    bound = listen(*address, "--proxy")
    authority, url = Authority(platform.settings.home / "proxy"), url_of(bound)
    server = ProxyServer(create_app(platform, pg, http), bound, authority, os.environ)
    server.start()
    try:
        yield Way(url, authority.certificate, server.passes_on)
    finally:
        server.stop()


@contextmanager
def _opened(home: Path | None) -> Iterator[Platform]:
    from limbeck.platform import Platform
    from limbeck.settings import Settings

    platform = Platform(Settings.load(home))
    try:
        yield platform
    finally:
        platform.close()


def _first_credential(platform: Platform, url: str) -> Path:
    made = platform.access.create_credential(platform.access.ensure_organisation())
    path = platform.settings.home / "config.ini"
    path.touch(mode=0o600)
    path.write_text(_config_text(made, url), encoding="utf-8")
    return path


def _config_text(made: NewCredential, endpoint: str) -> str:
    from limbeck.client.config import Config

    return Config(endpoint, endpoint, made.org_id, made.client_id, made.client_secret, made.sandbox).text()


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(text: str, option: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise typer.BadParameter(f"{text!r} is not HOST:PORT, e.g. 127.0.0.1:8086", param_hint=option)
    return host.strip("[]"), int(port)
