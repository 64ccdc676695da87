"""The image that Docker sandboxes start from: made from one Dockerfile, named by that file's text, built once.

The build sees the Dockerfile and nothing else of this machine. Unlike a sandbox it has a network: for the base image,
and for Debian's packages.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any

from hgm.errors import SandboxError
from sandboxes.engine import Engine, engine_trouble, is_missing

REPOSITORY = "hgm-sandbox"
BUILD = "hgm image"
DEFAULT_BASE = "python:3.12-slim"
"""As in the Dockerfile."""
BASE_LABEL = "hgm.base"
_NOISE = "(Reading database ..."


def image_name() -> str:
    """Its name; another Dockerfile is another image."""
    return f"{REPOSITORY}:{hashlib.sha256(_dockerfile()).hexdigest()[:12]}"


def is_built(engine: Engine, image: str | None = None) -> bool:
    """Whether the engine has the image, or another one by its name.

    Raises:
        SandboxError: it does not say.
    """
    try:
        with engine_trouble("looking for the image"):
            engine.api.inspect_image(image or image_name())
    except SandboxError as error:
        if is_missing(error):
            return False
        raise
    return True


def identity(engine: Engine, image: str | None = None) -> str:
    """What the image's name, or another one's, stands for now.

    Raises:
        SandboxError: it is not there.
    """
    with engine_trouble("looking at the image"):
        return str(engine.api.inspect_image(image or image_name())["Id"])


def base_of(engine: Engine) -> str:
    """What the image was built on, as it was named then.

    Raises:
        SandboxError: it is not there.
    """
    with engine_trouble("looking at the image"):
        return str((engine.api.inspect_image(image_name())["Config"].get("Labels") or {}).get(BASE_LABEL, ""))


def build(engine: Engine, *, base: str | None, progress: Callable[[str], None], anew: bool = False) -> None:
    """Build it on `base`, by default a published Python; `anew` takes nothing from earlier builds.

    `progress` hears what the build prints, line by line, as it comes.

    Raises:
        SandboxError: it does not get done.
    """
    arguments = {} if base is None else {"BASE_IMAGE": base}
    with engine_trouble("building the image"):
        told = engine.api.build(
            fileobj=BytesIO(_dockerfile()),
            tag=image_name(),
            buildargs=arguments,
            labels={BASE_LABEL: base or DEFAULT_BASE},
            nocache=anew,
            rm=True,
            forcerm=True,
            decode=True,
            timeout=None,
        )
        for message in told:
            _hear(message, base or DEFAULT_BASE, progress)


def _hear(message: Mapping[str, Any], base: str, progress: Callable[[str], None]) -> None:
    if error := message.get("error"):
        raise SandboxError(
            f"building the image on {base}: {str(error).strip()}: if that image or Debian's packages cannot be fetched "
            f"from here, name any Debian image that the engine has: {BUILD} --base-image IMAGE"
        )
    for line in str(message.get("stream", "")).splitlines():
        if line.strip() and not line.startswith(_NOISE):
            progress(line.rstrip())


@cache
def _dockerfile() -> bytes:
    return files("sandboxes").joinpath("Dockerfile").read_bytes()
