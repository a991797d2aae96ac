"""The board's tokens as they are asked for; only the pages and the command line make them, no call does."""

from __future__ import annotations

from routines.http.schemas.common import Name, RequestModel


class BoardTokenCreate(RequestModel):
    """A board token to be made, for an operator of that name."""

    name: Name

    def command(self) -> str:
        """The operator's name."""
        return str(self.name)
