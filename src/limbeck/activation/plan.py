"""What a delivery writes, read from a destination flow and checked (profile contract, sections 7.2 to 7.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from limbeck.errors import InvalidInput, nearest
from limbeck.identity.namespaces import spelled
from limbeck.xdm.types import Array, Map, Object

STATUS = "segmentMembership.status"
IDENTITY = "identityMap."
"""A source that begins so is the identity of the namespace that follows."""

FILE_TYPES = ("CSV", "PARQUET")
COMPRESSIONS = ("NONE", "GZIP")
DELIMITERS = {",": ",", ";": ";", "|": "|", ":": ":", "tab": "\t", "\t": "\t", "comma": ","}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file, and where its values come from: a profile path, an identity or the status."""

    destination: str
    source: str

    @property
    def namespace(self) -> str | None:
        """The namespace of an identity; None for something else."""
        return spelled(self.source.removeprefix(IDENTITY)) if self.source.startswith(IDENTITY) else None

    @property
    def is_path(self) -> bool:
        """Whether it is an attribute of the profile."""
        return self.source != STATUS and self.namespace is None


@dataclass(frozen=True, slots=True)
class Selected:
    """An audience to deliver, and how its file is called."""

    audience_id: str
    template: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a destination flow delivers."""

    destination: str
    """Its name."""
    path: str
    """The folder of its files inside the export area."""
    columns: tuple[Column, ...]
    audiences: tuple[Selected, ...]
    mandatory: tuple[str, ...]
    """Sources that a person must have a value of."""
    key: tuple[str, ...]
    """Sources of which no two rows may share the values; empty keeps one row a person."""
    file_type: str
    gzip: bool
    delimiter: str

    @classmethod
    def of(cls, flow: Mapping[str, Any], target: Mapping[str, Any], profile: Object) -> Plan:
        """Read the bodies of a flow and of its target connection; raise `InvalidInput` for what cannot be delivered."""
        params = target.get("params") or {}
        general = _general(flow)
        selectors = (general.get("profileSelectors") or {}).get("selectors") or []
        columns = tuple(_column(s) for s in selectors)
        for column in columns:
            _check(column, profile)
        nested = general.get("profileSelectors") or {}
        mandatory = tuple(general.get("mandatoryFields") or nested.get("mandatoryFields") or ())
        keys = tuple(_key(k) for k in general.get("primaryFields") or nested.get("primaryFields") or ())
        for source in (*map(str, mandatory), *keys):
            _check(Column(source, source), profile, "the list of mandatory fields and keys")
        if any(not Column("", k).is_path for k in keys) and len(keys) > 1:
            raise InvalidInput("a deduplication key is one namespace, or one or two attributes; never both")
        return cls(
            destination=str(target.get("name") or "destination"),
            path=str(params.get("path") or "").strip("/"),
            columns=columns,
            audiences=tuple(_selected(s) for s in (general.get("segmentSelectors") or {}).get("selectors") or []),
            mandatory=tuple(map(str, mandatory)),
            key=keys,
            file_type=_choice(params, "fileType", FILE_TYPES, "CSV"),
            gzip=_choice(params, "compression", COMPRESSIONS, "NONE") == "GZIP",
            delimiter=_delimiter(params),
        )

    def paths(self) -> set[str]:
        """Return the profile paths that a delivery reads."""
        found = {c.source for c in self.columns if c.is_path}
        return found | {s for s in (*self.mandatory, *self.key) if Column("", s).is_path}

    def file_name(self, selected: Selected, audience_name: str, at: datetime) -> str:
        """Return the name of an audience's file, without its ending (profile contract, section 7.6)."""
        template = selected.template or "%DESTINATION_NAME%_segment%SEGMENT_ID%_%TIMESTAMP%"
        stamp = at.strftime("%Y%m%d%H%M%S")
        text = template.replace("%DESTINATION_NAME%", self.destination).replace("%SEGMENT_ID%", selected.audience_id)
        text = text.replace("%SEGMENT_NAME%", audience_name).replace("%TIMESTAMP%", stamp)
        text = re.sub(r"%DATETIME\(([^)]*)\)%", lambda m: at.strftime(_strftime(m[1])), text)
        if len(text) > 200:
            raise InvalidInput(f"the file name {text[:40]}… has {len(text)} characters; shorten its template to 200")
        return re.sub(r"^\.|[^\w.-]", "_", text, flags=re.ASCII)


def selected_audiences(flow: Mapping[str, Any]) -> list[str]:
    """Return the ids of the audiences that a flow selects."""
    selectors = (_general(flow).get("segmentSelectors") or {}).get("selectors") or []
    return [_selected(s).audience_id for s in selectors]


def _general(flow: Mapping[str, Any]) -> Mapping[str, Any]:
    steps = flow.get("transformations") or []
    found = [t for t in steps if isinstance(t, Mapping) and t.get("name") == "GeneralTransform"]
    return (found[0].get("params") or {}) if found else {}


def _column(selector: Mapping[str, Any]) -> Column:
    value = selector.get("value") or {}
    mapping = value.get("mapping") or {}
    source = str(mapping.get("source") or value.get("path") or "")
    return Column(str(mapping.get("destination") or source), source)


def _selected(selector: Mapping[str, Any]) -> Selected:
    value = selector.get("value") or {}
    return Selected(str(value.get("id")), value.get("filenameTemplate"))


def _key(field: Mapping[str, Any]) -> str:
    if field.get("fieldType") == "IDENTITY":
        return f"{IDENTITY}{field.get('identityNamespace')}"
    return str(field.get("attributePath"))


def _check(column: Column, profile: Object, where: str = "") -> None:
    if not column.is_path:
        return
    where = where or f"the mapping to {column.destination!r}"
    found = profile.find(column.source)
    if found is None:
        known: Sequence[str] = [path for path, _ in profile.leaves()]
        raise InvalidInput(
            f"{where} reads {column.source!r}, which no profile schema has. "
            f"{nearest(column.source, list(known))}".strip()
        )
    if isinstance(found.type, Object | Array | Map):
        raise InvalidInput(f"{where} reads {column.source!r}, which is not a single value; map its parts")


def _choice(params: Mapping[str, Any], key: str, allowed: Sequence[str], default: str) -> str:
    found = str(params.get(key) or default).upper()
    if found not in allowed:
        raise InvalidInput(f"the target's {key} is {params[key]!r}; a file is delivered as {' or '.join(allowed)}")
    return found


def _delimiter(params: Mapping[str, Any]) -> str:
    found = str((params.get("csvOptions") or {}).get("delimiter") or ",")
    if found not in DELIMITERS:
        raise InvalidInput(f"the target's delimiter is {found!r}; it is a comma, semicolon, colon, pipe or tab")
    return DELIMITERS[found]


def _strftime(pattern: str) -> str:
    pairs = (("yyyy", "%Y"), ("YYYY", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"))
    for ours, theirs in pairs:
        pattern = pattern.replace(ours, theirs)
    return pattern
