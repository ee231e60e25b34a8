"""Field groups of both classes (profile contract, sections 1.2 and 1.5)."""

from __future__ import annotations

from limbeck.xdm.standard.build import FieldGroup, mapping, scalar, text, tree
from limbeck.xdm.standard.ids import CONTEXT, EXPERIENCE_EVENT, PROFILE
from limbeck.xdm.types import Array

IDENTITY_MAP = mapping(
    Array(
        tree(
            {
                "id": text("Identity value"),
                "authenticatedState": text("Authentication state", "ambiguous", "authenticated", "loggedOut"),
                "primary": scalar("boolean", "Primary identity of the row"),
            }
        )
    ),
    "Identities of the row, by namespace",
)

PHONE_NUMBER = text("Phone number")

EMAIL_ADDRESS = text("E-mail address", format="email")

ADDRESS = {
    "street1": text("Street, first line"),
    "city": text("City"),
    "stateProvince": text("State or province code"),
    "state": text("State or province name"),
    "postalCode": text("Postal code"),
    "country": text("Country"),
    "countryCode": text("Country code of two letters"),
}

GROUPS = (
    FieldGroup(
        f"{CONTEXT}identitymap",
        "Identity Map",
        "The identities of a row, as lists keyed by namespace.",
        (PROFILE, EXPERIENCE_EVENT),
        tree({"identityMap": IDENTITY_MAP}),
    ),
)
