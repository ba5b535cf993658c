"""`BigPato`: the one object that a notebook or a script talks to. It owns the settings and wires the parts together.

The work is done elsewhere: `runner` takes a query's way, `tier` a table's way, `verification` compares answers.
"""

from __future__ import annotations

import atexit
import weakref
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import Bool, CaselessStrEnum, Dict, Float, Instance, Int, TraitError, Unicode, default, observe

from bigpato_magic import arguments, forks
from bigpato_magic.checking import CheckingFace
from bigpato_magic.errors import ConfigurationError, RouteRefused
from bigpato_magic.freezing import IN_ARCHIVE, FreezeFace
from bigpato_magic.original import OriginalFace
from bigpato_magic.parameters import Params
from bigpato_magic.status import Cancel, Status
from bigpato_magic.tables import TableFace
from bigpato_magic.traits import Configured, Size, unknown_setting
from bigpato_magic.types import QueryResult, Route

if TYPE_CHECKING:
    from bigpato_magic.explain import Explanation
    from bigpato_magic.local.duck import LocalEngine
    from bigpato_magic.runner import QueryRunner, Request, RunProgress
    from bigpato_magic.tier.tier import Tier
    from bigpato_magic.verification import Verifier
    from bigpato_magic.warehouse.base import DryRun, Warehouse


class BigPato(TableFace, CheckingFace, FreezeFace, OriginalFace, Configured):
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
    ask_above = Size(
        100 << 30,
        help="What would bill more stops before it runs, and says what would bill less; `--yes` runs it. 0 never asks, and so "
        "does `Pricing.objective = 'time'`, where bytes cost nothing.",
    ).tag(config=True)
    footnote = Bool(True, help="Show where, how fresh, why and what it cost under each result.").tag(config=True)
    verify = Float(
        0.0, min=0.0, max=1.0, help="Share of local answers that are run again on BigQuery and compared."
    ).tag(config=True)
    verify_bytes = Size(1 << 30, help="Bytes a day that verification may bill.").tag(config=True)
    evaluator_rows = Int(
        10_000,
        min=0,
        help="Google's own evaluator answers or finishes what DuckDB has no rule for, up to so many rows; 0 is off.",
    ).tag(config=True)
    look_below = Size(
        256 << 20,
        help="Columns of one table, filtered by constants, are read by Storage Read without a query job, where so many bytes "
        "at most are read for it. 0 is off.",
    ).tag(config=True)
    approximate = CaselessStrEnum(
        [*arguments.APPROXIMATE],
        "bigquery",
        help="APPROX_… functions: BigQuery's estimate, or the exact figure from here.",
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
        if wrong := next((name for name, value in settings.items() if isinstance(value, str) and "\0" in value), None):
            raise ConfigurationError(f"{wrong} has the character NUL in it")
        mine = {name: value for name, value in settings.items() if self.has_trait(name)}
        try:
            super().__init__(**mine)
            self._given = self._warehouse = warehouse
            self._build({name: value for name, value in settings.items() if name not in mine})
        except TraitError as error:
            raise ConfigurationError(str(error), hint="docs/configuration.md") from None
        forks.register(self)
        # DuckDB complains of what is still open when the interpreter goes.
        atexit.register(_close, weakref.ref(self))

    def _build(self, tier_settings: dict[str, Any]) -> None:
        from bigpato_magic.local.duck import LocalEngine
        from bigpato_magic.tier.tier import Tier

        unknown = tier_settings.keys() - {"config", "parent", "log"} - set(Tier.class_trait_names())
        if unknown:
            known = [*self.class_trait_names(config=True), *Tier.class_trait_names(config=True)]
            raise unknown_setting(type(self).__name__, sorted(unknown)[0], known)
        parts = {"parent": self} | tier_settings
        self.engine = LocalEngine(parent=self)
        self.tier = Tier(
            warehouse=lambda: self.warehouse, engine=self.engine, status=self.status, home=self.home, **parts
        )

    @observe("project", "key", "location", "bucket", "evaluator_rows", "look_below")
    def _reconnect(self, _change: Any) -> None:
        """Another project or key is another principal, perhaps: its copies are not the same."""
        if self._runner is not None or self._warehouse is not self._given:
            self.close()

    def close(self) -> None:
        """Close files, threads and connections; everything opens again when it is needed.

        Example:
            >>> client.close()
        """
        self.tier.close()
        self._warehouse, self._runner, self._verifier = self._given, None, None

    def begin_anew(self) -> None:
        """In a forked child: its own connections; the screens that watch are its parent's."""
        forks.abandon(self._warehouse, self._runner, self._verifier)
        self._warehouse, self._runner, self._verifier = self._given, None, None
        self.status.unobserve_all()

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

            warehouse: Warehouse = BigQueryWarehouse(
                self.project or None, key=self.key or None, location=self.location or None, bucket=self.bucket or None
            )
            self._warehouse = warehouse
        return self._warehouse

    @property
    def runner(self) -> QueryRunner:
        """Takes queries from their text to their result."""
        if self._runner is None:
            from bigpato_magic.runner import QueryRunner

            parts = self.warehouse, self.tier, self.engine, self.status
            self._runner = QueryRunner(*parts, self.evaluator_rows, self.look_below)
            self._publish_views()
        return self._runner

    # --------------------------------------------------------------------------------------- queries

    def run(
        self,
        sql: str,
        *,
        params: Params = (),
        route: Route | str | None = None,
        max_staleness: float | str | None = None,
        offline: bool | None = None,
        maximum_bytes_billed: int | str | None = None,
        approximate: str | None = None,
        use_query_cache: bool = True,
        use_storage_api: bool = True,
        location: str | None = None,
        project: str | None = None,
        dataset: str | None = None,
        lazy: bool = False,
        yes: bool = False,
        cancel: Cancel | None = None,
        progress: RunProgress | None = None,
    ) -> QueryResult:
        """Run GoogleSQL where it is right and cheapest.

        Args:
            sql: any statement; those that change something run on BigQuery.
            params: values of `@name`s as a dict, or of `?`s as a list; also a list of Google's `ScalarQueryParameter`
                and its kin. `typed(None, "INT64")` says a type that Python's value does not.
            route: in place of the setting.
            max_staleness: seconds or "5 min", in place of the setting; 0 checks the tables for this very query.
            offline: copies may answer while BigQuery cannot be reached, in place of `FreshnessPolicy.offline`.
            maximum_bytes_billed: bytes or "10 GiB", in place of the setting; 0 for no limit.
            approximate: `exact` or `bigquery`, in place of the setting.
            use_query_cache: BigQuery may answer from its result cache.
            use_storage_api: large results of BigQuery come by the Storage Read API, and so may mere rows of a table.
            location: of a BigQuery job.
            project: in place of the setting.
            dataset: in place of the setting.
            lazy: a local answer stays in DuckDB as `QueryResult.relation`, where nothing on the way can need BigQuery.
            yes: it may bill more than `ask_above`; so it may up to a `maximum_bytes_billed` that is given here.
            cancel: stops it from another thread, within a second.
            progress: hears of a BigQuery job, of a read the bytes, and of a local run the share done, 0 to 1.

        Raises:
            ConfigurationError: there is no query, or an argument is none of its kind.
            QueryError: the SQL is wrong.
            ParameterError: a parameter has no value, or its value is none of its type.
            ConsentNeeded: it would bill more than `ask_above`; nothing has run.
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
            offline=offline,
            approximate=approximate,
            lazy=lazy,
            cancel=arguments.instance_of("cancel", cancel, Cancel),
            progress=arguments.function("progress", progress),
            project=project,
            dataset=dataset,
        )
        options = replace(
            request.options,
            maximum_bytes_billed=self._limit(maximum_bytes_billed),
            use_query_cache=use_query_cache,
            use_storage_api=use_storage_api,
            location=arguments.instance_of("location", location, str) or self.location or None,
        )
        agreed = yes or bool(arguments.size("maximum_bytes_billed", maximum_bytes_billed))
        return self._run(replace(request, options=options), agreed=agreed)

    def _limit(self, asked: int | str | None) -> int | None:
        """Bytes that a job may bill, None for any number."""
        size = arguments.size("maximum_bytes_billed", asked)
        return (self.maximum_bytes_billed if size is None else size) or None

    def _run(self, request: Request, *, agreed: bool) -> QueryResult:
        try:
            result = self.runner.run(replace(request, ask_above=None) if agreed else request)
        except RouteRefused as error:
            error.hint = IN_ARCHIVE if self.archived else error.hint
            raise
        if self.archived is not None:
            result = replace(result, as_of=self.archived, archived=True)
        self.last, self._last_request = result, request
        self.verifier.maybe(request, result)
        return result

    def _request(
        self,
        sql: str,
        params: Params = (),
        route: Route | str | None = None,
        *,
        project: str | None = None,
        dataset: str | None = None,
        approximate: str | None = None,
        **more: Any,
    ) -> Request:
        from bigpato_magic.runner import Request
        from bigpato_magic.warehouse.base import QueryOptions

        sql = arguments.query_text(sql)
        home, name = self.home(project, dataset)
        more["max_staleness"] = arguments.seconds("max_staleness", more.get("max_staleness"))
        more = {key: value for key, value in more.items() if value is not None}
        options = QueryOptions(labels=dict(self.labels), location=self.location or None)
        return Request(
            sql,
            arguments.parameters_of(sql, params),
            Route.LOCAL if self.archived else arguments.route_of(route or self.route),
            project=home,
            dataset=name,
            options=options,
            as_of=self.frozen,
            exact=arguments.exact_of(approximate or self.approximate),
            ask_above=self._asks_above(),
            **more,
        )

    def _asks_above(self) -> int | None:
        """Bytes above which a person is asked; None where nobody is, as where bytes cost nothing."""
        return self.ask_above or None if self.tier.pricing.objective == "money" else None

    def home(self, project: str | None = None, dataset: str | None = None) -> tuple[str | None, str | None]:
        """The (project, dataset) of unqualified names, with these in place of the settings.

        Example:
            >>> client.home(dataset="other")
            ('bigpato-demo', 'other')
        """
        asked = arguments.instance_of("project", project, str), arguments.instance_of("dataset", dataset, str)
        home, name = asked[0] or self.project or None, asked[1] or self.dataset or None
        if name and "." in name:
            home, name = name.rsplit(".", 1)
        return home or self.warehouse.project or None, name

    def explain(
        self,
        sql: str,
        *,
        params: Params = (),
        project: str | None = None,
        dataset: str | None = None,
        max_staleness: float | str | None = None,
        offline: bool | None = None,
        maximum_bytes_billed: int | str | None = None,
        approximate: str | None = None,
    ) -> Explanation:
        """Why the query would run where it would, without running it; asks for facts and a dry run, both free.

        Example:
            >>> client.explain("SELECT COUNT(*) FROM orders").remedy
            '%bp_rebalance orders would bring 3.5 KiB here (≈ $0)'
        """
        from bigpato_magic.explain import explain

        how: dict[str, Any] = {"project": project, "dataset": dataset, "approximate": approximate, "offline": offline}
        request = self._request(sql, params, Route.AUTO, max_staleness=max_staleness, **how)
        options = replace(request.options, maximum_bytes_billed=self._limit(maximum_bytes_billed))
        asked = None if arguments.size("maximum_bytes_billed", maximum_bytes_billed) else request.ask_above
        return explain(self.runner, replace(request, options=options, ask_above=asked))

    def dry_run(
        self,
        sql: str,
        *,
        params: Params = (),
        project: str | None = None,
        dataset: str | None = None,
    ) -> DryRun:
        """What BigQuery would read, free of charge. Raises as `run` does.

        Example:
            >>> client.dry_run("SELECT country FROM orders").bytes_processed > 0
            True
        """
        request = self._request(sql, params, project=project, dataset=dataset)
        return self.warehouse.dry_run(
            request.sql, request.parameters, dataset=request.default_dataset, options=request.options
        )

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
