"""The sender: takes what is due out of the outbox, sends it on a few threads, and records what became of it.

How one is sent is in `delivery`; every question to the database is `services.notification_work`'s. A sender that dies
leaves what it had in hand to whoever finds its lease ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import datetime, timedelta
from math import inf
from random import random
from threading import Event, Lock, Thread

import structlog

from routines.clock import Clock, steady_seconds
from routines.core.errors import UnavailableError
from routines.core.limits import NOTIFICATIONS_AT_ONCE_MAX
from routines.core.notifications import Receiver
from routines.notify.delivery import Delivery
from routines.services.notification_work import Letter, NotificationWork, Sent
from routines.services.silences import LOOK_EVERY, Silences

SLEEP_SECONDS_MAX = 1.0  # timers stop while a laptop sleeps, so the clock is compared at least this often
BUSY_SECONDS = 0.2  # before it is asked again for what is due and cannot be taken: places are taken, or rows held
RETRY_SECONDS = 1.0  # how soon a database that is away is tried again
STOP_SECONDS_MAX = 2.0  # from the signal on, what a stop allows receivers: callers have seven beside it

log = structlog.get_logger(__name__)


class Sender:
    """Sends notifications, and looks for routines that are quiet, in threads of its own between `start` and `stop`."""

    def __init__(
        self,
        work: NotificationWork,
        silences: Silences,
        delivery: Delivery,
        clock: Clock,
        *,
        rescan_seconds: float | None,
        jitter: Callable[[], float] = random,  # noqa: S311 - no secret
    ) -> None:
        self._work = work
        self._silences = silences
        self._delivery = delivery
        self._clock = clock
        self._rescan = LOOK_EVERY if rescan_seconds is None else timedelta(seconds=rescan_seconds)
        self._jitter = jitter
        self._noticed = Event()
        self._stopping = Event()
        self._counting = Lock()
        self._in_hand: Counter[Receiver] = Counter()
        self._begun: set[Future[None]] = set()
        self._given_up = False
        self._give_up_at = inf
        self._looked_at: datetime | None = None
        self._thread = Thread(target=self._run, name="notifications", daemon=True)
        self._looking = Thread(target=self._watch, name="silences", daemon=True)  # so that no look holds up what is due

    def start(self) -> None:
        """Begin sending."""
        self._noticed.set()
        self._thread.start()
        self._looking.start()

    def notice(self) -> None:
        """Something is to be sent: look now."""
        self._noticed.set()

    def leave_off(self) -> None:
        """Take nothing more in hand."""
        self._give_up_at = min(self._give_up_at, steady_seconds() + STOP_SECONDS_MAX)
        self._stopping.set()
        self._noticed.set()

    def stop(self) -> None:
        """Return once what is in hand is sent, or left to be found by its lease where the receiver takes its time."""
        self.leave_off()
        for thread in (self._thread, self._looking):
            if thread.is_alive():
                thread.join()
        wait(tuple(self._begun), max(0, self._give_up_at - steady_seconds()))
        with self._counting:
            self._given_up = True

    def send_due(self) -> int:
        """Send all that is due and in nobody's hands, and return when it is recorded; how many tries that were."""
        tries = 0
        while taken := self._take():
            for each in taken:
                each.result()
            tries += len(taken)
        return tries

    def look(self) -> int:
        """Look for routines that are quiet, if it is time; how many subscribers were told."""
        now = self._clock.now()
        if self._looked_at is not None and abs(now - self._looked_at) < LOOK_EVERY:
            return 0
        self._looked_at = now
        told = self._silences.look(self._stopping.is_set)
        if told:
            self._noticed.set()
        return told

    def _take(self) -> list[Future[None]]:
        """Begin to send what is due, as far as there are places for it."""
        with self._counting:
            in_hand = Counter(self._in_hand)
        letters = self._work.claim(NOTIFICATIONS_AT_ONCE_MAX - in_hand.total(), +in_hand)
        with self._counting:
            self._in_hand.update(letter.receiver for letter in letters)
        return [self._begin(letter) for letter in letters]

    def _begin(self, letter: Letter) -> Future[None]:
        """Send it on a thread of its own, for which no stop has to wait."""
        sending: Future[None] = Future()

        def send() -> None:
            try:
                self._send(letter)
            finally:
                self._begun.discard(sending)
                sending.set_result(None)

        self._begun.add(sending)
        try:
            Thread(target=send, name="notification", daemon=True).start()
        except RuntimeError:  # the machine has no thread left; whoever finds the lease ended sends it
            log.warning("notification_not_begun", notification_id=letter.notification.id)
            self._let_go(letter)
            self._begun.discard(sending)
            sending.set_result(None)
        return sending

    def _send(self, letter: Letter) -> None:
        notification = letter.notification
        try:
            try:
                sent = self._delivery.send(letter)
            except Exception as fault:
                log.exception("notification_fault", notification_id=notification.id)
                sent = Sent(f"The service could not send it: {type(fault).__name__}")
            with self._counting:
                if self._given_up:
                    return  # the database is let go of; whoever finds the lease ended sends it again
            after = self._work.settle(notification, sent, jitter=self._jitter())
            if sent.error is not None:
                log.warning("notification_not_taken", notification_id=after.id, status=after.status, error=sent.error)
        except UnavailableError as error:
            log.warning("notification_not_recorded", notification_id=notification.id, error=error.sentence)
        finally:
            self._let_go(letter)
            self._noticed.set()

    def _let_go(self, letter: Letter) -> None:
        """Give its place back."""
        with self._counting:
            self._in_hand[letter.receiver] -= 1

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._noticed.clear()
            try:
                self._take()
                self._sleep(self._work.next_due())
            except UnavailableError as error:
                log.warning("sender_waits_for_database", error=error.sentence)
                self._stopping.wait(RETRY_SECONDS)
            except Exception:
                log.exception("sender_failed")
                self._stopping.wait(RETRY_SECONDS)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except UnavailableError as error:
                log.warning("silences_wait_for_database", error=error.sentence)
            except Exception:
                log.exception("silences_failed")
            self._stopping.wait(SLEEP_SECONDS_MAX)

    def _sleep(self, following: datetime | None) -> None:
        """Return when the next is due, when it is time to look anyway, or when something is noticed."""
        begun = self._clock.now()
        if following is not None and following <= begun:
            self._noticed.wait(BUSY_SECONDS)
            return
        until = begun + self._rescan if following is None else min(following, begun + self._rescan)
        while not self._noticed.is_set():
            now = self._clock.now()
            if now >= until or now < begun:  # the clock was set back
                return
            self._noticed.wait(min(SLEEP_SECONDS_MAX, (until - now).total_seconds()))
