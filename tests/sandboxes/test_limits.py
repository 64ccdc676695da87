import os
import subprocess
import sys
from pathlib import Path

import pytest

from hgm.errors import SandboxError
from sandboxes.base import Limits
from sandboxes.limits import Events, Group, Hierarchy, find_hierarchy, group_of, left_groups, make_group
from sandboxes.names import Owner, new_name, owner_of

LIMITS = Limits(memory_mb=100, pids=20)


def tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def v1_mounts(root: Path, *controllers: str, at: str = "/") -> str:
    tree(root, {f"{name}/cgroup.procs": "" for name in controllers})
    return "".join(
        f"{40 + i} 31 0:{i} {at} {root}/{name} rw,nosuid - cgroup cgroup rw,{name}\n"
        for i, name in enumerate(controllers)
    )


def v2_mount(root: Path, *, at: str = "/", point: str = "") -> str:
    return f"25 1 0:9 {at} {root}{point} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


# Where groups may be made


def test_v1_groups_are_made_below_our_own(tmp_path) -> None:
    mounts = v1_mounts(tmp_path, "cpu", "memory", "pids")
    tree(tmp_path, {"memory/slurm/job_1/tasks": "", "pids/slurm/job_1/tasks": ""})
    own = "9:pids:/slurm/job_1\n8:memory:/slurm/job_1\n7:cpu:/gone\n1:name=systemd:/x\n0::/\n"
    assert find_hierarchy(own=own, mounts=mounts) == Hierarchy(
        1,
        {
            "cpu": tmp_path / "cpu",
            "memory": tmp_path / "memory/slurm/job_1",
            "pids": tmp_path / "pids/slurm/job_1",
        },
    )


def test_v1_controllers_that_share_a_mount(tmp_path) -> None:
    tree(tmp_path, {"cpu,cpuacct/x": "", "all of it/x": ""})
    mounts = (
        f"1 1 0:1 / {tmp_path}/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        f"2 1 0:2 / {tmp_path}/all\\040of\\040it rw - cgroup cgroup rw,memory,pids\n"
    )
    found = find_hierarchy(own="2:cpu,cpuacct:/\n3:memory,pids:/\n", mounts=mounts)
    assert found == Hierarchy(
        1,
        {"cpu": tmp_path / "cpu,cpuacct", "memory": tmp_path / "all of it", "pids": tmp_path / "all of it"},
    )


def test_v1_in_a_container_that_sees_its_part_only(tmp_path) -> None:
    mounts = v1_mounts(tmp_path, "memory", "pids", at="/docker/abc")
    own = "9:pids:/docker/abc\n8:memory:/docker/abc\n"
    assert find_hierarchy(own=own, mounts=mounts).parents == {"memory": tmp_path / "memory", "pids": tmp_path / "pids"}
    own = "9:pids:/elsewhere\n8:memory:/docker/abc\n"
    assert find_hierarchy(own=own, mounts=mounts).parents["pids"] == tmp_path / "pids"


def test_v1_needs_both_pids_and_memory(tmp_path) -> None:
    own = "9:pids:/\n8:memory:/\n"
    assert find_hierarchy(own=own, mounts=v1_mounts(tmp_path, "cpu", "pids")) is None


def test_v2_groups_are_made_where_controllers_are_handed_down(tmp_path) -> None:
    tree(
        tmp_path,
        {
            "cgroup.controllers": "cpu memory pids",
            "cgroup.subtree_control": "cpu memory pids",
            "user.slice/cgroup.subtree_control": "memory pids",
            "user.slice/user-0.slice/cgroup.subtree_control": "pids",
            "user.slice/user-0.slice/session-3.scope/cgroup.subtree_control": "",
        },
    )
    own = "0::/user.slice/user-0.slice/session-3.scope\n"
    assert find_hierarchy(own=own, mounts=v2_mount(tmp_path)) == Hierarchy(
        2, {"memory": tmp_path / "user.slice", "pids": tmp_path / "user.slice"}
    )


def test_v2_asks_the_root_to_hand_down_what_it_has(tmp_path) -> None:
    tree(
        tmp_path,
        {"cgroup.controllers": "cpuset memory pids", "cgroup.subtree_control": "", "a/cgroup.subtree_control": ""},
    )
    found = find_hierarchy(own="0::/a\n", mounts=v2_mount(tmp_path))
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids"  # the kernel would now say so
    assert found is None
    (tmp_path / "cgroup.subtree_control").write_text("memory pids")
    assert find_hierarchy(own="0::/a\n", mounts=v2_mount(tmp_path)).parents["pids"] == tmp_path


def test_v2_without_the_controllers_is_left_alone(tmp_path) -> None:
    tree(tmp_path, {"cgroup.controllers": "hugetlb", "cgroup.subtree_control": ""})
    assert find_hierarchy(own="0::/\n", mounts=v2_mount(tmp_path)) is None
    assert (tmp_path / "cgroup.subtree_control").read_text() == ""


def test_a_machine_with_both_uses_the_one_that_has_the_controllers(tmp_path) -> None:
    tree(tmp_path, {"unified/cgroup.controllers": "", "unified/cgroup.subtree_control": ""})
    mounts = v2_mount(tmp_path, point="/unified") + v1_mounts(tmp_path, "memory", "pids")
    found = find_hierarchy(own="9:pids:/\n8:memory:/\n0::/\n", mounts=mounts)
    assert found == Hierarchy(1, {"memory": tmp_path / "memory", "pids": tmp_path / "pids"})


def test_no_control_groups_at_all() -> None:
    assert find_hierarchy(own="", mounts="23 1 0:21 / /sys rw - sysfs sysfs rw\n") is None


# What is written and read


def test_v1_settings(tmp_path) -> None:
    hierarchy = Hierarchy(1, {name: tmp_path / name for name in ("cpu", "memory", "pids")})
    group = made_in(hierarchy, memory=("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.swappiness"))
    assert (group.folders["pids"] / "pids.max").read_text() == "22"
    assert (group.folders["memory"] / "memory.limit_in_bytes").read_text() == str(100 << 20)
    assert (group.folders["memory"] / "memory.memsw.limit_in_bytes").read_text() == str(100 << 20)
    assert (group.folders["memory"] / "memory.swappiness").read_text() == "0"
    assert len(group.joins) == 3
    (group.folders["memory"] / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    (group.folders["pids"] / "pids.events").write_text("max 7\n")
    assert group.events() == Events(3, 7)


def test_v2_settings(tmp_path) -> None:
    hierarchy = Hierarchy(2, dict.fromkeys(("cpu", "memory", "pids"), tmp_path))
    group = made_in(hierarchy, memory=("memory.max", "memory.swap.max"))
    folder = group.folders["pids"]
    wanted = {"pids.max": "22", "memory.max": str(100 << 20), "memory.swap.max": "0"}
    assert {name: (folder / name).read_text() for name in wanted} == wanted
    assert group.joins == (folder / "cgroup.procs",)
    (folder / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n")
    (folder / "pids.events").write_text("max 1\n")
    assert group.events() == Events(2, 1)


def made_in(hierarchy: Hierarchy, **files: tuple[str, ...]) -> Group:
    """What `make_group` does in a tree of ordinary files, where the kernel's are there only once we make them."""
    files = {"pids": ("pids.max",), **files}
    for parent in hierarchy.parents.values():
        parent.mkdir(exist_ok=True)
    make = Path.mkdir

    class Kernel(type(Path())):
        """A folder in which the controllers' files appear when it is made."""

        def mkdir(self, *arguments: object, **options: object) -> None:
            make(self)
            for controller, names in files.items():
                if hierarchy.version == 2 or self.parent.name == controller:
                    for name in names:
                        (self / name).touch()

    kernel = {controller: Kernel(parent) for controller, parent in hierarchy.parents.items()}
    return make_group(Hierarchy(hierarchy.version, kernel), "run", "job", LIMITS)


def test_a_group_that_is_gone_had_no_events(tmp_path) -> None:
    assert Group(2, dict.fromkeys(("memory", "pids"), tmp_path / "gone")).events() == Events(0, 0)


def test_too_little_memory_is_told(tmp_path) -> None:
    with pytest.raises(SandboxError, match="memory_mb = 1"):
        make_group(Hierarchy(2, {"memory": tmp_path, "pids": tmp_path}), "r", "j", Limits(memory_mb=1))


def test_a_kernel_that_refuses_is_the_hosts_trouble(tmp_path) -> None:
    (tmp_path / "memory").mkdir()
    hierarchy = Hierarchy(1, {"memory": tmp_path / "memory", "pids": tmp_path / "missing"})
    with pytest.raises(SandboxError, match="no control group for j"):
        make_group(hierarchy, "r", "j", LIMITS)
    assert os.listdir(tmp_path / "memory") == []


def test_left_groups_are_found_wherever_they_are(tmp_path) -> None:
    mounts = v2_mount(tmp_path / "two") + v1_mounts(tmp_path / "one", "memory", "pids", "freezer")
    one, two = new_name("r1", "a"), new_name("r2", "b")
    for path in (f"one/memory/deep/down/{one}", f"one/pids/{one}", f"two/user.slice/{two}.scope", "two/other.a.b.c"):
        (tmp_path / path).mkdir(parents=True)
    found = list(left_groups(mounts=mounts))
    assert [(group.version, owner_of(group.name)) for group in found] == [(1, Owner("r1", "a")), (2, Owner("r2", "b"))]
    assert found[0].folders == {"memory": tmp_path / "one/memory/deep/down" / one, "pids": tmp_path / "one/pids" / one}


# The real kernel


@pytest.fixture
def group():
    hierarchy = find_hierarchy()
    if hierarchy is None or os.geteuid() != 0:
        pytest.skip("root that may make control groups is needed for this")
    group = make_group(hierarchy, "limits", "test", LIMITS)
    yield group
    group.kill()
    group.remove()
    assert not any(folder.exists() for folder in group.folders.values())


def start_in(group: Group, code: str) -> subprocess.Popen[bytes]:
    joins = "".join(f"echo 0 > {file}; " for file in group.joins)
    return subprocess.Popen(
        ["/bin/sh", "-c", f'{joins} exec "$@"', "sh", sys.executable, "-c", code], stdout=subprocess.PIPE
    )


def test_limits_bind(group) -> None:
    code = "import os\nwhile True:\n try:\n  if not os.fork(): import time; time.sleep(100)\n except OSError: break\n"
    with start_in(group, code + "print('refused', flush=True)") as process:
        assert process.stdout.readline() == b"refused\n"
        assert group.events().pids_refused >= 1
        group.kill()
    assert process.returncode in (0, -9)


def test_memory_binds(group) -> None:
    with start_in(group, "b'x' * (200 << 20)") as process:
        pass
    assert process.returncode == -9
    assert group.events().out_of_memory_kills == 1


def test_kill_gets_who_is_faster_at_forking(group) -> None:
    code = """
import os
print('on', flush=True)
while True:
    try:
        if os.fork():
            os._exit(0)
    except OSError:
        pass
"""
    with start_in(group, code) as process:
        assert process.stdout.readline() == b"on\n"
        group.kill()
        assert process.stdout.read() == b""  # nobody holds it any more
    group.remove()


def test_kill_spares_who_is_named(group) -> None:
    with (
        start_in(group, "import time; time.sleep(100)") as kept,
        start_in(group, "import time; time.sleep(100)") as gone,
    ):
        while not {kept.pid, gone.pid} <= group.members():
            pass
        group.kill(but=frozenset({kept.pid}))
        assert (gone.wait(), kept.poll(), group.members()) == (-9, None, {kept.pid})
        group.kill()


def test_kill_and_remove_what_is_gone_is_no_trouble(group) -> None:
    group.remove()
    group.kill()
    group.remove()


def test_a_group_with_a_live_process_is_not_removed_silently(group, monkeypatch) -> None:
    monkeypatch.setattr("sandboxes.limits._PATIENCE_S", 0.05)
    with start_in(group, "import time; time.sleep(100)") as process:
        while str(process.pid) not in group.joins[-1].read_text().split():
            pass
        with pytest.raises(SandboxError, match="cannot be removed"):
            group.remove()
        group.kill()


@pytest.mark.needs("root")
def test_version_two_kills_and_goes_for_real() -> None:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    points = [Path(point) for _, point, kind, *_ in mounts if kind == "cgroup2" and os.access(point, os.W_OK)]
    if not points:
        pytest.skip("no cgroup2 mount that may be written")
    folder = points[0] / new_name("limits", "two")
    folder.mkdir()
    group = Group(2, {"pids": folder, "memory": folder})
    with start_in(
        group, "import os, time; os.fork() and os.fork() and print('on', flush=True); time.sleep(100)"
    ) as process:
        assert process.stdout.readline() == b"on\n"
        assert group_of(process.pid) == group
        assert folder in [path for left in left_groups() for path in left.folders.values()]
        group.kill()
        process.wait()
    group.remove()
    assert not folder.exists()
