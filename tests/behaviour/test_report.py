"""The report stands by itself: a browser shows all of it without asking anybody, whatever names it holds."""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limbeck.propensity import evaluate, groups
from limbeck.workflow import judged, report

CHROMIUM = (
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=500,900",
)
NASTY = """a <script>document.title = "taken over"</script> & $x_1$ "quoted" name"""
PROBE = """<script>addEventListener("load", () => { document.body.dataset.seen = JSON.stringify({
    title: document.title,
    pictures: [...document.images].map(i => [i.alt, i.naturalWidth]),
    asked: performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith("data:")),
    scripts: document.scripts.length,
    fits: document.documentElement.scrollWidth <= window.innerWidth,
}) })</script>"""


def values(name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What a run of 500 people would hand to the report, with *name* wherever a user's name stands."""
    draw = np.random.default_rng(3)
    labels = (draw.random(500) < 0.2).astype(float)
    people = np.arange(500).astype(str)
    scores = {n: np.clip(0.1 + 0.2 * labels + draw.random(500) * 0.4, 0, 1) for n in ("model", "rule", "rfm")}
    compared = evaluate.Comparison(people, labels, scores, 100, 1)
    measures, shares = compared.measures(), evaluate.by_share(people, labels, scores["model"], 100, 1)
    some = [groups.Group(name, value, draw.random(500) < share) for value, share in [(name, 0.5), ("rare", 0.01)]]
    moment = {"rows": 500, "converted": 100, "expected": 0.2, "observed": measures["model"]["roc_auc"], "small": False}
    times = [f"2026-0{month}-01T00:00:00" for month in (1, 2, 3)]
    evaluation = {
        "test": measures["model"],
        "baselines": {"rule": measures["rule"], "rfm": measures["rfm"]},
        "beyond": {other: compared.beyond("model", other) for other in ("rule", "rfm")},
        "compared_with": {"rule": [name], "rfm": [name, "other"]},
        "chance": compared.chance["model"],
        "tenths": groups.tenths(people, labels, scores["model"], shares),
        "groups": groups.compared(people, labels, scores["model"], some),
        "moments": [
            {"set": "validation", "since": times[0], "until": times[1], **moment, "measures": {}},
            {"set": "validation", "since": times[1], "until": times[1], **moment, "measures": measures["rfm"]},
            {"set": "test", "since": times[2], "until": times[2], **moment, "measures": measures["model"]},
        ],
        "small": {"converters": int(labels.sum()), "half": 0.04, "wanted": 0.05, "further": 0},
        "validation": {"in_time": True, "folds": 2, "rows": 500},
        "calibration": {"method": "none", "log_loss": {"none": 0.4}},
        "reasons": {
            "unit": "log-odds",
            "features": [
                {"feature": name, "value": 0.2, "low": 0.1, "high": 0.3, "direction": "raises", "points": [[0.3, 0.5]]}
            ],
            "told": None,
        },
        "base_rate": 0.2,
        "resamples": 100,
        "curves": {n: evaluate.curves(labels, s, probabilities=n == "model") for n, s in scores.items()},
        "candidates": {name: {"cv_roc_auc": 0.7, "settings": {"C": 0.1}}},
        "champion": name,
        "importance": [
            {"feature": f"{name} {n}", "value": 0.1 / (n + 1), "low": -0.01, "high": 0.2} for n in range(40)
        ],
    }
    summary = {
        "title": name,
        "rows": {"events": 9, "profiles": 8, "training": 1234, "test": 5678, "scored": 91011},
        "base_rate": 0.2,
        "test": measures["model"],
        "baselines": {"rule": measures["rule"], "rfm": measures["rfm"]},
        "model": {"name": name, "version": "3", "run_id": "r1", "kind": name, "trained": "2026-01-02T03:04:05+00:00"},
        "verdict": f"version 3 is the champion: {name}",
        "goal": {"event": name, "time": "within 60 days", "eligible": name},
        "cutoffs": {"train": ["2026-01-01T00:00:00"], "test": "2026-03-01T00:00:00", "score": "2026-05-01T12:00:00"},
        "snapshots": {name: {"id": "d1", "table": name, "version": "1.0.7", "rows": 1213}},
        "generated": "2026-06-01T00:00:00+00:00",
    }
    exploration = {
        "events": {name: 1415},
        "people": 1617,
        "first": "2025-01-01T00:00:00",
        "last": "2026-05-01T00:00:00",
        "funnel": [{"stage": name, "people": 100}, {"stage": "second", "people": 0}],
    }
    return summary, evaluation, exploration


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.S)))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    report.write(*values(NASTY), None, path)
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    return path.read_text()


@pytest.mark.needs("chromium")
def test_a_browser_shows_every_picture_and_asks_nobody(page: str, tmp_path: Path) -> None:
    (tmp_path / "probed.html").write_text(page.replace("</body>", f"{PROBE}</body>"))
    line = [*CHROMIUM, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "probed.html").as_uri()]
    shown = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    found = re.search(r'data-seen="([^"]*)"', shown)
    assert found is not None
    seen = json.loads(unescape(found[1]))

    names = [name.split(": ")[0] for name, _ in seen["pictures"]]
    assert names == [
        "ROC curve",
        "Precision-recall curve",
        "Gains curve",
        "Lift curve",
        "Calibration curve",
        "Forecast and outcome by tenth",
        "Forecast and outcome by group",
        "ROC-AUC by cutoff",
        "Importance of features",
        "Reasons of the scores",
        "Funnel",
    ]
    assert all(width > 100 for _, width in seen["pictures"])
    assert "converters found (true positives) by others taken along" in seen["pictures"][0][0]
    assert seen["fits"]
    assert seen["asked"] == []
    assert (seen["title"], seen["scripts"]) == (NASTY, 1)  # the one script is the probe


def test_no_address_and_a_small_size(page: str) -> None:
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:)|url\(|@import|https?://""", page)
    assert len(page.encode()) < 5_000_000


def test_every_number_has_its_age(page: str) -> None:
    text = text_of(page)
    for told in (
        "91,011 people were scored as of 2026-05-01 12:00:00",
        "judged on 5,678 people as of 2026-03-01",
        "1,234 rows, known before 2026-01-01",
        "version 1.0.7 with 1,213 rows",
        "version 3, run r1 , trained 2026-01-02 03:04:05 UTC",
        "this report 2026-06-01 00:00:00 UTC",
        "events until 2026-05-01 00:00:00",
        NASTY,
    ):
        assert told in text


def test_the_protocol_and_the_limits_are_told(page: str) -> None:
    text = text_of(page)
    for told in (
        f"the goal {NASTY} within 60 days",
        f"who has {NASTY} before the cutoff",
        "1,234 rows, as of 2026-01-01",
        "2 folds of later cutoffs than those learnt from: 500 rows",
        "5,678 rows, as of 2026-03-01; ",
        f"compared with rfm a logistic regression on {NASTY}, other",
        "95 %; 100 bootstrap draws of people",
        "likely converters may come without one",
    ):
        assert told in text


def test_measures_stand_beside_their_ranges(page: str) -> None:
    summary = values(NASTY)[0]
    text = text_of(page)
    for found in (summary["test"], *summary["baselines"].values()):
        for name in judged.RANKS:
            measure = found[name]
            assert f"{measure['value']:.3f} ({measure['low']:.3f} to {measure['high']:.3f})" in text


def test_what_is_to_be_known_first_stands_first(page: str) -> None:
    text = text_of(page)
    first = text[: text.index("How good it is, and compared to what")]
    for head in ("It finds who will", "The probabilities", "There are enough people", "Choose whom to address"):
        assert head in first


def test_tenths_groups_and_cutoffs_are_told(page: str) -> None:
    evaluation, text = values(NASTY)[1], text_of(page)
    for tenth in evaluation["tenths"]:
        assert f"{tenth['expected']:.2%} {tenth['observed']['value']:.2%} ({tenth['observed']['low']:.2%} to" in text
    common, rare = evaluation["groups"]
    assert f"{NASTY}: {NASTY} {common['rows']:,} {common['converted']:,} {common['expected']:.1%}" in text
    assert rare["small"]
    assert re.search(rf"{re.escape(NASTY)}: rare {rare['rows']} .* too small to say", text)
    assert "2026-01-01 to 2026-02-01 validation 500" in text
    assert "models that knew earlier times only" in text


def test_synthetic_people_have_a_truth_and_definitions_choose_groups_and_several_cutoffs(tmp_path: Path) -> None:
    summary, evaluation, exploration = values("Anna's")
    summary["cutoffs"]["test"] = ["2026-03-01T00:00:00", "2026-04-01T06:00:00"]
    beside = {"value": -0.1, "low": -0.15, "high": -0.05}
    evaluation["moments"][-1]["beside"] = {"roc_auc": beside, "observed_to_expected": evaluation["test"]["roc_auc"]}
    area = {"model": 0.7, "oracle": 0.75, "share": 0.8, "low": 0.7, "high": 0.9}
    truth = {"roc_auc": area, "test": {**area, "share": 0.85}, "calibration": {"error": 0.0123}}
    chosen = [{**evaluation["groups"][0], "feature": "age", "value": "below 30"}]
    path = tmp_path / "report.html"
    report.write(summary, evaluation, exploration, None, path, truth=truth, chosen=chosen)
    text = text_of(path.read_text())
    assert "80% of the way from guessing to what is possible" in text
    assert "85.0% (70.0% to 90.0%)" in text
    assert "1.23% on average" in text
    assert "age: below 30" in text
    assert "Anna's: Anna's" in text
    assert "5,678 forecasts for people as of 2026-03-01, 2026-04-01 06:00:00, dates later than everything" in text
    assert "At the test cutoff 2026-03-01 it is worse than at the others beyond chance" in text
    assert "-0.100 (-0.150 to -0.050)" in text


def test_leaks_that_the_definition_goes_on_with_are_told_before_any_number(tmp_path: Path) -> None:
    summary, evaluation, exploration = values(NASTY)
    leak = {"kind": "alone", "features": ["age"], "numbers": {}, "verdict": f"{NASTY} tells it", "remedy": NASTY}
    path = tmp_path / "report.html"
    report.write(summary, {**evaluation, "leaks": [leak]}, exploration, None, path)
    text = text_of(path.read_text())
    assert f"{NASTY} tells it. {NASTY}." in text[: text.index("How good it is, and compared to what")]
    report.write(summary, {**evaluation, "leaks": []}, exploration, None, path)
    assert "What may know the outcome" not in path.read_text()


def test_the_same_values_are_the_same_file(page: str, tmp_path: Path) -> None:
    report.write(*values(NASTY), None, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == page
