"""Worker threads on this machine: a job waits for sandboxes and models nearly all of its time."""

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from hgm.executors.base import Work
from hgm.jobs import Job, Result


class LocalExecutor:
    """`slots` threads. A thread outlives the sandboxes it starts, which die with it."""

    def __init__(self, work: Work, slots: int) -> None:
        self.slots = slots
        self._work = work
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="worker")
        self._free = list(range(slots))[::-1]
        self._running: dict[Future[Result], int] = {}

    def submit(self, job: Job) -> None:
        slot = self._free.pop()
        self._running[self._pool.submit(self._work, job, slot)] = slot

    def busy(self) -> int:
        return len(self._running)

    def wait(self) -> list[Result]:
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        finished = [future for future in self._running if future in done]
        for future in finished:
            self._free.append(self._running.pop(future))
        return [future.result() for future in finished]

    def close(self) -> None:
        self._pool.shutdown()
