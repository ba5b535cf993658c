"""Read the first line of a cell: `[var <<] [options]`. What the words mean is `magics`' business."""

from __future__ import annotations

import argparse
import ast
import difflib
import keyword
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from IPython.core.magic_arguments import MagicArgumentParser

from bigpato_magic.errors import ConfigurationError, ParameterError

_DESTINATION = re.compile(r"\s*+(?P<name>[^\s<=-][^\s<=]*+)\s*+(?P<equals>=)?+\s*+<<(?P<rest>.*)", re.DOTALL)
_PARAMS = re.compile(r"(?:(?<=\s)|^)--params(?:\s+|=|$)", re.DOTALL)
_WORD = re.compile(r"\s*+((?:\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'|[^\s\"'])++)")
# A quoted text, to the end of all where its end is missing: so no character is looked at twice.
_QUOTED = r"\"(?:[^\"\\]|\\.?)*+\"?+|'(?:[^'\\]|\\.?)*+'?+"
_STARTS_SQL = re.compile(r"\s*+(?:\(|--(?:\s|$)|#|/\*|(?:SELECT|WITH|FROM)\b)", re.IGNORECASE)
_DOLLAR = re.compile(rf"({_QUOTED})|\$([^\W\d]\w*+)", re.DOTALL)
_PIECE = re.compile(rf"{_QUOTED}|.", re.DOTALL)
# argparse names all spellings of an option.
_SPELLINGS = re.compile(r"\bargument (--?[\w-]++)(?:/--?[\w-]++)*+")
_JSON = {"true": True, "false": False, "null": None}

#: Options of `%%bigquery` and `%%sql` that have no place here, and what to do instead.
FOREIGN = {
    "--destination_table": "write CREATE OR REPLACE TABLE dataset.name AS SELECT …",
    "--use_legacy_sql": "legacy SQL is not spoken here; %%bigquery still does",
    "--bigquery_api_endpoint": "set BIGQUERY_EMULATOR_HOST before the kernel starts",
    "--bqstorage_api_endpoint": "set BIGQUERY_EMULATOR_HOST before the kernel starts",
    "--use_geodataframe": "geopandas.GeoSeries.from_wkt(df['column']) makes one of the result",
    "--engine": "use --to arrow, polars or duckdb for another kind of frame",
    "--graph": "graphs are drawn by %%bigquery only",
    "--pyformat": "values are bound as @name, never pasted; a table's name is written out",
    "--connections": "there is one BigQuery; %config BigPato shows how it is reached",
    "--close": "there is no connection to close",
    "--creator": "there is one BigQuery; %config BigPato.project chooses the project",
    "--section": "there is one BigQuery; %config BigPato.project chooses the project",
    "--connection_arguments": "there is one BigQuery; %config BigPato shows its settings",
    "--alias": "there is one BigQuery; %config BigPato.project chooses the project",
    "--persist": "load a frame with google.cloud.bigquery's load_table_from_dataframe",
    "--persist-replace": "load a frame with google.cloud.bigquery's load_table_from_dataframe",
    "--append": "load a frame with google.cloud.bigquery's load_table_from_dataframe",
    "--no-index": "load a frame with google.cloud.bigquery's load_table_from_dataframe",
    "--interact": "use ipywidgets.interact around client.run with parameters",
}


class Parser(MagicArgumentParser):
    """Options of a magic; a wrong one is a `ConfigurationError` with the likely right one."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(prog=prog, description=description)  # type: ignore[no-untyped-call]
        self.allow_abbrev = False

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving the process."""
        raise ConfigurationError(_kindly(message), hint=self._way_out(message))

    def _way_out(self, message: str) -> str:
        known = [option for action in self._actions for option in action.option_strings]
        for word in re.findall(r"--?[\w-]+", message.partition(":")[2]):
            if word in FOREIGN:
                return FOREIGN[word]
            if close := difflib.get_close_matches(word, known, n=1):
                return f"did you mean {close[0]}?" if close[0] != word else f"%{self.prog}? shows its options"
        return f"%{self.prog}? shows its options"


def _kindly(message: str) -> str:
    text = message.replace("unrecognized arguments:", "there is no option")
    text = _SPELLINGS.sub(r"\1", text, count=1)  # one is enough
    return text.replace("expected one argument", "a value is missing")


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """A read line.

    Args:
        options: the values of the options, by name.
        sql: the query: what stood behind the options, and the cell.
        destination: the variable that takes the result, None to show it.
        shown: the result is shown although it has a destination (`name = <<`).
        params: the text of `--params`, None where there is none.
    """

    options: argparse.Namespace
    sql: str
    destination: str | None = None
    shown: bool = False
    params: str | None = None


def read(parser: argparse.ArgumentParser, line: str, cell: str | None) -> ParsedLine:
    """Read `[var <<] [options] [SQL]`, and the cell if it is one.

    Raises:
        ConfigurationError: an option is unknown or has a wrong value, or a variable's name is none.
    """
    destination, shown, rest = _destination(line)
    head, sql = _split(parser, rest, one_line=cell is None)
    params, head = _take_params(head)
    options = parser.parse_args(_arguments(head))
    positional = getattr(options, "destination_var", None)
    if positional is not None and destination is not None:
        raise ConfigurationError(f"the result has two names, {destination} and {positional}")
    return ParsedLine(
        options=options,
        sql="\n".join(part for part in (sql, cell or "") if part.strip()),
        destination=destination or (_checked(positional) if positional else None),
        shown=shown,
        params=params,
    )


def options(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace:
    """Read a line that has options and names, and no query.

    Raises:
        ConfigurationError: an option is unknown or has a wrong value.
    """
    return parser.parse_args(_arguments(line))


def mapping(text: str | None, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The value of `--params`: JSON, a Python dict, `$name` of a dict, or `{"n": $name}`.

    Raises:
        ParameterError: it is no mapping, or names a variable that does not exist.
    """
    if not text:
        return {}
    plain = _DOLLAR.sub(lambda match: match[1] or f"__variable__({match[2]!r})", _unquoted(text))
    try:
        value = _value(ast.parse(plain.strip(), mode="eval").body, variables)
    except (SyntaxError, ValueError):
        raise ParameterError(
            f"--params {text} is no mapping", hint='for instance {"country": "EE"}, or $name'
        ) from None
    if not isinstance(value, Mapping):
        raise ParameterError(f"--params takes a mapping, not a {type(value).__name__}", hint='{"country": "EE"}')
    if strange := next((key for key in value if not isinstance(key, str)), None):
        raise ParameterError(f"--params names a parameter {strange!r}", hint='names stand in quotes: {"country": "EE"}')
    return value


def _value(node: ast.AST, variables: Mapping[str, Any]) -> Any:
    """Evaluate literals and `$name`, nothing else."""
    match node:
        case ast.Dict(keys=keys, values=values):
            return {_value(k, variables): _value(v, variables) for k, v in zip(keys, values, strict=True) if k}
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, variables) for item in items]
        case ast.Call(func=ast.Name(id="__variable__"), args=[ast.Constant(value=str(name))]):
            return _variable(name, variables)
        case ast.Name(id=name) if name in _JSON:
            return _JSON[name]
        case ast.Name(id=name):
            return _variable(name, variables)
    return ast.literal_eval(node)


def _variable(name: str, variables: Mapping[str, Any]) -> Any:
    if name not in variables:
        raise ParameterError(f"--params names {name}, and there is no such variable")
    return variables[name]


def _destination(line: str) -> tuple[str | None, bool, str]:
    match = _DESTINATION.match(line)
    if match is None:
        return None, False, line
    return _checked(match["name"]), match["equals"] is not None, match["rest"]


def _checked(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ConfigurationError(f"{name!r} cannot be the name of a variable")
    return name


def _split(parser: argparse.ArgumentParser, text: str, *, one_line: bool) -> tuple[str, str]:
    """The options, and the SQL behind them on the same line."""
    position = 0
    while (word := _WORD.match(text, position)) is not None:
        if _STARTS_SQL.match(text, position) and not _is_option(parser, word[1]):
            break
        if word[1] in ("--params",) or word[1].startswith("--params="):
            position = _end_of_params(text, _PARAMS.search(text, position).end())  # type: ignore[union-attr]
        elif word[1].startswith("-"):
            position = _end_of_option(parser, text, word)
        elif one_line:
            break
        else:
            position = word.end()
    rest = text[position:].strip()
    if rest.startswith(("'", '"')):
        raise ConfigurationError("a quote in the first line is not closed")
    return text[:position], rest


def _is_option(parser: argparse.ArgumentParser, word: str) -> bool:
    return word.partition("=")[0] in parser._option_string_actions


def _end_of_option(parser: argparse.ArgumentParser, text: str, word: re.Match[str]) -> int:
    action = parser._option_string_actions.get(word[1])
    if action is None or action.nargs == 0:
        return word.end()
    value = _WORD.match(text, word.end())
    return value.end() if value else word.end()


def _arguments(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise ConfigurationError("a quote in the first line is not closed") from None


def _take_params(text: str) -> tuple[str | None, str]:
    """Cut `--params …` out: its value may hold blanks and quotes that a shell's rules would spoil."""
    match = _PARAMS.search(text)
    if match is None:
        return None, text
    end = _end_of_params(text, match.end())
    if not (value := text[match.end() : end].strip()) or value.startswith("--"):
        raise ConfigurationError("--params: a value is missing", hint='--params {"country": "EE"}, or --params $name')
    return value, text[: match.start()] + " " + text[end:]


def _end_of_params(text: str, start: int) -> int:
    """Where a balanced `{…}`, a quoted text or a word ends."""
    if not text[start:].startswith(("{", "[")):
        word = _WORD.match(text, start)
        return word.end() if word else len(text)
    depth = 0
    for token in _PIECE.finditer(text[start:]):
        depth += (token[0] in "{[") - (token[0] in "}]") if len(token[0]) == 1 else 0
        if depth == 0:
            return start + token.end()
    raise ParameterError("--params has a bracket that is not closed")


def _unquoted(text: str) -> str:
    """`'{"n": 5}'` as people write it for a shell, without the outer quotes."""
    stripped = text.strip()
    if len(stripped) > 1 and stripped[0] == stripped[-1] and stripped[0] in "'\"":
        return stripped[1:-1]
    return stripped
