"""Where the table and the panel come from: a client as a cell's result, and `bigpato_magic.panel(client)`."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import bigpato_magic
from bigpato_magic import BigPato, demo
from bigpato_magic.notebook.view import static_html


@pytest.fixture
def client(tmp_path):
    warehouse = demo.open_warehouse(tmp_path / "demo", datasets=("samples",))
    client = BigPato(warehouse=warehouse, project=warehouse.project, directory=str(tmp_path / "tier"))
    client.pin(["samples.events"])
    yield client
    client.tier.close()


@pytest.fixture
def shell():
    fresh = not InteractiveShell.initialized()
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "bigpato_magic")
    yield shell
    shell.run_line_magic("unload_ext", "bigpato_magic")
    if fresh:
        InteractiveShell.clear_instance()


def test_a_client_as_a_cells_result_is_the_table_until_the_extension_is_unloaded(shell, client):
    data, _ = shell.display_formatter.format(client)
    assert data["text/html"] == static_html(client)
    assert "samples.events" in data["text/html"]
    shell.run_line_magic("unload_ext", "bigpato_magic")
    assert "text/html" not in shell.display_formatter.format(client)[0]
    shell.run_line_magic("load_ext", "bigpato_magic")


def test_without_a_kernel_the_panel_is_shown_as_one_plain_table(shell, client):
    with capture_output() as shown:
        shell.display_formatter.format(bigpato_magic.panel(client))
    assert [set(output.data) for output in shown.outputs] == [{"text/html", "text/plain"}]
    assert "samples.events" in shown.outputs[0].data["text/plain"]
    bigpato_magic.panel(client).close()


def test_client_panel_and_the_magic_give_the_same_panel(shell, client):
    from bigpato_magic.notebook.extension import use

    use(client)
    assert shell.run_line_magic("bp_panel", "") is bigpato_magic.panel(client)
    bigpato_magic.panel(client).close()
