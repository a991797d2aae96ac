"""Who gets the places that a worker has: companies in turn, and the agents of a company in turn.

How many places there are, and who waits for one, is looked up elsewhere.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Candidate(NamedTuple):
    """An agent that something waits for, with how many heartbeats more it may have at a time."""

    agent_id: str
    company_id: str
    free: int


def shares(candidates: Iterable[Candidate], running: Mapping[str, int], places: int) -> dict[str, int]:
    """How many places each agent gets, of those that get any, in the order in which they get their first.

    `running` is how many heartbeats each company has already: whoever has the fewest comes next, so that no company
    waits for another's queue.
    """
    waiting: dict[str, deque[tuple[str, int]]] = {}
    for agent_id, company_id, free in candidates:
        if free > 0:
            waiting.setdefault(company_id, deque()).append((agent_id, free))
    turns = [(running.get(company_id, 0), company_id) for company_id in waiting]
    heapq.heapify(turns)
    given: dict[str, int] = {}
    for _ in range(places):
        if not turns:
            break
        count, company_id = heapq.heappop(turns)
        agent_id, free = waiting[company_id].popleft()
        given[agent_id] = given.get(agent_id, 0) + 1
        if free > 1:
            waiting[company_id].append((agent_id, free - 1))
        if waiting[company_id]:
            heapq.heappush(turns, (count + 1, company_id))
    return given
