"""Connection and flow specs: AEP's fixed ids, and which of them this version serves (REST contract, section 8.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from limbeck.errors import InvalidInput, NotServed

Kind = Literal["export", "ingest", "activation"]
"""What a flow does: datasets to files, files into a dataset, audiences to files."""

DATA_LAKE_SOURCE = "23598e46-f560-407b-88d5-ea6207e49db0"
DATA_LAKE_TARGET = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
LANDING_ZONE_SOURCE = "26f526f2-58f4-4712-961d-e41bf1ccc0e8"
LANDING_ZONE_TARGET = "10440537-2a7b-4583-ac39-ed38d4b848e8"
PROFILE_STORE = "8a9c3494-9708-43d7-ae3f-cda01e5030e1"

_CLOUD = "14e34fac-d307-11e9-bb65-2a2ae2dbcce4"
_SOURCES = "0ed90a81-07f4-4586-8190-b40eccef1c5a"
_STREAMING = "521eee4d-8cbe-4906-bb48-fb6bd4450033"


@dataclass(frozen=True, slots=True)
class ConnectionSpec:
    """A kind of system that data comes from or goes to."""

    id: str
    name: str
    provider_id: str
    is_served: bool = False


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """A kind of flow, with the connection specs of what it reads and of what it writes."""

    id: str
    name: str
    provider_id: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]


CONNECTIONS = (
    ConnectionSpec(DATA_LAKE_SOURCE, "activation-datalake", _CLOUD, True),
    ConnectionSpec(DATA_LAKE_TARGET, "datalake", _SOURCES, True),
    ConnectionSpec(LANDING_ZONE_SOURCE, "landing-zone", _SOURCES, True),
    ConnectionSpec(LANDING_ZONE_TARGET, "Data Landing Zone", _CLOUD, True),
    ConnectionSpec(PROFILE_STORE, "Profile store", _CLOUD, True),
    ConnectionSpec("4fce964d-3f37-408f-9778-e597338a21ee", "Amazon S3", _CLOUD),
    ConnectionSpec("6d6b59bf-fb58-4107-9064-4d246c0e5bb2", "Azure Blob Storage", _CLOUD),
    ConnectionSpec("be2c3209-53bc-47e7-ab25-145db8b873e1", "Azure Data Lake Gen2", _CLOUD),
    ConnectionSpec("c5d93acb-ea8b-4b14-8f53-02138444ae99", "Google Cloud Storage", _CLOUD),
    ConnectionSpec("36965a81-b1c6-401b-99f8-22508f1e6a26", "SFTP", _CLOUD),
    ConnectionSpec("ecadc60c-7455-4d87-84dc-2a0e293d997b", "amazon-s3", _SOURCES),
    ConnectionSpec("d771e9c1-4f26-40dc-8617-ce58c4b53702", "azure-blob", _SOURCES),
    ConnectionSpec("b3ba5556-48be-44b7-8b85-ff2b69b46dc4", "adls-gen2", _SOURCES),
    ConnectionSpec("32e8f412-cdf7-464c-9885-78184cb113fd", "google-cloud", _SOURCES),
    ConnectionSpec("b7bf2577-4520-42c9-bae9-cad01560f7bc", "sftp", _SOURCES),
    ConnectionSpec("bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb", "Streaming Connection", _STREAMING),
)

_EXPORTED = (DATA_LAKE_SOURCE, PROFILE_STORE)
_FILES = (
    LANDING_ZONE_SOURCE,
    "ecadc60c-7455-4d87-84dc-2a0e293d997b",
    "d771e9c1-4f26-40dc-8617-ce58c4b53702",
    "b3ba5556-48be-44b7-8b85-ff2b69b46dc4",
    "32e8f412-cdf7-464c-9885-78184cb113fd",
    "b7bf2577-4520-42c9-bae9-cad01560f7bc",
)
_STREAM = ("bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb",)
_LAKE = (DATA_LAKE_TARGET,)

FLOWS = (
    FlowSpec("9753525b-82c7-4dce-8a9b-5ccfce2b9876", "CloudStorageToAEP", _SOURCES, _FILES, _LAKE),
    FlowSpec("14518937-270c-4525-bdec-c2ba7cce3860", "CRMToAEP", _SOURCES, (), _LAKE),
    FlowSpec("d8a6f005-7eaf-4153-983e-e8574508b877", "Stream data without transformation", _SOURCES, _STREAM, _LAKE),
    FlowSpec("c1a19761-d2c7-4702-b9fa-fe91f0613e81", "Stream data with transformation", _SOURCES, _STREAM, _LAKE),
    FlowSpec("cd2fc47e-e838-4f38-a581-8fff2f99b63a", "Data Landing Zone", _CLOUD, _EXPORTED, (LANDING_ZONE_TARGET,)),
    FlowSpec(
        "269ba276-16fc-47db-92b0-c1049a3c131f",
        "Amazon S3",
        _CLOUD,
        _EXPORTED,
        ("4fce964d-3f37-408f-9778-e597338a21ee",),
    ),
    FlowSpec(
        "95bd8965-fc8a-4119-b9c3-944c2c2df6d2",
        "Azure Blob Storage",
        _CLOUD,
        _EXPORTED,
        ("6d6b59bf-fb58-4107-9064-4d246c0e5bb2",),
    ),
    FlowSpec(
        "17be2013-2549-41ce-96e7-a70363bec293",
        "Azure Data Lake Gen2",
        _CLOUD,
        _EXPORTED,
        ("be2c3209-53bc-47e7-ab25-145db8b873e1",),
    ),
    FlowSpec(
        "585c15c4-6cbf-4126-8f87-e26bff78b657",
        "Google Cloud Storage",
        _CLOUD,
        _EXPORTED,
        ("c5d93acb-ea8b-4b14-8f53-02138444ae99",),
    ),
    FlowSpec(
        "354d6aad-4754-46e4-a576-1b384561c440", "SFTP", _CLOUD, _EXPORTED, ("36965a81-b1c6-401b-99f8-22508f1e6a26",)
    ),
)

_KINDS: dict[tuple[str, str], Kind] = {
    (DATA_LAKE_SOURCE, LANDING_ZONE_TARGET): "export",
    (LANDING_ZONE_SOURCE, DATA_LAKE_TARGET): "ingest",
    (PROFILE_STORE, LANDING_ZONE_TARGET): "activation",
}


def connection_spec(spec_id: str) -> ConnectionSpec:
    """Return a connection spec; raise `InvalidInput` if AEP has none of that id."""
    found = next((s for s in CONNECTIONS if s.id == spec_id), None)
    if found is None:
        known = ", ".join(f"{s.name} ({s.id})" for s in CONNECTIONS if s.is_served)
        raise InvalidInput(f"there is no connection spec {spec_id!r}; served are {known}")
    return found


def require_served(spec_id: str) -> None:
    """Raise `NotServed` for a connection spec that this version does not serve."""
    spec = connection_spec(spec_id)
    if not spec.is_served:
        served = ", ".join(s.name for s in CONNECTIONS if s.is_served)
        raise NotServed(f"connections to {spec.name} ({spec.id}) are not served by this version; served are {served}")


def flow_spec(spec_id: str) -> FlowSpec:
    """Return a flow spec; raise `InvalidInput` if AEP has none of that id."""
    found = next((s for s in FLOWS if s.id == spec_id), None)
    if found is None:
        known = ", ".join(f"{s.name} ({s.id})" for s in FLOWS)
        raise InvalidInput(f"there is no flow spec {spec_id!r}; known are {known}")
    return found


def kind_of(source_spec: str, target_spec: str) -> Kind:
    """Return what a flow between two connection specs does; raise `InvalidInput` if nothing leads from one to other."""
    found = _KINDS.get((source_spec, target_spec))
    if found is None:
        source, target = connection_spec(source_spec).name, connection_spec(target_spec).name
        known = "; ".join(f"{connection_spec(s).name} to {connection_spec(t).name}" for s, t in _KINDS)
        raise InvalidInput(f"no flow leads from {source} to {target}; known are {known}")
    return found
