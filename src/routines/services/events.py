"""Following a company's activity as it happens: whoever follows, and the one reader that all of a server share.

What an entry looks like on the wire, and how it travels to a client, is not known here. An entry is told once it is
settled: nothing that sorts before it can come any more (docs/decisions/0023-event-stream.md).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from threading import Condition, Event, Thread
from typing import NamedTuple

import structlog

from routines.clock import first_id, monotonic_seconds
from routines.core.errors import UnavailableError
from routines.core.limits import (
    EVENT_STREAMS_MAX,
    EVENT_STREAMS_OF_AGENTS_MAX,
    EVENT_STREAMS_PER_AGENT_MAX,
    EVENTS_KEPT_MAX,
    EVENTS_READ_AT_ONCE,
)
from routines.core.model import Activity, Actor
from routines.services.context import Body, Context, company_of_path
from routines.storage.database import Companies
from routines.storage.queries import activity

LOOK_PAUSE_SECONDS = 0.05  # a burst commits some hundred times a second; what is not settled yet is so by then
UNSETTLED_PAUSE_SECONDS_MAX = 0.5  # while a write goes on for long, whose end is told of
RETRY_SECONDS = 1.0  # how soon a database that is away is asked again
COME_BACK_SECONDS = 10  # pages are closed meanwhile
STOP_SECONDS_MAX = 2.0  # for the reader to end: a server that stops has more to finish
ROUNDING = timedelta(milliseconds=1)  # what is lost where instants become milliseconds

log = structlog.get_logger(__name__)


class Message(NamedTuple):
    """An entry as clients are told it."""

    id: str
    content: bytes


class Place(NamedTuple):
    """Where in a company's activity somebody, maybe an agent, goes on: all after `position` is still to be told."""

    company_id: str
    position: str
    agent_id: str | None


class _Page(NamedTuple):
    """The settled entries after some position; with nothing between the last of them and the new `position`."""

    messages: Sequence[Message]
    position: str
    is_full: bool
    is_unsettled: bool


class _Feed:
    """The newest settled entries of a company that somebody follows, all of them from `start` to `position`."""

    def __init__(self, company_id: str) -> None:
        self.company_id = company_id
        self.start: str | None = None
        self.position = ""
        self.messages: list[Message] = []
        self.followers: set[Follower] = set()

    def begin(self, position: str) -> None:
        """Know nothing of what was up to there."""
        self.start = self.position = position

    def add(self, page: _Page) -> None:
        """Take in what follows, and forget what is old."""
        self.messages.extend(page.messages)
        self.position = page.position
        if len(self.messages) > EVENTS_KEPT_MAX:
            self.start = self.messages[-EVENTS_KEPT_MAX - 1].id
            del self.messages[:-EVENTS_KEPT_MAX]

    def after(self, position: str) -> _Page | None:
        """What follows that position, or None if that is to be read."""
        if self.start is None or position < self.start:
            return None
        first = bisect_right(self.messages, position, key=lambda message: message.id)
        taken = self.messages[first : first + EVENTS_READ_AT_ONCE]
        is_full = first + len(taken) < len(self.messages)
        reached = taken[-1].id if is_full else max(position, self.position)
        return _Page(taken, reached, is_full, is_unsettled=False)


class Follower:
    """Somebody who follows a company's activity, until `close`; used by one task or thread at a time."""

    def __init__(self, events: Events, feed: _Feed, place: Place, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.agent_id = place.agent_id
        self._events = events
        self._feed = feed
        self._position = place.position

    @property
    def is_over(self) -> bool:
        """True once the server stops."""
        return self._events.is_over

    def ready(self) -> Sequence[Message] | None:
        """What comes next, at once; None if that is to be `read`. Nothing is repeated and nothing left out."""
        page = self._events.kept(self._feed, self._position)
        if page is None:
            return None
        self._position = page.position
        return page.messages

    def read(self) -> Sequence[Message]:
        """What comes next, from the database, on a thread; `UnavailableError` if that is away."""
        page = self._events.read(self._feed.company_id, self._position)
        self._position = page.position
        return page.messages

    def close(self) -> None:
        """Follow no more."""
        self._events.leave(self, self._feed)


class Events:
    """Tells a server's followers what happens in their companies, as `render` writes it.

    One thread reads, for each company once, when it is told that something happened there; on a database of several
    servers also every few seconds, in case a notification was lost. While nobody follows it reads nothing.
    """

    def __init__(self, context: Context, render: Callable[[Activity], bytes]) -> None:
        self._context = context
        self._render = render
        self._changed = Condition()
        self._feeds: dict[str, _Feed] = {}
        self._followers: set[Follower] = set()
        self._to_look_at: set[str] = set()
        self._settled_until: str | None = None
        self._stopped = Event()
        self._thread: Thread | None = None
        self.is_over = False

    @property
    def open_streams(self) -> int:
        """How many follow at this moment."""
        return len(self._followers)

    def begin(self, actor: Actor, company_id: str, after: Body[str | None]) -> Place:
        """Where a caller goes on: after the entry that it names, or from now on.

        What is read later than "now" shows all that is before that place; so a page that follows it misses nothing.
        """
        with self._context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            named = after()
            newest = activity.newest_id(connection, company_id)
        return Place(company_id, named or self._settled() or newest, actor.agent_id)

    def follow(self, place: Place, wake: Callable[[], None]) -> Follower:
        """Follow from a place on; `wake` is called, by any thread, when there may be more, and when all is over.

        Raises `UnavailableError` where too many do already, or the server stops. Agents leave room for the board.
        """
        with self._changed:
            self._require_room(place.agent_id)
            self._begin_to_read()
            feed = self._feeds.setdefault(place.company_id, _Feed(place.company_id))
            follower = Follower(self, feed, place, wake)
            feed.followers.add(follower)
            self._followers.add(follower)
            if feed.start is None:
                self._look_at({place.company_id})
        if self.is_over:  # asked last: whoever is told of the end later is in the set by now
            follower.close()
            raise UnavailableError("The service is stopping; try again in a second")
        return follower

    def _begin_to_read(self) -> None:
        if self._thread is not None:
            return
        try:
            thread = Thread(target=self._run, name="events", daemon=True)
            thread.start()
        except RuntimeError as error:
            raise UnavailableError("The machine has no thread left; try again in a second") from error
        self._thread = thread

    def _require_room(self, agent_id: str | None) -> None:
        """Raise `UnavailableError` where the server, its agents or this one have as many streams as they may."""
        of_agents = [each.agent_id for each in self._followers if each.agent_id is not None]
        if len(self._followers) >= EVENT_STREAMS_MAX:
            taken = f"{EVENT_STREAMS_MAX} event streams are open on this server"
        elif agent_id is not None and of_agents.count(agent_id) >= EVENT_STREAMS_PER_AGENT_MAX:
            taken = f"{EVENT_STREAMS_PER_AGENT_MAX} event streams of this agent are open on this server"
        elif agent_id is not None and len(of_agents) >= EVENT_STREAMS_OF_AGENTS_MAX:
            taken = f"{EVENT_STREAMS_OF_AGENTS_MAX} event streams of agents are open on this server"
        else:
            return
        raise UnavailableError(f"{taken}; close one, or come back later", retry_after_seconds=COME_BACK_SECONDS)

    def leave(self, follower: Follower, feed: _Feed) -> None:
        """Let a follower go."""
        with self._changed:
            self._followers.discard(follower)
            feed.followers.discard(follower)
            if not feed.followers and self._feeds.get(feed.company_id) is feed:
                del self._feeds[feed.company_id]

    def notice(self, company_ids: Companies) -> None:
        """Tell that something happened in these companies, or in any."""
        if not self._feeds:
            return
        with self._changed:
            self._look_at(self._feeds.keys() if company_ids is None else self._feeds.keys() & company_ids)

    def leave_off(self) -> None:
        """End what is followed, from a signal's handler too: it takes no lock, which what it interrupts may hold."""
        self.is_over = True
        for follower in tuple(self._followers):
            follower.wake()

    def stop(self) -> None:
        """Return once nothing is read any more, or at the latest after `STOP_SECONDS_MAX`."""
        self.leave_off()
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(STOP_SECONDS_MAX)  # a database that is cut off may keep it waiting

    def kept(self, feed: _Feed, position: str) -> _Page | None:
        """What a feed holds after a position, or None if that is to be read."""
        with self._changed:
            return feed.after(position)

    def read(self, company_id: str, position: str) -> _Page:
        """What is settled after a position, up to a page of it."""
        settled = self._settled()  # before the snapshot: what was settled then is in it, all of it
        with self._context.database.read() as connection:
            found = activity.following(connection, company_id, position, EVENTS_READ_AT_ONCE)
        told = found if settled is None else [entry for entry in found if entry.id < settled]
        is_full = len(told) == EVENTS_READ_AT_ONCE
        reached = told[-1].id if told else position
        if settled is not None and not is_full:
            reached = max(reached, settled)
        messages = [Message(entry.id, self._render(entry)) for entry in told]
        return _Page(messages, reached, is_full, is_unsettled=len(told) < len(found))

    def _settled(self) -> str | None:
        """The id before which nothing can come any more; None where nothing ever comes before what is seen."""
        clock = self._context.clock
        now = clock.now()  # before the question: what begins after it has later ids
        seconds = self._context.database.oldest_write_seconds()
        if seconds is None:
            return None
        settled = first_id(clock.earlier(now, seconds) - ROUNDING)
        with self._changed:
            self._settled_until = max(settled, self._settled_until or settled)  # settled once, settled for ever
            return self._settled_until

    def _look_at(self, company_ids: Collection[str]) -> None:
        if company_ids:
            self._to_look_at.update(company_ids)
            self._changed.notify_all()

    def _run(self) -> None:
        pause = LOOK_PAUSE_SECONDS
        unsettled: set[str] = set()
        rescan = self._context.database.rescan_seconds
        rescan_at = None if rescan is None else monotonic_seconds() + rescan
        while not self._stopped.is_set():
            with self._changed:
                patience = None if rescan_at is None else max(0.0, rescan_at - monotonic_seconds())
                self._changed.wait_for(
                    lambda: self._stopped.is_set() or self._to_look_at, pause if unsettled else patience
                )
                wanted = self._to_look_at | unsettled
                self._to_look_at = set()
                if rescan is not None and rescan_at is not None and monotonic_seconds() >= rescan_at:
                    rescan_at = monotonic_seconds() + rescan
                    wanted |= self._feeds.keys()
                feeds = [self._feeds[each] for each in wanted if each in self._feeds]
            waiting = self._look(feeds)
            pause = min(2 * pause, UNSETTLED_PAUSE_SECONDS_MAX) if waiting & unsettled else LOOK_PAUSE_SECONDS
            unsettled = waiting
            if feeds:
                self._stopped.wait(LOOK_PAUSE_SECONDS)

    def _look(self, feeds: Sequence[_Feed]) -> set[str]:
        """Read what is new in these companies and tell it; those that have more which is not settled yet."""
        waiting: set[str] = set()
        for feed in feeds:
            if self._stopped.is_set():
                break
            try:
                if self._advance(feed):
                    waiting.add(feed.company_id)
            except UnavailableError as error:
                log.warning("events_wait_for_database", error=error.sentence)
                self._stopped.wait(RETRY_SECONDS)
                self.notice(None)
                break
            except Exception:
                log.exception("events_failed", company_id=feed.company_id)
                self._stopped.wait(RETRY_SECONDS)
                self.notice(frozenset({feed.company_id}))
        return waiting

    def _advance(self, feed: _Feed) -> bool:
        """Read on in a company; whether there is more that is not settled yet."""
        is_new = feed.start is None
        position = (self._settled() or self._newest_id(feed.company_id)) if is_new else feed.position
        page = self.read(feed.company_id, position)
        with self._changed:
            if is_new:
                feed.begin(position)
            feed.add(page)
            if page.is_full:
                self._look_at({feed.company_id})
            followers = tuple(feed.followers) if page.messages or is_new else ()
        for follower in followers:
            follower.wake()
        return page.is_unsettled

    def _newest_id(self, company_id: str) -> str:
        with self._context.database.read() as connection:
            return activity.newest_id(connection, company_id)
