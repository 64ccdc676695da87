"""JSON objects as one fixed text: sorted keys, no spaces, ASCII only, so that lone surrogates and controls survive."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from pydantic_core import from_json


def dump_object(value: Mapping[str, Any]) -> str:
    """The text of an object; equal objects have equal texts. Tuples become lists.

    Raises:
        ValueError: a NaN, an infinity, a key that is not a string, or a value that is not JSON.
    """
    _require_string_keys(value)
    try:
        text = json.dumps(dict(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return text


def load_object(text: str) -> dict[str, Any]:
    """The object that `dump_object` wrote.

    Raises:
        ValueError: the text is not JSON, or no object.
    """
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError:  # of a lone surrogate, too, which is a journal's own
        value = json.loads(text, parse_constant=_refuse)
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object was expected, not {text[:40]!r}")
    return value


def load_list(text: bytes) -> list[Any]:
    """The list that SQLite wrote as JSON, where half a surrogate pair is what UTF-8 would make of it.

    Raises:
        ValueError: the text is not JSON, or no list.
    """
    try:
        value = from_json(text)
    except ValueError:  # of half a surrogate pair, too
        value = json.loads(text.decode("utf-8", "surrogatepass"))
    if not isinstance(value, list):
        raise ValueError(f"a JSON array was expected, not {text[:40]!r}")
    return value


def _require_string_keys(value: object) -> None:
    # json would turn 1 and None into "1" and "null", and what is read back would be another object.
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, Mapping):
            for key in item:
                if not isinstance(key, str):
                    raise ValueError(f"the key {key!r} is not a string")
            todo.extend(item.values())
        elif isinstance(item, list | tuple):
            todo.extend(item)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
