"""TOML that anybody may have written, and in plain words why it is none."""

import tomllib
from typing import Any

DEEPEST = 250
"""Tables and arrays in each other: a dotted key is one for each dot, and what reads them may recurse."""
_TOO_DEEP = "arrays or tables are nested too deeply"


def tables(text: str) -> dict[str, Any]:
    """What it holds.

    Raises:
        ValueError: it is no TOML, is nested too deeply, or holds a number of too many digits; says which.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError as trouble:
        raise ValueError(_TOO_DEEP) from trouble
    except ValueError as trouble:  # all that tomllib leaves to Python: numbers
        raise ValueError("a number has too many digits") from trouble
    _check_depth(found)
    return found


def _check_depth(found: dict[str, Any]) -> None:
    level: list[Any] = [found]
    for _ in range(DEEPEST):
        tables = (value.values() if isinstance(value, dict) else value for value in level)
        level = [inner for values in tables for inner in values if isinstance(inner, dict | list)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)
