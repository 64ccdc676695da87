"""The placebo's edit: a child that differs by one comment, so that what it "gains" is chance and selection."""

from hgm.contract import Manifest, may_change
from hgm.contract_check import LARGEST
from hgm.errors import ConfigError
from hgm.gates import is_code, shown
from sandboxes.base import File, Files

_LINK = "120000"


def commented(files: Files, manifest: Manifest, *, number: int) -> Files:
    """The same agent with a numbered comment at the end of one of its Python files.

    Raises:
        ConfigError: see `place`.
    """
    path = place(files, manifest)
    comment = f"# placebo {number}\n".encode()
    return {**files, path: File(files[path].data.rstrip(b"\n") + b"\n" + comment, files[path].mode)}


def place(files: Files, manifest: Manifest) -> bytes:
    """The file that gets the comment: the first one in Python whose change no gate would refuse.

    Raises:
        ConfigError: the agent has none.
    """
    for path, file in sorted(files.items()):
        if not path.endswith(b".py") or file.mode == _LINK or len(file.data) > LARGEST // 2:
            continue
        if is_code(shown(path)) and may_change(manifest, shown(path)):
            return path
    raise ConfigError(
        "--editor placebo puts a comment into a Python file, and this agent has none that a child may change and that "
        "is no test: see `editable` and `frozen` in its agent.toml, or choose another editor"
    )
