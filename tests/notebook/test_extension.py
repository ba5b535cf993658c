"""Loading is light, loading twice is once, unloading leaves nothing, and a misspelt setting is told."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

import bigpato_magic
from bigpato_magic.errors import ConfigurationError
from bigpato_magic.notebook.session import OWNERS, parts

HEAVY = ("pandas", "duckdb", "google.cloud", "sqlglot", "pyarrow", "wasmtime", "zetasql", "numpy", "anywidget")


def in_a_new_python(program):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_else():
    loaded = in_a_new_python("""
        import sys
        before = set(sys.modules)
        import bigpato_magic
        new = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(sorted(new - set(sys.stdlib_module_names)))
    """)
    assert loaded == "['bigpato_magic']"


def test_loading_the_extension_imports_only_what_registers_it():
    loaded = in_a_new_python(f"""
        import sys
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        from bigpato_magic.notebook import extension
        extension.start_warming = lambda session: None
        shell.run_line_magic("load_ext", "bigpato_magic")
        assert shell.find_cell_magic("bpsql") is not None
        print([name for name in {HEAVY!r} if name in sys.modules])
        print(sorted(name.removeprefix("bigpato_magic.") for name in sys.modules if name.startswith("bigpato_magic.")))
    """)
    assert loaded.splitlines() == [
        "[]",
        "['errors', 'notebook', 'notebook.extension', 'notebook.hooks', 'notebook.lazy_magics', 'notebook.session', "
        "'notebook.warming', 'places']",
    ]


def test_everything_that_was_left_out_is_there_when_it_is_asked_for():
    told = in_a_new_python("""
        from IPython.core.interactiveshell import InteractiveShell
        from IPython.utils.capture import capture_output
        shell = InteractiveShell.instance()
        from bigpato_magic.notebook import extension
        extension.start_warming = lambda session: None
        shell.run_line_magic("load_ext", "bigpato_magic")
        with capture_output() as settings:
            shell.run_line_magic("config", "BigPato.project = 'acme'")
            shell.run_line_magic("config", "BigPato")
        help = shell.object_inspect("%%bpsql")["docstring"]
        with capture_output() as nothing:
            shell.run_cell_magic("bpsql", "--save mine --no-execute", "SELECT 1")
        print("Current: 'acme'" in settings.stdout, help.startswith("::"), "--max_staleness" in help)
    """)
    assert told == "True True True"


def test_the_late_magics_are_those_that_there_are(client):
    from bigpato_magic.notebook import lazy_magics
    from bigpato_magic.notebook.magics import QueryMagics
    from bigpato_magic.notebook.tablemagics import TableMagics

    there = {owner.__name__: owner.magics for owner in (QueryMagics, TableMagics)}
    assert set(lazy_magics.HOMES) == {name for magics in there.values() for kind in magics.values() for name in kind}
    assert all(name in there[owner]["line"] for name, (_, owner) in lazy_magics.HOMES.items())
    assert {name for magics in there.values() for name in magics["cell"]} == lazy_magics.CELLS


def test_the_owners_of_settings_are_those_that_a_client_has(client):
    assert sorted(OWNERS) == sorted(type(part).__name__ for part in parts(client))


def test_what_the_first_query_needs_is_warmed_once_the_cell_has_ended():
    states = in_a_new_python("""
        import sys
        from IPython.core.interactiveshell import InteractiveShell
        from bigpato_magic.notebook import extension
        warmings = []
        start = extension.start_warming
        extension.start_warming = lambda session: warmings.append(start(session))
        shell = InteractiveShell.instance()
        shell.run_cell("%load_ext bigpato_magic\\nimport time; time.sleep(1)\\nearly = 'pandas' in __import__('sys').modules")
        warmings[0].join()
        print(shell.user_ns["early"], "pandas" in sys.modules, "duckdb" in sys.modules)
        from bigpato_magic import googlesql
        print(googlesql.state() != "cold")
    """)
    assert states.splitlines() == ["False True True", "True"]


def test_public_names_are_there_and_late():
    assert set(bigpato_magic.__all__) <= set(dir(bigpato_magic))
    for name in bigpato_magic.__all__:
        assert getattr(bigpato_magic, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bigpato_magic.nothing


def test_the_original_imports_work():
    from bigpato_magic import bigpato

    assert bigpato.BigPato is bigpato_magic.BigPato


def test_loading_twice_is_loading_once(shell):
    matchers, parts = len(shell.Completer.custom_matchers), len(shell.configurables)
    bigpato_magic.load_ipython_extension(shell)
    assert (len(shell.Completer.custom_matchers), len(shell.configurables)) == (matchers, parts)


def test_unloading_leaves_nothing(ipython, client):
    def traces():
        kinds = ipython.magics_manager.magics.values()
        return (
            sorted(name for kind in kinds for name in kind),
            len(ipython.configurables),
            len(ipython.Completer.custom_matchers),
            ipython.object_inspect_mime,
        )

    before = traces()
    bigpato_magic.load_ipython_extension(ipython)
    bigpato_magic.use(client)
    assert traces() != before
    bigpato_magic.unload_ipython_extension(ipython)
    assert traces() == before
    bigpato_magic.unload_ipython_extension(ipython)


def test_a_client_cannot_be_used_where_nothing_is_loaded(ipython, client):
    with pytest.raises(ConfigurationError, match="no notebook"):
        bigpato_magic.use(client)


def test_settings_of_a_configuration_file_arrive_and_misspelt_ones_are_told():
    told = in_a_new_python("""
        from traitlets.config import Config
        from IPython.core.interactiveshell import InteractiveShell
        config = Config()
        config.BigPato.project = "acme"
        config.Tier.budget = "3 GiB"
        config.BigPto.dataset = "shop"
        config.SomethingElse.x = 1
        shell = InteractiveShell.instance(config=config)
        shell.run_line_magic("load_ext", "bigpato_magic")
        from bigpato_magic.notebook.session import session_of
        client = session_of(shell).client
        print(client.project, client.tier.budget)
    """)
    assert "The configuration sets BigPto, which nothing reads. Did you mean BigPato?" in told
    assert "SomethingElse" not in told
    assert f"acme {3 * 2**30}" in told


@pytest.mark.parametrize(
    ("trait", "text", "value"),
    [
        ("BigPato.evaluator_rows", "7", 7),
        ("Tier.budget", "'3 GiB'", 3 << 30),
        ("FreshnessPolicy.max_staleness", "'5 min'", 300.0),
        ("LocalEngine.threads", "1", 1),
        ("Pricing.query_per_tib", "5.0", 5.0),
    ],
)
def test_config_lists_and_sets_every_owner_of_settings(cell, client, trait, text, value):
    owner, name = trait.split(".")
    assert f"{owner} options\n" in cell(f"%config {owner}").text
    assert trait in cell(f"%config {owner}").text
    assert cell(f"%config {trait} = {text}").error is None
    (part,) = [part for part in parts(client) if type(part).__name__ == owner]
    assert getattr(part, name) == value


def test_config_sets_once_so_what_the_panel_sets_at_that_moment_stays(cell, client):
    def panel(change):
        if change.new == "local":
            client.route = "auto"

    client.observe(panel, "route")
    assert cell("%config BigPato.route = 'local'").error is None
    assert client.route == "auto"


def test_config_reads_a_value_as_python_does(cell, client, shell):
    shell.push({"wanted": ["a", "b"], "prefix": "shop."})
    assert cell("%config Tier.pinned = [prefix + name for name in wanted]").error is None
    assert client.tier.pinned == ["shop.a", "shop.b"]
