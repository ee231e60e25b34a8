"""The crash harness: runs a real child process and kills it with SIGKILL, at a named point or from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence


def run(*arguments: str, crash_at: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS…` to its end; with *crash_at* it dies there, and it is an error if it does not."""
    done = subprocess.run(
        [sys.executable, *arguments], env=_environment(crash_at), capture_output=True, text=True, check=False
    )
    if crash_at is not None:
        assert done.returncode == -signal.SIGKILL, (
            f"it never came to {crash_at}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
    return done


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start `python ARGUMENTS…` in the background."""
    command: Sequence[str] = [sys.executable, *arguments]
    return subprocess.Popen(
        command, env=_environment(None), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _environment(crash_at: str | None) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k != "LIMBECK_CRASH_AT"}
    return kept | ({"LIMBECK_CRASH_AT": crash_at} if crash_at else {})
