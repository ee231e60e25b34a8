"""The cases of the SQL contract, sections 7.2 to 7.5."""

from tests.conformance.cases import adobe, dialect, featurization, statements, wire

CASES = [*wire.CASES, *dialect.CASES, *featurization.CASES, *adobe.CASES, *statements.CASES]
