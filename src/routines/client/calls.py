"""Every call of the service as a method of both clients; written by `make client`.

Nothing here is edited by hand: it is what the service's OpenAPI document says. Nothing is sent from here either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from routines.client import models
from routines.client.call import OMITTED, Call, KeyIn, Omitted, given, operation, paged, queried, segment, streamed


class Calls:
    """Every call; on a client a method that makes it, on a class a function that only describes it."""

    @operation
    def list_routines(
        self,
        company_id: str,
        *,
        project_id: str | Omitted = OMITTED,
        assignee_agent_id: str | Omitted = OMITTED,
        status: models.AnyCompanyStatus | models.AnyProjectStatus | models.AnyRoutineStatus | Omitted = OMITTED,
        q: str | Omitted = OMITTED,
    ) -> Call[list[models.ListedRoutineReply]]:
        """List a company's routines, most recently updated first."""
        return Call(
            "GET",
            f"/api/companies/{segment(company_id)}/routines",
            list[models.ListedRoutineReply],
            query=queried({"projectId": project_id, "assigneeAgentId": assignee_agent_id, "status": status, "q": q}),
        )

    @operation
    def create_routine(
        self,
        company_id: str,
        *,
        title: str,
        assignee_agent_id: str,
        project_id: str,
        description: str | Omitted | None = OMITTED,
        goal_id: str | Omitted | None = OMITTED,
        parent_issue_id: str | Omitted | None = OMITTED,
        priority: models.AnyPriority | Omitted = OMITTED,
        status: models.AnyRoutineStatus | Omitted = OMITTED,
        concurrency_policy: models.AnyConcurrencyPolicy | Omitted = OMITTED,
        catch_up_policy: models.AnyCatchUpPolicy | Omitted = OMITTED,
        external_key: str | Omitted | None = OMITTED,
        triggers: Sequence[
            models.ScheduleTriggerCreate | Mapping[str, Any] | models.WebhookTriggerCreate | models.ApiTriggerCreate
        ]
        | Omitted = OMITTED,
    ) -> Call[models.CreatedRoutineReply]:
        """Create a routine, along with the triggers that the body names."""
        return Call(
            "POST",
            f"/api/companies/{segment(company_id)}/routines",
            models.CreatedRoutineReply,
            body=given(
                {
                    "title": title,
                    "assigneeAgentId": assignee_agent_id,
                    "projectId": project_id,
                    "description": description,
                    "goalId": goal_id,
                    "parentIssueId": parent_issue_id,
                    "priority": priority,
                    "status": status,
                    "concurrencyPolicy": concurrency_policy,
                    "catchUpPolicy": catch_up_policy,
                    "externalKey": external_key,
                    "triggers": triggers,
                }
            ),
        )

    @operation
    def get_routine(self, routine_id: str) -> Call[models.RoutineDetailReply]:
        """Get a routine with everything around it."""
        return Call("GET", f"/api/routines/{segment(routine_id)}", models.RoutineDetailReply)

    @operation
    def update_routine(
        self,
        routine_id: str,
        *,
        title: str | Omitted = OMITTED,
        description: str | Omitted | None = OMITTED,
        assignee_agent_id: str | Omitted = OMITTED,
        project_id: str | Omitted = OMITTED,
        goal_id: str | Omitted | None = OMITTED,
        parent_issue_id: str | Omitted | None = OMITTED,
        priority: models.AnyPriority | Omitted = OMITTED,
        status: models.AnyRoutineStatus | Omitted = OMITTED,
        concurrency_policy: models.AnyConcurrencyPolicy | Omitted = OMITTED,
        catch_up_policy: models.AnyCatchUpPolicy | Omitted = OMITTED,
        external_key: str | Omitted | None = OMITTED,
    ) -> Call[models.RoutineReply]:
        """Change a routine."""
        return Call(
            "PATCH",
            f"/api/routines/{segment(routine_id)}",
            models.RoutineReply,
            body=given(
                {
                    "title": title,
                    "description": description,
                    "assigneeAgentId": assignee_agent_id,
                    "projectId": project_id,
                    "goalId": goal_id,
                    "parentIssueId": parent_issue_id,
                    "priority": priority,
                    "status": status,
                    "concurrencyPolicy": concurrency_policy,
                    "catchUpPolicy": catch_up_policy,
                    "externalKey": external_key,
                }
            ),
        )

    @operation
    def delete_routine(self, routine_id: str, *, force: bool | Omitted = OMITTED) -> Call[None]:
        """Delete a routine; its issues stay readable."""
        return Call("DELETE", f"/api/routines/{segment(routine_id)}", None, query=queried({"force": force}))

    @operation
    def run_routine(
        self,
        routine_id: str,
        *,
        source: Literal["manual", "api"] | Omitted = OMITTED,
        trigger_id: str | Omitted | None = OMITTED,
        payload: Mapping[str, Any] | Omitted | None = OMITTED,
        idempotency_key: str | Omitted | None = OMITTED,
        assignee_agent_id: str | Omitted | None = OMITTED,
    ) -> Call[models.RunReply]:
        """Run a routine by hand."""
        return Call(
            "POST",
            f"/api/routines/{segment(routine_id)}/run",
            models.RunReply,
            body=given(
                {
                    "source": source,
                    "triggerId": trigger_id,
                    "payload": payload,
                    "idempotencyKey": idempotency_key,
                    "assigneeAgentId": assignee_agent_id,
                }
            ),
            key_in=KeyIn.BODY,
            key=idempotency_key,
        )

    @paged
    def list_runs(
        self, routine_id: str, *, limit: int | Omitted = OMITTED, before: str | Omitted = OMITTED
    ) -> Call[list[models.ListedRun]]:
        """List a routine's runs, newest first."""
        return Call(
            "GET",
            f"/api/routines/{segment(routine_id)}/runs",
            list[models.ListedRun],
            query=queried({"limit": limit, "before": before}),
        )

    @operation
    def get_run(self, routine_id: str, run_id: str) -> Call[models.ListedRun]:
        """Get one run of a routine."""
        return Call("GET", f"/api/routines/{segment(routine_id)}/runs/{segment(run_id)}", models.ListedRun)

    @operation
    def add_trigger(
        self,
        routine_id: str,
        *,
        kind: models.AnyTriggerKind,
        label: str | Omitted | None = OMITTED,
        enabled: bool | Omitted = OMITTED,
        external_key: str | Omitted | None = OMITTED,
        cron_expression: str | Omitted = OMITTED,
        timezone: str | Omitted = OMITTED,
        signing_mode: models.AnySigningMode | Omitted = OMITTED,
        replay_window_sec: int | Omitted = OMITTED,
    ) -> Call[models.TriggerWithSecretReply]:
        """Add a trigger to a routine."""
        return Call(
            "POST",
            f"/api/routines/{segment(routine_id)}/triggers",
            models.TriggerWithSecretReply,
            body=given(
                {
                    "kind": kind,
                    "label": label,
                    "enabled": enabled,
                    "externalKey": external_key,
                    "cronExpression": cron_expression,
                    "timezone": timezone,
                    "signingMode": signing_mode,
                    "replayWindowSec": replay_window_sec,
                }
            ),
        )

    @operation
    def update_trigger(
        self,
        trigger_id: str,
        *,
        label: str | Omitted | None = OMITTED,
        enabled: bool | Omitted = OMITTED,
        external_key: str | Omitted | None = OMITTED,
        cron_expression: str | Omitted = OMITTED,
        timezone: str | Omitted = OMITTED,
        signing_mode: models.AnySigningMode | Omitted = OMITTED,
        replay_window_sec: int | Omitted = OMITTED,
    ) -> Call[models.WholeTrigger]:
        """Change a trigger."""
        return Call(
            "PATCH",
            f"/api/routine-triggers/{segment(trigger_id)}",
            models.WholeTrigger,
            body=given(
                {
                    "label": label,
                    "enabled": enabled,
                    "externalKey": external_key,
                    "cronExpression": cron_expression,
                    "timezone": timezone,
                    "signingMode": signing_mode,
                    "replayWindowSec": replay_window_sec,
                }
            ),
        )

    @operation
    def delete_trigger(self, trigger_id: str) -> Call[None]:
        """Delete a trigger; its runs stay."""
        return Call("DELETE", f"/api/routine-triggers/{segment(trigger_id)}", None)

    @operation
    def rotate_secret(self, trigger_id: str) -> Call[models.TriggerWithSecretReply]:
        """Give a webhook a new secret; the old one is dead at once."""
        return Call("POST", f"/api/routine-triggers/{segment(trigger_id)}/rotate-secret", models.TriggerWithSecretReply)

    @paged
    def list_deliveries(
        self, trigger_id: str, *, limit: int | Omitted = OMITTED, before: str | Omitted = OMITTED
    ) -> Call[list[models.DeliveryReply]]:
        """List a webhook's recent deliveries, those included that made no run, and why."""
        return Call(
            "GET",
            f"/api/routine-triggers/{segment(trigger_id)}/deliveries",
            list[models.DeliveryReply],
            query=queried({"limit": limit, "before": before}),
        )

    @operation
    def fire_webhook(
        self, public_id: str, *, body: bytes, headers: Mapping[str, str], idempotency_key: str | Omitted = OMITTED
    ) -> Call[models.RunReply | models.PongReply]:
        """Fire a webhook trigger; the signature is checked over the raw body, whatever its content type."""
        return Call(
            "POST",
            f"/api/routine-triggers/public/{segment(public_id)}/fire",
            models.RunReply | models.PongReply,
            content=body,
            headers=headers,
            key_in=KeyIn.HEADER,
            key=idempotency_key,
            as_caller=False,
        )

    @operation
    def list_companies(self) -> Call[list[models.CompanyReply]]:
        """List the companies that the caller may see."""
        return Call("GET", "/api/companies", list[models.CompanyReply])

    @operation
    def create_company(
        self,
        *,
        name: str,
        description: str | Omitted | None = OMITTED,
        status: models.AnyCompanyStatus | Omitted = OMITTED,
        issue_prefix: str | Omitted | None = OMITTED,
    ) -> Call[models.CompanyReply]:
        """Create a company."""
        return Call(
            "POST",
            "/api/companies",
            models.CompanyReply,
            body=given({"name": name, "description": description, "status": status, "issuePrefix": issue_prefix}),
        )

    @operation
    def get_company(self, company_id: str) -> Call[models.CompanyReply]:
        """Get a company."""
        return Call("GET", f"/api/companies/{segment(company_id)}", models.CompanyReply)

    @operation
    def update_company(
        self,
        company_id: str,
        *,
        name: str | Omitted = OMITTED,
        description: str | Omitted | None = OMITTED,
        status: models.AnyCompanyStatus | Omitted = OMITTED,
        issue_prefix: str | Omitted = OMITTED,
    ) -> Call[models.CompanyReply]:
        """Change a company."""
        return Call(
            "PATCH",
            f"/api/companies/{segment(company_id)}",
            models.CompanyReply,
            body=given({"name": name, "description": description, "status": status, "issuePrefix": issue_prefix}),
        )

    @operation
    def list_projects(self, company_id: str) -> Call[list[models.ProjectReply]]:
        """List a company's projects."""
        return Call("GET", f"/api/companies/{segment(company_id)}/projects", list[models.ProjectReply])

    @operation
    def create_project(
        self,
        company_id: str,
        *,
        name: str,
        description: str | Omitted | None = OMITTED,
        status: models.AnyProjectStatus | Omitted = OMITTED,
    ) -> Call[models.ProjectReply]:
        """Create a project."""
        return Call(
            "POST",
            f"/api/companies/{segment(company_id)}/projects",
            models.ProjectReply,
            body=given({"name": name, "description": description, "status": status}),
        )

    @operation
    def get_project(self, project_id: str) -> Call[models.ProjectReply]:
        """Get a project."""
        return Call("GET", f"/api/projects/{segment(project_id)}", models.ProjectReply)

    @operation
    def update_project(
        self,
        project_id: str,
        *,
        name: str | Omitted = OMITTED,
        description: str | Omitted | None = OMITTED,
        status: models.AnyProjectStatus | Omitted = OMITTED,
    ) -> Call[models.ProjectReply]:
        """Change a project."""
        return Call(
            "PATCH",
            f"/api/projects/{segment(project_id)}",
            models.ProjectReply,
            body=given({"name": name, "description": description, "status": status}),
        )

    @operation
    def list_goals(self, company_id: str) -> Call[list[models.GoalReply]]:
        """List a company's goals."""
        return Call("GET", f"/api/companies/{segment(company_id)}/goals", list[models.GoalReply])

    @operation
    def create_goal(
        self,
        company_id: str,
        *,
        title: str,
        description: str | Omitted | None = OMITTED,
        level: models.AnyGoalLevel | Omitted = OMITTED,
        status: models.AnyGoalStatus | Omitted = OMITTED,
    ) -> Call[models.GoalReply]:
        """Create a goal."""
        return Call(
            "POST",
            f"/api/companies/{segment(company_id)}/goals",
            models.GoalReply,
            body=given({"title": title, "description": description, "level": level, "status": status}),
        )

    @operation
    def get_goal(self, goal_id: str) -> Call[models.GoalReply]:
        """Get a goal."""
        return Call("GET", f"/api/goals/{segment(goal_id)}", models.GoalReply)

    @operation
    def update_goal(
        self,
        goal_id: str,
        *,
        title: str | Omitted = OMITTED,
        description: str | Omitted | None = OMITTED,
        level: models.AnyGoalLevel | Omitted = OMITTED,
        status: models.AnyGoalStatus | Omitted = OMITTED,
    ) -> Call[models.GoalReply]:
        """Change a goal."""
        return Call(
            "PATCH",
            f"/api/goals/{segment(goal_id)}",
            models.GoalReply,
            body=given({"title": title, "description": description, "level": level, "status": status}),
        )

    @operation
    def list_agents(self, company_id: str) -> Call[list[models.AgentReply]]:
        """List a company's agents."""
        return Call("GET", f"/api/companies/{segment(company_id)}/agents", list[models.AgentReply])

    @operation
    def create_agent(
        self,
        company_id: str,
        *,
        name: str,
        role: str | Omitted = OMITTED,
        title: str | Omitted | None = OMITTED,
        capabilities: str | Omitted | None = OMITTED,
        reports_to: str | Omitted | None = OMITTED,
        adapter_type: models.AnyAdapterType | Omitted = OMITTED,
        adapter_config: Mapping[str, Any] | Omitted = OMITTED,
        runtime_config: Mapping[str, Any] | Omitted = OMITTED,
        budget_monthly_cents: int | Omitted = OMITTED,
    ) -> Call[models.AgentReply]:
        """Hire an agent."""
        return Call(
            "POST",
            f"/api/companies/{segment(company_id)}/agents",
            models.AgentReply,
            body=given(
                {
                    "name": name,
                    "role": role,
                    "title": title,
                    "capabilities": capabilities,
                    "reportsTo": reports_to,
                    "adapterType": adapter_type,
                    "adapterConfig": adapter_config,
                    "runtimeConfig": runtime_config,
                    "budgetMonthlyCents": budget_monthly_cents,
                }
            ),
        )

    @operation
    def get_myself(self) -> Call[models.AgentDetailReply]:
        """Get the calling agent."""
        return Call("GET", "/api/agents/me", models.AgentDetailReply)

    @operation
    def get_inbox(self) -> Call[list[models.InboxIssue]]:
        """List what the calling agent has to do, the most urgent first."""
        return Call("GET", "/api/agents/me/inbox-lite", list[models.InboxIssue])

    @operation
    def get_agent(self, agent_id: str) -> Call[models.AgentDetailReply]:
        """Get an agent."""
        return Call("GET", f"/api/agents/{segment(agent_id)}", models.AgentDetailReply)

    @operation
    def update_agent(
        self,
        agent_id: str,
        *,
        name: str | Omitted = OMITTED,
        role: str | Omitted = OMITTED,
        title: str | Omitted | None = OMITTED,
        capabilities: str | Omitted | None = OMITTED,
        reports_to: str | Omitted | None = OMITTED,
        adapter_type: models.AnyAdapterType | Omitted = OMITTED,
        adapter_config: Mapping[str, Any] | Omitted = OMITTED,
        runtime_config: Mapping[str, Any] | Omitted = OMITTED,
        budget_monthly_cents: int | Omitted = OMITTED,
    ) -> Call[models.AgentReply]:
        """Change an agent."""
        return Call(
            "PATCH",
            f"/api/agents/{segment(agent_id)}",
            models.AgentReply,
            body=given(
                {
                    "name": name,
                    "role": role,
                    "title": title,
                    "capabilities": capabilities,
                    "reportsTo": reports_to,
                    "adapterType": adapter_type,
                    "adapterConfig": adapter_config,
                    "runtimeConfig": runtime_config,
                    "budgetMonthlyCents": budget_monthly_cents,
                }
            ),
        )

    @operation
    def invoke_heartbeat(self, agent_id: str) -> Call[models.HeartbeatReply]:
        """Wake an agent now."""
        return Call("POST", f"/api/agents/{segment(agent_id)}/heartbeat/invoke", models.HeartbeatReply)

    @operation
    def pause_agent(self, agent_id: str) -> Call[models.AgentReply]:
        """Pause an agent: its issues wait in its inbox."""
        return Call("POST", f"/api/agents/{segment(agent_id)}/pause", models.AgentReply)

    @operation
    def resume_agent(self, agent_id: str) -> Call[models.AgentReply]:
        """Let an agent work again."""
        return Call("POST", f"/api/agents/{segment(agent_id)}/resume", models.AgentReply)

    @operation
    def terminate_agent(self, agent_id: str) -> Call[models.AgentReply]:
        """Dismiss an agent for good; its routines are paused."""
        return Call("POST", f"/api/agents/{segment(agent_id)}/terminate", models.AgentReply)

    @operation
    def list_keys(self, agent_id: str) -> Call[list[models.KeyReply]]:
        """List an agent's keys, without their tokens."""
        return Call("GET", f"/api/agents/{segment(agent_id)}/keys", list[models.KeyReply])

    @operation
    def create_key(self, agent_id: str, *, name: str | Omitted = OMITTED) -> Call[models.NewKeyReply]:
        """Make a key for an agent; its token is shown this once."""
        return Call("POST", f"/api/agents/{segment(agent_id)}/keys", models.NewKeyReply, body=given({"name": name}))

    @operation
    def revoke_key(self, agent_id: str, key_id: str) -> Call[None]:
        """Make a key worthless."""
        return Call("DELETE", f"/api/agents/{segment(agent_id)}/keys/{segment(key_id)}", None)

    @paged
    def list_issues(
        self,
        company_id: str,
        *,
        status: str | Sequence[str] | Omitted = OMITTED,
        assignee_agent_id: str | Omitted = OMITTED,
        project_id: str | Omitted = OMITTED,
        origin_kind: str | Omitted = OMITTED,
        origin_id: str | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        before: str | Omitted = OMITTED,
    ) -> Call[list[models.WholeIssue]]:
        """List a company's issues, newest first."""
        return Call(
            "GET",
            f"/api/companies/{segment(company_id)}/issues",
            list[models.WholeIssue],
            query=queried(
                {
                    "status": status,
                    "assigneeAgentId": assignee_agent_id,
                    "projectId": project_id,
                    "originKind": origin_kind,
                    "originId": origin_id,
                    "limit": limit,
                    "before": before,
                }
            ),
        )

    @operation
    def create_issue(
        self,
        company_id: str,
        *,
        title: str,
        description: str | Omitted | None = OMITTED,
        status: models.AnyIssueStatus | Omitted = OMITTED,
        priority: models.AnyPriority | Omitted = OMITTED,
        assignee_agent_id: str | Omitted | None = OMITTED,
        project_id: str | Omitted | None = OMITTED,
        goal_id: str | Omitted | None = OMITTED,
        parent_id: str | Omitted | None = OMITTED,
    ) -> Call[models.WholeIssue]:
        """Create an issue by hand."""
        return Call(
            "POST",
            f"/api/companies/{segment(company_id)}/issues",
            models.WholeIssue,
            body=given(
                {
                    "title": title,
                    "description": description,
                    "status": status,
                    "priority": priority,
                    "assigneeAgentId": assignee_agent_id,
                    "projectId": project_id,
                    "goalId": goal_id,
                    "parentId": parent_id,
                }
            ),
        )

    @operation
    def get_issue(self, issue_id: str) -> Call[models.IssueDetailReply]:
        """Get an issue with all runs that point to it."""
        return Call("GET", f"/api/issues/{segment(issue_id)}", models.IssueDetailReply)

    @operation
    def update_issue(
        self,
        issue_id: str,
        *,
        title: str | Omitted = OMITTED,
        description: str | Omitted | None = OMITTED,
        status: models.AnyIssueStatus | Omitted = OMITTED,
        priority: models.AnyPriority | Omitted = OMITTED,
        assignee_agent_id: str | Omitted | None = OMITTED,
        project_id: str | Omitted | None = OMITTED,
        goal_id: str | Omitted | None = OMITTED,
        parent_id: str | Omitted | None = OMITTED,
        comment: str | Omitted = OMITTED,
    ) -> Call[models.UpdatedIssueReply]:
        """Change an issue; `comment` adds a comment."""
        return Call(
            "PATCH",
            f"/api/issues/{segment(issue_id)}",
            models.UpdatedIssueReply,
            body=given(
                {
                    "title": title,
                    "description": description,
                    "status": status,
                    "priority": priority,
                    "assigneeAgentId": assignee_agent_id,
                    "projectId": project_id,
                    "goalId": goal_id,
                    "parentId": parent_id,
                    "comment": comment,
                }
            ),
        )

    @operation
    def check_out_issue(
        self, issue_id: str, *, agent_id: str, expected_statuses: Sequence[models.AnyIssueStatus]
    ) -> Call[models.WholeIssue]:
        """Take an issue into hand."""
        return Call(
            "POST",
            f"/api/issues/{segment(issue_id)}/checkout",
            models.WholeIssue,
            body=given({"agentId": agent_id, "expectedStatuses": expected_statuses}),
        )

    @operation
    def release_issue(self, issue_id: str) -> Call[models.WholeIssue]:
        """Give an issue in hand back."""
        return Call("POST", f"/api/issues/{segment(issue_id)}/release", models.WholeIssue)

    @operation
    def list_comments(
        self,
        issue_id: str,
        *,
        limit: int | Omitted = OMITTED,
        after: str | Omitted = OMITTED,
        order: Literal["asc", "desc"] | Omitted = OMITTED,
    ) -> Call[list[models.CommentReply]]:
        """List an issue's comments, newest first unless asked otherwise."""
        return Call(
            "GET",
            f"/api/issues/{segment(issue_id)}/comments",
            list[models.CommentReply],
            query=queried({"limit": limit, "after": after, "order": order}),
        )

    @operation
    def add_comment(self, issue_id: str, *, body: str) -> Call[models.CommentReply]:
        """Comment on an issue."""
        return Call(
            "POST", f"/api/issues/{segment(issue_id)}/comments", models.CommentReply, body=given({"body": body})
        )

    @operation
    def get_heartbeat_context(self, issue_id: str) -> Call[models.HeartbeatContextReply]:
        """Get what an agent needs to know of an issue to work on it."""
        return Call("GET", f"/api/issues/{segment(issue_id)}/heartbeat-context", models.HeartbeatContextReply)

    @paged
    def list_activity(
        self,
        company_id: str,
        *,
        entity_type: str | Omitted = OMITTED,
        entity_id: str | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        before: str | Omitted = OMITTED,
    ) -> Call[list[models.ActivityReply]]:
        """List a company's activity, newest first."""
        return Call(
            "GET",
            f"/api/companies/{segment(company_id)}/activity",
            list[models.ActivityReply],
            query=queried({"entityType": entity_type, "entityId": entity_id, "limit": limit, "before": before}),
        )

    @paged
    def list_heartbeats(
        self,
        company_id: str,
        *,
        limit: int | Omitted = OMITTED,
        before: str | Omitted = OMITTED,
        agent_id: str | Omitted = OMITTED,
        issue_id: str | Omitted = OMITTED,
        routine_id: str | Omitted = OMITTED,
        status: str | Sequence[str] | Omitted = OMITTED,
    ) -> Call[list[models.HeartbeatReply]]:
        """List a company's heartbeats, queued ones included, newest first."""
        return Call(
            "GET",
            f"/api/companies/{segment(company_id)}/heartbeat-runs",
            list[models.HeartbeatReply],
            query=queried(
                {
                    "limit": limit,
                    "before": before,
                    "agentId": agent_id,
                    "issueId": issue_id,
                    "routineId": routine_id,
                    "status": status,
                }
            ),
        )

    @operation
    def get_heartbeat(self, run_id: str) -> Call[models.HeartbeatReply]:
        """Get a heartbeat."""
        return Call("GET", f"/api/heartbeat-runs/{segment(run_id)}", models.HeartbeatReply)

    @operation
    def get_heartbeat_log(self, run_id: str, *, after: int | Omitted = OMITTED) -> Call[models.LogReply]:
        """Get what a heartbeat has printed, from a place on."""
        return Call(
            "GET", f"/api/heartbeat-runs/{segment(run_id)}/log", models.LogReply, query=queried({"after": after})
        )

    @operation
    def cancel_heartbeat(self, run_id: str) -> Call[models.HeartbeatReply]:
        """End a heartbeat."""
        return Call("POST", f"/api/heartbeat-runs/{segment(run_id)}/cancel", models.HeartbeatReply)

    @operation
    def complete_heartbeat(
        self,
        run_id: str,
        *,
        status: Literal["succeeded", "failed"],
        summary: str | Omitted | None = OMITTED,
        error: str | Omitted | None = OMITTED,
        usage: Mapping[str, Any] | Omitted | None = OMITTED,
    ) -> Call[models.HeartbeatReply]:
        """Tell how a heartbeat ended that was started by HTTP, with its run token."""
        return Call(
            "POST",
            f"/api/heartbeat-runs/{segment(run_id)}/complete",
            models.HeartbeatReply,
            body=given({"status": status, "summary": summary, "error": error, "usage": usage}),
        )

    @operation
    def explain_cron(
        self,
        *,
        cron_expression: str,
        timezone: str | Omitted = OMITTED,
        count: int | Omitted = OMITTED,
        from_: datetime | Omitted | None = OMITTED,
    ) -> Call[models.ExplanationReply]:
        """Explain a schedule: in words, its next times, and what may surprise."""
        return Call(
            "POST",
            "/api/cron/explain",
            models.ExplanationReply,
            body=given({"cronExpression": cron_expression, "timezone": timezone, "count": count, "from": from_}),
        )

    @operation
    def list_upcoming(
        self,
        company_id: str,
        *,
        from_: datetime | Omitted = OMITTED,
        to: datetime | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
    ) -> Call[list[models.UpcomingReply]]:
        """List the slots that come next in a company, in order."""
        return Call(
            "GET",
            f"/api/companies/{segment(company_id)}/upcoming",
            list[models.UpcomingReply],
            query=queried({"from": from_, "to": to, "limit": limit}),
        )

    @operation
    def get_routine_health(
        self, routine_id: str, *, from_: datetime | Omitted = OMITTED, to: datetime | Omitted = OMITTED
    ) -> Call[list[models.SlotHealthReply]]:
        """List every slot of a routine that was due, and what became of it."""
        return Call(
            "GET",
            f"/api/routines/{segment(routine_id)}/health",
            list[models.SlotHealthReply],
            query=queried({"from": from_, "to": to}),
        )

    @operation
    def list_subscriptions(self, company_id: str) -> Call[list[models.SubscriptionReply]]:
        """List who of a company is told of which events."""
        return Call(
            "GET", f"/api/companies/{segment(company_id)}/notification-subscriptions", list[models.SubscriptionReply]
        )

    @operation
    def create_subscription(
        self,
        company_id: str,
        *,
        channel: models.AnyChannel,
        target: str,
        events: Sequence[models.AnyNotificationEvent],
        name: str | Omitted | None = OMITTED,
        routine_id: str | Omitted | None = OMITTED,
        quiet_after_seconds: int | Omitted = OMITTED,
        enabled: bool | Omitted = OMITTED,
    ) -> Call[models.SubscriptionWithSecretReply]:
        """Subscribe to events; a webhook's secret is shown this once."""
        return Call(
            "POST",
            f"/api/companies/{segment(company_id)}/notification-subscriptions",
            models.SubscriptionWithSecretReply,
            body=given(
                {
                    "channel": channel,
                    "target": target,
                    "events": events,
                    "name": name,
                    "routineId": routine_id,
                    "quietAfterSeconds": quiet_after_seconds,
                    "enabled": enabled,
                }
            ),
        )

    @operation
    def get_subscription(self, subscription_id: str) -> Call[models.SubscriptionReply]:
        """Get a subscription."""
        return Call("GET", f"/api/notification-subscriptions/{segment(subscription_id)}", models.SubscriptionReply)

    @operation
    def update_subscription(
        self,
        subscription_id: str,
        *,
        target: str | Omitted = OMITTED,
        events: Sequence[models.AnyNotificationEvent] | Omitted = OMITTED,
        name: str | Omitted | None = OMITTED,
        routine_id: str | Omitted | None = OMITTED,
        quiet_after_seconds: int | Omitted = OMITTED,
        enabled: bool | Omitted = OMITTED,
    ) -> Call[models.SubscriptionReply]:
        """Change a subscription."""
        return Call(
            "PATCH",
            f"/api/notification-subscriptions/{segment(subscription_id)}",
            models.SubscriptionReply,
            body=given(
                {
                    "target": target,
                    "events": events,
                    "name": name,
                    "routineId": routine_id,
                    "quietAfterSeconds": quiet_after_seconds,
                    "enabled": enabled,
                }
            ),
        )

    @operation
    def delete_subscription(self, subscription_id: str) -> Call[None]:
        """End a subscription; what waits is given up."""
        return Call("DELETE", f"/api/notification-subscriptions/{segment(subscription_id)}", None)

    @operation
    def rotate_subscription_secret(self, subscription_id: str) -> Call[models.SubscriptionWithSecretReply]:
        """Give a webhook a new secret, shown this once; all that is sent from now on is signed with it."""
        return Call(
            "POST",
            f"/api/notification-subscriptions/{segment(subscription_id)}/rotate-secret",
            models.SubscriptionWithSecretReply,
        )

    @operation
    def send_test_notification(self, subscription_id: str) -> Call[models.NotificationReply]:
        """Send a test notification by the very way of a real one."""
        return Call(
            "POST", f"/api/notification-subscriptions/{segment(subscription_id)}/test", models.NotificationReply
        )

    @paged
    def list_notifications(
        self, subscription_id: str, *, limit: int | Omitted = OMITTED, before: str | Omitted = OMITTED
    ) -> Call[list[models.NotificationReply]]:
        """List what was sent to a subscription or waits to be, newest first, and what became of it."""
        return Call(
            "GET",
            f"/api/notification-subscriptions/{segment(subscription_id)}/deliveries",
            list[models.NotificationReply],
            query=queried({"limit": limit, "before": before}),
        )

    @operation
    def resend_notification(self, notification_id: str) -> Call[models.NotificationReply]:
        """Send a notification again at once, under the id that it had."""
        return Call("POST", f"/api/notification-deliveries/{segment(notification_id)}/resend", models.NotificationReply)

    @streamed
    def follow_events(self, company_id: str, *, after: str | Omitted = OMITTED) -> Call[models.ActivityReply]:
        """Follow what happens in a company, entry by entry, from now on or after a given one."""
        return Call(
            "GET", f"/api/companies/{segment(company_id)}/events", models.ActivityReply, query=queried({"after": after})
        )

    @operation
    def get_health(self) -> Call[models.HealthReply]:
        """Tell that the service answers and can read its database; open to anybody who can reach it."""
        return Call("GET", "/api/health", models.HealthReply, as_caller=False)

    @operation
    def get_readiness(self) -> Call[models.ReadyReply]:
        """Tell whether this server is ready for its part of the work; open to anybody who can reach it."""
        return Call("GET", "/api/health/ready", models.ReadyReply, as_caller=False)
