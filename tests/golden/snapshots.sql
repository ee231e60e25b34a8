-- C61 since
SELECT id FROM b3 SNAPSHOT SINCE 1 ORDER BY id
--| 3
--| 4
--| 5
-- C61 as of
SELECT id FROM b3 SNAPSHOT AS OF 2 ORDER BY id
--| 1
--| 2
--| 3
-- C61 between
SELECT id FROM b3 SNAPSHOT BETWEEN 1 AND 3 ORDER BY id
--| 3
--| 4
--| 5
-- C61 from HEAD
SELECT id FROM b3 SNAPSHOT BETWEEN 'HEAD' AND 1 ORDER BY id
--| 1
--| 2
-- C61 to TAIL
SELECT id FROM b3 SNAPSHOT BETWEEN 3 AND 'TAIL'
-- C61 everything
SELECT id FROM b3 SNAPSHOT BETWEEN 0 AND '3' ORDER BY id
--| 1
--| 2
--| 3
--| 4
--| 5
-- the empty snapshot
SELECT count(1) AS n FROM b3 SNAPSHOT AS OF 0
--| 0
-- before or after an alias, each table its own
SELECT count(1) AS n, count(DISTINCT a.id) AS m FROM b3 SNAPSHOT AS OF 1 a JOIN b3 b SNAPSHOT SINCE 2 ON a.id < b.id
--| 4 | 2
-- nothing between a snapshot and itself
SELECT id FROM b3 SNAPSHOT BETWEEN 2 AND 2
-- nothing backwards
SELECT id FROM b3 SNAPSHOT BETWEEN 3 AND 1
-- from the beginning to the end
SELECT count(1) AS n FROM b3 SNAPSHOT BETWEEN 'HEAD' AND 'TAIL'
--| 5
-- from the end
SELECT id FROM b3 SNAPSHOT BETWEEN 'TAIL' AND 2
--! 42601 36 TAIL is no snapshot id
-- a bare TAIL
SELECT id FROM b3 SNAPSHOT BETWEEN 1 AND TAIL
--! 42601 42 in quotes
-- not on a query in parentheses
SELECT * FROM (SELECT id FROM b3) q SNAPSHOT SINCE 1
--! 42601 37 near "SNAPSHOT"
-- snapshot is a name, too
SELECT snapshot.id AS snapshot FROM b3 snapshot ORDER BY snapshot LIMIT 1
--| 1
-- an unknown snapshot
SELECT id FROM b3 SNAPSHOT SINCE 9
--! 58000 None history_meta('b3')
-- a bare HEAD
SELECT id FROM b3 SNAPSHOT BETWEEN HEAD AND 1
--! 42601 36 in quotes
-- a word
SELECT id FROM b3 SNAPSHOT SINCE 'yesterday'
--! 42601 34 is no snapshot id
-- not on a query
WITH q AS (SELECT 1) SELECT * FROM q SNAPSHOT SINCE 1
--! 42601 36 SNAPSHOT belongs to tables
