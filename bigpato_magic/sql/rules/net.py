"""NET functions. NET.REG_DOMAIN and NET.PUBLIC_SUFFIX need a list that changes, and are BigQuery's."""

from __future__ import annotations

from bigpato_magic.sql.physical import SCALARS
from bigpato_magic.sql.rules.base import DOCS, Rule, Udf, guarded
from bigpato_magic.types import Kind

SOURCE = DOCS + "net_functions"


def _net(name: str, signature: str, result: str) -> tuple[Udf, Rule]:
    function = f"bp_net_{name}"
    held = tuple(SCALARS[Kind(kind)] for kind in signature.split(", "))
    rule = guarded(f"net.{name}", signature, function)
    return Udf(function, (*held, "BOOLEAN"), result), rule


_FUNCTIONS = (
    _net("ip_to_string", "BYTES", "VARCHAR"),
    _net("ip_from_string", "STRING", "BLOB"),
    _net("ip_net_mask", "INT64, INT64", "BLOB"),
    _net("ip_trunc", "BYTES, INT64", "BLOB"),
    _net("ipv4_from_int64", "INT64", "BLOB"),
    _net("ipv4_to_int64", "BYTES", "BIGINT"),
)
UDFS = (*(udf for udf, _ in _FUNCTIONS), Udf("bp_net_host", ("VARCHAR",), "VARCHAR"))
RULES = (
    *(rule for _, rule in _FUNCTIONS),
    Rule("net.safe_ip_from_string", "STRING", "bp_net_ip_from_string({a}, true)", can_throw=False),
    Rule("net.host", "STRING", "bp_net_host({a})", can_throw=False),
    *(
        Rule(f"net.{name}", "STRING", None, why=f"NET.{name.upper()}, which needs the list of public suffixes")
        for name in ("reg_domain", "public_suffix")
    ),
)
