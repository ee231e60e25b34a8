"""Statements of the dialect that are refused with a text that names the feature (SQL contract, 2.3, 2.10, 2.11)."""

from __future__ import annotations

from typing import Any, NoReturn

from limbeck.errors import FeatureNotSupported
from limbeck.query.statements.context import Kind, Parser
from limbeck.query.words import Words, tokens

_FEATURES = {
    "AUDIENCE": "audiences in SQL are not served; the Segmentation Service makes them",
    "MODEL": "models in SQL are not served; limbeck's workflow trains and scores them",
    "MODELS": "models in SQL are not served; limbeck's workflow trains and scores them",
}


def _changes_rows(words: Words) -> NoReturn:
    word = words.next()
    raise FeatureNotSupported(
        f"{word.word} is not served: rows of tables are added, never changed", position=word.start + 1
    )


def _of_feature(words: Words) -> Any:
    first = words.next()
    words.take("OR", "REPLACE")
    feature = _FEATURES.get(words.peek())
    if feature is None:
        return None
    raise FeatureNotSupported(f"{first.word} {words.peek()}: {feature}", position=first.start + 1)


def _of_model(words: Words) -> None:
    """Refuse `model_evaluate(m, 1, SELECT …)`, which is no expression either."""
    if "MODEL_" not in words.sql.upper():
        return
    found = [token for token in tokens(words.sql) if token.word in ("MODEL_EVALUATE", "MODEL_PREDICT")]
    if found and words.sql[found[0].end :].lstrip().startswith("("):
        raise FeatureNotSupported(f"{found[0].text}: {_FEATURES['MODEL']}", position=found[0].start + 1)


def _update(words: Words) -> NoReturn:
    _of_feature(Words(words.sql))
    _changes_rows(words)


PARSERS: dict[str, Parser] = {
    "UPDATE": _update,
    **dict.fromkeys(("SELECT", "WITH"), _of_model),
    **dict.fromkeys(("DELETE", "MERGE", "TRUNCATE"), _changes_rows),
    **dict.fromkeys(("CREATE", "DROP", "ALTER", "SHOW"), _of_feature),
}

KINDS: dict[type, Kind] = {}
