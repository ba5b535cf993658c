"""Every row that a predicate keeps is in the set that is computed for it; brute force, row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bigpato_magic.pruning.pushdown import partition_domains
from bigpato_magic.types import (
    Column,
    Kind,
    Parameter,
    Partitioning,
    PartitionUnit,
    SqlType,
    TableFacts,
    TableId,
    TableVersion,
    array_of,
    schema_digest,
)

EPOCH = date(1970, 1, 1)
DAYS = [date(2023, 12, 30) + timedelta(days=i) for i in range(40)] + [date(1, 1, 1), date(9999, 12, 31)]
NUMBERS = [None, 0, 1, 2]


def facts(name, columns, partitioning=None):
    schema = tuple(Column(n, SqlType(k)) for n, k in columns)
    now = datetime(2024, 1, 1, tzinfo=UTC)
    version = TableVersion("e", now, now, 1, 1, schema_digest(schema))
    return TableFacts(TableId("p", "d", name), version, schema, now, partitioning=partitioning)


T = facts("t", [("day", Kind.DATE), ("n", Kind.INT64)], Partitioning(PartitionUnit.DAY, "day"))
TABLES = {("t",): T}


def domain(analyzer, sql, parameters=(), table=T):
    query = analyzer.analyze(sql, {(table.id.table,): table}, parameters)
    return partition_domains(query, parameters, {table.id: table.partitioning})[table.id].partitions


# A predicate is SQL and what it is worth for a row (None is NULL). The evaluation below is SQL's logic, spelled out.


@dataclass(frozen=True)
class P:
    sql: str
    eval: object = field(repr=False)


def cmp(op, f):
    def make(column, text, value):
        def evaluate(row):
            left = row[column]
            return None if left is None or value is None else f(left, value)

        return P(f"{column} {op} {text}", evaluate)

    return make


COMPARE = {
    "=": cmp("=", lambda a, b: a == b),
    "!=": cmp("!=", lambda a, b: a != b),
    "<": cmp("<", lambda a, b: a < b),
    "<=": cmp("<=", lambda a, b: a <= b),
    ">": cmp(">", lambda a, b: a > b),
    ">=": cmp(">=", lambda a, b: a >= b),
}


def all3(values):
    return False if False in values else None if None in values else True


def any3(values):
    return True if True in values else None if None in values else False


def not3(value):
    return None if value is None else not value


def conjunction(parts):
    return P(f"({' AND '.join(f'({p.sql})' for p in parts)})", lambda row: all3([p.eval(row) for p in parts]))


def disjunction(parts):
    return P(f"({' OR '.join(f'({p.sql})' for p in parts)})", lambda row: any3([p.eval(row) for p in parts]))


def negation(part):
    return P(f"(NOT ({part.sql}))", lambda row: not3(part.eval(row)))


def is_null(part):
    return P(f"(({part.sql}) IS NULL)", lambda row: part.eval(row) is None)


def is_true(part):
    return P(f"(({part.sql}) IS TRUE)", lambda row: part.eval(row) is True)


def day_literal(d):
    return f"DATE '{d:%Y-%m-%d}'".replace("'1-", "'0001-") if d else "CAST(NULL AS DATE)"


def month_start(d):
    return d.replace(day=1)


days = st.sampled_from(DAYS[:40])
maybe_day = st.one_of(days, st.none())
of_day = st.builds(lambda op, d: COMPARE[op]("day", day_literal(d), d), st.sampled_from(list(COMPARE)), maybe_day)
mirrored = st.builds(
    lambda d: P(f"{day_literal(d)} < day", lambda row: None if row["day"] is None else d < row["day"]), days
)
of_number = st.builds(
    lambda op, n: COMPARE[op]("n", str(n), n), st.sampled_from(list(COMPARE)), st.sampled_from([0, 1, 2])
)
between = st.builds(
    lambda a, b: P(
        f"day BETWEEN {day_literal(a)} AND {day_literal(b)}",
        lambda row: None if row["day"] is None else a <= row["day"] <= b,
    ),
    days,
    days,
)
within = st.builds(
    lambda options: P(
        f"day IN ({', '.join(map(day_literal, options))})",
        lambda row: any3([None if row["day"] is None or o is None else row["day"] == o for o in options]),
    ),
    st.lists(maybe_day, min_size=1, max_size=4),
)
nulls = st.sampled_from(
    [
        P("day IS NULL", lambda row: row["day"] is None),
        P("day IS NOT NULL", lambda row: row["day"] is not None),
        P("TRUE", lambda row: True),
        P("CAST(NULL AS BOOL)", lambda row: None),
    ]
)
distinct = st.builds(lambda d: P(f"day IS DISTINCT FROM {day_literal(d)}", lambda row: row["day"] != d), maybe_day)
months = st.builds(
    lambda d: P(
        f"DATE_TRUNC(day, MONTH) = {day_literal(month_start(d))}",
        lambda row: None if row["day"] is None else month_start(row["day"]) == month_start(d),
    ),
    days,
)
computed = st.builds(
    lambda d, k: COMPARE[">="]("day", f"DATE_SUB({day_literal(d)}, INTERVAL {k} DAY)", d - timedelta(days=k)),
    days,
    st.integers(-5, 5),
)
only_day = st.one_of(of_day, mirrored, between, within, nulls, distinct, months, computed)


def combined(leaf):
    return st.recursive(
        leaf,
        lambda p: st.one_of(
            st.lists(p, min_size=2, max_size=3).map(conjunction),
            st.lists(p, min_size=2, max_size=3).map(disjunction),
            p.map(negation),
            p.map(is_null),
            p.map(is_true),
        ),
        max_leaves=6,
    )


QUICK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def kept(predicate):
    """The days of rows that the predicate keeps."""
    rows = [{"day": d, "n": n} for d in [*DAYS, None] for n in NUMBERS]
    return {row["day"] for row in rows if predicate.eval(row) is True}


def holds(found, day):
    return found is None or (None if day is None else (day - EPOCH).days) in found


@QUICK
@given(predicate=combined(st.one_of(only_day, of_number)))
def test_no_row_that_a_predicate_keeps_is_outside_of_its_domain(analyzer, predicate):
    found = domain(analyzer, f"SELECT COUNT(day) FROM t WHERE {predicate.sql}")
    assert all(holds(found, day) for day in kept(predicate))


@QUICK
@given(predicate=st.one_of(only_day, st.lists(only_day, min_size=2, max_size=3).map(disjunction)))
def test_simple_predicates_leave_nothing_in_that_they_do_not_keep(analyzer, predicate):
    found = domain(analyzer, f"SELECT COUNT(day) FROM t WHERE {predicate.sql}")
    assert {day for day in [*DAYS, None] if holds(found, day)} == kept(predicate)


# ------------------------------------------------------------------------------------------- one by one


@cache
def table(kind, unit=PartitionUnit.DAY, column="c"):
    return facts("x", [("c", kind), ("n", Kind.INT64)], Partitioning(unit, column))


def micros(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("predicate", "first", "last"),
    [
        ("DATE(c) = '2024-03-10'", "2024-03-10", "2024-03-11"),
        ("CAST(c AS DATE) = '2024-03-10'", "2024-03-10", "2024-03-11"),
        ("EXTRACT(DATE FROM c) = '2024-03-10'", "2024-03-10", "2024-03-11"),
        ("TIMESTAMP_TRUNC(c, HOUR) = '2024-03-10 02:00:00'", "2024-03-10T02:00", "2024-03-10T03:00"),
        ("TIMESTAMP_TRUNC(c, MONTH) = '2024-02-01'", "2024-02-01", "2024-03-01"),
        ("EXTRACT(YEAR FROM c) = 2024", "2024-01-01", "2025-01-01"),
        ("c >= '2024-03-10' AND c < TIMESTAMP_ADD('2024-03-10', INTERVAL 1 DAY)", "2024-03-10", "2024-03-11"),
        ("c BETWEEN '2024-03-10 00:00:00+02' AND '2024-03-09 22:00:00'", "2024-03-09T22:00", None),
        ("UNIX_SECONDS(c) = 1710064800", "2024-03-10T10:00", "2024-03-10T10:00:01"),
    ],
)
def test_functions_of_an_instant_that_never_fall_are_followed(analyzer, predicate, first, last):
    found = domain(analyzer, f"SELECT n FROM x WHERE {predicate}", table=table(Kind.TIMESTAMP))
    end = micros(first) if last is None else micros(last) - 1
    assert found.intervals == ((micros(first), end),)
    assert not found.nulls


def test_a_day_in_a_time_zone_is_within_a_day_of_the_one_in_utc(analyzer):
    found = domain(
        analyzer, "SELECT n FROM x WHERE DATE(c, 'America/New_York') = '2024-03-10'", table=table(Kind.TIMESTAMP)
    )
    # 2024-03-10 in New York has 23 hours: 05:00 to 04:00 of the next day, by UTC.
    assert micros("2024-03-10T05:00:00") in found
    assert micros("2024-03-11T03:59:59") in found
    assert found.intervals == ((micros("2024-03-09"), micros("2024-03-12") - 1),)


@pytest.mark.parametrize(
    "predicate",
    [
        "c = n",
        "c + n = 3",
        "MOD(c, 10) = 3",
        "-c > 5",
        "c = CAST(RAND() * 100 AS INT64)",
        "c IN (SELECT n FROM x)",
        "IF(c > 3, TRUE, n > 2)",
        "COALESCE(c, 0) = 0",
        "CAST(c AS STRING) = '3'",
        "ABS(c) = 3",
        "SAFE.MOD(c, 2) = 0",
    ],
)
def test_what_no_table_knows_says_nothing(analyzer, predicate):
    assert domain(analyzer, f"SELECT n FROM x WHERE {predicate}", table=table(Kind.INT64)) is None


# ------------------------------------------------------------------------------------------ the moment

HOUR = 3_600_000_000
ZONES = ("", "'Pacific/Kiritimati'", "'Pacific/Pago_Pago'", "'America/New_York'", "'Asia/Kathmandu'")
"""From fourteen hours before UTC to eleven behind it."""


def at_moment(analyzer, sql, moment, table=T):
    """The domain for an hour that `moment` is in."""
    micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    hour = micros // HOUR * HOUR
    query = analyzer.analyze(sql, {(table.id.table,): table}, ())
    return partition_domains(query, (), {table.id: table.partitioning}, (hour, hour + HOUR - 1))[table.id].partitions


def today(zone, moment):
    """What CURRENT_DATE(zone) is."""
    return moment.astimezone(ZoneInfo(zone.strip("'")) if zone else UTC).date()


def of_today(op, zone, shift, text):
    """A comparison of the day with today's, moved by some days; it is evaluated for a row at its moment."""
    day = f"CURRENT_DATE({zone})"
    forms = {"": day, "+": f"{shift} + {day}", "-": f"{day} - INTERVAL {shift} DAY"}
    moved = forms.get(text) or f"{text}({day}, INTERVAL {shift} DAY)"
    sign = {"DATE_ADD": 1, "DATE_SUB": -1, "+": 1, "-": -1, "": 0}[text]

    def evaluate(row):
        bound = today(zone, row["now"]) + timedelta(days=sign * shift)
        return None if row["day"] is None else COMPARE[op]("day", "", bound).eval(row)

    return P(f"day {op} {moved}", evaluate)


present = st.builds(
    of_today,
    st.sampled_from(list(COMPARE)),
    st.sampled_from(ZONES),
    st.integers(-40, 40),
    st.sampled_from(["DATE_ADD", "DATE_SUB", "+", "-", ""]),
)
this_month = st.sampled_from(
    [
        P(
            "DATE_TRUNC(day, MONTH) = DATE_TRUNC(CURRENT_DATE(), MONTH)",
            lambda row: None if row["day"] is None else month_start(row["day"]) == month_start(today("", row["now"])),
        ),
        P(
            "TIMESTAMP(day) > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 36 HOUR)",
            lambda row: (
                None
                if row["day"] is None
                else datetime.combine(row["day"], time(), UTC) > row["now"] - timedelta(hours=36)
            ),
        ),
        P(
            "CURRENT_DATE() BETWEEN day AND DATE_ADD(DATE '2024-01-31', INTERVAL 1 MONTH)",
            lambda row: all3(
                [None if row["day"] is None else row["day"] <= today("", row["now"]), today("", row["now"]) <= FEBRUARY]
            ),
        ),
        P("day IN (CURRENT_DATE(), DATE_SUB(CURRENT_DATE(), INTERVAL 1 WEEK))", lambda row: this_day_of_week(row)),
    ]
)
FEBRUARY = date(2024, 2, 29)


def this_day_of_week(row):
    now = today("", row["now"])
    return None if row["day"] is None else row["day"] in (now, now - timedelta(days=7))


moments = st.datetimes(datetime(2023, 12, 20), datetime(2024, 3, 10), timezones=st.just(UTC))


@QUICK
@given(predicate=combined(st.one_of(present, present, this_month, only_day)), moment=moments)
def test_no_row_that_is_kept_at_a_moment_is_outside_of_the_domain_of_its_hour(analyzer, predicate, moment):
    found = at_moment(analyzer, f"SELECT COUNT(day) FROM t WHERE {predicate.sql}", moment)
    rows = [{"day": d, "n": n, "now": moment} for d in [*DAYS, None] for n in NUMBERS]
    assert all(holds(found, row["day"]) for row in rows if predicate.eval(row) is True)


MOMENT = datetime(2024, 1, 10, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("predicate", "first", "last"),
    [
        ("day >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY)", date(2024, 1, 3), None),
        ("day >= CURRENT_DATE() - 7", date(2024, 1, 3), None),
        ("day >= CURRENT_DATE() - INTERVAL 7 DAY", date(2024, 1, 3), None),
        ("day >= DATE(CURRENT_DATETIME() - INTERVAL 1 MONTH)", date(2023, 12, 10), None),
        ("TIMESTAMP(day) >= CURRENT_TIMESTAMP() - INTERVAL 48 HOUR", date(2024, 1, 9), None),
        ("day >= DATE_TRUNC(CURRENT_DATE(), WEEK)", date(2024, 1, 7), None),
        ("day >= DATE_TRUNC(CURRENT_DATE(), ISOWEEK)", date(2024, 1, 8), None),
        ("day >= DATE_TRUNC(CURRENT_DATE(), WEEK(THURSDAY))", date(2024, 1, 4), None),
        ("day <= LAST_DAY(CURRENT_DATE() + 25) AND day > 0 + CURRENT_DATE()", date(2024, 1, 11), date(2024, 2, 29)),
        ("day > DATE_SUB(CURRENT_DATE, INTERVAL 1 MONTH)", date(2023, 12, 11), None),
        ("day = CURRENT_DATE()", date(2024, 1, 10), date(2024, 1, 10)),
        ("day = CURRENT_DATE('UTC')", date(2024, 1, 9), date(2024, 1, 11)),
        ("day BETWEEN DATE_TRUNC(CURRENT_DATE(), MONTH) AND CURRENT_DATE()", date(2024, 1, 1), date(2024, 1, 10)),
        ("day >= DATE(TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 2 DAY))", date(2024, 1, 8), None),
        ("day >= (SELECT CURRENT_DATE())", None, None),
        ("day >= SAFE.DATE(EXTRACT(YEAR FROM CURRENT_DATE()), 1, 1)", None, None),
    ],
)
def test_today_is_a_constant_of_its_hour(analyzer, predicate, first, last):
    found = at_moment(analyzer, f"SELECT n FROM t WHERE {predicate}", MOMENT)
    if first is None:
        assert found is None
        return
    ((low, high),) = found.intervals
    assert low == (first - EPOCH).days
    assert high == ((last or date(9999, 12, 31)) - EPOCH).days
    assert not found.nulls


def test_without_a_settled_moment_today_may_be_any_day(analyzer):
    assert domain(analyzer, "SELECT n FROM t WHERE day >= CURRENT_DATE()") is None
    assert domain(analyzer, "SELECT n FROM t WHERE day >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY)") is None


def test_numbers_compare_with_fractions(analyzer):
    found = domain(analyzer, "SELECT n FROM x WHERE c > 2.5 AND c <= 9.9", table=table(Kind.INT64))
    assert found.intervals == ((3, 9),)


def test_parameters_are_constants_with_their_values(analyzer):
    day = Parameter("since", SqlType(Kind.DATE), date(2024, 1, 5))
    found = domain(analyzer, "SELECT n FROM t WHERE day = @Since", [day])
    assert found.intervals == (((date(2024, 1, 5) - EPOCH).days,) * 2,)
    days = Parameter("days", array_of(SqlType(Kind.DATE)), [date(2024, 1, 5), date(2024, 1, 7)])
    found = domain(analyzer, "SELECT n FROM t WHERE day IN UNNEST(@days)", [days])
    assert len(found.intervals) == 2
    positional = Parameter(None, SqlType(Kind.DATE), date(2024, 1, 5))
    assert domain(analyzer, "SELECT n FROM t WHERE day = ?", [positional]).intervals == (
        ((date(2024, 1, 5) - EPOCH).days,) * 2,
    )
    assert (
        domain(analyzer, "SELECT n FROM t WHERE day = @since", [Parameter("since", SqlType(Kind.DATE), None)])
        is not None
    )
    assert not domain(analyzer, "SELECT n FROM t WHERE day = @since", [Parameter("since", SqlType(Kind.DATE), None)])


def test_ingestion_time_is_an_instant_also_as_a_date(analyzer):
    u = facts("u", [("n", Kind.INT64)], Partitioning(PartitionUnit.DAY, None))
    by_time = domain(analyzer, "SELECT n FROM u WHERE _PARTITIONTIME = '2024-01-05'", table=u)
    by_date = domain(analyzer, "SELECT n FROM u WHERE _PARTITIONDATE = '2024-01-05'", table=u)
    assert by_time.intervals == ((micros("2024-01-05"),) * 2,)
    assert by_date.intervals == ((micros("2024-01-05"), micros("2024-01-06") - 1),)
    assert domain(analyzer, "SELECT n FROM u", table=u) is None
    assert domain(analyzer, "SELECT n FROM u WHERE _PARTITIONTIME IS NULL", table=u).nulls
