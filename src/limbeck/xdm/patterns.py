"""Regular expressions that come from outside, read as RE2 does: no pattern takes longer than its text is long.

The engine reads them so too. RE2 has no look-around and no back references: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from limbeck.errors import InvalidInput


def is_found(pattern: str, text: str) -> bool:
    """Tell whether *text* has a part that *pattern* describes; raise `InvalidInput` for what is no pattern."""
    try:
        return bool(pc.match_substring_regex(pa.array([text], pa.string()), pattern)[0].as_py())
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        raise InvalidInput(f"{pattern!r} is no regular expression of RE2: {_reason(error)}") from error


def check(pattern: str) -> str:
    """Return *pattern*; raise `InvalidInput` if it is none."""
    is_found(pattern, "")
    return pattern


def _reason(error: Exception) -> str:
    return str(error).removeprefix("Invalid regular expression: ")
