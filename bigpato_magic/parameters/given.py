"""What `client.run(params=…)` takes: a dict, Google's query parameters, or values for each `?`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bigpato_magic.errors import ParameterError
from bigpato_magic.parameters.checked import check
from bigpato_magic.parameters.foreign import is_google
from bigpato_magic.parameters.inferred import infer
from bigpato_magic.types import Parameter

Params = Mapping[str, Any] | Sequence[Any]
"""`{"name": value}`, or a list: Google's query parameters, or a value for each `?`. A value is any that has a BigQuery
type, or one with its type: `typed(value, "NUMERIC")`."""

_FORMS = "a dict {name: value}, a list of Google's query parameters, or a list with a value for each ?"


def given(params: Params | None) -> tuple[Parameter, ...]:
    """Typed and checked parameters.

    >>> [(p.name, str(p.type), p.value) for p in given({"least": 100, "country": "EE"})]
    [('least', 'INT64', 100), ('country', 'STRING', 'EE')]
    >>> [(p.name, str(p.type)) for p in given([100, "EE"])]
    [(None, 'INT64'), (None, 'STRING')]

    Raises:
        ParameterError: it is in none of these forms, a name comes twice, or a value has no BigQuery type.
    """
    if params is None:
        return ()
    if isinstance(params, Mapping):
        typed = tuple(parameter(_name(key), value) for key, value in params.items())
    elif isinstance(params, Sequence) and not isinstance(params, str | bytes | bytearray):
        typed = tuple(parameter(_own_name(value), value) for value in params)
    else:
        raise ParameterError(f"params is a {type(params).__name__}", hint=f"pass {_FORMS}")
    return _each_once(typed)


def parameter(name: str | None, value: Any) -> Parameter:
    """One typed and checked parameter; without a name it stands for a `?`.

    >>> parameter("since", "2024-01-31").type.kind.value
    'STRING'

    Raises:
        ParameterError: no BigQuery type fits the value.
    """
    try:
        return check(Parameter(name, *infer(value)))
    except ParameterError as error:
        message = error.message if error.message.startswith(_TOLD) else f"{_spelled(name)}: {error.message}"
        raise ParameterError(message, hint=error.hint) from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ParameterError(f"{_spelled(name)}: a {type(value).__name__} that cannot be read ({error})") from error


def bind(names: Sequence[str], told: Mapping[str, Any], variables: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Typed parameters for the `@names` of a query: from what was told, else the variable of that name.

    Raises:
        ParameterError: a name has no value, or its value has no BigQuery type.
    """
    folded = {str(key).lower(): value for key, value in told.items()}
    for name in names:
        if name.lower() not in folded and name not in variables:
            way_out = f"set a variable `{name}`, or write --params '{{\"{name}\": …}}'"
            raise ParameterError(f"@{name} has no value", hint=way_out)
    return tuple(parameter(n, folded[n.lower()] if n.lower() in folded else variables[n]) for n in names)


_TOLD = ("Parameter @", "A positional parameter")


def _spelled(name: str | None) -> str:
    return "a positional parameter" if name is None else f"@{name}"


def _name(key: Any) -> str:
    if not isinstance(key, str) or not key:
        raise ParameterError(f"params has the key {key!r}, and a parameter's name is text", hint=f"pass {_FORMS}")
    return key


def _own_name(value: Any) -> str | None:
    named = isinstance(value, Parameter) or is_google(value)
    return value.name or None if named else None


def _each_once(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    names = [p.name.lower() for p in parameters if p.name is not None]
    if names and len(names) < len(parameters):
        raise ParameterError("some parameters have names and some have none", hint="name all, or write ? for each")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ParameterError(f"@{twice} has two values; the case of a name does not matter")
    return parameters
