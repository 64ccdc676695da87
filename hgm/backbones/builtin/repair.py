"""One small edit to a file that is in sight: candidates of the grammar, weighed by what is known, one drawn."""

from random import Random

from hgm.backbones.builtin import mutations, smells, statements, symptoms
from hgm.backbones.builtin.conversation import Sheet
from hgm.backbones.builtin.reports import Report
from hgm.backbones.builtin.source import Candidate, Source, parse, parses, unique
from hgm.backbones.builtin.toolbox import Edit

MAX_CANDIDATES = 4000
ATTEMPTS = 12
SHARING = 0.85
"""1: a kind is as likely in a program with many places for it as in one with few; 0: each place counts."""
SHARPNESS = 1.2
"""How firmly the likelier is preferred."""


def propose(
    path: str,
    sheet: Sheet,
    report: Report | None,
    rng: Random,
    *,
    statement: str,
    tried: list[Edit],
    focus: float = 1.0,
    care: float = 1.0,
) -> Edit | None:
    """An edit that parses, is unique in what is known of the file and is not in `tried`; None if there is none."""
    weights = symptoms.weigh(report, statement, path, focus=focus, care=care)
    pool, chances = list[tuple[Source, Candidate]](), list[float]()
    for part in sheet.parts:
        if source := parse(part):
            found = candidates(source, statement)[: MAX_CANDIDATES - len(pool)]
            pool += [(source, candidate) for candidate in found]
            chances += likelihoods(source, found, weights)
    past = {core(edit.old, edit.new) for edit in tried if edit.path == path}
    for _ in range(ATTEMPTS):
        if not sum(chances):
            return None
        place = rng.choices(range(len(pool)), chances)[0]
        chances[place] = 0.0
        source, candidate = pool[place]
        texts = unique(sheet.parts, source.text, candidate)
        if texts is None or texts[0] == texts[1] or core(*texts) in past:
            continue
        if parses(source.text[: candidate.start] + candidate.text + source.text[candidate.end :]):
            return Edit(path, *texts)
    return None


def candidates(source: Source, statement: str) -> list[Candidate]:
    """Every change that the grammar knows for a source."""
    names = statements.scopes(source)
    return mutations.expressions(source, names, symptoms.numbers(statement)) + statements.statements(source)


def likelihoods(source: Source, found: list[Candidate], weights: symptoms.Weights) -> list[float]:
    """How likely each candidate is the repair: its kind's prior shared among all of the kind, smells, symptoms."""
    counts: dict[str, int] = {}
    for candidate in found:
        counts[candidate.kind] = counts.get(candidate.kind, 0) + 1
    priors = {kind: mutations.PRIORS[kind] / count**SHARING for kind, count in counts.items()}
    odd = smells.smells(source)
    return [
        (priors[candidate.kind] * smells.factor(odd, candidate) * weights.of(candidate)) ** SHARPNESS
        for candidate in found
    ]


def core(old: str, new: str) -> tuple[str, str]:
    """What an edit changes, without the equal lines around it."""
    before, after = old.split("\n"), new.split("\n")
    while before and after and before[0] == after[0]:
        del before[0], after[0]
    while before and after and before[-1] == after[-1]:
        del before[-1], after[-1]
    return "\n".join(before), "\n".join(after)
