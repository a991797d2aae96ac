"""Builds the objects of one server from its settings, and starts and stops them in order.

Nothing is decided here; every other module gets what it needs handed in.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from routines.clock import Clock, Ids, request_id, steady_seconds
from routines.dispatch import zone_data
from routines.dispatch.batcher import Batcher
from routines.dispatch.retention import Retention
from routines.dispatch.scheduler import Scheduler
from routines.heartbeat.starting import Starting
from routines.heartbeat.worker import Worker
from routines.http.app import Measuring, make_app, make_health_app
from routines.http.auth import Authentication, Sessions
from routines.http.rate_limit import RateLimiter
from routines.http.routes.metrics import Exposing
from routines.http.schemas.activity import event
from routines.http.services import Services
from routines.http.watching import Watching
from routines.keyring import Keyring, load_master_key
from routines.notify.delivery import Delivery
from routines.notify.sender import Sender
from routines.observer import Everybody, Observer
from routines.services.activity import ActivityLog
from routines.services.agents import Agents
from routines.services.board_tokens import BoardTokens
from routines.services.companies import Companies
from routines.services.context import Context
from routines.services.deliveries import Deliveries
from routines.services.events import Events
from routines.services.firing import FireBatcher, FireSets, Firing
from routines.services.goals import Goals
from routines.services.heartbeat_work import HeartbeatWork
from routines.services.heartbeats import Heartbeats
from routines.services.identity import Identity
from routines.services.issue_board import IssueBoard
from routines.services.issues import Issues
from routines.services.notification_work import NotificationWork
from routines.services.notifications import Notifications
from routines.services.outlook import Outlook
from routines.services.overview import Overview
from routines.services.projects import Projects
from routines.services.routines import Routines
from routines.services.runs import Runs
from routines.services.sealing import require_same_key
from routines.services.silences import Silences
from routines.services.trials import Trials
from routines.services.triggers import Triggers
from routines.services.workload import Workloads
from routines.settings import Role, Settings
from routines.storage.database import Notices
from routines.storage.opening import lock_database, open_database
from routines.telemetry.backlog import BacklogProbe
from routines.telemetry.metrics import Metrics
from routines.telemetry.readiness import SCHEDULER, Readiness
from routines.telemetry.traces import traces_from
from routines.web.pages.login import SIGN_INS_PER_MINUTE
from routines.web.router import router as pages


class Server:
    """One server: its database, what works in the background, and the application over them."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        settings.check()
        settings.make_data_dir()
        self.settings = settings
        ids = Ids()
        with ExitStack() as taken:
            traces = traces_from(os.environ)
            if traces is not None:
                taken.callback(traces.stop)
            # Both are made with the observer, and asked when somebody scrapes.
            metrics = Metrics(lambda: self.database.pools(), lambda: self.events.open_streams)  # noqa: PLW0108
            observer = Everybody([metrics] if traces is None else [metrics, traces])
            if lock := lock_database(settings.database):
                taken.callback(lock.release)
            keyring = Keyring(load_master_key(settings.master_key, settings.key_file))
            self.database = open_database(settings.database, observer)
            taken.callback(self.database.close)
            require_same_key(self.database, keyring, accept_new=settings.accept_new_master_key)
            self.clock = clock or self.database.make_clock(settings.clock)
            self._taken = taken.pop_all()
        self.scheduler = Scheduler(self.database, self.clock, ids, grace=settings.misfire_grace)
        self.retention = Retention(self.database, self.clock, keep=settings.retention)
        context = Context(
            database=self.database,
            clock=self.clock,
            ids=ids,
            keyring=keyring,
            grace=settings.misfire_grace,
            public_url=settings.base_url,
            notice_slot=self._notice_slot,
        )
        self.worker = self._make_worker(context) if Role.HEARTBEAT in settings.roles else None
        self.sender = self._make_sender(context)
        self.batcher: FireBatcher = Batcher(self.database, FireSets(context).handle)
        self.identity = Identity(context)
        self.events = Events(context, event)
        self.services = _services(context, self.batcher, self.events, sends_mail=settings.mail_server is not None)
        sessions = Sessions(keyring.session_key, self.clock)
        measuring = self._measuring(metrics, observer)
        authentication = Authentication(settings.auth, self.identity, sessions, settings.base_url)
        if Role.API in settings.roles:
            self.app = make_app(
                services=self.services,
                authentication=authentication,
                fire_batcher=self.batcher,
                fires_per_minute=settings.fires_per_minute,
                database=self.database,
                measuring=measuring,
                lifespan=self._lifespan,
            )
            self.app.state.clock = self.clock
            self.app.state.sign_in_limiter = RateLimiter(SIGN_INS_PER_MINUTE)
            self.app.include_router(pages)
        else:
            self.app = make_health_app(
                authentication=authentication,
                database=self.database,
                measuring=measuring,
                lifespan=self._lifespan,
            )

    def start(self) -> None:
        """Begin firing; next slots are first computed anew if time zone data has changed."""
        zone_data.refresh(self.database)
        self.database.watch(self._notices())
        self.batcher.start()
        if Role.SCHEDULER in self.settings.roles:
            self.scheduler.start()
            self.retention.start()
            self.sender.start()
        if self.worker is not None:
            self.worker.start()

    def leave_off(self) -> None:
        """Begin nothing more in the background, from a signal's handler too: a stop is coming."""
        self.events.leave_off()
        self.sender.leave_off()
        if self.worker is not None:
            self.worker.leave_off()

    def stop(self) -> None:
        """Finish what is in hand, in the order in which nothing new can come, and let go of the database."""
        self.retention.leave_off()
        self.leave_off()
        self.events.stop()
        self.scheduler.stop()
        self.batcher.stop()
        self.retention.stop()
        self.sender.stop()
        if self.worker is not None:
            self.worker.stop()
        self._taken.close()

    def _notices(self) -> Notices:
        return Notices(self.scheduler.notice, self._notice_wake_up, self.events.notice, self.sender.notice)

    def _notice_slot(self, next_run_at: datetime | None) -> None:
        """Wake the scheduler, and those of the other servers, if that slot is nearer than what they wait for."""
        if next_run_at is not None:
            self.scheduler.notice(next_run_at)
            self.database.announce(next_run_at)

    def _notice_wake_up(self) -> None:
        if self.worker is not None:
            self.worker.notice()

    def _measuring(self, metrics: Metrics, observer: Observer) -> Measuring:
        probe = BacklogProbe(self.database, self.clock)
        alive: dict[str, Callable[[], bool]] = {}
        if Role.SCHEDULER in self.settings.roles:
            alive[SCHEDULER] = lambda: self.scheduler.is_at_work
        if (worker := self.worker) is not None:
            alive["heartbeat worker"] = lambda: worker.is_at_work
        return Measuring(
            Watching(observer, request_id),
            Exposing(metrics, probe, self.settings.metrics_token),
            Readiness(probe, alive),
        )

    def _make_worker(self, context: Context) -> Worker:
        settings = self.settings
        worker_id = f"{socket.gethostname()}:{os.getpid()}:{context.ids.new(self.clock.now())}"
        starting = Starting(settings.base_url, settings.workspaces, os.environ, context.keyring)
        return Worker(
            HeartbeatWork(context, worker_id, settings.heartbeat_lease),
            starting,
            places=settings.heartbeats_at_once,
            reach=settings.private_hosts,
            monotonic=steady_seconds,
        )

    def _make_sender(self, context: Context) -> Sender:
        settings = self.settings
        delivery = Delivery(settings.private_hosts, settings.mail_server, settings.base_url, self.clock.now)
        work, silences = NotificationWork(context), Silences(context)
        return Sender(work, silences, delivery, self.clock, rescan_seconds=self.database.rescan_seconds)

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        self.start()
        try:
            yield
        finally:
            await run_in_threadpool(self.stop)


def _services(context: Context, batcher: FireBatcher, events: Events, *, sends_mail: bool) -> Services:
    triggers = Triggers(context)
    heartbeats = Heartbeats(context)
    return Services(
        companies=Companies(context),
        agents=Agents(context),
        projects=Projects(context),
        goals=Goals(context),
        routines=Routines(context, triggers),
        triggers=triggers,
        deliveries=Deliveries(context),
        firing=Firing(context, batcher),
        runs=Runs(context),
        trials=Trials(context, batcher, triggers),
        issues=Issues(context),
        issue_board=IssueBoard(context),
        heartbeats=heartbeats,
        outlook=Outlook(context),
        overview=Overview(context),
        activity=ActivityLog(context),
        workloads=Workloads(context, heartbeats),
        board_tokens=BoardTokens(context.database, context.clock, context.ids),
        notifications=Notifications(context, sends_mail),
        events=events,
    )
