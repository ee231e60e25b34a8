"""Text as Java and Spark write, spell and code it."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

import pyarrow as pa

from limbeck.engine import Native

_SOUNDS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "01230127022455012623017202", strict=True))
_CHARSETS = {"UTF-16": "utf-16-be"}
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def number(text: str) -> str:
    """Return the engine's text of a double as Java writes it: with E from ten millions on and below a thousandth."""
    special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text)
    if special is not None:
        return special
    sign, digits, exponent = Decimal(text).as_tuple()
    figures = "".join(map(str, digits)).rstrip("0") or "0"
    power = len(digits) + int(exponent) - 1
    return f"{'-' if sign else ''}{figures[0]}.{figures[1:] or '0'}E{power}"


def soundex(text: str) -> str:
    """Return the four-letter code of the sound; a text that begins with no letter is its own."""
    letters = text.upper()
    if letters[:1] not in _SOUNDS or not letters:
        return text
    code, last = letters[0], _SOUNDS[letters[0]]
    for letter in letters[1:]:
        sound = _SOUNDS.get(letter, "7")
        if sound == "7":  # H and W let equal sounds on both sides of them be one
            continue
        if sound not in ("0", last):
            code += sound
        last = sound
    return code[:4].ljust(4, "0")


def converted(text: str, source: int, target: int) -> str | None:
    """Return an integer written to base *source* in base *target*; a negative target keeps the sign.

    Digits end where one does not fit; what is too great is the greatest of 64 bits.
    """
    if not (2 <= source <= 36 and 2 <= abs(target) <= 36):
        return None
    text = text.strip().upper()
    if not text:
        return None
    negative = text.startswith("-")
    valid = _DIGITS[:source]
    figures = re.match(f"[{valid}]*", text[1:] if negative else text)
    value = min(int(figures[0], source) if figures and figures[0] else 0, 2**64 - 1)
    if negative and target > 0:
        value = 2**64 - value if value < 2**63 else 2**64 - 1
        value %= 2**64
    elif target < 0 and value >= 2**63 and not negative:
        value, negative = 2**64 - value, True
    written = _in_base(value, abs(target))
    return f"-{written}" if negative and target < 0 and value else written


def _in_base(value: int, base: int) -> str:
    written = ""
    while value:
        value, digit = divmod(value, base)
        written = _DIGITS[digit] + written
    return written or "0"


def formatted(value: float, pattern: str) -> str:
    """Return a number by a pattern of Java's DecimalFormat: #, 0, a comma and a point."""
    whole, _, fraction = pattern.partition(".")
    least = fraction.count("0")
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-len(fraction)), ROUND_HALF_EVEN)
    sign, figures = ("-" if rounded < 0 else ""), f"{abs(rounded):f}"
    before, _, behind = figures.partition(".")
    before = before.lstrip("0").rjust(whole.replace(",", "").count("0"), "0")
    if "," in whole:
        size = len(whole) - whole.rindex(",") - 1
        before = re.sub(rf"(?<=\d)(?=(\d{{{size}}})+$)", ",", before)
    behind = behind[:least] + behind[least:].rstrip("0")
    return sign + before + (f".{behind}" if behind else "") or "0"


def sentences(text: str) -> list[list[str]]:
    """Return the words of each sentence."""
    found = [_WORD.findall(sentence) for sentence in _SENTENCE.split(text)]
    return [words for words in found if words]


def encoded(text: str, charset: str) -> bytes:
    """Return a text's bytes; what the charset lacks is a question mark. Raise `LookupError` for an unknown one."""
    name = charset.upper()
    start = b"\xfe\xff" if name == "UTF-16" and text else b""
    return start + text.encode(_CHARSETS.get(name, name), "replace")


def decoded(value: bytes, charset: str) -> str:
    """Return the text of bytes; what is none becomes U+FFFD. Raise `LookupError` for an unknown charset."""
    name = charset.upper()
    if name == "UTF-16" and value[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        name = "utf-16-be"
    return value.decode(name, "replace")


_TEXT = ("VARCHAR", pa.string())

NATIVES = (
    Native.by_row("spark_number", "VARCHAR", _TEXT, number),
    Native.by_row("spark_soundex", "VARCHAR", _TEXT, soundex),
    Native.by_row("spark_conv", "VARCHAR INTEGER INTEGER", _TEXT, converted),
    Native.by_row("spark_decimal_format", "DOUBLE VARCHAR", _TEXT, formatted),
    Native.by_row("spark_sentences", "VARCHAR", ("VARCHAR[][]", pa.list_(pa.list_(pa.string()))), sentences),
    Native.by_row("spark_encode", "VARCHAR VARCHAR", ("BLOB", pa.binary()), encoded),
    Native.by_row("spark_decode", "BLOB VARCHAR", _TEXT, decoded),
)
