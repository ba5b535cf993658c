"""Which elements of a format have one text."""

from __future__ import annotations

import pytest

from bigpato_magic.resolved.format_elements import READ, WRITTEN, unknown_element
from bigpato_magic.sql.rules.formats import NEEDS
from bigpato_magic.sql.udfs.parse import STEPS


def test_they_are_those_that_have_a_rule() -> None:
    assert sorted(WRITTEN) == sorted(NEEDS)
    single = {element for element in STEPS if not element.endswith("S") or element == "S"}
    assert sorted(READ) == sorted(single | {"Y", "EY"})


@pytest.mark.parametrize(
    ("form", "unknown"),
    [
        ("%Y-%m-%d %H:%M:%E3S %E*S %Ez", None),
        ("100 %% of %B", None),
        ("", None),
        ("%k", "k"),
        ("%F %EZ", "EZ"),
        ("%OH", "OH"),
        ("at %", ""),
    ],
)
def test_the_first_that_is_left_open(form: str, unknown: str | None) -> None:
    assert unknown_element(form) == unknown


def test_more_are_written_than_read() -> None:
    assert unknown_element("%F") is None
    assert unknown_element("%Y-%m-%d %E6S", reading=True) is None
    assert unknown_element("%F %T", reading=True) == "F"
    assert unknown_element("%E9S", reading=True) == "E9S"
