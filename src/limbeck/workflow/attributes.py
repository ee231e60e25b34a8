"""Attributes beside features: of profiles as they are, of histories as they were told last before the cutoff."""

from __future__ import annotations

from collections.abc import Mapping

from limbeck.workflow.datasets import Source
from limbeck.workflow.definition import Definition
from limbeck.workflow.names import quoted
from limbeck.workflow.relations import INDENT, Tables, field, identity_of, time_of


class Attributes:
    """The common table expressions of attributes."""

    def __init__(self, definition: Definition, tables: Tables, tenant: str) -> None:
        self._definition, self._tables, self._tenant = definition, tables, tenant

    def relations(self) -> Mapping[str, str]:
        """Return what the sources tell, by name."""
        profiles, histories = self._definition.profile_sources, self._definition.history_sources
        found = {f"profiles_{n}": self._profiles(source) for n, source in enumerate(profiles)}
        return found | {f"changes_{n}": self._changes(source) for n, source in enumerate(histories)}

    def beside_people(self) -> Mapping[str, str]:
        """Return what joins it to the relation `people`, by name; the last, `known`, is `people` with attributes."""
        histories = self._definition.history_sources
        return {f"history_{n}": self._history(n, s) for n, s in enumerate(histories)} | {"known": self._known()}

    def _profiles(self, source: Source) -> str:
        columns = [f"{field(c, self._tenant)} AS {_attribute(c.name)}" for c in source.columns if not c.identity]
        identity = f"{identity_of(source, self._tenant)} AS profile_id"
        return f"SELECT {', '.join([identity, *columns])} FROM {quoted(self._tables[source.dataset])}"

    def _changes(self, source: Source) -> str:
        arrived = next((field(c, self._tenant) for c in source.columns if c.name == source.arrival), None)
        columns = [
            f"{identity_of(source, self._tenant)} AS profile_id",
            f"{time_of(source, self._tenant)} AS changed",
            *([f"{arrived} AS arrived"] if arrived else []),
            *(f"{field(c, self._tenant)} AS {_attribute(c.name)}" for c in source.columns if not c.identity),
        ]
        return f"SELECT {', '.join(columns)} FROM {quoted(self._tables[source.dataset])}"

    def _history(self, number: int, source: Source) -> str:
        """Return what was told last of each attribute that features take, before each cutoff."""
        rows = ", ".join(f"people.{quoted(name)}" for name in self._definition.row_columns)
        mine = {c.name for c in source.columns if not c.identity}
        known = "changed < people.cutoff" + (" AND arrived <= people.cutoff" if source.arrival else "")
        taken = dict.fromkeys(f.of for f in self._definition.features if f.kind == "attribute" and f.of in mine)
        columns = [f"{_last(_attribute(name))} AS {_attribute(name)}" for name in taken]
        return (
            f"SELECT {', '.join([rows, *columns])}{INDENT}FROM people JOIN changes_{number} ON profile_id = "
            f"people.entity_id AND {known}{INDENT}GROUP BY {rows}"
        )

    def _known(self) -> str:
        """Join the attributes that features take; a person without a profile has none."""
        taken = [f"{_attribute(f.of)} AS {f.name}" for f in self._definition.features if f.kind == "attribute"]
        joins = [
            f"{INDENT}LEFT JOIN profiles_{n} ON profiles_{n}.profile_id = people.entity_id"
            for n, _ in enumerate(self._definition.profile_sources)
        ]
        for n, _ in enumerate(self._definition.history_sources):
            same = (f"history_{n}.{quoted(c)} = people.{quoted(c)}" for c in self._definition.row_columns)
            joins.append(f"{INDENT}LEFT JOIN history_{n} ON {' AND '.join(same)}")
        return f"SELECT {', '.join(['people.*', *taken])}{INDENT}FROM people{''.join(joins)}"


def _attribute(name: str) -> str:
    return quoted(f"attribute_{name}")


def _last(name: str) -> str:
    return f"max(CASE WHEN {name} IS NOT NULL THEN struct(changed AS at, {name} AS value) END).value"
