"""C60 to C66: statements (section 7.5)."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.conformance.cases.dialect import customers
from tests.conformance.fixtures import Row, World
from tests.conformance.model import ANY, Case, Query, Rows

Values = dict[str, Any]


def by_number(rows: list[Row]) -> Rows:
    return sorted((row["id"],) for row in rows)


# -- snapshots: generation n holds the first n batches; s0, s1 ... are the ids ------------------------------------


def between(w: World, start: int, end: int | None) -> Rows:
    """What was written after one generation, up to another."""
    return by_number([row for batch in w.batches["b3"][start:end] for row in batch])


def generations(w: World, random: Random) -> Values:
    last = len(w.batches["b3"])
    first, second = sorted(random.sample(range(last + 1), 2))
    return {"a": first, "b": second, "last": last}


def history(w: World) -> Rows:
    counts = [0, *map(len, w.batches["b3"])]
    ids = w.snapshots
    last = len(counts) - 1
    return [(n, ids[n - 1] if n else None, n == last, counts[n]) for n in range(last + 1)]


HISTORY = "FROM (SELECT history_meta('{b3}'))"
INCREMENT = f"""$$ BEGIN
    SET @from = SELECT parent_id {HISTORY} WHERE is_current = true;
    SET @to = SELECT snapshot_id {HISTORY} WHERE is_current = true;
    CREATE TABLE {{inc}} AS SELECT {{id}} FROM {{b3}} SNAPSHOT BETWEEN @from AND @to;
EXCEPTION
    WHEN OTHER THEN SELECT 'ERROR';
END $$;"""


def last_batch(w: World) -> Rows:
    return by_number(list(w.batches["b3"][-1]))


def choice(w: World, random: Random) -> Values:
    numbers = random.sample(range(100), 2)
    return {"one": numbers[0], "two": numbers[1], "v": random.choice([*numbers, 100])}


def chosen(w: World) -> Rows:
    found = {w.values["one"]: 100, w.values["two"]: 200}
    return [(found.get(w.values["v"], "DEFAULT"),)]


def bounds(w: World, random: Random) -> Values:
    low, high = sorted(random.sample([row["id"] for row in w["cust"]], 2))
    return {"low": low, "high": high}


def inside(w: World) -> Rows:
    return [(row["id"],) for row in customers(w) if w.values["low"] <= row["id"] <= w.values["high"]]


def portions(w: World, random: Random) -> Values:
    return {"k": random.randint(1, 5)}


def portion(number: int) -> Any:
    def taken(w: World) -> Rows:
        ids = [(row["id"],) for row in customers(w)]
        return ids[number * w.values["k"] : (number + 1) * w.values["k"]]

    return taken


def portion_from(w: World, number: int) -> Rows:
    return [(row["id"],) for row in customers(w)][number * w.values["k"] :]


def made(w: World) -> Rows:
    return [(row["id"], row["name"]) for row in customers(w)]


MADE = [(1, "Anna"), (2, "alf"), (3, "Bo")]

CASES = [
    Case(
        "C60",
        [
            Query(
                "CREATE TABLE {luma_mid} AS SELECT {id}, {name} FROM {cust}",
                [(ANY,)],
                lambda w: [(ANY,)],
                names=["Created Table DataSet Id"],
                types=["text"],
            ),
            Query("SELECT * FROM {luma_mid} ORDER BY {id}", MADE, made, names=["{id}", "{name}"]),
            Query("CREATE TABLE {luma_mid} AS SELECT {id}, {name} FROM {cust}", error="42P07"),
            Query("CREATE TABLE IF NOT EXISTS {luma_mid} AS SELECT {id}, {name} FROM {cust}"),
            Query("SELECT * FROM {luma_mid} ORDER BY {id}", MADE, made),
        ],
        makes=("luma_mid",),
    ),
    Case(
        "C61",
        [
            Query(
                "SELECT {id} FROM {b3} SNAPSHOT SINCE {s_a}",
                [(3,), (4,), (5,)],
                lambda w: between(w, w.values["a"], None),
                by=(),
            ),
            Query(
                "SELECT {id} FROM {b3} SNAPSHOT AS OF {s_b}",
                [(1,), (2,), (3,)],
                lambda w: between(w, 0, w.values["b"]),
                by=(),
            ),
            Query(
                "SELECT {id} FROM {b3} SNAPSHOT BETWEEN {s_a} AND {s_last}",
                [(3,), (4,), (5,)],
                lambda w: between(w, w.values["a"], None),
                by=(),
            ),
            Query(
                "SELECT {id} FROM {b3} SNAPSHOT BETWEEN 'HEAD' AND {s_a}",
                [(1,), (2,)],
                lambda w: between(w, 0, w.values["a"]),
                by=(),
            ),
            Query("SELECT {id} FROM {b3} SNAPSHOT BETWEEN {s_last} AND 'TAIL'", [], lambda w: []),
            Query(
                "SELECT {id} FROM {b3} SNAPSHOT BETWEEN {s_zero} AND '{s_last}'",
                [(1,), (2,), (3,), (4,), (5,)],
                lambda w: between(w, 0, None),
                by=(),
            ),
            Query(
                "SELECT {id} FROM {b3} SNAPSHOT BETWEEN {s_a} AND {s_b}",
                [(3,)],
                lambda w: between(w, w.values["a"], w.values["b"]),
                by=(),
            ),
        ],
        {"zero": 0, "a": 1, "b": 2, "last": 3},
        generations,
        generations=("zero", "a", "b", "last"),
    ),
    Case(
        "C62",
        [
            Query(
                f"SELECT snapshot_generation, parent_id, is_current, output_record_count {HISTORY}",
                [(0, None, False, 0), (1, 0, False, 2), (2, 1, False, 1), (3, 2, True, 2)],
                history,
                types=["int4", "int8", "bool", "int8"],
            )
        ],
    ),
    Case(
        "C63",
        [
            Query(INCREMENT),
            Query("SELECT {id} FROM {inc}", [(4,), (5,)], last_batch, by=()),
            Query(INCREMENT, [("ERROR",)], lambda w: [("ERROR",)]),
            Query("SELECT {id} FROM {inc}", [(4,), (5,)], last_batch, by=()),
        ],
        makes=("inc",),
    ),
    Case(
        "C64",
        [
            Query(
                """$$ BEGIN
    SET @V = SELECT {v};
    IF @V={one} THEN SELECT 100;
    ELSEIF @V={two} THEN SELECT 200;
    ELSE SELECT 'DEFAULT';
    END IF;
END $$;""",
                [(200,)],
                chosen,
            ),
            Query("IF 1=1 THEN SELECT 1; END IF;", error="42601", text="outside Anonymous Block"),
        ],
        {"v": 2, "one": 1, "two": 2},
        choice,
    ),
    Case(
        "C65",
        [
            Query("PREPARE GetR AS SELECT {id} FROM {cust} WHERE {id} >= $1 AND {id} <= $2"),
            Query("EXECUTE getr({low},{high})", [(2,), (3,)], inside, by=(), names=["{id}"], types=["int8"]),
            Query("DEALLOCATE GETR"),
            Query("EXECUTE getr({low},{high})", error="26000"),
        ],
        {"low": 2, "high": 3},
        bounds,
        commands=True,
    ),
    Case(
        "C66",
        [
            Query("DECLARE c CURSOR FOR SELECT {id} FROM {cust} ORDER BY {id}"),
            Query("FETCH {k} FROM c", [(1,), (2,)], portion(0), names=["{id}"], types=["int8"]),
            Query("FETCH {k} IN c", [(3,)], portion(1)),
            Query("FETCH 99 FROM c", [], lambda w: portion_from(w, 2)),
            Query("FETCH {k} FROM c", [], lambda w: []),
            Query("CLOSE c"),
            Query("FETCH {k} FROM c", error="34000"),
        ],
        {"k": 2},
        portions,
        commands=True,
    ),
]
