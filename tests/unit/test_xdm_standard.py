"""The standard classes and field groups hold the fields that the published workflow fills."""

import pytest

from limbeck.registry.resolve import resolve
from limbeck.xdm import standard
from limbeck.xdm.json_schema import parse_object
from limbeck.xdm.types import Array, Map, Object

CONTEXT = "https://ns.adobe.com/xdm/context/"
MIXINS = "https://ns.adobe.com/xdm/mixins/profile/"


def _under(prefix, *names):
    return [f"{prefix}.{name}" for name in names]


ADDRESS = ("street1", "city", "stateProvince", "state", "postalCode", "country", "countryCode")
LOYALTY = _under("loyalty", "loyaltyID", "points", "tier", "status", "joinDate")
MARKETING = ("any.val", "email.val", "sms.val", "push.val", "call.val", "postalMail.val", "preferred")
END_USER_ID = ("id", "namespace.code", "primary")

EXPECTED = {
    f"{CONTEXT}profile": [
        *("_id", "personID", "createdByBatchID", "modifiedByBatchID"),
        *("repositoryCreatedBy", "repositoryLastModifiedBy", "identityMap"),
    ],
    f"{CONTEXT}experienceevent": ["_id", "timestamp", "eventType", "eventMergeId", "producedBy", "identityMap"],
    f"{CONTEXT}profile-person-details": [
        *_under("person.name", "firstName", "middleName", "lastName", "fullName"),
        *_under("person", "gender", "birthDate", "birthDayAndMonth", "birthYear"),
    ],
    f"{CONTEXT}profile-personal-details": [
        *_under("personalEmail", "address", "primary", "status"),
        *("mobilePhone.number", "homePhone.number"),
        *_under("homeAddress", *ADDRESS),
    ],
    f"{CONTEXT}profile-work-details": ["workEmail.address", "workPhone.number", *_under("workAddress", *ADDRESS)],
    f"{CONTEXT}profile-loyalty-details": LOYALTY,
    f"{MIXINS}profile-loyalty-details": LOYALTY,
    f"{MIXINS}profile-user-account-details": [],
    f"{CONTEXT}profile-consents": [
        *_under("consents", "collect.val", "share.val", "personalize.content.val", "metadata.time"),
        *_under("consents.marketing", *MARKETING),
    ],
    f"{CONTEXT}profile-privacy": ["privacyOptOuts"],
    f"{CONTEXT}profile-preferences-details": ["optInOut.globalOptout"],
    f"{CONTEXT}identitymap": ["identityMap"],
    f"{CONTEXT}profile-segmentation": ["segmentMembership"],
    f"{CONTEXT}experienceevent-directmarketing": [
        *_under("directMarketing", "sends.value", "emailDelivered.value", "opens.value", "clicks.value"),
        *_under("directMarketing", "offerOpens.value", "emailVisitorID", "hashedEmail", "messageID"),
    ],
    f"{CONTEXT}experienceevent-web": [
        *_under("web.webPageDetails", "name", "URL", "server", "siteSection", "viewName", "isErrorPage"),
        *_under("web.webPageDetails", "isHomePage", "pageViews.value"),
        *_under("web.webInteraction", "name", "URL", "region", "type", "linkClicks.value"),
        *_under("web.webReferrer", "URL", "type"),
    ],
    f"{CONTEXT}experienceevent-commerce": [
        *_under("commerce", "productViews.value", "productListAdds.value", "checkouts.value"),
        *_under("commerce", "purchases.value", "abandons.value"),
        *_under("commerce.order", "purchaseID", "priceTotal", "currencyCode"),
        "productListItems",
    ],
    f"{CONTEXT}experienceevent-enduserids": [
        *_under("endUserIDs._experience.ecid", *END_USER_ID),
        *_under("endUserIDs._experience.mcid", *END_USER_ID),
        *_under("endUserIDs._experience.emailid", *END_USER_ID),
        *_under("endUserIDs._experience.aaid", *END_USER_ID),
    ],
}


def _fields(id: str) -> Object:
    every = {i: body for bodies in standard.resources().values() for i, body in bodies.items()}
    return parse_object(resolve(every[id], every.get))


@pytest.mark.parametrize("id", EXPECTED)
def test_resource_has_its_fields(id):
    found = _fields(id)
    assert [path for path in EXPECTED[id] if found.find(path) is None] == []


def test_nothing_else_is_served():
    served = standard.resources()
    assert {*served["classes"], *served["fieldgroups"]} == set(EXPECTED)
    assert len(served["behaviors"]) == 3
    assert {ref for body in served["fieldgroups"].values() for ref in _refs(body)} <= set(served["datatypes"])


def _refs(node):
    if isinstance(node, list):
        return [ref for child in node for ref in _refs(child)]
    if not isinstance(node, dict):
        return []
    below = [ref for child in node.values() for ref in _refs(child)]
    return below if node.get("$ref", "#").startswith("#") else [node["$ref"], *below]


def test_every_data_type_is_used_and_a_structure_of_its_own():
    served = standard.resources()
    used = {ref for bodies in served.values() for body in bodies.values() for ref in _refs(body)}
    assert set(served["datatypes"]) <= used
    assert _refs(served["fieldgroups"][f"{CONTEXT}profile-person-details"]) == [f"{CONTEXT}person"]
    assert _refs(served["datatypes"][f"{CONTEXT}person"]) == [f"{CONTEXT}person-name"]
    for id in served["datatypes"]:
        assert _fields(id).fields


def test_events_need_id_and_time_and_profiles_need_nothing():
    event, person = _fields(standard.EXPERIENCE_EVENT), _fields(standard.PROFILE)
    assert [f.name for f in event.fields if f.required] == ["_id", "timestamp"]
    assert [f.name for f in person.fields if f.required] == []


def test_open_and_closed_values():
    event = _fields(standard.EXPERIENCE_EVENT)
    assert event.find("eventType").type.enum is None
    gender = _fields(f"{CONTEXT}profile-person-details").find("person.gender").type
    assert gender.enum == ("male", "female", "not_specified", "non_specific")
    consent = _fields(f"{CONTEXT}profile-consents").find("consents.collect.val").type
    assert consent.enum == ("y", "n", "p", "u", "dy", "dn")


def test_identity_map_and_membership_are_maps():
    identities = _fields(standard.PROFILE).find("identityMap").type
    assert isinstance(identities, Map)
    assert isinstance(identities.values, Array)
    assert [f.name for f in identities.values.items.fields] == ["id", "authenticatedState", "primary"]
    membership = _fields(f"{CONTEXT}profile-segmentation").find("segmentMembership").type
    assert membership.values.values.find("payload.payloadPropensityValue") is not None


def test_field_groups_extend_served_classes_and_say_so():
    served = standard.resources()
    for body in served["fieldgroups"].values():
        assert set(body["meta:intendedToExtend"]) <= set(served["classes"]), body["$id"]
        assert body["title"]
        assert body["meta:altId"] == standard.alt_id(body["$id"])
