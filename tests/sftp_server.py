"""An SFTP server: `python -m tests.sftp_server PORT FOLDER HOST_KEY AUTHORIZED_KEYS` shows FOLDER as its root."""

from __future__ import annotations

import asyncio
import sys

import asyncssh


async def serve(port: int, folder: str, host_key: str, allowed: str) -> None:
    """Let in whoever has a key that is allowed, until the process is ended."""
    await asyncssh.listen(
        "127.0.0.1",
        port,
        server_host_keys=[host_key],
        authorized_client_keys=allowed,
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=folder.encode()),
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:]))
