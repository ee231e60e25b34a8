"""Field groups of both classes (profile contract, sections 1.2 and 1.5)."""

from __future__ import annotations

from limbeck.xdm.standard.build import FieldGroup, mapping, tree
from limbeck.xdm.standard.datatypes import IDENTITY_ITEM
from limbeck.xdm.standard.ids import CONTEXT, EXPERIENCE_EVENT, PROFILE
from limbeck.xdm.types import Array

IDENTITY_MAP = mapping(Array(IDENTITY_ITEM.type), "Identities of the row, by namespace")

GROUPS = (
    FieldGroup(
        f"{CONTEXT}identitymap",
        "Identity Map",
        "The identities of a row, as lists keyed by namespace.",
        (PROFILE, EXPERIENCE_EVENT),
        tree({"identityMap": IDENTITY_MAP}),
    ),
)
