"""Money that is true: what BigQuery's own result cache would have answered for nothing was not saved here."""

from __future__ import annotations

from bigpato_magic.client import BigPato
from bigpato_magic.types import Kind, Parameter, RunLocal, SqlType

KINDS = "SELECT kind, COUNT(*) AS n FROM events GROUP BY kind ORDER BY kind"
MIB = 1 << 20


def seen(result):
    assert isinstance(result.decision, RunLocal)
    return result.cache_hit, result.bytes_saved


def test_what_ran_on_bigquery_is_in_its_cache_and_another_question_is_not(client):
    client.run(KINDS)
    client.promote("events")
    assert seen(client.run(KINDS)) == (True, 0)
    assert seen(client.run(KINDS + " ")) == (False, 10 * MIB)


def test_the_first_local_run_of_a_text_saves_and_the_second_does_not(client):
    client.promote("events")
    assert seen(client.run(KINDS)) == (False, 10 * MIB)
    assert seen(client.run(KINDS)) == (True, 0)
    found = client.savings()
    assert (found.local, found.local_cached, found.bytes_saved) == (2, 1, 10 * MIB)
    (row,) = client.tables()
    assert (row.uses, row.not_billed_bytes) == (2, 10 * MIB)
    assert [entry.cache_hit for entry in client.tier.ledger.entries() if entry.kind == "query"] == [False, True]


def test_a_table_that_changes_is_billed_anew(client, warehouse):
    client.promote("events")
    client.run(KINDS)
    warehouse.execute("DELETE FROM samples.events WHERE event_id = 1")
    client.refresh("events")
    assert seen(client.run(KINDS)) == (False, 10 * MIB)
    assert seen(client.run(KINDS)) == (True, 0)


def test_a_run_without_the_query_cache_counts_whole_each_time(client):
    client.promote("events")
    for _ in range(2):
        assert seen(client.run(KINDS, use_query_cache=False)) == (False, 10 * MIB)
    assert seen(client.run(KINDS)) == (True, 0)


def test_what_the_clock_decides_is_billed_each_time(client):
    client.promote("events")
    sql = "SELECT COUNT(*) AS n FROM events WHERE CURRENT_DATE() > '2020-01-01' AND kind = 'buy'"
    assert [seen(client.run(sql))[0] for _ in range(2)] == [False, False]


def test_parameters_are_part_of_the_text(client):
    client.promote("events")
    sql = "SELECT COUNT(*) AS n FROM events WHERE kind = @kind"
    kinds = [Parameter("kind", SqlType(Kind.STRING), value) for value in ("buy", "view", "buy")]
    assert [seen(client.run(sql, params=[kind]))[0] for kind in kinds] == [False, False, True]


def test_another_kernel_knows_it_too(client, warehouse, tmp_path):
    client.promote("events")
    client.run(KINDS)
    other = BigPato(warehouse=warehouse, project=client.project, dataset="samples", directory=str(tmp_path / "tier"))
    try:
        assert seen(other.run(KINDS)) == (True, 0)
    finally:
        other.close()


def test_a_run_on_bigquery_tells_what_really_happened(client):
    client.tier.keep.on = False
    first, second = client.run(KINDS), client.run(KINDS)
    assert (first.cache_hit, first.bytes_billed) == (False, 10 * MIB)
    assert (second.cache_hit, second.bytes_billed) == (True, 0)
    usage = next(iter(client.tier.usage.totals().values()))
    assert (usage.uses, usage.paid) == (2, 10 * MIB)
    assert client.savings().bigquery_cached == 1
