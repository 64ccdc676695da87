"""Images that are built here, each named by what it is made of, so built once.

A build sees its own few files and nothing else of this machine. Unlike a sandbox it has a network: for its base, and
for packages.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hgm.errors import SandboxError
from sandboxes.base import Files
from sandboxes.engine import Engine, engine_trouble
from sandboxes.stream import packed

_NOISE = "(Reading database ..."


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What an image is built from."""

    repository: str
    """The part of its name that people know it by."""
    context: Files
    """The Dockerfile, and what it copies."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Build arguments."""

    @property
    def image(self) -> str:
        """Its name; other files or arguments make another image."""
        digest = hashlib.sha256(repr(sorted(self.arguments.items())).encode())
        for path, file in sorted(self.context.items()):
            digest.update(repr((path, file.mode, file.data)).encode())
        return f"{self.repository}:{digest.hexdigest()[:12]}"


def build(
    engine: Engine,
    recipe: Recipe,
    *,
    progress: Callable[[str], None],
    name: str = "",
    labels: Mapping[str, str] | None = None,
    anew: bool = False,
) -> None:
    """Build the image, under its own name or another; `anew` takes nothing from earlier builds.

    `progress` hears what the build prints, line by line, as it comes.

    Raises:
        SandboxError: it does not get done; says what the build said.
    """
    with engine_trouble(f"building {name or recipe.image}"):
        told = engine.api.build(
            fileobj=packed(recipe.context, owner=0),
            custom_context=True,
            tag=name or recipe.image,
            buildargs=dict(recipe.arguments),
            labels=dict(labels or {}),
            nocache=anew,
            rm=True,
            forcerm=True,
            decode=True,
            timeout=None,
        )
        for message in told:
            if error := message.get("error"):
                raise SandboxError(str(error).strip())
            for line in str(message.get("stream", "")).splitlines():
                if line.strip() and not line.startswith(_NOISE):
                    progress(line.rstrip())
