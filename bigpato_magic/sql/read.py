"""What can be read from a text that is not yet a whole query: its parameters. Tolerant, and pure.

The analyzer decides what a query means; this only finds tokens outside strings, quoted identifiers and comments.
https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
"""

from __future__ import annotations

import re

# In a raw string a backslash still keeps the quote after it from ending the string.
_SKIPPED = r"""
    [rRbB]{0,2}(?:'''(?:[^\\]|\\.)*?(?:'''|\Z) | \"\"\"(?:[^\\]|\\.)*?(?:\"\"\"|\Z))
  | '(?:[^'\\\n]|\\.)*(?:'|$) | "(?:[^"\\\n]|\\.)*(?:"|$)
  | `(?:[^`\\\n]|\\.)*(?:`|$)
  | --[^\n]* | \#[^\n]* | /\*.*?(?:\*/|\Z)
"""
_PARAMETER = re.compile(
    rf"(?P<skipped>{_SKIPPED}) | @@[\w.]* | @(?P<name>[A-Za-z_]\w*) | @`(?P<quoted>[^`\n]+)`",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def parameter_names(sql: str) -> tuple[str, ...]:
    r"""The `@names` of a query as first written, each once (without regard to case).

    >>> parameter_names("SELECT '@no', @day -- @nor this\nWHERE x = @Day AND y = @@session_id")
    ('day',)
    """
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(sql):
        if name := match["name"] or match["quoted"]:
            found.setdefault(name.lower(), name)
    return tuple(found.values())


def outside(sql: str) -> str:
    """`sql` with strings and comments blanked out, every other character in its place.

    >>> outside("SELECT 'a -- b' # c")
    'SELECT             '
    """
    return _PARAMETER.sub(_blank, sql)


def _blank(match: re.Match[str]) -> str:
    text = match[0]
    if match["skipped"] is None or text.startswith("`"):
        return text
    return re.sub(r"[^\n]", " ", text)
