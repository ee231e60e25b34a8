"""The entry point: parses options, runs one command, and turns errors into a message and an exit code."""

from __future__ import annotations

import sys

from limbeck.errors import DiskFull, LimbeckError

INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong input, 3 refused, 4 out of something."""
    from limbeck.cli.app import app, output

    try:
        app(standalone_mode=True)
    except LimbeckError as failure:
        output().error(failure)
        sys.exit(failure.exit_code)
    except KeyboardInterrupt:
        output().error(LimbeckError("interrupted; nothing is half-written, run the same command to go on"))
        sys.exit(INTERRUPTED)
    except OSError as failure:
        if failure.errno != 28:
            raise
        output().error(DiskFull("no space left on the disk; free space and run the same command again"))
        sys.exit(DiskFull.exit_code)
