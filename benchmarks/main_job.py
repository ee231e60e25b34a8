"""The main job on an empty home, and once more on the same: wall time and peak memory of the process.

    uv run python benchmarks/main_job.py [DEFINITION]

The second run has nothing left to do; the ratio of the two says what the keys of the steps save.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIB = 1024


def measured(*command: str) -> tuple[float, float]:
    """Run *command*; return its seconds and its peak resident memory in MiB."""
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script, *command], check=True, stdout=subprocess.PIPE, text=True)
    return time.monotonic() - began, int(done.stdout) / MIB


def main() -> None:
    """Print a line for each run, and the seconds of each step."""
    definition = sys.argv[1] if len(sys.argv) > 1 else "examples/complete_journey.toml"
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [
            sys.executable,
            "-m",
            "limbeck",
            "run",
            definition,
            "--home",
            folder + "/home",
            "--output",
            str(out),
        ]
        print(f"a bare Python holds {idle:.0f} MiB")
        first = measured(*command)
        seconds = json.loads((out / "summary.json").read_text())["seconds"]
        second = measured(*command)
        print(f"empty home   {first[0]:6.1f} s  {first[1]:6.0f} MiB")
        print(f"once more    {second[0]:6.1f} s  {second[1]:6.0f} MiB   ratio {second[0] / first[0]:.2f}")
        print("  ".join(f"{step} {taken:.1f} s" for step, taken in seconds.items()))


if __name__ == "__main__":
    main()
