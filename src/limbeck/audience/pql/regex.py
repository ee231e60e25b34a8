"""Regular expressions: what Java, whose syntax PQL has, and RE2, which the engine runs, read alike.

RE2 takes linear time whatever the pattern; it has no look-around, no back reference and no possessive quantifier.
https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from limbeck.audience.pql.names import not_served
from limbeck.errors import PqlError

_ATOM = r"""
    \\[dDwW] | \\[bB] | \\[tnrf] | \\[^A-Za-z0-9\s]     # classes, edges of words, signs
  | \[ \^? (?: \\[dDwWtnrf] | \\[^A-Za-z0-9\s] | [^\]\[\\&] )+ \]
  | \( (?: \?: | (?!\?) ) | \) | \| | [.^$]
  | [*+?] \?? (?! [+*?{] ) | \{ [0-9]{1,3} (?: , [0-9]{0,3} )? \} \?? (?! [+*?{] )
  | [^\\()\[\]{}*+?|.^$]
"""
_COMMON = re.compile(rf"(?:\(\?i\))?(?:{_ATOM})*", re.VERBOSE)
_GROUP = re.compile(r"\\.|\[(?:\\.|[^\]\\])+\]|(\((?!\?))", re.DOTALL)


def groups(pattern: str, position: int) -> int:
    """Return how many groups *pattern* captures.

    Raise `PqlError` at *position* if it is no regular expression, or outside what Java and RE2 read alike: there,
    `\\s`, `\\p{…}`, look-around, back references, flags but a leading `(?i)` and possessive quantifiers differ.
    """
    common = _COMMON.match(pattern)
    rest = pattern[common.end() :] if common else pattern
    if rest:
        raise not_served(f"the regular expression from {rest[:20]!r} on", position)
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise PqlError(f"this is no regular expression: {error}", position=position) from error
    return sum(1 for found in _GROUP.finditer(pattern) if found[1])
