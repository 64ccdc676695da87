"""From a test report and the statement's plain English to weights: which kinds of change, at which lines, are likely.

Weak hints, multiplied: each feature of the failures favours some kinds of the grammar by its share among the failures.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hgm.backbones.builtin.reports import UNKNOWN, Failure, Report
from hgm.backbones.builtin.source import Candidate

MAX_BOOST = 60.0

# ruff: noqa: E501 - a table
FAVOURS: Mapping[str, Mapping[str, float]] = {
    "off by one": {"cmp.strict": 3, "bound": 4, "const.step": 3, "init": 3, "cmp.operand": 3, "ret": 2, "stmt.move": 2},
    "sign": {"arith.op": 2, "arith.swap": 5, "const.sign": 5, "stmt.update": 3, "ret": 3, "call.swap": 3, "init": 2},
    "shorter": {"bound": 3, "cmp.strict": 2.5, "stmt.move": 3, "stmt.insert": 3, "bool": 2, "call.name": 2, "branch": 1.5},
    "longer": {"bound": 3, "cmp.strict": 2.5, "stmt.delete": 2, "stmt.move": 2.5, "bool": 2, "branch.guard": 1.5},
    "lacks last": {"bound": 4, "stmt.move": 4, "stmt.insert": 3, "cmp.strict": 3, "stmt.swap": 2},
    "lacks first": {"bound": 4, "const.step": 3, "init": 3, "stmt.swap": 2},
    "reversed": {"order": 12, "cmp.flip": 5, "call.key": 6, "call.name": 3, "arith.swap": 3, "call.swap": 3, "ret": 3},
    "other order": {"cmp": 2, "call.key": 4, "stmt.swap": 3, "const.sign": 3, "order": 3, "call.swap": 2, "call.name": 2},
    "inverted": {"negate": 3, "const.flip": 4, "cmp": 2.5, "bool": 2.5, "call.name": 2, "ret": 2, "branch": 1.5},
    "none": {"stmt.move": 5, "branch.guard": 2, "ret": 2, "const.flip": 2, "call.name": 1.5},
    "other type": {"arith.op": 2, "call": 3, "const.flip": 2, "const.text": 2, "init": 3, "ret": 2},
    "float": {"arith.op": 5, "call.wrap": 2, "call.unwrap": 2},
    "smaller": {"cmp": 1.5, "call.name": 1.5, "stmt": 1.3, "const.zero": 1.5, "init": 1.5},
    "bigger": {"cmp": 1.5, "call.name": 1.5, "stmt": 1.3, "init": 1.5, "branch.guard": 1.2},
    "empty result": {"init": 2, "cmp.flip": 2, "negate": 2.5, "stmt.move": 2, "stmt.jump": 2, "cmp.eq": 2},
    "empty input": {"branch.guard": 4, "init": 4, "cmp": 1.5, "const": 1.5, "ret": 1.5},
    "few": {"cmp.strict": 3, "bool": 2, "branch": 2, "bound": 1.5, "const.step": 1.5, "cmp.operand": 1.5},
    "all": {"arith": 1.7, "name": 1.5, "call": 1.5, "cmp.flip": 1.5, "stmt": 1.5, "init": 1.3},
    "timed out": {"stmt": 4, "name": 2, "cmp": 2, "bound": 3, "const.step": 2, "branch.kind": 3, "call.drop": 0.5},
    "IndexError": {"bound": 5, "cmp.strict": 4, "const.step": 3, "cmp.operand": 3, "bool": 2, "branch.guard": 2},
    "KeyError": {"call.wrap": 5, "cmp.in": 5, "init": 2, "bool": 2, "negate": 2, "name": 2, "stmt.swap": 2},
    "TypeError": {"call": 3, "init": 4, "const.flip": 4, "name": 2, "ret": 2, "stmt.update": 2, "const.text": 3},
    "NameError": {"name": 8, "stmt.swap": 4, "stmt.move": 3},
    "UnboundLocalError": {"stmt.swap": 5, "stmt.update": 5, "stmt.move": 4, "name": 3},
    "AttributeError": {"call": 6, "init": 3, "name": 3, "const.flip": 3},
    "ZeroDivisionError": {"branch.guard": 5, "init": 4, "const": 3, "arith": 2, "name": 2, "cmp": 2},
    "RecursionError": {"cmp": 4, "bound": 4, "const": 3, "name": 2, "call.swap": 3, "branch.guard": 4, "arith": 2},
    "ValueError": {"branch.guard": 3, "call": 2, "bound": 2, "negate": 2},
    "SyntaxError": {"stmt": 1},
}  # fmt: skip

_WORDS: tuple[tuple[str, str], ...] = (
    (r"at least|or more|no less|no fewer|minimum of|not below", r">="),
    (r"at most|or less|or fewer|no more|not above|up to|inclusive|including", r"<=|\+ 1"),
    (r"strictly (?:greater|larger|more|above|after)|more than|greater than|larger than|exceed|above|after", r"^ ?>$"),
    (r"strictly (?:less|smaller|below|before)|fewer than|less than|smaller than|below|before|exclusive", r"^ ?<$"),
    (r"descending|decreasing|largest first|highest first|newest first|longest first", r"reverse|\[::-1\]|^>=?$"),
    (r"revers|backward|from the end|right to left|last to first", r"reversed|\[::-1\]|-1"),
    (r"maximum|largest|biggest|highest|longest|greatest|latest|most", r"max|^>=?$|-inf"),
    (r"minimum|smallest|lowest|shortest|least|earliest|fewest", r"min|^<=?$|\"inf"),
    (r"\bsum\b|total|add", r"sum|\+=?"),
    (r"product|multipl|times", r"\*=?"),
    (r"difference|subtract|minus|distance|away", r"^-=?$|abs"),
    (r"remainder|divisible|multiple of|even|odd|wrap|cycl|parity", r"%"),
    (r"average|mean|half|ratio", r"^/$|/"),
    (r"whole|integer division|rounded down|floor|halv", r"//|floor"),
    (r"unique|distinct|duplicate|once", r"set|not in"),
    (r"both|and also|as well as", r"\band\b"),
    (r"either|one of|any of|\bor\b", r"\bor\b|any"),
    (r"every|each of|all of", r"all"),
    (r"unless|without|except|ignor|skip|not ", r"not|!=|continue"),
    (r"last", r"rfind|rindex|-1|pop\(\)|<=$|>=$"),
    (r"first", r"\bfind|\[0\]|pop\(0\)|^<$|^>$"),
    (r"empty", r"if not"),
    (r"case", r"lower|upper"),
    (r"negative", r"< 0|-"),
)
_HINTS = tuple((re.compile(words), text) for words, text in _WORDS)


@dataclass(frozen=True)
class Weights:
    """How much more likely kinds, lines and texts are than by their priors."""

    kinds: Mapping[str, float] = field(default_factory=dict)
    """Kind or family -> factor."""
    lines: Mapping[int, float] = field(default_factory=dict)
    hint: re.Pattern[str] | None = None
    """What the statement's words suggest to find in the new text."""
    focus: float = 1.0
    """Exponent on kinds and lines."""
    care: float = 1.0
    """Exponent on hints."""

    def of_kind(self, kind: str) -> float:
        """How much more likely a kind is."""
        factor = self.kinds.get(kind, 1.0) * self.kinds.get(kind.partition(".")[0], 1.0)
        return float(min(factor, MAX_BOOST) ** self.focus)

    def of_place(self, candidate: Candidate) -> float:
        """How much more likely a line and a text are."""
        factor = self.lines.get(candidate.line, 0.6) ** self.focus if self.lines else 1.0
        if self.hint is not None and self.hint.search(candidate.text):
            factor *= 2.2**self.care
        return float(factor)


def weigh(report: Report | None, statement: str, file: str, *, focus: float = 1.0, care: float = 1.0) -> Weights:
    """Weights from the latest report (None: no localisation) and the statement."""
    text = statement.lower()
    found = "|".join(f"(?:{pattern})" for words, pattern in _HINTS if words.search(text))
    hint = re.compile(found) if found else None  # `re` keeps the few hundred that it has seen
    if report is None or not report.failures:
        return Weights(hint=hint, care=care)
    features: dict[str, float] = {}
    for failure in report.failures:
        for name in set(_features(failure)):
            features[name] = features.get(name, 0.0) + 1.0 / len(report.failures)
    if report.total:
        features["few" if report.red * 3 <= report.total else "all" if report.red == report.total else ""] = 1.0
    kinds: dict[str, float] = {}
    for name, share in features.items():
        for kind, factor in FAVOURS.get(name, {}).items():
            kinds[kind] = kinds.get(kind, 1.0) * factor**share
    return Weights(kinds, _lines(report, file), hint, focus, care)


def _lines(report: Report, file: str) -> dict[int, float]:
    """Lines of tracebacks and their neighbours."""
    found: dict[int, float] = {}
    name = file.rpartition("/")[2]
    for failure in report.failures:
        here = [line for place, line in failure.places if place == name]
        for line in here[-2:]:
            for near, factor in ((0, 5.0), (-1, 2.0), (1, 1.5), (-2, 1.3)):
                found[line + near] = max(found.get(line + near, 1.0), factor)
    return found


def _features(failure: Failure) -> list[str]:
    if failure.timed_out:
        return ["timed out"]
    if failure.raised:
        return [failure.raised, *_input(failure)]
    if failure.got is UNKNOWN or failure.expected is UNKNOWN:
        return _input(failure)
    return [*_difference(failure.expected, failure.got), *_input(failure)]


def _input(failure: Failure) -> list[str]:
    return ["empty input"] if re.search(r"\((?:\[\]|''|\"\"|\{\}|0)[,)]|, (?:\[\]|''|0)\)", failure.call) else []


def _difference(expected: Any, got: Any) -> list[str]:
    if got is None:
        return ["none"]
    if isinstance(expected, bool) and isinstance(got, bool):
        return ["inverted"]
    if _number(expected) and _number(got):
        return _numeric(expected, got)
    if type(expected) is not type(got):
        return ["other type"]
    if isinstance(expected, (list, str, tuple)):
        return _sequence(expected, got)
    if isinstance(expected, dict):
        values = [_difference(expected[key], got[key]) for key in expected if key in got and expected[key] != got[key]]
        return values[0] if values else ["shorter" if len(got) < len(expected) else "longer"]
    return []


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _numeric(expected: float, got: float) -> list[str]:
    found = ["float"] if isinstance(got, float) != isinstance(expected, float) else []
    if abs(expected - got) == 1:
        found.append("off by one")
    if expected == -got:
        found.append("sign")
    if got == 0:
        found.append("empty result")
    return [*found, "smaller" if got < expected else "bigger"]


def _sequence(expected: Any, got: Any) -> list[str]:
    found = []
    if len(got) != len(expected):
        found.append("shorter" if len(got) < len(expected) else "longer")
        if not got:
            found.append("empty result")
        if (got and got == expected[: len(got)]) or (expected and expected == got[: len(expected)]):
            found.append("lacks last")
        elif (got and got == expected[-len(got) :]) or (expected and expected == got[-len(expected) :]):
            found.append("lacks first")
        return found
    if got == expected[::-1]:
        return ["reversed"]
    if sorted(map(repr, got)) == sorted(map(repr, expected)):
        return ["other order"]
    pairs = [(e, g) for e, g in zip(expected, got, strict=True) if e != g]
    return _difference(*pairs[0])[:3] if pairs and not isinstance(expected, str) else []


def mentioned(statement: str) -> tuple[int | str, ...]:
    """Small whole numbers and short quoted texts in the statement."""
    numbers = [int(number) for number in re.findall(r"(?<![\w.])(\d{1,4})(?![\w.]\w)", statement[:4000])]
    texts = re.findall(r"(?<!\w)[\"']([^\"'`\n]{1,8})[\"']", statement[:4000])
    return (*dict.fromkeys(numbers[:6]), *dict.fromkeys(texts[:8]))
