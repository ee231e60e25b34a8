"""The event class and its field groups (profile contract, sections 1.1 and 1.2)."""

from __future__ import annotations

from limbeck.xdm.standard.build import FieldGroup, array, leaf, text, tree
from limbeck.xdm.standard.datatypes import COMMERCE, IDENTITY, PRODUCT_LIST_ITEM, WEB, measure
from limbeck.xdm.standard.ids import CONTEXT, EXPERIENCE_EVENT
from limbeck.xdm.standard.shared import IDENTITY_MAP
from limbeck.xdm.types import Field

EVENT_FIELDS = tree(
    {
        "eventType": text("Kind of event"),
        "eventMergeId": text("Events with the same value are parts of one"),
        "producedBy": text("Who caused the event"),
        "identityMap": IDENTITY_MAP,
    }
)


_DIRECT_MARKETING = {
    "directMarketing.sends": measure("Messages sent"),
    "directMarketing.emailDelivered": measure("Messages delivered"),
    "directMarketing.opens": measure("Messages opened"),
    "directMarketing.clicks": measure("Links clicked"),
    "directMarketing.offerOpens": measure("Offers opened"),
    "directMarketing.emailVisitorID": text("Visitor identifier of the message"),
    "directMarketing.hashedEmail": text("Hashed e-mail address"),
    "directMarketing.messageID": text("Message identifier"),
}

_COMMERCE = {
    "commerce": leaf(COMMERCE.type, "Commerce"),
    "productListItems": array(PRODUCT_LIST_ITEM.type, "Products concerned"),
}

_END_USER_IDS = {
    f"endUserIDs._experience.{kind}": leaf(IDENTITY.type, title)
    for kind, title in {"ecid": "ECID", "mcid": "MCID", "emailid": "E-mail", "aaid": "AAID"}.items()
}


def _group(suffix: str, title: str, description: str, fields: dict[str, Field]) -> FieldGroup:
    return FieldGroup(f"{CONTEXT}experienceevent-{suffix}", title, description, (EXPERIENCE_EVENT,), tree(fields))


GROUPS = (
    _group("directmarketing", "Direct Marketing Details", "What became of a message sent.", _DIRECT_MARKETING),
    _group("web", "Web Details", WEB.description, {"web": leaf(WEB.type, "Web")}),
    _group("commerce", "Commerce Details", COMMERCE.description, _COMMERCE),
    _group("enduserids", "End User ID Details", "Identities of the person, by kind.", _END_USER_IDS),
)
