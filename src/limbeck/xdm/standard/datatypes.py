"""The data types of which the standard field groups are made (profile contract, section 1.2)."""

from __future__ import annotations

from limbeck.xdm.standard.build import DataType, leaf, scalar, text, tree
from limbeck.xdm.standard.ids import COMMON, CONTEXT, DATA
from limbeck.xdm.types import Field

MEASURE = DataType(
    f"{DATA}measure", "Measure", "A number that was counted or measured.", tree({"value": scalar("number", "Value")})
)

NAME = DataType(
    f"{CONTEXT}person-name",
    "Full name",
    "The parts of a person's name.",
    tree(
        {
            "firstName": text("First name"),
            "middleName": text("Middle name"),
            "lastName": text("Last name"),
            "fullName": text("Full name"),
        }
    ),
)

PERSON = DataType(
    f"{CONTEXT}person",
    "Person",
    "Who a person is.",
    tree(
        {
            "name": leaf(NAME.type, "Full name"),
            "gender": text("Gender", "male", "female", "not_specified", "non_specific"),
            "birthDate": scalar("date", "Date of birth"),
            "birthDayAndMonth": text("Birthday, as MM-DD", pattern="^[0-1][0-9]-[0-3][0-9]$"),
            "birthYear": scalar("int", "Year of birth"),
        }
    ),
)

EMAIL_ADDRESS = DataType(
    f"{CONTEXT}emailaddress",
    "Email address",
    "An e-mail address.",
    tree(
        {
            "address": text("E-mail address", format="email"),
            "primary": scalar("boolean", "Main e-mail address of the person"),
            "status": text("Whether mail can be delivered"),
        }
    ),
)

PHONE_NUMBER = DataType(
    f"{CONTEXT}phonenumber", "Phone number", "A phone number.", tree({"number": text("Phone number")})
)

ADDRESS = DataType(
    f"{COMMON}address",
    "Postal address",
    "Where letters go.",
    tree(
        {
            "street1": text("Street, first line"),
            "city": text("City"),
            "stateProvince": text("State or province code"),
            "state": text("State or province name"),
            "postalCode": text("Postal code"),
            "country": text("Country"),
            "countryCode": text("Country code of two letters"),
        }
    ),
)

IDENTITY_ITEM = DataType(
    f"{CONTEXT}identityitem",
    "Identity item",
    "An identity of a row, of the namespace under which it stands.",
    tree(
        {
            "id": text("Identity value"),
            "authenticatedState": text("Authentication state", "ambiguous", "authenticated", "loggedOut"),
            "primary": scalar("boolean", "Primary identity of the row"),
        }
    ),
)

IDENTITY = DataType(
    f"{CONTEXT}identity",
    "Identity",
    "An identity with its namespace.",
    tree(
        {
            "id": text("Identity value"),
            "namespace.code": text("Namespace"),
            "primary": scalar("boolean", "Primary identity"),
        }
    ),
)

SEGMENT_MEMBERSHIP = DataType(
    f"{CONTEXT}segmentmembershipitem",
    "Segment membership item",
    "That a person is in an audience, or was.",
    tree(
        {
            "lastQualificationTime": scalar("date-time", "When the status was reached"),
            "status": text("Membership status", "realized", "existing", "exited"),
            "version": text("Version of the audience"),
            "validUntil": scalar("date-time", "When the membership ends"),
            "payload.payloadType": text("Kind of payload", "boolean", "number", "propensity", "string"),
            "payload.payloadBooleanValue": scalar("boolean", "Payload"),
            "payload.payloadNumberValue": scalar("number", "Payload"),
            "payload.payloadPropensityValue": scalar("number", "Payload, above 0 and up to 1"),
            "payload.payloadStringValue": text("Payload"),
        }
    ),
)


def measure(title: str) -> Field:
    """Return a measure."""
    return leaf(MEASURE.type, title)


WEB_PAGE = DataType(
    f"{CONTEXT}webpagedetails",
    "Web page details",
    "A page that was seen.",
    tree(
        {
            "name": text("Page name"),
            "URL": text("Page address"),
            "server": text("Server of the page"),
            "siteSection": text("Part of the site"),
            "viewName": text("Name of the view inside the page"),
            "isErrorPage": scalar("boolean", "Error page"),
            "isHomePage": scalar("boolean", "Home page"),
            "pageViews": measure("Page views"),
        }
    ),
)

WEB_INTERACTION = DataType(
    f"{CONTEXT}webinteraction",
    "Web interaction",
    "A click on a link.",
    tree(
        {
            "name": text("Link name"),
            "URL": text("Link address"),
            "region": text("Part of the page"),
            "type": text("Kind of link"),
            "linkClicks": measure("Clicks on the link"),
        }
    ),
)

WEB_REFERRER = DataType(
    f"{CONTEXT}webreferrer",
    "Web referrer",
    "Where a visitor came from.",
    tree({"URL": text("Referring address"), "type": text("Kind of referrer")}),
)

WEB = DataType(
    f"{CONTEXT}webinfo",
    "Web information",
    "A page view or a click on a site.",
    tree(
        {
            "webPageDetails": leaf(WEB_PAGE.type, "Page"),
            "webInteraction": leaf(WEB_INTERACTION.type, "Click"),
            "webReferrer": leaf(WEB_REFERRER.type, "Referrer"),
        }
    ),
)

ORDER = DataType(
    f"{DATA}order",
    "Order",
    "What was ordered together.",
    tree(
        {
            "purchaseID": text("Order number"),
            "priceTotal": scalar("number", "Order total"),
            "currencyCode": text("Currency of the order, ISO 4217"),
        }
    ),
)

PRODUCT_LIST_ITEM = DataType(
    f"{DATA}productlistitem",
    "Product list item",
    "A product of an order, a basket or a page.",
    tree(
        {
            "SKU": text("Stock keeping unit"),
            "name": text("Product name"),
            "quantity": scalar("int", "Units"),
            "priceTotal": scalar("number", "Price of all units"),
        }
    ),
)

COMMERCE = DataType(
    f"{CONTEXT}commerce",
    "Commerce",
    "A step towards an order, or the order.",
    tree(
        {
            "productViews": measure("Products viewed"),
            "productListAdds": measure("Products put into the basket"),
            "checkouts": measure("Checkouts begun"),
            "purchases": measure("Orders placed"),
            "abandons": measure("Baskets abandoned"),
            "order": leaf(ORDER.type, "Order"),
        }
    ),
)

DATA_TYPES = (
    *(MEASURE, NAME, PERSON, EMAIL_ADDRESS, PHONE_NUMBER, ADDRESS, IDENTITY_ITEM, IDENTITY, SEGMENT_MEMBERSHIP),
    *(WEB_PAGE, WEB_INTERACTION, WEB_REFERRER, WEB, ORDER, PRODUCT_LIST_ITEM, COMMERCE),
)
