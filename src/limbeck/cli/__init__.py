"""The command line: one command for each library call."""

from limbeck.cli.main import main

__all__ = ["main"]
