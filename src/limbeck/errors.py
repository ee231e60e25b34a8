"""The error tree: every error a user can meet, with its spelling on each surface.

    LimbeckError
    ├── InvalidInput                 the caller sent something that cannot be used
    │   ├── DefinitionError          a key of a definition file, with its line
    │   ├── ExpressionError          a calculated field that cannot be; has a position
    │   ├── InvalidSchema            an XDM resource that cannot be composed
    │   │   └── TitleTaken           its title is another one's, where titles are to be unique
    │   ├── InvalidFile              an uploaded or source file that cannot be read
    │   ├── NotAcceptable            a form of an answer that there is not
    │   ├── PqlError                 a rule that is not PQL, or does not fit the schema; has a position
    │   └── RowsRejected             rows that do not fit their schema, with samples
    ├── Unauthenticated              no token, or not a valid one
    ├── Forbidden                    a valid token without the right
    ├── NotFound                     the named thing does not exist
    ├── Conflict                     it contradicts what is there
    │   ├── NameTaken
    │   ├── CommitConflict           the dataset moved on since it was read
    │   ├── StaleEtag                the resource moved on since it was read
    │   ├── EtagMissing              a change that does not say what it is based on
    │   └── WrongState               not possible in this status
    ├── SqlError                     one statement failed; has position and hint
    │   ├── SqlSyntaxError  UndefinedTable  UndefinedColumn  UndefinedFunction
    │   ├── DuplicateTable  DatatypeMismatch  AmbiguousColumn  FeatureNotSupported
    │   ├── SnapshotExpired  InvalidText  NoTablesInScope  GroupingError  WindowingError
    │   ├── InvalidColumnReference  CardinalityViolation  NumberOutOfRange
    │   ├── DependentObjects  WrongObject
    │   └── UndefinedStatement  UndefinedCursor  DuplicateStatement  DuplicateCursor
    ├── ResourceExhausted            out of memory, disk, time or rows
    │   ├── DiskFull  MemoryLimit  StatementTimeout  RowCapReached
    ├── Cancelled                    ended because somebody asked for it
    ├── WireError                    a connection of the PostgreSQL wire that cannot go on
    │   ├── ProtocolViolation  EncryptionRequired  UnknownSandbox
    │   └── SessionLimit  SessionIdle  ShuttingDown
    ├── NotServed                    AEP has it, this version does not
    ├── NotServedHere                a program asked Adobe's hosts for what is not served
    ├── Unreachable                  the proxy cannot reach a host that is not Adobe's
    ├── MissingExtra                 an optional library is not installed
    ├── LandingZoneError             the landing zone cannot be reached or used
    ├── ModelStoreError              the MLflow store cannot be reached or used
    ├── HomeError                    the home folder cannot be used
    └── Internal                     ours: please report it

A class carries AEP's error code (`INGEST-…`, gateway numbers or our own `LIMB-…`), the HTTP status and the
PostgreSQL SQLSTATE; the API and the wire read them from here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar


class LimbeckError(Exception):
    """Anything Limbeck refuses. `str(error)` says what was found, where, and how to mend it.

    Keyword arguments become `details`: plain values that travel over HTTP beside the message.
    """

    code: ClassVar[str] = "LIMB-1000-500"
    title: ClassVar[str] = "InternalError"
    status: ClassVar[int] = 500
    sqlstate: ClassVar[str] = "58000"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = details


class InvalidInput(LimbeckError):
    """The caller sent something that cannot be used."""

    code = "LIMB-1001-400"
    title = "BadRequestError"
    status = 400
    sqlstate = "22023"
    exit_code = 2


class DefinitionError(InvalidInput):
    """A key of a definition file is wrong; the message names key, line, what was found and what is allowed."""

    code = "LIMB-1002-400"


class InvalidSchema(InvalidInput):
    """An XDM resource refers to something unknown or contradicts itself."""

    code = "LIMB-1003-400"
    sqlstate = "42P16"


class TitleTaken(InvalidSchema):
    """Another resource of the kind has the title already, and this home wants titles to be unique."""

    code = "LIMB-1013-400"
    title = "TitleNotUniqueError"
    sqlstate = "42710"


class InvalidFile(InvalidInput):
    """A file cannot be read in the format it claims, or holds other columns than promised."""

    code = "INGEST-1401-400"


class PqlError(InvalidInput):
    """A rule is not PQL, or does not fit the union schema. `position` counts characters from 0."""

    code = "LIMB-1010-400"

    def __init__(self, message: str, *, position: int = 0, **details: Any) -> None:
        super().__init__(message, position=position, **details)
        self.position = position


class ExpressionError(InvalidInput):
    """A calculated field is no expression, or asks for what cannot be. `position` counts characters from 0."""

    code = "LIMB-1022-400"

    def __init__(self, message: str, *, position: int = 0, **details: Any) -> None:
        super().__init__(message, position=position, **details)
        self.position = position


class RowsRejected(InvalidInput):
    """Rows do not fit their schema; `details["samples"]` lists file, row, path, found and wanted."""

    code = "INGEST-1212-400"


class Unauthenticated(LimbeckError):
    """No token, an expired one, or one that nobody issued."""

    code = "401013"
    title = "UnauthorizedError"
    status = 401
    sqlstate = "28P01"
    exit_code = 3


class Forbidden(LimbeckError):
    """The token is valid and does not carry the right that this needs."""

    code = "403025"
    title = "ForbiddenError"
    status = 403
    sqlstate = "42501"
    exit_code = 3


class NotFound(LimbeckError):
    """The named thing does not exist in this sandbox."""

    code = "LIMB-1004-404"
    title = "NotFoundError"
    status = 404
    sqlstate = "42704"
    exit_code = 2


class Conflict(LimbeckError):
    """It contradicts what is already there."""

    code = "LIMB-1005-409"
    title = "ConflictError"
    status = 409
    sqlstate = "40001"


class NameTaken(Conflict):
    """Something of that name exists already."""

    code = "LIMB-1006-409"
    sqlstate = "42710"


class CommitConflict(Conflict):
    """The dataset has a newer snapshot than the one this write was based on: read again and retry."""

    code = "LIMB-1007-409"


class StaleEtag(Conflict):
    """The resource has changed since it was read: read again and retry."""

    code = "LIMB-1008-412"
    title = "PreconditionFailedError"
    status = 412


class EtagMissing(Conflict):
    """A change came without the header `If-Match`: send the etag of what was read."""

    code = "LIMB-1011-428"
    title = "PreconditionRequiredError"
    status = 428


class WrongState(Conflict):
    """The thing is in a status that does not allow this."""

    code = "LIMB-1009-409"
    sqlstate = "55000"


class SqlError(LimbeckError):
    """A statement failed. `position` counts characters from 1, as PostgreSQL does; `hint` says how to mend it."""

    code = "LIMB-2000-400"
    title = "SqlError"
    status = 400
    sqlstate = "58000"

    def __init__(self, message: str, *, position: int | None = None, hint: str | None = None, **details: Any) -> None:
        super().__init__(message, position=position, hint=hint, **details)
        self.position = position
        self.hint = hint

    def move(self, by: int, default: int | None = None) -> None:
        """Tell of a place *by* characters further on, as the text stands inside another; *default* if none is known."""
        position = default if self.position is None else self.position
        if position is not None:
            self.position = position + by
            self.details = {**self.details, "position": self.position}

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}. Hint: {self.hint}"


class SqlSyntaxError(SqlError):
    """The text is not a statement of the dialect."""

    code = "LIMB-2001-400"
    sqlstate = "42601"


class UndefinedTable(SqlError):
    """No dataset, view or common table expression of that name."""

    code = "LIMB-2002-400"
    sqlstate = "42P01"


class UndefinedColumn(SqlError):
    """No column or struct field of that name."""

    code = "LIMB-2003-400"
    sqlstate = "42703"


class UndefinedFunction(SqlError):
    """No function of that name is served."""

    code = "LIMB-2004-400"
    sqlstate = "42883"


class AmbiguousColumn(SqlError):
    """The name stands for more than one column."""

    code = "LIMB-2005-400"
    sqlstate = "42702"


class DuplicateTable(SqlError):
    """CREATE TABLE names a table that exists."""

    code = "LIMB-2006-400"
    sqlstate = "42P07"


class DatatypeMismatch(SqlError):
    """An expression has a type that does not fit its place."""

    code = "LIMB-2007-400"
    sqlstate = "42804"


class GroupingError(SqlError):
    """An aggregate where there are no groups, or a column that differs within its group."""

    code = "LIMB-2016-400"
    sqlstate = "42803"


class WindowingError(SqlError):
    """A window function where there are no windows."""

    code = "LIMB-2017-400"
    sqlstate = "42P20"


class InvalidColumnReference(SqlError):
    """The number of a column that the SELECT list does not have."""

    code = "LIMB-2018-400"
    sqlstate = "42P10"


class CardinalityViolation(SqlError):
    """A query that stands for one value gave several rows."""

    code = "LIMB-2019-400"
    sqlstate = "21000"


class NumberOutOfRange(SqlError):
    """A result is too large for its type."""

    code = "LIMB-2020-400"
    sqlstate = "22003"


class FeatureNotSupported(SqlError):
    """The dialect has it, this version does not serve it."""

    code = "LIMB-2008-400"
    sqlstate = "0A000"


class SnapshotExpired(SqlError):
    """The snapshot's metadata is no longer kept."""

    code = "LIMB-2009-400"
    sqlstate = "58000"


class InvalidText(SqlError):
    """A parameter's bytes are not a value of its type."""

    code = "LIMB-2010-400"
    sqlstate = "22P02"


class NoTablesInScope(SqlError):
    """The database name points to a table that does not exist."""

    code = "LIMB-2011-400"
    sqlstate = "42P12"


class WrongNumberOfValues(SqlError):
    """A prepared statement was bound to more or fewer values than it has parameters."""

    code = "LIMB-2021-400"
    sqlstate = "08P01"


class UndefinedStatement(SqlError):
    """No prepared statement of that name."""

    code = "LIMB-2012-400"
    sqlstate = "26000"


class UndefinedCursor(SqlError):
    """No cursor or portal of that name."""

    code = "LIMB-2013-400"
    sqlstate = "34000"


class DuplicateStatement(SqlError):
    """A prepared statement of that name exists."""

    code = "LIMB-2014-400"
    sqlstate = "42P05"


class DuplicateCursor(SqlError):
    """A cursor or portal of that name exists."""

    code = "LIMB-2015-400"
    sqlstate = "42P03"


class DependentObjects(SqlError):
    """Something still refers to what should go."""

    code = "LIMB-2030-400"
    sqlstate = "2BP01"


class WrongObject(SqlError):
    """The name stands for something of another kind: a view where a table is meant, or the other way round."""

    code = "LIMB-2031-400"
    sqlstate = "42809"


class ResourceExhausted(LimbeckError):
    """Something ran out: memory, disk, time or rows."""

    code = "LIMB-3000-400"
    title = "ResourceExhaustedError"
    status = 400
    sqlstate = "53000"
    exit_code = 4


class DiskFull(ResourceExhausted):
    """No space left where the home lies. Nothing was published; free space and run again."""

    code = "LIMB-3001-507"
    status = 507
    sqlstate = "53100"


class MemoryLimit(ResourceExhausted):
    """The statement needs more memory than its share, even with spilling."""

    code = "LIMB-3002-400"
    sqlstate = "53200"


class StatementTimeout(ResourceExhausted):
    """The statement ran longer than it may (SQL contract, sections 1.3 and 6.2)."""

    code = "LIMB-3003-400"
    sqlstate = "53400"


class RowCapReached(ResourceExhausted):
    """The result hit the row cap and is not complete: add a LIMIT, or export the dataset."""

    code = "LIMB-3004-400"
    sqlstate = "53400"


class Cancelled(LimbeckError):
    """The statement was ended because somebody asked for it, or because its client went away."""

    code = "LIMB-3005-400"
    title = "CancelledError"
    status = 400
    sqlstate = "57014"


class WireError(LimbeckError):
    """A connection of the PostgreSQL wire cannot go on; it is closed after this error."""

    code = "LIMB-5000-400"
    title = "WireError"
    status = 400
    sqlstate = "08000"


class ProtocolViolation(WireError):
    """Bytes that are no message, or a message where it has no place."""

    code = "LIMB-5001-400"
    sqlstate = "08P01"


class EncryptionRequired(WireError):
    """A plaintext connection where only TLS is taken."""

    code = "LIMB-5002-400"
    sqlstate = "28000"


class UnknownSandbox(WireError):
    """The database name names a sandbox that does not exist."""

    code = "LIMB-5003-400"
    sqlstate = "3D000"


class SessionLimit(WireError):
    """As many connections are open as this server takes."""

    code = "LIMB-5004-400"
    sqlstate = "53300"


class SessionIdle(WireError):
    """The session was idle for longer than it may be."""

    code = "LIMB-5005-400"
    sqlstate = "57P05"


class ShuttingDown(WireError):
    """The server is going down."""

    code = "LIMB-5006-503"
    status = 503
    sqlstate = "57P01"


class NotServed(LimbeckError):
    """AEP has it, and this version does not serve it."""

    code = "LIMB-1012-501"
    title = "NotImplementedError"
    status = 501
    sqlstate = "0A000"
    exit_code = 2


class NotAcceptable(InvalidInput):
    """An answer was asked for in a form that there is not."""

    code = "LIMB-1021-406"
    title = "NotAcceptableError"
    status = 406


class NotServedHere(LimbeckError):
    """A program that ended well has asked Adobe's hosts for something that Limbeck does not serve."""

    code = "LIMB-1020-501"
    title = "NotImplementedError"
    status = 501
    exit_code = 70


class Unreachable(LimbeckError):
    """A host that is not Adobe's, or the proxy that leads there, cannot be reached from the proxy."""

    code = "LIMB-1028-502"
    title = "BadGatewayError"
    status = 502


class MissingExtra(LimbeckError):
    """An optional library is not installed; the message prints the command that installs it."""

    code = "LIMB-4000-501"
    title = "NotImplementedError"
    status = 501
    sqlstate = "0A000"

    @classmethod
    def of(cls, library: str, extra: str) -> MissingExtra:
        """Return the error for *library*, which the extra *extra* installs."""
        return cls(f'{library} is not installed; run: pip install "limbeck[{extra}]"', library=library, extra=extra)


class LandingZoneError(LimbeckError):
    """The folder of the landing zone is gone, or may not be read or written."""

    code = "LIMB-4002-500"
    sqlstate = "58030"


class ModelStoreError(LimbeckError):
    """The MLflow store cannot be reached, or holds what is not a store, or a version that Limbeck did not train."""

    code = "LIMB-4003-500"
    sqlstate = "58030"


class HomeError(LimbeckError):
    """The home folder cannot be opened: written by a newer Limbeck, not writable, or damaged."""

    code = "LIMB-4001-500"
    sqlstate = "58030"


class Internal(LimbeckError):
    """A fault of ours. The message carries the request id under which the log tells more."""


def every_kind() -> Iterator[type[LimbeckError]]:
    """Yield all classes of the tree, each before those derived from it."""
    waiting: list[type[LimbeckError]] = [LimbeckError]
    while waiting:
        kind = waiting.pop(0)
        yield kind
        waiting.extend(kind.__subclasses__())


def nearest(name: str, known: list[str], limit: int = 3) -> str:
    """Return a hint that names the entries of *known* nearest to *name*, or "" if none is near.

    >>> nearest("evnts", ["events", "profiles"])
    'did you mean "events"?'
    """
    import difflib

    folded = {k.casefold(): k for k in known}
    close = [folded[m] for m in difflib.get_close_matches(name.casefold(), list(folded), limit, 0.6)]
    names = " or ".join(f'"{c}"' for c in close)
    return f"did you mean {names}?" if close else ""
