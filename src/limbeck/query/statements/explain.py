"""EXPLAIN (SQL contract, section 2.8)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
from sqlglot import exp

from limbeck.errors import FeatureNotSupported
from limbeck.query.dialect import parse
from limbeck.query.result import Result
from limbeck.query.scope import Source
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.words import Words

Format = Literal["text", "json"]

COLUMN = "QUERY PLAN"


@dataclass(frozen=True, slots=True)
class Explain:
    """EXPLAIN [FORMAT {TEXT|JSON}] query."""

    query: str
    """With spaces before it, so that it stands where it stands in the statement."""
    format: Format = "text"


@dataclass(frozen=True, slots=True)
class Scan:
    """A table that a query reads."""

    table: str
    dataset_id: str
    dataset_name: str
    source: Source

    @property
    def line(self) -> str:
        """The table as a line of a plan."""
        bounds = [f"{w} {n}" for w, n in (("since", self.source.since), ("until", self.source.until)) if n is not None]
        snapshot = f" [snapshot {', '.join(bounds)}]" if bounds else ""
        return (
            f'Seq Scan on {self.table} (dataSetId = "{self.dataset_id}", dataSetName = "{self.dataset_name}"){snapshot}'
        )


def _explain(words: Words) -> Explain:
    words.expect("EXPLAIN")
    form: Format = "text"
    listed = words.take("(")
    while listed or words.peek() in ("FORMAT", "ANALYZE", "VERBOSE"):
        if not words.take("FORMAT"):
            token = words.next()
            raise FeatureNotSupported(f"EXPLAIN {token.text} is not served", position=token.start + 1)
        said = words.next()
        if said.value.lower() not in ("text", "json"):
            raise FeatureNotSupported(f"EXPLAIN FORMAT {said.text} is not served", position=said.start + 1)
        form = "json" if said.value.lower() == "json" else "text"
        if not listed or words.take(")"):
            break
        words.expect(",")
    query, start = words.rest()
    return Explain(" " * start + query, form)


def _run(statement: Statement) -> Result:
    """Tell what would be read and how; nothing of the query itself is run."""
    command: Explain = statement.command
    tree = parse(command.query)
    if not isinstance(tree, exp.Query):
        raise FeatureNotSupported("EXPLAIN takes a query")
    reading = statement.resolve(tree, command.query)
    with statement.opened(reading) as session:
        plan = session.plan(reading.sql)
    scans = [_scan(statement, source) for source in reading.sources]
    if command.format == "json":
        return Result.of({COLUMN: [json.dumps([{"Scans": [_told(scan) for scan in scans], "Plan": plan}], indent=2)]})
    return Result.of({COLUMN: [*(scan.line for scan in scans), *_lines(plan, 0)]})


def _scan(statement: Statement, source: Source) -> Scan:
    dataset = (statement.catalogue.behind() if source.behind else statement.catalogue).dataset(source.table)
    if dataset is None:  # a table of the session alone
        return Scan(source.table, "", "", source)
    return Scan(dataset.table, dataset.id, dataset.name, source)


def _told(scan: Scan) -> dict[str, str]:
    names = {"dataSetId": scan.dataset_id, "dataSetName": scan.dataset_name}
    return {"Node Type": "Seq Scan", "Relation Name": scan.table, **names}


def _lines(nodes: Sequence[dict[str, Any]], depth: int) -> Iterator[str]:
    """The engine's plan, each operator with what it does, those it reads from behind it and further in."""
    for node in nodes:
        facts = ((k, ", ".join(v) if isinstance(v, list) else v) for k, v in node["extra_info"].items())
        told = "; ".join(f"{key}: {' '.join(value.split())}" for key, value in facts if value)
        yield f"{'  ' * depth}->  {node['name'].replace('_', ' ').title()}{f' ({told})' if told else ''}"
        yield from _lines(node["children"], depth + 1)


def _columns(statement: Statement) -> pa.Schema:
    return pa.schema([(COLUMN, pa.string())])


PARSERS: dict[str, Parser] = {"EXPLAIN": _explain}

KINDS: dict[type, Kind] = {Explain: Kind(_run, "EXPLAIN", columns=_columns)}
