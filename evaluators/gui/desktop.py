"""The desktop on which browsers may be watched: the one thing of a user's session that a browser's sandbox then sees.

Stops: whatever else of the session, the network among it: the sandbox gets the display's socket and its cookie alone.
Does not stop: what any X client may do on that display. A browser shares its clipboard: an agent can paste what you
copied, and each episode empties it. A page that broke out of its browser could look at other windows and type into
them. So watch where nothing else is open.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

from hgm.errors import EvaluatorError
from sandboxes.base import Mount
from sandboxes.sockets import own_folder

_SOCKETS = Path("/tmp/.X11-unix")
_COOKIE = "/hgm/display"
_DISPLAY = re.compile(r"(?:unix)?:(\d{1,5})(?:\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class Desktop:
    """One display of this machine."""

    number: int
    cookie: Path | None
    """The file that X clients show."""

    @contextmanager
    def shared(self) -> Iterator[tuple[tuple[Mount, ...], Mapping[str, str]]]:
        """What a sandbox must see of it, and its variables.

        Raises:
            OSError: the cookie cannot be read.
        """
        socket = _SOCKETS / f"X{self.number}"
        mounts, env = [Mount(source=socket, target=str(socket))], {"DISPLAY": f":{self.number}"}
        if self.cookie is None:
            yield tuple(mounts), env
            return
        with own_folder() as folder:
            copy = Path(copyfile(self.cookie, folder / "cookie"))
            copy.chmod(0o644)
            mounts.append(Mount(source=folder, target=_COOKIE))
            yield tuple(mounts), {**env, "XAUTHORITY": f"{_COOKIE}/cookie"}


def desktop(environ: Mapping[str, str] = os.environ) -> Desktop:
    """The desktop of whoever runs this.

    Raises:
        EvaluatorError: there is none on this machine; says what to do.
    """
    named = environ.get("DISPLAY", "")
    if not named:
        raise EvaluatorError("no desktop to show a browser on: DISPLAY is not set (over ssh there is none)")
    found = _DISPLAY.fullmatch(named)
    if found is None:
        raise EvaluatorError(f"DISPLAY={named}: only a display of this machine can be shown on, such as :0")
    if not (_SOCKETS / f"X{found[1]}").is_socket():
        raise EvaluatorError(f"DISPLAY={named}: nobody listens at {_SOCKETS}/X{found[1]}")
    cookie = Path(environ.get("XAUTHORITY") or Path(environ.get("HOME", "/")) / ".Xauthority")
    return Desktop(number=int(found[1]), cookie=cookie if cookie.is_file() else None)
