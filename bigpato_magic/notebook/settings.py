"""What may be set in the panel: a table of traits; and what `%config` is told of them. The classes own the traits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from traitlets import Bool, Enum, HasTraits, TraitError, UseEnum

from bigpato_magic.errors import ConfigurationError
from bigpato_magic.notebook.session import OWNERS
from bigpato_magic.traits import Duration, Size, format_duration, format_size, unknown_setting

if TYPE_CHECKING:
    from bigpato_magic.client import BigPato


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of the panel.

    Args:
        owner: path from the client to the object whose trait it is, "" for the client.
        name: the trait.
        label: what a person reads.
    """

    owner: str
    name: str
    label: str

    @property
    def key(self) -> str:
        """A name for it that is unique in the panel."""
        return f"{self.owner}.{self.name}".lstrip(".")

    def of(self, client: BigPato) -> HasTraits:
        """The object that owns the trait."""
        return attrgetter(self.owner)(client) if self.owner else client


SETTINGS = (
    Setting("", "route", "Route"),
    Setting("tier.facts.policy", "max_staleness", "Staleness allowed"),
    Setting("tier", "budget", "Disk budget"),
    Setting("tier", "policy", "What to hold"),
    Setting("tier.pricing", "objective", "What to save"),
    Setting("tier", "auto", "Rebalance when idle"),
    Setting("tier.keep", "on", "Keep answers"),
    Setting("", "maximum_bytes_billed", "Most bytes billed (0: any)"),
    Setting("", "ask_above", "Ask above (0: never)"),
    Setting("", "footnote", "Footnotes"),
)


def describe(client: BigPato) -> list[dict[str, Any]]:
    """The fields with their present values, ready for the front end."""
    return [_describe(setting, setting.of(client)) for setting in SETTINGS]


def _describe(setting: Setting, owner: HasTraits) -> dict[str, Any]:
    trait, value = owner.traits()[setting.name], getattr(owner, setting.name)
    field = {"name": setting.key, "label": setting.label, "help": trait.help}
    if isinstance(trait, Bool):
        return {**field, "kind": "bool", "value": value}
    if choices := _choices(trait):
        return {**field, "kind": "choice", "value": str(value), "choices": choices}
    return {**field, "kind": "text", "value": _text(trait, value)}


def _choices(trait: Any) -> list[str]:
    if isinstance(trait, Enum):
        return [str(choice) for choice in trait.values or ()]
    return [str(choice) for choice in trait.enum_class] if isinstance(trait, UseEnum) else []


def _text(trait: Any, value: Any) -> str:
    if isinstance(trait, Size) and value is not None:
        return format_size(value)
    if isinstance(trait, Duration) and value is not None:
        return "inf" if value == float("inf") else "0 s" if value == 0 else format_duration(value)
    return "" if value is None else str(value)


def change(client: BigPato, key: str, value: Any) -> None:
    """Set a trait from what a person typed.

    Raises:
        TraitError: there is no such field, or the value does not fit.
    """
    setting = next((s for s in SETTINGS if s.key == key), None)
    if setting is None:
        raise TraitError(f"{key!r} cannot be set here")
    setattr(setting.of(client), setting.name, value)


def observe(client: BigPato, handler: Callable[[Any], None]) -> None:
    """Call `handler` when one of them changes, from wherever (`%config`, Python, another panel)."""
    for setting in SETTINGS:
        setting.of(client).observe(handler, setting.name)


_STATEMENT = re.compile(r"\s*(?P<owner>\w+)\.(?P<name>\w+)\s*(?:=(?P<value>.*))?", re.DOTALL)


def check_config(line: str, configurables: Iterable[HasTraits], variables: Mapping[str, Any]) -> None:
    """Complain of a line of `%config` that IPython would pass over without a word: a wrong name, or a wrong value.

    Args:
        line: as `BigPato.project = "acme"`.
        configurables: those that IPython knows, ours among them.
        variables: what the value may name.

    Raises:
        ConfigurationError: it means one of our classes, and nothing would come of it.
    """
    match = _STATEMENT.fullmatch(line)
    if match is None:
        return
    parts = {type(part).__name__: part for part in configurables}
    owner = match["owner"]
    if owner not in parts and (close := get_close_matches(owner, OWNERS, n=1, cutoff=0.75)):
        raise ConfigurationError(f"there is no {owner} to configure", hint=f"did you mean {close[0]}?")
    if owner in OWNERS and owner in parts:
        _check_name(parts, owner, match["name"])
        _check_value(parts[owner], match["name"], match["value"], variables)


def _check_name(parts: Mapping[str, HasTraits], owner: str, name: str) -> None:
    known = {each: parts[each].trait_names(config=True) for each in OWNERS if each in parts}
    if name not in known[owner]:
        elsewhere = [f"{other}.{name}" for other, names in known.items() if name in names]
        raise unknown_setting(owner, name, known[owner], elsewhere)


def _check_value(part: HasTraits, name: str, value: str | None, variables: Mapping[str, Any]) -> None:
    owner = type(part).__name__
    if value is None:
        return
    try:
        # Only looked at: it is IPython that sets it, once. Set here too, it would undo what the panel sets in between.
        part.traits()[name]._validate(part, eval(value.strip(), dict(variables)))  # noqa: S307 - as IPython reads it
    except TraitError as error:
        raise ConfigurationError(f"{owner}.{name} was not set: {error}", hint=part.traits()[name].help) from None
    except Exception as error:
        hint = f'a text stands in quotes: %config {owner}.{name} = "…"'
        raise ConfigurationError(f"{value.strip()} is no value for {owner}.{name}: {error}", hint=hint) from None


def unobserve(client: BigPato, handler: Callable[[Any], None]) -> None:
    """Stop calling it."""
    for setting in SETTINGS:
        setting.of(client).unobserve(handler, setting.name)
