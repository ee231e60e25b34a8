"""WITHAPPROXIMATE: a query that reads samples instead of tables (SQL contract, section 2.1)."""

from __future__ import annotations

from limbeck.errors import SqlSyntaxError
from limbeck.query.words import tokens

_WORD = "WITHAPPROXIMATE"


def stripped(sql: str) -> tuple[str, bool]:
    """Return a statement without WITHAPPROXIMATE, its last word, and whether it had it.

    Raise `SqlSyntaxError` where the word stands elsewhere.

    >>> stripped("SELECT a FROM t LIMIT 5 WITHAPPROXIMATE")
    ('SELECT a FROM t LIMIT 5', True)
    """
    if _WORD not in sql.upper():
        return sql, False
    found = list(tokens(sql))
    while found and found[-1].text == ";":
        found.pop()
    marks = [token for token in found if token.word == _WORD]
    if not marks or found[0].text == "$":  # a block: each statement in it has its own
        return sql, False
    if marks != found[-1:]:
        raise SqlSyntaxError(f"{_WORD} is the last word of a query", position=marks[0].start + 1)
    return sql[: marks[0].start].rstrip(), True
