"""A script needs nothing but a `BigPato`: its first query wakes Google's analyzer."""

from __future__ import annotations

import subprocess
import sys
import textwrap

SCRIPT = """
    import sys
    from bigpato_magic import BigPato, googlesql
    from bigpato_magic.demo.warehouse import DemoWarehouse

    warehouse = DemoWarehouse(sys.argv[1] + "/warehouse", dataset="shop", threads=1)
    for statement in ("CREATE SCHEMA shop", "CREATE TABLE shop.orders (id INT64)", "INSERT INTO shop.orders VALUES (1)"):
        warehouse.execute(statement)
    client = BigPato(warehouse=warehouse, project=warehouse.project, dataset="shop", directory=sys.argv[1] + "/tier")
    client.promote("orders")
    client.run("SELECT SUM(id) AS s FROM orders")  # here, if loading takes no more than the moments that it waits
    googlesql.wait(300)
    result = client.run("SELECT SUM(id) AS s FROM orders")
    print(result.decision.where, result.arrow["s"].to_pylist())
"""


def test_a_script_gets_local_answers_and_ends_without_a_word(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("local [1]\n", "")
