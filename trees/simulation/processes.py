"""Worlds played by several processes, each with one thread; none of them outlives the one that asked."""

import os
import signal
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread

from hgm.errors import HGMError
from trees.simulation.comparison import Match, Plan, play

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Arrays are small here: threads of the linear algebra would only be in each other's way."""


def played(plan: Plan, *, jobs: int) -> Generator[tuple[Match, ...], None, None]:
    """The matches of one world after the other, as they end. Whoever stops early closes the iterator.

    Raises:
        HGMError: a process was killed.
    """
    chunks = plan.chunks()
    jobs = min(jobs, len(chunks))
    if jobs == 1:
        yield from (play(plan, chunk) for chunk in chunks)
        return
    with _processes(jobs) as pool:
        try:
            with _unsignalled():  # processes begin with the first jobs, and inherit this
                futures: list[Future[tuple[Match, ...]]] = [pool.submit(play, plan, chunk) for chunk in chunks]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise HGMError("a process that played was killed, perhaps for its memory: try a smaller -j") from error


@contextmanager
def _processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes, which are ended at once where the block is left early."""
    others = active_children()
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin)
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield pool
    except BaseException:
        for process in active_children():
            if process not in others:
                process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        _restore(before)


@contextmanager
def _unsignalled() -> Iterator[None]:
    """Ctrl-C waits, and for processes that are started meanwhile for ever: it is their parent's affair."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _restore(environ: dict[str, str | None]) -> None:
    for name, value in environ.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _begin() -> None:
    """In a new process: the end of its parent is its own, whatever that ended by."""
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
