"""NET functions: addresses are BYTES in network order, 4 or 16 of them.

https://cloud.google.com/bigquery/docs/reference/standard-sql/net_functions
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict

BITS = {4: 32, 16: 128}
_SCHEME = re.compile(r"[/\\]{2}|[^:/?#\\]*:[/\\]{2}")


def ip_to_string(address: bytes) -> str:
    """NET.IP_TO_STRING."""
    if len(address) == 4:
        return str(IPv4Address(address))
    if len(address) != 16:
        raise InvalidValue("an IP address of neither 4 nor 16 bytes")
    if address[:10] == bytes(10):
        raise Unsure("how an IPv6 address that may hold an IPv4 one is written")
    return str(IPv6Address(address))


def ip_from_string(text: str) -> bytes:
    """NET.IP_FROM_STRING."""
    try:
        if ":" not in text:
            return IPv4Address(text).packed
        if "%" in text:
            raise InvalidValue(f"not an IP address: {text}")
        return IPv6Address(text).packed
    except AddressValueError:
        raise InvalidValue(f"not an IP address: {text}") from None


def ip_net_mask(size: int, length: int) -> bytes:
    """NET.IP_NET_MASK."""
    bits = BITS.get(size)
    if bits is None or not 0 <= length <= bits:
        raise InvalidValue("a net mask of another length")
    return ((1 << bits) - (1 << bits - length)).to_bytes(size, "big")


def ip_trunc(address: bytes, length: int) -> bytes:
    """NET.IP_TRUNC."""
    mask = int.from_bytes(ip_net_mask(len(address), length), "big")
    return (int.from_bytes(address, "big") & mask).to_bytes(len(address), "big")


def ipv4_from_int64(number: int) -> bytes:
    """NET.IPV4_FROM_INT64."""
    if not -(2**31) <= number < 2**32:
        raise InvalidValue(f"{number} is no IPv4 address")
    return (number % 2**32).to_bytes(4, "big")


def ipv4_to_int64(address: bytes) -> int:
    """NET.IPV4_TO_INT64."""
    if len(address) != 4:
        raise InvalidValue("an IPv4 address of other than 4 bytes")
    return int.from_bytes(address, "big")


def host(url: str) -> str | None:
    """NET.HOST: what stands where the host would, whether or not it is one."""
    rest = url.strip(" \t\n\v\f\r")
    if scheme := _SCHEME.match(rest):
        rest = rest[scheme.end() :]
    found = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    address = re.match(r"\[[^\[\]]*[\[\]]?", found)
    start = address.end() if address else 0
    found = found[:start] + found[start:].partition(":")[0]
    found = found.lstrip(".")
    bare = found.rstrip(".")
    return (bare + "." if bare != found else bare) or None


TEXT, BYTES = pa.string(), pa.binary()
bp_net_ip_to_string = strict(guarded(ip_to_string), TEXT)
bp_net_ip_from_string = strict(guarded(ip_from_string), BYTES)
bp_net_ip_net_mask = strict(guarded(ip_net_mask), BYTES)
bp_net_ip_trunc = strict(guarded(ip_trunc), BYTES)
bp_net_ipv4_from_int64 = strict(guarded(ipv4_from_int64), BYTES)
bp_net_ipv4_to_int64 = strict(guarded(ipv4_to_int64), pa.int64())
bp_net_host = strict(host, TEXT)
