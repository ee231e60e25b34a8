"""The profile class and its field groups (profile contract, sections 1.1, 1.2 and 5.6)."""

from __future__ import annotations

from limbeck.xdm.standard.build import FieldGroup, array, leaf, mapping, scalar, text, tree
from limbeck.xdm.standard.datatypes import ADDRESS, EMAIL_ADDRESS, PERSON, PHONE_NUMBER, SEGMENT_MEMBERSHIP
from limbeck.xdm.standard.ids import CONTEXT, MIXINS, PROFILE
from limbeck.xdm.standard.shared import IDENTITY_MAP
from limbeck.xdm.types import Field, Map, Object, Scalar

PROFILE_FIELDS = tree(
    {
        "_id": text("Row identifier"),
        "createdByBatchID": text("Batch that created the row"),
        "modifiedByBatchID": text("Batch that last changed the row"),
        "personID": text("Person identifier"),
        "repositoryCreatedBy": text("Who created the row"),
        "repositoryLastModifiedBy": text("Who last changed the row"),
        "identityMap": IDENTITY_MAP,
    }
)

_PERSONAL_CONTACT = {
    "personalEmail": leaf(EMAIL_ADDRESS.type, "Private e-mail address"),
    "mobilePhone": leaf(PHONE_NUMBER.type, "Mobile phone"),
    "homePhone": leaf(PHONE_NUMBER.type, "Phone at home"),
    "homeAddress": leaf(ADDRESS.type, "Home address"),
}

_WORK_CONTACT = {
    "workEmail": leaf(EMAIL_ADDRESS.type, "E-mail address at work"),
    "workPhone": leaf(PHONE_NUMBER.type, "Phone at work"),
    "workAddress": leaf(ADDRESS.type, "Work address"),
}

_LOYALTY = {
    "loyalty.loyaltyID": array(Scalar("string"), "Membership numbers"),
    "loyalty.points": scalar("number", "Points balance"),
    "loyalty.tier": text("Tier"),
    "loyalty.status": text("Membership status"),
    "loyalty.joinDate": scalar("date-time", "When the person joined"),
}

_CONSENT = text("Choice", "y", "n", "p", "u", "dy", "dn")

_CONSENTS = {
    "consents.collect.val": _CONSENT,
    "consents.share.val": _CONSENT,
    "consents.personalize.content.val": _CONSENT,
    "consents.marketing.preferred": text("Preferred channel"),
    "consents.marketing.any.val": _CONSENT,
    "consents.marketing.email.val": _CONSENT,
    "consents.marketing.sms.val": _CONSENT,
    "consents.marketing.push.val": _CONSENT,
    "consents.marketing.call.val": _CONSENT,
    "consents.marketing.postalMail.val": _CONSENT,
    "consents.metadata.time": scalar("date-time", "When the choices last changed"),
}

_OPT_VALUES = ("not_provided", "pending", "out", "in")

_OPT_OUT = tree(
    {
        "optOutType": text("What was opted out of", "general_opt_out", "sales_sharing_opt_out"),
        "optOutValue": text("State", *_OPT_VALUES),
        "timestamp": scalar("date-time", "When it was stated"),
    }
)

_PREFERENCES = {
    "optInOut._channels": mapping(text("", *_OPT_VALUES).type, "State by channel URI"),
    "optInOut.globalOptout": scalar("boolean", "Opted out of all channels"),
}


def _group(id: str, title: str, description: str, fields: dict[str, Field] | Object) -> FieldGroup:
    body = fields if isinstance(fields, Object) else tree(fields)
    return FieldGroup(id, title, description, (PROFILE,), body)


GROUPS = (
    _group(
        f"{CONTEXT}profile-person-details",
        "Demographic Details",
        PERSON.description,
        {"person": leaf(PERSON.type, "Person")},
    ),
    _group(
        f"{CONTEXT}profile-personal-details",
        "Personal Contact Details",
        "How to reach a person in private life.",
        _PERSONAL_CONTACT,
    ),
    _group(f"{CONTEXT}profile-work-details", "Work Contact Details", "How to reach a person at work.", _WORK_CONTACT),
    _group(f"{CONTEXT}profile-loyalty-details", "Loyalty", "Membership in a loyalty programme.", _LOYALTY),
    _group(f"{MIXINS}profile-loyalty-details", "Loyalty Details", "Membership in a loyalty programme.", _LOYALTY),
    _group(
        f"{MIXINS}profile-user-account-details",
        "User Account Details",
        "The account of a person.",
        {"userAccount.ID": text("Account identifier")},
    ),
    _group(
        f"{CONTEXT}profile-consents",
        "Consents and Preferences",
        "What a person has agreed to: yes, no, pending, unknown, yes or no by default.",
        _CONSENTS,
    ),
    _group(
        f"{CONTEXT}profile-privacy",
        "Privacy Opt-Outs",
        "The older form of consent: opt-outs.",
        {"privacyOptOuts": array(_OPT_OUT, "Opt-outs")},
    ),
    _group(
        f"{CONTEXT}profile-preferences-details",
        "Channel Preferences",
        "The older form of preferences: opt-ins and opt-outs by channel.",
        _PREFERENCES,
    ),
    _group(
        f"{CONTEXT}profile-segmentation",
        "Segment Membership",
        "The audiences a person is in, by namespace and audience; written by the platform.",
        {"segmentMembership": mapping(Map(SEGMENT_MEMBERSHIP.type), "Memberships")},
    ),
)
