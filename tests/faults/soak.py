"""Several kernels on one tier for a long time, while everything goes wrong: kills, Ctrl-C, damage, faults, a full disk.

    python -m tests.faults.soak --minutes 30 --kernels 4

Each answer must be the state of its table at some instant between its start, less what staleness it allowed, and its
end (linearizability, by the versions that the content tells). No error but the package's own may reach a person, and no
action may hang. Prints counts; the exit code is 1 where something was wrong, and the journal is kept then.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.conftest import Processes

KERNEL = Path(__file__).with_name("kernel.py")
HANGS = 90.0
"""Seconds without a word after which an action counts as hanging, on a busy machine."""

DISK = "48m"


@dataclass
class Verdict:
    """What was seen.

    Args:
        counts: of everything, by name.
        wrong: sentences, one for each thing that must not be.
    """

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


# ----------------------------------------------------------------------------------------------- judging


def judge(lines: list[dict]) -> Verdict:
    """Judge a journal."""
    verdict, writes = Verdict(), _writes(lines)
    for line in lines:
        kind = line["kind"]
        if kind == "answer":
            verdict.counts[f"answers {line['where']}"] += 1
            verdict.counts.update(f"reason {code}" for code in line["reasons"])
            if sentence := _wrong(line, writes[line["table"]]):
                verdict.wrong.append(sentence)
        elif kind == "begin":
            verdict.counts[f"actions {line['action']}"] += 1
        elif kind == "error":
            verdict.counts[f"errors {line['action']} {line['type']}"] += 1
        elif kind in ("defect", "hang"):
            verdict.wrong.append(f"{kind} in {line['action']}: {line.get('text', '')}")
        else:
            verdict.counts[kind] += 1
    return verdict


def _writes(lines):
    """When each version of each table may have come: (first begun, last seen to be there)."""
    found = defaultdict(dict)
    for line in lines:
        if line["kind"] in ("writing", "written"):
            begun, done = found[line["table"]].get(line["version"], (math.inf, math.inf))
            if line["kind"] == "writing":
                begun = min(begun, line["at"])
            else:
                done = min(done, line["at"])
            found[line["table"]][line["version"]] = (begun, done)
    return found


def _wrong(line, versions):
    """What is wrong with an answer, None if it is the state of the table at some instant of its window."""
    version, where = line["version"], f"{line['table']} on {line['where']}"
    if version is None:
        return f"torn: {where} gave {line['rows']}"
    if version not in versions or versions[version][0] > line["at"]:
        return f"from nowhere: {where} gave version {version} before it was written"
    replaced = versions.get(version + 1, (math.inf, math.inf))[1]
    if replaced < line["started"] - line["staleness"]:
        late = line["started"] - line["staleness"] - replaced
        return f"stale: {where} gave version {version}, {late:.3f} s after it was replaced"
    return None


# ------------------------------------------------------------------------------------------------- harm


class Vandal:
    """Damages files of the tier in every way that keeps them files."""

    def __init__(self, tier: Path, generator: random.Random) -> None:
        self.tier, self.random = tier, generator

    def strike(self) -> str:
        """Do one thing; what it was."""
        ways = (self.flip, self.flip, self.lose_a_page, self.lose_a_page, self.cut, self.remove, self.tear, self.forget)
        way = self.random.choice(ways)
        with suppress(OSError, IndexError, ValueError):
            way()
        return way.__name__

    def _one(self, pattern: str) -> Path:
        return self.random.choice(sorted(self.tier.glob(pattern)))

    def _write(self, path: Path, at: int, content: bytes) -> None:
        with path.open("r+b") as file:
            file.seek(at)
            file.write(content)

    def flip(self) -> None:
        path = self._one("*/principals/*/parts/*")
        at = self.random.randrange(path.stat().st_size)
        self._write(path, at, bytes([path.read_bytes()[at] ^ (1 << self.random.randrange(8))]))

    def lose_a_page(self) -> None:
        path = self._one("*/principals/*/parts/*")
        self._write(path, 4096 * self.random.randrange(path.stat().st_size // 4096), bytes(4096))

    def cut(self) -> None:
        path = self._one("*/principals/*/parts/*")
        os.truncate(path, self.random.randrange(path.stat().st_size))

    def remove(self) -> None:
        self._one("*/principals/*/*/*.*").unlink()

    def tear(self) -> None:
        path = self._one("*/principals/*/manifests/*")
        path.write_text(path.read_text()[: self.random.randrange(200)])

    def forget(self) -> None:
        """The journal of the tier goes: only habits and accounts are in it."""
        for path in self.tier.glob("*/tier.sqlite*"):
            path.unlink()


@contextmanager
def small_disk(place: Path):
    """A file system of a few megabytes at `place` where this user may mount one; whether it is."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    mounted = os.getuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)


# ---------------------------------------------------------------------------------------------- the soak


class Soak:
    """Keeps kernels running, and harms them."""

    def __init__(self, home: Path, kernels: int, seconds: float, seed: int) -> None:
        self.home, self.random = home, random.Random(seed)
        self.until = time.monotonic() + seconds
        self.processes = Processes(KERNEL)
        self.vandal = Vandal(home / "tier", self.random)
        self.counts: Counter[str] = Counter()
        self.pipes: list[object] = []
        self.begun: dict[int, float] = {}
        self.running = [self._start() for _ in range(kernels)]

    def _start(self):
        self.counts["kernels"] += 1
        process, pipe = self.processes.start("kernel", self.home, self.random.randrange(1 << 30), self.until)
        self.pipes.append(pipe)
        # The system gives the number of a process that ended to another one.
        self.begun[process.pid] = time.monotonic()
        return process

    def run(self) -> None:
        """Until the time is over."""
        while time.monotonic() < self.until:
            time.sleep(self.random.uniform(0.1, 1.5))
            self._harm()
            self.running = [p if p.is_alive() else self._start() for p in self.running]
            self._look_for_hangs()
        self.unfill()
        for process in self.running:
            process.join(max(1.0, self.until + HANGS - time.monotonic()))
            if process.is_alive():
                self._hang(process.pid)
                process.kill()

    def _harm(self) -> None:
        what = self.random.choices(("kill", "press", "vandal", "fill", "unfill", "nothing"), (2, 4, 4, 1, 2, 4))[0]
        self.counts[f"harm {what}"] += 1
        victim = self.random.choice(self.running)
        if what == "kill":
            victim.kill()
            victim.join()
        elif what == "press" and victim.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(victim.pid, signal.SIGINT)
        elif what == "vandal":
            self.counts[f"vandal {self.vandal.strike()}"] += 1
        elif what in ("fill", "unfill"):
            getattr(self, what)()

    def fill(self) -> None:
        """Nothing more fits on the small disk (at most its own size is written)."""
        if (self.home / "small").exists():
            with suppress(OSError), (self.home / "tier" / "full").open("wb") as file:
                for _ in range(64):
                    file.write(bytes(1 << 20))

    def unfill(self) -> None:
        """There is room again."""
        (self.home / "tier" / "full").unlink(missing_ok=True)

    def _look_for_hangs(self) -> None:
        last = {line["pid"]: line for line in read(self.home)}
        for process in self.running:
            line = last.get(process.pid)
            mine = line is not None and line["at"] >= self.begun[process.pid]
            if mine and line["kind"] == "begin" and time.monotonic() - line["at"] > HANGS:
                self._hang(process.pid, line["action"])
                process.kill()
                process.join()

    def _hang(self, pid, action="?") -> None:
        note = {"kind": "hang", "action": action, "at": time.monotonic(), "pid": pid}
        with (self.home / "journal.jsonl").open("a") as file:
            file.write(json.dumps(note) + "\n")


def read(home: Path) -> list[dict]:
    """The journal."""
    return [json.loads(line) for line in (home / "journal.jsonl").read_text().splitlines() if line.endswith("}")]


def soak(home: Path, *, minutes: float, kernels: int, seed: int = 0) -> Verdict:
    """Run it in an empty directory, and judge it."""
    home.mkdir(exist_ok=True)
    with small_disk(home / "tier") as small:
        if small:
            (home / "small").touch()
        assert Processes(KERNEL).run("prepare", home)[1] == 0
        work = Soak(home, kernels, 60 * minutes, seed)
        work.run()
    verdict = judge(read(home))
    verdict.counts.update(work.counts)
    return verdict


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--kernels", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="bigpato-soak-"))
    verdict = soak(home, minutes=asked.minutes, kernels=asked.kernels, seed=asked.seed)
    for name, count in sorted(verdict.counts.items()):
        print(f"{name:40} {count:9,}")
    for sentence, count in Counter(verdict.wrong).most_common(20):
        print(f"WRONG ({count}): {sentence}")
    print(f"{len(verdict.wrong)} wrong" + (f"; the journal is {home / 'journal.jsonl'}" if verdict.wrong else ""))
    if not verdict.wrong:
        shutil.rmtree(home)
    sys.exit(bool(verdict.wrong))


if __name__ == "__main__":
    main()
