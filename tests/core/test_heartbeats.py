"""What a heartbeat's end means, who gets the places of a worker, and what is kept of an output."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routines.core.fair_share import Candidate, shares
from routines.core.heartbeats import ErrorCode, Follow, Health, Outcome, follow, following_attempt
from routines.core.model import AgentStatus, HeartbeatStatus, IssueStatus
from routines.core.output import EXCERPT_BYTES_MAX, HEAD_BYTES_MAX, TAIL_BYTES_MAX, Window, excerpt

SUCCEEDED = Outcome(HeartbeatStatus.SUCCEEDED)
FAILED = Outcome(HeartbeatStatus.FAILED, error_code=ErrorCode.EXIT_CODE, error="no")
TIMED_OUT = Outcome(HeartbeatStatus.TIMED_OUT, error_code=ErrorCode.TIMEOUT)
CANCELLED = Outcome(HeartbeatStatus.CANCELLED)
LOST = Outcome(HeartbeatStatus.FAILED, error_code=ErrorCode.PROCESS_LOST)
STOPPED = Outcome(HeartbeatStatus.FAILED, error_code=ErrorCode.WORKER_STOPPED)


@pytest.mark.parametrize("outcome", [SUCCEEDED, FAILED, TIMED_OUT, LOST])
@pytest.mark.parametrize("issue", [IssueStatus.TODO, IssueStatus.IN_PROGRESS])
def test_an_issue_left_in_hand_is_woken_for_once_more_and_then_blocked(outcome: Outcome, issue: IssueStatus) -> None:
    assert follow(outcome, attempt=1, issue=issue, still_assigned=True) is Follow.WAKE_AGAIN
    assert following_attempt(outcome, 1) == 2
    assert follow(outcome, attempt=2, issue=issue, still_assigned=True) is Follow.BLOCK


@pytest.mark.parametrize("attempt", [1, 2])
def test_an_issue_that_is_nobodys_turn_is_left_alone(attempt: int) -> None:
    for issue in set(IssueStatus) - {IssueStatus.TODO, IssueStatus.IN_PROGRESS}:
        assert follow(FAILED, attempt=attempt, issue=issue, still_assigned=True) is Follow.NOTHING
    assert follow(FAILED, attempt=attempt, issue=IssueStatus.TODO, still_assigned=False) is Follow.NOTHING
    assert follow(CANCELLED, attempt=attempt, issue=IssueStatus.TODO, still_assigned=True) is Follow.NOTHING


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_heartbeat_that_was_not_given_its_time_does_not_count(attempt: int) -> None:
    assert follow(STOPPED, attempt=attempt, issue=IssueStatus.TODO, still_assigned=True) is Follow.WAKE_AGAIN
    assert following_attempt(STOPPED, attempt) == attempt


def test_an_agent_is_in_error_after_repeated_failures_until_it_succeeds() -> None:
    health = Health(0, None).after(FAILED)
    assert health.status(running=0) is AgentStatus.IDLE
    for other in (LOST, STOPPED, CANCELLED):
        assert health.after(other) == health, "which is no fault of the agent's"
    health = health.after(TIMED_OUT)
    assert health.status(running=0) is AgentStatus.ERROR
    assert health.status(running=1) is AgentStatus.RUNNING
    assert health.after(SUCCEEDED) == Health(0, None)


CANDIDATES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 4), st.integers(-1, 5)), unique_by=lambda each: each[0], max_size=12
)


@given(CANDIDATES, st.dictionaries(st.integers(0, 4).map(str), st.integers(0, 9)), st.integers(0, 30))
def test_places_are_given_out_as_far_as_they_go_and_company_by_company(
    found: list[tuple[int, int, int]], running: dict[str, int], places: int
) -> None:
    candidates = [Candidate(f"a{agent}", str(company), free) for agent, company, free in found]
    given_out = shares(candidates, running, places)
    free = {each.agent_id: max(0, each.free) for each in candidates}
    assert all(0 < count <= free[agent] for agent, count in given_out.items())
    assert sum(given_out.values()) == min(places, sum(free.values()))
    company_of = {each.agent_id: each.company_id for each in candidates}
    wanting = {company_of[agent] for agent, count in free.items() if count > given_out.get(agent, 0)}
    total = Counter(running)
    for agent, count in given_out.items():
        total[company_of[agent]] += count
    got = {company_of[agent] for agent in given_out}
    for hungry in wanting:
        assert all(total[company] <= max(total[hungry] + 1, running.get(company, 0) + 1) for company in got)


def kept(window: Window, store: dict[int, bytes]) -> None:
    """What a window gives out, put into a store as the database does."""
    pieces, instead_from = window.flush()
    if instead_from is not None:
        for start in [start for start in store if start >= instead_from]:
            del store[start]
    store.update(pieces)


@given(st.lists(st.integers(0, HEAD_BYTES_MAX), max_size=12), st.integers(1, 4))
def test_the_beginning_and_the_end_of_an_output_are_kept(sizes: list[int], every: int) -> None:
    window, store, whole = Window(), dict[int, bytes](), bytearray()
    for number, size in enumerate(sizes):
        part = bytes((len(whole) + index) % 251 for index in range(size))
        whole += part
        window.take(part)
        if number % every == 0:
            kept(window, store)
    kept(window, store)
    assert not window.changed
    pieces = sorted(store.items())
    assert all(whole[start : start + len(piece)] == piece for start, piece in pieces)
    assert all(start + len(piece) <= following for (start, piece), (following, _) in pairwise(pieces))
    stored = sum(len(piece) for _, piece in pieces)
    assert stored == min(len(whole), HEAD_BYTES_MAX) + min(max(0, len(whole) - HEAD_BYTES_MAX), TAIL_BYTES_MAX)


@given(st.lists(st.tuples(st.integers(0, HEAD_BYTES_MAX), st.booleans()), min_size=1, max_size=8))
def test_what_could_not_be_kept_is_kept_the_next_time(parts: list[tuple[int, bool]]) -> None:
    careful, careless = (Window(), dict[int, bytes]()), (Window(), dict[int, bytes]())
    for number, (size, is_away) in enumerate(parts):
        for window, _ in (careful, careless):
            window.take(bytes([number]) * size)
        if is_away:
            pieces, _ = careless[0].flush()
            careless[0].put_back(pieces)
        else:
            kept(*careless)
    kept(*careful)
    kept(*careless)
    assert b"".join(careful[1][start] for start in sorted(careful[1])) == b"".join(
        careless[1][start] for start in sorted(careless[1])
    )


@given(st.text(max_size=300), st.integers(1, 7))
def test_a_text_is_read_whole_in_whatever_pieces_it_comes(text: str, size: int) -> None:
    content = text.encode()
    pieces = [(start, content[start : start + size]) for start in range(0, len(content), size)]
    seen, after = "", 0
    for count in range(len(pieces) + 1):  # while it is printed
        part = excerpt(pieces[:count], after, over=False)
        seen, after = seen + part.content, part.after
        assert not part.is_end
    last = excerpt(pieces, after, over=True)
    assert (seen + last.content, last.is_end) == (text.replace("\0", "\ufffd"), True)


def test_a_long_output_is_read_in_parts_over_what_was_left_out() -> None:
    pieces = [(0, b"a" * EXCERPT_BYTES_MAX), (EXCERPT_BYTES_MAX, b"\xc3"), (10 * EXCERPT_BYTES_MAX, b"\xbcend")]
    first = excerpt(pieces, 0, over=True)
    assert (len(first.content), first.after, first.is_end) == (EXCERPT_BYTES_MAX, EXCERPT_BYTES_MAX, False)
    second = excerpt(pieces, first.after, over=True)
    assert (second.content, second.after) == ("\ufffd", EXCERPT_BYTES_MAX + 1)
    third = excerpt(pieces, second.after, over=True)
    assert (third.content, third.start, third.is_end) == ("\ufffdend", 10 * EXCERPT_BYTES_MAX, True)
