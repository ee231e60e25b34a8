"""The SQL of a delivery: who is in the file, and with what (profile contract, sections 7.5 and 7.6)."""

from __future__ import annotations

from limbeck.activation.plan import IDENTITY, STATUS, Plan
from limbeck.audience.model import REALIZED
from limbeck.engine.sql import literal, quoted, quoted_list
from limbeck.profile.people import JOIN_MEMBERS, MEMBERS, PERSON, People

DELIVERED = "limbeck_delivered"
"""The relation of an audience's members."""


def statement(people: People, plan: Plan) -> str:
    """Return the SELECT of the file's rows in their order, from the members in `limbeck_delivered`."""
    columns = ", ".join(f"{quoted(c.source.path)} AS {quoted(c.name)}" for c in plan.columns)
    order = ", ".join([*(quoted(source.path) for source in plan.key), "person"])
    return f"WITH {_parts(people, plan)} SELECT {columns} FROM chosen ORDER BY {order}"


def count(people: People, plan: Plan) -> str:
    """Return the SELECT of how many rows could be there, at least one a member, and how many are."""
    more = "SELECT count(*) - count(DISTINCT person) FROM known"
    return (
        f"WITH {_parts(people, plan)} SELECT (SELECT count(*) FROM members) + ({more}), (SELECT count(*) FROM chosen)"
    )


def _parts(people: People, plan: Plan) -> str:
    own = "struct_pack(namespace := namespace, value := value)"
    parts = {
        "p": people.persons({s.path for s in plan.sources() if s.is_attribute}),
        "members": (
            f"SELECT {PERSON} AS person, max(since) AS since FROM (SELECT {own} AS own, since FROM {DELIVERED} "
            f"WHERE status = '{REALIZED}') AS kept {JOIN_MEMBERS} GROUP BY 1"
        ),
        "identities": (
            f"SELECT m.cluster AS person, m.namespace, m.value FROM {MEMBERS} AS m JOIN members ON person = m.cluster "
            "UNION SELECT person, namespace, value FROM p"
        ),
        "known": _known(plan),
        "chosen": _chosen(plan),
    }
    return ", ".join(f"{name} AS ({text})" for name, text in parts.items())


def _known(plan: Plan) -> str:
    """Return the SELECT of the members with their values; of the key's namespace a row for each identity."""
    key = plan.key_namespace
    others = sorted({s.namespace for s in plan.sources() if s.namespace and s.namespace != key})
    least = "".join(f", min(value) FILTER (WHERE namespace = {literal(n)}) AS {quoted(IDENTITY + n)}" for n in others)
    joined = f"LEFT JOIN (SELECT person{least} FROM identities GROUP BY person) USING (person)" if others else ""
    if key is not None:
        each = f"SELECT person, value AS {quoted(IDENTITY + key)} FROM identities WHERE namespace = {literal(key)}"
        joined += f" LEFT JOIN ({each}) USING (person)"
    return f"SELECT *, '{REALIZED}' AS {quoted(STATUS)} FROM p JOIN members USING (person) {joined}"


def _chosen(plan: Plan) -> str:
    """Return the SELECT of those who have what is mandatory; of those who share a key the latest."""
    needed = [f"coalesce(CAST({quoted(s.path)} AS VARCHAR), '') <> ''" for s in plan.mandatory]
    if plan.key_namespace is not None:
        needed.append(f"{quoted(plan.key[0].path)} IS NOT NULL")
    where = f" WHERE {' AND '.join(needed)}" if needed else ""
    if not plan.key:
        return f"SELECT * FROM known{where}"
    key = quoted_list([source.path for source in plan.key])
    return f"SELECT * FROM known{where} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY since DESC, person) = 1"
