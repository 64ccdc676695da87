"""What a run lacks is said before anything is spent, with what it takes and what is free."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace

import pytest

from evaluators.base import Environment, Script, Split, Task
from hgm.agents_by_name import BUNDLED
from hgm.cli import shelves
from hgm.contract import read_agent, read_manifest
from hgm.errors import ConfigError
from hgm.images import disk_words, needs
from hgm.preflight import must_be_ready
from sandboxes.base import File
from sandboxes.choose import choose
from sandboxes.docker import Docker
from sandboxes.engine import connect
from sandboxes.images import image_name
from sandboxes.pulling import _advice
from sandboxes.recipes import Recipe

pytestmark = pytest.mark.needs("docker")
SEED = read_manifest(read_agent(BUNDLED / "seed"))


@dataclass
class Images:
    """A benchmark whose tasks need these images."""

    environments: Mapping[str, Environment]
    name: str = "pictures"
    refused: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self) -> str:
        return "x"

    def tasks(self, split: Split) -> tuple[str, ...]:
        return tuple(self.environments) if split is Split.SEARCH else ()

    def task(self, task_id: str) -> Task:
        return Task(
            id=task_id,
            benchmark=self.name,
            split=Split.SEARCH,
            statement="",
            workspace={},
            test_command=(),
            grading=Script(files={}),
            reference={},
            environment=self.environments[task_id],
        )


@pytest.fixture
def docker() -> Docker:
    found = choose("docker")
    assert isinstance(found, Docker)
    return copy(found)  # whoever chooses Docker shares it


def missing(count: int) -> Images:
    made = {f"t{number}": Environment(image=f"nowhere.invalid/x:{number}", folder="/app") for number in range(count)}
    return Images({**made, "here": Environment(image=image_name())})


def test_what_is_missing_is_named_with_what_it_takes(docker: Docker) -> None:
    benchmark = missing(7)
    with pytest.raises(ConfigError) as caught:
        must_be_ready(benchmark, benchmark.tasks(Split.SEARCH), docker, SEED, allow_build=False)
    said = str(caught.value)
    assert (
        "7 of the 8 images that these tasks of pictures need are not on the engine (about 2 GB at 0.3 GB each" in said
    )
    assert "GB are free" in said
    assert "nowhere.invalid/x:4 and 2 more" in said
    assert "hgm benchmark images pictures --pull, with the same --data and choice of tasks" in said


def test_on_another_machine_it_says_that_they_are_emulated(docker: Docker) -> None:
    docker.engine = replace(docker.engine, machine="aarch64")
    with pytest.raises(ConfigError, match=r"--pull --platform linux/amd64 \(on aarch64 emulated, and slow\)"):
        must_be_ready(missing(1), ["t0"], docker, SEED, allow_build=False)
    assert "there is none for aarch64: --platform linux/amd64" in _advice(
        "x", "no matching manifest for linux/arm64/v8 in the manifest list entries", "aarch64", is_limited=False
    )


def test_what_is_the_labs_own_is_to_be_built_and_nothing_else(docker: Docker) -> None:
    recipe = Recipe(repository="hgm-test-never", context={b"Dockerfile": File(b"FROM scratch\n")})
    foreign = Environment(image=recipe.image, recipe=recipe)
    with pytest.raises(ConfigError, match="look at the Dockerfiles of pictures, then --allow-build"):
        must_be_ready(Images({"t": foreign}), ["t"], docker, SEED, allow_build=False)
    for environment, allowed in ((foreign, True), (replace(foreign, is_ours=True), False)):
        found = must_be_ready(Images({"t": environment}), ["t"], docker, SEED, allow_build=allowed)
        assert [need.image for need in found] == [recipe.image]


def test_a_layer_needs_an_engine_of_this_machine(docker: Docker) -> None:
    layered = SEED.model_copy(update={"layer": "requirements.txt"})
    here = Images({"here": Environment(image=image_name(), folder="/workspace")})
    assert must_be_ready(here, ["here"], docker, layered, allow_build=False) == []
    docker.is_copying = True
    with pytest.raises(ConfigError, match="which this engine cannot bring into the images"):
        must_be_ready(here, ["here"], docker, layered, allow_build=False)


def test_tasks_share_an_image_and_one_without_others_is_guessed() -> None:
    shared = Environment(image="nowhere.invalid/x:1")
    found = needs(Images({"a": shared, "b": shared}), ["a", "b"], connect())
    assert [(need.image, need.tasks, need.is_there) for need in found] == [("nowhere.invalid/x:1", 2, False)]
    assert disk_words(found, connect()).startswith("about 1 GB at 1.2 GB each")


def test_a_pull_that_does_not_fit_is_refused_with_nothing_pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "_LEAST_FREE", 10**18)
    benchmark = missing(2)
    source = shelves.Source(registry="", platform="", most=None, allow_build=False)
    with pytest.raises(ConfigError, match=r"2 missing images .* take fewer tasks"):
        shelves.pull_all(benchmark, [*benchmark.environments], connect(), source, sleep=lambda seconds: None)
