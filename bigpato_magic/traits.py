"""Trait types with spelled units ("10 GiB", "5 min"). The traits themselves live on the classes that own them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from traitlets import Float, HasTraits, Int, TraitError, TraitType
from traitlets.config import LoggingConfigurable

from bigpato_magic.errors import ConfigurationError

_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZES |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_SECONDS = {
    "": 1.0,
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
}
_SECONDS |= {"day": 86400.0, "week": 604800.0}
_HEADING = re.compile(r"^(\w+)\(.*\) options\n-+", re.MULTILINE)
_ITEMS = re.compile(r"=<(list|set|key)-(?:item-)?1>.*$", re.MULTILINE)
_KINDS = {"list": "list", "set": "set", "key": "dict"}
_QUANTITY = re.compile(r"\s*+([0-9]++(?:\.[0-9]++)?|\.[0-9]++)\s*+([A-Za-z]*+)\s*+")


def parse_size(text: str | float) -> int:
    """Bytes of "10 GiB", "500 MB" or a plain number.

    >>> parse_size("10 GiB"), parse_size(4096)
    (10737418240, 4096)

    Raises:
        ValueError: the text is not a number with a known unit.
    """
    return int(_parse(text, _SIZES, "a size as '10 GiB' or '500 MB'"))


def parse_duration(text: str | float) -> float:
    """Seconds of "5 min", "30 s", "2 days", a plain number, or "inf".

    >>> parse_duration("5 min"), parse_duration("inf")
    (300.0, inf)

    Raises:
        ValueError: the text is not a number with a known unit.
    """
    if isinstance(text, str) and text.strip().lower() in ("inf", "infinity", "forever"):
        return math.inf
    return _parse(text, _SECONDS, "a duration as '5 min' or '30 s'")


def _parse(text: str | float, units: Mapping[str, float], wanted: str) -> float:
    if isinstance(text, int | float) and not isinstance(text, bool):
        if text < 0 or math.isnan(text):
            raise ValueError(f"{text!r} is not {wanted}")
        return text
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    unit = match[2].lower() if match else None
    if match is None or unit is None or (unit not in units and unit.rstrip("s") not in units):
        raise ValueError(f"{text!r} is not {wanted}")
    factor = units[unit] if unit in units else units[unit.rstrip("s")]
    return float(match[1]) * factor


def format_size(size: float) -> str:
    """Bytes for a person: "1.4 GiB" of 1503238553, "812 B" of 812."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"


def format_duration(seconds: float) -> str:
    """Seconds for a person: "0.04 s", "2.1 s", "3 min", "2 h", "3 days"."""
    if seconds < 0.095:
        return f"{seconds:.2f} s" if seconds >= 0.005 else f"{seconds * 1000:.1f} ms"
    if seconds < 90:
        return f"{seconds:.1f} s"
    for size, unit in ((86400 * 2, "days"), (5400, "h"), (0, "min")):
        if seconds >= size:
            return f"{seconds / {'days': 86400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    raise AssertionError(seconds)


def format_money(dollars: float) -> str:
    """Dollars for a person: "$0.0087", "$1,212.30", "$0.00006", "$0"."""
    if dollars == 0:
        return "$0"
    # Through Decimal: a float's own short form would be 6e-05.
    return f"${dollars:,.2f}" if abs(dollars) >= 0.1 else f"${Decimal(f'{dollars:.2g}'):f}"


def format_slots(milliseconds: float) -> str:
    """Milliseconds of slots for a person: "0.12 slot-seconds", "12 slot-seconds", "3.4 slot-hours".

    >>> format_slots(120), format_slots(12_345), format_slots(12_240_000)
    ('0.12 slot-seconds', '12 slot-seconds', '3.4 slot-hours')
    """
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{Decimal(f'{seconds:.2g}'):f} slot-seconds"
    return f"{seconds:,.0f} slot-seconds" if seconds < 5400 else f"{seconds / 3600:,.1f} slot-hours"


def format_instant(instant: datetime) -> str:
    """An instant on the person's wall clock, with its date and zone: what is saved is read on another day, elsewhere.

    >>> from datetime import UTC
    >>> format_instant(datetime(2024, 1, 31, 14, 3, 22, tzinfo=UTC))[:4]
    '2024'
    """
    local = instant.astimezone()
    offset = f"{local:%z}"
    return f"{local:%Y-%m-%d %H:%M:%S} {f'{offset[:3]}:{offset[3:5]}' if local.utcoffset() else 'UTC'}"


def unknown_setting(owner: str, name: str, known: Iterable[str], elsewhere: Iterable[str] = ()) -> ConfigurationError:
    """The error of a setting that nobody reads, with the one that was probably meant.

    Args:
        owner: the class that has no such setting.
        name: of the setting.
        known: the names of those that it has.
        elsewhere: settings of this very name that other classes have, as `FreshnessPolicy.max_staleness`.
    """
    close = [*elsewhere, *get_close_matches(name, known, n=1)]
    hint = f"did you mean {close[0]}?" if close else f"%config {owner} lists its settings"
    return ConfigurationError(f"{owner} has no setting {name!r}", hint=hint)


class Configured(LoggingConfigurable):
    """Settings, which `%config` lists with their units and without the classes that they stand on."""

    @classmethod
    def class_get_help(cls, inst: HasTraits | None = None) -> str:
        """What `%config` prints of all of them."""
        text = super().class_get_help(inst)
        return _HEADING.sub(f"{cls.__name__} options\n{'-' * len(cls.__name__ + ' options')}", text, count=1)

    @classmethod
    def class_get_trait_help(
        cls, trait: TraitType[Any, Any], inst: HasTraits | None = None, helptext: str | None = None
    ) -> str:
        """What `%config` prints of one of them."""
        text = super().class_get_trait_help(trait, inst, helptext)
        value = None if inst is None or trait.name is None else getattr(inst, trait.name)
        if isinstance(trait, Size | Duration) and value is not None:
            told = format_size(value) if isinstance(trait, Size) else format_duration(value)
            text = text.replace(f"Current: {value!r}", f"Current: {'inf' if value == math.inf else told}")
        return _ITEMS.sub(lambda item: f"=<{_KINDS[item[1]]}>", text)


class Size(Int[int, Any]):
    """A number of bytes; takes "10 GiB" too."""

    info_text = "a size as '10 GiB'"

    def validate(self, obj: HasTraits, value: Any) -> int:  # noqa: ARG002 - traitlets passes it
        """Bytes, from text or a number."""
        try:
            return parse_size(value)
        except ValueError as error:
            raise TraitError(f"{self.name}: {error}") from None

    def from_string(self, s: str) -> Any:
        """As given on a command line."""
        return s


class Duration(Float[float, Any]):
    """A number of seconds; takes "5 min" and "inf" too."""

    info_text = "a duration as '5 min'"

    def validate(self, obj: HasTraits, value: Any) -> float:  # noqa: ARG002 - traitlets passes it
        """Seconds, from text or a number."""
        try:
            return parse_duration(value)
        except ValueError as error:
            raise TraitError(f"{self.name}: {error}") from None

    def from_string(self, s: str) -> Any:
        """As given on a command line."""
        return s
