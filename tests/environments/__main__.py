"""`python -m tests.environments` installs all of them, so that no test has to wait for it."""

from __future__ import annotations

from pathlib import Path

from tests.environments import PROGRAMS, npm, python

for pins in sorted(Path(__file__).parent.glob("*.txt")):
    python(pins.stem)
for program in PROGRAMS:
    npm(program)
