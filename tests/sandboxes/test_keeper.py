import threading

import pytest

from sandboxes.keeper import Keeper, keeper


def _nothing() -> None: ...


def test_all_work_is_done_in_one_thread() -> None:
    found: set[int] = set()
    threads = [threading.Thread(target=lambda: found.add(keeper(_nothing).do(threading.get_ident))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1
    assert found != {threading.get_ident()}


def test_errors_are_the_callers() -> None:
    with pytest.raises(ZeroDivisionError):
        keeper(_nothing).do(lambda: 1 // 0)
    assert keeper(_nothing).do(lambda: 2) == 2


def test_a_failed_preparation_is_tried_again() -> None:
    attempts = []

    def prepare() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("not yet")

    with pytest.raises(OSError, match="not yet"):
        keeper(prepare)
    assert isinstance(keeper(prepare), Keeper)
    assert keeper(prepare) is keeper(prepare)
    assert len(attempts) == 2
