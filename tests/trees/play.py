"""Trees at hand for tests: grown to given counts, or played by a policy with scripted results instead of jobs."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from trees.records import NO_PARENT, Decision, Evaluate, Expand, Expansion, Outcome, Policy, Stop
from trees.tree import Tree


def grown(nodes: Iterable[tuple[int, int, int]], *, tasks: int = 60, budget: int = 800) -> Tree:
    """A tree of nodes (parent, successes, failures); the first one is the root."""
    tree = Tree(tasks, budget)
    for node, (parent, successes, failures) in enumerate(nodes):
        if parent != NO_PARENT:
            tree.start_expansion(parent)
            assert tree.finish_expansion(parent, Expansion.CHILD) == node
        for task, outcome in enumerate([Outcome.PASSED] * successes + [Outcome.FAILED] * failures):
            tree.start_evaluation(node, task)
            tree.finish_evaluation(node, task, outcome)
    return tree


@dataclass(frozen=True, kw_only=True)
class Script:
    """Results as a function of (seed, job) alone, whichever process asks."""

    seed: int = 0
    workers: int = 1
    rejected: float = 0.25
    unmeasured: float = 0.05

    def result(self, job: int, decision: Expand | Evaluate) -> Outcome | Expansion:
        draw = random.Random(f"{self.seed}:{job}")
        if draw.random() < self.unmeasured:
            return Outcome.UNMEASURED if isinstance(decision, Evaluate) else Expansion.UNMEASURED
        if isinstance(decision, Expand):
            return Expansion.REJECTED if draw.random() < self.rejected else Expansion.CHILD
        skill = random.Random(f"{self.seed}:skill:{decision.node}").random()
        return Outcome.PASSED if draw.random() < skill else Outcome.FAILED


@dataclass(frozen=True)
class Asked:
    """Job number `job` started, or the policy stopped."""

    job: int
    decision: Decision


@dataclass(frozen=True)
class Told:
    """Job number `job` ended."""

    job: int
    decision: Expand | Evaluate
    result: Outcome | Expansion
    give_up: bool


def play(policy: Policy, tree: Tree, script: Script) -> Iterator[Asked | Told]:
    """Play until the budget is spent or the policy stops with nothing running; yields every event once it is done."""
    running: dict[int, Expand | Evaluate] = {}
    order = random.Random(f"{script.seed}:order")
    unmeasured: Counter[Evaluate] = Counter()
    jobs = 0
    while True:
        while tree.view().spent < 1 and len(running) < script.workers:
            decision = policy.choose(tree.view(), np.random.default_rng([script.seed, jobs]))
            if isinstance(decision, Stop):
                if running:
                    break
                yield Asked(jobs, decision)
                return
            start(tree, decision)
            running[jobs] = decision
            yield Asked(jobs, decision)
            jobs += 1
        if not running:
            return
        job = order.choice(sorted(running))
        decision = running.pop(job)
        result = script.result(job, decision)
        if isinstance(decision, Evaluate) and result is Outcome.UNMEASURED:
            unmeasured[decision] += 1
        told = Told(job, decision, result, give_up=unmeasured[decision] > 2)
        finish(tree, told)
        yield told


def start(tree: Tree, decision: Expand | Evaluate) -> None:
    if isinstance(decision, Expand):
        tree.start_expansion(decision.node)
    else:
        tree.start_evaluation(decision.node, decision.task)


def finish(tree: Tree, told: Told) -> None:
    if isinstance(told.decision, Expand):
        tree.finish_expansion(told.decision.node, told.result)
    else:
        tree.finish_evaluation(told.decision.node, told.decision.task, told.result, give_up=told.give_up)


def first_stop(policy: Policy, tree: Tree, script: Script, *, limit: int) -> Stop:
    """The stop that a game ends with, which must come before `limit` events."""
    for number, event in enumerate(play(policy, tree, script)):
        assert number < limit, "the policy spins"
        if isinstance(event, Asked) and isinstance(event.decision, Stop):
            return event.decision
    raise AssertionError("the budget ended first")


def snapshot(tree: Tree) -> dict[str, object]:
    """Every value of the view, copied."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(tree.view()).items()
    }
