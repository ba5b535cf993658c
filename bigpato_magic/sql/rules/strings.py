"""STRING and BYTES functions. Where DuckDB counts or folds case otherwise than GoogleSQL, only ASCII runs locally."""

from __future__ import annotations

import re

from bigpato_magic.sql.expr import Facts, between
from bigpato_magic.sql.physical import text
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Template, route

SOURCE = DOCS + "string_functions"
HASHES = DOCS + "hash_functions"
SPACE = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"
LENGTH = between(0, 2**31)
LONG = 100_000

MACROS = {
    "bp_ascii(x)": "CASE WHEN strlen(x) = length(x) THEN x ELSE error('route: text beyond ASCII') END",
    "bp_not_negative(n)": "CASE WHEN n < 0 THEN error('negative length') ELSE n END",
    "bp_substr(s, p)": "substring(s, CASE WHEN p = 0 OR p < -length(s) THEN 1 ELSE p END)",
    "bp_substr3(s, p, n)": "CASE WHEN s IS NULL OR p IS NULL OR n IS NULL THEN NULL WHEN n < 0 THEN "
    "error('negative length') "
    "WHEN p < -length(s) THEN substring(s, 1, CAST(greatest(0, n) AS BIGINT)) "
    "ELSE substring(s, CASE WHEN p = 0 THEN 1 ELSE p END, n) END",
}


def ascii_only(call: Call, i: int = 0) -> str:
    """The text of an argument, which routes where it is not ASCII."""
    arg = call.args[i]
    return arg.sql if arg.facts.ascii else f"bp_ascii({arg.sql})"


def _wrapped(name: str) -> Template:
    return lambda call: f"{name}({ascii_only(call)})"


def _trim(name: str) -> Template:
    return lambda call: f"{name}({ascii_only(call)}, {SPACE})"


def _concat(call: Call) -> str:
    return f"({' || '.join(arg.sql for arg in call.args)})"


def _bounded(argument: str, extra: str = "") -> str:
    """A length that is not negative and not so long that making the text would take minutes."""
    return f"CASE WHEN {argument} > {LONG}{extra} THEN {route('a long text')} ELSE bp_not_negative({argument}) END"


def _like(call: Call) -> str:
    value, pattern = call.args
    if not pattern.literal:
        return (
            f"({value.sql} LIKE (CASE WHEN contains({pattern.sql}, '\\') THEN {route('LIKE escape')} "
            f"ELSE {pattern.sql} END))"
        )
    if pattern.value is not None and "\\" in pattern.value:
        call.refuse("LIKE with a backslash")
    return f"({value.sql} LIKE {pattern.sql})"


def regex(call: Call, *, empty: bool = True) -> re.Pattern[str]:
    """The constant pattern of a REGEXP function, if both RE2 builds surely read it alike.

    Args:
        call: whose second argument it is.
        empty: it may match the empty text.
    """
    pattern = call.constant(1)
    odd = not re.fullmatch(r"[\x20-\x7e]*", pattern) or re.search(r"\\[pPCAzQ]|\[\[|\(\?", pattern)
    try:
        found = re.compile(pattern)
    except re.error:
        call.refuse(f"the regular expression {pattern!r}")
    if odd or (not empty and found.match("")):
        call.refuse(f"the regular expression {pattern!r}")
    return found


def _group(call: Call) -> int:
    """Which group an extraction gives: the only one, or all of the match."""
    found = regex(call, empty=False)
    if found.groups > 1 or (found.groups and re.search(r"\)[?*{]|\|", found.pattern)):
        call.refuse(f"the regular expression {found.pattern!r} with its groups")
    return found.groups


def _regexp_contains(call: Call) -> str:
    regex(call)
    return f"regexp_matches({call.sql(0)}, {call.sql(1)})"


def _regexp_extract(call: Call) -> str:
    value, pattern, group = call.sql(0), call.sql(1), _group(call)
    return f"(CASE WHEN regexp_matches({value}, {pattern}) THEN regexp_extract({value}, {pattern}, {group}) END)"


def _regexp_extract_all(call: Call) -> str:
    return f"regexp_extract_all({call.sql(0)}, {call.sql(1)}, {_group(call)})"


def _regexp_replace(call: Call) -> str:
    found, replacement = regex(call, empty=False), call.constant(2)
    groups = [int(digit) for digit in re.findall(r"\\(\d)", replacement)]
    if re.search(r"\\(?![0-9])", replacement) or any(group > found.groups for group in groups):
        call.refuse(f"the replacement {replacement!r}")
    return f"regexp_replace({call.sql(0)}, {call.sql(1)}, {call.sql(2)}, 'g')"


def _format(call: Call) -> str:
    """FORMAT with %d, %i, %s and %% only."""
    arguments = iter(call.args[1:])
    pieces = [
        _format_piece(call, piece, arguments) for piece in re.findall(r"%.|[^%]+|%$", call.constant(0), re.DOTALL)
    ]
    if next(arguments, None) is not None or not pieces:
        call.refuse("FORMAT with such arguments")
    return f"({' || '.join(pieces)})"


def _format_piece(call: Call, piece: str, arguments: object) -> str:
    if not piece.startswith("%"):
        return text(piece)
    if piece == "%%":
        return "'%'"
    arg = next(arguments, None)  # type: ignore[call-overload]
    if arg is not None and piece in ("%d", "%i") and arg.key == "INT64":
        return f"CAST({arg.sql} AS VARCHAR)"
    if arg is not None and piece == "%s" and arg.key == "STRING":
        return str(arg.sql)
    return call.refuse(f"FORMAT with {piece}")


S, SS, SN = "STRING", "STRING, STRING", "STRING, INT64"
RULES = (
    Rule("concat", "STRING, ...", _concat, safe=True, grid=("CONCAT(a, 'x', a)",)),
    Rule("concat", "BYTES, ...", _concat, safe=True, grid=("CONCAT(a, b'x', a)",)),
    *(Rule(name, S, "CAST(length({a}) AS BIGINT)", safe=True, facts=LENGTH) for name in ("length", "char_length")),
    Rule("byte_length", S, "CAST(strlen({a}) AS BIGINT)", safe=True, facts=LENGTH),
    *(
        Rule(name, "BYTES", "CAST(octet_length({a}) AS BIGINT)", safe=True, facts=LENGTH)
        for name in ("length", "byte_length")
    ),
    *(Rule(name, S, _wrapped(name)) for name in ("upper", "lower", "reverse")),
    *(Rule(name, S, _trim(name)) for name in ("trim", "ltrim", "rtrim")),
    *(
        Rule(name, SS, f"(CASE WHEN {{b}} = '' THEN {{a}} ELSE {name}({{a}}, {{b}}) END)")
        for name in ("trim", "ltrim", "rtrim")
    ),
    Rule(
        "replace",
        "STRING, STRING, STRING",
        "(CASE WHEN {b} = '' AND {c} IS NOT NULL THEN {a} ELSE replace({a}, {b}, {c}) END)",
        safe=True,
    ),
    Rule("starts_with", SS, "starts_with({a}, {b})", safe=True),
    Rule("ends_with", SS, "ends_with({a}, {b})", safe=True),
    Rule("strpos", SS, "CAST(strpos({a}, {b}) AS BIGINT)", safe=True, facts=LENGTH),
    Rule(
        "instr",
        SS,
        f"(CASE WHEN {{b}} = '' THEN {route('INSTR of nothing')} ELSE CAST(strpos({{a}}, {{b}}) AS BIGINT) END)",
    ),
    Rule("substr", SN, "bp_substr({a}, {b})"),
    Rule("substr", f"{SN}, INT64", "bp_substr3({a}, {b}, {c})"),
    Rule("left", SN, "left({a}, bp_not_negative({b}))"),
    Rule("right", SN, "right({a}, bp_not_negative({b}))"),
    Rule("repeat", SN, f"repeat({{a}}, {_bounded('{b}')})"),
    *(Rule(name, SN, f"{name}({{a}}, CAST({_bounded('{b}')} AS INTEGER), ' ')") for name in ("lpad", "rpad")),
    *(
        Rule(name, f"{SN}, STRING", name + "({a}, CAST(" + _bounded("{b}", " OR {c} = ''") + " AS INTEGER), {c})")
        for name in ("lpad", "rpad")
    ),
    Rule("split", S, "string_split({a}, ',')", strict=True),
    Rule(
        "split",
        SS,
        f"(CASE WHEN {{b}} = '' THEN {route('SPLIT at nothing')} ELSE string_split({{a}}, {{b}}) END)",
        strict=True,
    ),
    Rule(
        "ascii",
        S,
        lambda call: f"(CASE WHEN {call.sql(0)} = '' THEN 0 ELSE CAST(ascii({ascii_only(call)}) AS BIGINT) END)",
    ),
    Rule("unicode", S, "(CASE WHEN {a} = '' THEN 0 ELSE CAST(unicode({a}) AS BIGINT) END)"),
    Rule("to_hex", "BYTES", "lower(hex({a}))", safe=True, facts=Facts(ascii=True)),
    Rule("from_hex", S, "unhex({a})"),
    Rule("to_base64", "BYTES", "base64({a})", safe=True, facts=Facts(ascii=True)),
    *(
        Rule(name, kind, f"unhex({name}({{a}}))", source=HASHES)
        for name in ("md5", "sha1", "sha256")
        for kind in (S, "BYTES")
    ),
    Rule("$like", SS, _like, source=DOCS + "operators#like_operator"),
    Rule(
        "regexp_contains", SS, _regexp_contains, grid=("REGEXP_CONTAINS(a, r'[a-c]+')", "REGEXP_CONTAINS(a, r'^\\d*$')")
    ),
    Rule("regexp_extract", SS, _regexp_extract, grid=("REGEXP_EXTRACT(a, r'l+')", "REGEXP_EXTRACT(a, r'(\\w)b')")),
    Rule("regexp_extract_all", SS, _regexp_extract_all, grid=("REGEXP_EXTRACT_ALL(a, r'\\w')",)),
    Rule(
        "regexp_replace",
        "STRING, STRING, STRING",
        _regexp_replace,
        grid=("REGEXP_REPLACE(a, r'([a-l])', r'<\\1>')", "REGEXP_REPLACE(a, r'\\d+', '')"),
    ),
    Rule("format", "STRING, ...", _format, grid=("FORMAT('%s', a)",)),
)
