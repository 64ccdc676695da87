"""TOML that anybody may have written, and in plain words why it is none."""

import tomllib
from typing import Any


def tables(text: str) -> dict[str, Any]:
    """What it holds.

    Raises:
        ValueError: it is no TOML, is nested too deeply, or holds a number of too many digits; says which.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError as trouble:
        raise ValueError("arrays or tables are nested too deeply") from trouble
    except ValueError as trouble:  # all that tomllib leaves to Python: numbers
        raise ValueError("a number has too many digits") from trouble
