"""A cell's `@names` take their values from `--params`, else from the person's variables."""

from __future__ import annotations

import pytest

from bigpato_magic.errors import ParameterError
from bigpato_magic.googlesql.lexer import parameter_names
from bigpato_magic.parameters import bind


def test_given_values_come_before_variables():
    (bound,) = bind(("since",), {"SINCE": 1}, {"since": 2})
    assert (bound.name, bound.value) == ("since", 1)


def test_a_missing_value_is_told_with_its_name():
    with pytest.raises(ParameterError, match="@since has no value"):
        bind(("since",), {}, {})


def test_a_wrong_value_is_told_with_its_name():
    with pytest.raises(ParameterError, match="@since: NULL has no type"):
        bind(("since",), {}, {"since": None})


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT @a, @B, @A", ("a", "B")),
        ("SELECT '@a', \"@b\", `@c`", ()),
        ("SELECT r'\\'@a', '''x'@b''', \"\"\"@c\"\"\"", ()),
        ("SELECT 1 -- @a\n# @b\n/* @c\n@d */ , @e", ("e",)),
        ("SELECT @@session_id, @@time_zone, @x", ("x",)),
        ("SELECT 'it''s', @a", ("a",)),
        ("SELECT 'unclosed @a", ()),
        ("SELECT @`odd name`", ("odd name",)),
        ("SELECT b'@a', rb\"@b\", @c", ("c",)),
    ],
)
def test_parameters_are_found_outside_strings_and_comments(sql, names):
    assert parameter_names(sql) == names
