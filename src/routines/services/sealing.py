"""That all servers of a database seal webhook secrets with the same master key, and the next start with the last's.

The key itself is nowhere but in the environment or the key file; the database keeps only what tells it from others.
"""

from __future__ import annotations

from routines.keyring import Keyring, MasterKeyError
from routines.storage.database import Database
from routines.storage.queries import facts

FACT = "master_key_fingerprint"


def require_same_key(database: Database, keyring: Keyring, *, accept_new: bool) -> None:
    """Raise `MasterKeyError` unless this is the key that the database knows, the first, or a new one is accepted."""
    with database.read() as connection:
        if facts.get(connection, FACT) == keyring.fingerprint:
            return
    with database.write() as transaction:
        transaction.locks.registry()
        known = facts.get(transaction.connection, FACT)
        if known not in {None, keyring.fingerprint} and not accept_new:
            raise MasterKeyError(
                "The database's webhook secrets are sealed with another master key than this server's: give every "
                "server the same ROUTINES_MASTER_KEY, or the key file that was there; if that key is lost, start once "
                "with ROUTINES_ACCEPT_NEW_MASTER_KEY=1 and rotate the secret of each webhook"
            )
        facts.put(transaction.connection, FACT, keyring.fingerprint)
