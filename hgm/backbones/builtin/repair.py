"""One small edit to a file that is in sight: candidates of the grammar, weighed by what is known, one drawn."""

import ast
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from hgm.backbones.builtin import mutations, smells, statements, symptoms
from hgm.backbones.builtin.conversation import Sheet
from hgm.backbones.builtin.reports import UNKNOWN, Failure, Report
from hgm.backbones.builtin.source import Candidate, Source, parse, tree_after, unique
from hgm.backbones.builtin.toolbox import Edit
from hgm.backbones.builtin.tracing import follow

MAX_CANDIDATES = 4000
ATTEMPTS = 12
SHARING = 0.85
"""1: a kind is as likely in a program with many places for it as in one with few; 0: each place counts."""
SHARPNESS = 1.2
"""How firmly the likelier is preferred."""
NOT_PASSED = 0.08
"""For lines that the failing case does not reach."""
STEPS = 1500
"""How far a case is followed."""


@dataclass(frozen=True)
class Cases:
    """Failing cases that can be followed in the head, short ones first."""

    failures: tuple[Failure, ...]
    lines: frozenset[int]
    """What the first one passes."""

    def mended(self, tree: ast.Module) -> bool:
        """Whether all of them give what is expected."""
        return all(_gives(tree, failure) for failure in self.failures)


def follow_cases(source: Source, report: Report, most: int) -> Cases | None:
    """The failing cases for which following the source gives what the report says."""
    known = [failure for failure in report.failures if failure.expected is not UNKNOWN]
    found, lines = list[Failure](), frozenset[int]()
    for failure in sorted(known, key=lambda failure: len(failure.call))[: most + 1]:
        trace = follow(source.tree, failure.call, STEPS)
        if trace is None or len(found) >= most:
            continue
        agrees = (trace.timed_out, trace.raised) == (failure.timed_out, failure.raised.replace("UnboundLocal", "Name"))
        if agrees and (trace.raised or trace.timed_out or trace.value == failure.got):
            found.append(failure)
            lines = lines or trace.lines
    return Cases(tuple(found), lines) if found else None


def _gives(tree: ast.Module, failure: Failure) -> bool:
    trace = follow(tree, failure.call, STEPS)
    if trace is None or trace.raised or trace.timed_out:
        return False
    return type(trace.value) is type(failure.expected) and bool(trace.value == failure.expected)


@dataclass(frozen=True)
class Mind:
    """How well the model thinks this time."""

    focus: float = 1.0
    """Exponent on what a report suggests."""
    care: float = 1.0
    """Exponent on what the statement suggests."""
    imagined: int = 150
    """How many candidates it follows in its head before it settles for one."""
    cases: int = 3
    """On how many failing cases."""


def propose(
    path: str, sheet: Sheet, report: Report | None, rng: Random, *, statement: str, tried: list[Edit], mind: Mind
) -> Edit | None:
    """An edit that parses, is unique in what is known of the file and is not in `tried`; None if there is none."""
    weights = symptoms.weigh(report, statement, path, focus=mind.focus, care=mind.care)
    pool, chances = list[tuple[Source, Candidate]](), list[float]()
    cases: dict[int, Cases] = {}
    for part in sheet.parts:
        if study := look_at(part, symptoms.mentioned(statement)):
            source = study.source
            pool += [(source, candidate) for candidate in study.candidates]
            followed = follow_cases(source, report, mind.cases) if report and mind.imagined else None
            if followed:
                cases[id(source)] = followed
            chances += likelihoods(study, weights, followed.lines if followed else _named(source, statement))
    past = {core(edit.old, edit.new) for edit in tried if edit.path == path}
    first: Edit | None = None
    imagined = 0
    for _ in range(ATTEMPTS + mind.imagined):
        if imagined >= mind.imagined or not sum(chances):
            break
        place = rng.choices(range(len(pool)), chances)[0]
        chances[place] = 0.0
        source, candidate = pool[place]
        texts = unique(sheet.parts, source.text, candidate)
        if texts is None or texts[0] == texts[1] or core(*texts) in past:
            continue
        tree = tree_after(source, candidate)
        if tree is None:
            continue
        edit = Edit(path, *texts)
        first = first or edit
        followed = cases.get(id(source))
        if followed is None:
            break
        imagined += 1
        if followed.mended(tree):
            return edit
    return first


@dataclass(frozen=True)
class Study:
    """All that can be said about a text before any test is run."""

    source: Source
    candidates: tuple[Candidate, ...]
    priors: tuple[float, ...]
    """Of each candidate: its kind's prior shared among all of the kind, times what smells."""


@lru_cache(maxsize=64)
def look_at(text: str, mentioned: tuple[int | str, ...]) -> Study | None:
    """Every change that the grammar knows for a text. The same text is asked about again and again, hence the cache."""
    source = parse(text)
    if source is None:
        return None
    names = statements.scopes(source)
    found = mutations.expressions(source, names, mentioned) + statements.statements(source)
    found = found[:MAX_CANDIDATES]
    counts = Counter(candidate.kind for candidate in found)
    odd = smells.smells(source)
    priors = [
        mutations.PRIORS[candidate.kind] / counts[candidate.kind] ** SHARING * smells.factor(odd, candidate)
        for candidate in found
    ]
    return Study(source, tuple(found), tuple(priors))


def likelihoods(study: Study, weights: symptoms.Weights, passed: frozenset[int]) -> list[float]:
    """How likely each candidate is the repair, given tests, statement and the lines that a failing case passes."""
    kinds = {kind: weights.of_kind(kind) for kind in mutations.PRIORS}
    return [
        (
            prior
            * kinds[candidate.kind]
            * weights.of_place(candidate)
            * (1.0 if not passed or candidate.line in passed else NOT_PASSED)
        )
        ** SHARPNESS
        for candidate, prior in zip(study.candidates, study.priors, strict=True)
    ]


def _named(source: Source, statement: str) -> frozenset[int]:
    """The lines of the functions that the statement names; empty if it names none."""
    functions = [
        node for node in source.tree.body if isinstance(node, ast.FunctionDef) and f"`{node.name}" in statement
    ]
    return frozenset(line for node in functions for line in range(node.lineno, (node.end_lineno or node.lineno) + 1))


def core(old: str, new: str) -> tuple[str, str]:
    """What an edit changes, without the equal lines around it."""
    before, after = old.split("\n"), new.split("\n")
    while before and after and before[0] == after[0]:
        del before[0], after[0]
    while before and after and before[-1] == after[-1]:
        del before[-1], after[-1]
    return "\n".join(before), "\n".join(after)
