-- C01 a constant
SELECT 1 AS a
--| 1
--= a
--: int32
-- C05 count(*) is called count(1)
SELECT count(*) FROM ev
--| 3
--= count(1)
--: int64
-- C06 a key, an index, a field
SELECT identityMap['ECID'][0].id FROM ev WHERE _id='e3'
--| 22
--= identityMap[ECID][0].id
-- distinct in a label
SELECT COUNT(DISTINCT identityMap['ECID'][0].id) FROM ev
--| 2
--= count(DISTINCT identityMap[ECID][0].id)
-- a path is called like its field, in lower case
SELECT _Tenant.userID, e.commerce.Order.purchaseID, e.EVENTTYPE, Timestamp FROM ev e WHERE _id = 'e1'
--| A | P1 | commerce.purchases | 2024-03-01 10:00:00.250
--= userid | purchaseid | EVENTTYPE | Timestamp
-- C14 no such table
SELECT * FROM custt
--! 42P01 15 did you mean "cust"?
-- C15 no such field
SELECT _tenant.userd FROM ev
--! 42703 16 No such struct field userd in userid. Hint: did you mean "userid"?
-- no such column
SELECT nam FROM cust
--! 42703 8 did you mean "name"?
-- no such column of a relation
SELECT c.nam FROM cust c
--! 42703 10 relation "c" has no column "nam"
-- no such function
SELECT lenght(name) FROM cust
--! 42883 8 did you mean "length"
-- a wrong number of arguments
SELECT substring(name) FROM cust
--! 42883 8 substring takes 2 or 3 arguments, found 1
-- two columns of one name
SELECT id FROM cust a JOIN cust b ON a.id = b.id
--! 42702 8 "a", "b"
-- not a statement
SELECT FROM WHERE
--! 42601 13 near
-- C13 no frame of days
SELECT SUM(1) OVER (ORDER BY timestamp ROWS BETWEEN 2 days PRECEDING AND CURRENT ROW) FROM ev
--! 42601 55 near "days"
-- C16 ILIKE
SELECT name FROM cust WHERE name ILIKE 'a%' ORDER BY id
--| Anna
--| alf
-- C16 LIKE
SELECT name FROM cust WHERE name LIKE 'A%'
--| Anna
-- LIKE as operators
SELECT name ~~ 'A%', name ~~* 'A%', name !~~ 'A%', name !~~* 'A%' FROM cust WHERE id = 2
--| f | t | t | f
-- a backslash escapes in LIKE
SELECT 'a_b' LIKE 'a\\_b', 'axb' LIKE 'a\\_b'
--| t | f
-- C17 a double-quoted string
SELECT id FROM cust WHERE name == "Bo"
--| 3
-- double quotes name a column if there is one
SELECT "name" FROM cust WHERE "city" = "Rome"
--| alf
-- back quotes never make a string
SELECT id FROM cust WHERE name = `Bo`
--! 42703 34 does not exist here
-- C18 names with spaces
SELECT p, "q r" FROM (SELECT 'x' AS p, 'y' AS "q r")
--| x | y
--= p | q r
-- aliases in every spelling
SELECT 1 AS 'a b', 2 "c D", 3 AS `e`, 4 F
--| 1 | 2 | 3 | 4
--= a b | c D | e | F
-- C19 reserved words in a path
SELECT commerce.`order`.purchaseID AS a, commerce['order']['purchaseID'] AS b FROM ev ORDER BY _id
--| P1 | P1
--| – | –
--| P1 | P1
-- C20 NULL comes first
SELECT city FROM cust ORDER BY city
--| –
--| Oslo
--| Rome
-- C20 NULL comes last
SELECT city FROM cust ORDER BY city DESC
--| Rome
--| Oslo
--| –
-- C21 division
SELECT 5/2, 1/0, 5%0, SUM(id)/COUNT(id) FROM cust
--| 2.5 | – | – | 2.0
-- whole division cuts towards zero
SELECT 7 div 2, -7 div 2, 7 div 0
--| 3 | -3 | –
--: int64 | int64 | int64
-- C22 EXISTS with a lambda
SELECT _id FROM ev WHERE EXISTS(productListItems, v -> v.SKU == 123679)
--| e1
-- C23 the field of a list of structs
SELECT _id, productListItems.SKU[0] AS s FROM ev ORDER BY _id
--| e1 | 123679
--| e2 | –
--| e3 | –
-- the field of a list in a map
SELECT identityMap['ECID'].id FROM ev WHERE _id = 'e1'
--| {11}
-- behind the end and before the beginning of a list
SELECT array(1,2)[0], array(1,2)[2], array(1,2)[id - 2], array(1,2)[id - 1] FROM cust WHERE id = 1
--| 1 | – | – | 1
-- C24 GROUP BY and ORDER BY an alias in any case
SELECT _tenant.userid AS userID, COUNT(1) AS "distinctEvents" FROM ev GROUP BY userId ORDER BY distinctevents DESC
--| A | 2
--| B | 1
--= userID | distinctEvents
-- C26 explode a list
SELECT _id, p.SKU FROM (SELECT _id, explode(productListItems) AS p FROM ev)
--~
--| e1 | 123679
--| e1 | 1346
--= _id | sku
-- explode is called col
SELECT explode(array(1,2))
--~
--| 1
--| 2
--= col
-- LATERAL VIEW
SELECT _id, item.quantity FROM ev LATERAL VIEW explode(productListItems) x AS item
--~
--| e1 | 2
--| e1 | –
-- C28 transform
SELECT transform(productListItems, v -> v.priceTotal * 73) FROM ev WHERE _id='e1'
--| {766.5,–}
-- C29 size and filter
SELECT size(filter(productListItems, v -> v.SKU > 100000)) FROM ev WHERE _id='e1'
--| 1
-- C30 aggregate with a finish
SELECT aggregate(productListItems, 0, (acc,v) -> CASE WHEN v.SKU > acc THEN cast(v.SKU AS int) ELSE cast(acc AS int) END, acc -> acc*2) FROM ev WHERE _id='e1'
--| 247358
-- C31 zip_with
SELECT zip_with(sequence(1,5), transform(productListItems, p -> p.SKU), (x,y) -> struct(x,y)) FROM ev WHERE _id IN ('e1','e2') ORDER BY _id
--| {(1,123679),(2,1346),(3,–),(4,–),(5,–)}
--| {(1,–),(2,–),(3,–),(4,–),(5,–)}
-- C32 transform within reduce
SELECT transform(sequence(1,5), x -> reduce(sequence(1,x), 0, (a,y) -> a+y))
--| {1,3,6,10,15}
-- C33 maps
SELECT map_from_arrays(array('a','b'), array(1,2))['b'], map_concat(map('a',1), map('c',3))['c'], map('a',1)['z']
--| 2 | 3 | –
-- C34 element_at and cardinality
SELECT element_at(identityMap,'AAID') IS NULL, cardinality(identityMap) FROM ev ORDER BY _id
--| f | 2
--| t | 1
--| t | 1
-- C34 the size of NULL
SELECT cardinality(cast(NULL AS array<int>))
--| -1
-- labels of functions
SELECT Cardinality(identitymap), element_at(identitymap,'AAID'), UPPER(_id) FROM ev WHERE _id = 'e2'
--| 1 | – | E2
--= size(identitymap) | element_at(identitymap, AAID) | upper(_id)
-- C35 a window in a derived table
SELECT SUM(commerce.purchases.value) FROM (SELECT *, IF(LENGTH(commerce.`order`.purchaseID)>0, ROW_NUMBER() OVER (PARTITION BY identityMap['ECID'].id, commerce.`order`.purchaseID ORDER BY timestamp), 1) AS d FROM ev) WHERE d = 1
--| 1.0
-- C36 a zone by its short name
SELECT date_format(from_utc_timestamp(timestamp,'EDT'),'yyyy-MM-dd') AS Day, COUNT(1) AS c FROM ev GROUP BY Day ORDER BY Day
--| 2024-03-01 | 3
-- C37 from zone to zone
SELECT to_utc_timestamp('2021-08-31','Asia/Seoul'), to_utc_timestamp('2021-07-14 12:40:00.0','Asia/Seoul'), from_utc_timestamp('2021-08-31 14:40:00.0','Asia/Seoul')
--| 2021-08-30 15:00:00 | 2021-07-14 03:40:00 | 2021-08-31 23:40:00
-- C38 a date alone in American order
SELECT CAST('07-29-2021' AS timestamp)
--! 42804 13 07-29-2021
-- C38 with a time
SELECT CAST('07-29-2021 00:00:00' AS timestamp), CAST('2021-07-29' AS timestamp), CAST('x' AS timestamp)
--| 2021-07-29 00:00:00 | 2021-07-29 00:00:00 | –
-- C39 four-grams
SELECT p, transform(sequence(1, length(lower(replace(p,' ','')))-3), i -> substring(lower(replace(p,' ','')), i, 4)) FROM fv1
--~
--| iPad | {ipad}
--| iPhone | {ipho,phon,hone}
--| iWatch | {iwat,watc,atch}
--| iPad Mini | {ipad,padm,admi,dmin,mini}
-- C40 EXCEPT
SELECT lower(replace(p,' ','')) FROM fv2 EXCEPT SELECT lower(replace(p,' ','')) FROM fv1
--| macbookpro
-- C40 MINUS
SELECT lower(replace(p,' ','')) FROM fv2 MINUS SELECT lower(replace(p,' ','')) FROM fv1
--| macbookpro
-- C41 Jaccard
SELECT size(array_intersect(a,b))/size(array_union(a,b)) FROM (SELECT array('ip','pa','ad') a, array('ip','ph','ho','on','ne') b)
--| 0.14285714285714285
-- C42 corr
SELECT round(corr(a,b), 9), corr(a,c) FROM (VALUES (0,1,5),(1,3,5),(0,0,5),(1,2,5)) t(a,b,c)
--| 0.894427191 | –
-- C43 a window in random order
SELECT eventType, max(r) AS m, count(DISTINCT r) AS c FROM (SELECT eventType, row_number() OVER (PARTITION BY eventType ORDER BY randn()) r FROM ev_n) GROUP BY eventType ORDER BY eventType
--| advertising.impressions | 1 | 1
--| commerce.productViews | 1 | 1
--| directMarketing.emailOpened | 1 | 1
--| directMarketing.emailSent | 6 | 6
--| web.webinteraction.linkClicks | 2 | 2
--| web.webpagedetails.pageViews | 4 | 4
-- C44 a model by hand
SELECT CASE WHEN 1/(1+EXP(-(f1+f2+f3+FLOAT(0.4)))) > 0.5 THEN 1 ELSE 0 END AS Prediction FROM (SELECT CASE WHEN c1='x' THEN FLOAT(0.1) ELSE 0 END f1, CASE WHEN c1='y' THEN FLOAT(0.2) ELSE 0 END f2, FLOAT(c2)*FLOAT(0.3) f3 FROM (VALUES ('x',1.0),('y',-3.0)) t(c1,c2))
--| 1
--| 0
-- C50 groups ordered by a NULL
SELECT page, SUM(m)/COUNT(page) a FROM (VALUES ('x',5),('x',6),(NULL,4),('y',0)) t(page,m) GROUP BY page ORDER BY a
--| – | –
--| y | 0.0
--| x | 5.5
-- timestamp as a name
SELECT TIMESTAMP eventtime, ev.timestamp FROM ev WHERE timestamp >= '2024-03-02'
--| 2024-03-02 01:15:00 | 2024-03-02 01:15:00
--= eventtime | timestamp
--: timestamp[ms] | timestamp[ms]
-- an alias is not seen in WHERE
SELECT id AS n FROM cust WHERE n = 1
--! 42703 32 column "n" does not exist here
-- a star without columns
SELECT * EXCEPT (city) FROM cust ORDER BY id LIMIT 1
--| 1 | Anna
--= id | name
-- a struct's star
SELECT commerce.`order`.* FROM ev WHERE _id = 'e1'
--| P1 | 3018.0
--= purchaseID | priceTotal
-- joins, USING merges
SELECT id, a.name, b.city FROM cust a JOIN cust b USING (ID) ORDER BY id LIMIT 1
--| 1 | Anna | Oslo
-- a correlated query
SELECT name FROM cust c WHERE EXISTS (SELECT 1 FROM b3 WHERE b3.id = c.id + 2) ORDER BY c.id
--| Anna
--| alf
--| Bo
-- a common table expression hides a table
WITH Cust AS (SELECT 7 AS x) SELECT * FROM cust
--| 7
-- a set operation in order
SELECT id FROM cust WHERE id < 3 UNION ALL SELECT id FROM b3 WHERE id > 4 ORDER BY ID DESC
--| 5
--| 2
--| 1
-- grouping sets
SELECT city, count(1) AS n FROM cust WHERE city IS NOT NULL GROUP BY ROLLUP(city) ORDER BY city
--| – | 2
--| Oslo | 1
--| Rome | 1
-- ordinals
SELECT length(name) AS n, count(1) FROM cust GROUP BY 1 ORDER BY 1
--| 2 | 1
--| 3 | 1
--| 4 | 1
-- a named window
SELECT id, sum(id) OVER w AS s FROM cust WINDOW w AS (ORDER BY id) ORDER BY id
--| 1 | 1
--| 2 | 3
--| 3 | 6
--: int64 | int64
-- comparing text and numbers
SELECT id FROM cust WHERE id == '2' OR id = 'x'
--| 2
-- casts
SELECT CAST('1.7' AS int), CAST(1.7 AS int), CAST(-1.7 AS bigint), 'x'::int, CAST('t' AS boolean), int('12'), string(5), double('1.5')
--| 1 | 1 | -1 | – | t | 12 | 5 | 1.5
-- struct and its fields
SELECT struct(id, name AS n, 1) AS s FROM cust WHERE id = 1
--| (1,Anna,1)
--: struct<id: int64, n: string, col3: int32>
-- LIMIT 0 has no cap
SELECT id FROM cust ORDER BY id LIMIT 0
--| 1
--| 2
--| 3
-- LIMIT 0 below gives none
SELECT count(1) AS n FROM (SELECT id FROM cust LIMIT 0)
--| 0
-- LIMIT too high
SELECT id FROM cust LIMIT 100001
--! 53400 None 100,000
-- two statements
SELECT 1; SELECT 2
--! 42601 None found 2
-- a comment and a semicolon
/* one */ SELECT 1 AS a -- two;
;
--| 1
-- a comma before FROM
SELECT id, FROM cust WHERE id = 1
--| 1
-- DISTINCT over the whole list
SELECT DISTINCT(city) AS x, id > 5 AS y FROM cust ORDER BY x
--| – | f
--| Oslo | f
--| Rome | f
-- an alias used further on in the list
SELECT id + 1 AS n, N * 2 AS m FROM cust WHERE id = 2
--| 3 | 6
-- HAVING with an aggregate and an alias
SELECT city IS NULL AS nothing, count(1) AS n FROM cust GROUP BY nothing HAVING count(1) > 1 AND N < 5
--| f | 2
-- two columns of one name below
SELECT A FROM (SELECT 1 AS a, 2 AS A)
--! 42702 8 "A" stands for 2 columns
-- a window ordered at random beside a join
SELECT a.id, row_number() OVER (PARTITION BY a.id ORDER BY rand()) AS r, count(1) OVER () AS n FROM cust a CROSS JOIN fv2 b WHERE a.id < 3 ORDER BY a.id, r
--| 1 | 1 | 6
--| 1 | 2 | 6
--| 1 | 3 | 6
--| 2 | 1 | 6
--| 2 | 2 | 6
--| 2 | 3 | 6
-- a window over groups ordered at random
SELECT count(1) AS n, min(r) AS low, max(r) AS high FROM (SELECT city AS c, row_number() OVER (ORDER BY rand(), max(id)) AS r FROM cust GROUP BY c)
--| 3 | 1 | 3
-- windows beside merged columns, ordered at random
SELECT id, name, count(r) AS n FROM (SELECT id, name, row_number() OVER (PARTITION BY id ORDER BY rand()) AS r FROM cust JOIN (SELECT id, city FROM cust) b USING (id)) GROUP BY id, name ORDER BY id
--| 1 | Anna | 1
--| 2 | alf | 1
--| 3 | Bo | 1
-- a random column that a window is ordered by
SELECT count(1) AS n FROM (SELECT id, rand() AS x, row_number() OVER (ORDER BY x) AS r, rank() OVER (ORDER BY x DESC) AS s FROM cust) WHERE r + s = 4
--| 3
-- a natural join
SELECT * FROM (SELECT id, name FROM cust) a NATURAL JOIN (SELECT id, city FROM cust) b WHERE id = 1
--| 1 | Anna | Oslo
-- outer joins
SELECT c.id, b.id AS b FROM cust c LEFT JOIN b3 b ON c.id = b.id - 2 ORDER BY c.id
--| 1 | 3
--| 2 | 4
--| 3 | 5
-- semi and anti joins
SELECT id FROM cust c LEFT ANTI JOIN b3 b ON c.id = b.id - 3 ORDER BY id
--| 3
-- a scalar query
SELECT (SELECT max(id) FROM b3) AS m, id IN (SELECT id FROM b3 WHERE id > 2) AS i FROM cust ORDER BY id
--| 5 | f
--| 5 | f
--| 5 | t
-- a function that is not Spark's
SELECT list_aggregate(array(1), 'sum')
--! 42883 8 list_aggregate is not served
-- the wrong number of columns
SELECT 1, 2 UNION SELECT 3
--! 42601 8 same number of columns
-- an offset in a text counts
SELECT CAST('2017-07-15T02:00:00+02:00' AS timestamp), timestamp('2017-07-15T00:00:00Z'), timestamp > '2024-03-02T00:00:00+01:00', timestamp > 'never' FROM ev WHERE _id = 'e2'
--| 2017-07-15 00:00:00 | 2017-07-15 00:00:00 | t | –
-- typed literals
SELECT count(1) AS n FROM ev WHERE timestamp < TIMESTAMP '2024-03-02 00:00:00' AND timestamp >= DATE '2024-03-01'
--| 2
-- DISTINCT of an aggregate's sum
SELECT sum(DISTINCT x) AS s, avg(DISTINCT x) AS a FROM (VALUES (1), (1), (3)) t(x)
--| 4 | 2.0
--: int64 | double
-- DISTINCT over several arguments
SELECT count(DISTINCT id, name) FROM cust
--| 3
-- QUALIFY
SELECT _id FROM ev QUALIFY row_number() OVER (PARTITION BY _tenant.userid ORDER BY timestamp DESC) = 1 ORDER BY _id
--| e2
--| e3
