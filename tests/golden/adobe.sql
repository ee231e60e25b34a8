-- C45 minutes since the last e-mail
SELECT TIME_BETWEEN_PREVIOUS_MATCH(timestamp, eventType = 'directMarketing.emailSent', 'minutes') OVER (PARTITION BY _tenant.userid ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS m FROM ev_n ORDER BY timestamp
--| –
--| –
--| –
--| –
--| –
--| –
--| –
--| 0
--| 0
--| 5967
--| 0
--| 0
--| 0
--| 0
--| 2877
--: int32
-- C46 minutes since the last product view
SELECT time_between_previous_match(timestamp, eventType = 'commerce.productViews', 'MINUTES') OVER (PARTITION BY _tenant.userid ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS m FROM ev_n ORDER BY timestamp
--| –
--| –
--| –
--| –
--| 0
--| 0
--| 20
--| 7232
--| 16383
--| 22350
--| 34428
--| 36686
--| 40195
--| 41128
--| 44005
-- C47 clicks and a running count
SELECT TIME_BETWEEN_PREVIOUS_MATCH(timestamp, eventType = 'web.webinteraction.linkClicks', 'minutes') OVER w AS m, SUM(CASE WHEN eventType = 'directMarketing.emailSent' THEN 1 ELSE 0 END) OVER w AS n FROM ev_n WINDOW w AS (PARTITION BY _tenant.userid ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) ORDER BY timestamp
--| – | 0
--| – | 0
--| – | 0
--| – | 0
--| – | 0
--| 0 | 0
--| 0 | 0
--| 7211 | 1
--| 16362 | 2
--| 22329 | 2
--| 34407 | 3
--| 36665 | 4
--| 40175 | 5
--| 41107 | 6
--| 43985 | 6
--: int32 | int64
-- C48 no match at all
SELECT count(m) AS c, max(m) AS m FROM (SELECT TIME_BETWEEN_PREVIOUS_MATCH(timestamp, eventType='propositionDismiss','minutes') OVER (PARTITION BY _tenant.userid ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS m FROM ev_n)
--| 0 | –
--: int64 | int32
-- C49 minutes until the next e-mail
SELECT m FROM (SELECT timestamp, row_number() OVER (ORDER BY timestamp) AS n, TIME_BETWEEN_NEXT_MATCH(timestamp, eventType='directMarketing.emailSent','minutes') OVER (PARTITION BY _tenant.userid ORDER BY timestamp ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS m FROM ev_n) WHERE n IN (7, 8, 10, 15) ORDER BY timestamp
--| -7211
--| 0
--| -12078
--| –
-- seconds are the default
SELECT t, TIME_BETWEEN_PREVIOUS_MATCH(CAST(t AS timestamp), e = 'view') OVER (ORDER BY t) AS p, TIME_BETWEEN_NEXT_MATCH(CAST(t AS timestamp), e = 'order') OVER (ORDER BY t ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS n FROM (VALUES ('2024-01-01 10:00:00', 'view'), ('2024-01-01 10:01:30', 'cart'), ('2024-01-01 12:00:00', 'order'), ('2024-01-03 11:00:00', 'view')) v(t, e) ORDER BY t
--| 2024-01-01 10:00:00 | 0 | -7200
--| 2024-01-01 10:01:30 | 90 | -7110
--| 2024-01-01 12:00:00 | 7200 | 0
--| 2024-01-03 11:00:00 | 0 | –
-- inside an expression
SELECT x, count(1) AS n FROM (SELECT CASE WHEN TIME_BETWEEN_PREVIOUS_MATCH(timestamp, eventType = 'commerce.productViews', 'days') OVER (ORDER BY timestamp) < 10 THEN 'recent' ELSE 'old' END AS x FROM ev_n) GROUP BY x ORDER BY x
--| old | 11
--| recent | 4
-- an unknown unit
SELECT TIME_BETWEEN_PREVIOUS_MATCH(timestamp, true, 'weeks') OVER (ORDER BY timestamp) FROM ev_n
--! 42601 53 'days', 'hours', 'minutes', 'seconds'
-- without OVER
SELECT TIME_BETWEEN_PREVIOUS_MATCH(timestamp, true) FROM ev_n
--! 42601 8 needs OVER
-- C51 sessions that end with a pause
SELECT SESS_TIMEOUT(timestamp, 60*30) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_s ORDER BY timestamp
--| (0,1,t,1)
--| (58,1,f,2)
--| (56,1,f,3)
--| (40,1,f,4)
--| (55,1,f,5)
--| (1361821,2,t,1)
--| (54,2,f,2)
--| (49,2,f,3)
--| (33,2,f,4)
--| (31,2,f,5)
--: struct<timestamp_diff: int64, num: int64, is_new: bool, depth: int64>
-- C52 sessions that begin with a launch
SELECT SESS_START_IF(timestamp, launches > 0) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_s ORDER BY timestamp
--| (0,1,t,1)
--| (58,1,f,2)
--| (56,1,f,3)
--| (40,2,t,1)
--| (55,2,f,2)
--| (1361821,2,f,3)
--| (54,2,f,4)
--| (49,2,f,5)
--| (33,2,f,6)
--| (31,2,f,7)
--: struct<timestamp_diff: int64, num: int64, is_new: bool, depth: int64>
-- C53 sessions that end with a close
SELECT sess_end_if(timestamp, closes > 0) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_s ORDER BY timestamp
--| (0,1,t,1)
--| (58,1,f,2)
--| (56,1,f,3)
--| (40,2,t,1)
--| (55,2,f,2)
--| (1361821,2,f,3)
--| (54,2,f,4)
--| (49,2,f,5)
--| (33,2,f,6)
--| (31,2,f,7)
--: struct<timestamp_diff: int64, num: int64, is_new: bool, depth: int64>
-- C54 the page before
SELECT PREVIOUS(name) OVER (PARTITION BY id ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW).value AS v FROM ev_p ORDER BY n
--| –
--| –
--| Home
--| Kids
--| –
--| Home
--| Kids
--| Search
--| Detail
--| Cart
--: string
-- C55 the next page that has a name
SELECT NEXT(name, 1, true) OVER (PARTITION BY id ORDER BY n ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING).value AS v FROM ev_p ORDER BY n
--| Home
--| Kids
--| Home
--| Home
--| Kids
--| Search
--| Detail
--| Cart
--| Shipping
--| –
-- the page before that has a name, as a struct
SELECT PREVIOUS(name, 1, true) OVER (PARTITION BY id ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS v FROM ev_p WHERE n <= 5 ORDER BY n
--| –
--| –
--| (Home)
--| (Kids)
--| (Kids)
--: struct<value: string>
-- C56 the first touch
SELECT ATTRIBUTION_FIRST_TOUCH(timestamp, 'Paid First', ch) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_t
--| (Paid First,A,2018-12-18 07:06:12,1.0)
--| (Paid First,A,2018-12-18 07:06:12,1.0)
--| (Paid First,A,2018-12-18 07:06:12,1.0)
--| (Paid First,A,2018-12-18 07:06:12,1.0)
--| (Paid First,A,2018-12-18 07:06:12,1.0)
--| (Paid First,A,2018-12-18 07:06:12,1.0)
--| (Paid First,A,2018-12-18 07:06:12,1.0)
--| (Paid First,A,2018-12-18 07:06:12,1.0)
--| (Paid First,A,2018-12-18 07:06:12,1.0)
--| (Paid First,A,2018-12-18 07:06:12,1.0)
--: struct<name: string, value: string, timestamp: timestamp[ms], fraction: double>
-- C57 the last touch
SELECT ATTRIBUTION_LAST_TOUCH(timestamp, 'L', ch) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_t ORDER BY timestamp
--| (L,A,2018-12-18 07:06:12,1.0)
--| (L,A,2018-12-18 07:07:02,1.0)
--| (L,A,2018-12-18 07:07:02,1.0)
--| (L,A,2018-12-18 07:07:02,1.0)
--| (L,B,2018-12-23 17:50:10,1.0)
--| (L,B,2018-12-23 17:50:43,1.0)
--| (L,B,2018-12-23 17:50:43,1.0)
--| (L,C,2018-12-26 20:37:12,1.0)
--| (L,C,2018-12-26 20:37:12,1.0)
--| (L,D,2019-01-02 19:41:38,1.0)
--: struct<name: string, value: string, timestamp: timestamp[ms], fraction: double>
-- C58 the first touch since a purchase
SELECT ATTRIBUTION_FIRST_TOUCH_EXP_IF(timestamp, 'L', ch, buy IS NOT NULL, false) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_x ORDER BY timestamp
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,b,2019-07-21 18:45:10,1.0)
--| (L,b,2019-07-21 18:45:10,1.0)
--| (L,b,2019-07-21 18:45:10,1.0)
--| (L,c,2019-07-23 12:25:12,1.0)
--| (L,c,2019-07-23 12:25:12,1.0)
--| (L,d,2019-07-29 21:33:30,1.0)
-- C59 the last touch until a purchase
SELECT ATTRIBUTION_LAST_TOUCH_EXP_IF(timestamp, 'L', ch, buy IS NOT NULL, false) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_x ORDER BY timestamp
--| (L,a,2019-07-15 06:05:05,1.0)
--| (L,a,2019-07-15 06:05:05,1.0)
--| (L,a,2019-07-15 06:05:05,1.0)
--| (L,a,2019-07-15 06:05:05,1.0)
--| (L,b,2019-07-21 18:50:22,1.0)
--| (L,b,2019-07-21 18:50:22,1.0)
--| (L,b,2019-07-21 18:50:22,1.0)
--| (L,c,2019-07-23 12:25:12,1.0)
--| (L,c,2019-07-23 12:25:12,1.0)
--| (L,d,2019-07-29 21:33:30,1.0)
-- C58 the first touch of seven days
SELECT ATTRIBUTION_FIRST_TOUCH_EXP_TIMEOUT(timestamp, 'L', ch, 86400*7) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_x ORDER BY timestamp
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,b,2019-07-21 18:45:10,1.0)
--| (L,b,2019-07-21 18:45:10,1.0)
--| (L,c,2019-07-23 12:25:12,1.0)
-- the last touch of the seven days ahead
SELECT ATTRIBUTION_LAST_TOUCH_EXP_TIMEOUT(timestamp, 'L', ch, 86400*7) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_x ORDER BY timestamp
--| (L,b,2019-07-21 18:50:22,1.0)
--| (L,b,2019-07-21 18:50:22,1.0)
--| (L,b,2019-07-21 18:50:22,1.0)
--| (L,b,2019-07-21 18:50:22,1.0)
--| (L,c,2019-07-23 12:25:12,1.0)
--| (L,c,2019-07-23 12:25:12,1.0)
--| (L,c,2019-07-23 12:25:12,1.0)
--| (L,d,2019-07-29 21:33:30,1.0)
--| (L,d,2019-07-29 21:33:30,1.0)
--| (L,d,2019-07-29 21:33:30,1.0)
-- the first touch since a purchase, which begins anew
SELECT ATTRIBUTION_FIRST_TOUCH_EXP_IF(timestamp, 'L', ch, buy IS NOT NULL, true) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_x ORDER BY timestamp
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,a,2019-07-15 06:04:10,1.0)
--| (L,a,2019-07-15 06:04:10,1.0)
--| –
--| (L,b,2019-07-21 18:45:10,1.0)
--| (L,b,2019-07-21 18:45:10,1.0)
--| –
--| (L,c,2019-07-23 12:25:12,1.0)
--| –
--| (L,d,2019-07-29 21:33:30,1.0)
-- the last touch until a purchase, which begins anew
SELECT ATTRIBUTION_LAST_TOUCH_EXP_IF(timestamp, 'L', ch, buy IS NOT NULL, true) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_x ORDER BY timestamp
--| (L,a,2019-07-15 06:05:05,1.0)
--| (L,a,2019-07-15 06:05:05,1.0)
--| (L,a,2019-07-15 06:05:05,1.0)
--| (L,b,2019-07-21 18:50:22,1.0)
--| (L,b,2019-07-21 18:50:22,1.0)
--| (L,b,2019-07-21 18:50:22,1.0)
--| (L,c,2019-07-23 12:25:12,1.0)
--| (L,c,2019-07-23 12:25:12,1.0)
--| –
--| (L,d,2019-07-29 21:33:30,1.0)
-- several of them, with windows of their own, in CASE and in ORDER BY
SELECT CASE WHEN SESS_TIMEOUT(timestamp, 1800) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW).num = 1 THEN 'first' ELSE 'later' END AS x, PREVIOUS(launches, 2) OVER (PARTITION BY id ORDER BY timestamp DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW).value AS v FROM ev_s ORDER BY SESS_START_IF(timestamp, launches > 0) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW).depth DESC, timestamp LIMIT 3
--| later | –
--| later | –
--| later | 0
-- under an aggregate
SELECT max(s.depth) AS d, count(DISTINCT s.num) AS n FROM (SELECT SESS_END_IF(timestamp, closes > 0) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM ev_s)
--| 7 | 2
-- over groups
SELECT date_trunc('day', timestamp) AS d, count(1) AS c, SESS_TIMEOUT(max(timestamp), 30) OVER (PARTITION BY id ORDER BY max(timestamp)) AS s FROM ev_s GROUP BY d, id HAVING c > 1 ORDER BY d
--| 2018-01-18 00:00:00 | 5 | (0,1,t,1)
--| 2018-02-03 00:00:00 | 5 | (1361988,2,t,1)
-- over rolled-up groups
SELECT closes, count(1) AS c, PREVIOUS(count(1)) OVER (ORDER BY count(1)).value AS p, SESS_START_IF(max(timestamp), true) OVER (ORDER BY count(1)).num AS n FROM ev_s GROUP BY ROLLUP (closes) ORDER BY c
--| 1 | 1 | – | 1
--| 0 | 9 | 1 | 2
--| – | 10 | 9 | 3
-- of names given in the same list, with a named window
SELECT timestamp AS t, launches > 0 AS l, SESS_START_IF(t, l) OVER w.num AS n, (SELECT max(p.n) FROM ev_p p WHERE p.id = ev_s.id) AS m FROM ev_s WINDOW v AS (PARTITION BY id), w AS (v ORDER BY t) ORDER BY t DESC LIMIT 1
--| 2018-02-03 01:19:10 | f | 2 | 10
-- only the first of a session, with DISTINCT and QUALIFY
SELECT DISTINCT id, closes FROM ev_s QUALIFY SESS_TIMEOUT(timestamp, 1800) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW).is_new ORDER BY id
--| v | 0
-- a window without a name
SELECT PREVIOUS(name) OVER q FROM ev_p WINDOW p AS (ORDER BY n)
--! 42601 28 window "q" is not defined
-- a frame of days counted in rows
SELECT SESS_TIMEOUT(timestamp, 5) OVER (ORDER BY timestamp ROWS BETWEEN 2 days PRECEDING AND CURRENT ROW) FROM ev_s
--! 42601 75 near "days"
-- a shift of nothing
SELECT NEXT(name, 0) OVER (ORDER BY n) FROM ev_p
--! 42601 19 whole number from 1
-- a struct field that there is not
SELECT SESS_TIMEOUT(timestamp, 5) OVER (PARTITION BY id ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW).number FROM ev_s
--! 42703 126 did you mean "num"
-- sessions without OVER
SELECT SESS_TIMEOUT(timestamp, 5).num FROM ev_s
--! 42601 8 needs OVER
-- one in the arguments of an aggregate
SELECT sum(TIME_BETWEEN_PREVIOUS_MATCH(timestamp, true) OVER (ORDER BY timestamp)) FROM ev_s
--! 42P20 40 in the arguments of sum
-- one in another window
SELECT row_number() OVER (ORDER BY SESS_TIMEOUT(timestamp, 5) OVER (ORDER BY timestamp).num) FROM ev_s
--! 42P20 49 in windows
-- a time that is none
SELECT SESS_TIMEOUT(launches, 5) OVER (ORDER BY timestamp) FROM ev_s
--! 42804 21 found a value of type int
-- a condition that is none
SELECT SESS_START_IF(timestamp, launches) OVER (ORDER BY timestamp) FROM ev_s
--! 42804 33 type boolean
-- half a row
SELECT SESS_START_IF(timestamp, true) OVER (ORDER BY timestamp ROWS 1.5 PRECEDING) FROM ev_s
--! 42601 69 whole number
-- one in WHERE
SELECT id FROM ev_s WHERE SESS_TIMEOUT(timestamp, 5) OVER (ORDER BY timestamp).is_new
--! 42P20 40 WHERE
-- without a name of its own
SELECT PREVIOUS(NAME, 2) OVER (PARTITION BY id ORDER BY n).value, Row_Number() OVER (ORDER BY n) FROM ev_p WHERE n > 8
--| – | 1
--| – | 2
--= previous(NAME, 2) OVER (PARTITION BY id ORDER BY n).value | row_number() OVER (ORDER BY n)
