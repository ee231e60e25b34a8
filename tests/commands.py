"""The command line in processes of its own, forked from one that has imported the libraries already.

The entry point, the streams, the environment and the exit codes are the real ones.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from subprocess import CompletedProcess
from typing import Literal, TextIO

from limbeck.cli import main
from tests.behaviour import children

Stream = Literal["stdout", "stderr"]


class Running:
    """A command that runs. One of its streams is heard while it does; the other is read at its end."""

    def __init__(self, child: ForkServerProcess, other: Path, heard: TextIO) -> None:
        self._child, self._other, self._heard = child, other, heard
        self._lines: list[str] = []

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._child.pid is not None
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._child.is_alive()

    def until(self, beginning: str = "") -> str:
        """Wait until it prints a line that begins so on the stream that is heard, and return that."""
        for line in self._heard:
            self._lines.append(line)
            if line.startswith(beginning):
                return line
        raise AssertionError(f"it never printed {beginning!r}: {''.join(self._lines)}{self._other.read_text()}")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        with suppress(ProcessLookupError):  # it has ended
            os.kill(self.pid, signal.SIGINT)

    def end(self) -> CompletedProcess[str]:
        """Wait for its end, and return what it printed."""
        heard = "".join([*self._lines, *self._heard])
        self._child.join()
        assert self._child.exitcode is not None
        out, err = (heard, self._other.read_text())[:: 1 if self._other.name == "stderr" else -1]
        return CompletedProcess([], self._child.exitcode, out, err)


@contextmanager
def started(
    *arguments: str | Path, env: Mapping[str, str] | None = None, heard: Stream = "stderr"
) -> Iterator[Running]:
    """Start a command, and wait for its end at that of the block."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / ("stdout" if heard == "stderr" else "stderr")
        other.touch()
        ours, its = multiprocessing.Pipe(duplex=False)
        where = (its, heard, other, Path.cwd(), os.environ | dict(env or {}))
        child = children.start(_command, [str(a) for a in arguments], *where)
        its.close()
        with ours, open(os.dup(ours.fileno())) as stream:
            yield Running(child, other, stream)
        child.join()


def limbeck(*arguments: str | Path, env: Mapping[str, str] | None = None) -> CompletedProcess[str]:
    """Run a command to its end."""
    with started(*arguments, env=env) as running:
        return running.end()


def _command(
    arguments: list[str], pipe: Connection, heard: Stream, other: Path, folder: Path, environment: dict[str, str]
) -> None:
    with pipe, other.open("w") as file:
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(pipe.fileno() if name == heard else file.fileno(), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["limbeck", *arguments]
    main()
