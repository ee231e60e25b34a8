"""The SQL of an evaluation: who satisfies a rule, and what that makes of who was in before (profile contract, 5.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
BEFORE, AFTER = "limbeck_before", "limbeck_after"

TOGETHER = (
    f"CASE WHEN bool_or(status = '{REALIZED}') THEN '{REALIZED}' ELSE '{EXITED}' END AS status, "
    f"coalesce(max(since) FILTER (status = '{REALIZED}'), max(since)) AS since"
)
"""What several memberships of one person come to: in if one of them is, since then."""


def tables(people: People, before: Path | None, others: Mapping[str, Path]) -> list[Table]:
    """Return the relations of an evaluation: people, who was in *before*, and the members of *others*."""
    found = [*people.tables(), members(BEFORE, before)]
    return found + [members(f"limbeck_in_{n}", path) for n, path in enumerate(others.values())]


def members(name: str, file: Path | None) -> Table:
    """Return the relation of an audience's members; of nobody if there is no file."""
    return Table(name, MEMBERSHIP, (str(file),) if file else ())


def statement(people: People, rule: Rule, now: datetime, others: Iterable[str]) -> str:
    """Return the SELECT of the audience's members after the evaluation, in the order of persons.

    *others* are the audiences whose members are there, in the order of `tables`.
    """
    opted = [path for path in OPT_OUTS if people.profile.find(path) is not None]
    parts = {
        "p": people.persons({*rule.profile_paths, *opted}),
        **({"events": people.events(rule.event_paths)} if rule.uses_events else {}),
        "in_audience": _in_audience(others),
        "now_in": f"SELECT person, namespace, value FROM p WHERE {condition(rule, now)}{_opted_in(opted)}",
        "before": _before(),
        "after": _after(now),
    }
    ctes = ", ".join(f"{name} AS ({text})" for name, text in parts.items())
    return (
        f"WITH {ctes} SELECT person, namespace, value, status, since::TIMESTAMP_MS AS since FROM after "
        f"WHERE status = '{REALIZED}' OR since >= {_moment(now - KEPT)} ORDER BY person"
    )


def counts() -> str:
    """Return the SELECT that counts `limbeck_after`: members, who left of `limbeck_before`, members by namespace."""
    spread = (
        f"SELECT a.person, coalesce(m.namespace, a.namespace) AS namespace FROM {AFTER} AS a "
        f"LEFT JOIN {MEMBERS} AS m ON m.cluster = a.person WHERE a.status = '{REALIZED}'"
    )
    left = (
        f"SELECT count(*) FROM ({_before()}) AS b JOIN {AFTER} AS a ON a.person = b.person "
        f"WHERE b.status = '{REALIZED}' AND a.status = '{EXITED}'"
    )
    return (
        f"SELECT 'status' AS what, '{REALIZED}' AS name, count(*) AS people FROM {AFTER} WHERE status = '{REALIZED}' "
        f"UNION ALL SELECT 'status', '{EXITED}', ({left}) "
        f"UNION ALL SELECT 'namespace', namespace, count(DISTINCT person) FROM ({spread}) GROUP BY ALL ORDER BY ALL"
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


def _in_audience(others: Iterable[str]) -> str:
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


def _after(now: datetime) -> str:
    """Return who is in and who has left, with the time when that was reached (profile contract, section 5.6)."""
    unchanged = f"(n.person IS NOT NULL AND b.status = '{REALIZED}') OR (n.person IS NULL AND b.status = '{EXITED}')"
    return (
        "SELECT coalesce(n.person, b.person) AS person, coalesce(n.namespace, b.namespace) AS namespace, "
        f"coalesce(n.value, b.value) AS value, if(n.person IS NULL, '{EXITED}', '{REALIZED}') AS status, "
        f"if({unchanged}, b.since, {_moment(now)}) AS since "
        "FROM now_in AS n FULL JOIN before AS b ON n.person = b.person"
    )


def _members(name: str) -> str:
    own = "struct_pack(namespace := namespace, value := value)"
    return f"(SELECT {own} AS own, status, since FROM {name}) AS kept {JOIN_MEMBERS}"


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}'"
