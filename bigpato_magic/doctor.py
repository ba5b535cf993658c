"""What is well and what is not, and what to do: credentials, project, permissions, disk, analyzer, versions. Nothing is billed.

`%bp_doctor` shows it, and `python -m bigpato_magic doctor`; `--json` is for reports of errors and has no secret in it.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from bigpato_magic import googlesql
from bigpato_magic.errors import BigPatoError, ConfigurationError
from bigpato_magic.tier.files.place import root_of
from bigpato_magic.traits import format_size
from bigpato_magic.types import STORED, TableFacts

if TYPE_CHECKING:
    from bigpato_magic.client import BigPato

PACKAGES = (
    "duckdb",
    "pyarrow",
    "pandas",
    "google-cloud-bigquery",
    "google-cloud-bigquery-storage",
    "zetasql",
    "ipython",
)
MORE_PACKAGES = ("ipykernel", "jupyterlab", "notebook", "anywidget", "polars", "sqlglot")
"""Named where they are there."""

_SIGNS = {"ok": "✓", "wrong": "✗", "skipped": "–"}
_CLOCK = 120.0
"""Seconds that this machine's clock may differ from the server's: tokens are refused by a wrong one."""
_ROOM = 1 << 30
"""Bytes of the disk below which copies and DuckDB's spilling are in the way of each other."""
_SECRETS = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<e-mail>"),
    (re.compile(r"ya29\.[\w.-]+|Bearer\s+\S+|-----BEGIN.*", re.DOTALL), "<secret>"),
)


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing that was looked at.

    Args:
        name: what.
        state: `ok`, `wrong` or `skipped`.
        said: what was found, in a few words or a sentence.
        remedy: what to do, where it is wrong.
    """

    name: str
    state: str
    said: str
    remedy: str = ""

    def lines(self) -> list[str]:
        """It for a person: a sign, what was found, and below it what to do."""
        return [f"{_SIGNS[self.state]} {self.name}: {self.said}", *([f"    → {self.remedy}"] if self.remedy else [])]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was looked at.

    Args:
        findings: in the order in which they were looked at.
    """

    findings: tuple[Examined, ...]

    @property
    def well(self) -> bool:
        """Nothing is wrong."""
        return not any(finding.state == "wrong" for finding in self.findings)

    def lines(self) -> list[str]:
        """It for a person."""
        wrong = sum(finding.state == "wrong" for finding in self.findings)
        verdict = "All is well." if self.well else f"{wrong} of {len(self.findings)} need you."
        return [*(line for finding in self.findings for line in finding.lines()), verdict]

    def json(self) -> str:
        """It for a report: without names of persons, tokens and the home directory."""
        return json.dumps([_plain(finding) for finding in self.findings], ensure_ascii=False, indent=1)


def _plain(finding: Examined) -> dict[str, str]:
    told = {"name": finding.name, "state": finding.state, "said": finding.said, "remedy": finding.remedy}
    return {name: _without_secrets(text) for name, text in told.items()}


def _without_secrets(text: str) -> str:
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text.replace(str(Path.home()), "~")


def examine(client: BigPato) -> Diagnosis:
    """Look at everything; takes some seconds where BigQuery can be reached, and bills nothing.

    Args:
        client: whose settings are looked at.
    """
    return Diagnosis((_versions(), _analyzer(), _looked("disk", partial(_disk, client)), *_with_bigquery(client)))


# ------------------------------------------------------------------------------------ on this machine


def _versions() -> Examined:
    there = {name: its_version for name in (*PACKAGES, *MORE_PACKAGES) if (its_version := _version(name))}
    missing = [name for name in PACKAGES if name not in there]
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    told = ", ".join(
        [f"bigpato-magic {_version('bigpato-magic') or '(source)'}", system, *map(" ".join, there.items())]
    )
    if missing:
        names = " ".join(missing)
        return Examined("versions", "wrong", f"{told}; missing: {', '.join(missing)}", f"pip install {names}")
    return Examined("versions", "ok", told)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _analyzer() -> Examined:
    state = googlesql.state()
    if why := googlesql.failure():
        return Examined(
            "analyzer", "wrong", why, "queries run on BigQuery until it works; `python -m bigpato_magic.googlesql`"
        )
    told = {
        "ready": "ready",
        "cold": "not started yet: the first query starts it (half a minute on a new machine, once)",
    }
    return Examined("analyzer", "ok", told.get(str(state), f"{state}: queries run on BigQuery until it is ready"))


class _Wrong(Exception):
    """What was looked at is wrong.

    Args:
        said: how.
        remedy: what to do.
    """

    def __init__(self, said: str, remedy: str = "") -> None:
        super().__init__(said)
        self.said, self.remedy = said, remedy


def _disk(client: BigPato) -> str:
    """The room that is left; a directory that may not be looked into is a finding like others."""
    root = root_of(client.tier.directory)
    there = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(there).free
    told = f"{format_size(free)} free where {root} is"
    if free < _ROOM:
        raise _Wrong(told, "make room: DuckDB spills there, and no copy is brought to a full disk")
    return told


# ---------------------------------------------------------------------------------------- in the cloud


@dataclass(slots=True)
class _Cloud:
    """BigQuery as this client sees it.

    Attributes:
        facts: of one table of the dataset, once one is known.
    """

    client: BigPato
    facts: TableFacts | None = None

    def credentials(self) -> str:
        """Who asks."""
        return self.client.warehouse.principal

    def store(self) -> str:
        """The tier's directory; it is opened, for that shows whether it can be used."""
        tier = self.client.tier
        opened = tier.open()
        used = f"{format_size(opened.store.used_bytes())} of {format_size(tier.budget)}"
        copies = len(opened.catalog.copies())
        return f"{copies} {'copy' if copies == 1 else 'copies'}, {used}"

    def project(self) -> str:
        """That is billed."""
        return self.client.warehouse.project

    def queries(self) -> str:
        """A dry run: the API is on, and jobs may be started."""
        self.client.dry_run("SELECT 1")
        place = self.client.location or "where the tables are"
        return f"BigQuery answers; jobs may be started, they run {place}"

    def clock(self) -> str:
        """How wrong this machine's is."""
        wrong = (datetime.now(UTC) - self.client.warehouse.now()).total_seconds()
        if abs(wrong) > _CLOCK:
            raise _Wrong(
                f"this machine's is {wrong:+.0f} s off", "set it by the network: Google refuses tokens by a wrong clock"
            )
        return "as BigQuery's"

    def dataset(self) -> str:
        """Whether the tables of the default dataset may be listed."""
        project, dataset = self.client.home()
        if not dataset:
            raise _Wrong("none is set, names need one", '%config BigPato.dataset = "…", or write dataset.table')
        tables = self.client.warehouse.tables(project, dataset)
        self.facts = self._one_of(tables)
        return f"{dataset}: {len(tables)} {'table' if len(tables) == 1 else 'tables and views'}"

    def _one_of(self, tables: Sequence[object]) -> TableFacts | None:
        """A stored table among the first ones, else any; None where none may be looked at."""
        first = list(self.client.tier.facts.fetch(tables[:16]).values())  # type: ignore[arg-type]
        told = [facts for facts in first if isinstance(facts, TableFacts)]
        failed = [error for error in first if isinstance(error, BigPatoError)]
        if failed and not told:
            raise failed[0]
        return next((facts for facts in told if facts.version.kind in STORED), None)

    def location(self) -> str:
        """Whether jobs run where the tables are."""
        wanted, facts = self.client.location, self.facts
        if facts is None:
            return wanted or "by the tables of each query"
        if wanted and wanted.lower() != facts.location.lower():
            raise _Wrong(
                f"BigPato.location is {wanted}, {facts.id.dataset} is in {facts.location}", "set it alike, or to ''"
            )
        return facts.location

    def transfer(self) -> str:
        """Whether tables may be brought here, by each way that there is."""
        if self.facts is None:
            return "there is no table to try it on"
        ways = self.client.warehouse.transfers()
        wanted = self.client.tier.method
        ways = {name: way for name, way in ways.items() if wanted in ("auto", name)} or ways
        failures = []
        for name, way in ways.items():
            try:
                way.probe(self.facts)
            except BigPatoError as error:
                failures.append(error)
            else:
                return f"tables come by {'Storage Read' if name == 'read' else 'extract jobs'}"
        if not failures:
            raise _Wrong("there is no way to bring a table here", "docs/costs.md")
        raise failures[0]

    def quota(self) -> str:
        """What this tier's queries and reads have used."""
        month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        done = self.client.savings(month)
        free = format_size(self.client.tier.pricing.read_free)
        told = (
            f"this month {format_size(done.bytes_billed)} billed, {format_size(done.bytes_moved)} read of {free} free"
        )
        asks = self.client.ask_above
        return f"{told}; asked above {format_size(asks)} a query" if asks else told


_NEEDED = ("credentials", "project", "BigQuery")
"""Without one of these, nothing after it can be looked at."""


def _with_bigquery(client: BigPato) -> Iterator[Examined]:
    cloud = _Cloud(client)
    steps: tuple[tuple[str, Callable[[], str]], ...] = (
        ("credentials", cloud.credentials),
        ("local store", cloud.store),
        ("project", cloud.project),
        ("BigQuery", cloud.queries),
        ("clock", cloud.clock),
        ("dataset", cloud.dataset),
        ("location", cloud.location),
        ("transfers", cloud.transfer),
        ("quota", cloud.quota),
    )
    missing = "this is an archive: BigQuery is not asked" if client.archived else ""
    for name, look in steps:
        finding = Examined(name, "skipped", missing) if missing else _looked(name, look)
        yield finding
        if finding.state == "wrong" and name in _NEEDED:
            missing = f"without {name} nobody can tell"


def _looked(name: str, look: Callable[[], str]) -> Examined:
    try:
        return Examined(name, "ok", look())
    except _Wrong as wrong:
        return Examined(name, "wrong", wrong.said, wrong.remedy)
    except BigPatoError as error:
        return replace(Examined(name, "wrong", error.message), remedy=error.hint or _REMEDIES.get(type(error), ""))
    except Exception as error:  # it must look at the rest all the same
        return Examined(name, "wrong", f"bigpato-magic failed to look ({type(error).__name__})", "please report it")


_REMEDIES: dict[type[BigPatoError], str] = {ConfigurationError: "docs/configuration.md"}
