"""What a delivery writes, read from a destination flow and checked (profile contract, sections 7.2 to 7.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from limbeck.activation.body import mapping, mappings
from limbeck.activation.form import Form
from limbeck.errors import InvalidInput, NotServed, nearest
from limbeck.identity.namespaces import spelled
from limbeck.xdm.types import Array, Map, Object

STATUS = "segmentMembership.status"
IDENTITY = "identityMap."
"""A source that begins so is the identity of the namespace that follows."""

TEMPLATE = "%DESTINATION_NAME%_segment%SEGMENT_ID%_%TIMESTAMP%"
LONGEST_NAME = 200
"""A file system takes 255 characters; the rest is for endings and the hidden name."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where values come from: a path of the profile, an identity, or the status of the membership."""

    path: str

    @classmethod
    def of(cls, path: str) -> Source:
        """Return a source with its namespace spelled as it is registered."""
        return cls(IDENTITY + spelled(path.removeprefix(IDENTITY)) if path.startswith(IDENTITY) else path)

    @property
    def namespace(self) -> str | None:
        """The namespace of an identity; None for something else."""
        return self.path.removeprefix(IDENTITY) if self.path.startswith(IDENTITY) else None

    @property
    def is_attribute(self) -> bool:
        """Whether it is an attribute of the profile."""
        return self.path != STATUS and self.namespace is None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class Selected:
    """An audience to deliver, and how its file is called."""

    audience_id: str
    template: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a destination flow delivers."""

    destination: str
    """Its name."""
    path: str
    """The folder of its files inside the export area."""
    columns: tuple[Column, ...]
    audiences: tuple[Selected, ...]
    mandatory: tuple[Source, ...]
    """What a person must have a value of."""
    key: tuple[Source, ...]
    """Of what no two rows may share the values; empty keeps one row a person."""
    form: Form

    @classmethod
    def of(cls, flow: Mapping[str, Any], target: Mapping[str, Any]) -> Plan:
        """Read the bodies of a flow and of its target connection; raise `InvalidInput` or `NotServed` for a wrong one.

        Whether the profile has what is read, `check` tells: schemas may come later than flows.
        """
        params = mapping(target, "params")
        general = _general(flow)
        return cls(
            destination=str(target.get("name") or "destination"),
            path=str(params.get("path") or "").strip("/"),
            columns=_columns(mapping(general, "profileSelectors")),
            audiences=_selected(mapping(general, "segmentSelectors")),
            mandatory=tuple(Source.of(str(path)) for path in _setting(general, "mandatoryFields")),
            key=_key(_setting(general, "primaryFields")),
            form=Form.of(params),
        )

    @property
    def key_namespace(self) -> str | None:
        """The namespace of which each identity gets a row; None for a row a person."""
        return self.key[0].namespace if self.key else None

    def sources(self) -> list[Source]:
        """Return what a delivery reads."""
        return [*(column.source for column in self.columns), *self.mandatory, *self.key]

    def check(self, profile: Object) -> None:
        """Raise `InvalidInput` for an attribute that is not one value of *profile*."""
        for column in self.columns:
            _check(column.source, profile, f"the mapping to {column.name!r}")
        for source in self.mandatory:
            _check(source, profile, "mandatoryFields")
        for source in self.key:
            _check(source, profile, "primaryFields")

    def file_name(self, selected: Selected, audience_name: str, at: datetime) -> str:
        """Return the name of an audience's file, without its ending (profile contract, section 7.6)."""
        text = selected.template.replace("%DESTINATION_NAME%", self.destination)
        text = text.replace("%SEGMENT_ID%", selected.audience_id).replace("%SEGMENT_NAME%", audience_name)
        text = text.replace("%TIMESTAMP%", at.strftime("%Y%m%d%H%M%S"))
        text = re.sub(r"%DATETIME\(([^)]*)\)%", lambda found: at.strftime(_strftime(found[1])), text)
        if len(text) > LONGEST_NAME:
            raise InvalidInput(
                f"the file name {text[:40]}… has {len(text)} characters; shorten its template to {LONGEST_NAME}"
            )
        return safe(text)

    def manifest_name(self, run_id: str) -> str:
        """Return the name of a run's manifest."""
        return f"manifest-{safe(self.destination)[:100]}-{run_id}.json"


def selected_audiences(flow: Mapping[str, Any]) -> list[str]:
    """Return the ids of the audiences that a flow selects."""
    return [selected.audience_id for selected in _selected(mapping(_general(flow), "segmentSelectors"))]


def safe(name: str) -> str:
    """Return *name* with `_` for what may not stand in a file name, or would hide the file."""
    return re.sub(r"^\.|[^\w.-]", "_", name, flags=re.ASCII)


def _general(flow: Mapping[str, Any]) -> Mapping[str, Any]:
    steps = mappings(flow, "transformations")
    return next((mapping(step, "params") for step in steps if step.get("name") == "GeneralTransform"), {})


def _setting(general: Mapping[str, Any], key: str) -> list[Any]:
    """Return what is listed at *key*, which callers write in either of two places (profile contract, section 9.2)."""
    found = general.get(key) or mapping(general, "profileSelectors").get(key) or []
    if not isinstance(found, list):
        raise InvalidInput(f"{key} is {found!r}; it is a list")
    return found


def _columns(profile_selectors: Mapping[str, Any]) -> tuple[Column, ...]:
    found = tuple(_column(mapping(s, "value")) for s in mappings(profile_selectors, "selectors"))
    twice = _twice([column.name for column in found])
    if twice is not None:
        raise InvalidInput(f"two columns are called {twice!r}; give each mapping a destination of its own")
    return found


def _column(value: Mapping[str, Any]) -> Column:
    mapped = mapping(value, "mapping")
    source = str(mapped.get("source") or value.get("path") or "")
    return Column(str(mapped.get("destination") or source), Source.of(source))


def _selected(segment_selectors: Mapping[str, Any]) -> tuple[Selected, ...]:
    values = [mapping(s, "value") for s in mappings(segment_selectors, "selectors")]
    for value in values:
        if not value.get("id"):
            raise InvalidInput("a segment selector names its audience: value.id is missing")
        mode = value.get("exportMode") or "DAILY_FULL_EXPORT"
        if mode != "DAILY_FULL_EXPORT":
            raise NotServed(f"exportMode is {mode!r}; this version delivers all members, DAILY_FULL_EXPORT")
    twice = _twice([str(value["id"]) for value in values])
    if twice is not None:
        raise InvalidInput(f"audience {twice} is in the flow already; replace its selector to change it")
    return tuple(Selected(str(v["id"]), str(v.get("filenameTemplate") or TEMPLATE)) for v in values)


def _key(fields: Sequence[Any]) -> tuple[Source, ...]:
    found = tuple(_key_field(field) for field in fields)
    attributes = sum(source.is_attribute for source in found)
    alone = len(found) == 1 and found[0].namespace is not None
    if found and not alone and not (attributes == len(found) <= 2):
        raise InvalidInput("primaryFields is one namespace, or one or two attributes; never both")
    return found


def _key_field(field: Any) -> Source:
    if not isinstance(field, Mapping):
        raise InvalidInput(f"primaryFields lists objects with a fieldType; found {field!r}")
    name = "identityNamespace" if field.get("fieldType") == "IDENTITY" else "attributePath"
    if not field.get(name):
        raise InvalidInput(f"an entry of primaryFields lacks its {name}: {dict(field)}")
    return Source.of((IDENTITY if name == "identityNamespace" else "") + str(field[name]))


def _check(source: Source, profile: Object, where: str) -> None:
    if not source.is_attribute:
        return
    found = profile.find(source.path)
    if found is None:
        hint = nearest(source.path, [path for path, _ in profile.leaves()])
        raise InvalidInput(f"{where} reads {source.path!r}, which no profile schema has. {hint}".strip())
    if isinstance(found.type, Object | Array | Map):
        raise InvalidInput(f"{where} reads {source.path!r}, which is not a single value; map its parts")


def _twice(names: Sequence[str]) -> str | None:
    """Return a name that stands there twice."""
    return next((name for n, name in enumerate(names) if name in names[:n]), None)


def _strftime(pattern: str) -> str:
    pairs = (("yyyy", "%Y"), ("YYYY", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"))
    for ours, theirs in pairs:
        pattern = pattern.replace(ours, theirs)
    return pattern
