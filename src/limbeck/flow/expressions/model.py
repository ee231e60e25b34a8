"""What a function or operator of expressions is: one entry tells grammar, types, SQL and documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import pyarrow as pa
import pyarrow.compute as pc

from limbeck.errors import ExpressionError
from limbeck.flow.expressions.values import Kind, Names, Value, common, convert

Build = Callable[[Names, Sequence[Value], int], Value]
"""Makes a call of its arguments, for what a template cannot say; the last is the call's position."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a function is given at a place."""

    name: str
    kind: Kind | Literal["regex"] | None
    """None: of one kind with the others like it. A regular expression stands as a text in the expression itself."""
    is_optional: bool = False
    repeats: bool = False
    """The last one may stand there several times."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function or an operator.

    *takes* lists its parameters as `name:kind`, with `?` for one that may be left out and `...` for one that may
    repeat; the kind `same` makes all such arguments one kind. *sql* is a template, with `{0}` for the first
    argument and `{*}` for the repeated ones, or what builds the call.
    """

    name: str
    category: str
    takes: str
    gives: Kind | None
    """None: the kind of the `same` arguments."""
    sql: str | Build
    says: str
    example: str
    result: Any
    """What the example gives, as JSON; `...` where it differs each time."""
    aliases: tuple[str, ...] = ()

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters, in their order."""
        return [_parameter(text) for text in self.takes.split()]

    @property
    def syntax(self) -> str:
        """How it is called."""
        shown = [f"[{p.name}]" if p.is_optional else p.name + ("…" if p.repeats else "") for p in self.parameters]
        return f"{self.name}({', '.join(shown)})"

    def call(self, names: Names, arguments: Sequence[Value], position: int) -> Value:
        """Return the call as SQL; raise `ExpressionError` for arguments that it does not take."""
        self._require_count(len(arguments), position)
        made = self._made(names, arguments, position)
        return replace(made, sql=f"CAST({made.sql} AS BIGINT)") if made.kind == "integer" else made

    def _made(self, names: Names, arguments: Sequence[Value], position: int) -> Value:
        if not isinstance(self.sql, str):
            return self.sql(names, arguments, position)
        parameters = self._spread(len(arguments))
        same = common([a for p, a in zip(parameters, arguments, strict=True) if p.kind is None])
        kinds: list[Kind] = ["text" if p.kind == "regex" else p.kind or same for p in parameters]
        for p, argument in zip(parameters, arguments, strict=True):
            if p.kind == "regex":
                regex(argument)
        converted = [convert(a, k, names) for a, k in zip(arguments, kinds, strict=True)]
        simple = [a.is_simple or a.is_constant for a in arguments]
        return Value(fill(self.sql, converted, simple, names), self.gives or same, position)

    def _require_count(self, given: int, position: int) -> None:
        parameters = self.parameters
        least = sum(1 for p in parameters if not p.is_optional)
        most = None if parameters and parameters[-1].repeats else len(parameters)
        if given < least or (most is not None and given > most):
            wanted = str(least) if least == most else f"at least {least}" if most is None else f"{least} to {most}"
            raise ExpressionError(f"{self.syntax} takes {wanted} arguments, not {given}", position=position)

    def _spread(self, given: int) -> list[Parameter]:
        """Return the parameter of each argument."""
        parameters = self.parameters
        return parameters[:given] + parameters[-1:] * (given - len(parameters))


def _parameter(text: str) -> Parameter:
    name, _, kind = text.partition(":")
    bare = kind.rstrip("?.")
    return Parameter(
        name, None if bare == "same" else cast("Kind", bare), kind.endswith("?"), kind.rstrip("?").endswith("...")
    )


_PLACE = re.compile(r"\{(\d+|\*)\}")


def fill(template: str, arguments: Sequence[str], simple: Sequence[bool], names: Names) -> str:
    """Return a template's SQL over arguments; one that stands in it more than once is computed once.

    `{*}` stands for all arguments that the template does not name; a named one that was not given is NULL.
    """
    used = _PLACE.findall(template)
    numbers = {int(n) for n in used if n != "*"}
    rest = ", ".join(a for i, a in enumerate(arguments) if i not in numbers)

    def filled(known: Sequence[str], left: Sequence[int]) -> str:
        if not left:
            return _PLACE.sub(lambda m: rest if m[1] == "*" else _at(known, int(m[1])), template)
        first, *others = left
        return names.let(known[first], lambda x: filled([*known[:first], x, *known[first + 1 :]], others))

    repeated = [n for n in sorted(numbers) if used.count(str(n)) > 1 and n < len(arguments) and not simple[n]]
    return filled(list(arguments), repeated)


def _at(arguments: Sequence[str], number: int) -> str:
    return arguments[number] if number < len(arguments) else "NULL"


def constant(value: Value, what: str, known: Sequence[str] = ()) -> str:
    """Return a text that has to stand in the expression itself; raise `ExpressionError` for anything else."""
    found = value.constant if value.is_constant else None
    if not isinstance(found, str):
        raise ExpressionError(f"{what} is a text in quotes", position=value.position)
    if known and found not in known:
        raise ExpressionError(f'{what} is "{found}"; known are {", ".join(known)}', position=value.position)
    return found


def regex(value: Value) -> str:
    """Return a regular expression as RE2 reads it; raise `ExpressionError` if it is none, or computed."""
    found = constant(value, "a regular expression")
    try:
        pc.match_substring_regex(pa.array([""]), found)
    except pa.ArrowInvalid as error:
        raise ExpressionError(f'"{found}" is no regular expression: {error}', position=value.position) from error
    return found
