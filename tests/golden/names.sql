-- a schema before a table
SELECT id FROM public.cust ORDER BY id LIMIT 1
--| 1
-- a database, too
SELECT public.cust.id, cust.name, prod.public.cust.city FROM prod.public.cust ORDER BY 1 LIMIT 1
--| 1 | Anna | Oslo
--= id | name | city
-- a database with a scope
SELECT public.cust.* FROM "prod:all".public.cust ORDER BY 1 LIMIT 1
--| 1 | Anna | Oslo
-- a path behind a qualified name
SELECT public.ev._tenant.userid FROM public.ev ORDER BY _id LIMIT 1
--| A
--= userid
-- another schema
SELECT 1 FROM nope.cust
--! 42P01 15 table "nope.cust" does not exist. Hint: did you mean "cust"?
-- another database
SELECT 1 FROM nope.public.cust
--! 42P01 15 table "nope.public.cust" does not exist. Hint: did you mean "cust"?
-- a qualified name of what has an alias
SELECT public.cust.id FROM public.cust c
--! 42703 8 column "public" does not exist here
-- a relation goes before an alias of the list
SELECT name AS c FROM cust c ORDER BY c.id DESC LIMIT 1
--| Bo
-- timestamp as a name, and with an alias
SELECT TIMESTAMP eventtime, Timestamp FROM ev WHERE TIMESTAMP >= '2024-03-02'
--| 2024-03-02 01:15:00 | 2024-03-02 01:15:00
--= eventtime | Timestamp
-- a literal of type timestamp
SELECT TIMESTAMP '2024-03-02' AS t, DATE '2024-03-02' AS d
--| 2024-03-02 00:00:00 | 2024-03-02
--: timestamp[ms] | date32[day]
-- aliases in every kind of quotes
SELECT id 'my id', name "the name", city `c c`, id AS 'x' FROM cust WHERE id = 1
--| 1 | Anna | Oslo | 1
--= my id | the name | c c | x
-- words that are not reserved
SELECT id first, name last, city date, id AS user, id AS value, id AS type FROM cust WHERE id = 1
--| 1 | Anna | Oslo | 1 | 1 | 1
--= first | last | date | user | value | type
-- C17 a string in double quotes
SELECT id FROM cust WHERE name == "Bo"
--| 3
-- C18 names with blanks
SELECT p, "q r" FROM (SELECT 'x' AS p, 'y' AS "q r")
--| x | y
--= p | q r
-- C19 backquotes and brackets
SELECT commerce.`order`.purchaseID AS a, commerce['order']['purchaseID'] AS b FROM ev ORDER BY _id
--| P1 | P1
--| – | –
--| P1 | P1
-- names for the columns of a table
SELECT x, y, city FROM cust AS c (x, y) WHERE x = 1
--| 1 | Anna | Oslo
--= x | y | city
-- names for the columns of a query
SELECT * FROM (SELECT 1, 2) AS c (x, y)
--| 1 | 2
--= x | y
-- more names than columns
SELECT * FROM (SELECT 1) AS c (x, y)
--! 42601 23 "c" has 1 columns and 2 names for them
-- names for the columns of WITH
WITH n (a, b) AS (VALUES (1, 'x'), (2, 'y')) SELECT b, a FROM n ORDER BY a
--| x | 1
--| y | 2
--= b | a
-- WITH inside of WITH, and a name that hides a table
WITH cust AS (SELECT 7 AS id), two AS (WITH x AS (SELECT id + 1 AS id FROM cust) SELECT * FROM x) SELECT cust.id, two.id AS j FROM cust, two
--| 7 | 8
-- recursion
WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM r WHERE a < 3) SELECT * FROM r
--! 0A000 16 WITH RECURSIVE is not served
-- a star over columns of one name
SELECT * FROM (SELECT * FROM cust a JOIN b3 b ON a.id = b.id) ORDER BY 1
--| 1 | Anna | Oslo | 1
--| 2 | alf | Rome | 2
--| 3 | Bo | – | 3
--= id | name | city | id
-- one of two columns of one name
SELECT id FROM (SELECT * FROM cust a JOIN b3 b ON a.id = b.id)
--! 42702 8 "id" stands for 2 columns: "_derived0". Hint: write the relation's alias before it, or give the columns different names
-- system fields by name
SELECT count(DISTINCT _ACP_BATCHID) AS b, count(DISTINCT _acp_system_metadata.acp_sourceBatchId) AS s FROM b3
--| 3 | 3
-- parts of the timestamp
SELECT _id, e._ACP_YEAR AS y, _acp_month AS m, _ACP_DAY FROM ev e WHERE _ACP_YEAR = 2024 ORDER BY _id
--| e1 | 2024 | 3 | 1
--| e2 | 2024 | 3 | 1
--| e3 | 2024 | 3 | 2
--= _id | y | m | _ACP_DAY
--: string | int32 | int32 | int32
-- no timestamp, no parts of it
SELECT _ACP_YEAR FROM cust
--! 42703 8 column "_ACP_YEAR" does not exist here
-- a query below passes on what it names
SELECT _ACP_BATCHID FROM (SELECT * FROM b3)
--! 42703 8 column "_ACP_BATCHID" does not exist here
-- whether a table exists
SELECT table_exists('cust') AS a, table_exists('nope') = 'false' AS b, table_exists('public.cust') = 't' AS c
--| t | t | t
-- the history of a table
SELECT snapshot_generation, snapshot_id, parent_id, is_current, output_record_count, output_byte_size > 0 AS b FROM (SELECT history_meta('b3')) ORDER BY 1
--| 0 | 0 | – | f | 0 | f
--| 1 | 1 | 0 | f | 2 | t
--| 2 | 2 | 1 | f | 1 | t
--| 3 | 3 | 2 | t | 2 | t
-- the history of a table as a table
SELECT max(snapshot_id) AS m FROM history_meta('b3') WHERE NOT is_current
--| 2
-- the history of nothing
SELECT history_meta('b4')
--! 42P01 8 table "b4" does not exist
-- a string that is spelled like a column that nobody named
SELECT 'x', "x", upper("x")
--| x | x | X
--= x | x | upper(x)
-- a column that nobody named
SELECT * FROM (SELECT upper(name), id FROM cust) WHERE `upper(name)` = 'BO'
--| BO | 3
--= upper(name) | id
-- sorted by a column that nobody named
SELECT _tenant.userid, count(1) FROM ev GROUP BY userid ORDER BY `count(1)`
--| B | 1
--| A | 2
--= userid | count(1)
-- an alias of the list in the list
SELECT id + 1 AS x, x * 10 AS y FROM cust WHERE id = 1
--| 2 | 20
-- an alias of the list in WHERE
SELECT id + 1 AS x FROM cust WHERE x = 1
--! 42703 36 column "x" does not exist here
-- a relation that is not there
SELECT cst.id FROM cust
--! 42703 8 column "cst" does not exist here. Hint: did you mean "cust"?
