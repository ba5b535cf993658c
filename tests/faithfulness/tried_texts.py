r"""What the grid tries of rules for STRING and BYTES, of what prints other values and reads them; see `trials`."""

from __future__ import annotations

from bigpato_magic.sql.rules.printf import KINDS as PRINTED_KINDS

Values = dict[str, dict[str, tuple[str, ...]]]
SS = "STRING, STRING"

# ----------------------------------------------------------------------------------------------------- LIKE, REGEXP

# Constant patterns; patterns that are columns are tried where nothing else is said.
CONSTANTS = (
    r"[a-c]+",
    r"^\d*$",
    r"(x)?",
    r"(\w)b",
    r"",
    r"b*",
    r"(?i)HELLO|é",
    r"\b\w",
    r"l+|(o)",
    r"(a)(b)",
    r"^a?[^x]",
    r"(?:l|o)+$",
)
REGEXPS = (r"'[a-c]+'", r"r'(\w)\d'", r"''", r"'(x)?'", r"'b*'", r"'('", r"'(?i)a|L+'", r"r'^.'", r"r'\b'", "NULL")
NEW = ("''", r"r'<\0>'", r"r'\1'", r"r'a\\'", "'x'", r"r'\q'", "NULL")
# By the count of arguments: calls with a constant pattern.
MATCHES = {
    ("regexp_contains", 2): "REGEXP_CONTAINS(a, {})",
    ("regexp_extract", 2): "REGEXP_EXTRACT(a, {})",
    ("regexp_extract", 3): "",
    ("regexp_extract", 4): "REGEXP_EXTRACT(a, {}, 1, 2)",
    ("regexp_extract_all", 2): "REGEXP_EXTRACT_ALL(a, {})",
    ("regexp_instr", 2): "REGEXP_INSTR(a, {})",
    ("regexp_instr", 3): "",
    ("regexp_instr", 4): "",
    ("regexp_instr", 5): "REGEXP_INSTR(a, {}, 2, 1, 1)",
}
MARKS = {"STRING": "r", "BYTES": "rb"}


def _matches(name: str, count: int, call: str, mark: str) -> tuple[str, ...]:
    letters = ", ".join("abcde"[:count])
    patterns = [pattern for pattern in CONSTANTS if call and (mark == "r" or pattern.isascii())]
    return (f"{name}({letters})", f"SAFE.{name}({letters})", *(call.format(f"{mark}'{p}'") for p in patterns))


def _in(kind: str, texts: tuple[str, ...]) -> tuple[str, ...]:
    return texts if kind == "STRING" else tuple(t if t == "NULL" else f"b{t}" for t in texts)


def _small(kind: str, count: int) -> dict[str, tuple[str, ...]]:
    numbers = {"c": ("1", "2", "4", "0", "NULL"), "d": ("1", "2", "-1"), "e": ("0", "1", "2")}
    return {"b": _in(kind, REGEXPS), **(numbers if count > 2 else {})}


MATCHED = {
    **{
        f"{name}({kind}, {kind}{', INT64' * (count - 2)})": _matches(name, count, call, mark)
        for kind, mark in MARKS.items()
        for (name, count), call in MATCHES.items()
    },
    **{
        f"regexp_replace({kind}, {kind}, {kind})": _matches(
            "regexp_replace", 3, f"REGEXP_REPLACE(a, {{}}, {mark}'<\\0>')", mark
        )
        for kind, mark in MARKS.items()
    },
}
MATCHED_VALUES: Values = {
    **{
        f"{name}({kind}, {kind}{', INT64' * (count - 2)})": _small(
            kind, 5 if name == "regexp_instr" and count > 2 else count
        )
        for kind in MARKS
        for name, count in MATCHES
    },
    **{f"regexp_replace({k}, {k}, {k})": {"b": _in(k, REGEXPS), "c": _in(k, NEW)} for k in MARKS},
    f"$like({SS})": {"b": ("'%a_'", r"r'\%a'", r"r'a\\%'", r"r'\a%'", "''", r"r'x\\\'", "'%'", "NULL")},
    "$like(BYTES, BYTES)": {"b": (r"rb'%\xff_'", "b'a%'", r"rb'\%'", "b'_b_'", "b''", r"rb'a\\%'", "NULL")},
}

# ---------------------------------------------------------------------------------------------------------- FORMAT

WHOLE = ("%d %5d|%-5d|%05d", "%+d % d %x %X %o", "%#x %#o %08x", "%.3d|%8.3d|%'d %'10d %'x", "%t %T|%6t|%-6T")
REAL = ("%f %.2f %e %g", "%G %E %8.3f|%-12.1f|%012.2f", "%+.1f % .0f %#.0f %'.2f", "%t %T %.3g %#g")


def _forms(*forms: str) -> tuple[str, ...]:
    return tuple(f'FORMAT("{form}"{", b" * form.count("%")})' for form in forms)


FORMS = {
    "INT64": (*_forms(*WHOLE), "FORMAT('%*d|%.*d', 5, b, 3, b)"),
    "FLOAT64": _forms(*REAL),
    "NUMERIC": _forms(*REAL),
    "STRING": _forms("%s|%5s|%-8s|%.2s", "%t %T %5.1t|%-20T"),
    "JSON": _forms("%p %t %T", "%P|%30p"),
}
FORMATTED = {
    **{
        f"format(STRING, {kind}, ...)": FORMS.get(kind) or _forms("%t %T" if kind.startswith("ARRAY") else "%t %T|%30t")
        for kind in PRINTED_KINDS
    },
    "format(STRING)": ("FORMAT('a%%b')",),
    "format(STRING, ...)": ("FORMAT('%s %t', a, STRUCT(a, 1, [2.5]))", "FORMAT('%T', (a, DATE '2024-01-02'))"),
}

# ------------------------------------------------------------------------------------------------ CAST with FORMAT

DIGITS = (
    "9",
    "999",
    "0999",
    "9,999",
    "0,000",
    "9,999.99",
    "$999",
    "$9,990.00",
    "9.9",
    ".99",
    "999.",
    "$0.99",
    "99,0,9.09",
    "FM9,990.00",
    "s$9G999D99",
    "B99.9MI",
    "FMC9999PR",
    "0XXXXXX",
    "FMxxxxS",
    "9.99EEEE",
    "s0EEEE",
    "99V99",
)
NUMBERS = ("0", "5", "-5", "12", "-123", "1234", "-99999", "NULL")
HALVES = ("0.5", "-0.5", "1.5", "2.5", "1234.565", "0.005", "-0.004", "99.995", "999.99", "9.95", "0.125", "2.675")
REALS = (*NUMBERS, *HALVES)
SHAPED = {
    "INT64": (*NUMBERS, "9223372036854775807", "-9223372036854775808"),
    "NUMERIC": tuple(
        f"NUMERIC '{v}'" if v != "NULL" else v for v in (*REALS, "99999999999999999999999999999.999999999")
    ),
    "FLOAT64": (
        *(f"{v}e0" if v != "NULL" else v for v in (*REALS, "-0.0", "-0.0001")),
        "1e20",
        "-1e308",
        "5e-324",
    ),
}
ENCODINGS = ("hex", "BASE16", "base64", "utf8", "UTF-8", "ascii")
CAST = {
    **{
        f"cast_format({kind} AS STRING)": (
            *(f"CAST(a AS STRING FORMAT '{form}')" for form in DIGITS),
            "SAFE_CAST(a AS STRING FORMAT '$0,000.9')",
        )
        for kind in SHAPED
    },
    "cast_format(STRING AS BYTES)": tuple(
        f"{cast}(a AS BYTES FORMAT '{form}')" for form in ENCODINGS for cast in ("CAST", "SAFE_CAST")
    ),
    "cast_format(BYTES AS STRING)": tuple(
        f"{cast}(a AS STRING FORMAT '{form}')"
        for form in ("hex", "BASE16", "base64", "base2", "utf8", "UTF-8", "Ascii")
        for cast in ("CAST", "SAFE_CAST")
    ),
}
CAST_VALUES: Values = {
    **{f"cast_format({kind} AS STRING)": {"a": values} for kind, values in SHAPED.items()},
    "cast_format(STRING AS BYTES)": {
        "a": ("'ff00'", "'fFf'", "'zz'", "'YQ=='", "'Y Q'", "'YQ=+'", "'é'", "''", "NULL"),
    },
    "cast_format(BYTES AS STRING)": {"a": ("b''", "b'abc'", "b'\\xff\\x00'", "b'\\xc3\\xa9'", "NULL")},
}

# ------------------------------------------------------------------------------------------------------------- NET

ADDRESSES = (
    r"b'\x01\x02\x03\x04'",
    "b''",
    r"b'\xff\xff\xff\xff'",
    r"b'\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01'",
    r"b'\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00'",
    r"b'\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff0123'",
    "NULL",
)
HOSTS = (
    *("'1.2.3.4'", "'::1'", "'2001:DB8::7'", "'01.2.3.4'", "'1.2.3'", "' 1.2.3.4'", "'fe80::1%eth0'", "'256.1.1.1'"),
    *("''", "'1:2:3:4:5:6:7:8'", "'1::2::3'", "'::1.2.3.4'", "'12345::'", "NULL"),
)
URLS = (
    *(
        "'http://a.b.com:80/x?y=http://z'",
        "'a.b.com'",
        "'mailto:x@y.com'",
        "'//u:p@h.com/p'",
        "''",
        "'http://[::1]:8/'",
    ),
    *("'  https://WWW.x.y. '", "'..a.b...'", "'x:y//z'", "'a@b://c@d'", "'//'", "'http:/x'", "'[::1'", "'é.com#@x'"),
    *("NULL", "'?'", "'a.b:80:90'", r"'http:\\\\x.y\\z'", "'user@'", "'.'", "'gs://bucket/a b'"),
)
PREFIXES = ("0", "1", "8", "11", "24", "32", "33", "64", "128", "129", "-1", "NULL")
NET: Values = {
    "net.ip_to_string(BYTES)": {"a": ADDRESSES},
    "net.ip_from_string(STRING)": {"a": HOSTS},
    "net.safe_ip_from_string(STRING)": {"a": HOSTS},
    "net.ip_net_mask(INT64, INT64)": {"a": ("4", "16", "5", "0", "NULL"), "b": PREFIXES},
    "net.ip_trunc(BYTES, INT64)": {"a": ADDRESSES, "b": PREFIXES},
    "net.ipv4_from_int64(INT64)": {"a": ("0", "-1", "4294967295", "4294967296", "-2147483649", "16909060", "NULL")},
    "net.ipv4_to_int64(BYTES)": {"a": ADDRESSES},
    "net.host(STRING)": {"a": URLS},
}
PATTERNS = {
    **MATCHED,
    **FORMATTED,
    **CAST,
    "concat(STRING, ...)": ("CONCAT(a, 'x', a)",),
    "concat(BYTES, ...)": ("CONCAT(a, b'x', a)",),
    f"edit_distance({SS}, INT64)": (
        "EDIT_DISTANCE(a, b)",
        "EDIT_DISTANCE(a, b, max_distance => c)",
        "SAFE.EDIT_DISTANCE(a, b, max_distance => c)",
    ),
    "normalize(STRING, ENUM)": ("NORMALIZE(a, NFD)", "NORMALIZE(a, NFKC)"),
    "normalize_and_casefold(STRING, ENUM)": ("NORMALIZE_AND_CASEFOLD(a, NFD)",),
}
VALUES = MATCHED_VALUES | CAST_VALUES | NET
