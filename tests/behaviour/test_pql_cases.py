"""Worked rules with the people they match, rules that are not served yet, and text that is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from limbeck.audience.pql import compile_rule, condition
from limbeck.errors import PqlError
from limbeck.xdm.arrow import arrow_type
from limbeck.xdm.types import Object
from tests.pql_interpreter import leaf, relation, union

NOW = dt.datetime(2024, 6, 15, 12, tzinfo=dt.UTC)

PROFILE = {
    "person.name.firstName": "string",
    "person.name.lastName": "string",
    "person.gender": "string",
    "person.birthDate": "date",
    "person.birthYear": "short",
    "person.birthMonth": "byte",
    "homeAddress.countryCode": "string",
    "homeAddress.country": "string",
    "homeAddress.stateProvince": "string",
    "homeAddress.city": "string",
    "workAddress.stateProvince": "string",
    "personalEmail.address": "string",
    "loyalty.points": "long",
    "consents.marketing.email.val": "string",
    "_acme.propensity": "number",
    "_acme.tier": "string",
    "_acme.tags": "[string]",
    "segmentMembership": "map",
    "identityMap": "map",
}
EVENT = {
    "_id": "string",
    "timestamp": "date-time",
    "eventType": "string",
    "web.webPageDetails.name": "string",
    "commerce.order.priceTotal": "number",
    "commerce.order.currencyCode": "string",
    "commerce.checkouts.value": "number",
    "productListItems": "objects",
}
UNION = union({path: leaf(kind) for path, kind in PROFILE.items()})
EVENTS = union({path: leaf(kind) for path, kind in EVENT.items()})


PEOPLE = """
1 Ada/Byron female 1990-06-15 US/CA/San_Jose CA ada@example.com 1200 y 0.82 gold vip,beta
2 Bob/Ng male 1985-12-03 CA/ON/Toronto QC bob@example.org 300 y 0.45 silver beta
3 Cy/Roe male 2001-06-30 US/TX/Dallas - CY@EXAMPLE.COM 0 n 0.2 - ,
4 Dee/Boyd female 1999-01-20 US/NY/New_York NY - 5000 - 0.93 Gold vip
5 -/- - - -/-/- - - - - - - -
6 Fay/Orr non_specific 1985-03-09 US/CA/Los_Angeles - fay@example.com 50 y 0.931 bronze vip,beta,internal
"""
HAPPENED = """
1 e1 06-14T09:00 directMarketing.emailSent
1 e2 06-14T09:30 directMarketing.emailOpened
1 e3 06-14T10:00 web.webpagedetails.pageViews home
1 e4 06-14T10:05 commerce.productViews
1 e5 06-15T08:00 commerce.purchases - 120 USD
2 e6 06-01T12:00 directMarketing.emailSent
2 e7 06-03T12:00 commerce.productViews
2 e8 06-10T15:00 commerce.purchases - 60 CAD
3 e9 05-20T00:00 web.webpagedetails.pageViews home
3 e10 06-15T11:30 commerce.checkouts
4 e11 06-08T12:00 commerce.purchases - 700 USD
4 e12 06-12T12:00 commerce.purchases - 500 USD
5 e13 06-15T10:00 web.webpagedetails.pageViews home
5 e14 06-15T11:00 web.formFilledOut subscriptionForm
"""
MEMBERS = [("1", "S1"), ("4", "S1"), ("4", "S2")]

SERVED = {
    1: ("_acme.propensity >= 0.2 and _acme.propensity <= 0.93", "1234"),
    2: ("_acme.propensity > 0.2 and _acme.propensity < 0.93", "12"),
    3: ("_acme.propensity >= 0.931", "6"),
    4: ("_acme.propensity.isNull()", "5"),
    5: ("_acme.propensity.isNotNull() and not (_acme.propensity >= 0.5)", "23"),
    6: ("homeAddress.stateProvince = workAddress.stateProvince", "14"),
    7: ("$1.homeAddress.stateProvince = $1.workAddress.stateProvince", "14"),
    8: ("(Profile) => Profile.homeAddress.stateProvince = Profile.workAddress.stateProvince", "14"),
    9: ('homeAddress.countryCode = "US"', "1346"),
    10: ('homeAddress.countryCode != "US"', "25"),
    11: ('not (homeAddress.countryCode = "US")', "25"),
    12: ('!(homeAddress.countryCode = "US")', "25"),
    13: ('homeAddress.countryCode notIn ["US"]', "2"),
    14: ('homeAddress.stateProvince in ["CA","NY"]', "146"),
    15: ("person.birthMonth in [3, 6, 9]", "136"),
    16: ('person.gender in ["male"]', "23"),
    17: ('person.gender = "female" and _acme.propensity > 0.9 or homeAddress.city = "Dallas"', "34"),
    18: ('person.gender = "female" and (_acme.propensity > 0.9 or homeAddress.city = "Dallas")', "4"),
    19: ('not person.gender = "male" and person.birthYear < 1995', "16"),
    20: ("person.birthYear % 5 = 0", "126"),
    21: ("loyalty.points + 300 * 2 > 1700", "14"),
    22: ("loyalty.points / 0 > 1", ""),
    23: ('if(homeAddress.countryCode in ["US","MX","CA"], "NA", "ROW") = "ROW"', "5"),
    24: ('person.name.firstName.startsWith("A")', "1"),
    25: ('personalEmail.address.endsWith(".com")', "16"),
    26: ('personalEmail.address.endsWith(".com", false)', "136"),
    27: ('personalEmail.address.contains("EXAMPLE.COM", false)', "136"),
    28: ('personalEmail.address.doesNotContain("example.com")', "23"),
    29: ('person.name.lastName.doesNotStartWith("B")', "236"),
    30: ('_acme.tier.equals("gold")', "1"),
    31: ('_acme.tier.equals("gold", false)', "14"),
    32: ('_acme.tier.notEqualTo("gold", false)', "26"),
    33: ('homeAddress.city like "%as"', "3"),
    34: ('homeAddress.city like "D_llas"', "3"),
    35: ('person.name.firstName.matches("(?i)^d")', "4"),
    36: (r'personalEmail.address.regexGroup("@(\\w+)", 1) = "example"', "126"),
    43: ('"vip" in _acme.tags', "146"),
    44: ("person.birthDate.getMonth() = currentMonth()", "13"),
    45: ("person.birthDate.getDayOfMonth() <= 15", "126"),
    46: ("person.birthDate.getYear() in [1985, 2001]", "236"),
    47: ("person.birthDate occurs before date(1990, 1, 1)", "26"),
    48: ("person.birthDate occurs >= 30 years before today", "126"),
    49: ("person.birthDate occurs between date(1985, 1, 1) and date(1990, 6, 15)", "126"),
    50: ('select X from xEvent where X.eventType = "commerce.purchases"', "124"),
    51: ('exists X from xEvent where X.eventType = "commerce.purchases" and X.commerce.order.priceTotal > 100', "14"),
    52: ('(exists X from xEvent where X.eventType = "commerce.purchases") and homeAddress.countryCode = "CA"', "2"),
    74: ("exists X from xEvent where X.timestamp occurs last week", "24"),
    78: ("exists X from xEvent where X.timestamp occurs last month", "3"),
    79: (
        'exists X from xEvent where X.timestamp occurs this month and X.eventType = "directMarketing.emailSent"',
        "12",
    ),
    80: ("exists X from xEvent where X.timestamp occurs = 2 hours before now", "5"),
    81: ("exists X from xEvent where X.timestamp occurs = 3 days before today", "4"),
    82: ("exists X from xEvent where X.timestamp occurs <= 1 weeks from date(2024, 6, 8)", "124"),
    83: ("exists X from xEvent where X.timestamp occurs on yesterday", "1"),
    84: ('inSegment("S1")', "14"),
    85: ('not inSegment("S1") and homeAddress.countryCode = "US"', "36"),
    90: ('consents.marketing.email.val = "y" and _acme.propensity >= 0.8', "16"),
    91: ('if(person.birthMonth = 6, "june", "NA") = "june"', "13"),
    98: ('personalEmail.address.regexGroup("^([a-z]+)@(.*)$", 2) = "example.com"', "16"),
    100: ("-3 + 2 * 5 = 7 and 1 / 4 = 0.25 and 7 % 4 = 3 and not (loyalty.points / 0 = loyalty.points / 0)", "123456"),
}
"""By the contract's number: the rule and whom it matches. 91, 98 and 100 are values there, compared here."""

LISTS = "methods and projections of lists"
FILTERS = "filters of lists"
CHAINS = "chain"
MAPS = "maps"
QUANTIFIERS = "quantifiers beyond one list, xEvent"
BINDING = "bound values and folds"
NOT_SERVED = {
    37: ('_acme.tags.includes("vip")', LISTS),
    38: ('_acme.tags.intersects(["beta","internal"])', LISTS),
    39: ('_acme.tags.supersetOf(["vip","beta"])', LISTS),
    40: ('_acme.tags.subsetOf(["vip","beta"])', LISTS),
    41: ('_acme.tags.intersection(["vip","beta"]) = ["beta","vip"]', LISTS),
    42: ("_acme.tags.count() >= 2", LISTS),
    53: (
        'exists E from xEvent where (E.commerce.order.priceTotal > 50), I from E.productListItems where I.SKU = "PS"',
        QUANTIFIERS,
    ),
    54: ('forall X from xEvent where X.eventType = "commerce.purchases"', QUANTIFIERS),
    55: ('xEvent.isNotNull() and (forall X from xEvent : X.eventType = "commerce.purchases")', QUANTIFIERS),
    56: ('xEvent[productListItems[SKU = "PS"]]', FILTERS),
    57: ('xEvent[productListItems[SKU = "PS" or ^^.person.gender = "female"]]', FILTERS),
    58: ('xEvent[eventType = "commerce.purchases" and timestamp occurs <= 7 days before now].count() >= 2', FILTERS),
    59: ('xEvent[eventType = "commerce.purchases" and timestamp occurs < 7 days before now].count() >= 2', FILTERS),
    60: ('xEvent[eventType = "commerce.purchases"].sum(commerce.order.priceTotal) >= 500', FILTERS),
    61: ('xEvent[eventType = "commerce.purchases"].average(commerce.order.priceTotal) > 100', FILTERS),
    62: (
        'xEvent[eventType = "commerce.purchases"].topN(commerce.order.priceTotal, 1).head()'
        ".commerce.order.priceTotal = 700",
        FILTERS,
    ),
    63: (
        'xEvent[eventType = "commerce.purchases"].bottomN(commerce.order.priceTotal, 1).head()'
        '.commerce.order.currencyCode = "CAD"',
        FILTERS,
    ),
    64: ("xEvent.eventType.distinct().count() > 3", LISTS),
    65: (
        "let S = (sum X.commerce.order.priceTotal over X from xEvent where X.commerce.order.currencyCode "
        '= "USD") in (S > 100 and S < 1000)',
        BINDING,
    ),
    66: (
        'xEvent[eventType = "commerce.purchases"].groupBy(commerce.order.currencyCode)'
        '.map((K, G) => mapEntry(K, G.count())).get("USD") >= 2',
        FILTERS,
    ),
    67: ('chain(xEvent, timestamp, [A: WHAT(eventType = "commerce.purchases") WHEN(< 7 days before now)])', CHAINS),
    68: (
        'CHAIN(xEvent, timestamp, [C0: WHAT(eventType.equals("commerce.checkouts", false)) '
        "WHEN(<= 24 hours before now)])",
        CHAINS,
    ),
    69: ('CHAIN(xEvent, timestamp, [C0: WHAT(eventType.equals("web.formFilledOut", false)) WHEN(today)])', CHAINS),
    70: (
        'chain(xEvent, timestamp, [A: WHAT(eventType = "directMarketing.emailSent"), '
        'B: WHAT(eventType = "directMarketing.emailOpened"), C: WHAT(eventType = "commerce.purchases")])',
        CHAINS,
    ),
    71: (
        'chain(xEvent, timestamp, [A: WHAT(eventType = "commerce.purchases"), '
        'B: WHAT(eventType = "commerce.productViews")])',
        CHAINS,
    ),
    72: ('chain(xEvent, timestamp, [A: WHAT(eventType = "commerce.purchases") COUNT(2)])', CHAINS),
    73: (
        'chain(xEvent, timestamp, [A: WHAT(eventType = "commerce.productViews"), '
        'B: WHAT(eventType = "commerce.purchases") WHEN(this week)])',
        CHAINS,
    ),
    75: (
        'homeAddress.countryCode = "US" and not(chain(xEvent, timestamp, '
        '[X: WHAT(eventType = "commerce.purchases") WHEN(< 8 days before now)]))',
        CHAINS,
    ),
    76: ('chain(xEvent, timestamp, [C0: WHAT(productListItems.exists(name.equals("red shoe", false)))])', CHAINS),
    77: (
        'chain(xEvent, timestamp, [A: WHAT(eventType = "commerce.purchases") '
        "WHERE(productListItems.exists(quantity >= 3))])",
        CHAINS,
    ),
    86: ('segmentMembership.get("ups").get("S1").status = "exited"', MAPS),
    87: ('identityMap.keys().includes("CRMID")', MAPS),
    88: ('identityMap.get("ecid").count() > 1', MAPS),
    89: ('identityMap.values().exists(id = "bob@example.org")', MAPS),
    92: (
        "xEvent[commerce.order.priceTotal > 0].groupBy(commerce.order.currencyCode).map((K, V) => "
        'mapEntry(K, {"count": V.count(), "sum": V.sum(commerce.order.priceTotal)}))',
        FILTERS,
    ),
    93: (
        "xEvent[(commerce.checkouts.value > 0.0 or commerce.order.priceTotal >= 10.0) and "
        "(timestamp occurs <= 7 days before now)].sum(commerce.order.priceTotal)",
        FILTERS,
    ),
    94: ("xEvent.topN(timestamp, 1).map(_id)", LISTS),
    95: ("xEvent.bottomN(timestamp, 1).head().eventType", LISTS),
    96: (
        'sum X.commerce.order.priceTotal over X from xEvent where X.commerce.order.currencyCode = "USD"',
        BINDING,
    ),
    97: ("xEvent.average(commerce.order.priceTotal)", LISTS),
    99: ('_acme.tags.intersection(["vip","internal"])', LISTS),
}
"""By the contract's number: a rule that is PQL, and what of it is not served yet."""


def person(line: str) -> dict[str, Any]:
    """A line of PEOPLE as a row of `p`; `-` is absent, `_` a blank, `,` alone an empty list."""
    number, name, gender, born, home, work, email, points, consent, propensity, tier, tags = line.split()
    birth = dt.date.fromisoformat(born) if born != "-" else None
    country, state, city = (absent(part) for part in home.split("/"))
    return {
        "person": number,
        "person.name.firstName": absent(name.split("/")[0]),
        "person.name.lastName": absent(name.split("/")[1]),
        "person.gender": absent(gender),
        "person.birthDate": birth,
        "person.birthYear": birth and birth.year,
        "person.birthMonth": birth and birth.month,
        "homeAddress.countryCode": country,
        "homeAddress.country": country,
        "homeAddress.stateProvince": state,
        "homeAddress.city": city and city.replace("_", " "),
        "workAddress.stateProvince": absent(work),
        "personalEmail.address": absent(email),
        "loyalty.points": None if points == "-" else int(points),
        "consents.marketing.email.val": absent(consent),
        "_acme.propensity": None if propensity == "-" else float(propensity),
        "_acme.tier": absent(tier),
        "_acme.tags": None if tags == "-" else [tag for tag in tags.split(",") if tag],
    }


def happening(line: str) -> dict[str, Any]:
    """A line of HAPPENED as a row of `events`."""
    number, name, time, kind, page, total, currency = (*line.split(), "-", "-", "-")[:7]
    return {
        "person": number,
        "_id": name,
        "timestamp": dt.datetime.fromisoformat(f"2024-{time}"),
        "eventType": kind,
        "web.webPageDetails.name": absent(page),
        "commerce.order.priceTotal": None if total == "-" else float(total),
        "commerce.order.currencyCode": absent(currency),
    }


def absent(text: str) -> str | None:
    return None if text == "-" else text


def known(name: str) -> str | None:
    """The audiences: by id, and one by its name too."""
    return {"S1": "S1", "S2": "S2", "Gold customers": "S1"}.get(name)


def columns(schema: Object) -> dict[str, pa.DataType]:
    return {"person": pa.string(), **{path: arrow_type(found.type) for path, found in schema.leaves()}}


@pytest.fixture(scope="module")
def shop() -> Iterator[duckdb.DuckDBPyConnection]:
    """The six people as the relations that conditions are over, in the types of the lake."""
    with duckdb.connect() as connection:
        relation(connection, "people", columns(UNION), [person(line) for line in PEOPLE.strip().split("\n")])
        relation(connection, "events", columns(EVENTS), [happening(line) for line in HAPPENED.strip().split("\n")])
        members = [{"person": number, "audience": audience} for number, audience in MEMBERS]
        relation(connection, "in_audience", {"person": pa.string(), "audience": pa.string()}, members)
        yield connection


def matched(shop: duckdb.DuckDBPyConnection, text: str) -> str:
    """The numbers of the people who meet a rule."""
    sql = condition(compile_rule(text, UNION, EVENTS, known), NOW)
    found = shop.execute(f"SELECT person, {sql}, NOT {sql} FROM people AS p ORDER BY person").fetchall()
    assert all({meets, lacks} == {True, False} for _, meets, lacks in found), "never NULL, and binds before NOT"
    return "".join(person for person, meets, _ in found if meets)


def test_every_worked_rule_is_accounted_for() -> None:
    assert sorted([*SERVED, *NOT_SERVED]) == list(range(1, 101))


@pytest.mark.parametrize("number", SERVED)
def test_worked_rules(shop: duckdb.DuckDBPyConnection, number: int) -> None:
    text, people = SERVED[number]
    assert matched(shop, text) == people


@pytest.mark.parametrize("number", NOT_SERVED)
def test_what_is_not_served_yet_says_so(number: int) -> None:
    text, _ = NOT_SERVED[number]
    with pytest.raises(PqlError, match="is not served yet"):
        compile_rule(text, UNION, EVENTS, known)


REFUSED = [
    ("", 0, "operand is missing before the end"),
    ("and a", 0, 'operand is missing before "and"'),
    ("person.gender in", 16, "operand is missing before the end"),
    ('person.gender == "male"', 14, "write ="),
    ("person.gender = 'male'", 16, "double quotes"),
    ('person.gender = "male', 16, "not closed"),
    ('xEvent[eventType = "x"', 6, r"\[ is not closed"),
    ("person.birthYear = 1 person.birthMonth = 2", 21, 'complete before "person"'),
    ("1 = 2 = 3", 6, "does not chain"),
    ("exists from xEvent", 7, "a name for the item is missing"),
    ("xEvent.exists(timestamp occurs 3 days)", 33, "before, after or from"),
    ("exists X from xEvent where X.timestamp occurs < 3 fortnights before now", 50, "no unit of time"),
    ('chain(xEvent, timestamp, [A: WHICH(eventType = "x")])', 29, "no clause of a step"),
    ("foo(1)", 0, "no function foo"),
    ("person.gender.lower()", 14, "no method lower"),
    ("inSegment()", 0, "takes 1 argument"),
    ("_acme.propensityy > 0.5", 6, '_acme.propensityy; did you mean "_acme.propensity"'),
    ('_acme.propensity > "0.5"', 19, "no quotes"),
    ("person.gender occurs today", 0, "occurs needs a date"),
    ("loyalty.points", 0, "a rule is boolean or a list; this is a whole number"),
    ('inSegment("no-such-audience")', 10, "no audience"),
]
"""Text that must be refused, the place of the fault, and what the message says (contract, 4.11)."""


@pytest.mark.parametrize(("text", "position", "message"), REFUSED)
def test_refusals(text: str, position: int, message: str) -> None:
    with pytest.raises(PqlError, match=message) as refusal:
        compile_rule(text, UNION, EVENTS, known)
    assert refusal.value.position == position


MORE_REFUSED = [
    ('exists X from xEvent where eventType = "x"', 27, '"X.eventType"'),
    ('exists X from xEvent where X.eventType = "x" and person.gender = "male"', 49, r'"\$1.person.gender"'),
    ("exists X from xEvent where X.eventTyp = 1", 29, '"X.eventType"'),
    ("exists X from xEvent where nonsense = 1", 27, "no field nonsense"),
    ("eventType = 1", 0, "no field eventType"),
    ("person.gender.x = 1", 14, "no field person.gender.x"),
    ("person = 1", 0, "person is an object"),
    ("$1 = 1", 0, "is the profile"),
    ("exists X from xEvent where X", 27, "is an event"),
    ("$2.person.gender = 1", 0, "one parameter"),
    ('person.birthDate = "1990-01-01"', 19, "date\\("),
    ("date(2023, 2, 30) = person.birthDate", 0, "no day"),
    ("person.gender in 3", 17, "needs a list"),
    ("person.gender in [1]", 18, "compares a string with a whole number"),
    ('(person.gender = "a") < true', 24, "no order"),
    ("not person.gender", 4, "not negates a condition"),
    ("person.gender and true", 0, "and joins conditions"),
    ("person.gender + 1 = 2", 0, "takes numbers"),
    ("person.gender.contains(1)", 23, "takes a string"),
    ('person.gender.contains("a", 1)', 28, "true or false"),
    ('person.gender.startswith("a")', 14, '"startsWith"'),
    ('insegment("S1")', 0, '"inSegment"'),
    ("inSegment(1)", 10, "as a string"),
    ('loyalty.points.matches("1")', 0, "takes a string"),
    ('person.gender.matches("(")', 22, "regular expression"),
    (r'person.gender.matches("(a)\\1")', 22, "not served yet"),
    ('person.gender.matches("a(?=b)")', 22, "not served yet"),
    ('person.gender.regexGroup("(a)", 2) = "a"', 32, "1 groups"),
    ('person.gender.regexGroup("a").regexGroup("b") = "a"', 14, "regexGroup in an operand of regexGroup is not served"),
    ("if(person.birthDate occurs today, now, today) occurs today", 3, "not served yet"),
    ('if(true, 1, "a") = 1', 12, "two values"),
    ("person.birthDate occurs < 3 days before 7", 40, "a point of time"),
    ("true)", 4, "closes nothing"),
    ("a && b", 2, "write and"),
    ("person.gender <> 3", 14, "write !="),
    ("_acme.propensity >= .5", 20, "0.5"),
    ("person.gender not in [1]", 14, "notIn"),
    ("person.gender is null", 14, "isNull"),
    ("person.gender = “male”", 16, "straight double quotes"),
    ("exists X xEvent", 9, "from and a list"),
    ("person.birthDate occurs this fortnight", 29, "no unit"),
    ("person.birthYear in [1 2]", 23, "cannot stand here"),
    ("9" * 400 + " = 1", 0, "too large"),
    ("not " * 51 + "true", 200, "levels deep"),
]


@pytest.mark.parametrize(("text", "position", "message"), MORE_REFUSED)
def test_more_refusals(text: str, position: int, message: str) -> None:
    with pytest.raises(PqlError, match=message) as refusal:
        compile_rule(text, UNION, EVENTS, known)
    assert refusal.value.position == position


def test_a_rule_over_events_needs_a_schema_of_events() -> None:
    with pytest.raises(PqlError, match="no schema of events"):
        compile_rule("exists X from xEvent", UNION, None, known)


def test_what_a_rule_reads() -> None:
    rule = compile_rule(
        'exists X from xEvent where X.commerce.order.priceTotal > $1.loyalty.points and inSegment("Gold customers")',
        UNION,
        EVENTS,
        known,
    )
    assert rule.profile_paths == {"loyalty.points"}
    assert rule.event_paths == {"commerce.order.priceTotal"}
    assert rule.uses_events
    assert rule.audiences == {"S1"}
    plain = compile_rule("true or _acme.tags", UNION, EVENTS, known)
    assert plain.profile_paths == {"_acme.tags"}
    assert not plain.event_paths
    assert not plain.uses_events


LISTS_AND_MORE = [
    ("_acme.tags", "1246"),
    ("_acme.tags.isNull()", "35"),
    ("_acme.tags.isNotNull()", "1246"),
    ('"vip" notIn _acme.tags', "23"),
    ("exists X from xEvent", "12345"),
    ("not exists X from xEvent", "6"),
    ("exists X from xEvent where X.commerce.order.priceTotal > $1.loyalty.points", ""),
    ("exists X from xEvent where X.commerce.order.priceTotal * 6 > $1.loyalty.points", "2"),
    ('(P) => exists X from xEvent where X.eventType like "commerce%" and P.homeAddress.countryCode = "CA"', "2"),
    ('exists X from xEvent where X.eventType = "commerce.purchases" and inSegment("Gold customers")', "14"),
    ('exists P from xEvent where P.commerce.order.currencyCode in ["CAD"]', "2"),
    ('inSegment("S1") or inSegment("S2") or _acme.tier = "silver"', "124"),
    ("exists X from xEvent where X.timestamp occurs <= 30 minutes before now", "3"),
    ("exists X from xEvent where X.timestamp occurs < 30 minutes before now", ""),
    ("exists X from xEvent where X.timestamp < yesterday", "234"),
    ("person.birthDate occurs >= 12 months before date(1999, 12, 31)", "126"),
    ("person.birthDate occurs < 25 years before date(2015, 6, 15)", "34"),
    ("person.birthDate occurs <= 25 years before date(2015, 6, 15)", "134"),
    ("person.birthDate occurs = 0 days after date(1990, 6, 15)", "1"),
    ("person.birthDate occurs != 0 days after date(1990, 6, 15)", "2346"),
    ("person.birthDate occurs this decade", ""),
    ("person.birthDate occurs last century", "1246"),
    ("person.birthDate occurs this millennium", "3"),
    ("person.birthDate occurs < 999999999999 millennia before now", "12346"),
    ("person.birthDate occurs >= 999999999999 milliseconds before now", "126"),
    ("null", ""),
    ("not null", "123456"),
    ("null != null", ""),
    ("person.gender != null", "12346"),
    ("true", "123456"),
]


@pytest.mark.parametrize(("text", "people"), LISTS_AND_MORE)
def test_more_rules(shop: duckdb.DuckDBPyConnection, text: str, people: str) -> None:
    assert matched(shop, text) == people


DAYS_AND_SPANS = """
date(2024, 6, 10) occurs this week; date(2024, 6, 16) occurs this week
date(2024, 6, 9) occurs last week; date(2024, 6, 3) occurs last week
date(2024, 6, 17) occurs next week; date(2024, 6, 23) occurs next week
date(2024, 6, 1) occurs this month; date(2024, 6, 30) occurs this month; date(2024, 5, 31) occurs last month
date(2024, 1, 1) occurs this year; date(2023, 12, 31) occurs last year; date(2025, 12, 31) occurs next year
date(2020, 1, 1) occurs this decade; date(2029, 12, 31) occurs this decade; date(2019, 12, 31) occurs last decade
date(2000, 1, 1) occurs this century; date(1999, 12, 31) occurs last century; date(2100, 1, 1) occurs next century
date(2000, 1, 1) occurs this millennium; date(1000, 1, 1) occurs last millennium
now occurs on date(2024, 6, 15); tomorrow occurs after date(2024, 6, 15)
now occurs this hour; now occurs this minute; now occurs this second; now occurs this millisecond; now occurs on now
now occurs today; today occurs on today; (today) occurs before now; tomorrow occurs after today
now occurs after (today)
now occurs between now and now; today occurs between today and now; now occurs between yesterday and today
date(2024, 4, 30) occurs >= 1 month before date(2024, 5, 31)
date(2024, 2, 29) occurs = 3 months before date(2024, 5, 31)
date(2024, 5, 1) occurs < 1 month before date(2024, 5, 31); date(2023, 2, 28) occurs = 1 year before date(2024, 2, 29)
date(2024, 6, 18) occurs = 3 days after today; date(2024, 6, 18) occurs = 3 days from today
today occurs >= 0 days from today
date(2024, 6, 22) occurs <= 1 week after today; date(2024, 6, 8) occurs <= 1 week before (today)
date(2024, 6, 16) occurs after today; date(2024, 6, 14) occurs before today; now occurs > 11 hours after today
date(2024, 5, 1) = date(2024, 5, 1); date(2024, 5, 1) < now; date(2024, 6, 15) = today; yesterday in [date(2024, 6, 14)]
"""
"""Held by the calendar of 2024-06-15T12:00Z, a Saturday."""
NO_DAYS_AND_SPANS = """
date(2024, 6, 9) occurs this week; date(2024, 6, 17) occurs this week; date(2024, 6, 2) occurs last week
date(2024, 6, 10) occurs last week; date(2024, 5, 31) occurs this month; date(2030, 1, 1) occurs this decade
date(1999, 12, 31) occurs this century; now occurs before now; now occurs after now; now occurs after today
date(2024, 6, 16) occurs on date(2024, 6, 15); now occurs between yesterday and date(2024, 6, 14)
today occurs on now; date(2024, 6, 16) occurs today; date(2024, 6, 16) occurs between yesterday and today
date(2024, 4, 30) occurs > 1 month before date(2024, 5, 31); date(2024, 4, 30) occurs < 1 month before date(2024, 5, 31)
date(2024, 6, 16) occurs <= 1 week before today; date(2024, 6, 23) occurs <= 1 week after today
date(2024, 6, 17) occurs = 3 days after today; date(2024, 6, 19) occurs = 3 days after today
today occurs != 0 days from today; today occurs > 0 days from today; null occurs today; today occurs before null
"""


@pytest.mark.parametrize(
    ("rule", "people"),
    [(rule, "123456") for rule in DAYS_AND_SPANS.strip().replace("\n", "; ").split("; ")]
    + [(rule, "") for rule in NO_DAYS_AND_SPANS.strip().replace("\n", "; ").split("; ")],
)
def test_days_and_spans(shop: duckdb.DuckDBPyConnection, rule: str, people: str) -> None:
    assert matched(shop, rule) == people


def test_event_tests_run_as_joins(shop: duckdb.DuckDBPyConnection) -> None:
    """No person is looked up in the events one by one."""
    plain = 'exists X from xEvent where X.eventType = "commerce.purchases" and X.timestamp occurs <= 7 days before now'
    for text, join in [
        (plain, "SEMI"),
        (f"not ({plain})", "ANTI"),
        (f'homeAddress.countryCode = "US" and ({plain})', "SEMI"),
        (f'homeAddress.countryCode = "US" or ({plain})', "MARK"),
        ('inSegment("S1")', "SEMI"),
        (f'{plain} and inSegment("S1")', "SEMI"),
        ("exists X from xEvent where X.commerce.order.priceTotal > $1.loyalty.points", "MARK"),
    ]:
        rule = compile_rule(text, UNION, EVENTS, known)
        plan = shop.execute(f"EXPLAIN SELECT person FROM people AS p WHERE {condition(rule, NOW)}").fetchall()[0][1]
        assert join in plan, text
        assert "NESTED_LOOP" not in plan, text
        assert "CROSS" not in plan, text
