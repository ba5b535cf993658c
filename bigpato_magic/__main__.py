"""`python -m bigpato_magic doctor`: what is well and what is not; `verify`: the suite on your BigQuery. Without a notebook."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bigpato_magic.client import BigPato

_SETTINGS = ("project", "dataset", "location", "key", "bucket", "directory")


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; 0 where all is well, 1 where something is not, 2 where nothing could be done."""
    from bigpato_magic.client import BigPato
    from bigpato_magic.errors import BigPatoError

    asked = _parser().parse_args(arguments)
    try:
        client = BigPato(**{name: value for name in _SETTINGS if (value := getattr(asked, name))})
        try:
            do: Callable[[BigPato, argparse.Namespace], bool] = asked.do
            return 0 if do(client, asked) else 1
        finally:
            client.close()
    except BigPatoError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bigpato_magic", description=__doc__)
    commands = parser.add_subparsers(required=True)
    doctor = commands.add_parser("doctor", help="Look at all that queries need, say what to do; bills nothing.")
    doctor.add_argument("--json", action="store_true", help="as JSON for a report, without a secret in it")
    doctor.set_defaults(do=_doctor)
    verify = commands.add_parser(
        "verify", help="Ask your BigQuery the package's own questions, and compare; bills nothing."
    )
    verify.add_argument("families", nargs="*", help="these alone, as casts; all by default")
    verify.set_defaults(do=_verify)
    for command in (doctor, verify):
        for name in _SETTINGS:
            command.add_argument(f"--{name}", default="", help="as the setting of that name (docs/configuration.md)")
    return parser


def _doctor(client: BigPato, asked: argparse.Namespace) -> bool:
    from bigpato_magic.doctor import examine

    diagnosis = examine(client)
    sys.stdout.write(diagnosis.json() if asked.json else "\n".join(diagnosis.lines()))
    sys.stdout.write("\n")
    return diagnosis.well


def _verify(client: BigPato, asked: argparse.Namespace) -> bool:
    from bigpato_magic import googlesql
    from bigpato_magic.notebook.cards import suite_card

    googlesql.warm(background=False)
    report = client.verify_suite(*asked.families, say=_say)
    sys.stdout.write(f"{suite_card(report).text}\n")
    return not report.differences


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
