"""The SQL of an evaluation: who satisfies a rule, and what that makes of who was in before (profile contract, 5.6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from limbeck.audience.model import EXITED, REALIZED
from limbeck.audience.pql import Rule, condition
from limbeck.engine import Table
from limbeck.engine.sql import literal, quoted
from limbeck.profile.people import JOIN_MEMBERS, MEMBERS, PERSON, People

KEPT = timedelta(days=30)
"""How long who has left is remembered."""

MEMBERSHIP = pa.schema(
    [
        ("person", pa.string()),
        ("namespace", pa.string()),
        ("value", pa.string()),
        ("status", pa.string()),
        ("since", pa.timestamp("ms")),
    ]
)
BEFORE = "limbeck_before"


def tables(people: People, before: Path | None, others: dict[str, Path]) -> list[Table]:
    """Return the relations of an evaluation: people, who was in *before*, and the members of *others*."""
    found = [*people.tables(), Table(BEFORE, MEMBERSHIP, (str(before),) if before else ())]
    return found + [Table(f"limbeck_in_{n}", MEMBERSHIP, (str(path),)) for n, path in enumerate(others.values())]


def statement(people: People, rule: Rule, now: datetime, others: dict[str, Path]) -> str:
    """Return the SELECT of the audience's members after the evaluation, in the order of persons."""
    opted = [path for path in OPT_OUTS if people.profile.find(path) is not None]
    parts = {
        "p": people.persons({*rule.profile_paths, *opted}),
        "events": people.events(rule.event_paths),
        "in_audience": _in_audience(others),
        "now_in": f"SELECT person, namespace, value FROM p WHERE {condition(rule, now)}{_opted_in(opted)}",
        "before": _before(),
    }
    if not rule.uses_events:
        del parts["events"]
    ctes = ", ".join(f"{name} AS ({text})" for name, text in parts.items())
    instant, horizon = _moment(now), _moment(now - KEPT)
    return (
        f"WITH {ctes}, after AS (SELECT coalesce(n.person, b.person) AS person, "
        "coalesce(n.namespace, b.namespace) AS namespace, coalesce(n.value, b.value) AS value, "
        f"CASE WHEN n.person IS NOT NULL THEN '{REALIZED}' ELSE '{EXITED}' END AS status, "
        f"CASE WHEN n.person IS NOT NULL AND b.status = '{REALIZED}' THEN b.since "
        f"WHEN n.person IS NULL AND b.status = '{EXITED}' THEN b.since ELSE {instant} END AS since "
        "FROM now_in AS n FULL JOIN before AS b ON n.person = b.person) "
        f"SELECT person, namespace, value, status, since::TIMESTAMP_MS AS since FROM after "
        f"WHERE status = '{REALIZED}' OR since >= {horizon} ORDER BY person"
    )


OPT_OUTS = ("optInOut.globalOptout", "privacyOptOuts")
"""Fields in which a person can opt out of everything: whoever does is in no audience (profile contract, 6.5)."""


def _opted_in(paths: list[str]) -> str:
    told = {
        "optInOut.globalOptout": f"coalesce(p.{quoted('optInOut.globalOptout')}, false)",
        "privacyOptOuts": (
            'coalesce(len(list_filter(p."privacyOptOuts", lambda o: o."optOutType" = \'general_opt_out\' '
            "AND o.\"optOutValue\" = 'out')) > 0, false)"
        ),
    }
    return "".join(f" AND NOT {told[path]}" for path in paths)


def _in_audience(others: dict[str, Path]) -> str:
    found = [
        f"SELECT {PERSON} AS person, {literal(audience)} AS audience "
        f"FROM {_members(f'limbeck_in_{n}')} WHERE status = '{REALIZED}'"
        for n, audience in enumerate(others)
    ]
    return " UNION ALL ".join(found) or "SELECT NULL::VARCHAR AS person, NULL::VARCHAR AS audience WHERE false"


def _before() -> str:
    """Return who was in before; who became one person since counts once, as a member if any of them was."""
    least = "min(own)"
    return (
        f"SELECT {PERSON} AS person, {least}.namespace AS namespace, {least}.value AS value, {TOGETHER} "
        f"FROM {_members(BEFORE)} GROUP BY 1"
    )


TOGETHER = (
    f"CASE WHEN bool_or(status = '{REALIZED}') THEN '{REALIZED}' ELSE '{EXITED}' END AS status, "
    f"coalesce(max(since) FILTER (status = '{REALIZED}'), max(since)) AS since"
)
"""What several memberships of one person come to: in if one of them is, since then."""


def _members(name: str) -> str:
    own = "struct_pack(namespace := namespace, value := value)"
    return f"(SELECT {own} AS own, status, since FROM {name}) AS kept {JOIN_MEMBERS}"


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}'"


def counts(now: datetime) -> str:
    """Return the SELECT that counts `limbeck_after`: members and those who left just now, and members by namespace."""
    spread = (
        "SELECT a.person, coalesce(m.namespace, a.namespace) AS namespace FROM limbeck_after AS a "
        f"LEFT JOIN {MEMBERS} AS m ON m.cluster = a.person WHERE a.status = '{REALIZED}'"
    )
    return (
        "SELECT 'status' AS what, status AS name, count(*) AS people FROM limbeck_after "
        f"WHERE status = '{REALIZED}' OR since = {_moment(now)} GROUP BY ALL UNION ALL "
        f"SELECT 'namespace', namespace, count(DISTINCT person) FROM ({spread}) GROUP BY ALL ORDER BY ALL"
    )
