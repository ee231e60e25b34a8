-- mathematics
SELECT abs(-2), ceil(1.2), floor(-1.2), round(2.5), round(-2.5), round(1.256, 2), sqrt(9), sqrt(-1), sign(-3), pow(2, 10), round(cbrt(27), 9)
--| 2 | 2 | -2 | 3 | -3 | 1.26 | 3.0 | nan | -1.0 | 1024.0 | 3.0
-- logarithms
SELECT ln(1), ln(0), log(exp(1)), log(2, 8), log10(100), log2(8), log1p(0), expm1(0), ln(-1)
--| 0.0 | – | 1.0 | 3.0 | 2.0 | 3.0 | 0.0 | 0.0 | –
-- trigonometry
SELECT sin(0), cos(0), tan(0), asin(0), acos(1), atan(0), atan2(0, 1), degrees(pi()), radians(180) = pi(), hypot(3, 4), sinh(0), cosh(0), tanh(0)
--| 0.0 | 1.0 | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 | 180.0 | t | 5.0 | 0.0 | 1.0 | 0.0
-- remainders
SELECT pmod(-7, 3), mod(-7, 3), -7 % 3, pmod(7, 0), mod(7, 0), negative(2), positive(2), factorial(5), factorial(21), rint(2.5)
--| 2 | -1 | -1 | – | – | -2 | 2 | 120 | – | 2.0
-- strings as numbers
SELECT abs('-2'), '3' * 2, '3' + '4', round('2.5'), sqrt('x')
--| 2.0 | 6.0 | 7.0 | 3.0 | –
-- random numbers lie where they should
SELECT min(r) >= 0 AND max(r) < 1 AS r, abs(avg(n)) < 0.2 AND abs(stddev(n) - 1) < 0.2 AS n FROM (SELECT rand() AS r, randn() AS n FROM (SELECT explode(sequence(1, 4000)) AS i))
--| t | t
-- logic
SELECT if(1 > 2, 'a', 'b'), if(NULL, 1, 2), coalesce(NULL, 2, 3), ifnull(NULL, 1), nvl(1, 2), nvl2(NULL, 1, 2), nullif(1, 1), isnull(NULL), isnotnull(NULL), isnan(0.5), nanvl(double('NaN'), 5.0)
--| b | 2 | 2 | 1 | 1 | 2 | – | t | f | f | 5.0
-- the greatest and the least leave NULL out
SELECT greatest(1, NULL, 3), least(2, NULL, 1.5), greatest('a', 'b')
--| 3 | 1.5 | b
-- three-valued logic
SELECT NULL <=> NULL, 1 <=> NULL, NULL = NULL, NOT NULL, 1 IS DISTINCT FROM 2, true AND NULL, false AND NULL, true OR NULL
--| t | f | – | – | t | – | f | t
-- text
SELECT lower('AbC'), ucase('abc'), length('abc '), reverse('abc'), concat('a', 'b', 1), concat('a', NULL), concat_ws('-', 'a', NULL, 'b'), 'a' || 'b'
--| abc | ABC | 4 | cba | ab1 | – | a-b | ab
-- parts of a text
SELECT substring('Spark SQL', 5), substring('Spark SQL', 5, 1), substring('Spark', 0, 2), substring('Spark', -3), substr('Spark', 2, 2), left('Spark', 3), right('Spark', 3), substring('Spark', 1, -1)
--| k SQL | k | Sp | ark | pa | Spa | ark |
-- trimming and padding
SELECT concat('[', trim('  a '), ']'), concat(ltrim('  a'), '|'), concat(rtrim('a  '), '|'), lpad('hi', 5, '?'), rpad('hi', 4), lpad('hi', 1, '?'), trim(LEADING 'x' FROM 'xxa'), repeat('ab', 2), concat('[', space(2), ']')
--| [a] | a| | a| | ???hi | hi   | h | a | abab | [  ]
-- searching in a text
SELECT instr('SparkSQL', 'SQL'), locate('k', 'Spark'), position('z', 'Spark'), replace('ABCabc', 'abc', 'DEF'), replace('abc', 'b'), translate('AaBbCc', 'abc', '123'), levenshtein('kitten', 'sitting'), ascii('2'), contains('Spark', 'ar'), startswith('Spark', 'Sp'), endswith('Spark', 'Sp')
--| 6 | 5 | 0 | ABCDEF | ac | A1B2C3 | 3 | 50 | t | t | f
-- regular expressions
SELECT regexp_extract('100-200', '(\\d+)-(\\d+)'), regexp_extract('100-200', '(\\d+)-(\\d+)', 2), regexp_replace('100-200', '(\\d+)', 'num'), 'abc' RLIKE 'b+'
--| 100 | 200 | num-num | t
-- splitting
SELECT split('oneAtwoBthreeC', '[ABC]')
--| {one,two,three,}
-- digests
SELECT md5('Spark'), sha('Spark')
--| 8cde774d6f7333752ed72cacddb05126 | 85f5955f4b27a9a4c2aab6ffe5d7189fc298b92c
-- parts of a date
SELECT year(t), quarter(t), month(t), day(t), dayofmonth(t), dayofyear(t), dayofweek(t), weekday(t), weekofyear(t), hour(t), minute(t), second(t) FROM (SELECT CAST('2024-03-03 12:58:59' AS timestamp) AS t)
--| 2024 | 1 | 3 | 3 | 3 | 63 | 1 | 6 | 9 | 12 | 58 | 59
-- parts of a date in a text
SELECT year('2024-03-03'), EXTRACT(month FROM CAST('2024-03-03' AS date)), to_date('2024-03-03 12:00:00'), to_date('03/04/2024', 'MM/dd/yyyy'), to_timestamp('2024-12-31 10', 'yyyy-MM-dd HH'), to_date('x')
--| 2024 | 3 | 2024-03-03 | 2024-03-04 | 2024-12-31 10:00:00 | –
-- counting days
SELECT date_add('2016-07-30', 1), date_sub('2016-07-30', 1), datediff('2009-07-31 01:00:00', '2009-07-30 23:00:00'), last_day('2009-01-12'), add_months('2016-08-31', 1), CAST('2024-01-01' AS date) - CAST('2023-12-30' AS date)
--| 2016-07-31 | 2016-07-29 | 1 | 2009-01-31 | 2016-09-30 | 2
-- intervals
SELECT CAST('2024-01-31 10:00:00' AS timestamp) + INTERVAL '1 month', CAST('2024-01-01' AS timestamp) - INTERVAL '2 hours', CAST('2024-01-01' AS timestamp) + INTERVAL 7 DAYS
--| 2024-02-29 10:00:00 | 2023-12-31 22:00:00 | 2024-01-08 00:00:00
-- unknown letters of a pattern
SELECT date_format('2016-04-08', 'EEE d MMM yyyy GG')
--! 0A000 34 "GG"
-- truncating times
SELECT date_trunc('MONTH', CAST('2015-03-05 09:32:05' AS timestamp)), date_trunc('hour', '2015-03-05T09:32:05'), date_format('2016-04-08 13:05:09', 'yyyy/MM/dd HH:mm:ss'), date_format('2016-04-08', "d MMM yyyy 'at' h a")
--| 2015-03-01 00:00:00 | 2015-03-05 09:00:00 | 2016/04/08 13:05:09 | 8 Apr 2016 at 12 AM
-- seconds since 1970
SELECT unix_timestamp(CAST('1970-01-02' AS timestamp)), unix_timestamp(CAST('1970-01-01 00:01:30' AS timestamp))/60, from_unixtime(90), to_unix_timestamp('1970-01-01 00:00:01'), CAST(CAST('1970-01-01 00:00:02.900' AS timestamp) AS bigint), CAST(90 AS timestamp)
--| 86400 | 1.5 | 1970-01-01 00:01:30 | 1 | 2 | 1970-01-01 00:01:30
-- now is in UTC and has no zone
SELECT now() = current_timestamp(), current_timestamp = now(), current_date = to_date(now()), CAST(now() AS date) = current_date()
--| t | t | t | t
-- lists
SELECT size(array(1, 2)), array_contains(array(1, 2), 2), array_max(array(1, 3, NULL)), array_min(array(2, 1)), array_position(array('a', 'b'), 'b'), array_position(array('a'), 'x'), array_join(array('a', NULL, 'b'), ','), sort_array(array('b', NULL, 'a')), sort_array(array(1, 3, 2), false), array_sort(array(3, NULL, 1))
--| 2 | t | 3 | 1 | 2 | 0 | a,b | {–,a,b} | {3,2,1} | {1,3,–}
-- sets
SELECT array_distinct(array(2, NULL, 1, 2, NULL)), array_union(array(1, 2), array(2, 3)), array_intersect(array(1, 2, NULL), array(NULL, 2)), array_except(array(1, 2, 2), array(3, 1)), arrays_overlap(array(1, 2), array(2)), array_remove(array(1, 2, 3, 2), 2)
--| {2,–,1} | {1,2,3} | {2,–} | {2} | t | {1,3}
-- making lists
SELECT sequence(1, 3), sequence(3, 1), sequence(0, 10, 5), array_repeat('a', 2), flatten(array(array(1), array(2, 3))), slice(array(1, 2, 3, 4), 2, 2), concat(array(1), array(2)), array()
--| {1,2,3} | {3,2,1} | {0,5,10} | {a,a} | {1,2,3} | {2,3} | {1,2} | {}
-- the type of a sequence
SELECT max(n) AS a, max(m) AS b FROM (SELECT explode(sequence(1, 3)) AS n, 1 AS k) x CROSS JOIN (SELECT explode(sequence(1, bigint(3))) AS m) y
--| 3 | 3
--: int32 | int64
-- functions over lists
SELECT transform(array(1, 2), (x, i) -> x + i), filter(array(0, 2, 3), x -> x > 1), exists(array(1, 2), x -> x % 2 = 0), aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x), aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x, acc -> acc * 10), zip_with(array(1, 2), array(3), (x, y) -> x + y)
--| {1,3} | {2,3} | t | 6 | 60 | {4,–}
-- maps
SELECT map('a', 1, 'b', 2)['b'], map_keys(map('a', 1)), map_values(map('a', 1)), element_at(map('a', 1), 'z'), element_at(array(1, 2, 3), 2), element_at(array(1, 2, 3), -1), element_at(array(1), 5), size(map('a', 1, 'b', 2))
--| 2 | {a} | {1} | – | 2 | 3 | – | 2
-- aggregates
SELECT count(1), count(x), count(DISTINCT x), sum(x), avg(x), min(x), max(x), count_if(x > 1) FROM (VALUES (1), (2), (2), (NULL)) t(x)
--| 4 | 3 | 2 | 5 | 1.6666666666666667 | 1 | 2 | 2
--: int64 | int64 | int64 | int64 | double | int32 | int32 | int64
-- spread
SELECT stddev_pop(x), var_pop(x), variance(x), round(stddev(x), 6), covar_pop(x, x), covar_samp(x, x), round(kurtosis(x), 6), percentile(x, 0.5) FROM (VALUES (1), (2), (3), (4)) t(x)
--| 1.118033988749895 | 1.25 | 1.6666666666666667 | 1.290994 | 1.25 | 1.6666666666666667 | -1.36 | 2.5
-- aggregates of one row and of none
SELECT stddev(x), variance(x), corr(x, x), sum(y), avg(y), count(y), max(y), collect_list(y) FROM (SELECT 1 AS x, CAST(NULL AS int) AS y)
--| – | – | – | – | – | 0 | – | {}
-- lists as aggregates
SELECT sort_array(collect_list(x)), sort_array(collect_set(x)), max_by(x, -x), min_by(x, -x), bool_and(x > 0), bool_or(x > 2), every(x > 1), some(x > 1), approx_count_distinct(x) FROM (VALUES (1), (2), (2), (NULL)) t(x)
--| {1,2,2} | {1,2} | 1 | 2 | t | f | f | t | 2
-- first and last with and without NULL
SELECT first(x, true) IS NOT NULL, last(x, true) IS NOT NULL, any_value(1) FROM (VALUES (1), (NULL)) t(x)
--| t | t | 1
-- FILTER
SELECT count(1) FILTER (WHERE x > 1) AS n, sum(x) FILTER (WHERE x > 5) AS s FROM (VALUES (1), (2)) t(x)
--| 1 | –
-- ranks
SELECT x, row_number() OVER (ORDER BY x) AS a, rank() OVER (ORDER BY x) AS b, dense_rank() OVER (ORDER BY x) AS c, ntile(2) OVER (ORDER BY x) AS d, percent_rank() OVER (ORDER BY x) AS e FROM (VALUES (1), (2), (2), (5), (6)) t(x) ORDER BY a
--| 1 | 1 | 1 | 1 | 1 | 0.0
--| 2 | 2 | 2 | 2 | 1 | 0.25
--| 2 | 3 | 2 | 2 | 1 | 0.25
--| 5 | 4 | 4 | 3 | 2 | 0.75
--| 6 | 5 | 5 | 4 | 2 | 1.0
--: int32 | int32 | int32 | int32 | int32 | double
-- neighbours
SELECT x, lag(x) OVER w, lead(x, 1, 0) OVER w, first_value(y) OVER w, first_value(y) IGNORE NULLS OVER w, last_value(y, true) OVER w, nth_value(x, 2) OVER w FROM (VALUES (1, NULL), (2, 5), (3, NULL)) t(x, y) WINDOW w AS (ORDER BY x) ORDER BY x
--| 1 | – | 2 | – | – | – | –
--| 2 | 1 | 3 | – | 5 | 5 | 2
--| 3 | 2 | 0 | – | 5 | 5 | 2
-- frames
SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS a, count(1) OVER (ORDER BY x RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS b, avg(x) OVER (PARTITION BY x % 2) AS c FROM (VALUES (1), (2), (4)) t(x) ORDER BY x
--| 1 | 3 | 1 | 1.0
--| 2 | 7 | 2 | 3.0
--| 4 | 6 | 1 | 3.0
-- NULL leads an ascending window
SELECT x, row_number() OVER (ORDER BY x) AS n, sum(x) OVER (ORDER BY x DESC) AS s FROM (VALUES (1), (NULL)) t(x) ORDER BY n
--| – | 1 | 1
--| 1 | 2 | 1

-- spans of time
SELECT window(timestamp, '1 day').start AS day, count(1) FROM ev GROUP BY day ORDER BY day
--= day | count(1)
--| 2024-03-01 00:00:00 | 2
--| 2024-03-02 00:00:00 | 1

-- maps with keys of any type
SELECT key, value FROM (SELECT explode(map(1, 'a', 2, 'b'))) WHERE key > 1
--| 2 | b

-- bytes
SELECT hex(encode('é', 'UTF-8')), decode(unhex('C3A9'), 'UTF-8'), cast(unbase64('U1FM') AS string), length(base64(binary('x')))
--| C3A9 | é | SQL | 4

-- groups of groups
SELECT city, grouping(city), grouping_id(city), count(1) FROM cust GROUP BY ROLLUP(city) ORDER BY 2, 1
--~
--| – | 0 | 0 | 1
--| Oslo | 0 | 0 | 1
--| Rome | 0 | 0 | 1
--| – | 1 | 1 | 3

-- numbers of rows
SELECT id, monotonically_increasing_id() >= 0 FROM cust ORDER BY id
--| 1 | t
--| 2 | t
--| 3 | t

-- functions in calls of others keep their operands together
SELECT hypot(1 + 2, 2 + 2), pmod(id - 5, 3), log(1 + 1, 4 + 4), id * negative(2 - 3) FROM cust ORDER BY id
--| 5.0 | 2 | 3.0 | 1
--| 5.0 | 0 | 3.0 | 2
--| 5.0 | 1 | 3.0 | 3
