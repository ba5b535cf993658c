r"""CAST and SAFE_CAST. A pair that is not here is refused.

GoogleSQL reads more text forms than DuckDB, and others: text of a form that both read alike is cast, any other text
routes.
"""

from __future__ import annotations

from bigpato_magic.sql.expr import Expr, Facts, between
from bigpato_magic.sql.rules.base import DOCS, Call, FactsOf, Rule, Template, route

SOURCE = DOCS + "conversion_functions#cast"
CLOCK = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.]\d{1,6})?"
DAY = r"\d{4}-\d{2}-\d{2}"
ZONE = r"([+]00(:00)?|Z| UTC)"
INTEGER = "[+-]?[0-9]+"
# Texts that are surely no number in GoogleSQL, though they have a digit.
NO_NUMBER = INTEGER + "|[A-Za-z0-9]*[G-WYZg-wyz][A-Za-z0-9]*|[0-9]+[.][0-9]+"

MACROS = {
    # The result `r` where all of `x` has the form `p`.
    "bp_form(x, p, r)": "CASE WHEN x IS NULL THEN NULL WHEN regexp_full_match(x, p) THEN r "
    "ELSE error('route: a text form that only BigQuery reads') END",
    "bp_fraction(us)": "CASE WHEN us % 1000000 = 0 THEN '' "
    "WHEN us % 1000 = 0 THEN '.' || lpad(CAST(us % 1000000 // 1000 AS VARCHAR), 3, '0') "
    "ELSE '.' || lpad(CAST(us % 1000000 AS VARCHAR), 6, '0') END",
    "bp_datetime_text(t)": "strftime(t, '%Y-%m-%d %H:%M:%S') || bp_fraction(CAST(extract(microseconds FROM "
    "t) AS BIGINT))",
    "bp_time_text(t)": "CASE WHEN t IS NULL THEN NULL ELSE substring(CAST(t AS VARCHAR), 1, 8) "
    "|| bp_fraction(CAST(extract(microseconds FROM t) AS BIGINT)) END",
    # Fifteen significant digits where they give the same number back, else seventeen.
    "bp_float_text(x)": "CASE WHEN x = 0 THEN '0' WHEN isnan(x) OR isinf(x) THEN replace(CAST(x AS "
    "VARCHAR), 'infinity', 'inf') "
    "WHEN CAST(printf('%.15g', x) AS DOUBLE) = x THEN printf('%.15g', x) ELSE printf('%.17g', x) END",
}


def _cast(
    source: str, target: str, template: Template, safe: bool | str | None = True, facts: FactsOf = Facts()
) -> Rule:
    return Rule("cast", f"{source} AS {target}", template, safe=safe, facts=facts)


def _int_to_numeric(call: Call) -> Expr:
    return Expr(f"CAST({call.sql(0)} AS DECIMAL(19,0))", call.type, Facts(decimal=(19, 0)))


def _int_to_float(call: Call) -> Facts:
    known = call.args[0].facts
    largest = max(abs(known.low), abs(known.high)) if known.low is not None and known.high is not None else 2**63
    return Facts(nan=False, magnitude=float(largest), whole=True)


DECIMAL_TEXT = "CAST({a} AS VARCHAR)"
RULES = (
    _cast("BOOL", "INT64", "CAST({a} AS BIGINT)", facts=between(0, 1)),
    _cast("BOOL", "STRING", "CAST({a} AS VARCHAR)", facts=Facts(ascii=True)),
    _cast("BYTES", "STRING", "decode({a})", None),
    _cast("DATE", "DATETIME", "CAST({a} AS TIMESTAMP)"),
    _cast("DATE", "STRING", "strftime({a}, '%Y-%m-%d')", facts=Facts(ascii=True)),
    _cast("DATE", "TIMESTAMP", "bp_timestamp(epoch_us(CAST({a} AS TIMESTAMP)))"),
    _cast("DATETIME", "DATE", "CAST({a} AS DATE)"),
    _cast("DATETIME", "STRING", "bp_datetime_text({a})", facts=Facts(ascii=True)),
    _cast("DATETIME", "TIME", "CAST({a} AS TIME)"),
    _cast("DATETIME", "TIMESTAMP", "bp_timestamp(epoch_us({a}))"),
    _cast("FLOAT64", "INT64", "CAST(round({a}) AS BIGINT)", "TRY_CAST(round({a}) AS BIGINT)"),
    _cast("FLOAT64", "STRING", "bp_float_text({a})", facts=Facts(ascii=True)),
    _cast("INT64", "BOOL", "({a} <> 0)"),
    _cast("INT64", "FLOAT64", "CAST({a} AS DOUBLE)", facts=_int_to_float),
    _cast("INT64", "NUMERIC", _int_to_numeric),
    _cast("INT64", "STRING", "CAST({a} AS VARCHAR)", facts=Facts(ascii=True)),
    # Through text: DuckDB's own cast divides, and is off by one bit now and then.
    _cast("NUMERIC", "FLOAT64", "CAST(CAST({a} AS VARCHAR) AS DOUBLE)", facts=Facts(nan=False, magnitude=1e29)),
    _cast("NUMERIC", "INT64", "CAST(round({a}) AS BIGINT)", None),
    _cast(
        "NUMERIC",
        "STRING",
        f"(CASE WHEN contains({DECIMAL_TEXT}, '.') THEN rtrim(rtrim({DECIMAL_TEXT}, '0'), '.') ELSE "
        f"{DECIMAL_TEXT} END)",
        facts=Facts(ascii=True),
    ),
    _cast(
        "STRING",
        "BOOL",
        "(CASE WHEN lower({a}) = 'true' THEN true WHEN lower({a}) = 'false' THEN false "
        f"WHEN {{a}} IS NULL THEN NULL ELSE {route('not a BOOL')} END)",
        "(CASE WHEN lower({a}) = 'true' THEN true WHEN lower({a}) = 'false' THEN false END)",
    ),
    _cast("STRING", "BYTES", "encode({a})"),
    _cast(
        "STRING",
        "DATE",
        f"bp_form({{a}}, '{DAY}', bp_date(CAST({{a}} AS DATE)))",
        f"(CASE WHEN NOT regexp_matches({{a}}, '[0-9]') THEN NULL ELSE bp_form({{a}}, '{DAY}', "
        f"TRY_CAST({{a}} AS DATE)) END)",
    ),
    _cast("STRING", "DATETIME", f"bp_form({{a}}, '{DAY}([ T]{CLOCK})?', bp_datetime(CAST({{a}} AS TIMESTAMP)))", None),
    _cast(
        "STRING",
        "FLOAT64",
        f"bp_form({{a}}, '{INTEGER}([.][0-9]+)?([eE][+-]?[0-9]{{1,2}})?', CAST({{a}} AS DOUBLE))",
        None,
    ),
    _cast(
        "STRING",
        "INT64",
        f"bp_form({{a}}, '{INTEGER}', CAST({{a}} AS BIGINT))",
        "(CASE WHEN NOT regexp_matches({a}, '[0-9]') THEN NULL "
        f"ELSE bp_form({{a}}, '{NO_NUMBER}', CASE WHEN regexp_full_match({{a}}, '{INTEGER}') THEN "
        f"TRY_CAST({{a}} AS BIGINT) END) END)",
    ),
    _cast("STRING", "NUMERIC", "bp_form({a}, '[+-]?[0-9]{1,28}([.][0-9]{1,9})?', CAST({a} AS DECIMAL(38,9)))", None),
    _cast("STRING", "TIME", f"bp_form({{a}}, '{CLOCK}', CAST({{a}} AS TIME))", None),
    _cast(
        "STRING",
        "TIMESTAMP",
        f"bp_form({{a}}, '{DAY}([ T]{CLOCK})?{ZONE}?', "
        f"bp_timestamp(epoch_us(CAST(regexp_replace({{a}}, '{ZONE}$', '') AS TIMESTAMP))))",
        None,
    ),
    _cast("TIME", "STRING", "bp_time_text({a})", facts=Facts(ascii=True)),
    _cast("TIMESTAMP", "DATE", "CAST(bp_utc({a}) AS DATE)"),
    _cast("TIMESTAMP", "DATETIME", "bp_utc({a})"),
    _cast("TIMESTAMP", "STRING", "(bp_datetime_text(bp_utc({a})) || '+00')", facts=Facts(ascii=True)),
    _cast("TIMESTAMP", "TIME", "CAST(bp_utc({a}) AS TIME)"),
)
TEMPLATES = {rule.signature: rule.template for rule in RULES}
