r"""CAST and SAFE_CAST. A pair that is not here is refused.

GoogleSQL reads more text forms than DuckDB, and others: text of a form that both read alike is cast, any other text
routes.
"""

from __future__ import annotations

from bigpato_magic.sql.expr import Expr, Facts, between
from bigpato_magic.sql.rules.base import DOCS, TRY, Call, FactsOf, Rule, Template, Try, Udf

SOURCE = DOCS + "conversion_functions#cast"
CLOCK = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.]\d{1,6})?"
DAY = r"[1-9]\d{3}-\d{2}-\d{2}"
ZONE = r"([+]00(:00)?|Z| UTC)"
INTEGER = "[+-]?[0-9]+"
# What DuckDB reads as GoogleSQL does; other texts are read by `sql.udfs.texts`.
PLAIN = {
    "DATE": DAY,
    "DATETIME": f"{DAY}([ T]{CLOCK})?",
    "FLOAT64": f"{INTEGER}([.][0-9]+)?",
    "INT64": "-?[0-9]{1,18}",
    "NUMERIC": "-?[0-9]{1,28}([.][0-9]{1,9})?",
    "TIME": CLOCK,
    "TIMESTAMP": f"{DAY}([ T]{CLOCK}{ZONE}?)?",
}
READ = {
    "DATE": ("CAST({a} AS DATE)", "bp_text_day({a}, {safe})"),
    "DATETIME": ("CAST({a} AS TIMESTAMP)", "make_timestamp(bp_text_datetime({a}, {safe}))"),
    "FLOAT64": ("CAST({a} AS DOUBLE)", "bp_text_float({a}, {safe})"),
    "INT64": ("CAST({a} AS BIGINT)", "bp_text_integer({a}, {safe})"),
    "NUMERIC": ("CAST({a} AS DECIMAL(38,9))", "bp_text_numeric({a}, {safe})"),
    "TIME": ("CAST({a} AS TIME)", "bp_text_time({a}, {safe})"),
    "TIMESTAMP": (
        f"make_timestamptz(epoch_us(CAST(regexp_replace({{a}}, '{ZONE}$', '') AS TIMESTAMP)))",
        "make_timestamptz(bp_text_timestamp({a}, 'UTC', true, {safe}))",
    ),
}


def _reader(kind: str, safe: bool) -> str:
    plain, other = READ[kind]
    plain = plain.replace("CAST(", "TRY_CAST(", 1) if safe else plain
    other = other.replace("{safe}", str(safe).lower())
    return f"CASE WHEN regexp_full_match({{a}}, '{PLAIN[kind]}') THEN {plain} ELSE {other} END".replace("{a}", "x")


UDFS = (
    Udf("bp_text_day", ("VARCHAR", "BOOLEAN"), "DATE"),
    Udf("bp_text_datetime", ("VARCHAR", "BOOLEAN"), "BIGINT"),
    Udf("bp_text_float", ("VARCHAR", "BOOLEAN"), "DOUBLE"),
    Udf("bp_text_integer", ("VARCHAR", "BOOLEAN"), "BIGINT"),
    Udf("bp_text_numeric", ("VARCHAR", "BOOLEAN"), "DECIMAL(38,9)"),
    Udf("bp_text_time", ("VARCHAR", "BOOLEAN"), "TIME"),
    Udf("bp_text_timestamp", ("VARCHAR", "VARCHAR", "BOOLEAN", "BOOLEAN"), "BIGINT"),
)
MACROS = {
    **{f"bp_read_{kind.lower()}(x)": _reader(kind, False) for kind in READ},
    **{f"bp_try_{kind.lower()}(x)": _reader(kind, True) for kind in READ},
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
    source: str, target: str, template: Template, safe: str | Try | None = None, facts: FactsOf = Facts()
) -> Rule:
    """A cast, which can throw if its SAFE form is another one."""
    return Rule("cast", f"{source} AS {target}", template, can_throw=safe is not None, safe=safe, facts=facts)


def _int_to_numeric(call: Call) -> Expr:
    low, high = call.args[0].facts.low, call.args[0].facts.high
    digits = 19 if low is None or high is None else len(str(max(abs(low), abs(high))))
    facts = Facts(zero=low is None or high is None or low <= 0 <= high, decimal=(digits, 0))
    column = call.args[0] if call.args[0].plain else None
    return Expr(f"CAST({call.sql(0)} AS DECIMAL({digits},0))", call.type, facts, integer=column)


def _int_to_float(call: Call) -> Facts:
    known = call.args[0].facts
    largest = max(abs(known.low), abs(known.high)) if known.low is not None and known.high is not None else 2**63
    return Facts(nan=False, magnitude=float(largest), whole=True)


DECIMAL_TEXT = "CAST({a} AS VARCHAR)"
RULES = (
    _cast("BOOL", "INT64", "CAST({a} AS BIGINT)", facts=between(0, 1)),
    _cast("BOOL", "STRING", "CAST({a} AS VARCHAR)", facts=Facts(ascii=True)),
    _cast("BYTES", "STRING", "decode({a})", "TRY(decode({a}))"),
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
    _cast("NUMERIC", "INT64", "CAST(round({a}) AS BIGINT)", TRY),
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
        "WHEN {a} IS NOT NULL THEN error('Bad bool value') END)",
        "(CASE WHEN lower({a}) = 'true' THEN true WHEN lower({a}) = 'false' THEN false END)",
    ),
    _cast("STRING", "BYTES", "encode({a})"),
    *(_cast("STRING", kind, f"bp_read_{kind.lower()}({{a}})", f"bp_try_{kind.lower()}({{a}})") for kind in READ),
    _cast("TIME", "STRING", "bp_time_text({a})", facts=Facts(ascii=True)),
    _cast("TIMESTAMP", "DATE", "CAST(bp_utc({a}) AS DATE)"),
    _cast("TIMESTAMP", "DATETIME", "bp_utc({a})"),
    _cast("TIMESTAMP", "STRING", "(bp_datetime_text(bp_utc({a})) || '+00')", facts=Facts(ascii=True)),
    _cast("TIMESTAMP", "TIME", "CAST(bp_utc({a}) AS TIME)"),
)
PAIRS = {rule.signature: rule for rule in RULES}
