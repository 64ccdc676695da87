"""JSON from a stranger: size, depth and number of values are known before anything is built from it."""

import json
import re
from itertools import accumulate
from math import isfinite

from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings

# Matches an unterminated string too: otherwise every quote in it would start another search to the end.
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{},"))
MARKS_PER_VALUE = 4
"""A value is at most a key and a string."""
STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1, ord(","): 0}


def parse(body: bytes, settings: Settings, *, what: str = "the request body") -> Json:
    """The JSON value in `body`.

    Raises:
        Refusal: it is none, or goes beyond a limit; `what` it was begins the message.
    """
    if _strings(body) > MARKS_PER_VALUE * settings.max_json_values:
        raise Refusal(400, f"{what} holds too many strings", code="too_many_values")
    structure = STRING.sub(b"", body).translate(None, NOT_STRUCTURE)
    if len(structure) > settings.max_json_values:
        raise Refusal(400, f"{what} holds too many JSON values", code="too_many_values")
    if max(accumulate(map(STEPS.__getitem__, structure)), default=0) > settings.max_json_depth:
        raise Refusal(400, f"{what} nests deeper than {settings.max_json_depth} levels", code="too_deep")
    try:
        # Decoded here: left to itself, `json` would also take UTF-16, whose structure was not seen above.
        return load(body.decode())
    except (ValueError, RecursionError):
        raise Refusal(400, f"{what} is not JSON", code="invalid_json") from None


def parse_object(body: bytes, settings: Settings) -> dict[str, Json]:
    """The JSON object in `body`.

    Raises:
        Refusal: it is none, or goes beyond a limit.
    """
    value = parse(body, settings)
    if not isinstance(value, dict):
        raise Refusal(400, "the request body must be a JSON object", code="invalid_json")
    return value


def with_text(value: Json, old: str, new: str) -> Json:
    """The value with `new` for `old` in every string and name, however the JSON had spelled them."""
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, list):
        return [with_text(item, old, new) for item in value]
    if isinstance(value, dict):
        return {name.replace(old, new): with_text(item, old, new) for name, item in value.items()}
    return value


def _strings(body: bytes) -> int:
    """Quotes that may begin or end a string: no fewer than there are strings, as `STRING` sees them.

    Three searches for fixed text, where taking out millions of strings would keep every other lease waiting.
    """
    even = body.replace(b"\\\\", b"")
    return even.count(b'"') - even.count(b'\\"')


def load(text: str | bytes) -> Json:
    """The JSON value in `text`, with finite numbers only.

    Raises:
        ValueError, RecursionError: it is none, or nested too deeply.
    """
    return json.loads(text, parse_constant=_no_constant, parse_float=_finite)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    """What `json` would call infinite goes out as `Infinity`, which no provider reads."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text[:20]} is too large")
    return number
