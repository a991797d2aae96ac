"""Figures as several rounds measured them, and the table that prints them: median, spread, target, verdict.

What is measured, and how, is in the file of each group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that a figure's median is to keep."""

    bound: float
    is_floor: bool

    def __str__(self) -> str:
        return f"{'>=' if self.is_floor else '<='} {shown(self.bound)}"

    def verdict(self, value: float) -> str:
        """`met` or `missed`; nothing stops because of it."""
        return "met" if (value >= self.bound if self.is_floor else value <= self.bound) else "missed"


def at_least(bound: float) -> Target:
    """More is better."""
    return Target(bound, is_floor=True)


def at_most(bound: float) -> Target:
    """Less is better."""
    return Target(bound, is_floor=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """What one or more rounds measured, in `unit`; a ratio has none."""

    name: str
    rounds: Sequence[float]
    unit: str = "x"
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one group, and how they were measured in a sentence or two."""

    title: str
    method: str
    figures: Sequence[Figure]


def ratios(values: Sequence[float], against: Sequence[float]) -> list[float]:
    """Each round's value over the same round's other value, so that what slows both cancels out."""
    return [value / other for value, other in zip(values, against, strict=True)]


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which that many percent of the values lie."""
    ascending = sorted(values)
    return ascending[min(len(ascending) - 1, int(len(ascending) * percent / 100))]


def table(group: Group) -> str:
    """The group as aligned text."""
    heads = ("figure", "median", "spread", "unit", "target", "verdict")
    lines = [heads, *(_cells(figure) for figure in group.figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    aligned = [
        "  ".join(
            cell.rjust(width) if column in {1, 2} else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([f"{group.title}: {group.method}", "", *aligned, ""])


def _cells(figure: Figure) -> tuple[str, ...]:
    middle, target = median(figure.rounds), figure.target
    several = len(figure.rounds) > 1
    return (
        figure.name,
        shown(middle),
        f"{shown(min(figure.rounds))}..{shown(max(figure.rounds))}" if several else "",
        figure.unit,
        "" if target is None else str(target),
        "" if target is None else target.verdict(middle),
    )


def shown(value: float) -> str:
    """A number with about three significant digits, thousands apart."""
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 4  # noqa: PLR2004 - digits shown
    return f"{value:,.{decimals}f}".rstrip("0").rstrip(".") if decimals else f"{value:,.0f}"
