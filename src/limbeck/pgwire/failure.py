"""Errors and notices as the wire tells them (SQL contract, section 6.2)."""

from __future__ import annotations

import logging

from limbeck.errors import Internal, LimbeckError, SqlError, WireError

log = logging.getLogger("limbeck.pgwire")

_SENTENCES = {
    "42601": "Syntax error encountered.",
    "42P01": "Table not found.",
    "42P07": "Table exists already.",
    "42P12": "No tables are found for the database name.",
    "42703": "No such struct field or column.",
    "42883": "Function not found.",
    "28P01": "Authentication failed.",
    "53400": "A limit was reached.",
    "0A000": "Feature not supported.",
}


class Teller:
    """Words errors for one session; the home's path never leaves it."""

    def __init__(self, session_id: str, home: str) -> None:
        self._session_id = session_id
        self._home = home

    def fields(self, failure: Exception, offset: int = 0) -> dict[str, str]:
        """Return the fields of an ErrorResponse; *offset* is where the statement begins in what was sent."""
        error = failure if isinstance(failure, LimbeckError) else self._internal(failure)
        severity = "FATAL" if isinstance(error, WireError) or error.sqlstate == "28P01" else "ERROR"
        sentence = _SENTENCES.get(error.sqlstate, "The statement failed.")
        message = f"ErrorCode: {error.sqlstate} sessionId: {self._session_id} {sentence} Reason: [{error.message}]"
        found = {"S": severity, "V": severity, "C": error.sqlstate, "M": self._hidden(message)}
        if isinstance(error, SqlError):
            if error.hint:
                found["H"] = self._hidden(error.hint)
            if error.position is not None:
                found["P"] = str(error.position + offset)
        return found

    def notice(self, sqlstate: str, message: str) -> dict[str, str]:
        """Return the fields of a NoticeResponse that warns."""
        return {"S": "WARNING", "V": "WARNING", "C": sqlstate, "M": message}

    def _internal(self, failure: Exception) -> Internal:
        log.error("session %s failed", self._session_id, exc_info=failure)
        return Internal("an error of ours; the log tells more under this session id")

    def _hidden(self, text: str) -> str:
        return text.replace(self._home, "…")
