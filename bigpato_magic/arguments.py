"""What a person hands to the client or a magic, checked: it is what is asked for, or one sentence says what it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bigpato_magic.errors import ConfigurationError, ParameterError
from bigpato_magic.googlesql.lexer import is_blank, parameter_names
from bigpato_magic.parameters import Params, given
from bigpato_magic.traits import parse_duration, parse_size
from bigpato_magic.types import Parameter, Route

T = TypeVar("T")
APPROXIMATE = ("bigquery", "exact")
"""Whose answer approximate aggregate functions give: BigQuery's estimate, or the exact figure."""
_UNWRITABLE = re.compile(r"[\x00-\x1f\ud800-\udfff]")


def query_text(sql: Any) -> str:
    """The text of a statement, without the byte order mark that some editors begin it with.

    Raises:
        ConfigurationError: it is no text, or there is nothing in it.
    """
    if not isinstance(sql, str):
        raise ConfigurationError(f"the query is a {type(sql).__name__}, and must be text")
    text = sql.removeprefix("\ufeff")
    if is_blank(text):
        raise ConfigurationError("there is no query", hint="nothing but blanks and comments stands there")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ConfigurationError("the query has a lone surrogate, which UTF-8 cannot hold")
    return text


def parameters_of(sql: str, params: Params | None) -> tuple[Parameter, ...]:
    """Typed and checked parameters for a query.

    Raises:
        ParameterError: they are none, or the query has names for what has none.
    """
    parameters = given(params)
    if parameters and parameters[0].name is None and (names := parameter_names(sql)):
        raise ParameterError(
            f"the query calls its parameter @{names[0]}, and params has no names", hint=f'params={{"{names[0]}": …}}'
        )
    return parameters


def route_of(value: Any) -> Route:
    """A route by its name.

    Raises:
        ConfigurationError: there is none of that name.
    """
    try:
        return Route(value.lower() if isinstance(value, str) else value)
    except ValueError:
        raise ConfigurationError(f"there is no route {value!r}", hint="auto, local or bigquery") from None


def exact_of(value: Any) -> bool:
    """Whether `approximate` asks for exact figures in place of BigQuery's estimates.

    Raises:
        ConfigurationError: it is neither `exact` nor `bigquery`.
    """
    if str(value).lower() not in APPROXIMATE:
        raise ConfigurationError(f"approximate is {value!r}", hint=" or ".join(APPROXIMATE))
    return str(value).lower() == "exact"


def seconds(what: str, value: Any) -> float | None:
    """A time as `5 min` or in seconds, None for none.

    Raises:
        ConfigurationError: it is no time.
    """
    return None if value is None else _read(what, value, parse_duration)


def instant(what: str, value: Any) -> datetime:
    """An instant, from one or from a text as `2026-11-22 14:00`; without a zone, of the person's clock.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{what} {value} is no instant", hint="write it as 2026-11-22 14:00") from None


def size(what: str, value: Any) -> int | None:
    """A size as `10 GiB` or in bytes, None for none.

    Raises:
        ConfigurationError: it is no size.
    """
    return None if value is None else _read(what, value, parse_size)


def _read(what: str, value: Any, parse: Callable[[Any], T]) -> T:
    try:
        return parse(value)
    except ValueError as error:
        raise ConfigurationError(f"{what}: {error}") from None


def instance_of(what: str, value: Any, kind: type[T]) -> T | None:
    """The value, which is of that kind, or None.

    Args:
        what: how an error calls it.
        value: what was handed over.
        kind: the class that it must be of.

    Raises:
        ConfigurationError: it is something else.
    """
    if value is None or isinstance(value, kind):
        return value
    raise ConfigurationError(f"{what} is a {type(value).__name__}, and must be a {kind.__name__}")


def function(what: str, value: T) -> T:
    """The value, which can be called, or None.

    Raises:
        ConfigurationError: it cannot be called.
    """
    if value is None or callable(value):
        return value
    raise ConfigurationError(f"{what} is a {type(value).__name__}, and must be a function")


def table_name(name: Any) -> str:
    """A table's name as text.

    Raises:
        ConfigurationError: it is no text, or has characters that no name has.
    """
    if not isinstance(name, str) or _UNWRITABLE.search(name):
        raise ConfigurationError(f"{name!r} is no name of a table", hint="'table', 'dataset.table' or the full name")
    return name


def path_of(what: str, text: str) -> Path:
    """A path, with `~` for the home.

    Raises:
        ConfigurationError: no path is written so.
    """
    try:
        if "\0" in text:
            raise ConfigurationError(f"{what} {text!r} is no path")
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(f"{what} {text}: {error}") from None
