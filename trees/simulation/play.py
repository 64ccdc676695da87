"""A policy at work in a hidden world: the real tree and the real decisions, with simulated jobs."""

from dataclasses import replace
from heapq import heappop, heappush
from typing import Any, Generic

import numpy as np

from trees.records import Evaluate, Expand, Expansion, Outcome, Policy, Stop, TreeView
from trees.simulation.outcome import Simulated
from trees.simulation.playable import A, Agent, Playable
from trees.tree import Tree

_NO_MORE_CHILDREN = 10**6
"""As `rejections_in_row`, this tells a policy that an expansion is in vain."""
_MOST_REFUSALS = 100
"""A policy that insists on expanding so often in a row has nothing else to do."""
_ROUNDING = 1e-9
_DRIFT_WEIGHT = 3.0
"""O2 looks so many edits ahead."""


def simulate(
    policy: Policy,
    world: Playable[Any],
    *,
    cost: float | None = None,
    evaluations: int | None = None,
    most_nodes: int | None = None,
    workers: int = 1,
    seed: int,
    trace: bool = False,
) -> Simulated:
    """Let `policy` search `world` until no evaluation fits into the budget, or it stops with nothing running.

    The budget is a cost, a number of evaluations, or both; it is never exceeded. Results come in the order of simulated
    time. Where `most_nodes` nodes (the root included) are there or being made, where an expansion no longer fits into
    the cost, or where the world has none left of any node, the view says that a million expansions in a row gave no
    child, so that a policy evaluates. An expansion that it asks for nevertheless, or of a node that has none left, is
    refused: counted in the view as rejected, at no cost and without a draw.

    A tree never has more children than the whole budget would pay evaluations, so a search ends where expansions are
    free, or not counted, and its policy would go on for ever. Where one costs an evaluation or more this changes
    nothing.
    """
    if cost is None and evaluations is None:
        raise ValueError("a simulation needs a budget: a cost, a number of evaluations, or both")
    if workers < 1:
        raise ValueError(f"a simulation needs a worker, not {workers}")
    game = _Game(policy, world, cost, evaluations, most_nodes, workers, seed, trace)
    game.play()
    return game.result()


def oracle(world: Playable[Any], children: int) -> float:
    """Reference O2: the best true score of a tree of so many children whose parents are chosen by the truth.

    Each parent is the node with the largest true score + 3 x true drift among those with expansions left; where there
    is none, the tree stays smaller. With the children of a run of `hgm`.
    """
    nodes, expansions = [world.root()], [0]
    worth = [_promise(nodes[0])]
    while len(nodes) <= children:
        fertile = [node for node, agent in enumerate(nodes) if expansions[node] < world.expansions(agent)]
        if not fertile:
            break
        parent = max(fertile, key=worth.__getitem__)
        child = world.birth(nodes[parent], expansions[parent]).child
        expansions[parent] += 1
        if child is not None:
            nodes.append(child)
            expansions.append(0)
            worth.append(_promise(child))
    return float(max(node.score for node in nodes))


def _promise(agent: Agent) -> float:
    return agent.score + _DRIFT_WEIGHT * agent.drift


class _Game(Generic[A]):
    """The state of a simulation while it is played."""

    def __init__(
        self,
        policy: Policy,
        world: Playable[A],
        cost: float | None,
        evaluations: int | None,
        most_nodes: int | None,
        workers: int,
        seed: int,
        keeps: bool,
    ) -> None:
        self.policy, self.world, self.workers, self.seed, self.keeps = policy, world, workers, seed, keeps
        self.budget = cost if cost is not None else float("inf")
        self.most_evaluations = evaluations if evaluations is not None else float("inf")
        most_children = min(self.budget, self.most_evaluations)
        self.most_nodes = min(most_nodes if most_nodes is not None else float("inf"), most_children + 1)
        self.tree = Tree(world.landscape.tasks, evaluations)
        self.tree.price_expansions(world.landscape.expansion_cost)
        self.nodes: list[A] = []
        self.drawn: list[int] = []
        """Per node, expansions drawn from the world."""
        self.fertile = 0
        """Nodes of which the world has an expansion left."""
        self._add(world.root())
        self.running: list[tuple[float, int, Expand | Evaluate, A | None]] = []
        """A heap: when it ends, its number, what it is, and the child that it makes."""
        self.decisions: list[Expand | Evaluate] = []
        self.asked = self.evaluations = self.expansions = self.rejected = self.refused = 0
        self.now = 0.0

    @property
    def cost(self) -> float:
        return self.evaluations + self.world.landscape.expansion_cost * self.expansions

    def play(self) -> None:
        while True:
            while len(self.running) < self.workers and self._start():
                pass
            if not self.running:
                return
            self._finish()

    def _start(self) -> bool:
        """Ask the policy once; False: nothing may be started before the next result."""
        if self.evaluations >= self.most_evaluations or not self._fits(1):
            return False
        decision = self.policy.choose(self._shown(), self._generator())
        if isinstance(decision, Stop):
            return False
        self.asked += 1
        if isinstance(decision, Expand) and not (self._may_expand() and self._has_more(decision.node)):
            return self._refuse(decision)
        self.refused = 0
        self._carry_out(decision)
        return True

    def _carry_out(self, decision: Expand | Evaluate) -> None:
        agent, child = self.nodes[decision.node], None
        if isinstance(decision, Expand):
            self.tree.start_expansion(decision.node)
            child, seconds = self.world.birth(agent, self.drawn[decision.node])
            self.drawn[decision.node] += 1
            self.fertile -= not self._has_more(decision.node)
            self.expansions += 1
        else:
            self.tree.start_evaluation(decision.node, decision.task)
            seconds = float(agent.seconds[decision.task])
            self.evaluations += 1
        self.tree.use(min(1.0, self.cost / self.budget))
        heappush(self.running, (self.now + seconds, self.asked, decision, child))
        if self.keeps:
            self.decisions.append(decision)

    def _finish(self) -> None:
        self.now, _, decision, child = heappop(self.running)
        if isinstance(decision, Evaluate):
            passed = self.world.passes(self.nodes[decision.node], decision.task)
            self.tree.finish_evaluation(decision.node, decision.task, Outcome.PASSED if passed else Outcome.FAILED)
        elif child is None:
            self.tree.finish_expansion(decision.node, Expansion.REJECTED)
            self.rejected += 1
        else:
            self.tree.finish_expansion(decision.node, Expansion.CHILD)
            self._add(child)

    def _add(self, agent: A) -> None:
        self.nodes.append(agent)
        self.drawn.append(0)
        self.fertile += self._has_more(len(self.nodes) - 1)

    def _has_more(self, node: int) -> bool:
        return self.drawn[node] < self.world.expansions(self.nodes[node])

    def _shown(self) -> TreeView:
        view = self.tree.view()
        return view if self._may_expand() else replace(view, rejections_in_row=_NO_MORE_CHILDREN)

    def _may_expand(self) -> bool:
        size = len(self.tree) + self.tree.view().pending_expansions
        return self.fertile > 0 and size < self.most_nodes and self._fits(self.world.landscape.expansion_cost)

    def _fits(self, cost: float) -> bool:
        return self.cost + cost <= self.budget * (1 + _ROUNDING)

    def _refuse(self, decision: Expand) -> bool:
        self.tree.start_expansion(decision.node)
        self.tree.finish_expansion(decision.node, Expansion.REJECTED)
        self.refused += 1
        return self.refused < _MOST_REFUSALS

    def _generator(self) -> np.random.Generator:
        """Of the next decision: the same as a run's, at half the price of `default_rng`."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, self.asked])))

    def result(self) -> Simulated:
        view = self.tree.view()
        return Simulated(
            view=view,
            scores=np.array([node.score for node in self.nodes]),
            drifts=np.array([node.drift for node in self.nodes]),
            is_broken=np.array([node.is_broken for node in self.nodes]),
            chosen=int(self.policy.ranking(view)[0]),
            expansions=self.expansions,
            rejected=self.rejected,
            evaluations=self.evaluations,
            cost=self.cost,
            seconds=self.now,
            decisions=tuple(self.decisions),
        )
