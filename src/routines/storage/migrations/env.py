"""What Alembic runs for each command: the chain, on the connection that it was handed.

It never makes a connection of its own, so that one transaction holds the whole upgrade.
"""

from __future__ import annotations

from alembic import context

from routines.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
