"""What the grid tries of the rules for JSON: documents, paths and calls; see `trials`."""

from __future__ import annotations

PATHS = ("$", "$.a", "$.a[1]", "$.a.b", "$[0]", "$[1].a", "$.b", "$.0", "$.x-y", "$[ 1 ]", "$.é")
JSON_TEXTS = (
    """'{"a": [1, 2.5, "x", null], "b": true, "x y": {"z": 1}, "0": "o", "x-y": 5, "é": "ü"}'""",
    """'{"a": {"b": {"c": [1]}, "b.c": "dot"}, "b": "q\\\\"uote", "a": "twin"}'""",
    """'[1, {"a": "deep"}, ["n"]]'""",
    """' [ "s" , null , 1.50 , 1e3 , -0 ] '""",
    "'\"text\"'",
    "'12345678901234567890'",
    "'true'",
    "'null'",
    "'{}'",
    "'[]'",
    "NULL",
)
READ = {
    "STRING": (*JSON_TEXTS, "''", "'no json'"),
    "JSON": tuple(text for text in JSON_TEXTS if text != "NULL"),
}
NAMED = ("a['a']", "a['0']", "a['x y']", "a[CAST(NULL AS STRING)]", "a.a", "a.a.b", "a.a[1].b")
SUBSCRIPTS = {
    "a": ('JSON \'{"a": {"b": 5}, "0": 7, "x y": null}\'', "JSON '[1, {\"b\": 2}]'", "JSON 'null'", "NULL"),
    "b": ("'a'", "'0'", "'x y'", "'é\\\"'", "NULL"),
}
PRINTED_JSON = (
    'JSON \'{"a": [1, {"b": []}], "c": {}, "d, [e]: {": "x \\\\" ,:{}"}\'',
    "JSON '[[], [[1]], \"é\"]'",
    "JSON 'null'",
)
PRETTY = (
    "TO_JSON_STRING(a, true)",
    "TO_JSON_STRING(STRUCT(a, [1, 2] AS l, STRUCT('x\"' AS y, CAST([] AS ARRAY<INT64>) AS e) AS s), true)",
    'TO_JSON_STRING([STRUCT(a AS `k\\\\"`), NULL], true)',
    "TO_JSON_STRING(CAST(NULL AS ARRAY<INT64>), true)",
    "TO_JSON_STRING(a, false)",
)
NESTED = {
    "a": (
        'JSON \'{"a": {"b": 1, "c": {"d": [{"e": 2}, null]}}, "x.y": [], "": null, "é": {}}\'',
        'JSON \'[{"a": null, "b": [null, [], {}]}, {"b": {"a": [1, null]}}, null, 3]\'',
        "JSON '{}'",
        "JSON '[]'",
        "JSON 'null'",
        "JSON '5'",
        "NULL",
    )
}
KEYS = (
    *(f"JSON_KEYS(a{more})" for more in ("", ", 1", ", 2", ", 9223372036854775807", ", mode => NULL")),
    *(f"JSON_KEYS(a, mode => '{mode}')" for mode in ("strict", "lax", "lax recursive", "LAX", "no")),
    "SAFE.JSON_KEYS(a, 1, mode => 'no')",
    "JSON_KEYS(a, 2, mode => 'lax recursive')",
)
REMOVALS = (
    *(f"JSON_REMOVE(a, '{path}')" for path in ("$.a", "$.a.c.d[0]", "$[0]", "$[0].b[1]", "$[9]", "$.no", '$."x.y"')),
    "JSON_REMOVE(a, '$.a.b', '$.a.c.d[1]', '$.a.c.d[0].e')",
    "JSON_REMOVE(a, '$[0]', '$[0]')",
    "SAFE.JSON_REMOVE(a, '$.a', '$[1].b.a')",
)
STRIPS = (
    *(f"JSON_STRIP_NULLS(a{path})" for path in ("", ", '$.a'", ", '$[0]'", ", '$[1].b'", ", '$.no'")),
    "JSON_STRIP_NULLS(a, include_arrays => false)",
    "JSON_STRIP_NULLS(a, remove_empty => true)",
    "JSON_STRIP_NULLS(a, '$.a', include_arrays => false, remove_empty => true)",
    "JSON_STRIP_NULLS(a, include_arrays => true, remove_empty => false)",
)
PARSED = (
    *("'1'", "'-0'", "'1e400'", "'123456789012345678901234567890'", "'0.1000000000000000055511151231257827'"),
    *('\'{"a": 1, "a": 2}\'', "'[1, 2'", "'[1,]'", "''", "'nul'", "' null '", "'\"\\\\u00e9\"'", "'NaN'", "NULL"),
    "'18446744073709551616'",
)
PARSES = (
    "PARSE_JSON(a)",
    *(f"PARSE_JSON(a, wide_number_mode => '{mode}')" for mode in ("exact", "round", "no")),
    "SAFE.PARSE_JSON(a)",
    "SAFE.PARSE_JSON(a, wide_number_mode => 'round')",
)

QUERIES = ("query", "value", "query_array", "value_array")
LEGACY = ("extract", "extract_scalar", "extract_array", "extract_string_array")
QUOTED = ('$."x y"', '$.a."b.c"', '$."a"[0]')
LEGACY_QUOTED = ("$['x y']", "$.a['b.c']", "$['a'][0]")
BY_PATH = {f"json_{name}": QUOTED for name in QUERIES} | {f"json_{name}": LEGACY_QUOTED for name in LEGACY}
DOCUMENTS = (
    'JSON \'{"a": [1, {"b": null}], "c": null}\'',
    "JSON '[1, [2, null], {\"a\": 3}]'",
    "JSON 'null'",
    "JSON '5'",
    "JSON '{}'",
    "JSON '[]'",
    "NULL",
)
PLACES = ("$", "$.a", "$.a[1]", "$.a[3].b", "$.a[1].b.c[2]", "$[1]", "$[1][0]", "$[4]", "$.c.d", '$."x y".z', "$[2].a")
LISTS = ("[c, 8]", "CAST([] AS ARRAY<STRING>)", "CAST(NULL AS ARRAY<INT64>)", "STRUCT(c AS v, 'é' AS w)")
# Their flags, and the values that are put somewhere.
MUTATORS = {
    "json_set": ("create_if_missing", ("c", "[c, 8]", "STRUCT(c AS v, 'é' AS w)")),
    "json_array_append": ("append_each_element", ("c", *LISTS)),
    "json_array_insert": ("insert_each_element", ("c", *LISTS)),
}


def wide(name: str) -> tuple[str, ...]:
    """Calls of a function that takes a `wide_number_mode`."""
    modes = [f"{name}(a, wide_number_mode => {mode})" for mode in ("'exact'", "'round'", "NULL", "'no'")]
    return (*modes, f"SAFE.{modes[0]}")


def changes(name: str, flag: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Calls of a function that puts values somewhere."""
    flags = ("", f", {flag} => false", f", {flag} => NULL")
    return (
        *(
            f"{name}(a, '{path}', {value}{more})"
            for value in values
            for path in PLACES
            for more in flags[: 3 if path == "$.a" else 2]
        ),
        f"{name}(a, '$[1]', c, '$.a', 'x')",
        f"{name}(a, CAST(NULL AS STRING), c)",
        f"SAFE.{name}(a, '$.a', c)",
    )


PATTERNS = {
    **{
        f"{name}({held}, STRING)": tuple(f"{name}(a, {path!r})" for path in (*PATHS, *quoted))
        for name, quoted in BY_PATH.items()
        for held in READ
    },
    "float64(JSON, STRING)": wide("float64"),
    "$subscript(JSON, INT64)": ("a[b]",),
    "$subscript(JSON, STRING)": ("a[b]", *NAMED),
    "json_keys(JSON, INT64, STRING)": KEYS,
    "parse_json(STRING, STRING)": PARSES,
    "to_json(ANY, BOOL)": (
        "TO_JSON(a)",
        "TO_JSON(a, stringify_wide_numbers => true)",
        "TO_JSON([STRUCT(a)], stringify_wide_numbers => b)",
    ),
    "to_json_string(ANY, BOOL)": PRETTY,
    **{f"{name}(JSON, STRING, ANY, ...)": changes(name, *tried) for name, tried in MUTATORS.items()},
    "json_remove(JSON, STRING, ...)": REMOVALS,
    "json_strip_nulls(JSON, STRING, BOOL, BOOL)": STRIPS,
}
VALUES = {
    **{
        f"{name}({held}, STRING)": {"a": tuple(("JSON " if held == "JSON" else "") + text for text in texts)}
        for name in BY_PATH
        for held, texts in READ.items()
    },
    "$subscript(JSON, STRING)": SUBSCRIPTS,
    "json_keys(JSON, INT64, STRING)": NESTED,
    "parse_json(STRING, STRING)": {"a": PARSED},
    "to_json(ANY, BOOL)": {"b": ("true", "false")},
    "to_json_string(ANY, BOOL)": {"a": PRINTED_JSON},
    **{
        f"{name}(JSON, STRING, ANY, ...)": {"a": DOCUMENTS, "b": ("'$'",), "c": ("7", "NULL"), "d": ("true",)}
        for name in MUTATORS
    },
    "json_flatten(JSON)": {"a": (*DOCUMENTS, "JSON '[[1, [2]], []]'")},
    "json_remove(JSON, STRING, ...)": NESTED,
    "json_strip_nulls(JSON, STRING, BOOL, BOOL)": NESTED,
}
