"""`python -m bigpato_magic doctor`: what is well and what is not, without a notebook."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

_SETTINGS = ("project", "dataset", "location", "key", "bucket", "directory")


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; 0 where all is well."""
    parser = argparse.ArgumentParser(prog="python -m bigpato_magic", description=__doc__)
    commands = parser.add_subparsers(required=True)
    doctor = commands.add_parser("doctor", help="Look at all that queries need, say what to do; bills nothing.")
    doctor.add_argument("--json", action="store_true", help="as JSON for a report, without a secret in it")
    for name in _SETTINGS:
        doctor.add_argument(f"--{name}", default="", help="as the setting of that name (docs/configuration.md)")
    return _doctor(parser.parse_args(arguments))


def _doctor(asked: argparse.Namespace) -> int:
    from bigpato_magic.client import BigPato
    from bigpato_magic.doctor import examine
    from bigpato_magic.errors import BigPatoError

    try:
        client = BigPato(**{name: value for name in _SETTINGS if (value := getattr(asked, name))})
    except BigPatoError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    diagnosis = examine(client)
    sys.stdout.write(diagnosis.json() if asked.json else "\n".join(diagnosis.lines()))
    sys.stdout.write("\n")
    client.close()
    return 0 if diagnosis.well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
