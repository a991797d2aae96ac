"""The worker: takes up heartbeats that wait, starts their agents, watches them, and records how they ended.

One thread does it all for every child process; agents elsewhere are called from threads of their own. What is to be
started is said by `starting`, and every question to the database is `services.heartbeat_work`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread

import structlog

from routines.core.errors import RoutinesError
from routines.core.heartbeats import ErrorCode, Outcome
from routines.core.model import HeartbeatRun, HeartbeatStatus
from routines.core.output import Window
from routines.heartbeat import http_agent
from routines.heartbeat.outcome import LAST_WORDS_BYTES_MAX, Ended, outcome_of
from routines.heartbeat.processes import NOT_STARTED, Output, Processes
from routines.heartbeat.processes import Ended as ProcessEnded
from routines.heartbeat.report import LINE_BYTES_MAX, Reader
from routines.heartbeat.starting import Call, Command, Starting
from routines.outgoing import Reach
from routines.services.heartbeat_work import ENDED_AT_ONCE_MAX, Ending, HeartbeatWork, Work
from routines.storage.queries.heartbeat_runs import Piece

LOOK_SECONDS = 5.0  # how long a wake-up may wait of which nobody told
TIDY_SECONDS = 1.0  # how often timers and leases that have run out are looked for
EVENTS_SECONDS = 0.25  # how long it waits for events while something runs
GATHER_SECONDS = 0.01  # how long an end waits for others: recording ten costs little more than recording one
KEEP_OUTPUT_SECONDS = 1.0  # how old the log of a running heartbeat may be
RENEWALS_OF_A_LEASE = 4
PART_OF_A_LEASE = 0.75  # after which what was not renewed is ended, so that it is gone when the lease is
CALL_SECONDS_MAX = 60.0  # an agent that works longer than that accepts, and tells the outcome later
STOP_SECONDS_MAX = 5.0  # what a stop allows agents; the service has ten, of which the database may take some

log = structlog.get_logger(__name__)


class _Every:
    """Something that is to be done every so often."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._begun = monotonic()

    def begin(self) -> None:
        """It is done now."""
        self._begun = self._monotonic()

    def age(self) -> float:
        """For how long it has not been done, in seconds."""
        return self._monotonic() - self._begun

    def is_due(self) -> bool:
        """True once it is time again."""
        return self.age() >= self._seconds

    def due(self) -> bool:
        """As `is_due`, and counts as done."""
        if not self.is_due():
            return False
        self.begin()
        return True


@dataclass(slots=True)
class _Live:
    """A heartbeat that this worker runs."""

    work: Work
    began: float
    reader: Reader | None = None
    timeout_seconds: float = 0
    window: Window = field(default_factory=Window)
    line: bytearray = field(default_factory=bytearray)
    last_words: bytearray = field(default_factory=bytearray)
    cancelled: Event = field(default_factory=Event)
    stopped: bool = False
    accepted: bool = False
    lost: bool = False

    def take(self, output: Output) -> None:
        """Keep what was printed, and have the reader read whole lines of standard output."""
        self.window.take(output.content)
        if output.stream == "stderr":
            self.last_words += output.content
            del self.last_words[:-LAST_WORDS_BYTES_MAX]
            return
        *lines, rest = output.content.split(b"\n")
        for line in lines:
            self._read(bytes(self.line) + line)
            self.line.clear()
        self.line += rest[: LINE_BYTES_MAX + 1 - len(self.line)]

    def _read(self, line: bytes) -> None:
        if self.reader is not None and line:
            self.reader.feed(line)

    def outcome(self, ended: ProcessEnded) -> Outcome:
        """How the heartbeat of a process ended."""
        self._read(bytes(self.line))
        if self.stopped and not self.cancelled.is_set():
            return STOPPED
        if self.reader is None:
            raise AssertionError("Only a process has ended, and each has a reader")
        if ended.error is not None and not ended.error.startswith(NOT_STARTED):
            return Outcome(HeartbeatStatus.FAILED, error_code=ErrorCode.PROCESS_LOST, error=ended.error)
        facts = Ended(ended.exit_code, ended.signal, ended.error, ended.timed_out, self.cancelled.is_set())
        return outcome_of(
            facts, self.reader.report(), timeout_seconds=self.timeout_seconds, last_words=bytes(self.last_words)
        )


def _words_of(run: HeartbeatRun) -> dict[str, str | None]:
    """How a line of the log tells of which heartbeat it is."""
    return {
        "heartbeat_run_id": run.id,
        "agent_id": run.agent_id,
        "issue_id": run.issue_id,
        "routine_id": run.routine_id,
    }


STOPPED = Outcome(
    HeartbeatStatus.FAILED,
    error_code=ErrorCode.WORKER_STOPPED,
    error="worker_stopped: the worker was stopped while the agent worked; it is woken again",
)


class Worker:
    """Runs up to `places` heartbeats at a time, in a thread of its own between `start` and `stop`."""

    def __init__(
        self, work: HeartbeatWork, starting: Starting, *, places: int, reach: Reach, monotonic: Callable[[], float]
    ) -> None:
        self._work = work
        self._starting = starting
        self._places = places
        self._reach = reach
        self._monotonic = monotonic
        # Frozen for longer than that, it would run what others may have taken up.
        self._processes = Processes(monotonic, silence_seconds=work.lease.total_seconds() * PART_OF_A_LEASE)
        self._live: dict[str, _Live] = {}
        self._called: SimpleQueue[tuple[str, Outcome | None]] = SimpleQueue()
        self._noticed = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="heartbeats", daemon=True)
        self._unfinished: list[Ending] = []
        self._looking = _Every(LOOK_SECONDS, monotonic)
        self._keeping = _Every(KEEP_OUTPUT_SECONDS, monotonic)
        self._tidying = _Every(TIDY_SECONDS, monotonic)
        self._leases = _Every(work.lease.total_seconds() / RENEWALS_OF_A_LEASE, monotonic)

    def start(self) -> None:
        """Begin taking up heartbeats."""
        self._noticed.set()
        self._thread.start()

    @property
    def is_at_work(self) -> bool:
        """True from its start until it is told to leave off."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def notice(self) -> None:
        """Something may have to be started, or ended: look now."""
        self._noticed.set()
        self._processes.ring()

    def leave_off(self) -> None:
        """Take up nothing more, and have what runs come to its end."""
        self._stopping.set()
        self._processes.ring()

    def stop(self) -> None:
        """Return once nothing runs any more; agents that were at work are woken again by whoever comes next."""
        self.leave_off()
        if self._thread.is_alive():
            self._thread.join()
        self._processes.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._keep_leases()  # before all else: the machine may have been asleep
            if self._noticed.is_set() or self._looking.due():
                self._attempt(self._look)
            if self._keeping.due():
                self._attempt(self._keep_output)
            if self._tidying.due():
                self._attempt(self._tidy)
            self._attempt(partial(self._take_events, EVENTS_SECONDS if self._live else TIDY_SECONDS))
            self._attempt(self._hand_over)
            self._attempt(self._finish)
        self._bring_to_an_end()

    def _bring_to_an_end(self) -> None:
        """Have every agent end, and record it; what cannot be recorded in time is found when its lease runs out."""
        for run_id, live in list(self._live.items()):
            live.stopped = True
            if live.accepted:
                continue
            if live.reader is None:
                live.cancelled.set()
                self._over(live, STOPPED)
            else:
                self._processes.end(run_id)
        kill_at = self._monotonic() + STOP_SECONDS_MAX
        while self._live or self._unfinished:
            if self._monotonic() >= kill_at:
                self._processes.kill_all()
            if self._monotonic() >= kill_at + TIDY_SECONDS:
                return
            self._keep_leases()
            self._attempt(partial(self._take_events, EVENTS_SECONDS))
            self._attempt(self._hand_over)
            self._attempt(self._finish)

    def _attempt(self, step: Callable[[], None]) -> None:
        """Do a step; a database that is away, or a fault of ours, must end no heartbeat."""
        try:
            step()
        except RoutinesError as error:
            log.warning("heartbeats_wait", error=error.sentence)
            self._stopping.wait(EVENTS_SECONDS)
        except Exception:
            log.exception("heartbeat_step_failed")
            self._stopping.wait(TIDY_SECONDS)

    def _look(self) -> None:
        """End what was cancelled, and start what waits while there are places."""
        self._noticed.clear()
        if self._live:
            self._end_cancelled(self._work.held())
        while (places := self._places - len(self._live)) > 0 and not self._stopping.is_set():
            claimed = self._work.claim(places)
            for work in claimed.works:
                self._begin(work)
            if claimed.is_end or self._unfinished:
                return  # what could not be started is recorded before more of it is taken up

    def _begin(self, work: Work) -> None:
        live = self._live[work.run.id] = _Live(work, self._monotonic())
        try:
            plan = self._starting.plan(work)
        except (RoutinesError, OSError) as error:
            sentence = error.sentence if isinstance(error, RoutinesError) else f"{error.strerror}: {error.filename}"
            self._over(live, Outcome(HeartbeatStatus.FAILED, error_code=ErrorCode.START_FAILED, error=sentence))
        except Exception as error:
            log.exception("heartbeat_not_planned", **_words_of(work.run))
            sentence = f"The heartbeat could not be prepared: {type(error).__name__}"
            self._over(live, Outcome(HeartbeatStatus.FAILED, error_code=ErrorCode.START_FAILED, error=sentence))
        else:
            if isinstance(plan, Command):
                live.reader = plan.reader
                live.timeout_seconds = plan.start.timeout_seconds
                self._processes.start(plan.start)
            else:
                live.timeout_seconds = plan.limit_seconds
                # No pool: its threads would be waited for at the end, however long an agent is silent.
                Thread(target=self._call, args=(live, plan), name="heartbeat-call", daemon=True).start()

    def _call(self, live: _Live, call: Call) -> None:
        """In a thread of its own: call an agent, and tell the worker's thread what it said."""
        run_id = live.work.run.id
        try:
            outcome = http_agent.deliver(
                call.agent,
                run_id,
                call.body,
                reach=self._reach,
                now=self._work.context.clock.now,
                sleep=live.cancelled.wait,
                timeout_seconds=CALL_SECONDS_MAX,
                limit_seconds=call.limit_seconds,
            )
        except Exception as error:
            log.exception("heartbeat_call_failed", **_words_of(live.work.run))
            sentence = f"The agent could not be called: {type(error).__name__}"
            outcome = Outcome(HeartbeatStatus.FAILED, error_code=ErrorCode.UNREACHABLE, error=sentence)
        self._called.put((run_id, outcome))
        self._processes.ring()

    def _take_events(self, seconds: float) -> None:
        waiting = 0 if self._unfinished or (self._noticed.is_set() and not self._stopping.is_set()) else seconds
        self._take(self._processes.wait(waiting))
        gather_until = self._monotonic() + GATHER_SECONDS
        while self._unfinished and self._live and (left := gather_until - self._monotonic()) > 0:
            self._take(self._processes.wait(left))
        while True:
            try:
                run_id, outcome = self._called.get_nowait()
            except Empty:
                return
            live = self._live.get(run_id)
            if live is not None:
                self._after_call(live, outcome)

    def _take(self, events: Sequence[Output | ProcessEnded]) -> None:
        for event in events:
            live = self._live.get(event.run_id)
            if live is None:
                continue
            if isinstance(event, Output):
                live.take(event)
            else:
                self._over(live, live.outcome(event))

    def _after_call(self, live: _Live, outcome: Outcome | None) -> None:
        if outcome is None:
            live.accepted = True
        else:
            self._over(live, STOPPED if live.stopped else outcome)

    def _hand_over(self) -> None:
        """Leave what agents elsewhere have accepted to them; until that is recorded its lease is kept."""
        for run_id, live in list(self._live.items()):
            if live.accepted:
                left = live.timeout_seconds - (self._monotonic() - live.began)
                self._work.hand_over(live.work.run, timedelta(seconds=max(left, 1)))
                del self._live[run_id]

    def _over(self, live: _Live, outcome: Outcome) -> None:
        """The heartbeat has ended: its place is free, and its end is recorded with the next set."""
        del self._live[live.work.run.id]
        if live.lost:
            return
        pieces, instead_from = live.window.flush()
        output = [Piece(start, content) for start, content in pieces]
        self._unfinished.append(Ending(live.work.run, outcome, output, instead_from))
        self._noticed.set()

    def _finish(self) -> None:
        while self._unfinished:
            some = self._unfinished[:ENDED_AT_ONCE_MAX]
            try:
                self._work.finish(some)
            except RoutinesError:
                raise
            except Exception:
                log.exception("heartbeats_not_finished", heartbeat_run_ids=[ending.run.id for ending in some])
                some = some[:1]  # one of them cannot be recorded: by themselves the others can
                self._finish_alone(some[0])
            del self._unfinished[: len(some)]

    def _finish_alone(self, ending: Ending) -> None:
        """Record one end; if that cannot be, its lease runs out."""
        try:
            self._work.finish([ending])
        except RoutinesError:
            raise
        except Exception:
            log.exception("heartbeat_not_finished", **_words_of(ending.run))

    def _keep_output(self) -> None:
        for live in list(self._live.values()):
            if live.window.changed:
                pieces, instead_from = live.window.flush()
                output = [Piece(start, content) for start, content in pieces]
                try:
                    self._work.keep_output(live.work.run, output, instead_from=instead_from)
                except RoutinesError:
                    live.window.put_back(pieces)
                    raise

    def _tidy(self) -> None:
        if self._work.wake_by_timer() + self._work.end_expired():
            self._noticed.set()

    def _keep_leases(self) -> None:
        """Renew the leases when it is time; if that cannot be done, end everything before somebody else takes it up."""
        if not self._live and not self._unfinished:
            self._begin_leases()
        elif self._leases.is_due():
            try:
                self._end_cancelled(self._work.renew([*self._live, *(ending.run.id for ending in self._unfinished)]))
            except RoutinesError as error:
                log.warning("leases_not_renewed", error=error.sentence)
            except Exception:
                log.exception("leases_not_renewed")
            else:
                self._begin_leases()
                return
            if self._leases.age() >= self._work.lease.total_seconds() * PART_OF_A_LEASE:
                self._give_up_leases()

    def _begin_leases(self) -> None:
        self._leases.begin()
        self._processes.say_alive()

    def _give_up_leases(self) -> None:
        log.error("leases_lost", heartbeats=len(self._live))
        for live in self._live.values():
            live.lost = True
            live.cancelled.set()
        self._processes.kill_all()
        self._leases.begin()

    def _end_cancelled(self, held: dict[str, bool]) -> None:
        for run_id, live in list(self._live.items()):
            if run_id not in held and not live.lost:
                live.lost = True
                live.cancelled.set()
                self._processes.kill(run_id)  # somebody else may be starting the same work
            elif held.get(run_id) and not live.cancelled.is_set():
                live.cancelled.set()
                self._processes.end(run_id)
