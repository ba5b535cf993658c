"""NUMERIC without paying for 38 digits: values are held as the narrowest DECIMAL(p, s) that is known to fit.

DECIMAL(38,9) is a 128-bit number in DuckDB, several times slower than a 64-bit one, so a precision that is known is
carried through `+`, `-`, `*`, SUM, CASE and UNION. It bounds the values; the type that DuckDB gives may be wider.
GoogleSQL's NUMERIC has 29 digits before the point and 9 after:
https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#decimal_types
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bigpato_magic.sql.expr import Expr, Facts
from bigpato_magic.sql.physical import FULL, NARROW, numeric
from bigpato_magic.types import Kind

MAX_PRECISION, MAX_SCALE = FULL
# A sum is taken to have at most so many more digits than what is summed. If it ever has more, DuckDB raises where it
# has no room for them, and BigQuery answers.
DIGITS_OF_COUNT = 9


def width(e: Expr) -> tuple[int, int]:
    """Precision and scale of a NUMERIC as it is held."""
    return e.facts.decimal or FULL


def cast(sql: str, precision: int, scale: int) -> str:
    """The text as DECIMAL(precision, scale)."""
    return f"CAST({sql} AS DECIMAL({precision},{scale}))"


def unify(args: Sequence[Expr], *, bare: bool = False) -> list[Expr]:
    """The same expressions, all NUMERIC ones held alike, as CASE or UNION need it.

    Args:
        args: whatever their types.
        bare: a constant may be held more narrowly, as DuckDB itself makes it like the others.
    """
    widths = [width(e) for e in args if e.type.kind is Kind.NUMERIC]
    if not widths:
        return list(args)
    scale = max(s for _, s in widths)
    precision = max(p - s for p, s in widths) + scale
    common = (precision, scale) if precision <= MAX_PRECISION else FULL
    return [_as(e, common, bare=bare) if e.type.kind is Kind.NUMERIC else e for e in args]


def _as(e: Expr, common: tuple[int, int], *, bare: bool) -> Expr:
    if width(e) == common:
        return e
    # A cast takes DuckDB longer to bind than digits.
    written = numeric(e.value, common[1]) if bare and e.literal and not e.is_null else None
    return (e.text(written) if written else e.written(cast("{a}", *common))).known(decimal=common)


def add(op: str, a: Expr, b: Expr) -> Expr:
    """`a + b` or `a - b`; DuckDB raises where the result does not fit, as BigQuery does."""
    (p, s), (q, r) = width(a), width(b)
    scale = max(s, r)
    precision = max(p - s, q - r) + scale + 1
    if fits(precision, scale):
        return Expr(f"({_roomy(a, b, precision)} {op} {b.sql})", a.type, Facts(decimal=(precision, scale)))
    return Expr(f"({cast(a.sql, *FULL)} {op} {cast(b.sql, *FULL)})", a.type)


def multiply(a: Expr, b: Expr) -> Expr | None:
    """`a * b`, None where DuckDB has no room for the exact product."""
    (p, s), (q, r) = width(a), width(b)
    if s + r > MAX_PRECISION:
        return None
    if s + r <= MAX_SCALE and fits(p + q, s + r):
        return Expr(f"({_roomy(a, b, p + q)} * {b.sql})", a.type, Facts(decimal=(p + q, s + r)))
    wide = a.sql if p + q <= MAX_PRECISION else cast(a.sql, MAX_PRECISION, s)
    return Expr(cast(f"{wide} * {b.sql}", *FULL), a.type)


def _roomy(a: Expr, b: Expr, precision: int) -> str:
    """The text of `a`, so wide that DuckDB has room for as many digits: what it makes of two 64-bit DECIMALs stays one."""
    narrow = precision > NARROW and max(width(a)[0], width(b)[0]) <= NARROW
    return cast(a.sql, NARROW + 1, width(a)[1]) if narrow else a.sql


def total(a: Expr) -> tuple[int, int]:
    """Precision and scale of a sum of such values."""
    precision, scale = width(a)
    return min(MAX_PRECISION, precision + DIGITS_OF_COUNT), scale


def fits(precision: int, scale: int) -> bool:
    """Is any DECIMAL(precision, scale) a NUMERIC too? DuckDB would hold some that overflow for GoogleSQL."""
    return precision <= MAX_PRECISION and precision - scale <= MAX_PRECISION - MAX_SCALE


def quotient(a: Expr, b: Expr, held: tuple[int, int], by: tuple[int, int]) -> str | None:
    """`a / b` to nine places, half away from zero; None where DuckDB has no room for it.

    By ten places, cut off, of which DuckDB rounds one away.

    Args:
        a: the dividend.
        b: the divisor, not 0 where `a` is not NULL.
        held: precision and scale of the dividend.
        by: of the divisor.
    """
    (p, s), (q, r), below = held, by, _whole(b)
    if max(p, q) + MAX_SCALE + 1 + r > MAX_PRECISION:
        return None
    # A product of two 64-bit DECIMALs would stay one.
    up = f"CAST({cast(a.sql, MAX_PRECISION, s)} * 1{'0' * (MAX_SCALE + 1 + r)}. AS HUGEINT)"
    divisor = f"CAST({cast(below, MAX_PRECISION, r)} * 1{'0' * r}. AS HUGEINT)" if r else f"CAST({below} AS HUGEINT)"
    return f"CAST(CAST({up} // {divisor} AS DECIMAL(38,0)) * 0.{'0' * MAX_SCALE}1 AS DECIMAL(38,9))"


def _whole(e: Expr) -> str:
    """Of an INT64 that was made a NUMERIC, the INT64: one cast less to bind, wherever it is mentioned."""
    return e.integer.sql if e.integer else e.sql


def shape_of_quotient(held: tuple[int, int], by: tuple[int, int] = (1, 0)) -> tuple[int, int]:
    """Precision and scale of a quotient of such numbers."""
    (p, s), (_, r) = held, by
    return min(MAX_PRECISION, p - s + r + MAX_SCALE), MAX_SCALE


def near(a: Expr, b: Expr, exact: str, *, unless: str = "") -> str:
    """`a / b` as a FLOAT64 where that certainly rounds as the exact quotient does, since 128-bit division is slow.

    The FLOAT64 is wrong by less than 1e-15 of it, so the exact quotient lies between the two that are rounded, and
    beyond 250,000 these are never the same.

    Args:
        a: the dividend, mentioned several times.
        b: the divisor, likewise.
        exact: the exact quotient, asked also where it is NULL.
        unless: `WHEN … THEN …` of what comes first.
    """
    y = f"(CAST({_whole(a)} AS DOUBLE) / {_whole(b)})"
    same = f"round({y} * 999999999.999998e0) = round({y} * 1000000000.000002e0)"
    return f"(CASE {unless}WHEN {same} THEN CAST({y} AS DECIMAL(38,9)) ELSE {exact} END)"


def divide(a: Expr, b: Expr) -> Expr | None:
    """`a / b` as an exact product, where `b` is a whole constant whose reciprocal has few digits (2, 100), or None."""
    divisor = b.value if b.literal else None
    if not divisor or divisor != int(divisor):
        return None
    whole, (p, s) = int(divisor), width(a)
    digits = next((k for k in range(7) if 10**k % whole == 0), None)
    if digits is None or s + digits > MAX_SCALE or p + digits + 1 > MAX_PRECISION:
        return None
    # DuckDB does not read '25e-2' as a DECIMAL(3,2).
    reciprocal = f"CAST('{Decimal(10**digits // whole).scaleb(-digits):f}' AS DECIMAL({digits + 1},{digits}))"
    return Expr(f"({a.sql} * {reciprocal})", a.type, Facts(decimal=(p + digits + 1, s + digits)))
