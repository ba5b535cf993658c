"""A cell of several queries, as its queries: each is answered by itself, where it is cheapest, and shown. Pure text.

What is more than queries (DECLARE, CREATE TEMP TABLE, a block) is one script: its statements belong together.
"""

from __future__ import annotations

from collections.abc import Iterator

from bigpato_magic.googlesql import lexer


def queries_of(sql: str) -> tuple[str, ...]:
    r"""The queries of a text of several; the text alone where it is one statement, or a script.

    Each stands at its own place: what is before it in the text is blanks, so that an error tells the cell's line.

    >>> queries_of("SELECT 1;\nSELECT 2")
    ('SELECT 1', '         \nSELECT 2')
    """
    parts = tuple(_parts(sql)) if ";" in sql else ()
    if len(parts) < 2 or not all(lexer.statement_kind(part).is_query for part in parts):
        return (sql,)
    return parts


def _parts(sql: str) -> Iterator[str]:
    begin = 0
    ends = [match.start() for match in lexer.tokens(sql) if match["other"] == ";"]
    for end in (*ends, len(sql)):
        if not lexer.is_blank(sql[begin:end]):
            yield lexer.blanked(sql[:begin]) + sql[begin:end]
        begin = end + 1
