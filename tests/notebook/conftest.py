"""A real IPython shell with the extension loaded, on a real client over a small demo warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import RichOutput, capture_output
from traitlets.config import Config

TABLES = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.orders (order_id INT64, country STRING, amount NUMERIC, day DATE)",
    """INSERT INTO shop.orders
       SELECT n, IF(MOD(n, 2) = 0, 'EE', 'FI'), CAST(n AS NUMERIC), DATE_ADD(DATE '2024-01-01', INTERVAL n DAY)
       FROM UNNEST(GENERATE_ARRAY(1, 100)) AS n""",
    "CREATE TABLE shop.items (item_id INT64, label STRING)",
    "INSERT INTO shop.items VALUES (1, 'duck'), (2, 'query')",
)


@dataclass
class Ran:
    """What a cell did."""

    result: Any
    error: BaseException | None
    text: str
    outputs: list[RichOutput]

    @property
    def html(self) -> str:
        """All HTML that was displayed."""
        return "".join((o.data or {}).get("text/html", "") for o in self.outputs)

    @property
    def plain(self) -> str:
        """All text that was displayed."""
        return "\n".join((o.data or {}).get("text/plain", "") for o in self.outputs)


@pytest.fixture(scope="session")
def ipython(tmp_path_factory):
    """One shell for all tests: IPython has one per process."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.ipython_dir = str(tmp_path_factory.mktemp("ipython"))
    shell = InteractiveShell.instance(config=config)
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def client(tmp_path, analyzer):
    """A client over two small tables."""
    from bigpato_magic.client import BigPato
    from bigpato_magic.demo.warehouse import DemoWarehouse

    warehouse = DemoWarehouse(tmp_path / "warehouse", dataset="shop", threads=1)
    for statement in TABLES:
        warehouse.execute(statement)
    yield BigPato(warehouse=warehouse, project=warehouse.project, dataset="shop", directory=str(tmp_path / "tier"))
    warehouse.close()


@pytest.fixture
def shell(ipython, client):
    """The shell with the extension loaded, talking to `client`; its variables are new."""
    import bigpato_magic

    ipython.reset(new_session=False)
    bigpato_magic.load_ipython_extension(ipython)
    bigpato_magic.use(client)
    yield ipython
    bigpato_magic.unload_ipython_extension(ipython)


@pytest.fixture
def cell(shell):
    """Run a cell and see what it did."""

    def run(text: str) -> Ran:
        with capture_output() as captured:
            done = shell.run_cell(text)
        return Ran(done.result, done.error_in_exec or done.error_before_exec, captured.stdout, captured.outputs)

    return run
