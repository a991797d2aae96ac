"""`routines doctor`: what it finds, and what it says to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from routines.cli.doctor import examine
from routines.clock import SystemClock
from routines.settings import Settings
from support.service import Company, Place, Service


def examined(settings: Settings) -> tuple[bool, str]:
    console = Console(record=True, width=500)
    return examine(settings, console), console.export_text()


@pytest.fixture
def stopped(tmp_path: Path) -> Settings:
    """A data folder in which a server has worked, now stopped."""
    service = Service(Place(tmp_path))
    service.clock.at = SystemClock().now()
    company = service.company()
    company.routine(triggers=[{"kind": "webhook"}, {"kind": "schedule", "cronExpression": "@yearly"}])
    service.close()
    return service.server.settings


def test_a_folder_that_was_served_from_is_well(stopped: Settings) -> None:
    healthy, text = examined(stopped)
    assert healthy, text


def test_an_empty_folder_is_well_and_nothing_is_made_in_it(tmp_path: Path) -> None:
    healthy, _ = examined(Settings(data_dir=tmp_path / "nowhere"))
    assert healthy
    assert not (tmp_path / "nowhere").exists()


def test_a_key_file_that_others_can_read_is_named_with_the_remedy(stopped: Settings) -> None:
    stopped.key_file.chmod(0o644)
    healthy, text = examined(stopped)
    assert not healthy
    assert "mode 0644" in text
    assert "chmod 600" in text


def test_a_lost_key_file_is_told(stopped: Settings) -> None:
    stopped.key_file.unlink()
    healthy, text = examined(stopped)
    assert not healthy
    assert "rotate" in text


def test_a_clock_behind_the_runs_is_told(company: Company, service: Service) -> None:
    service.clock.at = SystemClock().now().replace(year=2099)
    company.board.post(f"/routines/{company.routine()['id']}/run")
    healthy, text = examined(service.server.settings)
    assert not healthy
    assert "Set the clock" in text
