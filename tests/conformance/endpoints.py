"""The endpoints of the REST contract, each with its state: those with a `-` are missing, for the reason that follows.

A service's line names the section of the contract and the test that shows its endpoints. `test_endpoints.py` compares
the table with the routes of the application, and asks for what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

TABLE = """
IMS (3.1) tests/aepp/test_setup.py
    POST /ims/token/v3
    - POST /ims/token/v1: codes of a browser's login are Adobe's own
    POST /ims/exchange/jwt
Sandboxes (3.4) tests/rest/test_sandboxes.py /data/foundation/sandbox-management
    GET /sandboxes
    POST /sandboxes
    GET /sandboxes/{name}
    PUT /sandboxes/{name}
    PATCH /sandboxes/{name}
    DELETE /sandboxes/{name}
    GET /sandboxTypes
Sandbox tooling (13) tests/aepp/test_services.py /data/foundation/exim
    - GET /packages: schemas go from sandbox to sandbox by rpc/export and rpc/import
    - GET /transfer/list: organisations share nothing
    - GET /handshake/list: organisations share nothing
Access Control (3.6) tests/rest/test_access_control.py /data/foundation/access-control
    GET /acl/reference
    POST /acl/effective-policies
    GET /administration/roles
    GET /administration/roles/{id}
    GET /administration/roles/{id}/subjects
    - POST /administration/roles: roles are viewer, editor and admin
    - GET /administration/policies: what a role allows does not depend on labels
    - GET /administration/products: there are no products
Schema Registry (4) tests/rest/test_resources.py /data/foundation/schemaregistry
    GET /stats
    GET /{container}/{kind}
    GET /{container}/{kind}/{id}
    POST /tenant/{kind}
    PUT /tenant/{kind}/{id}
    PATCH /tenant/{kind}/{id}
    DELETE /tenant/{kind}/{id}
    GET /tenant/descriptors
    POST /tenant/descriptors
    GET /tenant/descriptors/{id}
    PUT /tenant/descriptors/{id}
    DELETE /tenant/descriptors/{id}
    GET /tenant/unions
    GET /tenant/unions/{id}
    GET /rpc/sampledata/{id}
    GET /rpc/export/{id}
    POST /rpc/export
    POST /rpc/import
    GET /rpc/auditlog/{id}
Catalog (5) tests/rest/test_batches.py /data/foundation/catalog
    POST /dataSets
    GET /dataSets
    GET /dataSets/{id}
    PUT /dataSets/{id}
    PATCH /dataSets/{id}
    PATCH /v2/dataSets/{id}
    DELETE /dataSets/{id}
    GET /batches
    GET /batches/{id}
    GET /batch/{id}
    - GET /ttl/{id}: rows do not expire
    GET /
    GET /dataSets/{id}/views
    GET /dataSets/{id}/views/{view}
    GET /dataSets/{id}/views/{view}/files
    GET /dataSetFiles
    GET /lastBatches
    - POST /batches: batches are opened at Batch Ingestion
Batch Ingestion (6) tests/rest/test_batches.py /data/foundation/import
    POST /batches
    POST /batches/{id}
    PUT /batches/{id}/datasets/{dataset}/files/{name}
    PATCH /batches/{id}/datasets/{dataset}/files/{name}
    POST /batches/{id}/datasets/{dataset}/files/{name}
    HEAD /batches/{id}/datasets/{dataset}/files/{name}
    PATCH /batches
    GET /batches/{id}/datasets/{dataset}/preview
Streaming (6.1) tests/aepp/test_services.py
    - POST /collection/{id}: rows come in batches
    - POST /collection/batch/{id}: rows come in batches
Data Access (13) tests/rest/test_data_access.py /data/foundation/export
    GET /batches/{id}/files
    GET /files/{id}
    HEAD /files/{id}
    GET /batches/{id}/failed
    GET /batches/{id}/meta
    GET /datasets/{id}/preview
Query Service (7.1) tests/behaviour/test_query_runs.py /data/foundation/query
    GET /connection_parameters
    POST /queries
    GET /queries
    GET /queries/{id}
    PATCH /queries/{id}
    DELETE /queries/{id}
    POST /query-templates
    GET /query-templates
    GET /query-templates/{id}
    PUT /query-templates/{id}
    DELETE /query-templates/{id}
    POST /schedules
    GET /schedules
    GET /schedules/{id}
    PATCH /schedules/{id}
    DELETE /schedules/{id}
    POST /schedules/{id}/runs
    GET /schedules/{id}/runs
    GET /schedules/{id}/runs/{run}
    - POST /accelerated-queries: there is no accelerated store
    - GET /statistics: SHOW STATISTICS tells in SQL
    - GET /alert-subscriptions: nobody is alerted
Flow Service (8.2) tests/behaviour/test_flow_api.py /data/foundation/flowservice
    GET /connectionSpecs
    GET /connectionSpecs/{id}
    GET /connectionSpecs/{id}/configs
    GET /connectionSpecs/{id}/explore
    GET /flowSpecs
    GET /flowSpecs/{id}
    POST /{kind}
    GET /{kind}
    GET /{kind}/{id}
    PATCH /{kind}/{id}
    DELETE /{kind}/{id}
    POST /flows/{id}/action
    GET /connections/{id}/test
    GET /runs
    POST /runs
    GET /runs/{id}
Ad-hoc activation (8.6) tests/behaviour/test_flow_api.py /data/core/activation/disflowprovider
    POST /adhocrun
Data Prep (8.5) tests/behaviour/test_flow_mappings.py /data/foundation/conversion
    POST /mappingSets
    GET /mappingSets
    GET /mappingSets/{id}
    PUT /mappingSets/{id}
    DELETE /mappingSets/{id}
    GET /mappingSets/{id}/mappings
    POST /mappingSets/{id}/mappings
    GET /mappingSets/{id}/mappings/{mapping}
    PUT /mappingSets/{id}/mappings/{mapping}
    DELETE /mappingSets/{id}/mappings/{mapping}
    - GET /mappingSets/suggestion: nobody guesses mappings
    - GET /xdmBatchConversions: files are mapped by dataflows
    POST /mappingSets/preview
    GET /languages/el/functions
    GET /languages/el/operators
    POST /languages/el/validate
Landing zone (9.1) tests/rest/test_blobs.py /data/foundation/connectors/landingzone
    GET /
    GET /credentials
    POST /credentials
Segmentation (10.1) tests/behaviour/test_audiences.py /data/core/ups
    POST /segment/definitions
    GET /segment/definitions
    GET /segment/definitions/{id}
    PATCH /segment/definitions/{id}
    PUT /segment/definitions/{id}
    DELETE /segment/definitions/{id}
    POST /segment/jobs
    GET /segment/jobs
    GET /segment/jobs/{id}
    DELETE /segment/jobs/{id}
    POST /segment/definitions/bulk-get
    POST /preview
    GET /preview/{id}
    DELETE /preview/{id}
    GET /estimate/{id}
    POST /config/schedules
    GET /config/schedules
    GET /config/schedules/{id}
    PATCH /config/schedules/{id}
    DELETE /config/schedules/{id}
    - GET /export/jobs: audiences are delivered by flows
    - POST /segment/conversion: rules are texts (pql/text)
    - GET /search/namespaces: definitions are listed by their properties
    - GET /search/entities: definitions are listed by their properties
    - GET /audiences: segment definitions are the same under their older name
Profile (10.2) tests/behaviour/test_profile.py /data/core/ups
    GET /access/entities
    POST /access/entities
    - DELETE /access/entities: a person goes with the rows of the lake
    GET /config/mergePolicies
    GET /config/mergePolicies/{id}
    - POST /config/mergePolicies: there is one
    - GET /previewsamplestatus: SQL counts people
    - GET /system/jobs: Profile reads the lake, and a dataset that is deleted goes from it
    - GET /config/projections: nothing is served at the edge
    - GET /config/destinations: nothing is served at the edge
Computed attributes, external audiences (10) tests/aepp/test_services.py /data/core
    - POST /ais/external-audience: a list of people comes as a dataset
    - GET /ca/attributes: computed attributes are columns of tables that SQL makes
Identity (10.3) tests/behaviour/test_identity.py /data/core
    GET /idnamespace/identities
    POST /idnamespace/identities
    GET /idnamespace/identities/{id}
    PUT /idnamespace/identities/{id}
    - GET /idnamespace/orgs/{id}/identities: each sandbox has its own
    GET /identity/identity
    - POST /identity/v2/graph: SQL and profile look-up tell who belongs together
    - GET /identity/mapping: SQL and profile look-up tell who belongs together
    - POST /identity/mapping: SQL and profile look-up tell who belongs together
    - GET /identity/cluster/members: SQL and profile look-up tell who belongs together
    - GET /identity/cluster/history: clusters have no history
Governance (11) tests/rest/test_errors.py /data/foundation
    - GET /dulepolicy/labels/core: labels are descriptors of the Schema Registry
    - GET /dataset/datasets/{id}/labels: labels are descriptors of the Schema Registry
Audit (11) tests/rest/test_audit.py /data/foundation/audit
    GET /events
Observability (12) tests/rest/test_observability.py /data/infrastructure/observability
    POST /insights/metrics
Limbeck's own () tests/behaviour/test_client_sql.py
    POST /limbeck/v1/sql
    GET /health
Who calls () tests/rest/test_credential.py
    GET /limbeck/v1/credential
"""


@dataclass(frozen=True)
class Endpoint:
    """A method of a path."""

    service: str
    section: str
    test: str
    method: str
    path: str
    missing: str = ""
    """Why it is not served; empty: it is."""

    @property
    def state(self) -> str:
        """In words."""
        return f"missing: {self.missing}" if self.missing else "served"


def endpoints() -> Iterator[Endpoint]:
    """All of them, by service."""
    service, section, test, base = "", "", "", ""
    for line in TABLE.strip().splitlines():
        if not line.startswith(" "):
            service, _, rest = line.partition(" (")
            section, _, rest = rest.partition(") ")
            test, _, base = rest.partition(" ")
            continue
        told, _, missing = line.strip().removeprefix("- ").partition(": ")
        method, _, path = told.partition(" ")
        yield Endpoint(service, section, test, method, f"{base}{path}".removesuffix("/"), missing)
