"""The use cases of routines: list, look at, create, change, delete.

Their triggers have use cases of their own; running one is in `firing`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

from sqlalchemy import Connection

from routines.core.access import Action, require
from routines.core.activity import ActivityAction
from routines.core.errors import ConflictError, ForbiddenError
from routines.core.instants import month_of
from routines.core.lifecycle import require_assignable, require_changeable
from routines.core.limits import RECENT_RUNS, TITLE_CHARACTERS_MAX
from routines.core.model import (
    Actor,
    Agent,
    CatchUpPolicy,
    ConcurrencyPolicy,
    Issue,
    IssueInBrief,
    Priority,
    Project,
    Routine,
    RoutineStatus,
    Run,
    Trigger,
    TriggerInBrief,
)
from routines.core.notifications import routine_paused
from routines.dispatch import outbox
from routines.services import references
from routines.services.context import Body, Context, PageQuery, changed_names, company_of_path, visible_routine
from routines.services.schedules import keep_history, move_with_routine, settle_before_change
from routines.services.triggers import NewTrigger, SecretMaterial, Triggers
from routines.storage.queries import agents, deliveries, issues, projects, routines, runs, silences, triggers, usage
from routines.storage.queries.routines import RoutineQuery
from routines.storage.queries.usage import UsageTotal

COPY_OF = "Copy of "


@dataclass(frozen=True, slots=True)
class RunWithLinks:
    """A run, with the issue that it points to and the trigger that fired it."""

    run: Run
    linked_issue: IssueInBrief | None
    trigger: TriggerInBrief | None


@dataclass(frozen=True, slots=True)
class ListedRoutine:
    """A routine as a list shows it."""

    routine: Routine
    triggers: list[TriggerInBrief]
    last_run: RunWithLinks | None
    active_issue: IssueInBrief | None


@dataclass(frozen=True, slots=True)
class RoutineDetail:
    """A routine with everything around it."""

    routine: Routine
    project: Project | None
    assignee: Agent | None
    parent_issue: Issue | None
    triggers: list[Trigger]
    recent_runs: list[RunWithLinks]
    active_issue: Issue | None
    month: datetime
    usage: UsageTotal


@dataclass(frozen=True, slots=True)
class CreatedRoutine:
    """A routine with the triggers that were created along with it, and their secrets in the same order.

    Both are None where the body named no triggers.
    """

    routine: Routine
    triggers: list[Trigger] | None
    secret_materials: list[SecretMaterial | None] | None


@dataclass(frozen=True, slots=True)
class NewRoutine:
    """A routine to be made; `triggers` is None where the body had none."""

    title: str
    description: str | None
    assignee_agent_id: str
    project_id: str
    goal_id: str | None
    parent_issue_id: str | None
    priority: Priority
    status: RoutineStatus
    concurrency_policy: ConcurrencyPolicy
    catch_up_policy: CatchUpPolicy
    triggers: list[NewTrigger] | None
    external_key: str | None = None


class RoutineChanges(TypedDict, total=False):
    """The fields that an update names, with their new values."""

    title: str
    description: str | None
    assignee_agent_id: str
    project_id: str
    goal_id: str | None
    parent_issue_id: str | None
    priority: Priority
    status: RoutineStatus
    concurrency_policy: ConcurrencyPolicy
    catch_up_policy: CatchUpPolicy
    external_key: str | None


@dataclass(frozen=True, slots=True)
class Routines:
    """The use cases of routines."""

    context: Context
    triggers: Triggers

    def search(
        self,
        actor: Actor,
        company_id: str,
        query: Body[RoutineQuery],
    ) -> list[ListedRoutine]:
        """A company's routines, most recently updated first, each with its triggers, last run and active issue."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            found = routines.search(connection, company_id, query())
            all_triggers = triggers.of_company(connection, company_id) if found else []
            own_triggers = defaultdict(list)
            for trigger in all_triggers:
                own_triggers[trigger.routine_id].append(trigger)
            active = issues.open_of_company_routines(connection, company_id) if found else {}
            last_runs = runs.last_of_routines(connection, company_id) if found else {}
            last = linked(connection, list(last_runs.values()), [*active.values()], all_triggers)
            with_links = {each.run.routine_id: each for each in last}
        return [ListedRoutine(r, own_triggers[r.id], with_links.get(r.id), active.get(r.id)) for r in found]

    def get(self, actor: Actor, routine_id: str) -> RoutineDetail:
        """A routine with everything around it; `NotFoundError` if there is none for this caller."""
        with self.context.database.read() as connection:
            routine = visible_routine(connection, actor, routine_id)
            parent = routine.parent_issue_id
            month = month_of(self.context.clock.now())
            return RoutineDetail(
                routine=routine,
                project=projects.get(connection, routine.project_id),
                assignee=agents.get(connection, routine.assignee_agent_id),
                parent_issue=None if parent is None else issues.get(connection, parent),
                triggers=triggers.of_routines(connection, [routine.id]),
                recent_runs=linked(connection, runs.page(connection, routine.id, limit=RECENT_RUNS, before=None)),
                active_issue=issues.open_of_routine(connection, routine.id),
                month=month,
                usage=usage.of_owner(connection, routine.id, month),
            )

    def runs(self, actor: Actor, routine_id: str, query: Body[PageQuery]) -> list[RunWithLinks]:
        """A routine's runs, newest first, from the one after `before` on."""
        with self.context.database.read() as connection:
            routine = visible_routine(connection, actor, routine_id)
            page = query()
            return linked(connection, runs.page(connection, routine.id, limit=page.limit, before=page.before))

    def create(self, actor: Actor, company_id: str, body: Body[NewRoutine]) -> CreatedRoutine:
        """Create a routine and the triggers that the body names, all or nothing."""
        with self.context.database.write() as transaction:
            transaction.locks.company(company_id)
            connection = transaction.connection
            company = company_of_path(connection, actor, company_id)
            new = body()
            require(actor, Action.CREATE_ROUTINE, assigned_to=new.assignee_agent_id)
            agent = references.agent(connection, company.id, new.assignee_agent_id)
            self._check_references(connection, company.id, new.project_id, new.goal_id, new.parent_issue_id)
            now = self.context.clock.now()
            routine = Routine(
                id=self.context.ids.new(now),
                company_id=company.id,
                project_id=new.project_id,
                goal_id=new.goal_id,
                parent_issue_id=new.parent_issue_id,
                assignee_agent_id=new.assignee_agent_id,
                title=new.title,
                description=new.description,
                priority=new.priority,
                status=new.status,
                pause_reason=None,
                concurrency_policy=new.concurrency_policy,
                catch_up_policy=new.catch_up_policy,
                created_by_agent_id=actor.agent_id,
                created_by_user_id=actor.user_id,
                updated_by_agent_id=actor.agent_id,
                updated_by_user_id=actor.user_id,
                last_triggered_at=None,
                last_enqueued_at=None,
                created_at=now,
                updated_at=now,
                external_key=new.external_key,
            )
            _require_free_key(connection, routine)
            routines.add(connection, routine)
            subject = (company.id, "routine", routine.id)
            self.context.record(
                transaction, actor, ActivityAction.ROUTINE_CREATED, subject, now, {"title": routine.title}
            )
            made = [self.triggers.create(transaction, actor, routine, each, now) for each in new.triggers or ()]
            require_assignable(agent)
        if new.triggers is None:
            return CreatedRoutine(routine, None, None)
        return CreatedRoutine(routine, [each.trigger for each in made], [each.secret_material for each in made])

    def duplicate(self, actor: Actor, routine_id: str, body: Body[None]) -> CreatedRoutine:
        """Make a paused copy of a routine, whatever its status, with its triggers; webhooks get new secrets."""
        with self.context.database.read() as connection:
            routine = visible_routine(connection, actor, routine_id)
            own_triggers = triggers.of_routines(connection, [routine.id])
        body()
        copy = NewRoutine(
            title=f"{COPY_OF}{routine.title}"[:TITLE_CHARACTERS_MAX].rstrip(),
            description=routine.description,
            assignee_agent_id=routine.assignee_agent_id,
            project_id=routine.project_id,
            goal_id=routine.goal_id,
            parent_issue_id=routine.parent_issue_id,
            priority=routine.priority,
            status=RoutineStatus.PAUSED,
            concurrency_policy=routine.concurrency_policy,
            catch_up_policy=routine.catch_up_policy,
            triggers=[_as_new(each) for each in own_triggers],
        )
        return self.create(actor, routine.company_id, lambda: copy)

    def update(self, actor: Actor, routine_id: str, body: Body[RoutineChanges]) -> Routine:
        """Change a routine; with its status its schedules stop or start from now."""
        with self.context.database.write() as transaction:
            transaction.locks.routine(routine_id)
            connection = transaction.connection
            before = visible_routine(connection, actor, routine_id)
            require(actor, Action.CHANGE_ROUTINE, assigned_to=before.assignee_agent_id)
            changes = body()
            assignee_id = changes.get("assignee_agent_id", before.assignee_agent_id)
            if actor.agent_id is not None and assignee_id != actor.agent_id:
                raise ForbiddenError("An agent cannot assign a routine to another agent; the board can")
            assignee = references.agent(connection, before.company_id, assignee_id)
            self._check_references(
                connection,
                before.company_id,
                changes.get("project_id"),
                changes.get("goal_id"),
                changes.get("parent_issue_id"),
            )
            after = replace(before, **changes)
            names = changed_names(before, after)
            if not names:
                return before
            require_changeable(before)
            if before.external_key != after.external_key:
                _require_free_key(connection, after)
            reassigned = before.assignee_agent_id != after.assignee_agent_id
            activated = before.status is not after.status is RoutineStatus.ACTIVE
            if reassigned or activated:
                require_assignable(assignee)
            now = self.context.clock.now()
            move_with_routine(self.context, transaction, before, after, now)
            fired = routines.get(connection, before.id) or before  # what was due may just have fired
            after = replace(
                fired,
                **changes,
                pause_reason=None if after.status is not RoutineStatus.PAUSED else before.pause_reason,
                updated_by_agent_id=actor.agent_id,
                updated_by_user_id=actor.user_id,
                updated_at=now,
            )
            routines.change(connection, after)
            subject = (after.company_id, "routine", after.id)
            details = {"changed": names, "status": after.status.value}
            self.context.record(transaction, actor, ActivityAction.ROUTINE_UPDATED, subject, now, details)
            if after.status is RoutineStatus.PAUSED is not before.status:
                notices = [routine_paused(after, actor)]
                outbox.tell(transaction, [after.company_id], lambda: notices, now, self.context.ids)
        return after

    def delete(self, actor: Actor, routine_id: str, force: Body[bool]) -> None:
        """Delete a routine with its triggers; its issues stay readable.

        Raises `ConflictError` while an execution issue is open, unless forced.
        """
        with self.context.database.write() as transaction:
            transaction.locks.routine(routine_id)
            connection = transaction.connection
            routine = visible_routine(connection, actor, routine_id)
            require(actor, Action.CHANGE_ROUTINE, assigned_to=routine.assignee_agent_id)
            forced = force()
            now = self.context.clock.now()
            own_triggers = triggers.of_routines(connection, [routine.id])
            settle_before_change(self.context, transaction, own_triggers, now)
            active_issue = issues.open_of_routine(connection, routine.id)
            if active_issue is not None and not forced:
                raise ConflictError(
                    f"Execution issue {active_issue.identifier} is open; close it, or delete with ?force=true"
                )
            triggers.delete(connection, [each.id for each in own_triggers], now)
            deliveries.forget(connection, [each.id for each in own_triggers])
            for each in own_triggers:
                keep_history(self.context, transaction, each, now, live=False, reason="routine deleted")
            routines.delete(connection, routine.id, now)
            silences.forget_routine(connection, routine.id)
            subject = (routine.company_id, "routine", routine.id)
            self.context.record(
                transaction, actor, ActivityAction.ROUTINE_DELETED, subject, now, {"title": routine.title}
            )

    def _check_references(
        self,
        connection: Connection,
        company_id: str,
        project_id: str | None,
        goal_id: str | None,
        parent_issue_id: str | None,
    ) -> None:
        if project_id is not None:
            references.project(connection, company_id, project_id)
        if goal_id is not None:
            references.goal(connection, company_id, goal_id)
        if parent_issue_id is not None:
            references.issue(connection, company_id, parent_issue_id)


def _require_free_key(connection: Connection, routine: Routine) -> None:
    """Raise `ConflictError` if another routine is known by that key already; the company is locked."""
    key, archived = routine.external_key, routine.status is RoutineStatus.ARCHIVED
    if key is not None and not archived and routines.has_external_key(connection, routine.company_id, key):
        raise ConflictError(f"Another routine of the company has the externalKey {key!r}; each has one of its own")


def _as_new(trigger: Trigger) -> NewTrigger:
    """A trigger like this one, to be made."""
    return NewTrigger(
        trigger.kind,
        trigger.label,
        trigger.enabled,
        cron_expression=trigger.cron_expression,
        timezone=trigger.timezone,
        signing_mode=trigger.signing_mode,
        replay_window_sec=trigger.replay_window_sec,
    )


def linked(
    connection: Connection,
    found: list[Run],
    known_issues: Sequence[IssueInBrief] = (),
    known_triggers: Sequence[TriggerInBrief] = (),
) -> list[RunWithLinks]:
    """Runs with their issues and triggers, read unless known; a deleted trigger still tells what it was."""
    linked_issues = {issue.id: issue for issue in known_issues}
    fired_by = {trigger.id: trigger for trigger in known_triggers}
    other_issues = {run.linked_issue_id for run in found if run.linked_issue_id} - linked_issues.keys()
    other_triggers = {run.trigger_id for run in found if run.trigger_id} - fired_by.keys()
    linked_issues.update(issues.of_ids(connection, list(other_issues)) if other_issues else {})
    fired_by.update(triggers.of_ids(connection, list(other_triggers)) if other_triggers else {})
    return [
        RunWithLinks(run, linked_issues.get(run.linked_issue_id or ""), fired_by.get(run.trigger_id or ""))
        for run in found
    ]
