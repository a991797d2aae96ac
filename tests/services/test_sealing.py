"""One master key for a database: a server with another one is told so before it seals or opens anything."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from routines.keyring import MasterKeyError
from support.service import Service

KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(2)]


def test_a_server_with_another_key_does_not_start(tmp_path: Path) -> None:
    Service(tmp_path, master_key=KEYS[0]).close()
    with pytest.raises(MasterKeyError, match="ROUTINES_MASTER_KEY"):
        Service(tmp_path, master_key=KEYS[1])
    Service(tmp_path, master_key=KEYS[0]).close()


def test_a_new_key_is_taken_when_the_operator_says_so_and_is_the_key_from_then_on(tmp_path: Path) -> None:
    Service(tmp_path, master_key=KEYS[0]).close()
    Service(tmp_path, master_key=KEYS[1], accept_new_master_key=True).close()
    Service(tmp_path, master_key=KEYS[1]).close()
    with pytest.raises(MasterKeyError):
        Service(tmp_path, master_key=KEYS[0])
