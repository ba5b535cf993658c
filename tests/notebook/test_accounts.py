"""What the companions do to accounts and several tables at once: since a day, as a file, of one instant."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta

COUNT = "SELECT COUNT(order_id) AS n FROM orders"


def words(done):
    """What a card says, with single spaces."""
    return " ".join(str(done.result).split())


def test_savings_are_counted_from_a_day_on(cell, client):
    assert cell(f"%%bpsql df <<\n{COUNT}").error is None
    today = datetime.now(UTC)
    assert "on BigQuery 1 10.0 MiB" in words(cell(f"%bp_savings --since {today:%Y-%m-%d}"))
    assert "on BigQuery 0 0 B" in words(cell(f"%bp_savings --since {today + timedelta(days=2):%Y-%m-%d}"))


def test_the_ledger_is_a_file_with_job_ids_that_only_its_owner_reads(cell, client, tmp_path):
    cell(f"%%bpsql df <<\n{COUNT}")
    cell("%bp_rebalance orders")
    cell(f"%%bpsql df << --route local\n{COUNT} WHERE order_id > 0")  # another question: BigQuery would have billed it
    path = tmp_path / "ledger.csv"
    assert cell(f"%bp_savings --csv {path}").error is None
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["kind"], row["route"]) for row in rows] == [
        ("query", "bigquery"),
        ("transfer", "read"),
        ("query", "local"),
    ]
    assert rows[0]["job_id"] in client.warehouse.jobs
    assert int(rows[0]["bytes_billed"]) == int(rows[2]["bytes_saved"]) == 10 << 20
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_line_of_another_time_is_in_the_file(cell, client, tmp_path):
    cell(f"%%bpsql df <<\n{COUNT}")
    path = tmp_path / "ledger.csv"
    assert cell(f"%bp_savings --since 2999-01-01 --csv {path}").error is None
    assert len(path.read_text().splitlines()) == 1


def test_several_tables_are_brought_of_one_instant(cell, client):
    """A change between two transfers is in both copies or in neither."""
    assert cell("%bp_rebalance --consistent orders items").error is None
    copies = list(client.tier.copies().values())
    assert len(copies) == 2
    assert len({copy.as_of for copy in copies}) == 1
    client.warehouse.execute("INSERT INTO shop.items VALUES (3, 'late')")
    client.warehouse.execute("INSERT INTO shop.orders (order_id) VALUES (1000)")
    assert cell("%bp_rebalance --consistent").error is None
    assert len({copy.as_of for copy in client.tier.copies().values()}) == 1
