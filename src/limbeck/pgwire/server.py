"""Sockets, TLS, cancel keys: connections are taken here, and each is given to a session.

An event loop in a thread of its own moves bytes; what sessions do is done in further threads, one at a time for each
connection, so that neither a statement nor a slow reader holds up anybody else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Literal, TypeVar

from limbeck import ids
from limbeck.errors import (
    EncryptionRequired,
    FeatureNotSupported,
    ProtocolViolation,
    SessionIdle,
    SessionLimit,
    ShuttingDown,
    Unauthenticated,
    WireError,
)
from limbeck.pgwire import codec
from limbeck.pgwire.certificate import tls_context
from limbeck.pgwire.channel import Channel, Gone
from limbeck.pgwire.desk import Desk
from limbeck.pgwire.failure import Teller
from limbeck.pgwire.session import Chunk, Session
from limbeck.platform import Platform
from limbeck.query.session import Facts
from limbeck.query.variables import Variables

log = logging.getLogger("limbeck.pgwire")

Tls = Literal["optional", "required"]

MAX_SESSIONS = 100
LOGIN_S = 60.0
"""Time to log in."""
IDLE_S = 2 * 3600.0
"""Time between two messages (SQL contract, section 1.3)."""
STALLED_S = 600.0
"""Time in which a client has to take some of what it asked for."""

_NOT_SETTINGS = frozenset({"user", "database", "options", "replication"})
_T = TypeVar("_T")


class PgServer:
    """Serves the PostgreSQL wire on a listening socket until `stop`.

    TLS is offered to everybody. Plaintext is taken from this machine only, with *tls* "required" from nobody (SQL
    contract, section 1.1, fact 3).
    """

    def __init__(
        self, platform: Platform, bound: socket.socket, tls: Tls = "optional", max_sessions: int = MAX_SESSIONS
    ) -> None:
        self._platform = platform
        self._bound = bound
        self._tls = tls
        self._context = tls_context(platform.settings.home / "pgwire")
        self._most = max_sessions
        self._threads = ThreadPoolExecutor(max_sessions + 1, "limbeck-pg")
        self._channels: set[Channel] = set()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="limbeck-pgwire", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End running statements, tell every client, and close all connections and the socket."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._threads.shutdown()
        self._bound.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await self._loop.create_server(
            lambda: Channel(self._connected, self._channels.discard), sock=self._bound
        )
        await self._end.wait()
        server.close()
        for link in tuple(self._links):
            link.end(ShuttingDown("the server is shutting down"))
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was closed is gone then; TLS would wait for an answer to its farewell
        for channel in tuple(self._channels):
            channel.abort()
        await asyncio.sleep(0)

    def _connected(self, channel: Channel) -> None:
        self._channels.add(channel)
        if len(self._links) >= 2 * self._most:
            channel.abort()
            return
        link = _Link(self, channel)
        self._links.add(link)
        task = self._loop.create_task(link.run())
        self._tasks.add(task)

        def done(ended: asyncio.Task[None]) -> None:
            self._links.discard(link)
            self._tasks.discard(ended)

        task.add_done_callback(done)

    # -- what connections ask for --------------------------------------------------------------------------

    @property
    def platform(self) -> Platform:
        """The platform that is served."""
        return self._platform

    @property
    def context(self) -> ssl.SSLContext:
        """The server's side of TLS."""
        return self._context

    def takes_plaintext(self, peer: str) -> bool:
        """Return whether a client at *peer* may go without TLS."""
        if self._tls == "required":
            return False
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return bool((mapped or address).is_loopback)

    def is_full(self) -> bool:
        """Return whether there are as many sessions as there may be."""
        return sum(link.is_open for link in self._links) >= self._most

    def cancel(self, request: codec.CancelRequest) -> None:
        """End the running statement of the connection that was given this key."""
        for link in self._links:
            if link.process == request.process and secrets.compare_digest(str(link.secret), str(request.secret)):
                link.cancel()

    def new_process(self) -> int:
        """Return a number that no other connection has."""
        taken = {link.process for link in self._links}
        return next(n for n in iter(lambda: secrets.randbelow(2**31 - 1) + 1, 0) if n not in taken)

    async def in_thread(self, call: Callable[[], _T]) -> _T:
        """Run *call* in a thread, to its end: who waits for it cannot be cancelled meanwhile."""
        return await self._loop.run_in_executor(self._threads, call)


class _Link:
    """One connection, from its first byte to its last."""

    def __init__(self, server: PgServer, channel: Channel) -> None:
        self.process = 0
        self.secret = secrets.randbits(32)
        self._server = server
        self._channel = channel
        self._session: Session | None = None
        self._ending: WireError | None = None
        self._reading: asyncio.Future[bytes] | None = None
        self._teller = Teller(ids.new_uuid(), str(server.platform.settings.home))
        channel.on_lost = self.cancel

    @property
    def is_open(self) -> bool:
        """Whether somebody has logged in."""
        return self._session is not None

    def cancel(self, reason: WireError | None = None) -> None:
        """End the running statement."""
        if self._session is not None:
            self._session.cancel(reason)

    def end(self, reason: WireError) -> None:
        """End the connection, telling the client why."""
        self._ending = reason
        self.cancel(reason)
        if self._reading is not None:
            self._reading.cancel()

    async def run(self) -> None:
        """Serve the connection; whatever happens to it happens to no other."""
        try:
            async with asyncio.timeout(LOGIN_S):
                opened = await self._open()
            if opened:
                await self._talk()
        except Gone:
            pass
        except TimeoutError:  # nobody logs in, or nobody reads
            self._channel.abort()
        except Exception as failure:
            await self._say_goodbye(failure)
        finally:
            await self._close()

    async def _say_goodbye(self, failure: Exception) -> None:
        with suppress(Gone):
            await self._channel.write(
                codec.error_response({**self._teller.fields(failure), "S": "FATAL", "V": "FATAL"})
            )

    async def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await self._server.in_thread(session.close)
        self._channel.close()

    # -- the beginning -------------------------------------------------------------------------------------

    async def _open(self) -> bool:
        """Negotiate encryption and log in; return whether there is a session now."""
        for _ in range(3):  # at most a request for GSSAPI, one for TLS, and then the start
            match await self._opening():
                case codec.GssRequest():
                    await self._channel.write(codec.REFUSED)
                case codec.SslRequest():
                    if self._channel.is_encrypted:
                        raise ProtocolViolation("TLS inside of TLS")
                    await self._channel.write(codec.TLS_ACCEPTED)
                    await self._channel.start_tls(self._server.context, LOGIN_S)
                case codec.CancelRequest() as request:
                    self._server.cancel(request)
                    return False
                case codec.Startup() as startup:
                    await self._log_in(startup)
                    return True
        raise ProtocolViolation("the connection does not begin")

    async def _opening(self) -> codec.Opening:
        size = codec.length(await self._read(4), codec.MAX_OPENING)
        return codec.opening(await self._read(size))

    async def _log_in(self, startup: codec.Startup) -> None:
        if not (self._channel.is_encrypted or self._server.takes_plaintext(self._channel.peer)):
            raise EncryptionRequired("this address takes TLS only; connect with sslmode=require")
        sent = dict(startup.parameters)
        unknown = [name for name in sent if name.startswith("_pq_.")]
        if startup.minor > 0 or unknown:
            await self._channel.write(codec.negotiate_protocol_version(unknown))
        user = sent.get("user", "")
        if sent.get("replication", "false").lower() not in ("false", "off", "no", "0"):
            raise FeatureNotSupported("replication is not served")
        await self._channel.write(codec.AUTHENTICATION_CLEARTEXT_PASSWORD)
        password = await self._password()
        database = sent.get("database") or "all"
        settings = {k: v for k, v in sent.items() if k not in _NOT_SETTINGS and not k.startswith("_pq_.")}
        variables = Variables(user, _options(sent.get("options", "")) | settings)
        platform = self._server.platform
        desk = await self._server.in_thread(lambda: Desk.open(platform, user, password, database, variables))
        if self._server.is_full():
            raise SessionLimit("Session Limit Reached")
        self.process = self._server.new_process()
        desk.session.facts = Facts(database, user, self.process)
        self._session = Session(desk, self._teller)
        await self._channel.write(
            b"".join(
                [
                    codec.AUTHENTICATION_OK,
                    *(codec.parameter_status(name, value) for name, value in variables.reported().items()),
                    codec.backend_key_data(self.process, self.secret),
                    codec.ready_for_query("I"),
                ]
            )
        )

    async def _password(self) -> str:
        header = await self._read(5)
        if header[:1] != b"p":
            raise ProtocolViolation("a password was to come")
        found = codec.message(b"p", await self._read(codec.length(header, codec.MAX_OPENING)))
        if not isinstance(found, codec.Password):
            raise Unauthenticated("a password was to come")
        return found.text

    # -- the session ---------------------------------------------------------------------------------------

    async def _talk(self) -> None:
        """Answer messages until the client leaves, is idle for too long, or breaks the protocol."""
        assert self._session is not None
        while True:
            message = await self._message()
            if isinstance(message, codec.Terminate):
                return
            if self._channel.is_lost:
                raise Gone
            await self._answer(self._session.handle(message))
            if self._ending is not None:
                raise self._ending
            if self._session.holds_unread and not self._channel.has_more:
                await self._server.in_thread(self._session.rest)

    async def _message(self) -> codec.Message:
        try:
            async with asyncio.timeout(IDLE_S):
                header = await self._read(5)
        except TimeoutError as error:
            raise SessionIdle(f"nothing was asked for {IDLE_S / 3600:g} hours") from error
        return codec.message(header[:1], await self._read(codec.length(header, codec.MAX_MESSAGE)))

    async def _read(self, size: int) -> bytes:
        """Read bytes, unless the connection is to end."""
        if self._ending is not None:
            raise self._ending
        self._reading = asyncio.ensure_future(self._channel.read(size))
        try:
            return await self._reading
        except asyncio.CancelledError:
            if self._ending is not None:
                raise self._ending from None
            raise
        finally:
            self._reading = None

    async def _answer(self, chunks: Iterator[Chunk]) -> None:
        """Send what a session gives, the next piece being made while one is sent."""
        pending = asyncio.ensure_future(self._server.in_thread(lambda: next(chunks, None)))
        try:
            while (chunk := await pending) is not None:
                pending = asyncio.ensure_future(self._server.in_thread(lambda: next(chunks, None)))
                async with asyncio.timeout(STALLED_S):
                    await self._channel.write(chunk)
        except BaseException:
            self.cancel()
            await asyncio.gather(pending, return_exceptions=True)
            close = getattr(chunks, "close", lambda: None)
            await self._server.in_thread(close)
            raise


def _options(text: str) -> dict[str, str]:
    """Settings in the start-up's `options`: `-c name=value` and `--name=value`."""
    words = text.replace("\\ ", "\0").split()
    found: dict[str, str] = {}
    for before, word in zip(["", *words], words, strict=False):
        setting = word.removeprefix("--") if word.startswith("--") else word.removeprefix("-c") if word != "-c" else ""
        if "=" in setting and (word.startswith("-") or before == "-c"):
            name, _, value = setting.partition("=")
            found[name.lower().replace("-", "_")] = value.replace("\0", " ")
    return found
