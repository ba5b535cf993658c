"""What the analyzer is told of is what Google's pages say BigQuery has."""

from __future__ import annotations

from pathlib import Path

from bigpato_magic.googlesql import added
from bigpato_magic.resolved.vocabulary import OTHER, PURE

# https://cloud.google.com/bigquery/docs/reference/standard-sql/conditional_expressions
CONDITIONAL = {"coalesce", "if", "ifnull", "nullif"}


def listed() -> set[str]:
    lines = (Path(__file__).parent / "bigquery_functions.txt").read_text().splitlines()
    return {line for line in lines if not line.startswith("#")}


def test_no_function_is_known_that_bigquery_has_not() -> None:
    assert sorted((PURE | OTHER | added.NAMES) - listed() - CONDITIONAL) == []


def test_the_json_functions_of_other_products_are_not_bigquerys() -> None:
    """BOOL_ARRAY and its kin are Spanner's: a local answer would stand where BigQuery has an error."""
    kinds = ("bool", "float64", "int64", "string")
    assert not {f"{lax}{kind}_array" for lax in ("", "lax_") for kind in kinds} & (PURE | OTHER)
