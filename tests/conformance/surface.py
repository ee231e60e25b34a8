"""What there is of the contract's sections 1 to 4, statement by statement and function by function, each with a probe.

A probe is SQL that shows whether the thing is there: it runs, or it is refused with 0A000. `compatibility.py` makes the
page of it, `test_compatibility.py` runs every one. Statements of a group run in this order, in one session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.conformance import clients


@dataclass(frozen=True)
class Reason:
    """Why something is not served, and what the refusal has to name, as a regular expression."""

    text: str
    says: str


MODELS = Reason("models are trained by the workflow (`limbeck train`), not in SQL", "(?i)model")
AUDIENCES = Reason("audiences are made by the Segmentation Service and the workflow, not in SQL", "(?i)audience")
SKETCHES = Reason("use `approx_count_distinct`", "(?i)sketch")
APPENDED = Reason("rows are added, never changed", "never changed|OVERWRITE")
COPIED = Reason("write `COPY (select) TO STDOUT`, or CREATE TABLE", "STDOUT")


@dataclass(frozen=True)
class Entry:
    """A statement of the contract."""

    what: str
    probe: str
    reason: Reason | None = None
    """Why it is not served; None: it is."""


@dataclass(frozen=True)
class Group:
    """Statements of one section of the contract."""

    section: str
    title: str
    entries: Sequence[Entry]


STATEMENTS = [
    Group(
        "1.4",
        "Texts of several statements",
        [
            Entry("statements with `;` between them", "SELECT 1; SELECT 2;"),
            Entry("comments and blank lines", "\n-- a\n/* b; */ SELECT 1 -- c\n;\n"),
            Entry("derived tables without an alias", "SELECT * FROM (SELECT 1 AS a)"),
            Entry("a comma before FROM", "SELECT id, FROM cust"),
        ],
    ),
    Group(
        "1.7",
        "Metadata",
        [
            Entry("`SHOW TABLES`", "SHOW TABLES"),
            Entry("`SHOW DATABASES`", "SHOW DATABASES"),
            Entry("`SHOW SCHEMAS`", "SHOW SCHEMAS"),
            Entry("`SHOW VIEWS`", "SHOW VIEWS"),
            Entry("`SHOW PRIMARY KEYS`", "SHOW PRIMARY KEYS"),
            Entry("`SHOW FOREIGN KEYS`", "SHOW FOREIGN KEYS"),
            Entry("`SHOW IDENTITIES`", "SHOW IDENTITIES"),
            Entry("`SHOW DATAGROUPS`", "SHOW DATAGROUPS"),
            Entry("`SHOW DATAGROUPS FOR`", "SHOW DATAGROUPS FOR 'cust'"),
            Entry("`SHOW STATISTICS`", "SHOW STATISTICS"),
            Entry("`SHOW FIELDGROUPS`", "SHOW FIELDGROUPS"),
            Entry("`SHOW NAMESPACES`", "SHOW NAMESPACES"),
            Entry("`SHOW` of a parameter", "SHOW DateStyle"),
            Entry("`SHOW ALL`", "SHOW ALL"),
            Entry(
                "`information_schema`",
                "SELECT column_name FROM information_schema.columns WHERE table_name = 'cust'",
            ),
            Entry("`pg_catalog`", "SELECT relname FROM pg_catalog.pg_class"),
        ],
    ),
    Group(
        "1.8",
        "Settings",
        [
            Entry("`SET key = value`", "SET auto_to_json = true"),
            Entry("`SET key`", "SET auto_to_json"),
            Entry("`SET`", "SET"),
            Entry("`RESET key`", "RESET auto_to_json"),
        ],
    ),
    Group(
        "2.1",
        "SELECT",
        [
            Entry("`WITH`", "WITH a (n) AS (SELECT id FROM cust), b AS (VALUES (1)) SELECT n FROM a"),
            Entry("`DISTINCT`", "SELECT DISTINCT(city) AS c, name FROM cust"),
            Entry("joins: INNER, LEFT, RIGHT, FULL, CROSS", "SELECT a.id FROM cust a FULL JOIN cust b ON a.id = b.id"),
            Entry("NATURAL joins and USING", "SELECT id FROM cust NATURAL JOIN cust b"),
            Entry("`LATERAL (select)`", "SELECT c.id, l.x FROM cust c, LATERAL (SELECT c.id + 1 AS x) l"),
            Entry("`LATERAL VIEW [OUTER]`", "SELECT id, x FROM cust LATERAL VIEW OUTER explode(array(1, 2)) t AS x"),
            Entry("generators beside columns", "SELECT id, explode(array(1, 2)) AS x FROM cust"),
            Entry("generators as tables", "SELECT * FROM explode(array(1, 2))"),
            Entry("`GROUP BY` an ordinal or an alias", "SELECT city AS c, count(*) FROM cust GROUP BY 1"),
            Entry("`ROLLUP`, `CUBE`, `GROUPING SETS`", "SELECT city, count(*) FROM cust GROUP BY ROLLUP(city)"),
            Entry("`HAVING`", "SELECT city FROM cust GROUP BY city HAVING count(*) > 1"),
            Entry("`WINDOW w AS`", "SELECT sum(id) OVER w FROM cust WINDOW w AS (ORDER BY id)"),
            Entry("`UNION`, `INTERSECT`, `EXCEPT`, `MINUS`", "SELECT 1 UNION ALL (SELECT 2) MINUS SELECT 3"),
            Entry("`ORDER BY … NULLS FIRST`", "SELECT id FROM cust ORDER BY city DESC NULLS FIRST"),
            Entry("`ORDER BY … USING`", "SELECT id FROM cust ORDER BY id USING <"),
            Entry("`LIMIT`, `OFFSET`", "SELECT id FROM cust ORDER BY id LIMIT ALL OFFSET 1"),
            Entry("`SNAPSHOT`", "SELECT id FROM b3 SNAPSHOT BETWEEN 'HEAD' AND 1"),
            Entry("`LIKE ANY`, `LIKE ALL`", "SELECT id FROM cust WHERE name LIKE ANY ('A%', 'B%')"),
            Entry("`ILIKE`, `~~`, `~~*`", "SELECT id FROM cust WHERE name ~~* 'a%'"),
            Entry(
                "`SELECT … INTO`",
                "SELECT id INTO chosen FROM cust; DROP TABLE chosen",
            ),
        ],
    ),
    Group(
        "2.2",
        "CREATE TABLE",
        [
            Entry("`CREATE TABLE … AS`", "CREATE TABLE probe AS SELECT id, name FROM cust"),
            Entry("`IF NOT EXISTS`", "CREATE TABLE IF NOT EXISTS probe AS SELECT id FROM cust"),
            Entry(
                "`WITH (rowvalidation = …)`", "CREATE TABLE probe2 WITH (rowvalidation = 'false') AS (SELECT 1 AS a)"
            ),
            Entry(
                "`WITH (label = 'PROFILE')`",
                "CREATE TABLE probe3 WITH (label = 'PROFILE') AS SELECT 1 AS a",
            ),
            Entry(
                "column lists",
                "CREATE TABLE probe4 (a int, m map<string, int>, r ROW(x text), d datetime)",
            ),
            Entry("a table without columns", "CREATE TABLE IF NOT EXISTS probe5"),
            Entry("`CREATE TEMP TABLE`", "CREATE TEMP TABLE probe6 AS SELECT 1 AS a"),
            Entry(
                "`TRANSFORM (…)`",
                "CREATE TABLE probe7 TRANSFORM (binarizer(id) AS b) AS SELECT id FROM cust",
                MODELS,
            ),
        ],
    ),
    Group(
        "2.3",
        "INSERT, DROP, views, schemas, namespaces",
        [
            Entry("`INSERT INTO … SELECT`", "INSERT INTO probe SELECT 9, 'x'"),
            Entry("`INSERT INTO t (select)`, `AS (select)`", "INSERT INTO probe AS (SELECT 9, 'x')"),
            Entry("`INSERT INTO … VALUES`", "INSERT INTO probe VALUES (9, 'x')"),
            Entry("`UPDATE`", "UPDATE probe SET id = 1", APPENDED),
            Entry("`DELETE`", "DELETE FROM probe", APPENDED),
            Entry(
                "`MERGE`",
                "MERGE INTO probe USING cust ON probe.id = cust.id WHEN MATCHED THEN DELETE",
                APPENDED,
            ),
            Entry(
                "`INSERT OVERWRITE INTO` a table",
                "INSERT OVERWRITE INTO probe SELECT 1, 'x'",
                APPENDED,
            ),
            Entry("`CREATE VIEW`", "CREATE OR REPLACE VIEW shown AS SELECT id FROM cust"),
            Entry("`DROP VIEW`", "DROP VIEW shown"),
            Entry("`CREATE DATABASE`", "CREATE DATABASE IF NOT EXISTS base"),
            Entry("`CREATE SCHEMA`", "CREATE SCHEMA base.part"),
            Entry("`ALTER TABLE … ADD SCHEMA`", "ALTER TABLE probe ADD SCHEMA base.part"),
            Entry(
                "`ALTER TABLE … REMOVE SCHEMA`",
                "ALTER TABLE base.part.probe REMOVE SCHEMA base.part",
            ),
            Entry("`DROP SCHEMA`", "DROP SCHEMA base.part CASCADE"),
            Entry("`DROP DATABASE`", "DROP DATABASE base"),
            Entry(
                "`CREATE NAMESPACE`",
                "CREATE NAMESPACE Loyalty WITH (code = 'Loyalty', TYPE = 'CROSS_DEVICE')",
            ),
            Entry(
                "`CREATE FIELDGROUP`",
                "CREATE FIELDGROUP fields (f text) WITH (LABEL = 'PROFILE')",
            ),
            Entry("`DROP TABLE`", "DROP TABLE IF EXISTS probe"),
        ],
    ),
    Group(
        "2.4",
        "ALTER TABLE",
        [
            Entry(
                "`ADD CONSTRAINT PRIMARY KEY`",
                "CREATE TABLE altered AS SELECT id, name FROM cust;"
                " ALTER TABLE altered ADD CONSTRAINT PRIMARY KEY (id) NAMESPACE 'ECID'",
            ),
            Entry(
                "`ADD CONSTRAINT FOREIGN KEY`",
                "ALTER TABLE altered ADD CONSTRAINT FOREIGN KEY (id) REFERENCES cust (id) NOT ENFORCED",
            ),
            Entry(
                "`ADD CONSTRAINT IDENTITY`",
                "ALTER TABLE altered ADD CONSTRAINT PRIMARY IDENTITY (name) NAMESPACE 'Email'",
            ),
            Entry("`DROP CONSTRAINT`", "ALTER TABLE altered DROP CONSTRAINT PRIMARY KEY (id)"),
            Entry(
                "`ADD COLUMN`",
                "ALTER TABLE altered ADD COLUMN c varchar(10), d double precision",
            ),
            Entry("`ADD LABEL`", "ALTER TABLE altered ADD LABEL 'PROFILE'"),
        ],
    ),
    Group(
        "2.5",
        "ANALYZE TABLE",
        [
            Entry("`TABLESAMPLE SAMPLERATE`", "SET aqp=true; ANALYZE TABLE b3 TABLESAMPLE SAMPLERATE 50"),
            Entry("`FILTERCONTEXT`", "ANALYZE TABLE b3 TABLESAMPLE FILTERCONTEXT (id > 1) SAMPLERATE 60"),
            Entry("`sample_meta`", "SELECT sample_meta('b3')"),
            Entry("`WITHAPPROXIMATE`", "SELECT count(*) FROM b3 WITHAPPROXIMATE"),
            Entry("`COMPUTE STATISTICS`", "ANALYZE TABLE cust COMPUTE STATISTICS FOR ALL COLUMNS AS known"),
            Entry("statistics by name", "SELECT * FROM known"),
            Entry("`DROP TABLESAMPLE`", "SET aqp=true; DROP TABLESAMPLE b3_sample_50"),
        ],
    ),
    Group(
        "2.6",
        "Anonymous blocks",
        [
            Entry("`$$ BEGIN … END $$`", "$$ BEGIN SELECT 1; SELECT 2; END $$;"),
            Entry("variables, `IF`", "$$ BEGIN SET @v = SELECT 2; IF @v = 2 THEN SELECT 'x=@v'; END IF; END $$;"),
            Entry(
                "`EXCEPTION WHEN OTHER`",
                "$$ BEGIN SELECT raise_error('no'); EXCEPTION WHEN OTHER THEN SELECT 'ERROR'; END $$;",
            ),
        ],
    ),
    Group(
        "2.7",
        "Metadata functions",
        [
            Entry("`history_meta`", "SELECT snapshot_id FROM (SELECT history_meta('b3'))"),
            Entry("`table_exists`", "SELECT table_exists('b3')"),
        ],
    ),
    Group(
        "2.8",
        "Prepared statements, cursors, EXPLAIN, COPY, transactions",
        [
            Entry(
                "`PREPARE`, `EXECUTE`, `DEALLOCATE`",
                "PREPARE p AS SELECT id FROM cust WHERE id = $1; EXECUTE P(1); DEALLOCATE p",
            ),
            Entry(
                "`DECLARE`, `FETCH`, `MOVE`, `CLOSE`",
                "DECLARE c CURSOR FOR SELECT id FROM cust; FETCH 2 FROM c; MOVE 1 IN c; CLOSE c",
            ),
            Entry("`EXPLAIN`", "EXPLAIN SELECT id FROM cust"),
            Entry("`EXPLAIN FORMAT JSON`", "EXPLAIN FORMAT JSON SELECT id FROM cust"),
            Entry("`BEGIN`, `COMMIT`, `ROLLBACK`", "BEGIN WORK; COMMIT; START TRANSACTION; ROLLBACK WORK"),
            Entry(
                "`COPY (select) TO '%scratch_space%/…'`",
                "COPY (SELECT 1) TO '%scratch_space%/x'",
                COPIED,
            ),
        ],
    ),
    Group(
        "2.10",
        "Audiences",
        [
            Entry(
                "`CREATE AUDIENCE`",
                "CREATE AUDIENCE a WITH (primary_identity=id, identity_namespace=ECID) AS SELECT id FROM cust",
                AUDIENCES,
            ),
            Entry(
                "`INSERT INTO AUDIENCE`",
                "INSERT INTO AUDIENCE a SELECT id FROM cust",
                AUDIENCES,
            ),
            Entry("`DROP AUDIENCE`", "DROP AUDIENCE IF EXISTS a", AUDIENCES),
            Entry("`ALTER AUDIENCE`", "ALTER AUDIENCE a RENAME TO b", AUDIENCES),
        ],
    ),
    Group(
        "2.11",
        "Models",
        [
            Entry(
                "`CREATE MODEL`",
                "CREATE MODEL m OPTIONS (MODEL_TYPE='logistic_reg', LABEL='id') AS SELECT id FROM cust",
                MODELS,
            ),
            Entry(
                "`UPDATE MODEL`",
                "UPDATE MODEL m OPTIONS (MODEL_TYPE='logistic_reg') AS SELECT id FROM cust",
                MODELS,
            ),
            Entry(
                "`model_evaluate`",
                "SELECT * FROM model_evaluate(m, 1, SELECT id FROM cust)",
                MODELS,
            ),
            Entry(
                "`model_predict`",
                "SELECT * FROM model_predict(m, 1, SELECT id FROM cust)",
                MODELS,
            ),
            Entry("`SHOW MODELS`", "SHOW MODELS", MODELS),
            Entry("`DROP MODEL`", "DROP MODEL IF EXISTS m", MODELS),
        ],
    ),
]

WINDOW = "OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"

ADOBE = f"""
SESS_TIMEOUT(timestamp, 60) {WINDOW}
SESS_START_IF(timestamp, ch = 'A') {WINDOW}
SESS_END_IF(timestamp, ch = 'A') {WINDOW}
TIME_BETWEEN_PREVIOUS_MATCH(timestamp, ch = 'A', 'hours') {WINDOW}
TIME_BETWEEN_NEXT_MATCH(timestamp, ch = 'A') {WINDOW}
PREVIOUS(ch, 2, true) {WINDOW}
NEXT(ch) {WINDOW}
ATTRIBUTION_FIRST_TOUCH(timestamp, 'x', ch) {WINDOW}
ATTRIBUTION_LAST_TOUCH(timestamp, 'x', ch) {WINDOW}
ATTRIBUTION_FIRST_TOUCH_EXP_IF(timestamp, 'x', ch, ch = 'B', false) {WINDOW}
ATTRIBUTION_LAST_TOUCH_EXP_IF(timestamp, 'x', ch, ch = 'B', true) {WINDOW}
ATTRIBUTION_FIRST_TOUCH_EXP_TIMEOUT(timestamp, 'x', ch, 60) {WINDOW}
ATTRIBUTION_LAST_TOUCH_EXP_TIMEOUT(timestamp, 'x', ch, 60) {WINDOW}
"""

SKETCH = """
hll_build_agg(ch)
hll_estimate('x')
hll_merge_agg(ch)
hll_merge_count_agg(ch)
"""

ARRAY, TEXT, XML = "array(3, 1, NULL)", "'a b'", "'<a><b>1</b></a>'"

SPARK = {
    "maths and statistics": """
abs(-1)
acos(1)
approx_count_distinct(ch)
approx_percentile(n, 0.5)
asin(0)
atan(1)
atan2(1, 2)
avg(n)
cbrt(8)
ceil(1.2)
ceiling(1.2)
conv('ff', 16, 10)
corr(n, n)
cos(0)
cosh(0)
cot(1)
dense_rank() OVER (ORDER BY n)
e()
exp(1)
expm1(1)
factorial(5)
floor(1.2)
greatest(1, 2)
hypot(3, 4)
kurtosis(n)
least(1, 2)
ln(2)
log(2, 8)
log10(10)
log1p(1)
log2(8)
max(n)
mean(n)
min(n)
monotonically_increasing_id()
negative(1)
percent_rank() OVER (ORDER BY n)
percentile(n, 0.5)
percentile_approx(n, 0.5)
pi()
pmod(-1, 3)
positive(1)
pow(2, 3)
power(2, 3)
radians(180)
rand()
randn()
rint(1.5)
round(2.5)
sign(-1)
signum(-1)
sin(0)
sinh(0)
sqrt(4)
stddev(n)
stddev_pop(n)
stddev_samp(n)
sum(n)
tan(0)
tanh(0)
var_pop(n)
var_samp(n)
variance(n)
""",
    "logic": """
arrays_overlap(array(1), array(1, 2))
assert_true(true)
if(true, 1, 2)
ifnull(NULL, 1)
isnan(1.0)
isnotnull(1)
isnull(1)
nanvl(1.0, 2.0)
xpath_boolean('<a><b>1</b></a>', 'a/b')
""",
    "dates": """
add_months('2024-01-31', 1)
date_add('2024-01-31', 1)
date_format(now(), 'yyyy-MM-dd')
date_sub('2024-01-31', 1)
date_trunc('month', now())
datediff('2024-01-31', '2024-01-01')
day('2024-01-31')
dayofmonth('2024-01-31')
dayofweek('2024-01-31')
dayofyear('2024-01-31')
from_unixtime(0)
from_utc_timestamp(now(), 'Asia/Seoul')
hour(now())
last_day('2024-01-31')
make_date(2024, 1, 31)
make_ym_interval(1, 2)
minute(now())
month('2024-01-31')
months_between('2024-01-31', '2023-01-31')
next_day('2024-01-31', 'MO')
quarter('2024-01-31')
second(now())
to_date('2024-01-31')
to_timestamp('2024-01-31', 'yyyy-MM-dd')
to_unix_timestamp('2024-01-31 00:00:00')
to_utc_timestamp('2024-01-31', 'Asia/Seoul')
trunc('2024-01-31', 'MM')
unix_timestamp(now())
weekday('2024-01-31')
weekofyear('2024-01-31')
year('2024-01-31')
""",
    "arrays": f"""
array(1, 2)
array_contains({ARRAY}, 1)
array_distinct({ARRAY})
array_except({ARRAY}, array(1))
array_intersect({ARRAY}, array(1))
array_join(array('a', 'b'), ',')
array_max({ARRAY})
array_min({ARRAY})
array_position({ARRAY}, 1)
array_remove({ARRAY}, 1)
array_repeat(1, 3)
array_sort({ARRAY})
array_union({ARRAY}, array(1))
arrays_zip(array(1), array(2))
cardinality({ARRAY})
element_at({ARRAY}, 1)
explode(array(1))
explode_outer(array(1))
find_in_set('b', 'a,b')
flatten(array(array(1), array(2)))
inline(array(struct(1, 2)))
inline_outer(array(struct(1, 2)))
posexplode(array(1))
posexplode_outer(array(1))
reverse({ARRAY})
shuffle({ARRAY})
slice({ARRAY}, 1, 2)
sort_array({ARRAY})
zip_with(array(1), array(2), (x, y) -> x + y)
""",
    "casts": """
bigint('1')
binary('a')
boolean('true')
date('2024-01-31')
decimal('1')
double('1.5')
float('1.5')
int('1')
smallint('1')
string(1)
struct(1 AS a)
tinyint('1')
str_to_map('a:1,b:2')
""",
    "texts": f"""
ascii('a')
base64('a')
bin(5)
bit_length('a')
char(65)
chr(65)
char_length('a')
character_length('a')
crc32('Spark')
degrees(1)
format_number(12345.678, 2)
from_json('{{"a": 1}}', 'a INT')
get_json_object('{{"a": 1}}', '$.a')
hash('a')
hex(255)
initcap({TEXT})
lcase('A')
lower('A')
lpad('a', 3, '-')
map('a', 1)
map_from_arrays(array('a'), array(1))
map_from_entries(array(struct('a', 1)))
md5('a')
rpad('a', 3, '-')
rtrim('a ')
sha('a')
sha1('a')
sha2('a', 256)
soundex('Miller')
stack(2, 1, 2)
substr('abc', 2)
substring('abc', 2, 1)
to_json(struct(1 AS a))
translate('abc', 'a', 'b')
trim(' a ')
ucase('a')
unbase64('YQ==')
unhex('61')
upper('a')
uuid()
""",
    "evaluation": f"""
coalesce(NULL, 1)
collect_list(ch)
collect_set(ch)
concat('a', 'b')
concat_ws(',', 'a', 'b')
count(1)
decode(binary('a'), 'UTF-8')
elt(1, 'a', 'b')
encode('a', 'UTF-8')
first(ch)
first_value(ch)
instr('abc', 'b')
json_tuple('{{"a": 1}}', 'a')
lag(n) OVER (ORDER BY n)
last(ch)
last_value(ch)
lead(n) OVER (ORDER BY n)
left('abc', 1)
length('abc')
levenshtein('a', 'b')
locate('b', 'abc')
map_concat(map('a', 1), map('b', 2))
map_keys(map('a', 1))
map_values(map('a', 1))
ntile(2) OVER (ORDER BY n)
nullif(1, 2)
nvl(NULL, 1)
nvl2(NULL, 1, 2)
parse_url('http://a.b/c?d=e', 'HOST')
position('b', 'abc')
rank() OVER (ORDER BY n)
regexp_extract('a1', '([0-9])', 1)
regexp_extract_all('a1b2', '[0-9]', 0)
regexp_replace('a1', '[0-9]', 'x')
repeat('a', 2)
replace('a', 'a', 'b')
row_number() OVER (ORDER BY n)
schema_of_json('{{"a": 1}}')
sentences('Hi there. Good day.')
sequence(1, 3)
shiftleft(1, 2)
shiftright(4, 1)
shiftrightunsigned(4, 1)
size({ARRAY})
space(2)
split('a,b', ',')
substring_index('a.b.c', '.', 2)
xpath({XML}, 'a/b/text()')
xpath_double({XML}, 'a/b')
xpath_float({XML}, 'a/b')
xpath_int({XML}, 'a/b')
xpath_long({XML}, 'a/b')
xpath_number({XML}, 'a/b')
xpath_short({XML}, 'a/b')
xpath_string({XML}, 'a/b')
""",
    "current": """
current_database()
current_date()
current_timestamp()
now()
""",
    "higher order": f"""
aggregate({ARRAY}, 0, (a, x) -> a + x)
exists({ARRAY}, x -> x > 1)
filter({ARRAY}, x -> x > 1)
reduce({ARRAY}, 0, (a, x) -> a + x, a -> a * 2)
transform({ARRAY}, (x, i) -> x + i)
""",
}
"""One expression a line over a table with columns n and ch; the function is its first word."""

GROUPED = {
    "grouping": "SELECT grouping(city) FROM cust GROUP BY ROLLUP(city)",
    "grouping_id": "SELECT grouping_id(city) FROM cust GROUP BY CUBE(city)",
    "rollup": "SELECT count(*) FROM cust GROUP BY ROLLUP(city)",
    "window": "SELECT window(timestamp, '1 day'), count(*) FROM ev_t GROUP BY window(timestamp, '1 day')",
    "when": "SELECT CASE WHEN id > 1 THEN 1 END FROM cust",
    "raise_error": "SELECT if(false, raise_error('x'), 1)",
}
"""Functions that need a statement of their own."""

OPERATORS = {
    "`% * + - /`": "SELECT 5 % 2, 5 * 2, 5 + 2, 5 - 2, 5 / 2, 5 div 2",
    "`! not and or`": "SELECT ! true, not true, true and false, true or false",
    "`< <= = == > >= <> !=`": "SELECT 1 < 2, 1 <= 2, 1 = 2, 1 == 2, 1 > 2, 1 >= 2, 1 <> 2, 1 != 2",
    "`<=>`": "SELECT NULL <=> NULL",
    "`& | ^ ~`": "SELECT 5 & 3, 5 | 3, 5 ^ 3, ~5",
    "`||`": "SELECT 'a' || 'b'",
    "`in`": "SELECT 1 in (1, 2)",
    "`x::type`": "SELECT '1'::int",
    "`INTERVAL '7 DAYS'`": "SELECT now() - INTERVAL '7 DAYS'",
}


def probes(text: str) -> dict[str, str]:
    """The expressions of a group by their functions' names."""
    lines = [line for line in text.splitlines() if line]
    return {line.partition("(")[0].strip(): line for line in lines}


# -- clients ------------------------------------------------------------------------------------------------------

DRIVERS, JDBC, PG = "tests/wire/test_drivers.py::", "tests/wire/test_jdbc.py::", "tests/wire/test_pygresql.py::"
EVERY, CATALOGUE = "tests/conformance/test_clients.py::", "tests/wire/test_catalogue.py::"

ABILITIES = {
    "queries": "queries",
    "types": "every type",
    "parameters": "parameters",
    "portions": "rows in portions",
    "errors": "errors by SQLSTATE",
    "writes": "CREATE TABLE, INSERT, DROP",
    "catalogue": "tables and columns looked up",
}

COMMON = {
    "queries": f"{EVERY}test_queries",
    "types": "tests/conformance/test_round_trip.py::test_what_is_ingested_comes_back",
    "parameters": f"{EVERY}test_values_as_parameters",
    "errors": f"{EVERY}test_errors",
    "writes": f"{EVERY}test_writing",
}
"""What `clients.CLIENTS` do in the same tests."""

OWN: dict[str, dict[str, str]] = {
    "psycopg2": {"portions": f"{DRIVERS}test_named_cursors_of_psycopg2"},
    "psycopg 3, text": {
        "portions": f"{DRIVERS}test_rows_one_at_a_time_and_ended_early",
        "catalogue": f"{CATALOGUE}test_psycopg_looks_types_up",
    },
    "psycopg 3, binary": {"portions": f"{DRIVERS}test_a_server_side_cursor_of_psycopg"},
    "PyGreSQL, pg": {"portions": f"{PG}test_copies_and_cursors_of_pg"},
    "asyncpg": {
        "portions": f"{DRIVERS}test_asyncpg",
        "catalogue": f"{CATALOGUE}test_asyncpg_reads_oids_and_arrays_in_binary",
    },
    "SQLAlchemy 2": {"catalogue": f"{CATALOGUE}test_sqlalchemy_finds_what_it_finds_in_postgresql"},
    "pandas": {"catalogue": f"{CATALOGUE}test_pandas_reads_a_whole_table"},
}
"""What they do in tests of their own."""

CLIENTS: dict[str, dict[str, str]] = {
    "psql 15": {
        "queries": f"{DRIVERS}test_psql_runs_several_statements_of_one_text",
        "portions": f"{DRIVERS}test_psql_copies_out",
        "errors": f"{DRIVERS}test_psql_points_at_what_is_wrong_in_the_second_statement",
        "catalogue": f"{CATALOGUE}test_psql_shows_what_it_shows_of_postgresql",
    },
    **{name: {**COMMON, **OWN.get(name, {})} for name in clients.CLIENTS},
    "JDBC 42": {
        "queries": f"{JDBC}test_simple_and_extended_protocol",
        "types": f"{JDBC}test_every_type_in_text_and_in_binary",
        "parameters": f"{JDBC}test_prepared_on_the_server",
        "portions": f"{JDBC}test_rows_in_portions",
        "errors": f"{JDBC}test_errors_and_transactions",
        "catalogue": f"{CATALOGUE}test_jdbc_metadata_is_that_of_postgresql",
    },
    "postgres_fdw": {
        "queries": f"{CATALOGUE}test_postgres_fdw_imports_the_schema",
        "catalogue": f"{CATALOGUE}test_postgres_fdw_imports_the_schema",
    },
    "DBeaver's questions": {"catalogue": f"{CATALOGUE}test_questions_of_dbeaver"},
}
"""Clients, and the test behind each thing that they do."""

del CLIENTS["pandas"]["writes"]  # it reads queries only
