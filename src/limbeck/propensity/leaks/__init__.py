"""Does a forecast know what it cannot know? Probes of frames of features for leaks of the outcome (docs/leaks.md)."""

from __future__ import annotations

from collections.abc import Iterable

from limbeck.errors import InvalidInput
from limbeck.propensity import frames
from limbeck.propensity.leaks import features, rows, today, whole
from limbeck.propensity.leaks.findings import Evidence, Finding, listed
from limbeck.propensity.leaks.single import single

__all__ = ["Evidence", "Finding", "find", "refuse"]


def find(evidence: Evidence) -> list[Finding]:
    """Return what the probes find, the plainest first; a feature is accused once.

    The same evidence and seed give the same findings.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(frames.threads(evidence.known)):
        return _found(evidence)


def _found(evidence: Evidence) -> list[Finding]:
    singles = [single(evidence, name) for name in evidence.names]
    found: list[Finding] = []
    accused: set[str] = set()

    def note(some: Iterable[Finding]) -> None:
        for finding in some:
            if not finding.features or not accused.issuperset(finding.features):
                found.append(finding)
                accused.update(finding.features)

    for probe in (features.alone, features.missing, features.pure, features.echo, features.vanishes, today.today):
        note(probe(evidence, [one for one in singles if one.name not in accused]))
    for choice in (rows.time, rows.sides, rows.twins, rows.survivors):
        note(choice(evidence))
    if not found:
        note(whole.whole(evidence, singles))
    return found


def refuse(findings: Iterable[Finding]) -> None:
    """Raise `InvalidInput` if there are findings: it names the features, says what is wrong and how to mend it."""
    found = list(findings)
    if not found:
        return
    names = tuple(dict.fromkeys(name for finding in found for name in finding.features))
    about = f" in {listed(names)}" if names else ""
    told = " ".join(f"({n}) {one.verdict}. {one.remedy}." for n, one in enumerate(found, 1))
    raise InvalidInput(
        f"the training set seems to know the outcome{about}: a leak. {told} If it is none, say so: "
        '[model] leaks = "warn"',
        features=sorted(names),
        findings=[one.shown() for one in found],
    )
