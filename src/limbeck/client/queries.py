"""Queries that run as jobs, as AEP's Query Service knows them (REST contract, section 7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limbeck.client.model import QueryRun
from limbeck.client.polling import until
from limbeck.client.transport import Transport
from limbeck.errors import InvalidInput, SqlError

QUERY = "/data/foundation/query"

ENDED = ("SUCCESS", "FAILED", "KILLED")


class Queries:
    """Queries, templates and schedules of one sandbox."""

    def __init__(self, transport: Transport, sandbox: str) -> None:
        self._transport = transport
        self._database = f"{sandbox}:all"

    def submit(
        self,
        sql: str = "",
        *,
        name: str = "query",
        template: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> QueryRun:
        """Queue SQL, or the template with the id *template*, and return the run; *parameters* are values of `$name`s.

        Raise `SqlSyntaxError` for a parameter without a value, `NotFound` for an unknown template.
        """
        body: dict[str, Any] = {"name": name, "description": "", "dbName": self._database}
        body |= {"templateId": template} if template else {"sql": sql}
        if parameters:
            body["queryParameters"] = {key: str(value) for key, value in parameters.items()}
        return _run(self._transport.call("POST", f"{QUERY}/queries", json=body))

    def get(self, query_id: str) -> QueryRun:
        """Return a run as it is now."""
        return _run(self._transport.call("GET", f"{QUERY}/queries/{query_id}"))

    def wait(self, query: QueryRun | str) -> QueryRun:
        """Wait until a query has ended; raise `SqlError` with what failed it, `InvalidInput` if it was cancelled."""
        query_id = query if isinstance(query, str) else query.id
        run = until(lambda: self.get(query_id), lambda seen: seen.state in ENDED)
        if run.state == "FAILED":
            raise SqlError("; ".join(str(e.get("message")) for e in run.errors) or f"query {run.id} failed")
        if run.state == "KILLED":
            raise InvalidInput(f"query {run.id} was cancelled")
        return run

    def cancel(self, query_id: str) -> None:
        """End a query; raise `WrongState` if it has ended."""
        self._transport.call("PATCH", f"{QUERY}/queries/{query_id}", json={"op": "cancel"})

    def save_template(self, name: str, sql: str) -> str:
        """Save SQL under a name, for `submit(template=…)` and `#NAME`, and return its id."""
        body = {"name": name, "sql": sql, "queryParameters": {}}
        return str(self._transport.call("POST", f"{QUERY}/query-templates", json=body)["id"])

    def schedule(self, name: str, sql: str, cron: str) -> str:
        """Run SQL at the times of a cron expression (UTC), and return the schedule's id."""
        query = {"name": name, "description": "", "dbName": self._database, "sql": sql}
        body = {"query": query, "schedule": {"schedule": cron}}
        return str(self._transport.call("POST", f"{QUERY}/schedules", json=body)["id"])


def _run(body: Mapping[str, Any]) -> QueryRun:
    return QueryRun(
        id=body["id"],
        state=body["state"],
        sql=body["request"]["sql"],
        rows=int(body["rowCount"]),
        errors=tuple(body["errors"]),
        elapsed_ms=int(body["elapsedTime"]),
    )
