r"""REGEXP functions and LIKE. DuckDB and GoogleSQL both use RE2: for plain patterns DuckDB's text is exact and fast.

Positions, groups that may take no part, matches of nothing, patterns that are not constants, and BYTES are functions of
`sql.udfs.regexp`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from bigpato_magic.patterns import Malformed, compiled, groups
from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.rules.base import DOCS, Call, Rule, Template, Udf

SOURCE = DOCS + "string_functions#regexp_contains"
LIKE = DOCS + "operators#like_operator"
# Patterns that DuckDB's older RE2 surely reads as GoogleSQL's: plain ones.
ODD = re.compile(r"[^\x20-\x7e]|\\[pPCAzQ]|\[\[|\(\?(?!:|i\))")

MACROS = {
    # A pattern that ends with a lone backslash is an error, whatever the text.
    "bp_like(x, p)": r"CASE WHEN NOT contains(p, '\') THEN x LIKE p WHEN x IS NULL THEN NULL "
    r"WHEN (length(p) - length(rtrim(p, '\'))) % 2 = 1 THEN error('LIKE pattern ends with a backslash') "
    r"ELSE x LIKE p ESCAPE '\' END",
}


# ------------------------------------------------------------------------------------------------- LIKE


def whole_pattern(call: Call) -> None:
    """Refuse a LIKE pattern that ends with a lone backslash: it is an error even where there is no text to match."""
    pattern = call.args[1]
    if pattern.literal and pattern.value is not None:
        backslash = "\\" if isinstance(pattern.value, str) else b"\\"
        if (len(pattern.value) - len(pattern.value.rstrip(backslash))) % 2:
            call.refuse("a LIKE pattern that ends with a backslash")


def odd_pattern(call: Call, _: Expr) -> bool:
    """May the pattern be malformed? A constant one has been looked at."""
    return not call.args[1].literal


def _like(call: Call) -> str | Expr:
    whole_pattern(call)
    value, pattern = call.sql(0), call.args[1]
    if not pattern.literal or (pattern.value is not None and "\\" in pattern.value):
        return f"bp_like({value}, {pattern.sql})"
    like, unlike = (Expr(f"({value} {word} {pattern.sql})", call.type) for word in ("LIKE", "NOT LIKE"))
    return replace(like, negated=unlike)


# ----------------------------------------------------------------------------------------------- REGEXP


def _pattern(call: Call) -> str | None:
    """The pattern of a STRING, if it is a constant."""
    pattern = call.args[1]
    if not pattern.literal or pattern.value is None:
        return None
    try:
        compiled(pattern.value)
    except Malformed:
        # BigQuery says what is wrong with it.
        if not call.safe:
            refuse(f"the regular expression {pattern.value!r}")
    return pattern.value if isinstance(pattern.value, str) else None


def _plain(call: Call, *, extracts: bool = False, empty: bool = True) -> bool:
    """Is DuckDB's own function exact for the pattern?

    Args:
        call: whose second argument is the pattern.
        extracts: it has at most one group, which is part of every match.
        empty: it may match nothing.
    """
    pattern = None if call.safe else _pattern(call)
    if pattern is None or ODD.search(pattern):
        return False
    if not empty and (compiled(pattern).search("") is not None or re.search(r"\\[bB]", pattern)):
        return False
    optional = groups(pattern) and re.search(r"\)[?*{]|\|", pattern)
    return not extracts or (groups(pattern) <= 1 and not optional)


def _function(name: str, *extra: str) -> Callable[[Call], str]:
    def template(call: Call) -> str:
        suffix = "_b" if call.args[0].key == "BYTES" else ""
        arguments = ", ".join([*(arg.sql for arg in call.args), *extra[len(call.args) - 2 :], str(call.safe).lower()])
        return f"bp_regexp_{name}{suffix}({arguments})"

    return template


FUNCTIONS = {
    "contains": _function("contains"),
    "extract": _function("extract", "1", "1"),
    "extract_all": _function("extract_all"),
    "instr": _function("instr", "1", "1", "0"),
    "replace": _function("replace"),
}


def _by_function(call: Call, name: str) -> str:
    _pattern(call)
    return FUNCTIONS[name](call)


def _contains(call: Call) -> str:
    return f"regexp_matches({call.sql(0)}, {call.sql(1)})" if _plain(call) else _by_function(call, "contains")


def _extract(call: Call) -> str:
    if len(call.args) > 2 or not _plain(call, extracts=True):
        return _by_function(call, "extract")
    value, pattern = call.sql(0), call.sql(1)
    group = groups(call.args[1].value)
    return f"(CASE WHEN regexp_matches({value}, {pattern}) THEN regexp_extract({value}, {pattern}, {group}) END)"


def _extract_all(call: Call) -> str:
    if not _plain(call, extracts=True, empty=False) or re.search(r"[$^]", call.args[1].value):
        return _by_function(call, "extract_all")
    return f"regexp_extract_all({call.sql(0)}, {call.sql(1)}, {groups(call.args[1].value)})"


def _replace(call: Call) -> str:
    new = call.args[2]
    if not new.literal or new.value is None or not _plain(call, empty=False):
        return _by_function(call, "replace")
    used = [int(digit) for digit in re.findall(r"\\([0-9])", new.value)]
    if re.search(r"\\(?![0-9])", new.value) or any(group > groups(call.args[1].value) for group in used):
        return _by_function(call, "replace")
    return f"regexp_replace({call.sql(0)}, {call.sql(1)}, {call.sql(2)}, 'g')"


def _instr(call: Call) -> str:
    return _by_function(call, "instr")


def _udfs(name: str, result: str, arguments: int = 0, texts: int = 2) -> tuple[Udf, ...]:
    return tuple(
        Udf(
            f"bp_regexp_{name}{suffix}",
            (*[held] * texts, *["BIGINT"] * arguments, "BOOLEAN"),
            result.replace("TEXT", held),
        )
        for held, suffix in (("VARCHAR", ""), ("BLOB", "_b"))
    )


UDFS = (
    *_udfs("contains", "BOOLEAN"),
    *_udfs("extract", "TEXT", 2),
    *_udfs("extract_all", "TEXT[]"),
    *_udfs("instr", "BIGINT", 3),
    *_udfs("replace", "TEXT", texts=3),
)


def _rules(kind: str) -> list[Rule]:
    two, n = f"{kind}, {kind}", ", INT64"
    templates: list[tuple[str, str, Template]] = [
        ("regexp_contains", two, _contains),
        *(("regexp_extract", two + n * more, _extract) for more in range(3)),
        ("regexp_extract_all", two, _extract_all),
        *(("regexp_instr", two + n * more, _instr) for more in range(4)),
        ("regexp_replace", f"{two}, {kind}", _replace),
    ]
    return [Rule(name, signature, template, safe=template) for name, signature, template in templates]


RULES = (
    Rule("$like", "STRING, STRING", _like, can_throw=odd_pattern, source=LIKE),
    *_rules("STRING"),
    *_rules("BYTES"),
)
