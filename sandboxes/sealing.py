"""Images whose workspace has no history but one commit: what an agent may see of a repository that tells its future."""

from hgm.errors import SandboxError
from sandboxes.engine import Engine


def sealed(engine: Engine, image: str, *, folder: str) -> str:
    """The id of an image made from this one, once, in which `folder` is a repository of one commit.

    Raises:
        SandboxError: it cannot be made.
    """
    raise SandboxError(f"{image} cannot be sealed")
