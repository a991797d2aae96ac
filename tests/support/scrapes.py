"""Reads what a service exposes for Prometheus, as Prometheus' own library reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from support.service import Service

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(service: Service, **headers: str) -> list[Sample]:
    """All samples."""
    reply = service.client.get("/metrics", headers=headers)
    assert reply.status_code == 200, reply.text
    return [sample for family in text_string_to_metric_families(reply.text) for sample in family.samples]


def values(samples: list[Sample], name: str) -> dict[tuple[str, ...], float]:
    """The values of one metric that are not 0, by its labels' values in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for sample in samples
        if sample.name == name and sample.value
    }


def value(samples: list[Sample], name: str) -> float:
    """The value of a metric without labels."""
    [found] = [sample.value for sample in samples if sample.name == name]
    return found
