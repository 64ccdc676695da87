"""From the image that a task needs to sandboxes that start from it."""

from dataclasses import replace

from evaluators.base import Task
from hgm.errors import SandboxError
from sandboxes.base import Image, Limits, SandboxProvider
from sandboxes.docker import Docker
from sandboxes.images import identity, is_built
from sandboxes.sealing import Kept, sealed


def provider_for(task: Task, provider: SandboxProvider) -> SandboxProvider:
    """Where an agent works on a task: in the provider's own sandboxes, or in those of the task's image, sealed.

    Raises:
        SandboxError: the image is not there, or no sandbox starts from it.
    """
    return _within(task, provider, keeps="commit")


def grader_for(task: Task, provider: SandboxProvider) -> SandboxProvider:
    """Where a task is graded: as `provider_for`, but a repository's history up to its HEAD stays.

    What comes later goes here too: the code that is graded could look for its own solution there.

    Raises:
        SandboxError: the image is not there, or no sandbox starts from it.
    """
    return _within(task, provider, keeps="history")


def limits_for(task: Task, limits: Limits) -> Limits:
    """A run's limits, raised to what the task's environment needs."""
    if task.environment is None:
        return limits
    needs = task.environment
    return replace(
        limits,
        memory_mb=max(limits.memory_mb, needs.memory_mb),
        pids=max(limits.pids, needs.pids),
        workspace_mb=max(limits.workspace_mb, needs.workspace_mb),
    )


def _within(task: Task, provider: SandboxProvider, *, keeps: Kept) -> SandboxProvider:
    needs = task.environment
    if needs is None:
        return provider
    if not isinstance(provider, Docker):
        raise SandboxError("tasks with an image of their own need a container engine: --sandbox docker")
    if not is_built(provider.engine, needs.image):
        raise SandboxError(f"the engine has no image {needs.image} (see `hgm doctor`)")
    image = identity(provider.engine, needs.image)
    if needs.is_sealed:
        image = sealed(provider.engine, image, folder=needs.folder, keeps=keeps)
    return provider.within(Image(id=image, folder=needs.folder, env=needs.env))
