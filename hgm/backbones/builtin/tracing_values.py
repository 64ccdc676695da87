"""Values while following a program in the head: what is small and plain enough, and the known functions and methods."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

MAX_ITEMS = 2000
MAX_BITS = 512
MAX_FLAT = 200
MAX_SAME = 4000
MAX_PLACES = 100


WORK = 12_000
"""What following one call may cost beside its steps: about one for each value that is looked at, copied or compared."""

_left: ContextVar[list[int]] = ContextVar("left")


class Unsupported(Exception):
    """This cannot be followed."""


@contextmanager
def working(most: int = WORK) -> Iterator[None]:
    """Within the block no more work than this is done, whatever a step asks for."""
    token = _left.set([most])
    try:
        yield
    finally:
        _left.reset(token)


def spend(amount: int) -> None:
    """Count work before it is done.

    Raises:
        Unsupported: there has been enough.
    """
    left = _left.get()
    left[0] -= amount
    if left[0] < 0:
        raise Unsupported


def copied(value: Any) -> Any:
    """The value, counted as one that Python itself goes through, which is quick."""
    if isinstance(value, (str, list, tuple, dict, set)):
        spend(len(value) // 8)
    return value


@dataclass(frozen=True)
class Builtin:
    """A function that every program has, or a method of a value."""

    name: str
    holder: Any = None
    method: bool = False


def sized(value: Any) -> Any:
    """The value, if it is of a known kind and small."""
    kind = type(value)
    if kind is int:
        if value.bit_length() > MAX_BITS:
            raise Unsupported
    elif kind in (str, list, tuple, dict, set, range):
        if len(value) > MAX_ITEMS:
            raise Unsupported
    elif value is not None and kind not in (bool, float):
        raise Unsupported
    return value


def flat(value: Any) -> Any:
    """The value, if comparing and hashing it is cheap."""
    spend(1)
    if isinstance(value, (list, tuple)):
        left = [MAX_FLAT]
        _count(value, left)
        spend(MAX_FLAT - left[0])
    elif isinstance(value, (dict, set)) or not isinstance(value, (int, float, str, bool, type(None))):
        raise Unsupported
    return value


def _count(value: Any, left: list[int]) -> None:
    for item in value:
        left[0] -= 1
        if left[0] < 0 or isinstance(item, (dict, set)):
            raise Unsupported
        if isinstance(item, (list, tuple)):
            _count(item, left)


def same(left: Any, right: Any) -> bool:
    """Equality as Python has it, in a bounded number of steps."""
    budget = [MAX_SAME]
    return _same(left, right, budget)


def _same(left: Any, right: Any, budget: list[int]) -> bool:
    budget[0] -= 1
    if budget[0] < 0:
        raise Unsupported
    spend(1)
    if isinstance(left, set) and isinstance(right, set):
        for item in left:
            flat(item)
    if isinstance(left, (list, tuple)) and type(left) is type(right):
        return len(left) == len(right) and all(_same(a, b, budget) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return len(left) == len(right) and all(
            flat(key) in right and _same(value, right[key], budget) for key, value in left.items()
        )
    if isinstance(left, (list, tuple, dict)) or isinstance(right, (list, tuple, dict)):
        return False
    return bool(left == right)


def items(value: Any, *, live: bool = False) -> Iterable[Any]:
    """What a loop over a value sees; sets only where the order does not hang on hashes of strings."""
    if isinstance(value, (str, list, tuple, dict, set)):
        spend(len(value) // 4)
    if isinstance(value, set) and not all(type(item) is int for item in value):
        raise Unsupported
    if isinstance(value, (list, range)):
        return value if live else list(value[: MAX_ITEMS + 1])
    if isinstance(value, (str, tuple, dict, set)):
        return list(value)
    raise TypeError


def plain(value: Any) -> Any:
    """A value as tests show it, tuples as lists."""
    return _plain(value, [MAX_SAME])


def _plain(value: Any, budget: list[int]) -> Any:
    budget[0] -= 1
    if budget[0] < 0 or isinstance(value, (set, range)):
        raise Unsupported
    if isinstance(value, (list, tuple)):
        return [_plain(item, budget) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, budget) for key, item in value.items()}
    if value is not None and not isinstance(value, (int, float, str)):
        raise Unsupported
    return value


def find(name: str) -> Builtin:
    """The function of a name."""
    if name in FUNCTIONS or name in _HIGHER:
        return Builtin(name)
    raise NameError(name)


def call(function: Any, arguments: list[Any], keywords: dict[str, Any], caller: Callable[[Any, list[Any]], Any]) -> Any:
    """Call a known function or method; `caller` calls functions of the program."""
    if not isinstance(function, Builtin):
        raise TypeError
    spend(4)
    for value in (function.holder, *arguments):
        copied(value)
    if function.method:
        return _call_method(function, arguments, keywords, caller)
    if function.name in _HIGHER:
        return sized(_HIGHER[function.name](arguments, keywords, caller))
    if keywords:
        raise Unsupported
    return sized(FUNCTIONS[function.name](*arguments))


def _call_method(
    function: Builtin, arguments: list[Any], keywords: dict[str, Any], caller: Callable[[Any, list[Any]], Any]
) -> Any:
    holder, name = function.holder, function.name
    if name == "sort" and isinstance(holder, list):
        holder[:] = _sorted([holder, *arguments], keywords, caller)
        return None
    known = METHODS.get(type(holder), frozenset())
    if not hasattr(type(holder), name):
        raise AttributeError
    if name not in known or keywords:
        raise Unsupported
    if isinstance(holder, str) and name in ("rjust", "ljust", "center", "zfill", "replace", "join"):
        _bounded(holder, name, arguments)
    elif name not in ("append", "insert", "setdefault", "extend", "update"):
        for argument in arguments:
            flat(argument) if not isinstance(argument, set) else None
    if name in ("remove", "index", "count") and isinstance(holder, list):
        flat(holder)
    if name in ("extend", "update", "union", "intersection", "difference"):
        arguments = [argument if isinstance(argument, (dict, set)) else list(items(argument)) for argument in arguments]
        for argument in arguments if not isinstance(holder, list) else ():
            for item in argument if not isinstance(argument, dict) else ():
                flat(item)
    value = getattr(holder, name)(*arguments)
    sized(holder)
    if type(value) in (type({}.keys()), type({}.values()), type({}.items())):
        value = list(value)
    return value if value is None or isinstance(value, (dict, list)) else sized(value)


def _bounded(holder: str, name: str, arguments: list[Any]) -> None:
    if name == "join":
        parts = list(items(arguments[0])) if len(arguments) == 1 else []
        if not all(isinstance(part, str) for part in parts):
            raise TypeError
        if sum(map(len, parts)) + len(holder) * len(parts) > MAX_ITEMS:
            raise Unsupported
        arguments[0] = parts
    elif name == "replace":
        if len(arguments) != 2 or len(holder) * (len(str(arguments[1])) + 1) > MAX_ITEMS * 4:
            raise Unsupported
    elif not arguments or not isinstance(arguments[0], int) or arguments[0] > MAX_ITEMS:
        raise Unsupported


def _range(*arguments: Any) -> range:
    if not all(isinstance(argument, int) for argument in arguments):
        raise TypeError
    return range(*arguments)


def _int(value: Any = 0) -> int:
    if isinstance(value, str) and len(value) > 100:
        raise Unsupported
    return int(value)


def _round(value: Any, places: Any = None) -> Any:
    if isinstance(places, int) and abs(places) > MAX_PLACES:
        raise Unsupported  # Python would raise 10 to that power first
    return round(value, places)


def _str(value: Any = "") -> str:
    if isinstance(value, (list, tuple, dict, set, range)):
        raise Unsupported
    return str(value)


def _listing(kind: Callable[[Any], Any]) -> Callable[..., Any]:
    def made(value: Any = ()) -> Any:
        found = list(items(value))
        for item in found if kind is not list and kind is not tuple else ():
            flat(item)
        return kind(found)

    return made


def _dict(value: Any = ()) -> dict[Any, Any]:
    pairs = list(value.items()) if isinstance(value, dict) else [tuple(items(pair)) for pair in items(value)]
    return {flat(key): item for key, item in pairs}


def _set(value: Any = ()) -> set[Any]:
    return {flat(item) for item in (value if isinstance(value, set) else items(value))}


def _total(value: Any, start: Any = 0) -> Any:
    numbers = list(value) if isinstance(value, set) else list(items(value))
    if not all(isinstance(number, (int, float)) for number in [*numbers, start]):
        raise TypeError
    return sum(numbers, start)


def _enumerate(value: Any, start: int = 0) -> list[Any]:
    return [(number + start, item) for number, item in enumerate(items(value))]


def _zip(*values: Any) -> list[Any]:
    return list(zip(*(items(value) for value in values), strict=False))


def _isinstance(value: Any, kind: Any) -> bool:
    kinds = {
        "int": int,
        "str": str,
        "list": list,
        "tuple": tuple,
        "dict": dict,
        "float": float,
        "bool": bool,
        "set": set,
    }
    if not isinstance(kind, Builtin) or kind.name not in kinds:
        raise Unsupported
    return isinstance(value, kinds[kind.name])


def _sorted(arguments: list[Any], keywords: dict[str, Any], caller: Callable[[Any, list[Any]], Any]) -> list[Any]:
    (value,) = arguments
    found = list(value) if isinstance(value, set) else list(items(value))
    key, reverse = keywords.get("key"), bool(keywords.get("reverse", False))
    if isinstance(value, set) and key is not None:
        raise Unsupported  # ties would show the order of the set
    keyed = [flat(item if key is None else caller(key, [item])) for item in found]
    order = sorted(range(len(found)), key=lambda place: keyed[place], reverse=reverse)
    return [found[place] for place in order]


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    def chosen(arguments: list[Any], keywords: dict[str, Any], caller: Callable[[Any, list[Any]], Any]) -> Any:
        if len(arguments) == 1:
            found = list(arguments[0]) if isinstance(arguments[0], set) else list(items(arguments[0]))
        else:
            found = list(arguments)
        if not found and "default" in keywords:
            return keywords["default"]
        key = keywords.get("key")
        if isinstance(arguments[0], set) and key is not None:
            raise Unsupported
        keyed = [flat(item if key is None else caller(key, [item])) for item in found]
        return found[choose(range(len(found)), key=lambda place: keyed[place])]

    return chosen


def _map(arguments: list[Any], keywords: dict[str, Any], caller: Callable[[Any, list[Any]], Any]) -> list[Any]:
    function, value = arguments
    return [caller(function, [item]) for item in items(value)]


def _filter(arguments: list[Any], keywords: dict[str, Any], caller: Callable[[Any, list[Any]], Any]) -> list[Any]:
    function, value = arguments
    return [item for item in items(value) if (item if function is None else caller(function, [item]))]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": len, "range": _range, "sum": _total, "abs": abs, "list": _listing(list), "tuple": _listing(tuple),
    "set": _set, "dict": _dict, "str": _str, "int": _int, "float": float, "bool": bool, "enumerate": _enumerate,
    "zip": _zip, "any": lambda value: any(items(value)), "all": lambda value: all(items(value)), "ord": ord, "chr": chr,
    "divmod": divmod, "round": _round, "reversed": lambda value: list(items(value))[::-1], "isinstance": _isinstance,
}  # fmt: skip
_HIGHER = {"sorted": _sorted, "min": _extreme(min), "max": _extreme(max), "map": _map, "filter": _filter}
METHODS: dict[type, frozenset[str]] = {
    list: frozenset(["append", "pop", "extend", "insert", "remove", "reverse", "index", "count", "copy", "clear"]),
    dict: frozenset(["get", "keys", "values", "items", "setdefault", "pop", "update", "copy"]),
    set: frozenset(["add", "discard", "remove", "union", "intersection", "difference", "update", "copy"]),
    str: frozenset(
        {
            "lower",
            "upper",
            "strip",
            "lstrip",
            "rstrip",
            "split",
            "join",
            "replace",
            "startswith",
            "endswith",
            "find",
            "rfind",
            "index",
            "count",
            "isalpha",
            "isdigit",
            "isalnum",
            "isspace",
            "isupper",
            "islower",
            "title",
            "capitalize",
            "swapcase",
            "zfill",
            "ljust",
            "rjust",
            "center",
            "removeprefix",
            "removesuffix",
            "splitlines",
            "partition",
            "rpartition",
        }
    ),
    tuple: frozenset(("index", "count")),
}
