-- an alias in another case
SELECT city AS Town, count(1) AS n FROM cust GROUP BY TOWN ORDER BY town
--| – | 1
--| Oslo | 1
--| Rome | 1
-- by number
SELECT city, count(1) AS n FROM cust GROUP BY 1 ORDER BY 2, 1
--| – | 1
--| Oslo | 1
--| Rome | 1
-- ROLLUP
SELECT city, id > 1 AS late, count(1) AS n FROM cust GROUP BY ROLLUP(city, late) ORDER BY 1, 2, 3
--| – | – | 1
--| – | – | 3
--| – | t | 1
--| Oslo | – | 1
--| Oslo | f | 1
--| Rome | – | 1
--| Rome | t | 1
-- WITH ROLLUP
SELECT city, count(1) AS n, grouping(city) AS g FROM cust GROUP BY city WITH ROLLUP ORDER BY g, city
--| – | 1 | 0
--| Oslo | 1 | 0
--| Rome | 1 | 0
--| – | 3 | 1
-- CUBE
SELECT city, id > 1 AS late, count(1) AS n FROM cust GROUP BY CUBE(city, late) ORDER BY 1, 2, 3
--| – | – | 1
--| – | – | 3
--| – | f | 1
--| – | t | 1
--| – | t | 2
--| Oslo | – | 1
--| Oslo | f | 1
--| Rome | – | 1
--| Rome | t | 1
-- GROUPING SETS
SELECT city, count(1) AS n FROM cust GROUP BY GROUPING SETS ((city), ()) ORDER BY 2, 1
--| – | 1
--| Oslo | 1
--| Rome | 1
--| – | 3
-- one group of all
SELECT count(1) AS n FROM cust GROUP BY ()
--| 3
-- a path
SELECT _tenant.userid, count(1) AS n FROM ev GROUP BY _tenant.userid HAVING count(1) > 1
--| A | 2
-- a key inside of an expression
SELECT upper(city) || '!' AS c, max(id) + id % 2 AS m FROM cust GROUP BY upper(city), id % 2 ORDER BY 1
--| – | 4
--| OSLO! | 2
--| ROME! | 2
-- FILTER
SELECT count(1) FILTER (WHERE id > 1) AS n FROM cust
--| 2
-- a field of a key
SELECT commerce.order.purchaseID AS p, count(1) AS n FROM ev GROUP BY commerce ORDER BY 1, 2
--| – | 1
--| P1 | 1
--| P1 | 1
-- a column that differs
SELECT city, max(id), c.name FROM cust c GROUP BY city
--! 42803 23 column "c.name" must appear in the GROUP BY clause or be used in an aggregate function
-- a column beside an aggregate
SELECT max(id), name FROM cust
--! 42803 17 column "cust.name" must appear in the GROUP BY clause or be used in an aggregate function
-- HAVING makes a group
SELECT id FROM cust HAVING max(id) > 1
--! 42803 8 column "cust.id" must appear in the GROUP BY clause or be used in an aggregate function
-- ORDER BY a column that differs
SELECT city FROM cust GROUP BY city ORDER BY name
--! 42803 46 column "cust.name" must appear in the GROUP BY clause or be used in an aggregate function
-- an aggregate in WHERE
SELECT id FROM cust WHERE max(id) > 1
--! 42803 31 aggregate functions are not allowed in WHERE
-- a window in WHERE
SELECT id FROM cust WHERE row_number() OVER (ORDER BY id) = 1
--! 42P20 55 window functions are not allowed in WHERE
-- an aggregate of an aggregate
SELECT sum(count(1)) FROM cust
--! 42803 18 aggregate function calls cannot be nested
-- a window over aggregates
SELECT city, sum(count(1)) OVER () AS n FROM cust GROUP BY city ORDER BY city
--| – | 3
--| Oslo | 3
--| Rome | 3
-- an aggregate as a key
SELECT max(id) AS m FROM cust GROUP BY m
--! 42803 12 aggregate functions are not allowed in GROUP BY
-- a number that is no column
SELECT id FROM cust GROUP BY 2
--! 42P10 30 GROUP BY position 2 is not in select list
-- DISTINCT with parentheses
SELECT DISTINCT(city) AS x, length(city) FROM cust ORDER BY x
--| – | –
--| Oslo | 4
--| Rome | 4
