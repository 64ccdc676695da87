"""The formats of `hgm tree export`."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hgm.document import tree_document
from hgm.errors import ConfigError
from hgm.viewing import viewer_page
from trees.export.graphs import dot, graphml
from trees.export.json import text_of
from trees.export.svg import svg
from trees.export.table import table

_WRITERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "json": text_of,
    "graphml": graphml,
    "dot": dot,
    "svg": svg,
    "csv": table,
}
_FORMATS = ("html", *_WRITERS)


def chosen_format(named: str, output: Path | None) -> str:
    """The format that was asked for, or that the file's name says.

    Raises:
        ConfigError: there is no such format.
    """
    kind = named or (output.suffix.removeprefix(".").lower() if output else "") or "json"
    if kind not in _FORMATS:
        said = f"--format {named}" if named else f"-o {output}"
        raise ConfigError(f"{said}: there are {', '.join(_FORMATS)}: choose one by --format")
    return kind


def text_in(kind: str, paths: Sequence[Path]) -> Iterator[str]:
    """The first of these runs in a format, in pieces; html takes all of them.

    Raises:
        RunError: there is no such run.
    """
    if kind == "html":
        yield from viewer_page(paths)
    else:
        yield _WRITERS[kind](tree_document(paths[0]))


def write(pieces: Iterable[str], file: Path) -> None:
    """Write a file, whole or not at all; to what is no file, such as a pipe, piece by piece.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        if file.exists() and not file.is_file():
            with file.open("w", encoding="utf-8") as stream:
                stream.writelines(pieces)
            return
        file = file.resolve()
        with tempfile.NamedTemporaryFile("w", dir=file.parent, encoding="utf-8", delete=False) as draft:
            try:
                draft.writelines(pieces)
                draft.close()
                os.chmod(draft.name, 0o666 & ~_umask())
                os.replace(draft.name, file)
            except BaseException:
                os.unlink(draft.name)
                raise
    except OSError as error:
        raise ConfigError(f"-o {file}: cannot be written ({error.strerror}): name another file") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
