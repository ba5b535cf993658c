"""Query parameters as DuckDB is given them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bigpato_magic import bignumeric
from bigpato_magic.errors import LocalRunError
from bigpato_magic.types import MOMENT, Kind, Parameter, SqlType, held_name

if TYPE_CHECKING:
    import duckdb

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def bound(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Sequence[Parameter],
    now: Callable[[], datetime] | None = None,
) -> dict[str, Any]:
    """The values of the parameters that compiled SQL mentions, by the names that it has for them.

    Args:
        connection: makes DuckDB's types.
        sql: compiled.
        parameters: checked ones.
        now: tells the moment of the run; this machine's clock if None.

    Raises:
        LocalRunError: DuckDB cannot hold a value as BigQuery does.
    """
    if not parameters and MOMENT not in sql:
        return {}
    import duckdb

    # DuckDB's own parser tells a parameter from what a literal says.
    wanted = duckdb.extract_statements(sql)[0].named_parameters
    given = {held_name(p.name, i): p for i, p in enumerate(normalized(parameters), 1)}
    values = {name: _value(connection, given[name]) for name in wanted if name in given}
    return values | {MOMENT: _micros(now)} if MOMENT in wanted else values


def normalized(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The parameters with JSON as TO_JSON_STRING prints it, which is how JSON is held here.

    Raises:
        LocalRunError: it is not known how BigQuery prints one.
    """
    return tuple(replace(p, value=_normalized(p.type, p.value)) if _has_json(p.type) else p for p in parameters)


def _has_json(of: SqlType) -> bool:
    return of.has(Kind.JSON)


def _normalized(of: SqlType, value: Any) -> Any:
    if value is None:
        return None
    if of.kind is Kind.ARRAY and of.element:
        return [_normalized(of.element, item) for item in value]
    if of.kind is Kind.STRUCT:
        return {field.name: _normalized(field.type, value[field.name]) for field in of.fields}
    return _normal_json(value) if of.kind is Kind.JSON else value


def _micros(now: Callable[[], datetime] | None) -> int:
    moment = now() if now else datetime.now(UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _value(connection: duckdb.DuckDBPyConnection, parameter: Parameter) -> Any:
    """DuckDB takes some dicts for a MAP, so a STRUCT is given with its type."""
    if parameter.type.kind is Kind.BIGNUMERIC and parameter.value is not None:
        return bignumeric.encode(bignumeric.units(parameter.value))
    if not parameter.type.has(Kind.STRUCT):
        return parameter.value
    import duckdb

    from bigpato_magic.sql.expressions import named_type

    return duckdb.Value(parameter.value, connection.sqltype(named_type(parameter.type)))


def _normal_json(text: str) -> str:
    from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure
    from bigpato_magic.sql.udfs.json_values import parse_json

    try:
        return parse_json(text, "exact")
    except (InvalidValue, Unsure) as error:
        reason = str(error).removeprefix("route: ")
        raise LocalRunError(f"route: a JSON parameter has {reason}") from error
