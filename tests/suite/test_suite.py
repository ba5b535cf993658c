"""The suite of faithfulness, on a warehouse whose answers are changed under it."""

from __future__ import annotations

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bigpato_magic import googlesql
from bigpato_magic.errors import Cancelled, ConfigurationError, QueryError
from bigpato_magic.status import Cancel
from bigpato_magic.suite import FamilyReport, SuiteLimits, families, questions
from bigpato_magic.suite.batches import LARGEST, MOST, LocalAnswer, batches, packed, unpacked
from bigpato_magic.verification import difference

FAMILY = "net"
ONE = "net.host"
"""A function that only some questions of the family ask for."""


def asked(client) -> int:
    return len(questions(FAMILY))


def odd_ones() -> int:
    return sum(ONE in question.sql for question in questions(FAMILY))


class Changed:
    """Lets the warehouse answer otherwise, and counts what it is asked."""

    def __init__(self, warehouse, monkeypatch) -> None:
        self.query, self.jobs, self.change = warehouse.query, [], lambda sql, table: table
        monkeypatch.setattr(warehouse, "query", self._query)

    def _query(self, sql, *args, **options):
        self.jobs.append(sql)
        answer = self.query(sql, *args, **options)
        return replace(answer, arrow=self.change(sql, answer.arrow))


@pytest.fixture
def changed(warehouse, monkeypatch):
    return Changed(warehouse, monkeypatch)


def test_every_question_is_a_query_over_literals():
    assert len(families()) >= 18
    for family in families():
        texts = [question.sql for question in questions(family)]
        assert texts
        assert len(set(texts)) == len(texts), family
        assert not [text for text in texts if googlesql.table_names(text)], family


def test_all_answers_are_bigquerys_and_few_jobs_are_needed(client, changed):
    report = client.verify_suite(FAMILY)
    assert report.families == (FamilyReport(FAMILY, equal=asked(client)),)
    assert (report.differences, report.cases, report.bytes_billed, report.stopped) == ((), (), 0, "")
    assert report.jobs == len(changed.jobs) < asked(client)


def test_nothing_of_it_is_counted_as_an_answer_of_this_machine(client):
    before = client.savings()
    client.verify_suite(FAMILY)
    assert client.savings().local == before.local


def test_an_answer_that_differs_is_found_kept_and_its_rules_rest(client, changed):
    """The last row of each answer is lost: of each array in a batch, and of what is asked alone."""

    def last_row_lost(sql, table):
        if ONE not in sql:
            return table
        if not pa.types.is_list(table.schema.types[0]):
            return table.slice(0, table.num_rows - 1)
        short = [pc.list_slice(column, 0, 1) for column in table.columns]
        return pa.table(short, schema=table.schema)

    changed.change = last_row_lost
    report = client.verify_suite(FAMILY)
    assert report.families == (FamilyReport(FAMILY, equal=asked(client) - odd_ones(), different=odd_ones()),)
    assert len(report.differences) == len(report.cases) == report.families[0].different
    case = json.loads(report.cases[0].read_text())
    assert [rule for rule in case["rules"] if "host" in rule]
    changed.change = lambda sql, table: table
    again = client.run(case["sql"])
    assert [reason.code for reason in again.decision.reasons] == ["quarantined"]
    client.clear_quarantine()
    assert client.run(case["sql"]).decision.where == "local"


def test_one_that_bigquery_refuses_is_told_and_its_neighbours_are_compared(client, changed):
    def refuse(sql, table):
        if ONE in sql:
            raise QueryError("Function not found: net.host")
        return table

    changed.change = refuse
    report = client.verify_suite(FAMILY)
    assert report.families == (FamilyReport(FAMILY, equal=asked(client) - odd_ones(), different=odd_ones()),)
    assert all("an error on BigQuery: Function not found: net.host" in text for text in report.differences)


def test_what_would_bill_is_not_asked(client, warehouse, changed, monkeypatch):
    dry_run = warehouse.dry_run
    monkeypatch.setattr(warehouse, "dry_run", lambda *a, **o: replace(dry_run(*a, **o), bytes_processed=10))
    report = client.verify_suite(FAMILY)
    assert (report.jobs, changed.jobs) == (0, [])
    assert report.families == (FamilyReport(FAMILY, open=asked(client)),)
    assert report.stopped == "BigQuery would read 10 bytes for it, and the suite asks only what is free"


@pytest.mark.parametrize(
    ("limits", "why"),
    [(SuiteLimits(jobs=1), "1 jobs are the limit"), (SuiteLimits(seconds=-1.0), "-1 seconds are the limit")],
)
def test_a_limit_ends_it_and_what_is_left_is_told(client, changed, limits, why):
    report = client.verify_suite("bytes", "net", limits=limits)
    assert len(changed.jobs) == report.jobs <= limits.jobs
    assert report.stopped == why
    assert report.families[1] == FamilyReport("net", open=asked(client))
    assert report.families[0].open > 0


def test_a_frozen_client_asks_it_as_any_other(client, changed):
    """Also what is asked alone, because its batch came to nothing."""
    changed.change = lambda sql, table: table.slice(0, 0) if "SELECT AS STRUCT" in sql else table
    client.freeze("now")
    report = client.verify_suite(FAMILY)
    assert report.families == (FamilyReport(FAMILY, equal=asked(client)),)


def test_it_can_be_stopped(client, changed):
    cancel = Cancel()

    def stop(_sql, table):
        cancel.set()
        return table

    changed.change = stop
    with pytest.raises(Cancelled):
        client.verify_suite("bytes", "net", cancel=cancel)
    assert len(changed.jobs) == 1


def test_an_unknown_family_and_an_archive_are_told(client, tmp_path):
    with pytest.raises(ConfigurationError, match="no family 'cast'"):
        client.verify_suite("cast")


def test_batches_are_bounded_and_what_cannot_be_packed_stands_alone(client):
    run = client.runner.answer_here
    request = client._request("SELECT 1")

    def answered(sql):
        asked = replace(request, sql=sql)
        return LocalAnswer(asked, run(asked))

    several = [answered(f"SELECT {i} AS n, 'x' AS t") for i in range(MOST + 1)]
    sizes = [len(batch) for batch in batches([answered("SELECT 1"), *several, answered("SELECT 2, 3")])]
    assert sizes == [MOST, 1, 1, 1]
    long = [answered(f"SELECT {i} AS n -- {'x' * (LARGEST // 2)}") for i in range(3)]
    assert [len(batch) for batch in batches(long)] == [1, 1, 1]


ROWS = (
    "SELECT CAST(NULL AS NUMERIC) AS n, [1, 2] AS a, STRUCT(TIME '10:00:00' AS t) AS s, CURRENT_DATE() > DATE '2000-01-01' AS b",
    "SELECT 1 AS n FROM UNNEST([1, 2, 3])",
    "SELECT 1.5 AS x, b'z' AS y FROM UNNEST([1]) WHERE FALSE",
    "WITH t AS (SELECT 'a' AS k UNION ALL SELECT NULL) SELECT k, COUNT(*) AS c FROM t GROUP BY k",
)


def test_an_answer_comes_out_of_a_batch_as_it_comes_alone(client, warehouse):

    request = client._request("SELECT 1")
    alone = [warehouse.query(sql).arrow for sql in ROWS]
    batch = [
        LocalAnswer(replace(request, sql=sql), client.runner.answer_here(replace(request, sql=sql))) for sql in ROWS
    ]
    together = unpacked(warehouse.query(packed(batch)).arrow)
    assert [difference(one, other) for one, other in zip(alone, together, strict=True)] == [None] * len(ROWS)


def test_the_command_line_says_what_is_wrong(capsys):
    from bigpato_magic.__main__ import main

    with pytest.raises(SystemExit):
        main(["verify", "--nonsense"])
    assert "unrecognized arguments: --nonsense" in capsys.readouterr().err
    assert main(["verify", "--project", "acme", "--key", "/nowhere/key.json"]) == 2
    assert "/nowhere/key.json" in capsys.readouterr().err


def test_the_magic_shows_a_table_and_every_difference(client, changed):
    from bigpato_magic.notebook.cards import suite_card

    text = suite_card(client.verify_suite(FAMILY)).text.splitlines()
    assert text[0].startswith(f"{asked(client)} of {asked(client)} answers are BigQuery's own: ")
    assert text[0].endswith(" 0 B billed.")
    assert text[1].split() == ["Family", "Questions", "Equal"]

    changed.change = lambda sql, table: table.slice(0, 0) if ONE in sql else table
    card = suite_card(client.verify_suite(FAMILY, limits=SuiteLimits(jobs=90)))
    assert card.text.count("\nDifferent: ") == odd_ones()
    assert card.text.endswith("Their rules are not used on this machine any more: such queries go to BigQuery.")
