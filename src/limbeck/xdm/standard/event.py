"""The event class and its field groups (profile contract, sections 1.1 and 1.2)."""

from __future__ import annotations

from limbeck.xdm.standard.build import FieldGroup, array, scalar, text, tree
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


def _measure(title: str) -> Field:
    return scalar("number", title)


_DIRECT_MARKETING = {
    "directMarketing.sends.value": _measure("Messages sent"),
    "directMarketing.emailDelivered.value": _measure("Messages delivered"),
    "directMarketing.opens.value": _measure("Messages opened"),
    "directMarketing.clicks.value": _measure("Links clicked"),
    "directMarketing.offerOpens.value": _measure("Offers opened"),
    "directMarketing.emailVisitorID": text("Visitor identifier of the message"),
    "directMarketing.hashedEmail": text("Hashed e-mail address"),
    "directMarketing.messageID": text("Message identifier"),
}

_WEB = {
    "web.webPageDetails.name": text("Page name"),
    "web.webPageDetails.URL": text("Page address"),
    "web.webPageDetails.server": text("Server of the page"),
    "web.webPageDetails.siteSection": text("Part of the site"),
    "web.webPageDetails.viewName": text("Name of the view inside the page"),
    "web.webPageDetails.isErrorPage": scalar("boolean", "Error page"),
    "web.webPageDetails.isHomePage": scalar("boolean", "Home page"),
    "web.webPageDetails.pageViews.value": _measure("Page views"),
    "web.webInteraction.name": text("Link name"),
    "web.webInteraction.URL": text("Link address"),
    "web.webInteraction.region": text("Part of the page"),
    "web.webInteraction.type": text("Kind of link"),
    "web.webInteraction.linkClicks.value": _measure("Clicks on the link"),
    "web.webReferrer.URL": text("Referring address"),
    "web.webReferrer.type": text("Kind of referrer"),
}

_COMMERCE = {
    "commerce.productViews.value": _measure("Products viewed"),
    "commerce.productListAdds.value": _measure("Products put into the basket"),
    "commerce.checkouts.value": _measure("Checkouts begun"),
    "commerce.purchases.value": _measure("Orders placed"),
    "commerce.abandons.value": _measure("Baskets abandoned"),
    "commerce.order.purchaseID": text("Order number"),
    "commerce.order.priceTotal": scalar("number", "Order total"),
    "commerce.order.currencyCode": text("Currency of the order, ISO 4217"),
    "productListItems": array(
        tree(
            {
                "SKU": text("Stock keeping unit"),
                "name": text("Product name"),
                "quantity": scalar("int", "Units"),
                "priceTotal": scalar("number", "Price of all units"),
            }
        ),
        "Products concerned",
    ),
}

_END_USER_ID = {
    "id": text("Identity value"),
    "namespace.code": text("Namespace"),
    "primary": scalar("boolean", "Primary identity"),
}

_END_USER_IDS = {
    f"endUserIDs._experience.{kind}.{path}": field
    for kind in ("ecid", "mcid", "emailid", "aaid")
    for path, field in _END_USER_ID.items()
}


def _group(suffix: str, title: str, description: str, fields: dict[str, Field]) -> FieldGroup:
    return FieldGroup(f"{CONTEXT}experienceevent-{suffix}", title, description, (EXPERIENCE_EVENT,), tree(fields))


GROUPS = (
    _group("directmarketing", "Direct Marketing Details", "What became of a message sent.", _DIRECT_MARKETING),
    _group("web", "Web Details", "A page view or a click on a site.", _WEB),
    _group("commerce", "Commerce Details", "A step towards an order, or the order.", _COMMERCE),
    _group("enduserids", "End User ID Details", "Identities of the person, by kind.", _END_USER_IDS),
)
