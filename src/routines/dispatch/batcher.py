"""Group commit: requests that arrive while one transaction is written share the next one.

What a set of requests does in its transaction is the caller's; here they are only collected and answered.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, Full, Queue
from threading import Lock, Thread
from time import sleep
from typing import Generic, TypeVar

import structlog

from routines.core.errors import RoutinesError, UnavailableError
from routines.core.limits import FIRE_QUEUE_MAX, FIRES_PER_TRANSACTION_MAX
from routines.storage.database import Database, Transaction

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Handler = Callable[[Transaction, Sequence[Request]], Sequence[Answer | RoutinesError]]
AnyFuture = Future[Answer] | asyncio.Future[Answer]
Settled = list[tuple[AnyFuture[Answer], Answer | Exception]]

COMMIT_DELAY_SECONDS = 0.002
"""How long a set waits for more where the one before it had more than one request.

A transaction costs what ten more requests in it do; after a set of one nobody waits.
"""

log = structlog.get_logger(__name__)


class Batcher(Generic[Request, Answer]):
    """Answers requests in sets, each set in one transaction, in a thread of its own between `start` and `stop`.

    `handle` gets a transaction and the requests of a set, and returns as many answers, in order; an error among them
    is for its own caller only. A request is answered once its transaction is on disk.
    """

    def __init__(self, database: Database, handle: Handler[Request, Answer]) -> None:
        self._database = database
        self._handle = handle
        self._queue: Queue[tuple[Request, AnyFuture[Answer]] | None] = Queue(FIRE_QUEUE_MAX)
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
        """The answer to come, for a thread to wait for.

        Raises `UnavailableError` at once when the queue is full or the service stops.
        """
        future: Future[Answer] = Future()
        self._admit(request, future)
        return future

    def submit_from_loop(self, request: Request) -> asyncio.Future[Answer]:
        """As `submit`, for the running event loop to await."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._admit(request, future)
        return future

    def _admit(self, request: Request, future: AnyFuture[Answer]) -> None:
        with self._admission:
            if self._stopping:
                raise UnavailableError("The service is stopping; try again in a second")
            try:
                self._queue.put_nowait((request, future))
            except Full:
                raise UnavailableError(f"{FIRE_QUEUE_MAX} fires are waiting already; try again in a second") from None

    def _run(self) -> None:
        batch: list[tuple[Request, AnyFuture[Answer]]] = []
        while True:
            first = self._queue.get()
            if first is None:
                return
            if len(batch) > 1:
                sleep(COMMIT_DELAY_SECONDS)
            batch, ended = self._collect(first)
            # A caller that has gone away is left out; one that goes away from here on is answered into the void.
            waiting = [each for each in batch if not each[1].cancelled()]
            try:
                self._answer(waiting)
            except Exception as error:
                # A fault of the handler's must not end the thread, on which every later fire depends.
                log.exception("batch_failed")
                failed: Settled[Answer] = [(future, error) for _, future in waiting]
                _settle(failed)
            if ended:
                return

    def _collect(
        self, first: tuple[Request, AnyFuture[Answer]]
    ) -> tuple[list[tuple[Request, AnyFuture[Answer]]], bool]:
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

    def _answer(self, batch: list[tuple[Request, AnyFuture[Answer]]]) -> None:
        """Answer a set; where a fault of ours stops it, halve it until the bad request stands alone."""
        if not batch:
            return
        answers: Sequence[Answer | Exception]
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
            answers = [error]
        self.batches += 1
        self.requests += len(batch)
        _settle([(future, answer) for (_, future), answer in zip(batch, answers, strict=True)])


def _settle(settled: Settled[Answer]) -> None:
    """Give each future its answer; an event loop is woken once for all of its own."""
    of_loops: defaultdict[asyncio.AbstractEventLoop, Settled[Answer]] = defaultdict(list)
    of_threads: Settled[Answer] = []
    for each in settled:
        future = each[0]
        (of_loops[future.get_loop()] if isinstance(future, asyncio.Future) else of_threads).append(each)
    _set_results(of_threads)
    for loop, of_loop in of_loops.items():
        try:
            loop.call_soon_threadsafe(_set_results, of_loop)
        except RuntimeError:  # the loop has been closed, and nobody waits any more
            log.warning("answers_unread", count=len(of_loop))


def _set_results(settled: Settled[Answer]) -> None:
    for future, answer in settled:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
