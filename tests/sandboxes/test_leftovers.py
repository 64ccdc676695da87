import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from docker.types import Mount

from sandboxes.base import Limits
from sandboxes.engine import FOLDER_PREFIX, JOB_LABEL, MAKER_LABEL, RUN_LABEL, connect, labels, this_process
from sandboxes.images import image_name
from sandboxes.leftovers import Kind, leftovers, remove
from sandboxes.limits import find_hierarchy, make_group
from sandboxes.names import encoded

pytestmark = pytest.mark.usefixtures("only_sweeper")


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


@pytest.fixture
def contain():
    """Leaves a container with an anonymous volume behind, as a killed controller might."""
    api = connect().api
    made = []

    def contain(labels: dict[str, str], *, state: str = "running") -> str:
        host = api.create_host_config(network_mode="none", mounts=[Mount("/data", None)])
        box = api.create_container(image_name(), ["sleep", "1000"], labels=labels, host_config=host)["Id"]
        made.append(box)
        if state != "created":
            api.start(box)
        if state == "paused":
            api.pause(box)
        return box

    yield contain
    for box in made:
        if is_there(box):
            api.remove_container(box, v=True, force=True)


def is_there(box: str) -> bool:
    return box in {found["Id"] for found in connect().api.containers(all=True)}


def volume_of(box: str) -> str:
    (mount,) = connect().api.inspect_container(box)["Mounts"]
    return mount["Name"]


def volumes() -> set[str]:
    return {found["Name"] for found in connect().api.volumes()["Volumes"] or ()}


@pytest.mark.needs("docker")
@pytest.mark.parametrize("state", ["created", "running", "paused"])
def test_a_container_goes_with_its_volume(contain, state) -> None:
    box = contain(labels("left-box", "e-1"), state=state)
    volume = volume_of(box)
    (left,) = leftovers("left-box")
    assert (left.run, left.job, left.kind, left.is_orphan) == ("left-box", "e-1", Kind.CONTAINER, False)
    remove([left])
    remove([left])
    assert not is_there(box)
    assert volume not in volumes()
    assert leftovers("left-box") == []


@pytest.mark.needs("docker")
def test_volumes_of_the_run_go_too(contain) -> None:
    connect().api.create_volume("hgm-test-left", labels=labels("left-box", "e-1"))
    box = contain(labels("left-box", "e-1"))
    assert [left.kind for left in leftovers("left-box")] == [Kind.CONTAINER, Kind.VOLUME]
    remove(leftovers("left-box"))
    assert leftovers("left-box") == []
    assert not is_there(box)
    assert "hgm-test-left" not in volumes()


@pytest.mark.needs("docker")
def test_nothing_of_others_is_found(contain) -> None:
    ours = labels("left-box", "e-1")
    elsewhere = str(this_process()._replace(user="0" * 12))
    strangers = [
        contain({}, state="created"),
        contain({RUN_LABEL: "left-box", JOB_LABEL: "e-1"}, state="created"),
        contain({**ours, MAKER_LABEL: elsewhere}, state="created"),
        contain(labels("left-box.2", "e-1"), state="created"),
    ]
    mine = contain(ours, state="created")
    remove(leftovers("left-box"))
    assert not is_there(mine)
    assert all(map(is_there, strangers))
    assert not {left.run for left in leftovers(None)} & {"left-box", ""}


@pytest.mark.needs("docker")
def test_whose_maker_is_dead_is_an_orphan(contain) -> None:
    maker = str(this_process()._replace(boot="0" * 12))
    contain({**labels("left-box", "e-1"), MAKER_LABEL: maker}, state="created")
    (left,) = leftovers("left-box")
    assert left.is_orphan
    remove([left])


@pytest.mark.needs("docker")
def test_a_container_that_somebody_is_removing_is_waited_for(contain) -> None:
    box = contain(labels("left-box", "e-1"))
    found = leftovers("left-box")
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(remove, found) for _ in range(4)]:
            done.result()
    assert not is_there(box)


def test_without_an_engine_there_is_nothing_of_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # where no live sandbox has a folder
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    assert all(left.kind is Kind.GROUP for left in leftovers(None))
    assert leftovers("left-box") == []


def test_folders_of_the_dead_go_and_those_of_the_living_stay(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = this_process()._replace(process="1-0")
    names = [f"{FOLDER_PREFIX}{maker}-x" for maker in (dead, this_process(), dead._replace(user="0" * 12))]
    for name in [*names, f"{FOLDER_PREFIX}odd", "other"]:
        (tmp_path / name / "in").mkdir(parents=True)
    found = [left for left in leftovers(None) if left.kind is Kind.FOLDER]
    assert [(left.run, left.is_orphan) for left in found] == [(name, name == names[0]) for name in sorted(names[:2])]
    remove([left for left in found if left.is_orphan])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names[1:], f"{FOLDER_PREFIX}odd", "other"])
