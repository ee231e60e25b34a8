-- explode of a list
SELECT _id, explode(productListItems.SKU) FROM ev ORDER BY 1, 2
--| e1 | 123679
--| e1 | 1346
--= _id | col
--: string | string
-- explode keeps no row without items, explode_outer one
SELECT _id, explode_outer(productListItems.SKU) AS sku FROM ev ORDER BY 1, 2
--| e1 | 123679
--| e1 | 1346
--| e2 | –
--| e3 | –
-- explode of a map
SELECT _id, explode(identityMap) FROM ev ORDER BY 1, 2
--| e1 | AAID | {(a1,f)}
--| e1 | ECID | {(11,t)}
--| e2 | ECID | {(11,t)}
--| e3 | ECID | {(22,t)}
--= _id | key | value
-- two names for two columns
SELECT explode(map('a', 1, 'b', 2)) AS (k, v) ORDER BY k
--| a | 1
--| b | 2
--= k | v
-- one name for two columns
SELECT explode(map('a', 1)) AS k
--! 42601 32 explode gives 2 columns, AS names 1
-- keys of another type
SELECT explode(map(2, 'b'))
--| 2 | b
--= key | value
--: int32 | string
-- posexplode
SELECT _id, posexplode(productListItems.SKU) FROM ev ORDER BY 1, 2
--| e1 | 0 | 123679
--| e1 | 1 | 1346
--= _id | pos | col
--: string | int32 | string
-- posexplode_outer of a map
SELECT n, posexplode_outer(m) FROM (SELECT 1 AS n, map('a', 'x') AS m UNION ALL SELECT 2, NULL) ORDER BY n
--| 1 | 0 | a | x
--| 2 | – | – | –
--= n | pos | key | value
-- inline
SELECT _id, inline(productListItems) FROM ev ORDER BY 1, 2
--| e1 | 123679 | 2 | 10.5
--| e1 | 1346 | – | –
--= _id | SKU | quantity | priceTotal
-- inline_outer
SELECT _id, inline_outer(productListItems) FROM ev ORDER BY 1, 2
--| e1 | 123679 | 2 | 10.5
--| e1 | 1346 | – | –
--| e2 | – | – | –
--| e3 | – | – | –
-- C27 fields without names
SELECT inline(array(struct(7,'m'), struct(8,'n'))), 'k'
--| 7 | m | k
--| 8 | n | k
--= col1 | col2 | k
-- C25 a map of lists of structs
SELECT key, inline(value), 'sg' segmentId FROM (SELECT explode(identityMap) FROM ev WHERE _id='e1') LIMIT 0
--~
--| ECID | 11 | t | sg
--| AAID | a1 | f | sg
--= key | id | primary | segmentId
-- C26 a field of what was exploded
SELECT _id, p.SKU FROM (SELECT _id, explode(productListItems) AS p FROM ev)
--~
--| e1 | 123679
--| e1 | 1346
-- stack fills up with NULL
SELECT stack(2, 1, 'a', 2)
--| 1 | a
--| 2 | –
--= col0 | col1
--: int32 | string
-- stack with names
SELECT stack(3, 'a', 1, 'b', 2, 'c', 3) AS (k, v)
--| a | 1
--| b | 2
--| c | 3
--= k | v
-- stack of different kinds
SELECT stack(2, 1, 'b')
--! 42804 20 column 0 of stack has strings and other values. Hint: cast them
-- json_tuple
SELECT id, json_tuple('{"a":1,"b":{"c":2},"d/e":"x"}', 'a', 'b', 'z', 'd/e') FROM cust WHERE id = 1
--| 1 | 1 | {"c":2} | – | x
--= id | c0 | c1 | c2 | c3
-- json_tuple of no JSON
SELECT json_tuple('nope', 'a') AS (x)
--| –
-- as a table
SELECT * FROM explode(array(1, 2))
--| 1
--| 2
--= col
-- as a table with names
SELECT e.x, p.* FROM explode(array(1, 2)) AS e(x), posexplode(array('a', 'b')) p WHERE p.pos = e.x - 1
--~
--| 1 | 0 | a
--| 2 | 1 | b
--= x | pos | col
-- as a table that uses the one before it
SELECT c.id, e.n FROM cust c, LATERAL explode(array(c.id, 9)) AS e(n) ORDER BY 1, 2
--| 1 | 1
--| 1 | 9
--| 2 | 2
--| 2 | 9
--| 3 | 3
--| 3 | 9
-- as a table in a sub-query
SELECT id, (SELECT max(x) FROM explode(array(id, 2)) e(x)) AS m FROM cust ORDER BY id
--| 1 | 2
--| 2 | 2
--| 3 | 3
-- lateral views one after the other
SELECT n, p, c, d FROM (SELECT 1 AS n, array(3,1) AS l) LATERAL VIEW posexplode(l) g AS p, c LATERAL VIEW explode(array(c, c*10)) h AS d ORDER BY p, d
--| 1 | 0 | 3 | 3
--| 1 | 0 | 3 | 30
--| 1 | 1 | 1 | 1
--| 1 | 1 | 1 | 10
-- a lateral view beside a condition
SELECT _id, key FROM ev LATERAL VIEW explode(identityMap) i WHERE key <> 'AAID' ORDER BY _id
--| e1 | ECID
--| e2 | ECID
--| e3 | ECID
-- an outer lateral view
SELECT e._id, t.sku, t.n FROM ev e LATERAL VIEW OUTER inline(productListItems) t AS sku, n, price ORDER BY 1, 2
--| e1 | 123679 | 2
--| e1 | 1346 | –
--| e2 | – | –
--| e3 | – | –
--= _id | sku | n
-- a lateral view without a name
SELECT x FROM (SELECT array(3, 4) AS l) LATERAL VIEW explode(l) AS x ORDER BY x
--| 3
--| 4
-- sorted by what was made
SELECT id, explode(array(id, 5 - id)) AS c FROM cust ORDER BY c + 1 DESC, id
--| 1 | 4
--| 2 | 3
--| 3 | 3
--| 2 | 2
--| 3 | 2
--| 1 | 1
-- windows see the rows that were made
SELECT id, explode(array('a', 'b')) AS x, count(1) OVER (PARTITION BY id) AS n FROM cust ORDER BY id, x
--| 1 | a | 2
--| 1 | b | 2
--| 2 | a | 2
--| 2 | b | 2
--| 3 | a | 2
--| 3 | b | 2
-- of a group
SELECT city, explode(collect_list(id)) AS x, count(1) AS n FROM cust GROUP BY city ORDER BY city
--| – | 3 | 1
--| Oslo | 1 | 1
--| Rome | 2 | 1
-- of all
SELECT explode(array(1, 2)) AS x, count(1) AS n FROM cust ORDER BY x
--| 1 | 3
--| 2 | 3
-- only different rows
SELECT DISTINCT explode(array(1, 1, 2)) AS x ORDER BY x
--| 1
--| 2
-- beside a star
SELECT *, explode(array('x')) FROM cust WHERE id = 1
--| 1 | Anna | Oslo | x
--= id | name | city | col
-- over a session's rows
SELECT _id, k, SESS_TIMEOUT(timestamp, 10) OVER (PARTITION BY _tenant.userid ORDER BY timestamp).num AS s FROM ev LATERAL VIEW explode(identityMap) g AS k, v ORDER BY 1, 2
--| e1 | AAID | 1
--| e1 | ECID | 1
--| e2 | ECID | 2
--| e3 | ECID | 1
-- two of them
SELECT explode(array(1)), explode(array(2))
--! 0A000 27 a SELECT list has room for one function that gives rows. Hint: put the other in LATERAL VIEW, or in a query around this one
-- inside of an expression
SELECT explode(array(1)) + 1
--! 42601 8 explode stands alone in a SELECT list or in FROM, not in an expression
-- in a condition
SELECT id FROM cust WHERE explode(array(1)) = 1
--! 42601 27 explode stands alone in a SELECT list or in FROM, not in an expression
-- of a number
SELECT id, explode(id) FROM cust
--! 42804 20 explode takes a list or a map
-- of too much
SELECT explode(array(1), 2)
--! 42883 8 explode takes 1 argument, found 2
-- what gives no rows
SELECT * FROM upper('x')
--! 0A000 15 upper gives no rows to stand in FROM
-- what nobody knows
SELECT * FROM explod(array(1))
--! 42883 15 function explod is not served in FROM. Hint: did you mean "explode" or "posexplode" or "explode_outer"?
