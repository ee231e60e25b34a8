map('a', 1, 'b', 2)
map('a', 1)['a']
map('a', 1)['z']
map(1, 'x', 2, 'y')
map(1, 'x', 2, 'y')[2]
map('a', NULL)
map()
map_concat(map('a', 1), map('b', 2))
map_concat(map(1, 'a', 2, 'b'), map(3, 'c'))
map_concat(map('a', 1), cast(NULL as map<string,int>))
map_keys(map('a', 1, 'b', 2))
map_keys(map(1, 'a'))
map_keys(NULL)
map_values(map('a', 1, 'b', 2))
map_values(map('a', 'x', 'b', NULL))
map_entries(map('a', 1, 'b', 2))
map_from_arrays(array('a', 'b'), array(1, 2))
map_from_arrays(array(1.0, 3.0), array('2', '4'))
map_from_arrays(cast(NULL as array<string>), array(1))
map_from_entries(array(struct('a', 1), struct('b', 2)))
map_from_entries(array(struct(1, 'a')))
map_contains_key(map('a', 1), 'a')
map_contains_key(map('a', 1), 'z')
map_filter(map('a', 1, 'b', 2), (k, v) -> v > 1)
transform_keys(map('a', 1, 'b', 2), (k, v) -> concat(k, 'x'))
transform_values(map('a', 1, 'b', 2), (k, v) -> v + 1)
map_zip_with(map('a', 1), map('a', 10, 'b', 2), (k, x, y) -> coalesce(x, 0) + y)
struct(1, 2, 3)
struct(1 as a, 'x' as b)
struct(1 as a, 'x' as b).b
named_struct('a', 1, 'b', 'x')
named_struct('a', 1, 'b', 'x').a
struct(struct(1 as x) as inner).inner.x
