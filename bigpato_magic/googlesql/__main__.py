"""`python -m bigpato_magic.googlesql`: compile Google's analyzer for this machine, unless that is done."""

from __future__ import annotations

import os
import sys
import time


def main(arguments: list[str]) -> int:
    """Compile, and say what was done.

    With `--background`, leave the processor to others; with `--hand-over`, write nothing but code that cannot be kept.
    """
    from bigpato_magic.googlesql import module

    if "--background" in arguments and hasattr(os, "nice"):
        os.nice(10)
    begun = time.monotonic()
    try:
        compiled = module.compile_once()
    except module.NotKept as error:
        if "--hand-over" in arguments:
            sys.stdout.buffer.write(error.code)
            return 0
        sys.stderr.write(f"{error.message}\n")
        return 1
    if "--hand-over" in arguments:
        return 0
    what = f"compiled in {time.monotonic() - begun:.0f} s" if compiled else "already compiled"
    sys.stdout.write(f"Google's analyzer: {what} ({module.compiled_path()})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
