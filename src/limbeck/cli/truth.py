"""How `truth` shows a forecast beside the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from limbeck.cli import output
from limbeck.cli.output import Part, Rows
from limbeck.client import Client

STRANGE = 5.0
"""Standard errors from which on the outcomes are not those that the truth is about."""


def truth(client: Client, definition: Path, home: Path | None) -> None:
    """Show what the scores are worth beside the truth."""
    from limbeck.workflow.truth import truth

    found = truth(client, definition, home)
    output.current().sections(found, list(_parts(found)))


def _parts(found: Mapping[str, Any]) -> Iterator[Part]:
    test, calibration, audience = found["test"], found["calibration"], found["audience"]
    yield found["title"]
    yield f"{found['people']:,} people scored as of {found['cutoff']}"
    yield ""
    several = test.get("cutoffs", ())
    areas = {"to expect, of the scores": found["roc_auc"]}
    areas[f"in the test, {'all its cutoffs' if several else test['cutoff']}"] = test
    areas |= {f"in the test, {one['cutoff']}": one for one in several}
    rows = [(n, f"{a['model']:.3f}", f"{a['oracle']:.3f}", f"{a['share']:.1%}") for n, a in areas.items()]
    yield Rows(("ROC-AUC", "model", "oracle", "of what is achievable"), rows)
    yield f"{test['converted']:.2%} converted in the test, {test['expected']:.2%} were to be expected"
    if abs(test["sigmas"]) > STRANGE:
        yield f"({test['sigmas']:+.1f} standard errors: goal.event is not what the truth is about, the form)"
    yield ""
    tenths = [
        (n, f"{t['people']:,}", f"{t['score']:.2%}", f"{t['true']:.2%}", f"{t['error']:+.2%}")
        for n, t in enumerate(calibration["tenths"], 1)
    ]
    yield Rows(("tenth by score", "people", "mean score", "true", "error"), tenths)
    yield f"mean error of a tenth {calibration['error']:.2%}; of a person {calibration['rmse']:.2%} (root mean square)"
    if audience is not None:
        planned = "planned {value:.1%} ({low:.1%} to {high:.1%})".format(**audience["planned"])
        yield ""
        yield f"audience {audience['name']}: {audience['people']:,} people, {audience['share']:.1%} of all"
        if audience["by"] == "score":
            yield f"precision: {planned}, true {audience['true']:.1%}, the oracle's {audience['oracle']:.1%}"
        if (uplift := audience["uplift"]) is not None:
            added = uplift["planned"]
            others = f"{uplift['all']:+.1%} of all, {uplift['oracle']:+.1%} if uplift were known"
            told = "" if added is None else "planned {value:+.1%} ({low:+.1%} to {high:+.1%}), ".format(**added)
            yield f"uplift by a treatment: {told}true {uplift['true']:+.1%}, {others}"
