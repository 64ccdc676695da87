"""The image that Docker sandboxes start from: made from one Dockerfile, named by that file's text, built once."""

import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from hgm.errors import SandboxError
from sandboxes import recipes
from sandboxes.base import File
from sandboxes.engine import Engine, engine_trouble, is_missing

REPOSITORY = "hgm-sandbox"
BUILD = "hgm image"
DEFAULT_BASE = "python:3.12-slim"
"""As in the Dockerfile."""
BASE_LABEL = "hgm.base"


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
    recipe = recipes.Recipe(repository=REPOSITORY, context={b"Dockerfile": File(_dockerfile())}, arguments=arguments)
    labels = {BASE_LABEL: base or DEFAULT_BASE}
    try:
        recipes.build(engine, recipe, name=image_name(), labels=labels, progress=progress, anew=anew)
    except SandboxError as error:
        raise SandboxError(
            f"building the image on {base or DEFAULT_BASE}: {error}: if that image or Debian's packages cannot be "
            f"fetched from here, name any Debian image that the engine has: {BUILD} --base-image IMAGE"
        ) from error


@cache
def _dockerfile() -> bytes:
    return files("sandboxes").joinpath("Dockerfile").read_bytes()
