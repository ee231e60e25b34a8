"""Relations of the database `qsaccel`, which tell of a sandbox's profiles (REST contract, section 7.2).

AEP keeps them in its accelerated store; here they are made when they are asked for. Names of columns are in capitals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from limbeck.registry import Registry
from limbeck.scope import DEFAULT_MERGE_POLICY, Sandbox

POLICY_ID = 1
"""The number of the one merge policy in these relations."""


@dataclass(frozen=True, slots=True)
class Report:
    """One such relation."""

    schema: pa.Schema
    rows: Callable[[Registry, Sandbox], pa.Table]


_POLICIES = pa.schema(
    [("MERGE_POLICY_ID", pa.int64()), ("MERGE_POLICY", pa.string()), ("IS_DEFAULT_MERGE_POLICY", pa.bool_())]
)
_NAMESPACES = pa.schema(
    [("NAMESPACE_ID", pa.int64()), ("NAMESPACE_DESCRIPTION", pa.string()), ("MERGE_POLICY_ID", pa.int64())]
)


def _policies(_registry: Registry, _sandbox: Sandbox) -> pa.Table:
    """The one merge policy."""
    return pa.table([[POLICY_ID], [DEFAULT_MERGE_POLICY], [True]], schema=_POLICIES)


def _namespaces(registry: Registry, sandbox: Sandbox) -> pa.Table:
    """The namespaces that identities may be of."""
    found = registry.namespaces.all(sandbox)
    columns = [[n.id for n in found], [n.code for n in found], [POLICY_ID] * len(found)]
    return pa.table(columns, schema=_NAMESPACES)


REPORTS: Mapping[str, Report] = {
    "qsaccel.profile_agg.adwh_dim_merge_policies": Report(_POLICIES, _policies),
    "qsaccel.profile_agg.adwh_dim_namespaces": Report(_NAMESPACES, _namespaces),
}
"""By lower-case name."""
