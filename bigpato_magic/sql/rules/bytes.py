"""BYTES forms of the string functions, hashes and encodings; mostly functions of `sql.udfs.strings`."""

from __future__ import annotations

from bigpato_magic.sql.expr import ASCII
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Udf
from bigpato_magic.sql.rules.strings import HASHES, LENGTH, guarded

SOURCE = DOCS + "string_functions"
N, NN, NNN = "BYTES", "BYTES, BYTES", "BYTES, BYTES, BYTES"
X, INT, B = "BLOB", "BIGINT", "BOOLEAN"
EVERY = str(2**62)


def _concat(call: Call) -> str:
    return f"({' || '.join(arg.sql for arg in call.args)})"


UDFS = (
    *(Udf(f"bp_bytes_{n}", (X,), X, f"bp_bytes_{n}") for n in ("reverse", "upper", "lower")),
    *(Udf(f"bp_bytes_{n}", (X, X), X, f"bp_bytes_{n}") for n in ("trim", "ltrim", "rtrim")),
    *(Udf(f"bp_bytes_{n}", (X, X), B, f"bp_bytes_{n}") for n in ("starts", "ends", "like")),
    *(Udf(f"bp_bytes_{n}", (X, INT, B), X, f"bp_bytes_{n}") for n in ("left", "right", "repeat")),
    *(Udf(f"bp_bytes_{n}", (X, INT, X, B), X, f"bp_bytes_{n}") for n in ("lpad", "rpad")),
    Udf("bp_bytes_substr", (X, INT, INT, B), X, "bp_bytes_substr"),
    Udf("bp_bytes_replace", (X, X, X), X, "bp_bytes_replace"),
    Udf("bp_bytes_split", (X, X), "BLOB[]", "bp_bytes_split"),
    Udf("bp_bytes_instr", (X, X, INT, INT, B), INT, "bp_instr"),
    Udf("bp_bytes_translate", (X, X, X, B), X, "bp_translate_bytes"),
    Udf("bp_bytes_to_code_points", (X,), "BIGINT[]", "bp_bytes_to_code_points"),
    Udf("bp_code_points_to_bytes", ("BIGINT[]", B), X, "bp_code_points_to_bytes"),
    Udf("bp_to_base32", (X,), "VARCHAR", "bp_to_base32"),
    Udf("bp_safe_convert", (X,), "VARCHAR", "bp_safe_convert"),
    Udf("bp_to_string", (X, B), "VARCHAR", "bp_to_string"),
)


def _padded(name: str) -> tuple[Rule, Rule]:
    function = f"bp_bytes_{name}({{a}}, {{b}}, encode(' ')"
    return (
        Rule(name, f"{N}, INT64", f"{function}, false)", safe=f"{function}, true)"),
        guarded(name, f"{N}, INT64, {N}", f"bp_bytes_{name}"),
    )


RULES = (
    Rule("concat", "BYTES, ...", _concat, safe=True, grid=("CONCAT(a, b'x', a)",)),
    *(
        Rule(name, N, "CAST(octet_length({a}) AS BIGINT)", safe=True, facts=LENGTH)
        for name in ("length", "byte_length")
    ),
    *(Rule(name, N, f"bp_bytes_{name}({{a}})", safe=True) for name in ("reverse", "upper", "lower")),
    *(Rule(name, NN, f"bp_bytes_{name}({{a}}, {{b}})", safe=True) for name in ("trim", "ltrim", "rtrim")),
    Rule("starts_with", NN, "bp_bytes_starts({a}, {b})", safe=True),
    Rule("ends_with", NN, "bp_bytes_ends({a}, {b})", safe=True),
    Rule(
        "$like",
        NN,
        "bp_bytes_like({a}, {b})",
        source=DOCS + "operators#like_operator",
        values={"b": (r"rb'%\xff_'", "b'a%'", r"rb'\%'", "b'_b_'", "b''", r"rb'a\\%'", "NULL")},
    ),
    Rule("replace", NNN, "bp_bytes_replace({a}, {b}, {c})", safe=True),
    guarded("translate", NNN, "bp_bytes_translate"),
    Rule("split", NN, "bp_bytes_split({a}, {b})", safe=True),
    Rule("substr", f"{N}, INT64", f"bp_bytes_substr({{a}}, {{b}}, {EVERY}, false)", safe=True),
    guarded("substr", f"{N}, INT64, INT64", "bp_bytes_substr"),
    *(guarded(name, f"{N}, INT64", f"bp_bytes_{name}") for name in ("left", "right", "repeat")),
    *_padded("lpad"),
    *_padded("rpad"),
    *(Rule(name, NN, "bp_bytes_instr({a}, {b}, 1, 1, false)", safe=True, facts=LENGTH) for name in ("strpos", "instr")),
    Rule(
        "instr",
        f"{NN}, INT64",
        "bp_bytes_instr({a}, {b}, {c}, 1, false)",
        safe="bp_bytes_instr({a}, {b}, {c}, 1, true)",
    ),
    guarded("instr", f"{NN}, INT64, INT64", "bp_bytes_instr"),
    Rule("ascii", N, "coalesce(bp_bytes_to_code_points({a})[1], CASE WHEN {a} IS NOT NULL THEN 0 END)", safe=True),
    Rule("to_code_points", N, "bp_bytes_to_code_points({a})", safe=True),
    guarded("code_points_to_bytes", "ARRAY<INT64>", "bp_code_points_to_bytes"),
    Rule("safe_convert_bytes_to_string", N, "bp_safe_convert({a})", safe=True),
    Rule("to_hex", N, "lower(hex({a}))", safe=True, facts=ASCII),
    Rule("to_base32", N, "bp_to_base32({a})", safe=True, facts=ASCII),
    Rule("to_base64", N, "base64({a})", safe=True, facts=ASCII),
    *(Rule(name, N, f"unhex({name}({{a}}))", safe=True, source=HASHES) for name in ("md5", "sha1", "sha256")),
    Rule("sha512", N, "bp_sha512({a})", safe=True, source=HASHES),
    Rule("farm_fingerprint", N, "bp_farm_fingerprint({a})", safe=True, source=HASHES),
)
