"""A feature as an SQL aggregate over a person's events up to the cutoff, in Query Service's dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from limbeck.workflow.definition import Definition
from limbeck.workflow.families import AGGREGATES, Feature
from limbeck.workflow.names import literal_text, quoted
from limbeck.workflow.times import Duration

PREVIOUS = "previous_event_"
"""Beginning of the columns that hold the time of an event's predecessor."""

PAIR_ENTITY, PAIR_OBJECT = "pair_entity", "pair_object"
"""The person and the object of a pair, beside the columns of events."""


def since(window: Duration) -> str:
    """Return the column that holds when a window before the cutoff begins."""
    return f"since_{window.short}"


def windows(definition: Definition) -> list[Duration]:
    """Return every window that features and eligibility look back."""
    found: dict[str, Duration] = {}
    for feature in definition.features:
        if feature.window is not None:
            found[feature.window.short] = feature.window
            if feature.kind == "trend":
                found[(feature.window * 2).short] = feature.window * 2
    if (back := definition.goal.eligible_within) is not None:
        found[back.short] = back
    return [found[name] for name in sorted(found)]


class Aggregates:
    """The aggregates of a definition, at the cutoffs of a column, or at one that stands in the SQL.

    *bounds* has the SQL of the cutoff and of the begins of windows (`since`), by name; what is not there is a column.
    """

    def __init__(self, definition: Definition, bounds: Mapping[str, str] | None = None) -> None:
        self._definition, self._bounds = definition, bounds or {}
        self._pair = definition.entity.pair if definition.entity else ""
        self._cutoff = self._bounds.get("cutoff", "cutoff")
        self._day = self._cutoff if "cutoff" in self._bounds else "max(cutoff)"
        arrival = any(source.arrival for source in definition.event_sources)
        self.known = f"event_time < {self._cutoff}" + (f" AND arrived <= {self._cutoff}" if arrival else "")
        """Which events the cutoff knows."""

    def columns(self) -> Iterator[str]:
        """Yield each feature's aggregate under its name."""
        for feature in self._definition.features:
            if feature.kind in AGGREGATES:
                yield f"{self._of(feature)} AS {feature.name}"
            elif feature.kind == "object":
                yield f"max({quoted(f'object_{feature.of}')}) AS {feature.name}"

    def label(self) -> str:
        """Return the label: 1 if the goal is reached from the cutoff on, and before its time is over."""
        goal = self._definition.goal
        matches = f"event_time >= {self._cutoff} AND {self._about(goal.event, goal.paired)}"
        if goal.count == 1 and not goal.value:
            return f"max(CASE WHEN {matches} THEN 1 ELSE 0 END)"
        asked = [f"count(CASE WHEN {matches} THEN 1 END) >= {goal.count}"]
        if goal.value:
            asked.append(f"coalesce(sum(CASE WHEN {matches} THEN {goal.value} END), 0) >= {goal.least:g}")
        return f"CASE WHEN {' AND '.join(asked)} THEN 1 ELSE 0 END"

    def eligible(self) -> str:
        """Return the condition on a person's events at a cutoff that makes them a row; empty if there is none."""
        goal, asked = self._definition.goal, []
        if self._definition.entity is None or goal.eligible != "true":
            back = f"event_time >= {self._since(goal.eligible_within)} AND " if goal.eligible_within else ""
            asked.append(f"count(CASE WHEN {back}{self.known} AND ({goal.eligible}) THEN 1 END) > 0")
        if goal.excluded:
            asked.append(f"count(CASE WHEN {self.known} AND ({goal.excluded}) THEN 1 END) = 0")
        return " AND ".join(asked)

    def predecessors(self) -> dict[str, str]:
        """Return the columns of events that say when the one before them was, by name, as windows of SQL."""
        found = {}
        for feature in self._gaps():
            by = f", {quoted(self._pair)}" if feature.paired else ""
            found[self._previous(feature)] = (
                f"max(CASE WHEN {feature.condition} THEN event_time END) OVER (PARTITION BY entity_id{by} "
                "ORDER BY event_time ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
            )
        return found

    def _gaps(self) -> Sequence[Feature]:
        return [f for f in self._definition.features if f.kind == "gap_last"]

    def _previous(self, feature: Feature) -> str:
        kinds = list(dict.fromkeys((f.condition, f.paired) for f in self._gaps()))
        return f"{PREVIOUS}{kinds.index((feature.condition, feature.paired))}"

    def _about(self, condition: str, paired: bool) -> str:
        return f"({condition}) AND {quoted(self._pair)} = {PAIR_OBJECT}" if paired else f"({condition})"

    def _of(self, feature: Feature) -> str:
        matches = f"{self.known} AND {self._about(feature.condition, feature.paired)}"
        if feature.kind == "trend":
            return self._trend(feature, matches)
        if feature.window is not None:
            matches = f"event_time >= {self._since(feature.window)} AND {matches}"

        def value(of: object) -> str:
            return f"CASE WHEN {matches} THEN {of} END"

        def share(of: str) -> str:
            return f"count(CASE WHEN {matches} AND ({of}) THEN 1 END) / nullif(count({value(1)}), 0)"

        times, local = value("event_time"), self._local("event_time")
        match feature.kind:
            case "count":
                return f"count({value(1)})"
            case "count_distinct":
                return f"count(DISTINCT {value(feature.of)})"
            case "sum":
                return f"coalesce(sum({value(feature.of)}), 0)"
            case "days_since_last":
                return f"datediff({self._local(self._day)}, {self._local(f'max({times})')})"
            case "days_since_first":
                return f"datediff({self._local(self._day)}, {self._local(f'min({times})')})"
            case "days_active":
                return f"count(DISTINCT {value(f'to_date({local})')})"
            case "gap_mean":
                seconds = f"(unix_timestamp(max({times})) - unix_timestamp(min({times})))"
                return f"{seconds} / nullif((count({value(1)}) - 1) * 86400, 0)"
            case "gap_last":
                before = f"max({value(self._previous(feature))})"
                return f"(unix_timestamp(max({times})) - unix_timestamp({before})) / 86400"
            case "weekday_share" | "hour_share":
                return share(feature.of.format(local=local))
            case "share":
                return share(feature.of)
            case "last":
                there = f"{matches} AND ({feature.of}) IS NOT NULL"
                return f"max(CASE WHEN {there} THEN struct(event_time AS at, {feature.of} AS value) END).value"
            case plain:
                return f"{plain}({value(feature.of)})"

    def _trend(self, feature: Feature, matches: str) -> str:
        assert feature.window is not None  # the declaration says so
        begin, middle = self._since(feature.window * 2), self._since(feature.window)

        def total(span: str) -> str:
            value = f"CASE WHEN {span} AND {matches} THEN {feature.of or 1} END"
            return f"coalesce(sum({value}), 0)" if feature.of else f"count({value})"

        recent = total(f"event_time >= {middle}")
        earlier = total(f"event_time >= {begin} AND event_time < {middle}")
        return f"{recent} / nullif({earlier}, 0)"

    def _since(self, window: Duration) -> str:
        return self._bounds.get(since(window), since(window))

    def _local(self, moment: str) -> str:
        zone = self._definition.cutoffs.zone
        return moment if zone == "UTC" else f"from_utc_timestamp({moment}, {literal_text(zone)})"
