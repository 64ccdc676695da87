import os
import subprocess

import pytest

from sandboxes.base import Limits
from sandboxes.leftovers import leftovers, remove
from sandboxes.limits import find_hierarchy, make_group
from sandboxes.names import encoded


@pytest.fixture
def leave():
    """Leaves the group of a job behind, with a process in it, as a killed controller might."""
    hierarchy = find_hierarchy()
    if hierarchy is None or os.geteuid() != 0:
        pytest.skip("root that may make control groups is needed for this")
    started = []

    def leave(run: str, job: str) -> subprocess.Popen[bytes]:
        group = make_group(hierarchy, run, job, Limits())
        joins = "".join(f"echo 0 > {file}; " for file in group.joins)
        started.append(subprocess.Popen(["/bin/sh", "-c", f"{joins} echo; exec sleep 1000"], stdout=subprocess.PIPE))
        assert started[-1].stdout.readline() == b"\n"
        return started[-1]

    yield leave
    for run in ("left", "left.2", "other", "../odd run/é"):
        remove(leftovers(run))
    for process in started:
        process.communicate()


def test_only_what_belongs_to_the_run_goes(leave) -> None:
    dead, live = leave("left", "e-1"), leave("other", "e-1")
    leave("left.2", "e-1")
    assert [(left.run, left.job) for left in leftovers("left")] == [("left", "e-1")]
    remove(leftovers("left"))
    assert dead.wait(10) == -9
    assert live.poll() is None
    assert leftovers("left") == []
    assert len(leftovers("other")) == len(leftovers("left.2")) == 1
    assert {"other", encoded("left.2")} <= {left.run for left in leftovers(None)}


def test_odd_names_are_found_again(leave) -> None:
    leave("../odd run/é", "job\n")
    (left,) = leftovers("../odd run/é")
    assert left.job == encoded("job\n")
    remove([left])
    remove([left])
    assert leftovers("../odd run/é") == []


def test_a_run_that_left_nothing() -> None:
    assert leftovers("never heard of") == []
    remove([])
