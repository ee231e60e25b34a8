"""The methods of aepp's classes that no script calls: those of endpoints that are missing, and others for a reason.

A line without an indent is an endpoint of `tests/conformance/endpoints.py`, or a reason after `refused:` (by name, at
an endpoint that is served) or `aepp:` (the fault is its own). The methods below it are not called for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.endpoints import endpoints

MODULES = (
    "accesscontrol",
    "catalog",
    "customerprofile",
    "dataaccess",
    "dataprep",
    "destinationinstanceservice",
    "flowservice",
    "identity",
    "ingestion",
    "observability",
    "queryservice",
    "sandboxes",
    "segmentation",
)
"""Of aepp, whose classes call services that are served. The Schema Registry's have tests of their own."""

TABLE = """
POST /data/foundation/access-control/administration/roles
    AccessControl.deleteRole AccessControl.patchRole AccessControl.patchSubjects AccessControl.putRole
GET /data/foundation/access-control/administration/policies
    AccessControl.createPolicy AccessControl.deletePolicy AccessControl.getPolicies AccessControl.getPolicy
    AccessControl.patchPolicy AccessControl.putPolicy
GET /data/foundation/access-control/administration/products
    AccessControl.getPermissionCategories AccessControl.getPermissionSets AccessControl.getProducts
POST /data/foundation/catalog/batches
    Catalog.createBatch
GET /data/foundation/catalog/ttl/{id}
    Catalog.getDataSetExpiration
refused: a dataset has a schema of its own, not a union of all
    Catalog.createUnionProfileDataset
refused: rows do not expire
    Catalog.setDatasetTTL
aepp: it asks for a name, `url`, that it has never given
    Catalog.getResourceToFile
aepp: it takes each line of a Parquet file for a file; getFiles and transformDataToDataFrame do it
    DataAccess.getParquetFilesToDataFrame
POST /collection/{id}
    DataIngestion.streamMessage
POST /collection/batch/{id}
    DataIngestion.streamMessages
refused: rows come in batches, not in streams
    FlowService.createConnectionStreaming FlowService.createFlowStreaming FlowService.createSourceConnectionStreaming
refused: files go to the landing zone
    FlowService.createBaseConnectionBlobTarget FlowService.createBaseConnectionS3Target
aepp: it asks for an etag that it has never been given
    FlowService.updatePolicy
GET /data/foundation/conversion/mappingSets/suggestion
    DataPrep.getMappingSuggestions
GET /data/foundation/conversion/xdmBatchConversions
    DataPrep.createXDMConversion DataPrep.getXDMBatchConversion DataPrep.getXDMBatchConversionActivities
    DataPrep.getXDMBatchConversionRequestActivities DataPrep.getXDMBatchConversions
refused: namespaces are of people
    Identity.createB2BIdentities
GET /data/core/idnamespace/orgs/{id}/identities
    Identity.getIdentitiesIMS
GET /data/core/identity/mapping
    Identity.getIdentityMapping
POST /data/core/identity/mapping
    Identity.postIdentityMapping
POST /data/core/identity/v2/graph
    Identity.getLinkedIdentities
GET /data/core/identity/cluster/members
    Identity.getClustersMembers Identity.postClustersMembers
GET /data/core/identity/cluster/history
    Identity.getClusterHistory
refused: of qsaccel there are merge policies and namespaces, without counts by day
    InteractiveQuery.queryNamespacesDistribution InteractiveQuery.queryNamespacesTrend
    InteractiveQuery.queryProfilesTrend InteractiveQuery.querySegmentPopulationTrend
    InteractiveQuery2.queryNamespacesDistribution InteractiveQuery2.queryNamespacesTrend
    InteractiveQuery2.queryProfilesTrend InteractiveQuery2.queryAudiencePopulationTrend
POST /data/foundation/query/accelerated-queries
    QueryService.createAcceleratedQuery
GET /data/foundation/query/statistics
    QueryService.getDatasetStatistics
GET /data/foundation/query/alert-subscriptions
    QueryService.createAlertSubscription QueryService.deleteAlertSubscription QueryService.getAlertSubscriptions
    QueryService.getAlertSubscriptionsTypeId QueryService.getUserAlerts QueryService.patchAlert
GET /data/core/ca/attributes
    Profile.createComputedAttribute Profile.deleteComputedAttribute Profile.getComputedAttribute
    Profile.getComputedAttributes Profile.patchComputedAttribute
GET /data/core/ups/config/destinations
    Profile.createDestination Profile.deleteDestination Profile.getDestination Profile.getDestinations
    Profile.updateDestination
GET /data/core/ups/config/projections
    Profile.createProjection Profile.deleteProjection Profile.getProjection Profile.getProjections
    Profile.updateProjection
GET /data/core/ups/system/jobs
    Profile.createDeleteSystemJob Profile.deleteDeleteSystemJob Profile.getDeleteSystemJob
    Profile.getDeleteSystemJobs
GET /data/core/ups/export/jobs
    Profile.createExportJob Profile.deleteExportJob Profile.getExportJob Profile.getExportJobs
    Segmentation.createExport Segmentation.deleteExport Segmentation.getExport Segmentation.getExportJobs
POST /data/core/ups/config/mergePolicies
    Profile.createMergePolicy Profile.deleteMergePolicy Profile.patchMergePolicy Profile.updateMergePolicy
DELETE /data/core/ups/access/entities
    Profile.deleteEntity
GET /data/core/ups/previewsamplestatus
    Profile.getPreviewDataSet Profile.getPreviewDataSetOverlap Profile.getPreviewNamespace Profile.getPreviewStatus
GET /data/foundation/exim/packages
    PackageManager.addArtifact PackageManager.createPackage PackageManager.deleteArtifact
    PackageManager.publishPackage PackageManager.publishPackagePublic PackageManager.setDescription
    PackageManager.setExpiry PackageManager.setFullPackage PackageManager.setName PackageManager.updatePackageInfo
    Sandboxes.checkPermissions Sandboxes.createPackage Sandboxes.deletePackage Sandboxes.getImportExportJobs
    Sandboxes.getPackage Sandboxes.getPackageDependencies Sandboxes.getPackages Sandboxes.importPackage
    Sandboxes.importPackageCheck Sandboxes.publishPackage Sandboxes.updatePackage
GET /data/foundation/exim/transfer/list
    Sandboxes.getPublicPackages Sandboxes.getTransfer Sandboxes.getTransfers Sandboxes.importPublicPackage
    Sandboxes.publishPackagePublic Sandboxes.transferPackage
GET /data/foundation/exim/handshake/list
    Sandboxes.approvingShareRequest Sandboxes.createShareRequest Sandboxes.getShareRequests
POST /data/core/ups/segment/conversion
    Segmentation.convertSegmentDef
aepp: its loop ends when one state is two things at once: never
    Segmentation.estimateExpression
GET /data/core/ups/search/namespaces
    Segmentation.searchNamespaces
GET /data/core/ups/search/entities
    Segmentation.searchEntities
GET /data/core/ups/audiences
    Segmentation.createAudience Segmentation.deleteAudience Segmentation.getAudience Segmentation.getAudiences
    Segmentation.patchAudience Segmentation.putAudience
POST /data/core/ais/external-audience
    Segmentation.createExtenalAudience Segmentation.getExternalAudienceJob
    Segmentation.getExternalAudienceStatus Segmentation.runExternalAudienceJob
"""


@dataclass(frozen=True)
class Uncalled:
    """A method, and why no script calls it."""

    method: str
    heading: str
    """The endpoint, or the kind of reason."""
    reason: str
    """Empty if the endpoint is served by now."""


def uncalled() -> Iterator[Uncalled]:
    """All of them, in the table's order."""
    missing = {f"{e.method} {e.path}": e.missing for e in endpoints() if e.missing}
    heading = reason = ""
    for line in TABLE.strip().splitlines():
        if line.startswith(" "):
            yield from (Uncalled(method, heading, reason) for method in line.split())
        elif line.startswith(("refused: ", "aepp: ")):
            heading, _, reason = line.partition(": ")
        else:
            heading, reason = line, missing.get(line, "")


DOCS = Path(__file__).parents[2] / "docs" / "aepp.md"
BEGIN, END = (
    "<!-- from tests/aepp/methods.py by `python -m tests.conformance.compatibility --write` -->\n",
    "<!-- end -->\n",
)


def table() -> str:
    """The methods with their reasons, as docs/aepp.md has them."""
    reasons: dict[str, list[str]] = {}
    for one in uncalled():
        if one.reason and one.heading != "aepp":
            reasons.setdefault(one.reason, []).append(one.method)
    lines = [f"| {', '.join(f'`{name}`' for name in names)} | {reason} |" for reason, names in reasons.items()]
    return "\n".join(["| Methods | Why |", "|---|---|", *lines]) + "\n"


def written(text: str) -> str:
    """The text of docs/aepp.md with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"
