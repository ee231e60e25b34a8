"""The entry point: runs one command, and turns errors into a message and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading

from limbeck.errors import DiskFull, LimbeckError

INTERRUPTED = 130
AGAIN_S = 0.02


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong input, 3 refused, 4 out of something."""
    from limbeck.cli import output
    from limbeck.cli.app import app

    sys.unraisablehook = _raise_again
    try:
        app()
    except LimbeckError as failure:
        output.current().error(failure)
        sys.exit(failure.exit_code)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            output.current().error(LimbeckError("interrupted; nothing is half-written, run the same command to go on"))
        raise
    except Exception as failure:
        if not _is_full_disk(failure):
            raise
        output.current().error(DiskFull("no space left on the disk; free space and run the same command again"))
        sys.exit(DiskFull.exit_code)


def _raise_again(dropped: sys.UnraisableHookArgs) -> None:
    """Press Ctrl-C once more if Python dropped it, as it does while it collects garbage and in callbacks of imports."""
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        again = threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(dropped)


def _is_full_disk(failure: Exception) -> bool:
    """Whether a library's error is the operating system's or the database's word for a full disk."""
    if isinstance(failure, OSError) and failure.errno == errno.ENOSPC:
        return True
    return any(word in str(failure) for word in ("No space left", "disk is full"))
