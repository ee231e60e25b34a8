-- branches in parentheses
(SELECT 1 AS a) UNION ALL (SELECT 2) ORDER BY a DESC
--| 2
--| 1
-- mixed branches
SELECT 1 AS a UNION SELECT 1 UNION ALL (SELECT 3 EXCEPT SELECT 4) ORDER BY 1
--| 1
--| 3
-- INTERSECT
SELECT id FROM cust INTERSECT SELECT id FROM b3 WHERE id > 1 ORDER BY id
--| 2
--| 3
-- MINUS ALL
SELECT * FROM (VALUES (1), (1), (2)) t(a) MINUS ALL SELECT 1 ORDER BY 1
--| 1
--| 2
-- EXCEPT DISTINCT
SELECT * FROM (VALUES (1), (2), (2)) t(a) EXCEPT DISTINCT SELECT 1
--| 2
-- a text and a number
SELECT 1 AS a UNION ALL SELECT 'x' ORDER BY a
--| 1
--| x
--: string
-- a number and a fraction
SELECT 1 AS a UNION ALL SELECT 2.5 ORDER BY a
--| 1.0
--| 2.5
-- a date and a moment
SELECT date '2024-01-02' AS a UNION ALL SELECT timestamp '2024-01-01 10:00:00' ORDER BY a
--| 2024-01-01 10:00:00
--| 2024-01-02 00:00:00
-- what cannot be matched
SELECT 1 UNION SELECT struct(1)
--! 42804 30 UNION int and struct cannot be matched
-- different numbers of columns
SELECT 1 UNION SELECT 1, 2
--! 42601 8 both sides of UNION need the same number of columns: 1 and 2
-- VALUES as a query
VALUES (1, 'x'), (2, 'y') ORDER BY 1 DESC LIMIT 1
--| 2 | y
--= col1 | col2
-- VALUES of several kinds
SELECT col1, col2 FROM VALUES (1, 2), (3.5, 'x') ORDER BY 1
--| 1.0 | 2
--| 3.5 | x
--: decimal128(11, 1) | string
-- VALUES of different lengths
VALUES (1, 2), (3)
--! 42601 17 VALUES lists must all be the same length
-- VALUES in IN
SELECT 1 IN (VALUES (1), (2)) AS a, 3 IN (VALUES (1)) AS b
--| t | f
-- a comma before FROM
SELECT id, FROM cust ORDER BY id LIMIT 1
--| 1
-- a star behind a table
SELECT * FROM cust * AS c ORDER BY c.id LIMIT 1
--| 1 | Anna | Oslo
-- NULL order
SELECT a FROM (VALUES (2), (NULL), (1)) t(a) ORDER BY a
--| –
--| 1
--| 2
-- NULL order downwards
SELECT a FROM (VALUES (2), (NULL), (1)) t(a) ORDER BY a DESC
--| 2
--| 1
--| –
-- NULL order as asked for
SELECT a FROM (VALUES (2), (NULL), (1)) t(a) ORDER BY a NULLS LAST
--| 1
--| 2
--| –
-- USING an operator
SELECT a FROM (VALUES (2), (NULL), (1)) t(a) ORDER BY a USING >
--| 2
--| 1
--| –
-- USING an operator, NULL order as asked for
SELECT a FROM (VALUES (2), (NULL), (1)) t(a) ORDER BY a USING < NULLS LAST
--| 1
--| 2
--| –
-- NULL order in windows
SELECT a, row_number() OVER (ORDER BY a) AS r, row_number() OVER (ORDER BY a DESC) AS q, row_number() OVER (ORDER BY a DESC NULLS FIRST) AS s FROM (VALUES (2), (NULL), (1)) t(a) ORDER BY a
--| – | 1 | 3 | 1
--| 1 | 2 | 2 | 3
--| 2 | 3 | 1 | 2
-- OFFSET before LIMIT
SELECT id FROM cust ORDER BY id OFFSET 1 LIMIT 1
--| 2
-- LIMIT ALL
SELECT id FROM cust ORDER BY id LIMIT ALL OFFSET 2
--| 3
-- FETCH
SELECT id FROM cust ORDER BY id OFFSET 1 ROWS FETCH FIRST 1 ROWS ONLY
--| 2
-- a constant sorts nothing
SELECT 'x' AS a ORDER BY 'y', NULL, TRUE
--| x
-- a number that is no column
SELECT id FROM cust ORDER BY 2
--! 42P10 30 ORDER BY position 2 is not in select list
-- LIKE ANY
SELECT name LIKE ANY ('A%', 'B%') AS a, name NOT LIKE ANY ('A%', 'B%') AS b, name LIKE ALL ('A%', '%a') AS c, name NOT LIKE ALL ('A%', 'B%') AS d, name ILIKE ANY ('a%') AS e FROM cust ORDER BY id
--| t | t | t | f | t
--| f | t | f | t | t
--| t | t | f | f | f
-- LIKE ANY and NULL
SELECT 'a' LIKE ANY ('b', NULL) AS a, 'a' LIKE ALL ('a', NULL) AS b, 'a' LIKE ANY ('a', NULL) AS c
--| – | – | t
-- CASE of several kinds
SELECT CASE WHEN id = 1 THEN 'a' ELSE id END AS x, CASE id WHEN '1' THEN 1 WHEN 2 THEN 2.5 END AS y FROM cust ORDER BY id
--| a | 1.0
--| 2 | 2.5
--| 3 | –
-- CASE of what cannot be matched
SELECT CASE WHEN true THEN 1 ELSE array(1) END
--! 42804 41 CASE types int and array<int> cannot be matched
-- a text as a condition
SELECT id FROM cust WHERE 't' AND NOT 'false' AND id > 2
--| 3
-- a number as a condition
SELECT id FROM cust WHERE id
--! 42804 27 argument of WHERE must be type boolean, not type bigint
-- a text with a sign
SELECT - '3' AS a, - id AS b FROM cust WHERE id = 2
--| -3.0 | -2
-- strings side by side
SELECT 'a' 'b' AS x
--| ab
-- too large a result
SELECT 9223372036854775807 + id FROM cust
--! 22003 None Out of Range Error: Overflow in addition of INT64 (9223372036854775807 + 1)!. Hint: cast an operand to a larger type
-- three-valued logic
SELECT NOT NULL AS a, NULL AND false AS b, NULL OR true AS c, NULL = NULL AS d, NULL <=> NULL AS e, 1 IN (2, NULL) AS f, 1 NOT IN (2, NULL) AS g, !true AS h
--| – | f | t | – | t | – | – | f
-- what is said twice in GROUP BY and DISTINCT
SELECT DISTINCT count(1) AS n FROM cust GROUP BY city
--| 1
-- an unknown clause
SELECT DISTINCT ON (id) id FROM cust
--! 0A000 21 DISTINCT ON is not served
-- DISTINCT sorted by what it does not give
SELECT DISTINCT city FROM cust ORDER BY id
--! 42P10 41 for SELECT DISTINCT, ORDER BY expressions must appear in select list
-- DISTINCT sorted by what can be computed from what it gives
SELECT DISTINCT city FROM cust ORDER BY upper(city) DESC
--| Rome
--| Oslo
--| –
-- comparisons of comparisons
SELECT 1 < 2 = true AS a, (1 IS NULL) = false AS b, 1 IN (1) = true AS c, 'a' LIKE 'b' = NOT true AS d
--| t | t | t | t
-- a number of twenty digits
SELECT 12345678901234567890 AS a, 9223372036854775807 AS b
--| 12345678901234567890 | 9223372036854775807
--: decimal128(20, 0) | int64
-- IN a query of another type
SELECT id FROM cust WHERE id IN (SELECT '2' UNION ALL SELECT 'x') OR '3' IN (SELECT b.id FROM b3 b WHERE b.id = cust.id) ORDER BY id
--| 2
--| 3
-- values in parentheses are a struct
SELECT (id, name) AS t, (1, 'x') AS u FROM cust WHERE id = 1
--| (1,Anna) | (1,x)
--: struct<id: int64, name: string> | struct<col1: int32, col2: string>
-- a frame that does not say where it begins
SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED AND CURRENT ROW) FROM cust
--! 42601 8 a frame reaches from … PRECEDING to … FOLLOWING, or to CURRENT ROW
