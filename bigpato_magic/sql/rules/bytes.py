"""BYTES forms of the string functions, hashes and encodings; mostly functions of `sql.udfs.strings`."""

from __future__ import annotations

from bigpato_magic.sql.expr import ASCII
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Udf, guarded
from bigpato_magic.sql.rules.regexp import odd_pattern, whole_pattern
from bigpato_magic.sql.rules.strings import HASHES, LENGTH, concat, negative_length

SOURCE = DOCS + "string_functions"
N, NN, NNN = "BYTES", "BYTES, BYTES", "BYTES, BYTES, BYTES"
X, INT, B = "BLOB", "BIGINT", "BOOLEAN"
EVERY = str(2**62)


def _like(call: Call) -> str:
    whole_pattern(call)
    return call.fill("bp_bytes_like({a}, {b})")


UDFS = (
    *(Udf(f"bp_bytes_{n}", (X,), X) for n in ("reverse", "upper", "lower")),
    *(Udf(f"bp_bytes_{n}", (X, X), X) for n in ("trim", "ltrim", "rtrim")),
    *(Udf(f"bp_bytes_{n}", (X, X), B) for n in ("starts", "ends", "like")),
    *(Udf(f"bp_bytes_{n}", (X, INT, B), X) for n in ("left", "right", "repeat")),
    *(Udf(f"bp_bytes_{n}", (X, INT, X, B), X) for n in ("lpad", "rpad")),
    Udf("bp_bytes_substr", (X, INT, INT, B), X),
    Udf("bp_bytes_replace", (X, X, X), X),
    Udf("bp_bytes_split", (X, X), "BLOB[]"),
    Udf("bp_bytes_instr", (X, X, INT, INT, B), INT, "bp_instr"),
    Udf("bp_bytes_translate", (X, X, X, B), X, "bp_translate_bytes"),
    Udf("bp_bytes_to_code_points", (X,), "BIGINT[]"),
    Udf("bp_code_points_to_bytes", ("BIGINT[]", B), X),
    Udf("bp_to_base32", (X,), "VARCHAR"),
    Udf("bp_safe_convert", (X,), "VARCHAR"),
    Udf("bp_to_string", (X, B), "VARCHAR"),
)


def _padded(name: str) -> tuple[Rule, Rule]:
    function = f"bp_bytes_{name}({{a}}, {{b}}, encode(' ')"
    return (
        Rule(name, f"{N}, INT64", f"{function}, false)", safe=f"{function}, true)"),
        guarded(name, f"{N}, INT64, {N}", f"bp_bytes_{name}"),
    )


RULES = (
    Rule("concat", "BYTES, ...", concat, can_throw=False),
    *(
        Rule(name, N, "CAST(octet_length({a}) AS BIGINT)", can_throw=False, facts=LENGTH)
        for name in ("length", "byte_length")
    ),
    *(Rule(name, N, f"bp_bytes_{name}({{a}})", can_throw=False) for name in ("reverse", "upper", "lower")),
    *(Rule(name, NN, f"bp_bytes_{name}({{a}}, {{b}})", can_throw=False) for name in ("trim", "ltrim", "rtrim")),
    Rule("starts_with", NN, "bp_bytes_starts({a}, {b})", can_throw=False),
    Rule("ends_with", NN, "bp_bytes_ends({a}, {b})", can_throw=False),
    Rule("$like", NN, _like, can_throw=odd_pattern, source=DOCS + "operators#like_operator"),
    Rule("replace", NNN, "bp_bytes_replace({a}, {b}, {c})", can_throw=False),
    guarded("translate", NNN, "bp_bytes_translate"),
    Rule("split", NN, "bp_bytes_split({a}, {b})", can_throw=False),
    Rule("substr", f"{N}, INT64", f"bp_bytes_substr({{a}}, {{b}}, {EVERY}, false)", can_throw=False),
    guarded("substr", f"{N}, INT64, INT64", "bp_bytes_substr", can_throw=negative_length),
    *(guarded(name, f"{N}, INT64", f"bp_bytes_{name}") for name in ("left", "right", "repeat")),
    *_padded("lpad"),
    *_padded("rpad"),
    *(
        Rule(name, NN, "bp_bytes_instr({a}, {b}, 1, 1, false)", can_throw=False, facts=LENGTH)
        for name in ("strpos", "instr")
    ),
    Rule(
        "instr",
        f"{NN}, INT64",
        "bp_bytes_instr({a}, {b}, {c}, 1, false)",
        safe="bp_bytes_instr({a}, {b}, {c}, 1, true)",
    ),
    guarded("instr", f"{NN}, INT64, INT64", "bp_bytes_instr"),
    Rule(
        "ascii", N, "coalesce(bp_bytes_to_code_points({a})[1], CASE WHEN {a} IS NOT NULL THEN 0 END)", can_throw=False
    ),
    Rule("to_code_points", N, "bp_bytes_to_code_points({a})", can_throw=False),
    guarded("code_points_to_bytes", "ARRAY<INT64>", "bp_code_points_to_bytes"),
    Rule("safe_convert_bytes_to_string", N, "bp_safe_convert({a})", can_throw=False),
    Rule("to_hex", N, "lower(hex({a}))", can_throw=False, facts=ASCII),
    Rule("to_base32", N, "bp_to_base32({a})", can_throw=False, facts=ASCII),
    Rule("to_base64", N, "base64({a})", can_throw=False, facts=ASCII),
    *(Rule(name, N, f"unhex({name}({{a}}))", can_throw=False, source=HASHES) for name in ("md5", "sha1", "sha256")),
    Rule("sha512", N, "bp_sha512({a})", can_throw=False, source=HASHES),
    Rule("farm_fingerprint", N, "bp_farm_fingerprint({a})", can_throw=False, source=HASHES),
)
