"""Where the pages of MiniWoB++ lie, and which of them are tasks.

The pages come with the package `miniwob`, as files; none of its code is ever imported or run.
"""

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from evaluators.gui.families import FAMILY_OF
from evaluators.gui.handshake import PAGE as HANDSHAKE
from evaluators.layers import GUI_EXTRA
from hgm.errors import EvaluatorError, boundary

INSIDE = "/hgm/pages"
"""Where `pages_folder()` is mounted."""
OWN = "/hgm/own-pages"
"""Where the pages are mounted that the lab brings itself (`evaluators.layers.own_pages`)."""
EXCLUDED = MappingProxyType(
    {
        "button-delay": "it is about waiting, by the clock of a machine that may be busy",
        "chase-circle": "what is right depends on the moment: the circle moves",
        "click-pie": "its menu moves from the start, and click-pie-nodelay is the same without that",
        "form-sequence-2": "its checker ignores which radio button is chosen",
        "hover-shape": "what is right depends on the moment: shapes move, and it counts frames",
        "moving-items": "what is right depends on the moment: circles move",
        "simon-says": "what is to be done is shown in moments that pass",
        "stock-market": "what is right depends on the moment: the price changes by itself",
        "terminal": "it shows today's date, and takes the keyboard at a moment of its own",
    }
)
"""Page -> why it is no task: its checker is wrong, or its seed does not determine it."""
SOUND = tuple(sorted(FAMILY_OF.keys() - EXCLUDED.keys()))


@cache
def pages_folder() -> Path:
    """The installed pages, and the scripts that they load.

    Raises:
        EvaluatorError: the package is not installed.
    """
    try:
        found = metadata.distribution("miniwob")
    except metadata.PackageNotFoundError as error:
        raise EvaluatorError(f"the pages of MiniWoB++ are not installed: {GUI_EXTRA}") from error
    folder = Path(str(found.locate_file("miniwob"))) / "html"
    if not (folder / "miniwob" / "click-test.html").is_file():
        raise EvaluatorError(f"{folder} does not hold the pages of MiniWoB++: {GUI_EXTRA}")
    return folder.resolve()


def address(page: str) -> str:
    """Of a page, inside."""
    return f"file://{OWN}/{page}.html" if page == HANDSHAKE else f"file://{INSIDE}/miniwob/{page}.html"


@cache
def pages_digest() -> str:
    """A hash over all of the pages' files.

    Raises:
        EvaluatorError: they are not installed, or cannot be read.
    """
    folder, digest = pages_folder(), hashlib.sha256()
    with boundary(EvaluatorError, "cannot read the pages of MiniWoB++"):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            data = path.read_bytes()
            digest.update(f"{path.relative_to(folder).as_posix()}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()
