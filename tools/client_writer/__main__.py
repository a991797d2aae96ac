"""`python -m client_writer`: writes the client's models and calls anew from what the service says of itself.

What is written, and how, is in the other modules.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import routines
from client_writer import python
from client_writer.document import Document
from routines.settings import Settings
from routines.wiring import Server

PACKAGE = Path(routines.__file__).parent / "client"


def written(described: Mapping[str, Any]) -> dict[Path, str]:
    """The modules that follow from the document, each with its text as ruff lays it out."""
    document = Document(described)
    texts = {PACKAGE / "models.py": python.models(document), PACKAGE / "calls.py": python.calls(document)}
    return {path: _laid_out(path, text) for path, text in texts.items()}


def _laid_out(path: Path, text: str) -> str:
    """The text with unused imports gone and all in order."""
    for step in (("check", "--fix-only", "--quiet", "--select", "F401,I"), ("format", "--quiet")):
        command = [sys.executable, "-m", "ruff", *step, "--stdin-filename", str(path), "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return text


def _document() -> Mapping[str, Any]:
    """What a service on a fresh folder says of itself."""
    with TemporaryDirectory() as folder:
        described: Mapping[str, Any] = Server(Settings(data_dir=Path(folder))).app.openapi()
        return described


if __name__ == "__main__":
    for path, text in written(_document()).items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.name}: {len(text.splitlines())} lines")
