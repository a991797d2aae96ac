"""`python -m benchmarks [--quick] [--database KIND] [group ...]`: measures groups of figures, or all, and prints them.

It always exits 0 when it could measure: a missed target is a line in the table, not a failure.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from importlib import import_module

from benchmarks import machine
from benchmarks.figures import Group, table
from benchmarks.postgres_stores import postgres_stores
from benchmarks.sqlite_stores import sqlite_stores
from benchmarks.stores import Stores

KINDS: dict[str, Callable[[], AbstractContextManager[Stores]]] = {
    "sqlite": sqlite_stores,
    "postgres": postgres_stores,
}
BOTH, POSTGRES = tuple(KINDS), ("postgres",)

GROUPS: dict[str, tuple[str, ...]] = {
    "cron": (),
    "due_burst": BOTH,
    "two_servers": POSTGRES,
    "webhook_fires": BOTH,
    "lateness": BOTH,
    "idle": BOTH,
    "population": BOTH,
    "history": BOTH,
    "heartbeats": BOTH,
    "pages": BOTH,
    "overhead": BOTH,
}
"""On which databases each is measured, each time on new ones."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="The figures of docs/performance.md.")
    parser.add_argument("groups", nargs="*", metavar="group", help=f"any of {', '.join(GROUPS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few rounds, small sets, worthless figures")
    parser.add_argument("--database", choices=KINDS, action="append", help="only on this one; on both by default")
    wanted = parser.parse_args()
    unknown = set(wanted.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no group is named {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    print(machine.described(), end="\n\n")
    for name in wanted.groups or GROUPS:
        for group in _measured(name, wanted.database or BOTH, quick=wanted.quick):
            print(table(group), flush=True)


def _measured(name: str, kinds: Iterable[str], *, quick: bool) -> Iterator[Group]:
    """A group's figures on each of these databases, or once if it needs none."""
    measure = import_module(f"benchmarks.{name}").measure
    if not GROUPS[name]:
        yield measure(quick=quick)
    for kind in kinds:
        if kind in GROUPS[name]:
            with KINDS[kind]() as stores:
                yield measure(stores, quick=quick)


if __name__ == "__main__":
    main()
