"""Says at the end of a test run how long each part of it took, and how much of that each database did.

The parts are the folders of `tests`; processes that work side by side each count their own time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from time import perf_counter

import pytest

from support.databases import KINDS


@dataclass
class Part:
    """What the tests of a folder add up to."""

    tests: int = 0
    seconds: float = 0
    of_kind: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class Durations:
    """Sums up the reports of all tests, from whichever process they come."""

    def __init__(self) -> None:
        self._parts: dict[str, Part] = defaultdict(Part)
        self._began = perf_counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a test's fixtures or the test itself."""
        path, _, name = report.nodeid.partition("::")
        folders = path.split("/")[1:-1]
        part = self._parts[folders[0] if folders else "other"]
        part.tests += report.when == "call"
        part.seconds += report.duration
        for kind in KINDS:
            if kind in name.partition("[")[2].rstrip("]").split("-"):
                part.of_kind[kind] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        terminalreporter.section("seconds of each part")
        terminalreporter.write_line(f"{'':<12}{'tests':>8}{'seconds':>10}" + "".join(f"{kind:>10}" for kind in KINDS))
        for name, part in sorted(self._parts.items(), key=lambda each: -each[1].seconds):
            of_kinds = "".join(f"{part.of_kind[kind]:>10.1f}" for kind in KINDS)
            terminalreporter.write_line(f"{name:<12}{part.tests:>8}{part.seconds:>10.1f}{of_kinds}")
        took = perf_counter() - self._began
        terminalreporter.write_line(f"{'in all':<12}{sum(part.tests for part in self._parts.values()):>8}{took:>10.1f}")
