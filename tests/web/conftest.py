"""Fixtures of tests of pages: the test's service on a real port, and a browser there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.browser import Browser, Chromium, launched
from support.databases import on_sqlite
from support.service import Service
from support.site import Site, serving


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """The browser of this test process, started when a test first asks for it."""
    with launched() as started:
        yield started


@pytest.fixture
def site(service: Service) -> Iterator[Site]:
    """The test's `service` on a real port; a service of another kind is put there by `serving`."""
    with serving(service) as served:
        yield served


@pytest.fixture
def browser(chromium: Chromium, site: Site) -> Iterator[Browser]:
    """Opens the pages of `site`; of another one, `chromium.at` does."""
    with chromium.at(site) as opened:
        yield opened


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests in a browser run on SQLite unless they are marked otherwise: pages know nothing of the database."""
    marked = any(mark.args[0] == "places" for mark in metafunc.definition.iter_markers("parametrize"))
    if {"chromium", "places"} <= set(metafunc.fixturenames) and not marked:
        metafunc.definition.add_marker(on_sqlite)
