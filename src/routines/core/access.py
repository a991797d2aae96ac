"""Who may do what, as one table.

The rules are the contract's, section 4; services ask here before they read or write. Nothing here looks anything up.
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto

from routines.core.errors import ForbiddenError, NotFoundError
from routines.core.model import Actor, ActorType


class AuthMode(StrEnum):
    """How callers prove who they are."""

    LOCAL_TRUSTED = "local_trusted"
    AUTHENTICATED = "authenticated"


class Who(Enum):
    """Which agents of the company may do a thing; the board always may."""

    NO_AGENT = auto()
    ANY_AGENT = auto()
    ASSIGNED_AGENT = auto()


class Action(Enum):
    """Everything that can be asked of the service: whom it is open to, and how a refusal words it."""

    READ = (Who.ANY_AGENT, "read this")
    CREATE_ROUTINE = (Who.ASSIGNED_AGENT, "assign a routine to an agent other than itself")
    CHANGE_ROUTINE = (Who.ASSIGNED_AGENT, "change a routine that is assigned to another agent")
    RUN_ROUTINE = (Who.ASSIGNED_AGENT, "run a routine that is assigned to another agent")
    CREATE_ISSUE = (Who.ANY_AGENT, "create this issue")
    COMMENT_ISSUE = (Who.ANY_AGENT, "comment on this issue")
    CHANGE_ISSUE = (Who.ASSIGNED_AGENT, "change an issue that is not assigned to it")
    MANAGE_COMPANY = (Who.NO_AGENT, "manage companies; the board does")
    MANAGE_AGENT = (Who.NO_AGENT, "manage agents or their keys; the board does")
    WAKE_AGENT = (Who.ASSIGNED_AGENT, "wake an agent other than itself")
    CANCEL_HEARTBEAT = (Who.NO_AGENT, "cancel heartbeats; the board does")
    MANAGE_PROJECT = (Who.NO_AGENT, "manage projects; the board does")
    MANAGE_GOAL = (Who.NO_AGENT, "manage goals; the board does")
    MANAGE_TOKEN = (Who.NO_AGENT, "manage the board's tokens; the board does")

    def __init__(self, who: Who, words: str) -> None:
        self.who = who
        self.words = words


def require_company_path(actor: Actor, company_id: str) -> None:
    """An agent may name no company but its own in a path: anything else is a `ForbiddenError`, known or not."""
    if actor.type is ActorType.AGENT and actor.company_id != company_id:
        raise ForbiddenError("Agent key cannot access another company")


def require_visible(actor: Actor, company_id: str, sentence: str) -> None:
    """By id another company's things do not exist: `NotFoundError` with the sentence of an unknown id."""
    if actor.type is ActorType.AGENT and actor.company_id != company_id:
        raise NotFoundError(sentence)


def require(actor: Actor, action: Action, *, assigned_to: str | None = None) -> None:
    """Raise `ForbiddenError` unless this actor may do this; visibility was checked before.

    `assigned_to` is the agent to whom the thing is, or is to be, assigned.
    """
    if actor.type is not ActorType.AGENT or action.who is Who.ANY_AGENT:
        return
    if action.who is Who.ASSIGNED_AGENT and assigned_to == actor.id:
        return
    raise ForbiddenError(f"An agent cannot {action.words}")
