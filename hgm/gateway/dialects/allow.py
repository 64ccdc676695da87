"""Small checks that together say what may pass: each returns the value to pass on, built afresh, or refuses it."""

import re
from collections.abc import Callable, Container, Mapping
from typing import TypeAlias

from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings

LONGEST_NAME = 64
MOST_NAMES = 64
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.:|/+=-]{0,256}")
"""What the ids of providers and of servers that copy them are made of."""


class Reading:
    """One request being read: its limits, and the names of the fields left out so far."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.images = 0
        self.image_tokens = 0
        """What they may cost beyond a token for each of their bytes."""
        self._dropped: set[str] = set()

    def count_image(self, where: str) -> None:
        """Note one more image.

        Raises:
            Refusal: it is one too many.
        """
        self.images += 1
        if self.images > self.settings.max_images:
            message = f"more than {self.settings.max_images} images"
            raise Refusal(400, message, code="too_many_images", param=where)

    def drop(self, where: str, name: str) -> None:
        """Note that a field stays behind. Its name is the agent's: short, printable, and not too many of them."""
        if len(self._dropped) < MOST_NAMES:
            self._dropped.add(where + ascii(name)[1:-1][:LONGEST_NAME])

    @property
    def dropped(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._dropped))


Check: TypeAlias = Callable[[Json, str, Reading], Json]
"""(value, where it is, the reading) -> the value to pass on. Raises `Refusal`."""


def wrong(where: str, expected: str) -> Refusal:
    """The refusal for a value that is not what the wire format says."""
    return Refusal(400, f"{where} must be {expected}", code="invalid_value", param=where)


def text(value: Json, where: str, _: Reading) -> str:
    """A string."""
    if not isinstance(value, str):
        raise wrong(where, "a string")
    return value


def boolean(value: Json, where: str, _: Reading) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise wrong(where, "a boolean")
    return value


def identifier(value: Json, where: str, _: Reading) -> str:
    """The id of a call or an item. No words: providers quote it in their errors, which the host reads."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise wrong(where, "an id: at most 256 letters, digits and _ . : | / + = -")
    return value


def json_object(value: Json, where: str, _: Reading) -> dict[str, Json]:
    """Any object."""
    if not isinstance(value, dict):
        raise wrong(where, "an object")
    return value


def json_schema(value: Json, where: str, _: Reading) -> dict[str, Json]:
    """A JSON schema that refers to nothing outside itself: some servers would go and fetch it."""
    if not isinstance(value, dict):
        raise wrong(where, "an object")
    left: list[Json] = [value]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            for key in ("$ref", "$dynamicRef"):
                if isinstance(node.get(key), str) and not node[key].startswith("#"):
                    raise Refusal(400, f"{where}: remote $ref", code="not_allowed", param=where)
            left += node.values()
        elif isinstance(node, list):
            left += node
    return value


def never(instead: str) -> Check:
    """Nothing passes."""

    def check(_: Json, where: str, __: Reading) -> Json:
        raise Refusal(400, f"{where} does not pass here: {instead}", code="not_allowed", param=where)

    return check


def refuse_fields(body: Mapping[str, Json], refused: Mapping[str, str]) -> None:
    """Turn a request away that has one of these fields, with the words that stand beside it.

    Raises:
        Refusal: it has.
    """
    for name, instead in refused.items():
        if body.get(name):
            raise Refusal(400, f"{name} does not pass here: {instead}", code="not_allowed", param=name)


def short_text(limit: int) -> Check:
    """A string of at most `limit` characters."""

    def check(value: Json, where: str, _: Reading) -> str:
        if not isinstance(value, str) or len(value) > limit:
            raise wrong(where, f"a string of at most {limit} characters")
        return value

    return check


def one_of(*choices: str) -> Check:
    """One of these strings."""

    def check(value: Json, where: str, _: Reading) -> str:
        if not isinstance(value, str) or value not in choices:
            raise wrong(where, "one of " + ", ".join(choices))
        return value

    return check


def either(first: type, check_first: Check, check_other: Check) -> Check:
    """`check_first` for a value of type `first`, else `check_other`."""

    def check(value: Json, where: str, reading: Reading) -> Json:
        return (check_first if isinstance(value, first) else check_other)(value, where, reading)

    return check


def many(item: Check, *, at_most: int, at_least: int = 0) -> Check:
    """A list of such items."""

    def check(value: Json, where: str, reading: Reading) -> list[Json]:
        if not isinstance(value, list) or not at_least <= len(value) <= at_most:
            raise wrong(where, f"a list of {at_least} to {at_most} entries")
        return [item(entry, where + "[]", reading) for entry in value]

    return check


def fields(required: Mapping[str, Check], optional: Mapping[str, Check], *, nullable: Container[str] = ()) -> Check:
    """An object: these fields pass, others are dropped and noted. An optional null is an absence unless nullable."""

    def check(value: Json, where: str, reading: Reading) -> dict[str, Json]:
        if not isinstance(value, dict):
            raise wrong(where, "an object")
        if missing := [name for name in required if name not in value]:
            raise wrong(f"{where}.{missing[0]}", "present")
        known = {**required, **optional}
        passed: dict[str, Json] = {}
        for name, content in value.items():
            if content is None and name not in required:
                if name in nullable:
                    passed[name] = None
            elif name in known:
                passed[name] = known[name](content, f"{where}.{name}", reading)
            else:
                reading.drop(where + ".", name)
        return passed

    return check


def by_kind(key: str, kinds: Mapping[str, Check], *, otherwise: str) -> Check:
    """An object whose `key` says which check it must pass; any other kind is refused with the words of `otherwise`."""

    def check(value: Json, where: str, reading: Reading) -> Json:
        kind = value.get(key) if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in kinds:
            message = f"{where}.{key} {ascii(kind)[:LONGEST_NAME]} does not pass here: {otherwise}"
            raise Refusal(400, message, code="not_allowed", param=where)
        return kinds[kind](value, where, reading)

    return check
