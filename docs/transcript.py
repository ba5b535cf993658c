"""Make docs/first-steps.md: a new person's path, really walked: `python docs/transcript.py` (some minutes, a package index).

Builds the wheel, then types every command into a terminal with a new home directory and a new virtual environment, as
somebody would who has only the wheel. What is printed is what stands on the page; nothing is made up.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pexpect

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAGE = HERE / "first-steps.md"
PROMPT = "READY> "
QUERY = "SELECT kind, COUNT(*) AS n FROM events GROUP BY kind ORDER BY kind"
ANOTHER = "SELECT kind, SUM(amount) AS total FROM events GROUP BY kind ORDER BY kind"

TEXT = """# First steps, in a terminal

From nothing to the first local answer, without a browser, a Google account, or data of your own. Made by
`python docs/transcript.py`, which types all of it into a terminal with a new home directory and empty caches: on {day},
with Python {python}, on {cores} cores that were shared with much other work (load {load:.0f}). Times stand behind
the commands; nearly all of it is installing and compiling. `python3 dev.py tour` in a clone of the repository does the same
in one step, in JupyterLab.

## Install

In a clone, `pip install '.[demo]'` does what the wheel does here; without `[demo]` there is no warehouse to try it on.

```console
{install}
```

Google's analyzer is compiled once for each machine (40 s on a quiet one). You can leave this out: then it happens behind your first
cells, which run on BigQuery until it is there, and their footnote says so.

```console
{analyzer}
```

## A warehouse to try it on

```ipython
{warehouse}
```

The demo warehouse stands for BigQuery; it lies in the folder `demo`. With your own project, lines 2 and 3 are
`%config BigPato.project = "…"` and `%config BigPato.dataset = "…"`.

## On BigQuery, then here

```ipython
{answers}
```

The first query again, byte for byte, would have been free on BigQuery too: its own cache keeps an answer for about a day. So it is
not counted as saved. Longer queries go into a cell: `%%bpsql`, the query below it, and an empty line to end it. From here:
[the magics](magics.md), [the panel](panel.md), [what runs here](faithfulness.md). In JupyterLab (`[demo]` has it) the
same lines have colours, completion, and a panel.
"""


class Terminal:
    """A shell in which one types, reads, and looks at the clock."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "http", "LANG"))}
        python = Path(sys.base_prefix) / "bin"
        environment = kept | {"HOME": str(home), "PATH": f"{python}:/usr/bin:/bin", "TERM": "dumb", "PS1": PROMPT}
        environment |= {"VIRTUAL_ENV_DISABLE_PROMPT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        arguments = ["--norc", "--noprofile", "--noediting"]
        self._child = pexpect.spawn(
            "bash", arguments, env=environment, cwd=str(home), encoding="utf-8", timeout=900, dimensions=(60, 200)
        )
        self._child.setecho(False)
        self._child.expect_exact(PROMPT)

    def shell(self, command: str) -> str:
        """A command and its output."""
        output, seconds = self._typed(command, re.escape(PROMPT))
        return "\n".join([f"{'$ ' + command:<58} # {seconds:.1f} s", *output.splitlines()])

    def ipython(self, *lines: str) -> str:
        """Lines of one IPython session, each with what it shows; the first call opens it."""
        found = []
        for line in lines:
            output, seconds = self._typed(line, r"In \[\d+\]: ")
            self._number += 1
            found.append(f"{f'In [{self._number}]: {line}':<58} # {seconds:.1f} s" + (f"\n{output}" if output else ""))
        return "\n\n".join(found)

    @contextmanager
    def in_ipython(self) -> Iterator[str]:
        """Open IPython, and leave it."""
        self._number = 0
        _, seconds = self._typed("ipython --simple-prompt --no-banner", r"In \[\d+\]: ")
        yield f"{'$ ipython --simple-prompt --no-banner':<58} # {seconds:.1f} s"
        left, _ = self._typed("exit", re.escape(PROMPT))
        if left:
            raise RuntimeError(f"leaving IPython printed {left!r}")

    def _typed(self, line: str, prompt: str) -> tuple[str, float]:
        begun = time.perf_counter()
        self._child.sendline(line)
        self._child.expect(prompt)
        seconds = time.perf_counter() - begun
        return _seen(self._child.before).replace(str(self.home), "~"), seconds


def _seen(printed: str) -> str:
    """What stands there in the end: a carriage return begins its line anew."""
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", printed).replace("\r\n", "\n")
    return "\n".join(line.rpartition("\r")[2].rstrip() for line in plain.strip("\n").split("\n"))


def wheel(folder: Path) -> Path:
    """The wheel of this tree."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - this interpreter
    return next(folder.glob("*.whl"))


def main() -> None:
    """Walk the path and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        package = wheel(home)
        terminal = Terminal(home)
        install = [
            terminal.shell("python3 -m venv venv && . venv/bin/activate"),
            terminal.shell(f"pip install --quiet '{package.name}[demo]'"),
        ]
        analyzer = terminal.shell("python -m bigpato_magic.googlesql")
        with terminal.in_ipython() as opened:
            warehouse = terminal.ipython(
                "%load_ext bigpato_magic",
                "from bigpato_magic import demo, use",
                'client = use(demo.start("demo", datasets=("samples",)))',
            )
            answers = terminal.ipython(
                f"%bpsql {QUERY}", "%bp_rebalance events", f"%bpsql {ANOTHER}", f"%bpsql {QUERY}", "%bp_savings"
            )
        PAGE.write_text(
            TEXT.format(
                day=f"{datetime.now(UTC):%d %B %Y}",
                cores=os.cpu_count(),
                load=os.getloadavg()[1],
                python=sys.version.split()[0],
                install="\n".join(install),
                analyzer=analyzer,
                warehouse=f"{opened}\n\n{warehouse}",
                answers=answers,
            ),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
