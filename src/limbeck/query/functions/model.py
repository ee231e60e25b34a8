"""How a function of the dialect is told to the engine."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlglot import exp

from limbeck.errors import SqlSyntaxError
from limbeck.query.dialect import Template, position
from limbeck.query.dialect import template as template
from limbeck.query.types import type_of, typed
from limbeck.xdm.types import Type

if TYPE_CHECKING:
    from limbeck.query.functions.frames import Over

Types = Sequence[Type | None]
Result = Type | Callable[[Types], Type | None] | None
Build = Callable[[Sequence[exp.Expr]], exp.Expr]
Windowed = Callable[[Sequence[exp.Expr], "Over"], exp.Expr]

ANY = -1
"""Stands for any number of arguments, at least one."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the dialect: its spelling for the engine, by number of arguments, and its type."""

    forms: Mapping[int, str]
    """Number of arguments (or `ANY`) → text for the engine, see `dialect.Template`."""
    result: Result
    """The type of the result, or what computes it from the arguments' types; None: unknown."""
    kind: Literal["scalar", "aggregate", "window"] = "scalar"
    wants: str = ""
    """What each argument is cast to where its type is known and differs: `s` string, `n` number, `t`
    timestamp, `-` nothing; the last letter holds for all that follow."""
    wrap: str = ""
    """Around an aggregate or window function, outside of OVER and FILTER."""
    build: Build | None = None
    """Instead of `forms`' text, for what depends on types."""
    windowed: Windowed | None = None
    """Instead of all this, for functions that are rewritten together with their window."""
    test: int | None = None
    """Which argument is a condition, from 0."""
    lambdas: Callable[[Types], Types] | None = None
    """From the types of the arguments before it to those of a lambda's parameters."""
    named: bool = False
    """Arguments keep the names they have; they come as aliases."""
    typing: Callable[[Sequence[exp.Expr]], Type | None] | None = None
    """Instead of `result`, for what depends on more than the arguments' types."""

    def form(self, count: int) -> str | None:
        """Return the text for *count* arguments, or None if it does not take so many."""
        return self.forms.get(count, self.forms.get(ANY) if count > 0 else None)

    def call(self, arguments: Sequence[exp.Expr]) -> exp.Expr:
        """Return the call for the engine, with its type; the number of arguments was checked."""
        result = self._result(arguments)
        if self.build is not None:
            made = self.build(arguments)
        else:
            made = template(self.form(len(arguments)) or "", *arguments)
        return typed(_once(made) if self.kind == "scalar" else made, result)

    def _result(self, arguments: Sequence[exp.Expr]) -> Type | None:
        if self.typing is not None:
            return self.typing(arguments)
        return self.result([type_of(a) for a in arguments]) if callable(self.result) else self.result


def _once(made: exp.Expr) -> exp.Expr:
    """Have arguments computed once which *made* names often: nested calls would double with each level.

    They become fields of a struct, in a list of one, over which a lambda of the engine runs.
    """
    arguments = made.expressions if isinstance(made, Template) else []
    often = [n for n, a in enumerate(arguments) if made.this.count(f"{{{n}}}") > 1 and _is_large(a)]
    if not often or any(a.this.startswith("LAMBDA") for a in arguments if isinstance(a, Template)):
        return made
    moved = [n for n, a in enumerate(arguments) if n in often or not isinstance(a, exp.Literal)]
    text = made.this
    for n in moved:
        text = text.replace(f"{{{n}}}", f"_once.a{n}")
    packed = ", ".join(f"a{n} := {{{n}}}" for n in moved)
    return template(f"list_transform([struct_pack({packed})], LAMBDA _once : {text})[1]", *arguments)


def _is_large(node: exp.Expr) -> bool:
    return len(list(itertools.islice(node.find_all(Template), _LARGE))) == _LARGE


_LARGE = 3
"""So many calls in an argument are worth a lambda."""


def one(text: str, result: Result, wants: str = "", count: int = 1) -> Function:
    """Return a scalar function of exactly *count* arguments."""
    return Function({count: text}, result, wants=wants)


def same(name: str, result: Result, *counts: int, wants: str = "") -> Function:
    """Return a scalar function that the engine knows under *name* with the same arguments."""
    return Function(dict.fromkeys(counts, f"{name}({{*}})"), result, wants=wants)


def is_true(node: exp.Expr) -> bool:
    """Return what a flag says that is written as TRUE or FALSE; raise `SqlSyntaxError` for anything else."""
    if not isinstance(node, exp.Boolean):
        raise SqlSyntaxError("this argument is TRUE or FALSE", position=position(node))
    return bool(node.this)


def first_type(types: Types) -> Type | None:
    """The result is of the first argument's type."""
    return types[0] if types else None
