"""Whether a child only tries harder than its parent, or again: efforts, attempts, limits that rise; lines come back.

Seen from the text alone, by the names of constants, so it says what to look at and proves nothing: a limit that is
taken away altogether, or that a new mechanism brings, is not seen.
"""

import ast
import math
import re
from collections.abc import Iterable, Iterator
from typing import Literal

from hgm.config import SearchConfig, is_builtin
from hgm.leaks import added
from hgm.text import one_line
from sandboxes.base import Files

BACK = "brings back"
_MOST = 5
_RETURNING = 12
"""So many characters that are not white space make a line one that is missed."""
_ABOUT_EFFORT = frozenset({
    "attempt", "attempts", "budget", "calls", "deadline", "effort", "iterations", "limit", "limits", "max", "maximum",
    "repeats", "retries", "retry", "rounds", "samples", "step", "steps", "timeout", "token", "tokens", "tries", "turns",
    "votes",
})  # fmt: skip
_LEVELS = {name: level for level, name in enumerate(("none", "minimal", "low", "medium", "high", "xhigh", "max"))}
_LEVEL_NAMES = ("effort", "reasoning", "thinking")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LINE = re.compile(
    r"""(?<![\w.-])([A-Za-z_][\w.-]{0,60})["']?[ \t]{0,8}[:=][ \t]{0,8}["']?"""
    r"(-?\d[\d_]{0,15}(?:\.\d{1,9})?|[a-z]{1,9})\b"
)
_COUNTED = re.compile(r"\b(\d{1,15})[ \t]{1,8}([a-z]{1,20})\b")
_MOST_PARSED = 200_000
"""Bytes of Python: a syntax tree takes a hundred times as many."""

_Values = dict[str, list[float]]


def rule(config: SearchConfig) -> Literal["note", "charge", "reject"]:
    """What becomes of a child that only tries harder. Nothing is charged to the rule-based program."""
    if config.expansion.more_effort is not None:
        return config.expansion.more_effort
    return "note" if is_builtin(config.backbones.editor) else "charge"


def tries_harder(parent: Files, child: Files, ancestors: Iterable[Files]) -> tuple[str, ...]:
    """What the child raises or brings back, in a few notes for people. `ancestors` are the parent's."""
    notes = [*_raises(parent, child), *_returns(parent, child, ancestors)]
    more = len(notes) - _MOST
    return (*notes[:_MOST], *([f"and {more} more"] if more > 0 else []))


def _raises(parent: Files, child: Files) -> Iterator[str]:
    for path in sorted(parent.keys() & child.keys()):
        if parent[path] == child[path]:
            continue
        before, after = _values(path, parent[path].data, child[path].data)
        for name, now in after.items():
            for was, is_now in _raised(name, before.get(name, []), now):
                yield f"raises {one_line(name, 60)} in {_shown(path)} from {was} to {is_now}"


def _raised(name: str, before: list[float], now: list[float]) -> Iterator[tuple[str, str]]:
    if _says_level(name):
        low = max(before, default=-1.0)
        if max(now) > low and (before or max(now) >= _LEVELS["high"]):
            yield _level(low), _level(max(now))
        return
    pairs = (
        zip(sorted(before), sorted(now), strict=True)
        if len(before) == len(now)
        else [(max(before, default=math.inf), max(now))]
    )
    for was, is_now in pairs:
        if is_now > was:
            yield f"{was:g}", f"{is_now:g}"


def _values(path: bytes, before: bytes, after: bytes) -> tuple[_Values, _Values]:
    if path.endswith(b".py") and max(len(before), len(after)) <= _MOST_PARSED:
        try:
            return _python(before), _python(after)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass  # one of them is no Python: both as text
    return _text(before), _text(after)


def _python(source: bytes) -> _Values:
    found: _Values = {}
    for node in ast.walk(ast.parse(source)):
        for name, value in _named(node):
            _note(found, name, value)
    return found


def _named(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Names that a node gives a value, compares with one or counts up to one."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((_name(target), value) for target in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
            yield _name(target), value
        case ast.keyword(arg=str() as name, value=value):
            yield name, value
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value
        case ast.arguments(args=args, posonlyargs=first, defaults=defaults, kwonlyargs=named, kw_defaults=others):
            ordered = [*first, *args]
            yield from (
                (arg.arg, value) for arg, value in zip(ordered[len(ordered) - len(defaults) :], defaults, strict=True)
            )
            yield from ((arg.arg, value) for arg, value in zip(named, others, strict=True) if value)
        case ast.Compare(left=left, comparators=[right]):
            yield _name(left), right
            yield _name(right), left
        case ast.For(target=target, iter=ast.Call(func=ast.Name(id="range"), args=[*_, last])):
            yield _name(target), last


def _name(target: ast.expr) -> str:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
        case ast.Call(func=func, args=[inner, *_]) if _name(func) == "len":
            return _name(inner)
    return ""


def _note(found: _Values, name: str, value: ast.expr) -> None:
    number = _number(name, value)
    if number is not None and _is_about_effort(name):
        found.setdefault(name, []).append(number)


def _number(name: str, value: ast.expr) -> float | None:
    match value:
        case ast.Constant(value=None) | ast.Attribute(attr="inf" | "maxsize"):
            return math.inf  # no limit at all
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value="inf")]):
            return math.inf
        case ast.Constant(value=str() as level) if _says_level(name):
            return _LEVELS.get(level.lower())
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _finite(number)
        case ast.BinOp(left=left, op=ast.Mult() | ast.Add() as operator, right=right):
            one, other = _number(name, left), _number(name, right)
            if one is None or other is None:
                return None
            return one * other if isinstance(operator, ast.Mult) else one + other
    return None


def _finite(number: float) -> float:
    """Any integer as a float."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _text(data: bytes) -> _Values:
    """Settings in TOML, JSON, YAML and the like, and counts in prose, line by line."""
    found: _Values = {}
    text = data.decode(errors="replace")
    pairs = [(match[1], match[2]) for match in _LINE.finditer(text)]
    pairs += [(match[2], match[1]) for match in _COUNTED.finditer(text)]
    for name, value in pairs:
        level = _LEVELS.get(value) if _says_level(name) else None
        if level is None and not value.lstrip("-")[0].isdigit():
            continue
        number = level if level is not None else float(value)
        if _is_about_effort(name):
            found.setdefault(name, []).append(number)
    return found


def _is_about_effort(name: str) -> bool:
    return any(word.lower() in _ABOUT_EFFORT for word in _WORDS.findall(name)) or _says_level(name)


def _says_level(name: str) -> bool:
    return any(word.lower() in _LEVEL_NAMES for word in _WORDS.findall(name))


def _level(level: float) -> str:
    return next(
        (name for name, number in _LEVELS.items() if number == level), "the default" if level < 0 else f"{level:g}"
    )


def _returns(parent: Files, child: Files, ancestors: Iterable[Files]) -> Iterator[str]:
    """Lines that are new beside the parent and that an ancestor had in the same file."""
    new = {
        path: added(parent[path].data if path in parent else b"", file.data)
        for path, file in sorted(child.items())
        if parent.get(path) != file
    }
    sought = {(path, line.strip()): number for path, lines in new.items() for number, line in lines if _is_missed(line)}
    here = {path: {line.strip() for line in parent[path].data.splitlines()} for path in new if path in parent}
    sought = {key: number for key, number in sought.items() if key[1] not in here.get(key[0], ())}
    for files in ancestors:
        if not sought:
            return
        had = {(path, line.strip()) for path in new if path in files for line in files[path].data.splitlines()}
        for key in [key for key in sought if key in had]:
            yield f"{BACK} line {sought.pop(key)} of {_shown(key[0])}, which an ancestor had"


def _is_missed(line: bytes) -> bool:
    return len(b"".join(line.split())) >= _RETURNING


def _shown(path: bytes) -> str:
    return one_line(path.decode(errors="backslashreplace"), 100)
