-- Questions to the catalogue that have the same answer here and in PostgreSQL, with the tables of test_catalogue.py.

SELECT 'cust'::regclass, 'public."cust"'::regclass::text, 23::regtype, 'int4'::regtype::oid, 1259::regclass;

SELECT relname, relkind, relnatts, relpersistence FROM pg_class WHERE oid = 'public.cust'::regclass;

SELECT c.oid = 'cust'::regclass, c.oid::regclass FROM pg_class c WHERE c.relname IN ('cust', 'kinds') ORDER BY 2;

SELECT pg_get_userbyid(10) IS NOT NULL, pg_table_is_visible('cust'::regclass), obj_description('cust'::regclass);

SELECT current_schema(), current_schemas(true), current_setting('server_encoding'), current_setting('no', true);

SELECT current_user = session_user, user, current_catalog, current_database(), pg_is_in_recovery();

SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnum, a.attnotnull, a.attlen, a.attndims FROM
    pg_attribute a WHERE a.attrelid = 'cust'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;

SELECT typname, typlen, typtype, typcategory, typarray, typelem FROM pg_type WHERE oid IN (16, 25, 1009, 23) ORDER
    BY oid;

SELECT t.typname, t.typtype, a.attname FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid WHERE t.typname
    = 'parts_address' ORDER BY a.attnum;

SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1;

SELECT c.relname, array_agg(a.attname ORDER BY a.attnum) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = ANY (ARRAY['r', 'v']) AND relnamespace = 'public'::regnamespace AND attnum > 0 GROUP BY 1
    ORDER BY 1;

SELECT format('%I.%I', n.nspname, c.relname), c.relkind = ANY ('{v,m}') FROM pg_class c, pg_namespace n WHERE
    c.relnamespace = n.oid AND nspname = 'public' AND c.relkind IN ('r', 'v') ORDER BY 1;

WITH x AS (SELECT oid, relname FROM pg_class WHERE relkind = 'v') SELECT relname FROM x WHERE relname LIKE 'gr%';

SELECT x.n, x.v FROM pg_am a CROSS JOIN LATERAL unnest(ARRAY[a.amname, 'b']) WITH ORDINALITY AS x(v, n) WHERE
    a.amname = 'heap' ORDER BY 1;

SELECT g.i, g.i || 'x' FROM pg_am, generate_series(1, 3) AS g(i) WHERE amname = 'btree' ORDER BY 1;

SELECT (information_schema._pg_expandarray(ARRAY[7, 8])).n, ARRAY(SELECT amname FROM pg_am WHERE amname = 'heap');

SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema = 'public' AND
    lower(table_name) <> 'grown' ORDER BY 2;

SELECT column_name, ordinal_position, is_nullable, data_type, numeric_precision, udt_name FROM
    information_schema.columns WHERE table_name = 'cust' ORDER BY ordinal_position;

SELECT schema_name FROM information_schema.schemata WHERE schema_name IN ('public', 'pg_catalog') ORDER BY 1;

SELECT count(*), count(DISTINCT relkind), CASE WHEN true THEN 1 END, NULL::text, 'a'::name, 1 + 1, coalesce(NULL,
    'b'), EXISTS (SELECT 1 FROM pg_am) FROM pg_class WHERE relname = 'cust';

SELECT relname AS "the Name", relname AS UPPER FROM pg_class WHERE relname OPERATOR(pg_catalog.~) '^(cust)$' COLLATE
    pg_catalog.default;

SELECT E'a\\b', 'it''s', $$x$$ FROM pg_am WHERE amname = 'heap';

SELECT classoid = tableoid, 'pg_class'::regclass = 1259 FROM pg_description WHERE objoid = 0 UNION ALL SELECT true,
    false;

TABLE pg_attrdef;

(SELECT amname FROM pg_am WHERE amname = 'heap' LIMIT 1);

SELECT relname, relname LIKE E'c\\_s%', relname LIKE 'c_s%', relname NOT LIKE 'cu!%' ESCAPE '!', relname ILIKE 'CU%'
    FROM pg_class WHERE relname LIKE 'cus_' ORDER BY 1;
