"""`BigPato`: the one object that a notebook or a script talks to. It owns the settings and wires the parts together.

The work is done elsewhere: `runner` takes a query's way, `tier` a table's way, `verification` compares answers.
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import Bool, CaselessStrEnum, Dict, Float, Instance, Int, Unicode, default, observe
from traitlets.config import LoggingConfigurable

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.original import OriginalFace
from bigpato_magic.status import Cancel, Status
from bigpato_magic.tables import TableFace
from bigpato_magic.traits import Size
from bigpato_magic.types import (
    Parameter,
    QueryResult,
    Route,
)

if TYPE_CHECKING:
    from bigpato_magic.explain import Explanation
    from bigpato_magic.local.duck import LocalEngine
    from bigpato_magic.runner import QueryRunner, Request, RunProgress
    from bigpato_magic.tier.store import Finding
    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.verification import Verdict, Verifier
    from bigpato_magic.warehouse.base import DryRun, Warehouse


class BigPato(TableFace, OriginalFace, LoggingConfigurable):
    """BigQuery SQL, answered on this machine where that gives BigQuery's answer.

    Args:
        warehouse: BigQuery or what stands for it; made from the settings when first needed if not given.
        bq_project: as the trait `project`.
        bq_database: as the trait `dataset`.
        bq_key: as the trait `key`.
        duckdb_db: a DuckDB file in which plain DuckDB finds the local tables as views.
        local_duck_folder: the tier's directory.
        export_bq_bucket: the bucket for extract jobs.
        **settings: any trait by name.
    """

    project = Unicode(
        "", help="The Google Cloud project that queries run in and that unqualified datasets are of."
    ).tag(config=True)
    dataset = Unicode("", help="The dataset of unqualified table names; `project.dataset` is possible.").tag(
        config=True
    )
    location = Unicode("", help="Where BigQuery jobs run ('US', 'europe-west1'); empty lets BigQuery find it.").tag(
        config=True
    )
    key = Unicode("", help="Path of a service account's key file; empty for Application Default Credentials.").tag(
        config=True
    )
    bucket = Unicode("", help="A Cloud Storage bucket for extract jobs ('gs://' may be left out).").tag(config=True)
    route = CaselessStrEnum(
        [str(r) for r in Route], default_value="auto", help="Where queries run: auto, local (or fail), or bigquery."
    ).tag(config=True)
    maximum_bytes_billed = Size(0, help="A BigQuery job that would bill more fails; 0 for no limit.").tag(config=True)
    footnote = Bool(True, help="Show where, how fresh, why and what it cost under each result.").tag(config=True)
    verify = Float(
        0.0, min=0.0, max=1.0, help="Share of local answers that are run again on BigQuery and compared."
    ).tag(config=True)
    verify_bytes = Size(1 << 30, help="Bytes a day that verification may bill.").tag(config=True)
    reference_rows = Int(
        10_000,
        min=0,
        help="Google's own evaluator answers or finishes what DuckDB has no rule for, up to so many rows; 0 is off.",
    ).tag(config=True)
    labels = Dict(help="Labels of BigQuery jobs, beside tool=bigpato-magic.").tag(config=True)
    duckdb_db = Unicode("", help="A DuckDB file with views over the copies, for plain DuckDB; empty for none.").tag(
        config=True
    )

    status = Instance(Status, args=(), help="What screens watch.")
    tier: Tier
    engine: LocalEngine
    _given: Warehouse | None = None
    _warehouse: Warehouse | None = None
    _runner: QueryRunner | None = None
    _verifier: Verifier | None = None
    last: QueryResult | None = None
    _last_request: Request | None = None

    def __init__(
        self,
        *,
        warehouse: Warehouse | None = None,
        bq_project: str | None = None,
        bq_database: str | None = None,
        bq_key: str | None = None,
        local_duck_folder: str | None = None,
        export_bq_bucket: str | None = None,
        **settings: Any,
    ) -> None:
        original = {"project": bq_project, "dataset": bq_database, "key": bq_key, "bucket": export_bq_bucket}
        settings |= {name: value for name, value in original.items() if value}
        if local_duck_folder:
            settings["directory"] = local_duck_folder
        if export_bq_bucket:  # the original always went through it
            settings.setdefault("method", "extract")
        mine = {name: value for name, value in settings.items() if self.has_trait(name)}
        super().__init__(**mine)
        self._given = self._warehouse = warehouse
        self._build({name: value for name, value in settings.items() if name not in mine})
        # DuckDB complains of what is still open when the interpreter goes.
        atexit.register(_close, weakref.ref(self))

    def _build(self, tier_settings: dict[str, Any]) -> None:
        from bigpato_magic.local.duck import LocalEngine
        from bigpato_magic.tier.tier import Tier

        unknown = tier_settings.keys() - {"config", "parent", "log"} - set(Tier.class_trait_names())
        if unknown:
            raise ConfigurationError(f"BigPato has no setting {sorted(unknown)[0]!r}", hint="docs/configuration.md")
        parts = {"parent": self} | tier_settings
        self.engine = LocalEngine(parent=self)
        self.tier = Tier(warehouse=lambda: self.warehouse, engine=self.engine, status=self.status, **parts)

    @observe("project", "key", "location", "bucket", "reference_rows")
    def _reconnect(self, _change: Any) -> None:
        """Another project or key is another principal, perhaps: its copies are not the same."""
        if self._runner is not None or self._warehouse is not self._given:
            self.close()

    def close(self) -> None:
        """Let go of files, threads and connections; everything opens again when it is needed.

        Example:
            >>> client.close()
        """
        self.tier.close()
        self._warehouse, self._runner, self._verifier = self._given, None, None

    @default("project")
    def _default_project(self) -> str:
        import os

        return os.environ.get("GOOGLE_CLOUD_PROJECT", "")

    # ----------------------------------------------------------------------------------------- parts

    @property
    def warehouse(self) -> Warehouse:
        """BigQuery, connected when first needed.

        Raises:
            CredentialsError: there are none, or the key file is missing or malformed.
        """
        if self._warehouse is None:
            from bigpato_magic.warehouse.bigquery import BigQueryWarehouse

            made: Warehouse = BigQueryWarehouse(
                self.project or None, key=self.key or None, location=self.location or None, bucket=self.bucket or None
            )
            self._warehouse = made
        return self._warehouse

    @property
    def runner(self) -> QueryRunner:
        """What takes a query's way."""
        if self._runner is None:
            from bigpato_magic.runner import QueryRunner

            self._runner = QueryRunner(self.warehouse, self.tier, self.engine, self.status, self.reference_rows)
            self._publish_views()
        return self._runner

    # --------------------------------------------------------------------------------------- queries

    def run(
        self,
        sql: str,
        *,
        params: Sequence[Parameter] = (),
        route: Route | str | None = None,
        max_staleness: float | None = None,
        maximum_bytes_billed: int | None = None,
        use_query_cache: bool = True,
        use_storage_api: bool = True,
        location: str | None = None,
        project: str | None = None,
        dataset: str | None = None,
        lazy: bool = False,
        cancel: Cancel | None = None,
        progress: RunProgress | None = None,
    ) -> QueryResult:
        """Run GoogleSQL where it is right and cheapest.

        Args:
            sql: any statement; those that change something run on BigQuery.
            params: typed query parameters.
            route: in place of the setting.
            max_staleness: seconds, in place of the setting; 0 checks the tables for this very query.
            maximum_bytes_billed: in place of the setting.
            use_query_cache: BigQuery may answer from its result cache.
            use_storage_api: large results of BigQuery come by the Storage Read API.
            location: of a BigQuery job.
            project: in place of the setting.
            dataset: in place of the setting.
            lazy: a local answer stays in DuckDB as `QueryResult.relation`, where nothing on the way can need BigQuery.
            cancel: stops it from another thread, within a second.
            progress: hears of a BigQuery job, and of a local run the share done, 0 to 1.

        Raises:
            QueryError: the SQL is wrong.
            RouteRefused: only a local answer was asked for, and there is none.
            WarehouseError: BigQuery cannot be reached or refuses.
            Cancelled: it was stopped.

        Example:
            >>> result = client.run("SELECT country, SUM(amount) AS total FROM orders GROUP BY country ORDER BY country")
            >>> result.arrow["country"].to_pylist(), result.decision.where
            (['EE', 'FI'], 'bigquery')
            >>> result.decision.reasons[0].message
            'orders is not local yet'
        """
        request = self._request(
            sql,
            params,
            route,
            max_staleness=max_staleness,
            lazy=lazy,
            cancel=cancel,
            progress=progress,
            project=project,
            dataset=dataset,
        )
        limit = self.maximum_bytes_billed if maximum_bytes_billed is None else maximum_bytes_billed
        options = replace(
            request.options,
            maximum_bytes_billed=limit or None,
            use_query_cache=use_query_cache,
            use_storage_api=use_storage_api,
            location=location or self.location or None,
        )
        return self._run(replace(request, options=options))

    def _run(self, request: Request) -> QueryResult:
        result = self.runner.run(request)
        self.last, self._last_request = result, request
        self.verifier.maybe(request, result)
        return result

    def _request(
        self,
        sql: str,
        params: Sequence[Parameter] = (),
        route: Route | str | None = None,
        *,
        project: str | None = None,
        dataset: str | None = None,
        **more: Any,
    ) -> Request:
        from bigpato_magic.runner import Request
        from bigpato_magic.warehouse.base import QueryOptions

        home, name = self.home(project, dataset)
        more = {key: value for key, value in more.items() if value is not None}
        options = QueryOptions(labels=dict(self.labels), location=self.location or None)
        return Request(
            sql, tuple(params), Route(route or self.route), project=home, dataset=name, options=options, **more
        )

    def home(self, project: str | None = None, dataset: str | None = None) -> tuple[str | None, str | None]:
        """The (project, dataset) of unqualified names, with these in place of the settings.

        Example:
            >>> client.home(dataset="other")
            ('bigpato-demo', 'other')
        """
        home, name = project or self.project or None, dataset or self.dataset or None
        if name and "." in name:
            home, name = name.rsplit(".", 1)
        return home or self.warehouse.project or None, name

    def explain(
        self,
        sql: str,
        *,
        params: Sequence[Parameter] = (),
        project: str | None = None,
        dataset: str | None = None,
        max_staleness: float | None = None,
    ) -> Explanation:
        """Why the query would run where it would, without running it; asks for facts and a dry run, both free.

        Example:
            >>> client.explain("SELECT COUNT(*) FROM orders").remedy
            '%bp_rebalance orders would bring 3.5 KiB here (≈ $0)'
        """
        from bigpato_magic.explain import explain

        request = self._request(sql, params, Route.AUTO, project=project, dataset=dataset, max_staleness=max_staleness)
        return explain(self.runner, request)

    def dry_run(
        self,
        sql: str,
        *,
        params: Sequence[Parameter] = (),
        project: str | None = None,
        dataset: str | None = None,
    ) -> DryRun:
        """What BigQuery would read, free of charge. Raises as `run` does.

        Example:
            >>> client.dry_run("SELECT country FROM orders").bytes_processed > 0
            True
        """
        request = self._request(sql, params, project=project, dataset=dataset)
        return self.warehouse.dry_run(sql, request.parameters, dataset=request.default_dataset, options=request.options)

    @property
    def verifier(self) -> Verifier:
        """What compares local answers with BigQuery's."""
        if self._verifier is None:
            from bigpato_magic.verification import Verifier

            self._verifier = Verifier(self.runner, lambda: self.verify, lambda: self.verify_bytes)
        return self._verifier

    def verify_last(self) -> Verdict:
        """Run the last local query on BigQuery too and compare the values.

        Raises:
            ConfigurationError: the last query did not run in DuckDB.
            WarehouseError: BigQuery cannot be reached or refuses.

        Example:
            >>> done = client.promote("orders"), client.run("SELECT SUM(amount) AS total FROM orders")
            >>> client.verify_last().outcome
            'equal'
        """
        if self.last is None or self._last_request is None:
            raise ConfigurationError("No query has run yet: there is nothing to verify.")
        return self.verifier.verify(self._last_request, self.last)

    def verify_files(self) -> list[Finding]:
        """Read every file of every copy and compare it with its checksum; damaged copies are taken away.

        Example:
            >>> client.verify_files()
            []
        """
        return self.tier.verify_files()

    def clear_quarantine(self) -> frozenset[str]:
        """Use the rules again that a verification had quarantined; which they were.

        Example:
            >>> client.clear_quarantine()
            frozenset()
        """
        rules = self.tier.quarantined()
        self.tier.pardon(rules)
        return rules

    def panel(self) -> Any:
        """The panel, for a notebook: all tables with their buttons, as `%bp_panel` shows it.

        Example:
            >>> print(str(client.panel()).partition(" · ")[0])
            BigPato: 0 of 0 tables local
        """
        from importlib import import_module  # the screen lies above this layer: nothing else here knows of it

        return import_module("bigpato_magic.notebook.panel").panel(self)

    def purge(self) -> list[Path]:
        """Remove every copy, journal and setting of this tier from the disk.

        Returns:
            What could not be removed, or is not ours: nothing, where all went well.

        Example:
            >>> done = client.promote("orders")
            >>> client.purge(), client.tables()
            ([], [])
        """
        return self.tier.purge()

    def __repr__(self) -> str:
        where = ".".join(filter(None, (self.project, self.dataset)))
        return f"<BigPato {where or '(no project)'}>"


def _close(reference: weakref.ref[BigPato]) -> None:
    client = reference()
    if client is not None:
        client.close()
