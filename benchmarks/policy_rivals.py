"""The policies that `cost` is compared with: how caches usually decide. Each fetches what a query missed, after it."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.policy_world import Bill, Query, Table, cloud_money


@dataclass(slots=True)
class Cache:
    """A laptop that holds whole tables up to `budget` bytes. Subclasses say what goes and what may come.

    Args:
        tables: as they are now; shared by all laptops.
        budget: bytes.
        held: the state that each copy has, the least recently used first.
    """

    tables: Mapping[str, Table]
    budget: float
    bill: Bill = field(default_factory=Bill)
    held: OrderedDict[str, tuple[int, int]] = field(default_factory=OrderedDict)
    sizes: dict[str, float] = field(default_factory=dict)

    def fresh(self, name: str) -> bool:
        """Here, and as the table is."""
        return self.held.get(name) == self.tables[name].state

    def query(self, event: Query) -> None:
        """Answer, then learn."""
        self.bill.query(event.reads, local=all(map(self.fresh, event.reads)))
        for name in event.reads:
            self.seen(name, event)
        for name in event.reads:
            if not self.fresh(name):
                self.bring(name, keep=set(event.reads))
            elif name in self.held:
                self.held.move_to_end(name)

    def changed(self, names: Mapping[str, float | None], t: float) -> None:
        """Tables have changed; most do nothing until they are asked."""

    def seen(self, name: str, event: Query) -> None:
        """A use of a table, before it is brought."""

    def victim(self, keep: set[str]) -> str | None:
        """What goes next."""
        return next((name for name in self.held if name not in keep), None)

    def admits(self, name: str, victims: list[str]) -> bool:  # noqa: ARG002
        """Whether it may come in place of these."""
        return True

    def bring(self, name: str, keep: set[str]) -> None:
        """Fetch a table, or what has changed of it, and make room."""
        table = self.tables[name]
        if table.bytes > self.budget:
            self.drop(name)
            return
        victims: list[str] = []
        missing = sum(self.sizes.values()) - self.sizes.get(name, 0) + table.bytes - self.budget
        while missing > 0:
            victim = self.victim(keep | {name} | set(victims))
            if victim is None:
                return
            victims.append(victim)
            missing -= self.sizes[victim]
        if victims and not self.admits(name, victims):
            return
        for victim in victims:
            self.drop(victim)
        self.bill.transfer(table.behind(self.held[name]) if name in self.held else table.bytes)
        self.held[name], self.sizes[name] = table.state, table.bytes
        self.held.move_to_end(name)

    def drop(self, name: str) -> None:
        """Take a copy away."""
        self.held.pop(name, None)
        self.sizes.pop(name, None)


class Never(Cache):
    """Everything on BigQuery."""

    def bring(self, name: str, keep: set[str]) -> None:
        """Nothing comes."""


class Always(Cache):
    """Everything that was ever used is held and kept up at once, the least recently used goes when it must."""

    def changed(self, names: Mapping[str, float | None], t: float) -> None:  # noqa: ARG002
        """Bring copies up to their tables at once."""
        for name in names:
            if name in self.held:
                self.bring(name, set())


@dataclass(slots=True)
class Lfu(Cache):
    """The least frequently used goes."""

    uses: Counter[str] = field(default_factory=Counter)

    def seen(self, name: str, event: Query) -> None:  # noqa: ARG002
        """Count."""
        self.uses[name] += 1

    def victim(self, keep: set[str]) -> str | None:
        """The least used."""
        return min((n for n in self.held if n not in keep), key=lambda n: self.uses[n], default=None)


@dataclass(slots=True)
class WTinyLfu(Cache):
    """A newcomer must have been used more often lately than what it would replace; counts are halved now and then.

    Einziger, Friedman, Manes: TinyLFU (2017), with a window of a hundredth and the rest in order of last use.
    """

    uses: Counter[str] = field(default_factory=Counter)
    total: int = 0

    def seen(self, name: str, event: Query) -> None:  # noqa: ARG002
        """Count, and age."""
        self.uses[name] += 1
        self.total += 1
        if self.total >= 10 * max(10, len(self.uses)):
            self.total //= 2
            self.uses = Counter({n: c // 2 for n, c in self.uses.items()})

    def admits(self, name: str, victims: list[str]) -> bool:
        """More uses than all that go, or small enough for the window."""
        small = self.tables[name].bytes <= self.budget / 100
        return small or self.uses[name] > sum(self.uses[v] for v in victims)


@dataclass(slots=True)
class Gdsf(Cache):
    """Greedy-Dual-Size-Frequency: uses × what a miss costs / size, over a clock that rises with each eviction.

    Cherkasova: Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching Policy (1998).
    """

    uses: Counter[str] = field(default_factory=Counter)
    costs: dict[str, float] = field(default_factory=dict)
    priority: dict[str, float] = field(default_factory=dict)
    clock: float = 0.0

    def seen(self, name: str, event: Query) -> None:
        """Raise its priority."""
        self.uses[name] += 1
        self.costs[name] = cloud_money({name: event.reads[name]})
        self.priority[name] = self.clock + self.uses[name] * self.costs[name] / max(1.0, self.tables[name].bytes)

    def victim(self, keep: set[str]) -> str | None:
        """The lowest priority."""
        return min((n for n in self.held if n not in keep), key=self.priority.__getitem__, default=None)

    def admits(self, name: str, victims: list[str]) -> bool:
        """Only where its priority is above theirs."""
        if self.priority[name] < max(self.priority[v] for v in victims):
            return False
        self.clock = max(self.clock, *(self.priority[v] for v in victims))
        for victim in victims:
            self.uses[victim] = 0
        return True


RIVALS: dict[str, Callable[[Mapping[str, Table], float], Cache]] = {
    "lfu": Lfu,
    "wtinylfu": WTinyLfu,
    "gdsf": Gdsf,
    "never": Never,
    "always": Always,
}
