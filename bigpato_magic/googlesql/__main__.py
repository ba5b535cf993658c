"""`python -m bigpato_magic.googlesql`: compile Google's analyzer for this machine, unless that is done."""

from __future__ import annotations

import os
import sys
import time


def main(arguments: list[str]) -> int:
    """Compile, and say what was done. With `--background`, leave the processor to others."""
    from bigpato_magic.googlesql import module

    if "--background" in arguments and hasattr(os, "nice"):
        os.nice(10)
    begun = time.monotonic()
    compiled = module.compile_once()
    what = f"compiled in {time.monotonic() - begun:.0f} s" if compiled else "already compiled"
    sys.stdout.write(f"Google's analyzer: {what} ({module.compiled_path()})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
