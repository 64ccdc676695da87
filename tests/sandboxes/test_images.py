import re
from pathlib import Path

import pytest

from hgm.errors import SandboxError
from sandboxes import images
from sandboxes.engine import connect
from sandboxes.images import DEFAULT_BASE, build, image_name, is_built

ROOT = Path(__file__).parents[2]
SMALL = b"ARG BASE_IMAGE=nowhere.invalid/none:1\nFROM ${BASE_IMAGE}\nSTOPSIGNAL SIGKILL\n"
LAB = image_name()


@pytest.fixture
def small(monkeypatch):
    """Another Dockerfile, whose image is gone afterwards."""
    monkeypatch.setattr(images, "_dockerfile", lambda: SMALL)
    yield image_name()
    if is_built(connect()):
        connect().api.remove_image(image_name())


def test_the_name_is_that_of_the_text(monkeypatch) -> None:
    name = image_name()
    assert re.fullmatch(r"hgm-sandbox:[0-9a-f]{12}", name)
    monkeypatch.setattr(images, "_dockerfile", lambda: SMALL)
    assert image_name() != name


def test_the_default_base_is_the_dockerfiles() -> None:
    assert f"ARG BASE_IMAGE={DEFAULT_BASE}\n" in (ROOT / "Dockerfile").read_text()


def test_nothing_of_the_lab_gets_into_it() -> None:
    words = re.findall(r"^(\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {"FROM", "RUN"} <= {*words}
    assert not {"COPY", "ADD"} & {*words}
    assert (ROOT / ".dockerignore").read_text() == "*\n"


@pytest.mark.needs("docker")
def test_it_is_built_once_and_with_progress(small) -> None:
    engine = connect()
    assert not is_built(engine)
    said: list[str] = []
    build(engine, base=LAB, progress=said.append)
    assert is_built(engine)
    assert any("STOPSIGNAL" in line for line in said)
    assert all(line.strip() and "\n" not in line for line in said)
    assert engine.api.inspect_image(small)["Config"]["StopSignal"] == "SIGKILL"


@pytest.mark.needs("docker")
def test_a_base_that_cannot_be_had_is_told_with_the_way_out(small) -> None:
    with pytest.raises(SandboxError, match=r"on nowhere\.invalid/none:2: .*hgm image --base-image IMAGE"):
        build(connect(), base="nowhere.invalid/none:2", progress=lambda line: None)
    assert not is_built(connect())


@pytest.mark.needs("docker")
def test_another_image_is_found_by_its_name() -> None:
    assert is_built(connect(), LAB)
    assert not is_built(connect(), "hgm-sandbox:never-made")


@pytest.mark.needs("docker")
def test_what_an_agent_and_a_grader_need_is_in_it() -> None:
    api = connect().api
    command = "git --version && patch --version && ps --version && python3 -c 'import pytest' && pwd"
    container = api.create_container(LAB, ["sh", "-c", command], network_disabled=True)["Id"]
    try:
        api.start(container)
        assert api.wait(container)["StatusCode"] == 0
        assert api.logs(container).endswith(b"/workspace\n")
    finally:
        api.remove_container(container, v=True, force=True)
