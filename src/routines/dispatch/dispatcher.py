"""The one door: every fire, by schedule, webhook or call, becomes a run here, in sets and in one transaction.

What becomes of a fire is decided by `core.policies`; this module reads what the decision needs and writes what follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from routines.clock import Ids
from routines.core import strict_json
from routines.core.errors import ConflictError, NotFoundError, RoutinesError
from routines.core.fires import Alias, CreateIssue, Decision, Finish, Fire, Join, OpenIssue, Refuse, RoutineState
from routines.core.instants import to_milliseconds
from routines.core.model import ROUTINE_EXECUTION, IssueStatus, Run, RunStatus, Source, WakeReason
from routines.core.notifications import Notice, run_failed, run_missed
from routines.core.policies import decide
from routines.dispatch import outbox
from routines.observer import FireKind, FireSet
from routines.storage.database import Move, Rows, Transaction

ROUTINE_NOT_FOUND = "Routine not found"
REPLAY_DETECTED = "Webhook replay detected"


class Receipt(NamedTuple):
    """What became of one fire: its `new` run, or the id of the run that it is a repeat of, or its caller's error."""

    new: NewRun | None = None
    repeat_of: str | None = None
    error: RoutinesError | None = None


def dispatch(
    transaction: Transaction,
    fires: Sequence[Fire],
    now: datetime,
    ids: Ids,
    *,
    routines: Mapping[str, RoutineState] | None = None,
    moves: Sequence[Move] = (),
    all_new: bool = False,
) -> list[Receipt]:
    """Record each fire as a run, or recognise it as one, and answer with receipts in the order of `fires`.

    The order is also the order of decisions: of twenty fires of one idle routine under `coalesce_if_active` the first
    creates the issue and nineteen join it. Everything is written in the caller's transaction, with what the schedules
    among the triggers move on to. `routines` are those of the fires, where the caller has claimed them already.
    Where it knows that they are `all_new`, nobody asks whether they were recorded before; the unique index refuses a
    set of which one was.
    """
    if routines is None:
        routines = transaction.hot.routine_states(list({fire.routine_id for fire in fires}))
    known = {} if all_new else _known_runs(transaction, fires)
    batch = _Batch(routines, known, now, ids.many(now, 3 * len(fires)))
    receipts = [batch.take(fire) for fire in fires]
    batch.number_issues(transaction)
    rows = batch.rows(moves)
    transaction.hot.write(rows)
    transaction.changes(batch.companies())
    transaction.fired(batch.fired())
    if rows.wake_ups:
        transaction.wakes()
    if notices := batch.notices():
        outbox.tell(transaction, {notice.company_id for notice in notices}, lambda: notices, now, ids)
    return receipts


def _known_runs(transaction: Transaction, fires: Sequence[Fire]) -> dict[tuple[str, str], str]:
    """The runs that these fires already are, by (routine id, cause)."""
    causes = [(fire.routine_id, cause) for fire in fires for cause in _causes(fire)]
    known = transaction.hot.known_causes(causes)
    if all(fire.source is Source.SCHEDULE for fire in fires):
        return known  # a slot has one cause
    return transaction.hot.known_aliases(causes) | known


def move_columns(move: Move) -> tuple[object, ...]:
    """How a move ends a row of `Rows.triggers`."""
    following = None if move.next_run_at is None else to_milliseconds(move.next_run_at)
    return (to_milliseconds(move.decided_until), following, move.trigger_id)


def _alias_row(fire: Fire, alias: Alias, run_id: str) -> tuple[object, ...]:
    expires_at = None if alias.expires_at is None else to_milliseconds(alias.expires_at)
    return (fire.routine_id, alias.cause, run_id, expires_at)


def _replay_of(run_id: str) -> str:
    return (
        f"The same signed request was accepted before, as run {run_id}; a new delivery is signed with a new timestamp, "
        "and a repeat carries its Idempotency-Key"
    )


def _causes(fire: Fire) -> tuple[str, ...]:
    return (fire.cause, *[alias.cause for alias in fire.aliases]) if fire.aliases else (fire.cause,)


def _notice(new: NewRun) -> Notice | None:
    state, decision = new.state, new.decision
    if not isinstance(decision, Finish):
        return None
    if decision.status is RunStatus.FAILED:
        return run_failed(state.company_id, state.id, state.title, new.run_id, decision.reason)
    if new.fire.details is None:
        return None
    outage = strict_json.loads(new.fire.details.encode())
    assert isinstance(outage, dict)  # noqa: S101 - only outages have details
    return run_missed(state.company_id, state.id, state.title, new.run_id, decision.reason, outage)


class _Outcome(NamedTuple):
    """The fields of a run that follow from what was decided of its fire."""

    status: RunStatus
    linked_issue_id: str | None = None
    coalesced_into_run_id: str | None = None
    failure_reason: str | None = None
    is_final: bool = True


@dataclass(slots=True)
class NewRun:
    """A run that is to be written, with the execution issue that it creates if there is one."""

    fire: Fire
    state: RoutineState
    run_id: str
    decision: Decision
    joined: OpenIssue | None
    issue_id: str | None = None
    identifier: str | None = None

    def outcome(self) -> _Outcome:
        """What the decision makes of the run."""
        decision = self.decision
        if isinstance(decision, Join) and self.joined is not None:
            return _Outcome(decision.status, self.joined.id, self.joined.origin_run_id)
        if isinstance(decision, Finish):
            return _Outcome(decision.status, failure_reason=decision.reason)
        return _Outcome(RunStatus.ISSUE_CREATED, self.issue_id, is_final=False)

    def run(self, now: datetime) -> Run:
        """The run as it is written at `now`, which saves reading it back."""
        fire, outcome = self.fire, self.outcome()
        return Run(
            id=self.run_id,
            company_id=self.state.company_id,
            routine_id=fire.routine_id,
            trigger_id=fire.trigger_id,
            source=fire.source,
            status=outcome.status,
            triggered_at=now,
            scheduled_for=fire.slot,
            cause=fire.cause,
            idempotency_key=fire.idempotency_key,
            trigger_payload=fire.payload,
            linked_issue_id=outcome.linked_issue_id,
            coalesced_into_run_id=outcome.coalesced_into_run_id,
            failure_reason=outcome.failure_reason,
            details=fire.details,
            completed_at=now if outcome.is_final else None,
            actor_type=fire.actor.type,
            actor_id=fire.actor.id,
            updated_at=now,
        )


class _Batch:
    """The fires of one transaction on their way to rows."""

    def __init__(
        self, states: Mapping[str, RoutineState], known: dict[tuple[str, str], str], now: datetime, ids: list[str]
    ) -> None:
        self._states = states
        self._known = known
        self._now = to_milliseconds(now)
        self._ids = iter(ids)
        self._new: list[NewRun] = []
        self._finished: list[NewRun] = []
        self._aliases: list[tuple[object, ...]] = []
        self._identifiers: dict[str, str] = {}
        self._kinds: Counter[FireKind] = Counter()

    def take(self, fire: Fire) -> Receipt:
        """Decide one fire and remember what is to be written for it."""
        repeat = self._repeat(fire)
        if repeat is not None:
            self._learn_names(fire, repeat)
            return repeat
        state = self._states.get(fire.routine_id)
        if state is None:
            return Receipt(error=NotFoundError(ROUTINE_NOT_FOUND))
        decision = decide(fire, state)
        if isinstance(decision, Refuse):
            return Receipt(error=decision.error)
        new = NewRun(fire, state, next(self._ids), decision, state.open_issue)
        if isinstance(decision, CreateIssue):
            new.issue_id = next(self._ids)
            state.open_issue = OpenIssue(new.issue_id, "", new.run_id)
        elif isinstance(decision, Finish):
            self._finished.append(new)
        self._new.append(new)
        for cause in _causes(fire):
            self._known[fire.routine_id, cause] = new.run_id
        return Receipt(new)

    def _repeat(self, fire: Fire) -> Receipt | None:
        """The receipt of a fire that came before: its run, or a refusal if only its signature is known."""
        for cause in _causes(fire):
            run_id = self._known.get((fire.routine_id, cause))
            if run_id is not None and cause != fire.signature_cause:
                return Receipt(repeat_of=run_id)
        if fire.signature_cause is not None:
            accepted_as = self._known.get((fire.routine_id, fire.signature_cause))
            if accepted_as is not None:
                return Receipt(error=ConflictError(REPLAY_DETECTED, why=_replay_of(accepted_as)))
        return None

    def _learn_names(self, fire: Fire, repeat: Receipt) -> None:
        """Remember under which further names a repeat came: a signed request must not become new without its key."""
        if repeat.repeat_of is None:
            return
        for alias in (Alias(fire.cause, None), *fire.aliases):
            name = (fire.routine_id, alias.cause)
            if name not in self._known:
                self._known[name] = repeat.repeat_of
                self._aliases.append(_alias_row(fire, alias, repeat.repeat_of))

    def number_issues(self, transaction: Transaction) -> None:
        """Give the new issues their identifiers; last before writing, for the counters are locks."""
        wanted = Counter(new.state.company_id for new in self._new if new.issue_id is not None)
        numbers = transaction.hot.take_issue_numbers(wanted) if wanted else {}
        for new in self._new:
            if new.issue_id is not None:
                company = new.state.company_id
                new.identifier = f"{new.state.issue_prefix}-{numbers[company]}"
                self._identifiers[new.issue_id] = new.identifier
                numbers[company] += 1

    def companies(self) -> set[str]:
        """Where there are new runs, each of which is an entry of the activity."""
        return {new.state.company_id for new in self._new}

    def notices(self) -> list[Notice]:
        """What of the new runs may have to be told: those that failed, and those that record an outage."""
        return [notice for new in self._finished if (notice := _notice(new)) is not None]

    def fired(self) -> FireSet:
        """What is told of the batch once it is on disk; `rows` has been asked for before."""
        traced = [(new.fire.trace, new.run_id) for new in self._new if new.fire.trace is not None]
        return FireSet(self._kinds, self._now, traced)

    def rows(self, moves: Sequence[Move]) -> Rows:
        """Everything that the batch writes."""
        rows = Rows(aliases=self._aliases)
        triggers: dict[str, tuple[int | None, str]] = {}
        routines: dict[str, int | None] = {}
        for new in self._new:
            fire = new.fire
            rows.runs.append(self._run_row(new))
            if new.issue_id is not None:
                rows.issues.append(self._issue_row(new))
                rows.wake_ups.append(self._wake_up_row(new))
                routines[fire.routine_id] = self._now
            rows.aliases.extend(_alias_row(fire, alias, new.run_id) for alias in fire.aliases)
            if fire.verdict is None:
                routines.setdefault(fire.routine_id, None)
            if fire.trigger_id is not None:
                fired_before, _ = triggers.get(fire.trigger_id, (None, ""))
                fired_at = self._now if fire.verdict is None else fired_before
                if fire.verdict is None or fired_before is None:
                    triggers[fire.trigger_id] = (fired_at, self._result(new))
        for move in moves:
            fired_at, result = triggers.pop(move.trigger_id, (None, None))
            rows.triggers.append((fired_at, result, *move_columns(move)))
        rows.triggers.extend((*fired, None, None, trigger_id) for trigger_id, fired in triggers.items())
        rows.routines.extend((self._now, enqueued_at, routine_id) for routine_id, enqueued_at in routines.items())
        return rows

    def _run_row(self, new: NewRun) -> tuple[object, ...]:
        fire, now = new.fire, self._now
        status, linked, joined_run, reason, is_final = new.outcome()
        source, word, slot = fire.source.value, status.value, None if fire.slot is None else to_milliseconds(fire.slot)
        self._kinds[source, word, slot, fire.missed] += 1
        return (
            new.run_id,
            new.state.company_id,
            fire.routine_id,
            fire.trigger_id,
            source,
            word,
            now,
            slot,
            fire.cause,
            fire.idempotency_key,
            fire.payload,
            linked,
            joined_run,
            reason,
            fire.details,
            now if is_final else None,
            fire.actor.type.value,
            fire.actor.id,
            now,
        )

    def _issue_row(self, new: NewRun) -> tuple[object, ...]:
        state, now = new.state, self._now
        return (
            new.issue_id,
            state.company_id,
            new.identifier,
            state.title,
            state.description,
            IssueStatus.TODO.value,
            state.priority.value,
            state.assignee_agent_id,
            state.project_id,
            state.goal_id,
            state.parent_issue_id,
            ROUTINE_EXECUTION,
            state.id,
            new.run_id,
            new.fire.actor.agent_id,
            new.fire.actor.user_id,
            None,  # started_at
            None,  # completed_at
            now,
            now,
        )

    def _wake_up_row(self, new: NewRun) -> tuple[object, ...]:
        state = new.state
        reason, first_attempt = WakeReason.ISSUE_ASSIGNED.value, 1
        identity = next(self._ids)
        return (identity, state.company_id, state.assignee_agent_id, new.issue_id, reason, first_attempt, self._now)

    def _result(self, new: NewRun) -> str:
        """What a trigger's `lastResult` says of its last fire."""
        decision = new.decision
        if isinstance(decision, Finish):
            return f"{decision.status.value.capitalize()}: {decision.reason}"
        if isinstance(decision, Join) and new.joined is not None:
            issue = self._identifiers.get(new.joined.id, new.joined.identifier)
            if decision.status is RunStatus.COALESCED:
                return f"Coalesced into open execution issue {issue}"
            return f"Skipped because execution issue {issue} is open"
        return f"Created execution issue {new.identifier}"
