"""Print what each case of the corpus promises and keeps: python -m tests.leaks."""

from __future__ import annotations

import sys

from tests.leaks.corpus import CLEAN, PLANTED
from tests.leaks.frames import expected_and_met, promised_and_kept

for case in (*PLANTED, *CLEAN):
    promised, kept = (promised_and_kept if case.ranks else expected_and_met)(case.frames)
    kind = "planted" if case in PLANTED else "clean"
    sys.stdout.write(f"{kind:8}{case.name:26}{promised:.3f} {kept:.3f}  {case.told}\n")
