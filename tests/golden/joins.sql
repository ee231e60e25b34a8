-- USING merges
SELECT * FROM (SELECT 1 AS id, 2 AS a) x FULL JOIN (SELECT 3 AS id, 4 AS b) y USING (id) ORDER BY id
--| 1 | 2 | –
--| 3 | – | 4
--= id | a | b
-- NATURAL merges
SELECT * FROM (SELECT 1 AS id, 2 AS a) x NATURAL FULL JOIN (SELECT 3 AS id, 4 AS b) y ORDER BY id
--| 1 | 2 | –
--| 3 | – | 4
--= id | a | b
-- each side of what was merged
SELECT id, x.id AS i, y.id AS j FROM (SELECT 1 AS id) x FULL JOIN (SELECT 3 AS id) y USING (id) ORDER BY id
--| 1 | 1 | –
--| 3 | – | 3
-- USING what one side lacks
SELECT * FROM cust JOIN fv1 USING (id)
--! 42703 36 column "id" of USING does not stand on both sides of the join
-- a comma
SELECT c.id, b.id AS j FROM cust c, b3 b WHERE c.id = b.id + 1 ORDER BY 1
--| 2 | 1
--| 3 | 2
-- a query that uses the table before it
SELECT c.id, l.z FROM cust c, LATERAL (SELECT c.id * 2 AS z) l ORDER BY 1
--| 1 | 2
--| 2 | 4
--| 3 | 6
-- the same with LEFT JOIN
SELECT c.id, l.z FROM cust c LEFT JOIN LATERAL (SELECT c.id * 2 AS z WHERE c.id > 1) l ON true ORDER BY 1
--| 1 | –
--| 2 | 4
--| 3 | 6
-- parentheses
SELECT x.id, y.id AS j, p FROM (cust x JOIN b3 y ON x.id = y.id) JOIN fv2 ON true WHERE x.id = 1 ORDER BY p
--| 1 | 1 | Macbook Pro
--| 1 | 1 | iPad
--| 1 | 1 | iPhone
-- parentheses on the right
SELECT x.id, count(1) AS n FROM cust x LEFT JOIN (b3 y JOIN fv2 ON true) ON x.id = y.id AND y.id > 1 GROUP BY x.id ORDER BY 1
--| 1 | 1
--| 2 | 3
--| 3 | 3
-- many parentheses
SELECT a FROM (((SELECT 1 AS a)))
--| 1
-- semi and anti
SELECT a.id FROM cust a LEFT SEMI JOIN b3 b ON a.id = b.id AND b.id > 1 UNION ALL SELECT 10 * a.id FROM cust a LEFT ANTI JOIN b3 b ON a.id = b.id AND b.id > 1 ORDER BY 1
--| 2
--| 3
--| 10
-- a correlated value
SELECT c.id, (SELECT max(b.id) FROM b3 b WHERE b.id < c.id) AS m FROM cust c ORDER BY 1
--| 1 | –
--| 2 | 1
--| 3 | 2
-- a correlated condition
SELECT id FROM cust c WHERE EXISTS (SELECT 1 FROM b3 WHERE b3.id = c.id + 3) ORDER BY id
--| 1
--| 2
-- NOT IN
SELECT id FROM cust WHERE id NOT IN (SELECT id FROM b3 WHERE id > 1)
--| 1
-- pairs
SELECT id FROM cust WHERE (id, name) IN (SELECT 1, 'Anna') OR (id, name) IN ((3, 'Bo')) ORDER BY id
--| 1
--| 3
-- = ANY
SELECT id FROM cust WHERE id = ANY (SELECT id FROM b3 WHERE id > 2)
--| 3
-- a value of two columns
SELECT (SELECT id, name FROM cust LIMIT 1)
--! 42601 16 subquery must return only one column, not 2
-- a value of three rows
SELECT (SELECT id FROM cust) AS x
--! 21000 None more than one row returned by a subquery used as an expression
-- each table its own snapshot, the second without the word
SELECT a.id, b.id AS j FROM b3 SNAPSHOT AS OF 1 a JOIN b3 AS OF 2 b ON b.id = a.id + 1 ORDER BY 1
--| 1 | 2
--| 2 | 3
-- a condition that is none
SELECT 1 FROM cust a JOIN cust b ON a.id
--! 42804 37 argument of JOIN/ON must be type boolean, not type bigint
-- an aggregate where there are no groups yet
SELECT 1 FROM cust a JOIN cust b ON max(a.id) = 1
--! 42803 41 aggregate functions are not allowed in JOIN conditions
-- no sample here
SELECT * FROM cust TABLESAMPLE (10 PERCENT)
--! 0A000 15 TABLESAMPLE is not served in FROM. Hint: ANALYZE TABLE … TABLESAMPLE makes a sample, ORDER BY rand() picks rows
