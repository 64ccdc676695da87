"""Which evidence an expansion gets, as a pure function of the run's state: drawn by weight, and only what there is."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from evaluators.base import Split
from hgm.config import SearchConfig, is_builtin
from hgm.jobs import Exhibit, Finding, Mode, derive_seed
from hgm.state import Evaluation, RunState
from trees.records import Outcome

MIXED: Mapping[Mode, float] = {
    Mode.FILESYSTEM: 0.5,
    Mode.CROSS_LINEAGE: 0.15,
    Mode.REACTION_NORM: 0.2,
    Mode.SINGLE: 0.1,
    Mode.GENERIC: 0.05,
}
"""For language models: published ablations find raw records far better evidence than summaries of them."""
FEW = 3
"""Trajectories in one prompt."""
MANY = 24
"""Evaluations of one agent that a folder or a count takes in."""
ANCESTORS = 8
OTHERS = 16
"""Agents in a folder of evidence."""
SYMPTOMS = ("unchanged", "deadline", "out-of-memory", "crashed")
"""Causes that point at the way an agent works rather than at a task."""
NEEDS = {
    Mode.FILESYSTEM: "an evaluation of the agent or of an ancestor",
    Mode.CROSS_LINEAGE: "a task that this agent failed and another lineage solved",
    Mode.REACTION_NORM: "two trajectories of one agent",
    Mode.SINGLE: "an evaluation of the agent or of an ancestor",
}
"""What a mode cannot do without; `generic` needs nothing."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The evidence of one expansion."""

    mode: Mode
    instead_of: Mode | None = None
    evidence: tuple[str, ...] = ()
    lineage: tuple[Exhibit, ...] = ()
    others: tuple[Exhibit, ...] = ()


def choose(state: RunState, node: int) -> Choice:
    """The mode and evidence of the next expansion, if it is of this node; drawn by (run seed, decision).

    Where the mode that is drawn has no evidence, the next one in the order of `Mode` that has some.
    """
    weights = weights_of(state.config)
    modes = [mode for mode in Mode if weights.get(mode)]
    rng = random.Random(derive_seed(state.config.seed, "mode", state.jobs))
    (drawn,) = rng.choices(modes, [weights[mode] for mode in modes])
    order = list(Mode)
    found = (_BUILDERS[mode](state, node) for mode in order[order.index(drawn) :])
    choice = next(choice for choice in found if choice is not None)
    return choice if choice.mode is drawn else replace(choice, instead_of=drawn)


def weights_of(config: SearchConfig) -> Mapping[Mode, float]:
    """Mode -> weight. The rule-based program keeps the one whose results are published, and reads no folder.

    Where a language model edits and the program diagnoses, the editor looks for itself.
    """
    if config.expansion.modes is not None:
        return config.expansion.modes
    match is_builtin(config.backbones.editor), is_builtin(config.backbones.diagnosis):
        case True, True:
            return {Mode.REACTION_NORM: 1.0}
        case True, False:
            return {mode: weight for mode, weight in MIXED.items() if mode is not Mode.FILESYSTEM}
        case False, True:
            return {Mode.FILESYSTEM: 1.0}
        case _:
            return MIXED


def _filesystem(state: RunState, node: int) -> Choice | None:
    seen = _evaluated(state, node)
    if not seen:
        return None
    return Choice(
        mode=Mode.FILESYSTEM,
        evidence=tuple(item.job for item in seen[-MANY:]),
        lineage=_records(state, node),
        others=tuple(_exhibit(state, at, with_records=False) for at in _most_evaluated(state, node)),
    )


def _cross_lineage(state: RunState, node: int) -> Choice | None:
    strangers = {other.id for other in state.nodes if not _related(state, other.id, node)}
    solved = {
        item.task: item.node
        for item in state.evaluations
        if item.split is Split.SEARCH and item.outcome is Outcome.PASSED and item.node in strangers
    }
    failed = [item for item in _evaluated(state, node) if item.outcome is Outcome.FAILED and item.task in solved]
    if not failed:
        return None
    item = _rng(state).choice(failed)
    other = solved[item.task]
    exhibit = Exhibit(
        node=other,
        commit=state.nodes[other].commit,
        base=state.nodes[_common_ancestor(state, node, other)].commit,
        findings=(Finding(task=state.task_number(item.task), outcome=Outcome.PASSED),),
    )
    return Choice(mode=Mode.CROSS_LINEAGE, evidence=(item.job,), others=(exhibit,))


def _reaction_norm(state: RunState, node: int) -> Choice | None:
    found = _drawn(state, node)
    if len(found) < 2:
        return None
    return Choice(mode=Mode.REACTION_NORM, evidence=found)


def _single(state: RunState, node: int) -> Choice | None:
    found = _drawn(state, node)
    return Choice(mode=Mode.SINGLE, evidence=found[:1]) if found else None


def _generic(state: RunState, node: int) -> Choice:
    """Those with a symptom first: of the first few the diagnosis sees more than that they count."""
    found = sorted(_evaluated(state, node)[-MANY:], key=lambda item: item.cause not in SYMPTOMS)
    return Choice(mode=Mode.GENERIC, evidence=tuple(item.job for item in found), lineage=_records(state, node))


_BUILDERS: dict[Mode, Callable[[RunState, int], Choice | None]] = {
    Mode.FILESYSTEM: _filesystem,
    Mode.CROSS_LINEAGE: _cross_lineage,
    Mode.REACTION_NORM: _reaction_norm,
    Mode.SINGLE: _single,
    Mode.GENERIC: _generic,
}


def _drawn(state: RunState, node: int) -> tuple[str, ...]:
    """A few evaluations, failures first, with a pass where there is one."""
    found = _evaluated(state, node)
    rng = _rng(state)
    failed = [item.job for item in found if item.outcome is Outcome.FAILED]
    rng.shuffle(failed)
    passed = [item.job for item in found if item.outcome is Outcome.PASSED]
    rng.shuffle(passed)
    return tuple((failed[: FEW - 1] + passed)[:FEW])


def _rng(state: RunState) -> random.Random:
    return random.Random(derive_seed(state.config.seed, "evidence", state.jobs))


def _evaluated(state: RunState, node: int) -> list[Evaluation]:
    """The node's evaluations on search tasks; those of its nearest evaluated ancestor where it has none."""
    for at in _lineage(state, node):
        if found := state.on_split(at, Split.SEARCH):
            return found
    return []


def _lineage(state: RunState, node: int) -> list[int]:
    """The node and its ancestors, the root last."""
    path = [node]
    while (parent := state.nodes[path[-1]].parent) is not None:
        path.append(parent)
    return path


def _related(state: RunState, one: int, other: int) -> bool:
    """Whether one descends from the other."""
    return one in _lineage(state, other) or other in _lineage(state, one)


def _common_ancestor(state: RunState, one: int, other: int) -> int:
    above = set(_lineage(state, one))
    return next(at for at in _lineage(state, other) if at in above)


def _most_evaluated(state: RunState, node: int) -> list[int]:
    """Nodes of other lineages, by how much is known of them."""
    above = set(_lineage(state, node))
    view = state.tree.view()
    known = {at.id: int(view.successes[at.id] + view.failures[at.id]) for at in state.nodes if at.id not in above}
    return sorted((at for at in known if known[at]), key=lambda at: (-known[at], at))[:OTHERS]


def _records(state: RunState, node: int) -> tuple[Exhibit, ...]:
    """The agent and its ancestors, with their evaluations."""
    return tuple(_exhibit(state, at, with_records=True) for at in _lineage(state, node)[:ANCESTORS])


def _exhibit(state: RunState, node: int, *, with_records: bool) -> Exhibit:
    parent = state.nodes[node].parent
    return Exhibit(
        node=node,
        commit=state.nodes[node].commit,
        base="" if parent is None else state.nodes[parent].commit,
        findings=tuple(_findings(state, state.on_split(node, Split.SEARCH)[-MANY:], with_records=with_records)),
    )


def _findings(state: RunState, items: Sequence[Evaluation], *, with_records: bool) -> Iterator[Finding]:
    for item in items:
        yield Finding(
            task=state.task_number(item.task),
            outcome=item.outcome,
            cause=item.cause if with_records else "",
            job=item.job if with_records else "",
        )
