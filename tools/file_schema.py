"""Prints the schema by which editors complete and check files of routines; `make schema` keeps it in docs.

What is in a file is said by the models in `routines.code.document` alone.
"""

from __future__ import annotations

import json

from routines.code.document import editor_schema


def written() -> str:
    """The schema as its file has it."""
    return json.dumps(editor_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(written(), end="")
