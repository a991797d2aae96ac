"""`python -m benchmarks [--quick] [group ...]`: measures the named groups of figures, or all, and prints them.

It always exits 0 when it could measure: a missed target is a line in the table, not a failure.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from benchmarks import machine
from benchmarks.figures import table

GROUPS = ("cron", "due_burst", "webhook_fires", "lateness", "idle", "lists")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="The figures of docs/performance.md.")
    parser.add_argument("groups", nargs="*", metavar="group", help=f"any of {', '.join(GROUPS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few rounds, small sets, worthless figures")
    wanted = parser.parse_args()
    unknown = set(wanted.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no group is named {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    print(machine.described(), end="\n\n")
    for name in wanted.groups or GROUPS:
        print(table(import_module(f"benchmarks.{name}").measure(quick=wanted.quick)), flush=True)


if __name__ == "__main__":
    main()
