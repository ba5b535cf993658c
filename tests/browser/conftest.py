"""A real JupyterLab on a free loopback port, with folders of its own, driven by Debian's Chromium."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
TOKEN = "t0ken"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
IDLE = """() => {
  const session = window.jupyterapp?.shell?.currentWidget?.sessionContext;
  return session?.isReady && session.session?.kernel?.status === 'idle';
}"""


def pytest_collection_modifyitems(items):
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def chromium():
    """The browser; skipped with the reason where it is missing.

    It ends with this folder's tests: while it lives, playwright keeps an event loop running in the main thread,
    and IPython's `await` in the other folders' tests needs one of its own.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    if not Path(CHROMIUM).exists():
        missing = pytest.fail if os.environ.get("BIGPATO_REQUIRE_BROWSER") == "1" else pytest.skip
        missing("Chromium is not installed (apt-get install chromium)")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A new window; what went wrong in it is printed when the test fails."""
    context = chromium.new_context(viewport={"width": 1150, "height": 900})
    page = context.new_page()
    page.on("pageerror", lambda error: log.warning("page error: %s", error))
    yield page
    context.close()


class Lab:
    """The server: where it listens, and the folder of its notebooks."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def write(self, *cells: str, name: str | None = None) -> str:
        import nbformat

        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        book = nbformat.v4.new_notebook(metadata=kernel)
        book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        name = name or f"t{time.time_ns()}.ipynb"  # a path keeps its kernel between pages: each test its own
        nbformat.write(book, self.folder / name)
        return name

    def stop_kernels(self) -> None:
        """They would pile up: a notebook's kernel outlives its page."""
        for kernel in json.load(self._ask("api/kernels")):
            self._ask(f"api/kernels/{kernel['id']}", method="DELETE").close()

    def _ask(self, path: str, method: str = "GET"):
        headers = {"Authorization": f"token {TOKEN}"}
        return urllib.request.urlopen(urllib.request.Request(f"{self.url}/{path}", method=method, headers=headers))


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def environment(home: Path) -> dict[str, str]:
    """Folders of its own for everything that Jupyter and the tier write."""
    names = {
        "HOME": "home", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "run",
        "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython",
        "XDG_DATA_HOME": "share", "XDG_STATE_HOME": "state",
    }  # fmt: skip
    (home / "home").mkdir()
    paths = [str(ROOT), str(Path(__file__).parent)]
    own = {name: str(home / folder) for name, folder in names.items()}
    # Google's analyzer is compiled once for the machine, not once for each run of the tests.
    compiled = os.environ.get("BIGPATO_CACHE") or str(Path("~/.cache/bigpato-magic").expanduser())
    return {
        **os.environ,
        **own,
        "PYTHONPATH": os.pathsep.join(paths),
        "BROWSER": "true",
        "BIGPATO_CACHE": compiled,
        # The lab extension of this tree, not the one that was installed with the environment.
        "JUPYTER_PREFER_ENV_PATH": "0",
    }


def install_extension(home: Path) -> None:
    """The lab extension where the wheel puts it: under Jupyter's data folder."""
    source = ROOT / "bigpato_magic" / "notebook" / "labextension"
    shutil.copytree(source, home / "data" / "labextensions" / "bigpato-magic")


def quiet_settings(home: Path) -> None:
    folder = home / "settings" / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (folder / "notification.jupyterlab-settings").write_text(json.dumps(quiet))


@contextmanager
def serving(home: Path, module: str, app: str) -> Iterator[Lab]:
    """One of Jupyter's applications on a free port, with folders of its own."""
    (home / "notebooks").mkdir()
    quiet_settings(home)
    install_extension(home)
    port = free_port()
    command = [
        sys.executable, "-m", module, "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={home}/notebooks",
        f"--{app}.expose_app_in_browser=True", "--ServerApp.log_level=WARN",
    ]  # fmt: skip
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment(home), stdout=log, stderr=log, cwd=home)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{url}/api/status?token={TOKEN}", server, home / "log")
        yield Lab(url, home / "notebooks")
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="package")
def lab(tmp_path_factory, chromium):
    """JupyterLab."""
    with serving(tmp_path_factory.mktemp("lab"), "jupyterlab", "LabApp") as lab:
        yield lab


def _wait(url: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url).close()
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(log.read_text())


SHOP = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.orders (order_id INT64, country STRING, amount NUMERIC, day DATE)",
    """INSERT INTO shop.orders
       SELECT n, IF(MOD(n, 2) = 0, 'EE', 'FI'), CAST(n AS NUMERIC), DATE_ADD(DATE '2024-01-01', INTERVAL n DAY)
       FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS n""",
    "CREATE TABLE shop.items (item_id INT64, label STRING)",
    "INSERT INTO shop.items VALUES (1, 'duck'), (2, 'query')",
)

SETUP = """%load_ext bigpato_magic
from bigpato_magic import BigPato, demo, googlesql, use
warehouse = demo.open_warehouse({folder!r}, datasets=("samples",))
client = use(BigPato(warehouse=warehouse, project=warehouse.project, dataset="shop", directory={folder!r} + "/tier"))
googlesql.warm(background=False)"""


@pytest.fixture(scope="package")
def shop_template(tmp_path_factory):
    """A small demo warehouse, made once."""
    from bigpato_magic import demo

    folder = tmp_path_factory.mktemp("shop") / "demo"
    warehouse = demo.open_warehouse(folder, datasets=("samples",))
    for statement in SHOP:
        warehouse.execute(statement)
    warehouse.close()  # SQLite's journal goes with it, and not while the folder is copied
    return folder


@pytest.fixture
def shop(shop_template, tmp_path):
    """The first cell of a notebook on a demo warehouse and a tier of its own: it makes `warehouse` and `client`."""
    folder = tmp_path / "demo"
    shutil.copytree(shop_template, folder)
    return SETUP.format(folder=str(folder))


@pytest.fixture
def notebook(lab, page):
    """Open a notebook of these cells, by default run them all; gives the page."""

    def open_(*cells: str, run: bool = True, window=None):
        return show_notebook(window or page, lab, lab.write(*cells), run=run)

    yield open_
    lab.stop_kernels()


def show_notebook(page, lab, name: str, *, run: bool = True, at: str = "lab/tree"):
    page.goto(f"{lab.url}/{at}/{name}?token={TOKEN}&reset")
    page.wait_for_function(IDLE, timeout=90_000)
    if run:
        command(page, "notebook:run-all-cells")
    return page


def command(page, name: str, **args) -> None:
    """Start one of JupyterLab's commands, without waiting for its end."""
    page.evaluate("([name, args]) => { jupyterapp.commands.execute(name, args); }", [name, args])


def set_theme(page, dark: bool) -> None:
    name = "JupyterLab Dark" if dark else "JupyterLab Light"
    page.evaluate("name => jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name)
    page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg="false" if dark else "true")
    page.wait_for_timeout(300)  # the style sheet of the theme is loaded after the attribute


@pytest.fixture(scope="package")
def show():
    """Open a notebook that is in the lab's folder already."""
    return show_notebook


@pytest.fixture
def theme():
    """Switch JupyterLab to its dark or its light theme."""
    return set_theme


@pytest.fixture
def shoot():
    """Save a picture, light and dark, to look at: `screenshots/<name>-light.png`."""
    folder = ROOT / "screenshots"
    folder.mkdir(exist_ok=True)

    def shoot_(page, name: str, *, both: bool = True) -> None:
        page.screenshot(path=folder / f"{name}-light.png")
        if both:
            set_theme(page, dark=True)
            page.screenshot(path=folder / f"{name}-dark.png")
            set_theme(page, dark=False)

    return shoot_
