"""What Spark has and the engine lacks, as functions over Arrow arrays that a statement's session is given.

A name here stands in a function's text (`query.functions`); nobody can call it by that name, for the resolver lets
only names of the dialect through.
"""

from __future__ import annotations

import re

from sqlglot import exp

from limbeck.engine import Native
from limbeck.query.dialect import Template
from limbeck.query.natives import hashing, text, urls, xml

NATIVES: dict[str, Native] = {
    native.name: native for native in (*hashing.NATIVES, *text.NATIVES, *urls.NATIVES, *xml.NATIVES)
}
"""By name; every name begins with `spark_`."""

_NAME = re.compile(r"\bspark_\w+")


def used(tree: exp.Expr) -> tuple[Native, ...]:
    """Return the natives that a bound query calls."""
    names = {name for part in tree.find_all(Template) for name in _NAME.findall(part.this)}
    return tuple(NATIVES[name] for name in sorted(names))
