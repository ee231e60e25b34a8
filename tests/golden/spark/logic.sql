true AND NULL
false AND NULL
true OR NULL
NOT NULL
! true
1 = 1
1 = NULL
NULL <=> NULL
1 <=> NULL
1 <=> 1
1 == 1
1 != 2
1 <> 1
1 < 2
2 <= 2
3 > 4
3 >= 4
'a' < 'b'
'10' > 9
'10' = 10
'abc' = 10
1 in (1, 2)
3 in (1, 2)
3 in (1, NULL)
2 between 1 and 3
if(1 > 0, 'a', 'b')
if(NULL, 'a', 'b')
if(false, 1, 2.5)
ifnull(NULL, 'x')
ifnull('y', 'x')
nullif(1, 1)
nullif(1, 2)
nullif('a', 'b')
nvl(NULL, 3)
nvl(2, 3)
nvl2(NULL, 2, 1)
nvl2(3, 2, 1)
coalesce(NULL, 1, 2)
coalesce(NULL, NULL)
coalesce('a', 'b')
isnull(NULL)
isnull(1)
isnotnull(NULL)
isnotnull(1)
case when 1 > 2 then 'a' when 2 > 1 then 'b' else 'c' end
case 3 when 3 then 'three' end
case when cast(NULL as boolean) then 1 end
assert_true(1 = 1)
xpath_boolean('<a><b>1</b></a>', 'a/b')
xpath_boolean('<a><b>1</b></a>', 'a/c')
xpath_boolean('<a><b>1</b></a>', 'a/b = 1')
'Spark' like 'S%'
'Spark' like 's%'
'Spark' ilike 's%'
'Spark' like '_park'
'a%b' like 'a\\%b'
'Spark' rlike 'ar'
'Spark' rlike '^ar'
NULL like 'a'
equal_null(1, NULL)
equal_null(NULL, NULL)
raise_error('m')
assert_true(false)
