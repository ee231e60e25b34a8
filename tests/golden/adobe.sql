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
