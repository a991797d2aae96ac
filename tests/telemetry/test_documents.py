"""The page about metrics, the alert rules and the code name the same metrics, labels, settings and sections."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from routines.core.deliveries import DeliveryOutcome
from routines.http.routes.triggers import FAULT, UNHEARD
from routines.telemetry.metrics import Description, Metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/metrics.md").read_text()
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DESCRIBED = Metrics(list, int).described
SERIES = {
    f"{each.name}{suffix}": {*each.labels, *more}
    for each in DESCRIBED
    for suffix, more in (
        [("_bucket", {"le"}), ("_sum", set()), ("_count", set())] if each.kind == "histogram" else [("", set())]
    )
}
OF_EACH_TARGET = {"job", "instance"}
WORDS_OF_LABELS = {
    "outcome": {"issue_created", "coalesced", "skipped", "failed", "missed", FAULT}
    | {*DeliveryOutcome, *UNHEARD.values()},
    "source": {"schedule", "webhook", "api", "manual"},
    "status": {"succeeded", "failed", "timed_out", "cancelled", "500"},
    "job": {"routines"},
}


def row(described: Description) -> str:
    """How the page tells of a metric."""
    labels = ", ".join(f"`{label}`" for label in described.labels)
    return f"| `{described.name}` | {described.kind} | {labels}{' ' if labels else ''}| {described.documentation} |"


def test_the_page_has_each_metric_as_it_is_and_no_other() -> None:
    told = [line for line in PAGE.splitlines() if line.startswith("| `routines_")]
    assert told == [row(each) for each in DESCRIBED]


def test_each_metric_is_exposed_as_it_is_described() -> None:
    exposed = {family.name: family for family in Metrics(list, int).registry.collect()}
    for each in DESCRIBED:
        family = exposed[each.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (each.kind, each.documentation)


def test_nothing_is_exposed_that_the_page_does_not_have() -> None:
    told = set(re.findall(r"^(routines_\w+)", Metrics(list, int).exposition(None).decode(), re.MULTILINE))
    assert "routines_scrape_error" in told
    assert told <= SERIES.keys()


def test_the_page_names_each_outcome_of_a_delivery() -> None:
    [told] = [part for part in PAGE.split("\n- ") if part.startswith("**Outcomes of deliveries**")]
    assert {*DeliveryOutcome, *UNHEARD.values(), FAULT} <= set(re.findall(r"`(\w+)`", told))


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_looks_at_what_there_is_and_says_what_to_do(rule: dict[str, Any]) -> None:
    names = re.findall(r"\broutines_\w+", rule["expr"])
    assert names or rule["expr"].startswith("up{")
    assert set(names) <= SERIES.keys()
    labels = set().union(OF_EACH_TARGET, *(SERIES[name] for name in names))
    for name, words in re.findall(r'(\w+)=~?"([^"]*)"', rule["expr"]):
        assert name in labels
        assert set(words.split("|")) <= WORDS_OF_LABELS[name]
    grouped = {label.strip() for by in re.findall(r"\bby \(([^)]*)\)", rule["expr"]) for label in by.split(",")}
    assert grouped <= labels
    assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= grouped | OF_EACH_TARGET
    page, _, section = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    assert section in {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


COUNTING = [rule for rule in RULES if "for" not in rule and "increase(" in rule["expr"]]


@pytest.mark.parametrize("rule", COUNTING, ids=[rule["alert"] for rule in COUNTING])
def test_the_very_first_of_what_an_alert_counts_is_an_increase(rule: dict[str, Any]) -> None:
    series = [sample for family in Metrics(list, int).registry.collect() for sample in family.samples]
    [(name, selector)] = set(re.findall(r"(routines_\w+)\{([^}]*)\}", rule["expr"]))
    selected = dict(re.findall(r'(\w+)="([^"]*)"', selector))
    begun = [each.labels for each in series if each.name == name and selected.items() <= each.labels.items()]
    if not begun:
        assert f"unless {name}{{{selector}}} offset 10m" in rule["expr"]
    elif "by (source)" in rule["expr"]:
        assert {labels["source"] for labels in begun} == WORDS_OF_LABELS["source"]
    else:
        assert begun
