"""Synthetic people: the section `[generator]` of a definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from limbeck.workflow.toml_text import Table

GENERATED = "generator:"
GENERATED_PARTS = ("events", "profiles")
"""What follows the prefix in a source's files."""
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "newsletter": {"people": None, "days": None},
    "tutorial": {"people": 100_000, "days": 60},
    "realistic": {"people": None, "days": None, "weekend": 0.3, "yearly": 0.3, "monthly": 0.15, "evening": 0.4},
}
"""Processes of `[generator]`, and the settings that they bring."""
SHARES = ("duplicates", "late", "bots", "identities", "weekend", "yearly", "monthly", "evening", "treated")
"""Settings of `[generator]` that are shares, 0 if neither given nor brought by the preset."""


@dataclass(frozen=True, slots=True)
class Generator:
    """Synthetic newsletter customers (`limbeck.workflow.synthetic`)."""

    people: int
    days: int
    start: date
    """The first of the days."""
    seed: int
    duplicates: float = 0.0
    """Share of the events that come twice."""
    late: float = 0.0
    """Share of the events that arrive hours to days late."""
    bots: float = 0.0
    """Bots beside the people, as a share of these."""
    identities: float = 0.0
    """Share of the people who have a second identity."""
    weekend: float = 0.0
    """Share of the visits that are lacking on Saturdays and Sundays; other days have more."""
    yearly: float = 0.0
    """By which share visits are more at the height of the year, in mid-December, and fewer half a year from it."""
    monthly: float = 0.0
    """By which share visits are more at the turn of the month, and fewer in its middle."""
    evening: float = 0.0
    """Share of the visits that are moved into the evening."""
    treated: float = 0.0
    """Share of the people who are treated, by chance alone."""
    treatment: date | None = None
    """When they are; None if nobody is."""
    preset: str = "newsletter"
    """The process by which people live: one of `PRESETS`."""

    @property
    def end(self) -> datetime:
        """Return the midnight after the last day."""
        return datetime.combine(self.start, time()) + timedelta(days=self.days)


def generator(table: Table) -> Generator:
    """Read the section; raise `DefinitionError` for what cannot be meant."""
    preset = table.choice("preset", tuple(PRESETS), "newsletter")
    people = table.number("people", PRESETS[preset]["people"], 1, 100_000_000)
    days = table.number("days", PRESETS[preset]["days"], 1, 3_650)
    start = table.moment("start")
    if start.time() != time():
        raise table.error("start", f"is {start}", "a date such as 2017-07-15, without a time")
    seed = table.number("seed", 0, 0, 2**31 - 1)
    shares = {name: table.share(name, PRESETS[preset].get(name, 0.0), above=False) for name in SHARES}
    treatment = table.moment("treatment") if "treatment" in table or shares["treated"] else None
    given = treatment.date() if treatment else None
    found = Generator(people, days, start.date(), seed, **shares, treatment=given, preset=preset)
    if treatment and (treatment.time() != time() or not found.start <= treatment.date() < found.end.date()):
        wanted = f"a day from {found.start} on and before {found.end:%Y-%m-%d}"
        raise table.error("treatment", f"is {treatment:%Y-%m-%d %H:%M}", wanted)
    if treatment and not found.treated:
        raise table.error("treatment", f"is {treatment:%Y-%m-%d}, but nobody is treated", "treated = 0.5 beside it")
    table.close(("treatment",))
    return found
