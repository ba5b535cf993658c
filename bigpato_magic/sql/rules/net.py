"""NET functions. NET.REG_DOMAIN and NET.PUBLIC_SUFFIX need a list that changes, and are BigQuery's."""

from __future__ import annotations

from bigpato_magic.sql.rules.base import DOCS, Rule, Udf
from bigpato_magic.sql.rules.strings import guarded

SOURCE = DOCS + "net_functions"
HELD = {"STRING": "VARCHAR", "BYTES": "BLOB", "INT64": "BIGINT"}
ADDRESSES = (
    r"b'\x01\x02\x03\x04'",
    "b''",
    r"b'\xff\xff\xff\xff'",
    r"b'\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01'",
    r"b'\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00'",
    r"b'\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff0123'",
    "NULL",
)
TEXTS = (
    *("'1.2.3.4'", "'::1'", "'2001:DB8::7'", "'01.2.3.4'", "'1.2.3'", "' 1.2.3.4'", "'fe80::1%eth0'", "'256.1.1.1'"),
    *("''", "'1:2:3:4:5:6:7:8'", "'1::2::3'", "'::1.2.3.4'", "'12345::'", "NULL"),
)
URLS = (
    *(
        "'http://a.b.com:80/x?y=http://z'",
        "'a.b.com'",
        "'mailto:x@y.com'",
        "'//u:p@h.com/p'",
        "''",
        "'http://[::1]:8/'",
    ),
    *(
        "'  https://WWW.x.y. '",
        "'..a.b...'",
        "'x:y//z'",
        "'a@b://c@d'",
        "'//'",
        "'http:/x'",
        "'[::1'",
        "'é.com#@x'",
        "NULL",
    ),
    *("'?'", "'a.b:80:90'", r"'http:\\\\x.y\\z'", "'user@'", "'.'", "'gs://bucket/a b'"),
)
_PREFIXES = ("0", "1", "8", "11", "24", "32", "33", "64", "128", "129", "-1", "NULL")


def _net(name: str, signature: str, result: str, **values: tuple[str, ...]) -> tuple[Udf, Rule]:
    function = f"bp_net_{name}"
    held = tuple(HELD[kind] for kind in signature.split(", "))
    rule = guarded(f"net.{name}", signature, function, values=values)
    return Udf(function, (*held, "BOOLEAN"), result, function), rule


_FUNCTIONS = (
    _net("ip_to_string", "BYTES", "VARCHAR", a=ADDRESSES),
    _net("ip_from_string", "STRING", "BLOB", a=TEXTS),
    _net("ip_net_mask", "INT64, INT64", "BLOB", a=("4", "16", "5", "0", "NULL"), b=_PREFIXES),
    _net("ip_trunc", "BYTES, INT64", "BLOB", a=ADDRESSES, b=_PREFIXES),
    _net(
        "ipv4_from_int64", "INT64", "BLOB", a=("0", "-1", "4294967295", "4294967296", "-2147483649", "16909060", "NULL")
    ),
    _net("ipv4_to_int64", "BYTES", "BIGINT", a=ADDRESSES),
)
UDFS = (*(udf for udf, _ in _FUNCTIONS), Udf("bp_net_host", ("VARCHAR",), "VARCHAR", "bp_net_host"))
RULES = (
    *(rule for _, rule in _FUNCTIONS),
    Rule("net.safe_ip_from_string", "STRING", "bp_net_ip_from_string({a}, true)", safe=True, values={"a": TEXTS}),
    Rule("net.host", "STRING", "bp_net_host({a})", safe=True, values={"a": URLS}),
    *(
        Rule(f"net.{name}", "STRING", None, why=f"NET.{name.upper()}, which needs the list of public suffixes")
        for name in ("reg_domain", "public_suffix")
    ),
)
