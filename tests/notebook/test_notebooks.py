"""The notebooks run from top to bottom on the demo warehouse and tell what they promise; outputs are not stored."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_four():
    assert [path.stem for path in NOTEBOOKS] == ["01-tour", "02-configure", "03-when-is-it-local", "04-explore"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A data directory of our own: the demo warehouse and its copies are made there once."""
    return tmp_path_factory.mktemp("home")


def executed(path, home, monkeypatch):
    """The notebook, run in a new kernel."""
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("BIGPATO_DEMO_DIR", str(home / "demo"))
    monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(home)}}).execute()
    return notebook


def footnotes(notebook):
    """What stands under each result, as machines read it."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return [o.metadata["bigpato"] for o in outputs if "bigpato" in o.get("metadata", {})]


def text_of(cell):
    """All text that a cell shows; a progress line that is gone leaves an empty output behind."""
    texts = (o.data.get("text/plain", "") for o in cell.outputs if "data" in o)
    return "\n".join(text for text in texts if text)


@pytest.mark.slow
def test_the_tour_tells_its_story(home, monkeypatch, analyzer):
    notebook = executed(FOLDER / "01-tour.ipynb", home, monkeypatch)
    story = [(note["route"], note["reasons"]) for note in footnotes(notebook)]
    assert story[0] == ("bigquery", ["not-local"])
    assert [route for route, _ in story[1:3]] == ["kept", "kept"]  # in other words after a restart; and as a part
    assert story[3] == ("local", [])
    assert story[4][0] == "bigquery"
    assert story[4][1] in (["stale"], ["gone"])
    assert story[5] == ("local", [])
    pages = [
        cell for cell in notebook.cells if cell.cell_type == "code" and "FROM catalog_page\nGROUP BY" in cell.source
    ]
    before, local, changed, again = (text_of(cell) for cell in pages[:4])
    assert "changed" not in before + local
    assert "10.0 MiB not billed" in local  # another question: BigQuery's own cache would not have had it
    assert "changed" in changed
    assert table(changed) == table(again)
    explained = next(cell for cell in notebook.cells if cell.source.startswith("%%bp_explain"))
    assert "It would run on BigQuery." in text_of(explained)
    assert "APPROX_COUNT_DISTINCT" in text_of(explained).upper()


def table(text):
    """A shown frame without its footnote."""
    return text.rpartition("\n")[0]


@pytest.mark.slow
def test_the_settings_are_set(home, monkeypatch, analyzer):
    assert footnotes(executed(FOLDER / "02-configure.ipynb", home, monkeypatch))


@pytest.mark.slow
def test_an_exploration_pays_for_its_first_step_alone(home, monkeypatch, analyzer):
    notes = footnotes(executed(FOLDER / "04-explore.ipynb", home, monkeypatch))
    first, *steps = notes[-3:]
    assert (first["route"], first["bytes_billed"] > 0) == ("bigquery", True)
    assert [(step["route"], step["bytes_billed"]) for step in steps] == [("kept", 0), ("kept", 0)]


@pytest.mark.slow
def test_what_is_said_to_be_local_is_local(home, monkeypatch, analyzer):
    notebook = executed(FOLDER / "03-when-is-it-local.ipynb", home, monkeypatch)
    routes = [note["route"] for note in footnotes(notebook)]
    assert routes[:2] == ["local", "local"]
    assert routes[2:4] == ["evaluator", "split"]
    assert routes[4:6] == ["bigquery", "read"]
    assert set(routes[6:]) == {"bigquery"}
