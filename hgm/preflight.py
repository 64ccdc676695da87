"""What a run needs of this machine's engine, checked before anything is spent."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from evaluators.base import Benchmark, Played, Split
from evaluators.gui.desktop import desktop
from evaluators.gui.pool import equipped
from hgm.contract import Manifest, does
from hgm.errors import ConfigError, EvaluatorError
from hgm.images import Need, beside, disk_words, environments, needs
from sandboxes import shelf
from sandboxes.base import SandboxProvider
from sandboxes.docker import Docker
from sandboxes.engine import Engine, connect
from sandboxes.recipes import build

_NAMED = 5


def must_be_ready(
    benchmark: Benchmark,
    tasks: Iterable[str],
    provider: SandboxProvider,
    manifest: Manifest,
    *,
    allow_build: bool,
) -> list[Need]:
    """Return if agents of this manifest do such tasks, and whatever these need is there or can be built.

    What comes back is to be built (`build_all`): missing images of the lab's own, and with `allow_build` those that
    tasks bring recipes for.

    Raises:
        ConfigError: not so; names what is missing, and says what to do.
        SandboxError: the engine's trouble.
    """
    used = list(tasks)
    _must_do(manifest, benchmark, used)
    if is_played(benchmark, used):
        _must_have_a_browser(provider)
    found = _images(benchmark, used, provider, allow_build=allow_build)
    carries = isinstance(provider, Docker) and not provider.is_copying
    if manifest.layer is not None and not carries and any(need.environment.folder for need in found):
        raise ConfigError(
            f"agent {manifest.name} has a layer ({manifest.layer}), made for the Python of the lab's own image, which "
            f"this engine cannot bring into the images of {benchmark.name}: use an engine of this machine, or give the "
            "agent its packages in its own folder"
        )
    return [need for need in found if not need.is_there]


def must_be_shown(benchmark: Benchmark, tasks: Iterable[str], provider: SandboxProvider) -> None:
    """Return if these tasks can be watched on the user's desktop.

    Raises:
        ConfigError: not so; says what to do.
    """
    if not is_played(benchmark, tasks):
        raise ConfigError(f"--headed: the tasks of {benchmark.name} have no page to show")
    try:
        equipped(provider, shown_on=desktop())
    except EvaluatorError as missing:
        raise ConfigError(f"--headed: {missing}") from missing


def _must_do(manifest: Manifest, benchmark: Benchmark, tasks: Sequence[str]) -> None:
    kind = "gui" if is_played(benchmark, tasks) else "solve"
    if not does(manifest, kind):
        other = "gui_seed" if kind == "gui" else "seed"
        raise ConfigError(
            f"agent {manifest.name} does {' and '.join(manifest.kinds)}, and the tasks of {benchmark.name} are of kind "
            f"{kind}: take an agent whose agent.toml names that among its kinds, e.g. {other}"
        )


def _must_have_a_browser(provider: SandboxProvider) -> None:
    if isinstance(provider, Docker):
        return  # an image like others, which is built where it is missing
    try:
        equipped(provider)
    except EvaluatorError as missing:
        raise ConfigError(str(missing)) from missing


def is_played(benchmark: Benchmark, tasks: Iterable[str]) -> bool:
    """Whether tasks are graphical ones, which a benchmark has only, or none of: the first that can be read tells."""
    for task in tasks:
        with suppress(EvaluatorError):  # what is unusable tells when it is opened
            return isinstance(benchmark.task(task).grading, Played)
    return False


def ready_images(
    benchmark: Benchmark, provider: SandboxProvider, *, allow_build: bool, preparing: Callable[[str], None]
) -> None:
    """As `must_be_ready`, for the whole benchmark and without an agent; and build what is to be built.

    Raises:
        ConfigError: an image is missing; says what to do.
        SandboxError: the engine's trouble; an image cannot be built.
    """
    tasks = (task for split in Split for task in benchmark.tasks(split))
    found = _images(benchmark, tasks, provider, allow_build=allow_build)
    build_all([need for need in found if not need.is_there], preparing)


def _images(benchmark: Benchmark, tasks: Iterable[str], provider: SandboxProvider, *, allow_build: bool) -> list[Need]:
    used = list(tasks)
    if not environments(benchmark, used) and not (beside(benchmark) and isinstance(provider, Docker)):
        return []
    if not isinstance(provider, Docker):
        raise ConfigError(
            f"the tasks of {benchmark.name} are worked on in images of their own, and {provider.name} has none: start "
            "a container engine (see `hgm doctor`), then --sandbox docker"
        )
    found = needs(benchmark, used, provider.engine)
    missing = [need for need in found if not need.is_there]
    foreign = [need for need in missing if need.environment.recipe and not need.environment.is_ours]
    if foreign and not allow_build:
        raise ConfigError(
            f"{_names(foreign)}: a build runs the benchmark's own commands as root of a container, with the network: "
            f"look at the Dockerfiles of {benchmark.name}, then --allow-build"
        )
    if absent := [need for need in missing if not need.environment.recipe]:
        raise ConfigError(
            f"{len(absent)} of the {len(found)} images that these tasks of {benchmark.name} need are not on the engine "
            f"({disk_words(found, provider.engine)}): {_names(absent)}: "
            f"hgm benchmark images {benchmark.name} --pull{_emulated(provider.engine)}, with the same --data and "
            "choice of tasks; or fewer tasks with --ids or --sample"
        )
    shelf.used(provider.engine, [need.image for need in found])
    return found


def build_all(missing: Sequence[Need], preparing: Callable[[str], None]) -> None:
    """Build those of the images that have recipes; `preparing` is told of each.

    Raises:
        SandboxError: the engine's trouble; one cannot be built.
    """
    for need in missing:
        if recipe := need.environment.recipe:
            preparing(f"building {need.image}, once, with the network: this may take minutes")
            build(connect(), recipe, progress=lambda line: None)


def _names(found: Sequence[Need]) -> str:
    named = ", ".join(need.image for need in found[:_NAMED])
    return named + (f" and {len(found) - _NAMED} more" if len(found) > _NAMED else "")


def _emulated(engine: Engine) -> str:
    return "" if engine.machine == "x86_64" else f" --platform linux/amd64 (on {engine.machine} emulated, and slow)"
