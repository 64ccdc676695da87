"""What an engine is told of a container: no rights, no network, no more than allowed, and whose it is."""

from pathlib import Path

import pytest

from sandboxes.base import Limits, Mount, SandboxSpec
from sandboxes.container import (
    JSON,
    KEEPER,
    TERMINALS,
    bind,
    container,
    copied,
    folders,
    place,
    variables,
)
from sandboxes.engine import JOB_LABEL, MAKER_LABEL, RUN_LABEL, is_dead
from sandboxes.fixed import USER
from sandboxes.names import encoded

MIB = 1 << 20
LIMITS = Limits(memory_mb=100, pids=20, workspace_mb=10, workspace_inodes=500)
SPEC = SandboxSpec(run="a run", job="j1", limits=LIMITS)


def told(**changed: object) -> JSON:
    known = {"places": [], "image_env": [], "processors": 8, "relays": 0, "is_networked": False, "runtime": None}
    return container(SPEC, **{**known, **changed})


def host() -> JSON:
    return told()["host_config"]


def options(volume: JSON) -> set[str]:
    return set(volume["driver_opts"]["o"].split(","))


def test_it_has_no_rights() -> None:
    assert host()["CapDrop"] == ["ALL"]
    assert host()["SecurityOpt"] == ["no-new-privileges"]
    assert host()["ReadonlyRootfs"] is True
    assert not host().keys() & {*("Privileged", "CapAdd", "Devices", "DeviceRequests", "GroupAdd", "Binds", "Sysctls")}


def test_it_shares_nothing_with_the_host_or_others() -> None:
    assert (host()["NetworkMode"], host()["IpcMode"]) == ("none", "private")
    assert not host().keys() & {*("PidMode", "UTSMode", "UsernsMode", "CgroupnsMode", "VolumesFrom", "Links")}


def test_its_first_process_is_not_the_commands_nor_roots() -> None:
    assert told()["user"] == f"{KEEPER}:{KEEPER}"
    assert KEEPER not in (0, USER)
    assert host()["Init"] is True


def test_nothing_of_the_images_starts_beside_it() -> None:
    assert told()["entrypoint"] == [""]
    assert told()["command"][0] == "sleep"
    assert told()["healthcheck"] == {"Test": ["NONE"]}
    assert told()["working_dir"] == "/"


def test_it_is_limited() -> None:
    assert host()["Memory"] == host()["MemorySwap"] == 100 * MIB
    assert host()["PidsLimit"] == 20 + 2
    assert host()["LogConfig"] == {"Type": "none"}
    assert host()["ShmSize"] == 5 * MIB
    assert all(limit["Soft"] == limit["Hard"] for limit in host()["Ulimits"])
    assert {limit["Name"]: limit["Hard"] for limit in host()["Ulimits"]}["core"] == 1


def test_a_relay_of_the_hosts_takes_no_process_away() -> None:
    assert told(relays=1)["host_config"]["PidsLimit"] == host()["PidsLimit"] + 1


@pytest.mark.parametrize(("processors", "used"), [(1, 1), (2, 2), (64, 2)])
def test_a_large_machine_is_not_one_sandboxs(processors: int, used: int) -> None:
    assert told(processors=processors)["host_config"]["NanoCpus"] == used * 1_000_000_000


def test_the_images_variables_are_taken_away() -> None:
    given = told(image_env=["PATH", "LEFT", "SECRET"])["environment"]
    assert given[:2] == ["LEFT", "SECRET"]
    assert "PATH=/usr/local/bin:/usr/bin:/bin" in given
    assert not [line for line in given if line.startswith("PATH") and "=" not in line]


def test_variables_of_an_image_are_read_whatever_they_hold() -> None:
    assert variables({"Config": {"Env": ["A=b=c", "PATH=/x", "EMPTY="]}}) == {"A", "PATH", "EMPTY"}
    assert variables({"Config": {"Env": None}}) == frozenset()


def test_it_says_whose_it_is() -> None:
    given = told()["labels"]
    assert (given[RUN_LABEL], given[JOB_LABEL]) == (encoded("a run"), encoded("j1"))
    assert not is_dead(given[MAKER_LABEL])


def test_a_runtime_is_named_only_if_asked_for() -> None:
    assert "Runtime" not in host()
    assert told(runtime="runsc")["host_config"]["Runtime"] == "runsc"


@pytest.mark.parametrize("is_podman", [False, True])
def test_every_folder_that_can_be_written_is_in_memory_and_limited(is_podman: bool) -> None:
    made = folders(LIMITS, is_podman=is_podman)
    pages = {target: 4096 * 2560 // half for target, half in (("/workspace", 1), ("/tmp", 2))}
    for target, size in pages.items():
        assert made[target]["driver_opts"]["type"] == "tmpfs"
        assert {"nosuid", "nodev", "nr_inodes=500"} <= options(made[target])
        assert (f"nr_blocks={size // 4096}" if is_podman else f"size={size}") in options(made[target])
    assert {f"uid={USER}", f"gid={USER}", "mode=755"} <= options(made["/workspace"])
    assert {"nosuid", "noexec", f"max={TERMINALS}"} <= options(made["/dev/pts"])


def test_what_podman_lets_everybody_write_is_closed() -> None:
    closed = folders(LIMITS, is_podman=True).keys() - folders(LIMITS, is_podman=False).keys()
    assert closed == {"/run", "/run/lock", "/var/tmp"}
    for target in closed:
        assert {"mode=755", "nr_blocks=1"} <= options(folders(LIMITS, is_podman=True)[target])


def test_nothing_of_the_images_is_copied_into_a_volume() -> None:
    assert place("v", "/workspace")["VolumeOptions"] == {"NoCopy": True}
    assert place("v", "/workspace")["ReadOnly"] is False
    assert place("v", "/var/tmp")["ReadOnly"] is True


def test_mounts_are_read_only() -> None:
    given = bind(Mount(source=Path("/a"), target="/hgm/a"))
    assert (given["Type"], given["ReadOnly"], given["Source"], given["Target"]) == ("bind", True, "/a", "/hgm/a")


def test_what_is_copied_is_the_keepers() -> None:
    given = options(copied(is_podman=False))
    assert {"nosuid", "nodev", "mode=755", f"uid={KEEPER}", f"gid={KEEPER}"} <= given
