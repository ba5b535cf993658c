"""Small tables with every BigQuery type, partitions and a view, for tours and tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from bigpato_magic.demo.warehouse import PROJECT, DemoWarehouse
from bigpato_magic.frames import arrow_schema
from bigpato_magic.parameters import parse_type
from bigpato_magic.types import Column, OutputColumn, TableId

# column: (type, a plain value, an extreme one); a third row has NULLs, a fourth empty arrays and zeros.
ALL_TYPES: dict[str, tuple[str, Any, Any, Any]] = {
    "id": ("INT64", 1, 2, 4),
    "int64": ("INT64", 42, -(2**63), 0),
    "float64": ("FLOAT64", 1.5, float("inf"), -0.0),
    "bool": ("BOOL", True, False, False),
    "string": ("STRING", "pato", "¡Grüße, 鸭! 🦆", ""),
    "bytes": ("BYTES", b"pato", bytes(range(256)), b""),
    "date": ("DATE", date(2024, 2, 29), date(9999, 12, 31), date(1, 1, 1)),
    "datetime": (
        "DATETIME",
        datetime(2024, 2, 29, 12, 34, 56, 789012),
        datetime(9999, 12, 31, 23, 59, 59, 999999),
        datetime(1970, 1, 1),
    ),
    "timestamp": (
        "TIMESTAMP",
        datetime(2024, 2, 29, 12, 34, 56, 789012, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
    ),
    "time": ("TIME", time(12, 34, 56, 789012), time(23, 59, 59, 999999), time(0, 0)),
    "numeric": ("NUMERIC", Decimal("3.141592653"), Decimal("-99999999999999999999999999999.999999999"), Decimal(0)),
    "bignumeric": ("BIGNUMERIC", Decimal("3.14159265358979323846"), Decimal(10) ** 37, Decimal(0)),
    "json": ("JSON", '{"duck":"pato","legs":2}', "[1,2.5,null]", "{}"),
    "geography": ("GEOGRAPHY", "POINT(-122.35 47.62)", "LINESTRING(0 0, 1 1)", "POINT(0 0)"),
    "interval": ("INTERVAL", (14, 3, 4_005_006_000), (-12, 0, 0), (0, 0, 0)),
    "range_date": ("RANGE<DATE>", (date(2024, 1, 1), date(2024, 2, 1)), (None, date(2024, 1, 1)), (None, None)),
    "array": ("ARRAY<INT64>", [1, 2, 3], [-1], []),
    "struct": ("STRUCT<x INT64, y STRING>", {"x": 1, "y": "a"}, {"x": None, "y": None}, {"x": 0, "y": ""}),
    "array_of_struct": (
        "ARRAY<STRUCT<x INT64, tags ARRAY<STRING>>>",
        [{"x": 1, "tags": ["a", "b"]}, {"x": 2, "tags": []}],
        [{"x": None, "tags": []}],
        [],
    ),
}
_ROW_OF_NULLS = 3

_STATEMENTS = """
CREATE TABLE samples.events (
  event_id INT64 NOT NULL, user_id INT64, day DATE, `at` TIMESTAMP, kind STRING, amount NUMERIC,
  device STRUCT<os STRING, version INT64>)
PARTITION BY day CLUSTER BY kind AS
SELECT n, MOD(n * 7919, 501), DATE_FROM_UNIX_DATE(19723 + MOD(n, 30)),
  TIMESTAMP_ADD(TIMESTAMP_ADD(TIMESTAMP '2024-01-01 00:00:00+00', INTERVAL MOD(n, 30) DAY),
    INTERVAL MOD(n * 31, 86400) SECOND),
  CASE MOD(n, 4) WHEN 0 THEN 'view' WHEN 1 THEN 'click' WHEN 2 THEN 'buy' ELSE NULL END,
  CAST(MOD(n * 37, 10000) AS NUMERIC) / 100,
  STRUCT(IF(MOD(n, 2) = 0, 'android', 'ios') AS os, MOD(n, 9) AS version)
FROM UNNEST(GENERATE_ARRAY(1, 20000)) AS n;

CREATE TABLE samples.buckets (id INT64, name STRING)
PARTITION BY RANGE_BUCKET(id, GENERATE_ARRAY(0, 100, 10)) AS
SELECT n - 5, CONCAT('name ', CAST(n AS STRING)) FROM UNNEST(GENERATE_ARRAY(1, 120)) AS n;

CREATE TABLE samples.arrivals (id INT64, note STRING) PARTITION BY _PARTITIONDATE;
INSERT INTO samples.arrivals (_PARTITIONTIME, id, note)
VALUES (TIMESTAMP '2024-01-01 00:00:00+00', 1, 'first'), (TIMESTAMP '2024-01-02 00:00:00+00', 2, 'second'),
  (TIMESTAMP '2024-01-02 00:00:00+00', 3, NULL);

CREATE VIEW samples.events_view AS
SELECT day, kind, COUNT(*) AS events, SUM(amount) AS amount FROM samples.events GROUP BY day, kind;
"""


def make_samples(warehouse: DemoWarehouse) -> None:
    """Make the dataset `samples`: `all_types`, `events`, `events_view`, `buckets`, `arrivals`."""
    columns = [Column(name, parse_type(type_)) for name, (type_, *_) in ALL_TYPES.items()]
    schema = arrow_schema(OutputColumn(c.name, c.type) for c in columns)
    arrays = [_array(name, field.type) for name, field in zip(ALL_TYPES, schema, strict=True)]
    warehouse.load(TableId(PROJECT, "samples", "all_types"), pa.table(arrays, schema=schema), columns)
    warehouse.execute(_STATEMENTS)


def _array(name: str, arrow: Any) -> Any:
    type_, plain, extreme, zero = ALL_TYPES[name]
    missing: Any = _ROW_OF_NULLS if name == "id" else [] if type_.startswith("ARRAY") else None
    values = [plain, extreme, missing, zero]
    if type_.startswith("RANGE"):
        values = [v and dict(zip(("start", "end"), v, strict=True)) for v in values]
    if type_ == "INTERVAL":  # months, days, microseconds; Arrow counts nanoseconds
        values = [v and pa.MonthDayNano([v[0], v[1], v[2] * 1000]) for v in values]
    return pa.array(values, arrow)
