"""What is handed out is whole: the wheel runs by itself, far from the repository, with what it says that it needs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen
from zipfile import ZipFile

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from support import wheelhouse
from support.process import START_SECONDS_MAX, STOP_SECONDS_MAX, free_port

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MINUTE_SECONDS = 60

pytestmark = pytest.mark.last


class Uvx(NamedTuple):
    """The wheel as `uvx --from` runs it: nothing but the wheel and what it requires, in a place of its own."""

    command: list[str]
    folder: Path
    environment: dict[str, str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(REPOSITORY, tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def uvx(wheel: Path, tmp_path: Path) -> Iterator[Uvx]:
    house, cache, folder = (tmp_path / name for name in ("house", "cache", "elsewhere"))
    house.mkdir()
    folder.mkdir()
    wheelhouse.fill(house, PROJECT["dependencies"])
    foreign = ("PYTHON", "ROUTINES_", "UV_", "VIRTUAL_ENV")  # the editable install must not be what runs
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    command = [str(Path(sys.executable).with_name("uv")), "tool", "run", "--offline", "--no-index", "--no-config"]
    command += ["--find-links", str(house), "--python", sys.executable, "--from", str(wheel)]
    yield Uvx(command, folder, {**kept, "UV_CACHE_DIR": str(cache)})
    for large in (house, cache):  # 200 MB, which pytest would keep for three runs
        shutil.rmtree(large)


def built(source: Path, folder: Path) -> Path:
    """The wheel of a source tree."""
    return Path(next(WheelBuilder(str(source)).build(directory=str(folder), versions=["standard"])))


def names_in(wheel: Path) -> set[str]:
    """The files of a wheel."""
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def files_in(folder: Path) -> set[str]:
    """The files of a folder and those below it, but for what Python leaves there."""
    files = {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}
    return {name for name in files if "__pycache__" not in name}


def test_a_wheel_has_every_file_of_the_package_the_example_and_the_licence(wheel: Path) -> None:
    source = REPOSITORY / "src"
    files = {str(file.relative_to(source)) for file in source.rglob("*") if file.is_file()}
    expected = {name for name in files if "__pycache__" not in name and not name.startswith(".")}
    names = names_in(wheel)
    assert {name for name in names if name.startswith("routines/")} == expected
    data, described = (f"routines-{PROJECT['version']}.{kind}" for kind in ("data", "dist-info"))
    examples = {f"{data}/data/share/routines/examples/{each}" for each in files_in(REPOSITORY / "examples")}
    assert examples < names
    assert f"{described}/licenses/LICENSE" in names


def test_a_wheel_made_of_the_source_archive_is_the_same(wheel: Path, tmp_path: Path) -> None:
    archive = next(SdistBuilder(str(REPOSITORY)).build(directory=str(tmp_path), versions=["standard"]))
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    assert names_in(built(tmp_path / f"routines-{PROJECT['version']}", tmp_path)) == names_in(wheel)


def test_uvx_runs_the_wheel_with_no_more_than_it_requires(uvx: Uvx) -> None:
    assert said_by(uvx, "routines", "--version") == f"routines {PROJECT['version']}\n"
    found = said_by(uvx, "python", "-c", "from routines.cli import demo; print(demo.__file__, demo._examples())")
    module, examples = map(Path, found.split())
    assert REPOSITORY not in module.parents
    assert files_in(examples) == files_in(REPOSITORY / "examples")
    with served(uvx) as (url, process):
        assert "<title>" in fetched(f"{url}/")  # templates are there
        assert fetched(f"{url}/static/routines.css")
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS_MAX) == 0
    assert (uvx.folder / "data" / "routines.db").exists()


def said_by(uvx: Uvx, *command: str) -> str:
    """What a command prints that must succeed."""
    said = subprocess.run(  # noqa: S603 - our own program
        [*uvx.command, *command],
        cwd=uvx.folder,
        env=uvx.environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * MINUTE_SECONDS,
    )
    assert said.returncode == 0, said.stderr
    return said.stdout


@contextmanager
def served(uvx: Uvx) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`routines serve` by the wheel, once it answers; killed if it is left running."""
    port = free_port()
    log = uvx.folder / "server.log"
    settings = {"ROUTINES_PORT": str(port), "ROUTINES_DATA_DIR": str(uvx.folder / "data")}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*uvx.command, "routines", "serve"],
            cwd=uvx.folder,
            env=uvx.environment | settings,
            stdout=output,
            stderr=output,
        )
    deadline = time.monotonic() + START_SECONDS_MAX
    try:
        while True:
            try:
                fetched(f"http://127.0.0.1:{port}/api/health")
            except (URLError, ConnectionError):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            else:
                break
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(STOP_SECONDS_MAX)


def fetched(url: str) -> str:
    """What a GET is answered with; raises `URLError` where nothing answers, or with a refusal."""
    with urlopen(url, timeout=MINUTE_SECONDS) as response:  # noqa: S310 - our own server
        content: bytes = response.read()
        return content.decode()
