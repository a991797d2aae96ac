"""The master key, and everything that is made from it: sealed webhook secrets, hashed tokens, the session key.

Where secrets are stored and who may see them is not decided here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from routines.core.errors import RoutinesError

KEY_BYTES = 32
NONCE_BYTES = 12  # NIST SP 800-38D's recommended length for GCM
KEY_FILE_MODE = 0o600
AGENT_KEY_PREFIX = "pcp_"
BOARD_TOKEN_PREFIX = "rtb_"  # noqa: S105 - a prefix, not a secret
RUN_TOKEN_PREFIX = "pcr_"  # noqa: S105 - the same
TOKEN_ENTROPY_BYTES = 24


class MasterKeyError(RoutinesError):
    """The master key cannot be had or does not fit what it is to open."""


class Keyring:
    """Seals and opens secrets with keys derived from one master key of 32 bytes."""

    def __init__(self, master_key: bytes) -> None:
        self._sealing = AESGCM(_derive(master_key, b"routines webhook secrets"))
        self.session_key = _derive(master_key, b"routines sessions")
        self._run_tokens = _derive(master_key, b"routines run tokens")
        self.fingerprint = _derive(master_key, b"routines fingerprint").hex()
        """Tells this key from others, and nothing about it."""

    def seal(self, secret: str, *, owner: str) -> bytes:
        """Encrypt a secret (AES-256-GCM) so that it opens only for the same owner."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, secret.encode(), owner.encode())

    def open(self, sealed: bytes, *, owner: str) -> str:
        """Decrypt what `seal` made; raises `MasterKeyError` if it was made with another key or for another owner."""
        try:
            return self._sealing.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], owner.encode()).decode()
        except InvalidTag:
            raise MasterKeyError(
                "A webhook secret was sealed with another master key: set ROUTINES_MASTER_KEY, or put back the key "
                "file, as it was when the secret was made; or rotate the secret"
            ) from None

    def run_token(self, run_id: str) -> str:
        """The token that speaks for a heartbeat: its id, signed (HMAC-SHA256); it is good while the heartbeat runs."""
        return f"{RUN_TOKEN_PREFIX}{run_id}.{self._run_signature(run_id)}"

    def run_of_token(self, token: str) -> str | None:
        """The heartbeat for which `run_token` made this token, or None for any other."""
        run_id, _, signature = token.removeprefix(RUN_TOKEN_PREFIX).partition(".")
        known = token.startswith(RUN_TOKEN_PREFIX) and token.isascii()
        return run_id if known and hmac.compare_digest(signature, self._run_signature(run_id)) else None

    def _run_signature(self, run_id: str) -> str:
        return hmac.digest(self._run_tokens, run_id.encode(), "sha256").hex()


def load_master_key(configured: str | None, key_file: Path) -> bytes:
    """The master key from the environment's base64 text if that is set, else from the key file, made if missing.

    Raises `MasterKeyError` when the text or the file does not hold 32 bytes.
    """
    if configured:
        return _decode(configured, "ROUTINES_MASTER_KEY")
    if not key_file.exists():
        _make_key_file(key_file)
    return _decode(key_file.read_text(encoding="ascii", errors="replace"), str(key_file))


def _make_key_file(key_file: Path) -> None:
    """Make the key file whole or not at all, so that a start cut short leaves nothing that the next one trips over."""
    draft = key_file.with_name(f"{key_file.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, KEY_FILE_MODE)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, key_file)
    except FileExistsError:
        pass  # another server was quicker, and its key is the one
    finally:
        draft.unlink()
    folder = os.open(key_file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def new_token(prefix: str) -> str:
    """A new token to be shown once: the prefix and 48 hexadecimal digits."""
    return prefix + secrets.token_hex(TOKEN_ENTROPY_BYTES)


def hash_token(token: str) -> str:
    """What is stored of a token: its SHA-256. It carries 192 random bits, so it needs no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(master_key)


def _decode(text: str, place: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyError(
            f"{place} does not hold {KEY_BYTES} bytes in base64; "
            "make a key with: python3 -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"
        )
    return key
