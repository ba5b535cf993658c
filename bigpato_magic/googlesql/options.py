"""How the analyzer is told to read SQL as BigQuery does: which features of the language are there.

The analyzer knows more than BigQuery: what is OFF here would be an answer where BigQuery refuses, or another type.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any, TypeVar

from bigpato_magic.googlesql.instance import AnalyzerError, Instance, message
from bigpato_magic.resolved.vocabulary import is_bigquerys

T = TypeVar("T")

# Off, though the analyzer would have them on.
OFF: dict[str, str] = {
    "AGGREGATE_FILTERING": "BigQuery has no FILTER (WHERE …) on aggregates",
    "ANONYMIZATION": "WITH ANONYMIZATION is the older form of differential privacy",
    "ARRAY_ORDERING": "BigQuery cannot order arrays",
    "ENABLE_MEASURES": "measures are not in BigQuery's SQL",
    "EXPERIMENTAL_MODULES": "BigQuery has no modules",
    "IMPLICIT_COERCION_STRING_LITERAL_TO_BYTES": "a STRING literal is no BYTES in BigQuery",
    "LATERAL_COLUMN_REFERENCES": "an alias cannot be used in the same SELECT list",
    "LATERAL_JOIN": "BigQuery has no LATERAL",
    "LIMIT_ALL": "BigQuery has no LIMIT ALL",
    "LITERAL_CONCATENATION": "adjacent literals are not joined in BigQuery",
    "MAP_TYPE": "BigQuery has no MAP",
    "MEASURES_TVF": "measures are not in BigQuery's SQL",
    "MULTILEVEL_AGGREGATION": "BigQuery has no GROUP BY inside an aggregate",
    "MULTILEVEL_AGGREGATION_ON_UDAS": "BigQuery has no GROUP BY inside an aggregate",
    "MULTIWAY_UNNEST": "BigQuery's UNNEST takes one array",
    "MULTI_GROUPING_SETS": "BigQuery takes one ROLLUP, CUBE or GROUPING SETS",
    "PROTO_BASE": "BigQuery has no protocol buffers",
    "RELAXED_WITH_RECURSIVE": "BigQuery wants the recursive term as the standard form has it",
    "ROW_TYPE": "BigQuery has no ROW",
    "SQL_GRAPH_CHEAPEST_PATH": "not in BigQuery",
    "STRUCT_POSITIONAL_ACCESSOR": "a STRUCT has no [OFFSET(…)] in BigQuery",
    "TEST_IDEALLY_DISABLED": "a feature for the analyzer's own tests",
    "TEST_IDEALLY_DISABLED_AND_IN_DEVELOPMENT": "a feature for the analyzer's own tests",
    "TEST_IDEALLY_ENABLED_BUT_IN_DEVELOPMENT": "a feature for the analyzer's own tests",
    "TIMESTAMP_NANOS": "BigQuery's TIMESTAMP counts microseconds",
    "TIMESTAMP_PICOS": "BigQuery's TIMESTAMP counts microseconds",
    "TIMESTAMP_PRECISION": "a TIMESTAMP takes no precision here: its values would not fit a copy",
    "UNNEST_AND_FLATTEN_ARRAYS": "BigQuery has no FLATTEN",
    "UUID_TYPE": "GENERATE_UUID gives a STRING in BigQuery",
    "V_1_4_AGGREGATE_FILTERING": "BigQuery has no FILTER (WHERE …) on aggregates",
    "V_1_4_TIMESTAMP_PRECISION": "a TIMESTAMP takes no precision here: its values would not fit a copy",
}

# On, though the analyzer would have them off.
ON: dict[str, str] = {
    "COLLATION_IN_EXPLICIT_CAST": "collated types are known, so that they can be refused",
    "COLLATION_IN_WITH_RECURSIVE": "collated types are known, so that they can be refused",
    "COLLATION_SUPPORT": "collated types are known, so that they can be refused",
    "DISABLE_ARRAY_MIN_AND_MAX": "BigQuery has no ARRAY_MIN, ARRAY_MAX",
    "DISABLE_ARRAY_SUM_AND_AVG": "BigQuery has no ARRAY_SUM, ARRAY_AVG",
    "DISABLE_FLOAT32": "BigQuery has no FLOAT32",
    "ENFORCE_CONDITIONAL_EVALUATION": "IF, CASE, COALESCE do not evaluate the branches not taken",
    "ENFORCE_MICROS_MODE_IN_INTERVAL_TYPE": "an INTERVAL counts microseconds",
    "INVERSE_TRIG_FUNCTIONS": "BigQuery has ACOS and its like",
    "JSON_STRICT_NUMBER_PARSING": "a JSON number that FLOAT64 cannot hold is an error",
    "RADIANS_DEGREES_FUNCTIONS": "known to the analyzer; the vocabulary leaves them out, as BigQuery has none",
    "WITH_RECURSIVE": "BigQuery has WITH RECURSIVE",
}

# What the parser asks for: telling the module of a feature takes 6 µs, so of the other two hundred it is told only
# where names and types are resolved. A feature that were missing here would be a syntax error, so BigQuery's query.
# https://github.com/google/googlesql/tree/2025.11.2/zetasql/parser
PARSED = frozenset(
    {
        "ALLOW_CONSECUTIVE_ON",
        "ALLOW_DASHES_IN_TABLE_NAME",
        "ALLOW_MISSING_PATH_EXPRESSION_IN_ALTER_DDL",
        "ALLOW_SLASH_PATHS",
        "BRACED_PROTO_CONSTRUCTORS",
        "CASE_STMT",
        "COLUMN_DEFAULT_VALUE",
        "CREATE_FUNCTION_LANGUAGE_WITH_CONNECTION",
        "CREATE_LOCALITY_GROUP",
        "ENABLE_ALTER_ARRAY_OPTIONS",
        "FOR_IN",
        "FOR_UPDATE",
        "IS_DISTINCT",
        "LOAD_DATA_PARTITIONS",
        "LOAD_DATA_TEMP_TABLE",
        "ORDERED_PRIMARY_KEYS",
        "PIPES",
        "QUALIFY",
        "REMOTE_FUNCTION",
        "REPEAT",
        "RUN_STATEMENT",
        "SCRIPT_LABEL",
        "SPANNER_LEGACY_DDL",
        "STATEMENT_WITH_PIPE_OPERATORS",
        "TTL",
    }
)

# With it the analyzer has no window functions inside IF, CASE and the like.
_LAZY = "ENFORCE_CONDITIONAL_EVALUATION"
_NOT_LAZY = "Analytic functions in side effect scopes"

# Rewrites that the analyzer would not make by itself: calls of functions that a cell declares become their bodies.
REWRITES = ("INLINE_SQL_FUNCTIONS", "INLINE_SQL_UDAS")


def _once(make: Callable[[Instance], Any]) -> Callable[[Instance], Any]:
    """Made once for an instance. Do not change it: copy it."""

    @wraps(make)
    def made(instance: Instance) -> Any:
        if make not in instance.kept:
            instance.kept[make] = make(instance)
        return instance.kept[make]

    return made


@_once
def analyzer_options(instance: Instance) -> Any:
    """`AnalyzerOptionsProto` as BigQuery would have it."""
    from zetasql.wasi._pb2.zetasql.public import options_pb2 as public

    options = instance.call("GetAnalyzerOptions")
    options.language_options.CopyFrom(_language_options(instance))
    options.default_timezone = "UTC"
    # A TableScan's columns are then exactly those that the query reads.
    options.prune_unused_columns = True
    options.allow_undeclared_parameters = True
    rewrites = {public.ResolvedASTRewrite.Value(f"REWRITE_{name}") for name in REWRITES}
    options.enabled_rewrites.extend(sorted(rewrites - set(options.enabled_rewrites)))
    return options


def _language_options(instance: Instance) -> Any:
    from zetasql.wasi._pb2.zetasql.public import options_pb2 as public

    language = instance.call("GetLanguageOptions", maximum_features=True)
    known = public.LanguageFeature
    off = {known.Value(f"FEATURE_{name}") for name in OFF if f"FEATURE_{name}" in known.keys()}  # noqa: SIM118 - no dict
    on = {known.Value(f"FEATURE_{name}") for name in ON}
    language.enabled_language_features[:] = sorted((set(language.enabled_language_features) - off) | on)
    language.product_mode = public.PRODUCT_EXTERNAL
    return language


def language_options(instance: Instance) -> Any:
    """`LanguageOptionsProto` as BigQuery would have it."""
    return analyzer_options(instance).language_options


def lazily(ask: Callable[[Any], T], settings: Any) -> T:
    """What `ask` gives under these `AnalyzerOptionsProto`.

    Where it is refused because a window function stands in a branch that may not be taken, such branches may be evaluated
    too: an answer is the same then; only an error may come up that BigQuery would not see.
    """
    try:
        return ask(settings)
    except AnalyzerError as refusal:
        if not refusal.message.startswith(_NOT_LAZY):
            raise
        return ask(_eager(settings))


def _eager(settings: Any) -> Any:
    from zetasql.wasi._pb2.zetasql.public import options_pb2 as public

    relaxed = deepcopy(settings)
    features = relaxed.language_options.enabled_language_features
    features.remove(public.LanguageFeature.Value(f"FEATURE_{_LAZY}"))
    return relaxed


@_once
def function_options(instance: Instance) -> Any:
    """`ZetaSQLBuiltinFunctionOptionsProto` with the functions that BigQuery has.

    What only the analyzer has must not be known to it: some of those functions are rewritten to others at once, and
    nobody would see in the tree that they were there.
    """
    wanted = message("GetBuiltinFunctions", language_options=language_options(instance))
    known = instance.call("GetBuiltinFunctions", wanted)
    for function in known.function:
        if not is_bigquerys(".".join(function.name_path).lower()):
            wanted.exclude_function_ids.extend(signature.context_id for signature in function.signature)
    return wanted


@_once
def parsing_options(instance: Instance) -> Any:
    """Those of `language_options` that parsing needs, with all kinds of statement."""
    from zetasql.wasi._pb2.zetasql.public.options_pb2 import LanguageFeature
    from zetasql.wasi._pb2.zetasql.resolved_ast.resolved_node_kind_pb2 import ResolvedNodeKind

    language = deepcopy(language_options(instance))
    known = {LanguageFeature.Value(f"FEATURE_{name}") for name in PARSED}
    language.enabled_language_features[:] = sorted(known.intersection(language.enabled_language_features))
    kinds = (number for name, number in ResolvedNodeKind.items() if name.endswith("_STMT"))
    language.supported_statement_kinds[:] = sorted(kinds)
    return language
