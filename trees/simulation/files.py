"""Read what somebody hands over as a landscape or a table."""

import stat
from pathlib import Path

from hgm.errors import ConfigError


def content(path: Path, *, what: str, most_bytes: int) -> bytes:
    """Of a regular file, within the limit: a device never ends, and a pipe may never begin.

    Raises:
        ConfigError: it cannot be read, is of another kind, or is too large.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path}: {what} is a regular file, which this is not")
        with path.open("rb") as file:
            found = file.read(most_bytes + 1)
    except OSError as trouble:
        raise ConfigError(f"{path}: cannot be read ({trouble.strerror})") from trouble
    if len(found) > most_bytes:
        raise ConfigError(f"{path}: {what} has at most {most_bytes:,} bytes")
    return found
