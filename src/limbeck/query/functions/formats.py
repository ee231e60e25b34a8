"""Java's date patterns in the engine's words: to write moments, and to read them as strictly as Java does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.dialect import position, template
from limbeck.query.types import STRING, TIMESTAMP, typed

_PIECE = re.compile(r"'((?:[^']|'')*)'|(([A-Za-z])\3*)|([^A-Za-z']+)")


@dataclass(frozen=True, slots=True)
class _Letters:
    """What one run of a letter means."""

    write: str
    """For strftime, or where it begins with `=` an expression of the moment `{0}`."""
    shape: str = ""
    """The texts it may be read from, as a regular expression; empty: it cannot be read."""
    read: str = ""
    """For strptime, where that differs from `write`."""


_TEXTS = {
    "yyyy": _Letters("%Y", r"\d{4}"),
    "y": _Letters("%Y", r"\d{1,4}"),
    "yyy": _Letters("%Y", r"\d{3,4}"),
    "yy": _Letters("%y", r"\d{2}"),
    "yyyyy": _Letters("=lpad(CAST(year({0}) AS VARCHAR), 5, '0')"),
    "MMMM": _Letters("%B", r"[A-Za-z]+"),
    "MMM": _Letters("%b", r"[A-Za-z]{3}"),
    "MM": _Letters("%m", r"\d{2}"),
    "M": _Letters("%-m", r"\d{1,2}", "%m"),
    "LLLL": _Letters("%B", r"[A-Za-z]+"),
    "LLL": _Letters("%b", r"[A-Za-z]{3}"),
    "LL": _Letters("%m", r"\d{2}"),
    "L": _Letters("%-m", r"\d{1,2}", "%m"),
    "dd": _Letters("%d", r"\d{2}"),
    "d": _Letters("%-d", r"\d{1,2}", "%d"),
    "DDD": _Letters("%j", r"\d{3}"),
    "D": _Letters("%-j", r"\d{1,3}", "%j"),
    "HH": _Letters("%H", r"\d{2}"),
    "H": _Letters("%-H", r"\d{1,2}", "%H"),
    "hh": _Letters("%I", r"\d{2}"),
    "h": _Letters("%-I", r"\d{1,2}", "%I"),
    "kk": _Letters("=lpad(CAST((hour({0}) + 23) % 24 + 1 AS VARCHAR), 2, '0')"),
    "k": _Letters("=CAST((hour({0}) + 23) % 24 + 1 AS VARCHAR)"),
    "KK": _Letters("=lpad(CAST(hour({0}) % 12 AS VARCHAR), 2, '0')"),
    "K": _Letters("=CAST(hour({0}) % 12 AS VARCHAR)"),
    "mm": _Letters("%M", r"\d{2}"),
    "m": _Letters("%-M", r"\d{1,2}", "%M"),
    "ss": _Letters("%S", r"\d{2}"),
    "s": _Letters("%-S", r"\d{1,2}", "%S"),
    "a": _Letters("%p", r"[AaPp][Mm]"),
    "EEEE": _Letters("%A", r"[A-Za-z]+"),
    "F": _Letters("=CAST((day({0}) - 1) % 7 + 1 AS VARCHAR)"),
    "G": _Letters("AD", "AD"),
    "z": _Letters("UTC", "UTC"),
    "zzzz": _Letters("Coordinated Universal Time"),
    "VV": _Letters("UTC", "UTC"),
    "O": _Letters("GMT", "GMT"),
    "OOOO": _Letters("GMT", "GMT"),
    **dict.fromkeys(("Q", "q"), _Letters("=CAST(quarter({0}) AS VARCHAR)")),
    **dict.fromkeys(("QQ", "qq"), _Letters("=('0' || quarter({0}))")),
    **dict.fromkeys(("QQQ", "qqq"), _Letters("=('Q' || quarter({0}))")),
    **dict.fromkeys(("QQQQ", "qqqq"), _Letters("=(['1st', '2nd', '3rd', '4th'][quarter({0})] || ' quarter')")),
    **dict.fromkeys(("E", "EE", "EEE"), _Letters("%a", r"[A-Za-z]{3}")),
    **{"S" * n: _Letters(f"=left(strftime({{0}}, '%f'), {n})", rf"\d{{{n}}}", "%f") for n in range(1, 7)},
    **dict.fromkeys(("Z", "ZZ", "ZZZ", "xx"), _Letters("+0000", r"[+-]\d{4}", "%z")),
    "x": _Letters("+00", r"[+-]\d{2}", "%z"),
    **dict.fromkeys(("xxx",), _Letters("+00:00", r"[+-]\d{2}:\d{2}", "%z")),
    "X": _Letters("Z", r"(?:Z|[+-]\d{2})", "%z"),
    "XX": _Letters("Z", r"(?:Z|[+-]\d{4})", "%z"),
    "XXX": _Letters("Z", r"(?:Z|[+-]\d{2}:\d{2})", "%z"),
}
"""The runs of letters that are served; a moment is UTC."""


def _pieces(node: exp.Expr) -> Iterator[_Letters | str]:
    """Yield what a pattern, which has to be a text in the statement, is made of: letters, and text between."""
    if not (isinstance(node, exp.Literal) and node.is_string):
        raise FeatureNotSupported("a date's pattern is a text in quotes", position=position(node))
    if node.name.count("'") % 2:
        raise FeatureNotSupported("a quote in a date's pattern is not closed", position=position(node))
    for found in _PIECE.finditer(node.name):
        quoted, letters, other = found[1], found[2], found[4]
        if letters and letters not in _TEXTS:
            raise FeatureNotSupported(f'the pattern letters "{letters}" are not served', position=position(node))
        if quoted is not None:
            yield "'" if quoted == "" else quoted.replace("''", "'")
        else:
            yield _TEXTS[letters] if letters else other


def writing(moment: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    """Return *moment*, a timestamp, as a text of this pattern."""
    parts: list[str] = []
    plain = ""
    for piece in _pieces(pattern):
        if isinstance(piece, str):
            plain += piece.replace("%", "%%")
        elif not piece.write.startswith("="):
            plain += piece.write
        else:
            parts += [_strftime(plain)] * bool(plain) + [piece.write[1:]]
            plain = ""
    parts += [_strftime(plain)] if plain or not parts else []
    return typed(template(f"({' || '.join(parts)})", moment), STRING)


def _strftime(text: str) -> str:
    escaped = text.replace("'", "''").replace("{", "{{").replace("}", "}}")
    return f"strftime({{0}}, '{escaped}')"


def reading(text: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    """Return the timestamp that *text* is in this pattern; NULL where it is not exactly of its form."""
    shape, form = "", ""
    for piece in _pieces(pattern):
        if isinstance(piece, str):
            shape, form = shape + re.escape(piece), form + piece.replace("%", "%%")
        elif not piece.shape:
            raise FeatureNotSupported(
                "a letter of this pattern writes dates, but reads none", position=position(pattern)
            )
        else:
            shape, form = shape + piece.shape, form + (piece.read or piece.write)
    source = "regexp_replace({0}, 'Z$', '+00:00')" if "%z" in form else "{0}"
    moment = f"try_strptime({source}, {{2}})"
    if "%z" in form:
        moment = f"({moment} AT TIME ZONE 'UTC')"
    if "%Y" not in form and "%y" not in form:  # the engine begins in 1900, Java in 1970
        moment = f"({moment} + INTERVAL 70 YEARS)"
    if "%y" in form:  # two digits are of this century
        century = "CASE WHEN year(_t) < 2000 THEN _t + INTERVAL 100 YEARS ELSE _t END"
        moment = f"list_transform([{moment}], LAMBDA _t : {century})[1]"
    found = template(
        f"CASE WHEN regexp_full_match({{0}}, {{1}}) THEN {moment} END",
        text,
        exp.Literal.string(shape),
        exp.Literal.string(form),
    )
    return typed(found, TIMESTAMP)
