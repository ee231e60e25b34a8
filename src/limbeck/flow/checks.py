"""What a connection or flow needs before it is stored: specs that are served and fit, things that exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from limbeck.errors import InvalidInput, NotFound
from limbeck.flow import export, mappings, source, specs
from limbeck.flow.forms import Form
from limbeck.flow.landingzone import relative
from limbeck.flow.model import Resource, ResourceKind
from limbeck.flow.resources import load
from limbeck.flow.schedule import Schedule
from limbeck.flow.specs import Kind, connection_spec, flow_spec, kind_of, require_served
from limbeck.lake import Dataset, Lake
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.xdm.types import Schema


class Checks:
    """Checks one sandbox's resources inside a transaction."""

    def __init__(self, connection: Connection, sandbox: Sandbox, lake: Lake, registry: Registry) -> None:
        self._connection = connection
        self._sandbox = sandbox
        self._lake = lake
        self._registry = registry

    def check(self, found: Resource) -> None:
        """Raise `InvalidInput` that says what is missing or does not fit, `NotServed` for what is not served."""
        if not isinstance(found.body.get("name", ""), str):
            raise InvalidInput(f"name is {found.body['name']!r}; it is a text")
        match found.kind:
            case "flow":
                self._flow(found)
            case "mappingSet":
                schema_id = mappings.schema_id(found.body)
                mappings.check(found.body, self._schema(schema_id))
                input_id = mappings.input_schema_id(found.body)
                if input_id is not None:
                    mappings.check_columns(found.body, self._schema(input_id))
            case _:
                self._connection_of(found)

    def kind(self, flow: Resource) -> Kind:
        """Return what a flow does; raise `InvalidInput` unless it has one source and one target that fit."""
        origin = self._one(flow, "sourceConnection", "sourceConnectionIds")
        return kind_of(origin.spec_id, self.target(flow).spec_id)

    def target(self, flow: Resource) -> Resource:
        """Return where a flow leads; raise `InvalidInput` unless it has one target that is there."""
        return self._one(flow, "targetConnection", "targetConnectionIds")

    def _connection_of(self, found: Resource) -> None:
        if not found.spec_id:
            raise InvalidInput("a connection names its kind: connectionSpec: {id, version} is missing")
        require_served(found.spec_id)
        if found.kind == "connection":
            return
        self._base(found)
        match (found.kind, found.spec_id):
            case ("sourceConnection", specs.DATA_LAKE_SOURCE):
                for dataset_id in export.dataset_ids(found):
                    self._dataset(dataset_id)
            case ("sourceConnection", specs.LANDING_ZONE_SOURCE):
                relative("upload", source.source_path(found))
            case ("targetConnection", specs.LANDING_ZONE_TARGET):
                _check_files(found)
            case ("targetConnection", specs.DATA_LAKE_TARGET):
                self._dataset(source.dataset_id(found))

    def _base(self, found: Resource) -> None:
        base = found.body.get("baseConnectionId")
        if base and self._lookup("connection", str(base)).spec_id != found.spec_id:
            raise InvalidInput(f"the base connection {base} is of another connection spec than {found.spec_id}")

    def _flow(self, flow: Resource) -> None:
        if not flow.spec_id:
            raise InvalidInput("a flow names its kind: flowSpec: {id, version} is missing")
        spec, kind = flow_spec(flow.spec_id), self.kind(flow)
        origin, target = self._one(flow, "sourceConnection", "sourceConnectionIds"), self.target(flow)
        if origin.spec_id not in spec.sources or target.spec_id not in spec.targets:
            names = f"{connection_spec(origin.spec_id).name} to {connection_spec(target.spec_id).name}"
            raise InvalidInput(f"a flow of spec {spec.name} ({spec.id}) does not lead from {names}")
        Schedule.parse(flow.body.get("scheduleParams"))
        steps = flow.body.get("transformations") or []
        if not isinstance(steps, list) or not all(isinstance(step, Mapping) for step in steps):
            raise InvalidInput(f"transformations is {steps!r}; it is a list of objects")
        if kind == "ingest":
            self._mapping(flow, target)
        if kind == "export":
            export.is_incremental(flow)

    def _mapping(self, flow: Resource, target: Resource) -> None:
        mapping_set = self._lookup("mappingSet", source.mapping_id(flow))
        dataset = self._dataset(source.dataset_id(target))
        version = mappings.at_version(mapping_set.body, source.mapping_version(flow))
        filled = self._schema(mappings.schema_id(version)).id
        if filled != dataset.schema.id:
            raise InvalidInput(
                f"mapping set {mapping_set.id} fills schema {filled}, the dataset {dataset.name} has the schema "
                f"{dataset.schema.id}"
            )

    def _one(self, flow: Resource, kind: ResourceKind, key: str) -> Resource:
        found = flow.body.get(key)
        if not isinstance(found, Sequence) or isinstance(found, str) or len(found) != 1:
            raise InvalidInput(f"a flow has exactly one of {key}; found {found!r}")
        return self._lookup(kind, str(found[0]))

    def _lookup(self, kind: ResourceKind, resource_id: str) -> Resource:
        try:
            return load(self._connection, self._sandbox, kind, resource_id)
        except NotFound as error:
            raise InvalidInput(f"{error}; create it first") from error

    def _dataset(self, dataset_id: str) -> Dataset:
        try:
            return self._lake.datasets.get(self._sandbox, dataset_id)
        except NotFound as error:
            raise InvalidInput(str(error)) from error

    def _schema(self, schema_id: str) -> Schema:
        try:
            return self._registry.schema(self._sandbox, schema_id)
        except NotFound as error:
            raise InvalidInput(str(error)) from error


def _check_files(target: Resource) -> None:
    """Check how a target connection to the landing zone wants its files."""
    relative("export", str(target.params.get("path") or ""))
    Form.of(target)
