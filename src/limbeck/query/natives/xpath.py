"""XPath 1.0 over small documents: paths along child, attribute, parent and descendants, predicates, core functions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from xml.etree import ElementTree


@dataclass(eq=False, slots=True)
class Node:
    """An element, an attribute or a text of a document; the document's own name is empty."""

    kind: str
    name: str = ""
    text: str = ""
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    attributes: list[Node] = field(default_factory=list)

    def string(self) -> str:
        """Return all text below, in order."""
        return self.text if self.kind in ("text", "attribute") else "".join(c.string() for c in self.children)

    def below(self) -> Iterator[Node]:
        """Yield this node and all below it, in order."""
        yield self
        for child in self.children:
            yield from child.below()


@dataclass(frozen=True, slots=True)
class Context:
    """A node, and where it stands among those it was found with, from 1."""

    node: Node
    place: int = 1
    size: int = 1


Value = list[Node] | str | float | bool
Expression = Callable[[Context], Value]


def document(text: str) -> Node:
    """Return the root of an XML text; raise `ValueError` for one that is broken or declares entities."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("XML with a document type is not served: it could grow without end")
    try:
        found = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"this is no XML: {error}") from error
    root = Node("element")
    root.children.append(_node(found, root))
    return root


def _node(element: ElementTree.Element, parent: Node) -> Node:
    node = Node("element", element.tag.rpartition("}")[2], parent=parent)
    node.attributes = [Node("attribute", k.rpartition("}")[2], v, node) for k, v in element.items()]
    if element.text:
        node.children.append(Node("text", text=element.text, parent=node))
    for child in element:
        node.children.append(_node(child, node))
        if child.tail:
            node.children.append(Node("text", text=child.tail, parent=node))
    return node


# -- values ----------------------------------------------------------------------------------------------------


def to_string(value: Value) -> str:
    """Return a value as XPath's string()."""
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return value[0].string() if value else ""
        case float():
            return "NaN" if math.isnan(value) else str(int(value)) if value == int(value) else repr(value)
        case _:
            return value


def to_number(value: Value) -> float:
    """Return a value as XPath's number(); what is none is NaN."""
    if isinstance(value, bool | float):
        return float(value)
    try:
        return float(to_string(value))
    except ValueError:
        return math.nan


def to_boolean(value: Value) -> bool:
    """Return a value as XPath's boolean()."""
    return bool(value) and not (isinstance(value, float) and math.isnan(value))


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, list) and not isinstance(right, bool):
        return any(_equal(node.string(), right) for node in left)
    if isinstance(right, list) and not isinstance(left, bool):
        return any(_equal(left, node.string()) for node in right)
    if isinstance(left, bool) or isinstance(right, bool):
        return to_boolean(left) == to_boolean(right)
    if isinstance(left, float) or isinstance(right, float):
        return to_number(left) == to_number(right)
    return left == right


def _ordered(compare: Callable[[float, float], bool]) -> Callable[..., bool]:
    def run(left: Value, right: Value) -> bool:
        lefts, rights = _numbers(left), _numbers(right)
        return any(compare(a, b) for a in lefts for b in rights)

    return run


def _numbers(value: Value) -> list[float]:
    return [to_number(n.string()) for n in value] if isinstance(value, list) else [to_number(value)]


def _arithmetic(compute: Callable[[float, float], float]) -> Callable[..., float]:
    def run(left: Value, right: Value) -> float:
        try:
            return compute(to_number(left), to_number(right))
        except ZeroDivisionError:
            return math.nan

    return run


_OPERATORS: tuple[dict[str, Callable[..., Value]], ...] = (
    {"or": lambda a, b: to_boolean(a) or to_boolean(b)},
    {"and": lambda a, b: to_boolean(a) and to_boolean(b)},
    {"=": _equal, "!=": lambda a, b: not _equal(a, b)},
    {
        "<": _ordered(lambda a, b: a < b),
        "<=": _ordered(lambda a, b: a <= b),
        ">": _ordered(lambda a, b: a > b),
        ">=": _ordered(lambda a, b: a >= b),
    },
    {"+": _arithmetic(lambda a, b: a + b), "-": _arithmetic(lambda a, b: a - b)},
    {
        "*": _arithmetic(lambda a, b: a * b),
        "div": _arithmetic(lambda a, b: a / b),
        "mod": _arithmetic(math.fmod),
    },
    {"|": lambda a, b: [*a, *(n for n in b if n not in a)]},
)
"""Those that bind least first."""

_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "sum": lambda _c, nodes: math.fsum(to_number(n.string()) for n in nodes),
    "count": lambda _c, nodes: float(len(nodes)),
    "last": lambda c: float(c.size),
    "position": lambda c: float(c.place),
    "string": lambda c, *v: to_string(v[0] if v else [c.node]),
    "number": lambda c, *v: to_number(v[0] if v else [c.node]),
    "boolean": lambda _c, v: to_boolean(v),
    "not": lambda _c, v: not to_boolean(v),
    "true": lambda _c: True,
    "false": lambda _c: False,
    "name": lambda c, *v: (v[0][0].name if v[0] else "") if v else c.node.name,
    "contains": lambda _c, a, b: to_string(b) in to_string(a),
    "starts-with": lambda _c, a, b: to_string(a).startswith(to_string(b)),
    "concat": lambda _c, *v: "".join(map(to_string, v)),
    "string-length": lambda c, *v: float(len(to_string(v[0] if v else [c.node]))),
    "normalize-space": lambda c, *v: " ".join(to_string(v[0] if v else [c.node]).split()),
    "floor": lambda _c, v: float(math.floor(to_number(v))),
    "ceiling": lambda _c, v: float(math.ceil(to_number(v))),
    "round": lambda _c, v: float(math.floor(to_number(v) + 0.5)),
}

# -- parsing ---------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?|\.\d+)|(?P<text>\"[^\"]*\"|'[^']*')|(?P<name>[^\W\d][\w.-]*(?::[^\W\d][\w.-]*)?)"
    r"|(?P<mark>//|\.\.|::|!=|<=|>=|[/.@\[\]()*,=<>+|-]))"
)


@lru_cache(maxsize=256)
def compiled(text: str) -> Expression:
    """Return the expression of an XPath; raise `ValueError` for one that cannot be read."""
    parser = _Parser(text)
    found = parser.expression()
    parser.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        at, stop = 0, len(text.rstrip())
        while at < stop:
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._wrong(text[at:])
            self._tokens.append((str(found.lastgroup), str(found[str(found.lastgroup)])))
            at = found.end()
        self._at = 0

    def _wrong(self, found: str) -> ValueError:
        return ValueError(f'the XPath "{self._text}" cannot be read at "{found[:30]}"')

    def _next(self, ahead: int = 0) -> tuple[str, str]:
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else ("end", "")

    def _taken(self, *marks: str) -> str | None:
        kind, text = self._next()
        if kind in ("mark", "name") and text in marks:
            self._at += 1
            return text
        return None

    def _expect(self, mark: str) -> None:
        if self._taken(mark) is None:
            raise self._wrong(self._next()[1])

    def end(self) -> None:
        """Check that nothing is left."""
        if self._at < len(self._tokens):
            raise self._wrong(self._next()[1])

    def expression(self, level: int = 0) -> Expression:
        """Read operators of this level and of those that bind more."""
        if level == len(_OPERATORS):
            return self._unary()
        left = self.expression(level + 1)
        while (mark := self._taken(*_OPERATORS[level])) is not None:
            left = _binary(_OPERATORS[level][mark], left, self.expression(level + 1))
        return left

    def _unary(self) -> Expression:
        if self._taken("-"):
            inner = self._unary()
            return lambda c: -to_number(inner(c))
        kind, text = self._next()
        if kind == "number":
            self._at += 1
            return lambda _c: float(text)
        if kind == "text":
            self._at += 1
            return lambda _c: text[1:-1]
        if self._taken("("):
            inner = self.expression()
            self._expect(")")
            return self._path(inner) if self._next()[1] in ("/", "//", "[") else inner
        if kind == "name" and self._next(1)[1] == "(" and text not in ("text", "node"):
            return self._call(text)
        return self._path(None)

    def _call(self, name: str) -> Expression:
        function = _FUNCTIONS.get(name)
        if function is None:
            raise ValueError(f"the XPath function {name} is not served")
        self._at += 2
        arguments: list[Expression] = []
        while not self._taken(")"):
            arguments.append(self.expression())
            self._taken(",")
        return lambda c: function(c, *(argument(c) for argument in arguments))

    def _path(self, start: Expression | None) -> Expression:
        steps: list[Callable[[list[Node]], list[Node]]] = []
        absolute = start is None and self._next()[1] in ("/", "//")
        if start is not None:
            steps += self._filters()
        elif not absolute:
            steps += self._step()
        while (mark := self._taken("/", "//")) is not None:
            if mark == "//":
                steps.append(lambda nodes: [below for node in nodes for below in node.below()])
            if self._next()[0] in ("name", "mark") and self._next()[1] not in (")", "]", ","):
                steps += self._step()

        def run(context: Context) -> list[Node]:
            found = start(context) if start is not None else [_root(context.node) if absolute else context.node]
            nodes = found if isinstance(found, list) else []
            for step in steps:
                nodes = step(nodes)
            return nodes

        return run

    def _step(self) -> list[Callable[[list[Node]], list[Node]]]:
        """Read one step and its predicates; these count within the children of one node."""
        step = self._axis()
        predicates = self._predicates()
        return [lambda nodes: _distinct(found for node in nodes for found in _kept(step(node), predicates))]

    def _filters(self) -> list[Callable[[list[Node]], list[Node]]]:
        predicates = self._predicates()
        return [lambda nodes: _kept(nodes, predicates)]

    def _predicates(self) -> list[Expression]:
        found: list[Expression] = []
        while self._taken("["):
            found.append(self.expression())
            self._expect("]")
        return found

    def _axis(self) -> Callable[[Node], list[Node]]:
        if self._taken("."):
            return lambda node: [node]
        if self._taken(".."):
            return lambda node: [node.parent] if node.parent is not None else []
        if self._taken("@"):
            name = self._name()
            return lambda node: [a for a in node.attributes if name in ("*", a.name)]
        name = self._name()
        if name in ("text", "node") and self._taken("("):
            self._expect(")")
            return lambda node: [c for c in node.children if name == "node" or c.kind == "text"]
        return lambda node: [c for c in node.children if c.kind == "element" and name in ("*", c.name)]

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name" and text != "*":
            raise self._wrong(text)
        self._at += 1
        return text.rpartition(":")[2]


def _binary(operator: Callable[..., Value], left: Expression, right: Expression) -> Expression:
    return lambda c: operator(left(c), right(c))


def _root(node: Node) -> Node:
    while node.parent is not None:
        node = node.parent
    return node


def _distinct(nodes: Iterator[Node]) -> list[Node]:
    return list(dict.fromkeys(nodes))


def _kept(nodes: list[Node], predicates: Sequence[Expression]) -> list[Node]:
    for predicate in predicates:
        contexts = [Context(node, place, len(nodes)) for place, node in enumerate(nodes, 1)]
        nodes = [c.node for c in contexts if _holds(predicate(c), c.place)]
    return nodes


def _holds(value: Value, place: int) -> bool:
    return place == value if isinstance(value, float) else to_boolean(value)
