"""STRING from BYTES and back: UTF-8, hexadecimal, base 32 and base 64; hashes.

https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict
from bigpato_magic.sql.udfs.farmhash import fingerprint64


def safe_convert(data: bytes) -> str:
    """SAFE_CONVERT_BYTES_TO_STRING: each byte that is not UTF-8 becomes U+FFFD."""
    found: list[str] = []
    while data:
        try:
            return "".join(found) + data.decode()
        except UnicodeDecodeError as error:
            bad = len(data[error.start : error.end])
            found.append(data[: error.start].decode() + "\ufffd" * bad)
            data = data[error.end :]
    return "".join(found)


def to_string(data: bytes) -> str:
    """CAST of BYTES to STRING."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidValue("BYTES that are not UTF-8") from None


def from_hex(text: str) -> bytes:
    """FROM_HEX; an odd number of digits gets a zero in front."""
    if not re.fullmatch("[0-9a-fA-F]*", text):
        raise InvalidValue("not hexadecimal")
    return bytes.fromhex(text if len(text) % 2 == 0 else f"0{text}")


def from_base64(text: str) -> bytes:
    """FROM_BASE64: spaces do not count, padding may be missing, and it may be dots (https://abseil.io, `Base64Unescape`)."""
    bare = re.sub("[ \t\n\r\v\f]", "", text)
    digits = bare.rstrip("=.")
    missing = -len(digits) % 4
    if not re.fullmatch("[A-Za-z0-9+/]*", digits) or missing == 3:
        raise InvalidValue("not base64")
    if len(bare) - len(digits) not in (0, missing):
        raise InvalidValue("not base64")
    return base64.b64decode(digits + "=" * missing)


def to_base2(data: bytes) -> str:
    """Eight bits for each byte."""
    return "".join(f"{byte:08b}" for byte in data)


def to_base32(data: bytes) -> str:
    """TO_BASE32, with padding (RFC 4648)."""
    return base64.b32encode(data).decode()


def from_base32(text: str) -> bytes:
    """FROM_BASE32 of what TO_BASE32 gives; how BigQuery reads any other text is not known here."""
    try:
        data = base64.b32decode(text)
    except ValueError:
        raise Unsure("a text that TO_BASE32 would not give") from None
    if to_base32(data) != text:
        raise Unsure("a text that TO_BASE32 would not give")
    return data


def _hashed(name: str) -> Any:
    return lambda text: hashlib.new(
        name, text.encode() if isinstance(text, str) else text, usedforsecurity=False
    ).digest()


def farm_fingerprint(text: str | bytes) -> int:
    """FARM_FINGERPRINT."""
    value = fingerprint64(text.encode() if isinstance(text, str) else text)
    return value - 2**64 if value >= 2**63 else value


TEXT, BYTES = pa.string(), pa.binary()

bp_safe_convert = strict(safe_convert, TEXT)
bp_to_string = strict(guarded(to_string), TEXT)
bp_from_hex = strict(guarded(from_hex), BYTES)
bp_from_base64 = strict(guarded(from_base64), BYTES)
bp_sha512 = strict(_hashed("sha512"), BYTES)
bp_farm_fingerprint = strict(farm_fingerprint, pa.int64())
bp_to_base2 = strict(to_base2, TEXT)
bp_to_base32 = strict(to_base32, TEXT)
bp_from_base32 = strict(from_base32, BYTES)
