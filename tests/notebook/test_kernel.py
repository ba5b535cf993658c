"""In a real kernel, over Jupyter's own protocol: what a front end gets to see."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow

START = """
%load_ext bigpato_magic
from pathlib import Path
from bigpato_magic import BigPato, googlesql, use
from bigpato_magic.demo.warehouse import DemoWarehouse

warehouse = DemoWarehouse(Path({folder!r}) / "warehouse", dataset="shop", threads=1)
warehouse.execute("CREATE SCHEMA shop")
warehouse.execute('''CREATE TABLE shop.orders AS
    SELECT n AS order_id, IF(MOD(n, 2) = 0, 'EE', 'FI') AS country, CAST(n AS NUMERIC) AS amount
    FROM UNNEST(GENERATE_ARRAY(1, 100)) AS n''')
client = use(BigPato(
    warehouse=warehouse, project=warehouse.project, dataset="shop", directory=str(Path({folder!r}) / "tier")
))
googlesql.warm(background=False)
"""


@dataclass
class Reply:
    """The reply to a cell, and what was published meanwhile."""

    content: dict
    messages: list = field(default_factory=list)

    def of(self, kind):
        return [m["content"] for m in self.messages if m["msg_type"] == kind]


class Kernel:
    """A kernel, and its client."""

    def __init__(self, manager, client):
        self.manager, self.client = manager, client

    def run(self, code, on=None):
        """Run a cell to its end; `on(message)` hears of each message."""
        asked = self.client.execute(code, store_history=True)
        messages = []
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != asked:
                continue
            messages.append(message)
            if on:
                on(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        return Reply(self._reply(asked), messages)

    def ask(self, send, *arguments, **named):
        """A request of the shell channel, and the content of its reply."""
        return self._reply(send(*arguments, **named))

    def _reply(self, asked):
        while True:
            reply = self.client.get_shell_msg(timeout=120)
            if reply["parent_header"].get("msg_id") == asked:
                return reply["content"]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernel")
    manager = KernelManager(kernel_name="python3")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipython")}
    manager.start_kernel(cwd=str(folder), env=environment)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    running = Kernel(manager, client)
    started = running.run(START.format(folder=str(folder)))
    assert started.content["status"] == "ok", started.content
    yield running
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_result_carries_its_footnote_and_metadata(kernel):
    done = kernel.run("%%bpsql\nSELECT country, COUNT(*) AS n FROM orders GROUP BY country ORDER BY country")
    (shown,) = done.of("execute_result")
    assert "<table" in shown["data"]["text/html"]
    assert "<details" in shown["data"]["text/html"]
    assert "BigQuery" in shown["data"]["text/plain"]
    assert shown["metadata"]["bigpato"]["route"] == "bigquery"


def test_out_and_underscore_hold_frames(kernel):
    kernel.run("%%bpsql\nSELECT 1 AS a")
    done = kernel.run("import pandas as pd; isinstance(_, pd.DataFrame)")
    assert done.of("execute_result")[0]["data"]["text/plain"] == "True"


def test_a_mistake_is_a_card_and_stops_what_comes_next(kernel):
    done = kernel.run("%%bpsql\nSELECT * FROM nowhere")
    assert done.content["status"] == "error"
    assert done.content["ename"] == "TableNotFound"
    assert len(done.of("error")[0]["traceback"]) <= 4
    wrong = kernel.run("%%bpsql --rout local\nSELECT 1")
    assert (wrong.content["status"], wrong.content["ename"]) == ("error", "ConfigurationError")
    assert "Traceback (most recent call last)" in str(kernel.run("%tb").messages)


def test_completion_and_inspection_know_the_tables(kernel):
    code = "%%bpsql\nSELECT ord FROM orders"
    for _ in range(200):  # a key press asks behind the person's back; a later one knows
        reply = kernel.ask(kernel.client.complete, code, len("%%bpsql\nSELECT ord"))
        if "order_id" in reply["matches"]:
            break
        time.sleep(0.1)
    assert "order_id" in reply["matches"]
    assert code[reply["cursor_start"] : reply["cursor_end"]] == "ord"
    kinds = {m["text"]: m["type"] for m in reply["metadata"]["_jupyter_types_experimental"]}
    assert kinds["order_id"] == "INT64"
    reply = kernel.ask(kernel.client.inspect, code, len(code) - 1)
    assert reply["found"]
    assert "100 rows" in reply["data"]["text/plain"]
    reply = kernel.ask(kernel.client.inspect, "countif", 3)
    assert "(BOOL)" in reply["data"]["text/plain"]
    assert not kernel.ask(kernel.client.inspect, "no_such_thing_at_all", 5)["found"]


def test_a_long_query_shows_one_line_in_place_and_takes_it_away(kernel):
    kernel.run("client.warehouse.pace.latency = 1.5")
    done = kernel.run("%%bpsql df << --route bigquery\nSELECT 1 AS a")
    kernel.run("client.warehouse.pace.latency = 0.0")
    line, *_ = done.of("display_data")
    name = line["transient"]["display_id"]
    assert line["data"]["text/plain"].endswith(" s")
    *_, last = [m for m in done.of("update_display_data") if m["transient"]["display_id"] == name]
    assert last["data"]["text/plain"] == ""
    assert "df ← BigQuery" in done.of("display_data")[-1]["data"]["text/plain"]


@pytest.mark.parametrize("route", ["bigquery", "local"])
def test_the_stop_button_stops_it_and_the_next_cell_runs(kernel, route):
    kernel.run("%bp_rebalance orders")
    if route == "bigquery":
        kernel.run("client.warehouse.pace.latency = 600.0")
    heavy = ", ".join(f"orders AS o{n}" for n in range(7))

    def interrupt(message):
        if message["msg_type"] == "display_data":  # the line of progress: it runs
            kernel.manager.interrupt_kernel()

    sql = f"SELECT COUNT(*) AS n FROM {heavy} WHERE o0.amount + o6.amount > 3"
    done = kernel.run(f"%%bpsql --route {route}\n{sql}", interrupt)
    kernel.run("client.warehouse.pace.latency = 0.0")
    assert done.content["status"] == "error"
    assert done.content["ename"] == "Cancelled"
    assert done.content["evalue"].startswith("Stopped after")
    assert kernel.run("%%bpsql\nSELECT 1 AS a").content["status"] == "ok"


def test_the_formatter_puts_a_new_cell_in_place(kernel):
    done = kernel.run("%%bpsql df << --format\nselect a from t")
    (payload,) = done.content["payload"]
    assert payload["source"] == "set_next_input"
    assert payload["replace"] is True
    assert payload["text"] == "%%bpsql df <<\nSELECT a FROM t"
