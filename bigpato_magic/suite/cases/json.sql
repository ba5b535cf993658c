-- Queries that prove the rules of json; answers are recorded by `python -m tests.sql.record`.
SELECT i, int64(a) AS r FROM (SELECT 0 AS i, JSON '1' AS a)
SELECT i, SAFE.int64(a) AS r FROM (SELECT 0 AS i, JSON '{"a": [1, 2.5, null]}' AS a UNION ALL SELECT 1 AS i, JSON 'true' AS a UNION ALL SELECT 2 AS i, JSON 'null' AS a UNION ALL SELECT 3 AS i, CAST(NULL AS JSON) AS a)
SELECT i, lax_int64(a) AS r FROM (SELECT 0 AS i, JSON '1' AS a UNION ALL SELECT 1 AS i, CAST(NULL AS JSON) AS a UNION ALL SELECT 2 AS i, JSON '{"a": [1, 2.5, null]}' AS a UNION ALL SELECT 3 AS i, JSON 'null' AS a)
SELECT i, SAFE.lax_int64(a) AS r FROM (SELECT 0 AS i, JSON '"a"' AS a UNION ALL SELECT 1 AS i, JSON 'null' AS a UNION ALL SELECT 2 AS i, JSON '[]' AS a UNION ALL SELECT 3 AS i, CAST(NULL AS JSON) AS a)
SELECT i, lax_float64(a) AS r FROM (SELECT 0 AS i, JSON 'true' AS a UNION ALL SELECT 1 AS i, JSON '[]' AS a UNION ALL SELECT 2 AS i, JSON 'null' AS a UNION ALL SELECT 3 AS i, JSON '1' AS a)
SELECT i, SAFE.lax_float64(a) AS r FROM (SELECT 0 AS i, JSON 'true' AS a UNION ALL SELECT 1 AS i, CAST(NULL AS JSON) AS a UNION ALL SELECT 2 AS i, JSON 'null' AS a UNION ALL SELECT 3 AS i, JSON '"a"' AS a)
SELECT i, bool(a) AS r FROM (SELECT 0 AS i, JSON 'true' AS a)
SELECT i, SAFE.bool(a) AS r FROM (SELECT 0 AS i, JSON 'null' AS a UNION ALL SELECT 1 AS i, JSON '1' AS a UNION ALL SELECT 2 AS i, JSON '{"a": [1, 2.5, null]}' AS a UNION ALL SELECT 3 AS i, JSON '[]' AS a)
SELECT i, lax_bool(a) AS r FROM (SELECT 0 AS i, CAST(NULL AS JSON) AS a UNION ALL SELECT 1 AS i, JSON 'true' AS a UNION ALL SELECT 2 AS i, JSON '1' AS a UNION ALL SELECT 3 AS i, JSON '{"a": [1, 2.5, null]}' AS a)
SELECT i, SAFE.lax_bool(a) AS r FROM (SELECT 0 AS i, CAST(NULL AS JSON) AS a UNION ALL SELECT 1 AS i, JSON '[]' AS a UNION ALL SELECT 2 AS i, JSON 'true' AS a UNION ALL SELECT 3 AS i, JSON '1' AS a)
SELECT i, string(a) AS r FROM (SELECT 0 AS i, CAST(NULL AS JSON) AS a)
SELECT i, SAFE.string(a) AS r FROM (SELECT 0 AS i, JSON 'null' AS a UNION ALL SELECT 1 AS i, JSON '"a"' AS a UNION ALL SELECT 2 AS i, JSON 'true' AS a UNION ALL SELECT 3 AS i, JSON '[]' AS a)
SELECT i, lax_string(a) AS r FROM (SELECT 0 AS i, JSON '[]' AS a UNION ALL SELECT 1 AS i, JSON '1' AS a UNION ALL SELECT 2 AS i, JSON 'null' AS a UNION ALL SELECT 3 AS i, CAST(NULL AS JSON) AS a)
SELECT i, SAFE.lax_string(a) AS r FROM (SELECT 0 AS i, JSON 'true' AS a UNION ALL SELECT 1 AS i, CAST(NULL AS JSON) AS a UNION ALL SELECT 2 AS i, JSON '[]' AS a UNION ALL SELECT 3 AS i, JSON '{"a": [1, 2.5, null]}' AS a)
SELECT i, json_array(a) AS r FROM (SELECT 0 AS i, 1000000000 AS a UNION ALL SELECT 1 AS i, -9223372036854775808 AS a UNION ALL SELECT 2 AS i, 7 AS a UNION ALL SELECT 3 AS i, 2 AS a)
SELECT i, SAFE.json_array(a) AS r FROM (SELECT 0 AS i, 1 AS a UNION ALL SELECT 1 AS i, 1000000000 AS a UNION ALL SELECT 2 AS i, 63 AS a UNION ALL SELECT 3 AS i, 2 AS a)
SELECT i, json_object() AS r FROM (SELECT 0 AS i, )
SELECT i, SAFE.json_object() AS r FROM (SELECT 0 AS i, )
SELECT i, SAFE.json_object(a, b) AS r FROM (SELECT 0 AS i, ['a', 'b'] AS a, CAST(NULL AS ARRAY<INT64>) AS b UNION ALL SELECT 1 AS i, ['é', NULL, ''] AS a, [1, 2, 3] AS b UNION ALL SELECT 2 AS i, ['é', NULL, ''] AS a, [1, NULL] AS b UNION ALL SELECT 3 AS i, CAST([] AS ARRAY<STRING>) AS a, [1, 2, 3] AS b)
SELECT i, json_object(a, b) AS r FROM (SELECT 0 AS i, 'x\ny' AS a, CAST(NULL AS STRING) AS b UNION ALL SELECT 1 AS i, 'a' AS a, '2024-02-29' AS b UNION ALL SELECT 2 AS i, '123' AS a, '12:34:56' AS b UNION ALL SELECT 3 AS i, '  pad\t' AS a, CAST(NULL AS STRING) AS b)
SELECT i, SAFE.json_object(a, b) AS r FROM (SELECT 0 AS i, '' AS a, '2024-02-29' AS b UNION ALL SELECT 1 AS i, '%a_' AS a, 'a,b,c' AS b UNION ALL SELECT 2 AS i, CAST(NULL AS STRING) AS a, '123' AS b UNION ALL SELECT 3 AS i, CAST(NULL AS STRING) AS a, 'abc' AS b)
SELECT i, json_type(a) AS r FROM (SELECT 0 AS i, JSON '"a"' AS a UNION ALL SELECT 1 AS i, JSON 'null' AS a UNION ALL SELECT 2 AS i, JSON '[]' AS a UNION ALL SELECT 3 AS i, JSON 'true' AS a)
SELECT i, SAFE.json_type(a) AS r FROM (SELECT 0 AS i, JSON 'true' AS a UNION ALL SELECT 1 AS i, JSON '1' AS a UNION ALL SELECT 2 AS i, JSON '{"a": [1, 2.5, null]}' AS a UNION ALL SELECT 3 AS i, JSON '"a"' AS a)
SELECT i, to_json_string(a) AS r FROM (SELECT 0 AS i, 100 AS a UNION ALL SELECT 1 AS i, 0 AS a UNION ALL SELECT 2 AS i, -1 AS a UNION ALL SELECT 3 AS i, 63 AS a)
SELECT JSON_QUERY(s, '$.a') AS a, JSON_EXTRACT(s, '$.a') AS b, JSON_VALUE(s, '$.b') AS c, JSON_EXTRACT_SCALAR(s, '$.b') AS d FROM UNNEST(['{"a": [1, 2.5], "b": "é"}', '{"a": null}', NULL]) AS s
SELECT JSON_QUERY_ARRAY(s, '$.a') AS a, JSON_EXTRACT_ARRAY(s, '$.a') AS b, JSON_VALUE_ARRAY(s, '$.a') AS c, JSON_EXTRACT_STRING_ARRAY(s, '$.a') AS d FROM UNNEST(['{"a": [1, 2.5]}', '{"a": []}', NULL]) AS s
SELECT JSON_QUERY(j, '$.a') AS a, JSON_EXTRACT(j, '$.a') AS b, JSON_VALUE(j, '$.b') AS c, JSON_EXTRACT_SCALAR(j, '$.b') AS d FROM (SELECT JSON '{"a": [1, 2.5], "b": "é"}' AS j UNION ALL SELECT JSON 'null')
SELECT JSON_QUERY_ARRAY(j, '$.a') AS a, JSON_EXTRACT_ARRAY(j, '$.a') AS b, JSON_VALUE_ARRAY(j, '$.a') AS c, JSON_EXTRACT_STRING_ARRAY(j, '$.a') AS d FROM (SELECT JSON '{"a": ["1", "2.5"]}' AS j)
SELECT JSON_KEYS(j) AS a, JSON_REMOVE(j, '$.a') AS b, JSON_STRIP_NULLS(j) AS c FROM (SELECT JSON '{"a": 1, "b": {"c": null}}' AS j)
SELECT PARSE_JSON(s) AS a, TO_JSON_STRING(s) AS b, TO_JSON(s) AS c FROM UNNEST(['1', '"é"', '{"b": 1, "a": 2}']) AS s
SELECT TO_JSON_STRING(s, false) AS a FROM (SELECT STRUCT(1 AS x, 'é' AS y) AS s)
SELECT JSON_SET(JSON '{"a":1}', '$.0', 5)
SELECT JSON_SET(JSON '[1]', '$.0', 5)
SELECT JSON_SET(JSON '{"a":1}', '$', 5)
SELECT JSON_SET(JSON '{"a":null}', '$.a.b[2].c', 5)
SELECT JSON_SET(JSON '{"a":null}', '$.a.b', 5, create_if_missing=>false)
SELECT JSON_SET(JSON '{"a":1}', '$.b', [1,2], '$.c', STRUCT(1 AS x), create_if_missing=>NULL)
SELECT JSON_SET(JSON '{"a":1}', '$.a.b', 5)
SELECT JSON_SET(JSON '{"a":[1]}', '$.a[5]', 5)
SELECT JSON_SET(JSON '{"a":1}', CAST(NULL AS STRING), 5)
SELECT JSON_SET(JSON '{"a":1}', '$."x y"', NULL)
SELECT JSON_ARRAY_INSERT(JSON '[1]', '$[3]', [7,8])
SELECT JSON_ARRAY_INSERT(JSON '[1]', '$[3]', CAST([] AS ARRAY<INT64>))
SELECT JSON_ARRAY_INSERT(JSON 'null', '$[1]', 7)
SELECT JSON_ARRAY_INSERT(JSON '[1]', '$.a', 7)
SELECT JSON_ARRAY_INSERT(JSON '[1,[2]]', '$[1][0]', [7,8], insert_each_element=>false)
SELECT JSON_ARRAY_INSERT(JSON '[1]', '$', 7)
SELECT JSON_ARRAY_APPEND(JSON '{"a":null}', '$.a', 7, '$.a', 'x')
SELECT JSON_ARRAY_APPEND(JSON '{"a":null}', '$.a', CAST(NULL AS ARRAY<INT64>))
SELECT JSON_ARRAY_APPEND(JSON '{"a":null}', '$.b', 7)
SELECT JSON_FLATTEN(x) FROM UNNEST([JSON '[[1,[2]],[],3]', JSON '{"a":[1]}', JSON 'null', NULL]) AS x
SELECT TO_JSON_STRING(STRUCT(1 AS a, [1,2] AS b, STRUCT('x' AS y, CAST([] AS ARRAY<INT64>) AS e) AS c), true)
SELECT TO_JSON_STRING([1,2], true)
SELECT TO_JSON_STRING([STRUCT(1 AS a)], true)
SELECT TO_JSON_STRING(1, true)
SELECT TO_JSON_STRING(CAST(NULL AS INT64), true)
SELECT TO_JSON_STRING(JSON '{"a":[1,{"b":[]}],"c":{}}', true)
SELECT TO_JSON_STRING(STRUCT(JSON '{"a":[1,{"b":[]}],"c":{}}' AS j, CAST(NULL AS STRUCT<a INT64>) AS n), true)
SELECT TO_JSON_STRING(STRUCT('a"b' AS `k"x`, [CAST(NULL AS STRING)] AS l), true)
SELECT TO_JSON_STRING(CAST(NULL AS ARRAY<INT64>), true)
SELECT (JSON '[1]')['0']
SELECT (JSON '{"0":1}')['0']
SELECT (JSON '{"0":1}')[0]
SELECT j.a.b.c, STRING(j.name), INT64(j.n) FROM UNNEST([JSON '{"name":"x","n":3}']) j
SELECT LAX_STRING(j.name) AS name, COUNT(*) FROM UNNEST([JSON '{"name":"x","n":3}']) j GROUP BY name
SELECT JSON_VALUE(j.a) FROM UNNEST([JSON '{"a":"x","n":3}']) j
SELECT JSON_QUERY(j, '$.0') FROM UNNEST([JSON '{"a":"x","0":3}', JSON '[5]']) j
SELECT j.`a.b` FROM UNNEST([JSON '{"a":"x","a.b":3}', JSON '[5]']) j
SELECT j.A FROM UNNEST([JSON '{"a":"x"}']) j
SELECT x FROM UNNEST(JSON_QUERY_ARRAY(JSON '{"a":[1,2]}', '$.a')) x WHERE INT64(x) > 1
SELECT x, JSON_VALUE(x, '$.a') a, JSON_VALUE(x, '$') b, JSON_QUERY(x, '$') c, JSON_QUERY(x, '$.a[0]') d, JSON_EXTRACT(x, '$') e, JSON_EXTRACT_SCALAR(x, '$') f, JSON_QUERY_ARRAY(x, '$') g, JSON_VALUE_ARRAY(x, '$') h, JSON_EXTRACT_ARRAY(x, '$.a') i, JSON_EXTRACT_STRING_ARRAY(x, '$') j FROM UNNEST(["""""", """  """, """not json""", """N/A""", """None""", """http://x""", """hello""", """undefined""", """NaN""", """Infinity""", """+5""", """.5""", """(x)""", """<a>""", """é""", """日本""", """/* c */ {\"a\":1}""", """nothing""", """true""", """null""", """false""", """test""", """fal""", """#""", """*""", """$""", """=1""", """,""", """}""", """]""", """:""", """@""", """`x`""", """~""", """?""", """True""", """NULL""", """nul""", """tru""", """x{\"a\":1}""", """n""", """t""", """f""", """_""", """\\""", """|""", """;""", """&amp;""", """%""", """^""", """!""", """nUll""", """ x""", """ {\"a\":1}"""]) AS x
SELECT TO_JSON(STRUCT(x, 'a' AS s)), TO_JSON(x), JSON_ARRAY(x), TO_JSON_STRING(x) FROM UNNEST([NUMERIC '1.5', NULL, 20]) x
SELECT TO_JSON_STRING(TO_JSON(-0.0)), FLOAT64(TO_JSON(-0.0)), LAX_FLOAT64(TO_JSON(-0.0)), TO_JSON_STRING(TO_JSON([-0.0])), TO_JSON_STRING(JSON_ARRAY(-0.0)), TO_JSON_STRING(JSON_OBJECT('a', -0.0)), TO_JSON_STRING(-0.0), FLOAT64(JSON '-0.0')
SELECT JSON_STRIP_NULLS(j) a, JSON_STRIP_NULLS(j, include_arrays => false) b, JSON_KEYS(j, 1) k, JSON_REMOVE(j, '$.b', '$.a[0]') r FROM UNNEST([JSON '{"a": [null], "b": {}, "c": null}', JSON '[]', NULL]) j WITH OFFSET o ORDER BY o
SELECT x, SAFE.FLOAT64(PARSE_JSON(x), wide_number_mode => 'exact') AS a, SAFE.FLOAT64(PARSE_JSON(x)) AS b FROM UNNEST(['9007199254740992', '-9007199254740992', '9007199254740993', '9007199254740994', '9223372036854775808', '1e20', '1.5']) AS x
SELECT TO_JSON_STRING(s) a, TO_JSON_STRING(TO_JSON(s)) b, TO_JSON_STRING(JSON_ARRAY(s, [s])) c, TO_JSON_STRING(STRUCT(s AS x)) d FROM UNNEST(['\x1b\x0b\\u001B\\\x0e\x0f\x1a\x1f\x01\x08\t', '\\\\\x1c', 'plain', '']) s
SELECT JSON_KEYS(j, 3, mode => 'lax recursive') k FROM UNNEST([JSON '{"a":{"":{"b":1}}}', JSON '{"":{"":{"b":1}, "x.y": 2}}']) j
SELECT JSON_REMOVE(j, '$.0') a, JSON_REMOVE(j, '$[0]') b, JSON_STRIP_NULLS(j, '$.0', remove_empty => true) c, JSON_STRIP_NULLS(j, '$[0]', remove_empty => true) d, JSON_STRIP_NULLS(j) e, JSON_REMOVE(j, '$.x', '$[1]') f FROM UNNEST([JSON '[[], 1, null]', JSON '{"0": {"a": null}, "x": 1}', JSON '[]', JSON '5', JSON 'null']) j
SELECT LAX_INT64(TO_JSON(s)) AS i, LAX_FLOAT64(TO_JSON(s)) AS f FROM UNNEST(['７', '1.٣', '7', ' 7.5 ', '+7', '1_0', '٣e2', 'inf', '-Infinity', 'NaN', 'infinit', '', '-']) AS s
SELECT SAFE.PARSE_JSON(s) IS NULL AS missing FROM UNNEST(['\ufeff1', '\ufeff\ufeff1', ' \ufeff1', '\ufeff 1', '\ufeff', '1\ufeff', '[1,\ufeff2]', '\u00a01', '１', '"a\tb"', '"\\u00４1"']) AS s
SELECT JSON_VALUE(SAFE.PARSE_JSON(s), '$.a') AS x FROM UNNEST(['\ufeff{"a":1}', '{"a":2}']) AS s
SELECT JSON_KEYS(PARSE_JSON(s), 2) AS x FROM UNNEST(['{"\\u0001": 1}', '{"a\\nb": {"c.d": 1, "x\\ty": 2}}', '{"a\\u2028b": 1, "a\\u2029": 2, "a\\u007fb": 3, "a\\u0085": 4}', '{"a\\u001fb.c": 1, "a b": 2, "": 3, "é": 4}']) AS s
SELECT JSON_VALUE(JSON '{"٣": 1, "a٣": 2, "²": 3}', '$.٣') AS a, JSON_VALUE(JSON '{"a٣": 2}', '$.a٣') AS b, JSON_VALUE(JSON '["a", "b", "c", "d"]', '$[ 2 ]') AS c, (JSON '["a", "b", "c", "d"]')['٣'] AS d
SELECT TO_JSON_STRING(STRUCT('x' AS `a\u2028b\x01"`, '\u2029' AS b)) AS x, TO_JSON(STRUCT('x' AS `a\u2028b`)) AS y
SELECT FLOAT64(j) AS a, j2[0] AS c, j3['a'] AS d FROM (SELECT JSON '1.5' AS j, JSON '[7]' AS j2, JSON '{"a": 1}' AS j3)
SELECT LAX_INT64(JSON '"１"') AS a, LAX_INT64(JSON '"0x10"') AS b, LAX_FLOAT64(JSON '"٣"') AS c
SELECT x, TO_JSON_STRING(TO_JSON(x)) AS a, TO_JSON_STRING(JSON_ARRAY(x, x / 3)) AS b, TO_JSON_STRING(SAFE.PARSE_JSON(CAST(x AS STRING))) AS c, LAX_STRING(TO_JSON(x)) AS d, FLOAT64(TO_JSON(x)) = x AS e FROM UNNEST([67.174118, 67.5, 0.1, 0.915908, -286954.5962, 1687473876.057356, 9.5573141500995e16, 5e-324, 1.7976931348623157e308, 123456789.125]) AS x
SELECT x, JSON_VALUE(PARSE_JSON(CONCAT('{"a":', x, '}'), wide_number_mode=>'round'), '$.a') AS a, SAFE.PARSE_JSON(x) IS NULL AS b FROM UNNEST(['67.174118', '0.30000000000000004', '1.2345678901234567', '1.25', '123456789012345678901']) AS x
SELECT PARSE_JSON('67.174118') AS a
