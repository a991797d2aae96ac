"""Group commit: requests that arrive while one transaction is written share the next one.

What a set of requests does in its transaction is the caller's; here they are only collected and answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import Generic, TypeVar

import structlog

from routines.core.errors import RoutinesError, UnavailableError
from routines.core.limits import FIRE_QUEUE_MAX, FIRES_PER_TRANSACTION_MAX
from routines.storage.database import Database, Transaction

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Handler = Callable[[Transaction, Sequence[Request]], Sequence[Answer | RoutinesError]]

log = structlog.get_logger(__name__)


class Batcher(Generic[Request, Answer]):
    """Answers requests in sets, each set in one transaction, in a thread of its own between `start` and `stop`.

    `handle` gets a transaction and the requests of a set, and returns as many answers, in order; an error among them
    is for its own caller only. A request is answered once its transaction is on disk.
    """

    def __init__(self, database: Database, handle: Handler[Request, Answer]) -> None:
        self._database = database
        self._handle = handle
        self._queue: Queue[tuple[Request, Future[Answer]] | None] = Queue(FIRE_QUEUE_MAX)
        self._admission = Lock()
        self._stopping = False
        self._thread = Thread(target=self._run, name="batcher", daemon=True)
        self.batches = 0
        self.requests = 0

    def start(self) -> None:
        """Begin answering."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what was submitted and return; what comes later is refused."""
        with self._admission:
            self._stopping = True
            self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, request: Request) -> Future[Answer]:
        """The answer to come; raises `UnavailableError` at once when the queue is full or the service stops."""
        future: Future[Answer] = Future()
        with self._admission:
            if self._stopping:
                raise UnavailableError("The service is stopping; try again in a second")
            try:
                self._queue.put_nowait((request, future))
            except Full:
                raise UnavailableError(f"{FIRE_QUEUE_MAX} fires are waiting already; try again in a second") from None
        return future

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch, ended = self._collect(first)
            # A caller that has gone away is left out; one that goes away from here on is answered into the void.
            waiting = [each for each in batch if each[1].set_running_or_notify_cancel()]
            try:
                self._answer(waiting)
            except Exception as error:
                # A fault of the handler's must not end the thread, on which every later fire depends.
                log.exception("batch_failed")
                for _, future in waiting:
                    if not future.done():
                        future.set_exception(error)
            if ended:
                return

    def _collect(self, first: tuple[Request, Future[Answer]]) -> tuple[list[tuple[Request, Future[Answer]]], bool]:
        """All that waits now, up to a transaction's size, and whether the end was among it."""
        batch = [first]
        while len(batch) < FIRES_PER_TRANSACTION_MAX:
            try:
                following = self._queue.get_nowait()
            except Empty:
                break
            if following is None:
                return batch, True
            batch.append(following)
        return batch, False

    def _answer(self, batch: list[tuple[Request, Future[Answer]]]) -> None:
        """Answer a set; where a fault of ours stops it, halve it until the bad request stands alone."""
        if not batch:
            return
        try:
            with self._database.write() as transaction:
                answers = self._handle(transaction, [request for request, _ in batch])
        except RoutinesError as error:
            # Not repeated: a commit that failed may be on disk all the same, and a caller can retry with its key.
            answers = [error] * len(batch)
        except Exception as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                self._answer(batch[:middle])
                self._answer(batch[middle:])
                return
            log.exception("fire_failed")
            batch[0][1].set_exception(error)
            return
        self.batches += 1
        self.requests += len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if isinstance(answer, RoutinesError):
                future.set_exception(answer)
            else:
                future.set_result(answer)
