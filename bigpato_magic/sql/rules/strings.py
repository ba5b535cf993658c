"""STRING functions; those of `sql.udfs.strings` where DuckDB counts, folds case or stops otherwise than GoogleSQL."""

from __future__ import annotations

from bigpato_magic.sql.expr import ASCII, Expr, Facts, between
from bigpato_magic.sql.physical import text
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Template, Udf, guarded, route

SOURCE = DOCS + "string_functions"
HASHES = DOCS + "hash_functions"
CONVERSION = DOCS + "conversion_functions"
LENGTH = between(0, 2**31)
LONG = 100_000
# The property White_Space of Unicode.
SPACE = (
    "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || "
    "'\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'"
)

MACROS = {
    "bp_not_negative(n)": "CASE WHEN n < 0 THEN error('negative length') ELSE n END",
    "bp_substr(s, p)": "substring(s, CASE WHEN p = 0 OR p < -length(s) THEN 1 ELSE p END)",
    "bp_substr3(s, p, n)": "CASE WHEN s IS NULL OR p IS NULL OR n IS NULL THEN NULL WHEN n < 0 THEN "
    "error('negative length') "
    "WHEN p < -length(s) THEN substring(s, 1, CAST(greatest(0, n) AS BIGINT)) "
    "ELSE substring(s, CASE WHEN p = 0 THEN 1 ELSE p END, n) END",
    **{
        f"bp_{name}_any(x)": f"CASE WHEN strlen(x) = length(x) THEN {name}(x) ELSE bp_{name}(x) END"
        for name in ("upper", "lower", "reverse")
    },
}


def _cased(name: str) -> Template:
    return lambda call: f"{name}({call.sql(0)})" if call.args[0].facts.ascii else f"bp_{name}_any({call.sql(0)})"


def same_ascii(call: Call) -> Facts:
    """ASCII where the first argument is."""
    return ASCII if call.args[0].facts.ascii else Facts()


def concat(call: Call) -> str:
    """CONCAT: NULL where one argument is."""
    return f"({' || '.join(arg.sql for arg in call.args)})"


def _bounded(argument: str, *, safe: bool = False) -> str:
    """A length that is not negative and not so long that making the text would take minutes."""
    allowed = f"CASE WHEN {argument} >= 0 THEN {argument} END" if safe else f"bp_not_negative({argument})"
    return f"CASE WHEN {argument} > {LONG} THEN {route('a long text')} ELSE {allowed} END"


def _pad(name: str) -> Template:
    """LPAD and RPAD: an empty pattern and a negative length raise, whatever else."""

    def template(call: Call) -> str:
        length = f"CAST({_bounded(call.sql(1), safe=call.safe)} AS INTEGER)"
        if len(call.args) == 2:
            return f"{name}({call.sql(0)}, {length}, ' ')"
        empty = "NULL" if call.safe else "error('an empty pattern')"
        pattern = f"CASE WHEN {call.sql(2)} = '' THEN {empty} ELSE {call.sql(2)} END"
        return f"{name}({call.sql(0)}, {length}, {pattern})"

    return template


def _normalize(call: Call) -> str:
    form = call.keyword(1) if len(call.args) > 1 else "NFC"
    # Every form of a text of ASCII is itself.
    return call.sql(0) if call.args[0].facts.ascii else f"bp_normalize({call.sql(0)}, {text(form)})"


def _contains_substr(call: Call) -> str:
    """Both sides are normalized and folded (NFKC), which leaves ASCII as it is but for its case."""
    sought = call.constant(1)
    if not sought or not sought.isascii():
        call.refuse("CONTAINS_SUBSTR of nothing, or of letters beyond ASCII")
    value = call.sql(0)
    contained = f"contains(lower({value}), {text(sought.lower())})"
    if call.args[0].facts.ascii:
        return contained
    beyond = route("CONTAINS_SUBSTR beyond ASCII")
    return f"(CASE WHEN strlen({value}) > length({value}) THEN {beyond} ELSE {contained} END)"


def negative_length(call: Call, _: Expr) -> bool:
    """May the length of a SUBSTR be negative?"""
    return (call.args[2].facts.low or -1) < 0


S, SS, SN = "STRING", "STRING, STRING", "STRING, INT64"
SSS = "STRING, STRING, STRING"
T, INT, B = "VARCHAR", "BIGINT", "BOOLEAN"
UDFS = (
    Udf("bp_instr", (T, T, INT, INT, B), INT),
    Udf("bp_translate", (T, T, T, B), T),
    Udf("bp_edit_distance", (T, T, INT, B), INT),
    *(Udf(f"bp_{name}", (T,), T) for name in ("upper", "lower", "reverse", "initcap", "soundex")),
    Udf("bp_initcap_at", (T, T), T),
    *(Udf(f"bp_{name}", (T, T), T) for name in ("normalize", "casefold")),
    Udf("bp_to_code_points", (T,), "BIGINT[]"),
    Udf("bp_code_points_to_string", ("BIGINT[]", B), T),
    Udf("bp_from_hex", (T, B), "BLOB"),
    Udf("bp_from_base64", (T, B), "BLOB"),
    Udf("bp_from_base32", (T,), "BLOB"),
    Udf("bp_farm_fingerprint", ("BLOB",), INT),
    Udf("bp_sha512", ("BLOB",), "BLOB"),
    Udf("bp_parse_numeric", (T, B), "DECIMAL(38,9)"),
)
RULES = (
    Rule("concat", "STRING, ...", concat, can_throw=False),
    *(
        Rule(name, S, "CAST(length({a}) AS BIGINT)", can_throw=False, facts=LENGTH)
        for name in ("length", "char_length")
    ),
    Rule("byte_length", S, "CAST(strlen({a}) AS BIGINT)", can_throw=False, facts=LENGTH),
    *(Rule(name, S, _cased(name), can_throw=False, facts=same_ascii) for name in ("upper", "lower", "reverse")),
    Rule("initcap", S, "bp_initcap({a})", can_throw=False),
    Rule("initcap", SS, "bp_initcap_at({a}, {b})", can_throw=False),
    *(
        Rule(name, S, f"{name}({{a}}, {SPACE})", can_throw=False, facts=same_ascii)
        for name in ("trim", "ltrim", "rtrim")
    ),
    *(
        Rule(
            name,
            SS,
            f"(CASE WHEN {{b}} = '' THEN {{a}} ELSE {name}({{a}}, {{b}}) END)",
            can_throw=False,
            facts=same_ascii,
        )
        for name in ("trim", "ltrim", "rtrim")
    ),
    Rule(
        "replace",
        SSS,
        "(CASE WHEN {b} = '' AND {c} IS NOT NULL THEN {a} ELSE replace({a}, {b}, {c}) END)",
        can_throw=False,
    ),
    guarded("translate", SSS, "bp_translate"),
    Rule("soundex", S, "bp_soundex({a})", can_throw=False, facts=ASCII),
    Rule("starts_with", SS, "starts_with({a}, {b})", can_throw=False),
    Rule("ends_with", SS, "ends_with({a}, {b})", can_throw=False),
    Rule("contains_substr", SS, _contains_substr, source=DOCS + "search_functions#contains_substr"),
    Rule("strpos", SS, "CAST(strpos({a}, {b}) AS BIGINT)", can_throw=False, facts=LENGTH),
    Rule("instr", SS, "CAST(strpos({a}, {b}) AS BIGINT)", can_throw=False, facts=LENGTH),
    Rule("instr", f"{SS}, INT64", "bp_instr({a}, {b}, {c}, 1, false)", safe="bp_instr({a}, {b}, {c}, 1, true)"),
    guarded("instr", f"{SS}, INT64, INT64", "bp_instr"),
    guarded("edit_distance", f"{SS}, INT64", "bp_edit_distance"),
    Rule("substr", SN, "bp_substr({a}, {b})", can_throw=False, facts=same_ascii),
    Rule(
        "substr",
        f"{SN}, INT64",
        "bp_substr3({a}, {b}, {c})",
        can_throw=negative_length,
        safe="bp_substr3({a}, {b}, CASE WHEN {c} >= 0 THEN {c} END)",
        facts=same_ascii,
    ),
    Rule(
        "left",
        SN,
        "left({a}, bp_not_negative({b}))",
        safe="left({a}, CASE WHEN {b} >= 0 THEN {b} END)",
        facts=same_ascii,
    ),
    Rule(
        "right",
        SN,
        "right({a}, bp_not_negative({b}))",
        safe="right({a}, CASE WHEN {b} >= 0 THEN {b} END)",
        facts=same_ascii,
    ),
    Rule(
        "repeat",
        SN,
        f"repeat({{a}}, {_bounded('{b}')})",
        safe=f"repeat({{a}}, {_bounded('{b}', safe=True)})",
    ),
    *(Rule(name, SN + more, _pad(name), safe=_pad(name)) for name in ("lpad", "rpad") for more in ("", ", STRING")),
    Rule("split", S, "string_split({a}, ',')", strict=True, can_throw=False),
    Rule(
        "split",
        SS,
        "(CASE WHEN {b} = '' AND {a} <> '' THEN regexp_extract_all({a}, '(?s).') ELSE string_split({a}, "
        "CASE WHEN {b} = '' THEN ',' ELSE {b} END) END)",
        strict=True,
        can_throw=False,
    ),
    Rule(
        "ascii",
        S,
        "(CASE WHEN {a} = '' THEN 0 WHEN unicode({a}) > 127 THEN error('not ASCII') "
        "ELSE CAST(unicode({a}) AS BIGINT) END)",
        safe="(CASE WHEN {a} = '' THEN 0 WHEN unicode({a}) < 128 THEN CAST(unicode({a}) AS BIGINT) END)",
        facts=between(0, 127),
    ),
    Rule("unicode", S, "(CASE WHEN {a} = '' THEN 0 ELSE CAST(unicode({a}) AS BIGINT) END)", can_throw=False),
    Rule("to_code_points", S, "bp_to_code_points({a})", can_throw=False),
    guarded("code_points_to_string", "ARRAY<INT64>", "bp_code_points_to_string"),
    Rule(
        "chr",
        "INT64",
        "bp_code_points_to_string([{a}], false)",
        safe="bp_code_points_to_string([{a}], true)",
    ),
    Rule("normalize", S, _normalize, can_throw=False),
    Rule("normalize", "STRING, ENUM", _normalize, can_throw=False),
    Rule("normalize_and_casefold", S, "bp_casefold({a}, 'NFC')", can_throw=False),
    Rule(
        "normalize_and_casefold",
        "STRING, ENUM",
        lambda call: f"bp_casefold({call.sql(0)}, {text(call.keyword(1))})",
        can_throw=False,
    ),
    guarded("from_hex", S, "bp_from_hex"),
    guarded("from_base64", S, "bp_from_base64"),
    Rule("from_base32", S, "bp_from_base32({a})", can_throw=False),
    *(Rule(name, S, f"unhex({name}({{a}}))", can_throw=False, source=HASHES) for name in ("md5", "sha1", "sha256")),
    Rule("sha512", S, "bp_sha512(encode({a}))", can_throw=False, source=HASHES),
    Rule("farm_fingerprint", S, "bp_farm_fingerprint(encode({a}))", can_throw=False, source=HASHES),
    guarded("parse_numeric", S, "bp_parse_numeric", CONVERSION),
)
