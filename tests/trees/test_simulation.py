"""Simulated landscapes: the same world for every policy, budgets that hold, and the published ordering."""

import os
from dataclasses import asdict, dataclass, replace
from heapq import heappop, heappush
from pathlib import Path
from statistics import mean
from typing import ClassVar

import numpy as np
import pytest

from hgm.errors import ConfigError
from trees import statistics
from trees.policies import make_policy
from trees.records import ROOT, Decision, Evaluate, Expand, Stop, TreeView
from trees.simulation import FAMILIES, Hidden, Landscape, World, load_landscape, oracle, simulate
from trees.simulation.comparison import Comparison, Plan, contenders
from trees.simulation.landscape import MOST_BYTES
from trees.simulation.processes import played

HGM = make_policy("hgm")
PLAIN = FAMILIES["independent"]
each_family = pytest.mark.parametrize("landscape", FAMILIES.values(), ids=list(FAMILIES))


@dataclass(frozen=True)
class Full:
    """Evaluates every node on all tasks, newest first, and expands the best, as SICA, or the root when all are done."""

    name: ClassVar[str] = "full"
    expands_best: bool = True

    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        open_nodes = np.flatnonzero(~view.seen.all(axis=1))
        if len(open_nodes):
            return Evaluate(int(open_nodes[-1]), int(view.unseen(int(open_nodes[-1]))[0]))
        return Expand(int(np.argmax(statistics.own_mean(view))) if self.expands_best else ROOT)

    def ranking(self, view: TreeView, *, minimum: int = 10) -> np.ndarray:
        return np.argsort(-view.successes, kind="stable")


class Insists(Full):
    """Expands the root, whatever happens."""

    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        return Expand(ROOT)


class Waits(Full):
    """Never starts anything."""

    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        return Stop("tired")


def family(world: World, *, depth: int = 3, children: int = 6) -> list[Hidden]:
    """The root and some of its descendants, parents first."""
    nodes, layer = [world.root()], [world.root()]
    for _ in range(depth):
        born = [world.child(parent, j) for parent in layer for j in range(children)]
        layer = [child for child in born if child is not None]
        nodes += layer
    return nodes


def same(one: Hidden, other: Hidden) -> bool:
    mine, theirs = vars(one), vars(other)
    return all(np.array_equal(mine[key], theirs[key]) for key in mine)


def test_children_and_outcomes_are_the_same_in_whichever_order_they_are_drawn() -> None:
    forwards, backwards = World(PLAIN, 7), World(PLAIN, 7)
    nodes = family(forwards)
    for node in reversed(nodes):
        again = backwards.root()
        for j in node.path:
            backwards.child(again, j + 3)
            child = backwards.child(again, j)
            assert child is not None
            again = child
        assert same(node, again)
        assert [forwards.passes(node, task) for task in range(60)] == [
            backwards.passes(again, task) for task in range(60)
        ]


def test_worlds_differ_by_seed_and_agents_by_path() -> None:
    one, other = World(PLAIN, 1).root(), World(PLAIN, 2).root()
    assert not np.array_equal(one.chances, other.chances)
    lucks = {node.luck.tobytes() for node in family(World(PLAIN, 1))}
    assert len(lucks) == len(family(World(PLAIN, 1)))


def test_an_agent_passes_as_often_as_its_chances_say() -> None:
    nodes = [node for seed in range(10) for node in family(World(PLAIN, seed))]
    expected = sum(float(node.chances.sum()) for node in nodes)
    variance = sum(float((node.chances * (1 - node.chances)).sum()) for node in nodes)
    passed = sum(int((node.luck < node.chances).sum()) for node in nodes)
    assert abs(passed - expected) < 4 * variance**0.5


@each_family
def test_every_search_starts_at_the_published_score(landscape: Landscape) -> None:
    for seed in range(10):
        root = World(landscape, seed).root()
        assert root.score == pytest.approx(0.40, abs=1e-6)
        assert root.score == pytest.approx(root.chances.mean())
        assert not root.is_broken


@pytest.mark.parametrize("discrimination", [0.2, 10])
@pytest.mark.parametrize(("start", "ceiling"), [(0.01, 0.02), (0.95, 0.999), (0.01, 0.999)])
def test_the_start_is_met_at_the_ends_of_the_ranges(discrimination: float, start: float, ceiling: float) -> None:
    for seed, tasks in enumerate((2, 3, 60)):
        steep = replace(PLAIN, tasks=tasks, start=start, ceiling=ceiling, discrimination=discrimination)
        wide = replace(steep, difficulty_spread=10, ruggedness=10, discrimination_spread=1, step_noise=5, diminishing=0)
        for landscape in (steep, wide):
            world = World(landscape, seed)
            assert world.root().score == pytest.approx(start, abs=1e-6)
            assert all(np.isfinite([node.score, node.drift]).all() for node in family(world, depth=2))


@each_family
def test_children_are_rejected_and_broken_as_often_as_is_said_and_hardly_ever_good(landscape: Landscape) -> None:
    worlds = [World(landscape, seed) for seed in range(30)]
    born = [world.child(world.root(), j) for world in worlds for j in range(30)]
    children = [child for child in born if child is not None]
    gains = np.array([child.score - 0.40 for child in children if not child.is_broken])
    broken = [child for child in children if child.is_broken]
    assert 1 - len(children) / len(born) == pytest.approx(landscape.rejected, abs=0.04)
    assert len(broken) / len(children) == pytest.approx(landscape.broken, abs=0.05)
    assert mean(child.score for child in broken) < 0.05
    assert np.mean(np.abs(gains) < 0.03) > 0.4
    assert 0.01 < np.mean(gains > 0.05) < 0.25


def test_a_broken_parent_has_broken_children_and_some_that_are_mended() -> None:
    fragile = replace(PLAIN, broken=0.5, broken_inherited=0.7, rejected=0.0)
    worlds = [World(fragile, seed) for seed in range(20)]
    born = [(world, world.child(world.root(), j)) for world in worlds for j in range(15)]
    nexts = [world.child(node, 0) for world, node in born if node and node.is_broken]
    mended = [node for node in nexts if node and not node.is_broken]
    assert len(mended) / len(nexts) == pytest.approx(0.3, abs=0.12)
    assert mean(node.score for node in mended) > 0.3


@pytest.mark.parametrize("alignment", [0.9, 0.0, -0.9])
def test_gain_and_drift_go_together_as_the_alignment_says(alignment: float) -> None:
    landscape = replace(PLAIN, alignment=alignment, neutral=0.0, rejected=0.0, broken=0.0)
    worlds = [World(landscape, seed) for seed in range(20)]
    pairs = []
    for world in worlds:
        born = [world.child(world.root(), j) for j in range(20)]
        pairs += [(child.quality - world.root().quality, child.mean_gain) for child in born if child is not None]
    assert np.corrcoef(np.array(pairs).T)[0, 1] == pytest.approx(alignment, abs=0.12)


@pytest.mark.parametrize("name", ["independent", "chains"])
def test_drift_is_the_mean_gain_of_an_edit(name: str) -> None:
    landscape = replace(FAMILIES[name], rejected=0.0, broken=0.0, chain_start=0.0)
    for seed in range(3):
        world = World(landscape, seed)
        parent = world.child(world.root(), 0)
        assert parent is not None
        gains = [child.quality - parent.quality for j in range(1000) if (child := world.child(parent, j))]
        assert np.mean(gains) == pytest.approx(world.expected_gain(parent), abs=4 * np.std(gains) / 1000**0.5)
        slope = (world_at(parent, world, 0.01) - world_at(parent, world, -0.01)) / 0.02
        assert parent.drift == pytest.approx(slope * world.expected_gain(parent), rel=1e-3)


def world_at(agent: Hidden, world: World, more: float) -> float:
    """The agent's score with so much more quality."""
    return float(world._chances(agent.quality + more, agent.strengths).mean())


def test_no_agent_gets_far_above_the_ceiling() -> None:
    eager = replace(PLAIN, drift=1.0, step_noise=0.1, ceiling=0.6, rejected=0.0, ruggedness=0.0, broken=0.0)
    node = World(eager, 0).root()
    for _ in range(30):
        child = World(eager, 0).child(node, 0)
        assert child is not None
        node = child
    assert 0.57 < node.score < 0.62


def test_a_chain_loses_first_and_pays_at_its_end() -> None:
    sure = replace(
        PLAIN, neutral=1.0, step_noise=0.0, drift=0.0, drift_spread=0.0, broken=0.0, rejected=0.0, diminishing=0.0,
        chain_length=3, chain_start=1.0, chain_step=1.0, chain_loss=0.5, chain_gain=1.0,
    )  # fmt: skip
    world = World(sure, 0)
    scores = [world.root().score]
    node = world.root()
    for _ in range(3):
        child = world.child(node, 0)
        assert child is not None
        node = child
        scores.append(node.score)
    assert scores[1] < scores[0]
    assert scores[2] == pytest.approx(scores[1])
    assert scores[3] > scores[0] + 0.1


def test_costs_add_up_and_the_trace_tells_them() -> None:
    done = simulate(HGM, World(PLAIN, 3), evaluations=200, seed=3, trace=True)
    evaluated = [decision for decision in done.decisions if isinstance(decision, Evaluate)]
    assert len(evaluated) == done.evaluations == 200
    assert len(done.decisions) - len(evaluated) == done.expansions == done.rejected + done.children
    assert done.cost == 200 + PLAIN.expansion_cost * done.expansions
    assert int((done.view.successes + done.view.failures).sum()) == 200
    assert done.view.spent == 1
    assert done.score == done.scores[done.chosen] <= done.best_score
    assert done.chosen == HGM.ranking(done.view)[0]


@pytest.mark.parametrize("workers", [1, 6])
@pytest.mark.parametrize("price", [0.0, 5.0, 7.3, 40.0])
def test_a_cost_budget_is_used_up_and_never_exceeded(price: float, workers: int) -> None:
    landscape = replace(PLAIN, expansion_cost=price)
    done = simulate(HGM, World(landscape, 1), cost=150, workers=workers, seed=1)
    assert 149 < done.cost <= 150 + 1e-6
    assert done.cost == pytest.approx(done.evaluations + price * done.expansions)


def test_the_same_seed_gives_the_same_search_and_another_one_another() -> None:
    one, again, other = (simulate(HGM, World(PLAIN, 5), cost=300, seed=seed, trace=True) for seed in (1, 1, 2))
    assert one.decisions == again.decisions != other.decisions
    assert one.score == again.score


def test_a_world_that_was_searched_before_is_as_good_as_new() -> None:
    world = World(PLAIN, 5)
    simulate(Full(), world, cost=400, seed=9)
    used, fresh = (simulate(HGM, where, cost=300, seed=1, trace=True) for where in (world, World(PLAIN, 5)))
    assert used.decisions == fresh.decisions
    assert np.array_equal(used.scores, fresh.scores)


def test_no_more_than_so_many_nodes_while_evaluations_go_on() -> None:
    done = simulate(HGM, World(PLAIN, 2), evaluations=400, most_nodes=12, workers=4, seed=2)
    assert len(done.scores) == 12
    assert done.evaluations == 400


@pytest.mark.parametrize("price", [0.0, 1e-4])
@pytest.mark.parametrize("budget", [{"cost": 30}, {"evaluations": 30}, {"cost": 1000, "evaluations": 30}])
def test_free_expansions_end_too(price: float, budget: dict[str, int]) -> None:
    eager = make_policy("hgm", initial_expansions=3000)
    world = World(replace(PLAIN, tasks=4, expansion_cost=price), 0)
    done = simulate(eager, world, workers=3, seed=0, **budget)
    assert done.children == 30
    assert done.evaluations in (29, 30)
    insisting = simulate(Insists(), world, seed=0, **budget)
    assert (insisting.children, insisting.evaluations) == (30, 0)


def test_a_policy_that_insists_on_expanding_or_starts_nothing_ends_the_search() -> None:
    insisting = simulate(Insists(), World(PLAIN, 2), evaluations=50, most_nodes=3, seed=2)
    assert (insisting.evaluations, len(insisting.scores)) == (0, 3)
    assert insisting.cost == PLAIN.expansion_cost * insisting.expansions
    assert simulate(Waits(), World(PLAIN, 2), evaluations=50, workers=3, seed=2).cost == 0


def test_rejected_expansions_draw_the_next_child_and_cost_as_much() -> None:
    world = World(replace(PLAIN, rejected=0.5), 4)
    done = simulate(Full(expands_best=False), world, evaluations=600, seed=4)
    born = [world.child(world.root(), j) for j in range(done.expansions)]
    assert done.rejected == born.count(None) > 0
    assert done.scores.tolist() == [world.root().score, *(child.score for child in born if child is not None)]


def test_with_more_workers_results_come_in_the_order_of_their_time() -> None:
    one, many = (simulate(HGM, World(PLAIN, 6), cost=400, workers=workers, seed=6) for workers in (1, 8))
    assert many.seconds < one.seconds / 4
    quick = replace(PLAIN, seconds_spread=1.5, seconds_difficulty=1.0)
    watched = Watched()
    simulate(watched, World(quick, 6), evaluations=61, workers=10, seed=6)
    assert watched.ended[:-1] == ends_of(World(quick, 6).root().seconds, workers=10)[: len(watched.ended) - 1]
    assert len(watched.ended) > 50


def ends_of(seconds: np.ndarray, *, workers: int) -> list[int]:
    """In which order jobs end that start in the order of their numbers."""
    free = [0.0] * workers
    ends = []
    for job, takes in enumerate(seconds):
        start = heappop(free)
        heappush(free, start + takes)
        ends.append((start + takes, job))
    return [job for _, job in sorted(ends)]


class Watched(Full):
    """Evaluates the root on its tasks in their order, and writes down in which order they end."""

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["ended"] = []

    ended: list[int]

    def choose(self, view: TreeView, rng: np.random.Generator) -> Decision:
        self.ended.extend(task for task in np.flatnonzero(view.results[ROOT]).tolist() if task not in self.ended)
        unseen = view.unseen(ROOT)
        return Evaluate(ROOT, int(unseen[0])) if len(unseen) else Stop("done")


def test_true_cmp_is_the_best_of_all_descendants_and_correlates_with_what_tells_it() -> None:
    done = simulate(HGM, World(PLAIN, 8), evaluations=800, seed=8)
    parent, cmp = done.view.parent, done.true_cmp()
    for node in range(len(done.scores)):
        inside = [other for other in range(len(done.scores)) if other != node and _descends(parent, other, node)]
        assert (max(done.scores[inside]) if inside else None) == (None if np.isnan(cmp[node]) else cmp[node])
    assert done.cmp_correlation(cmp) == pytest.approx(1)
    assert done.cmp_correlation(-cmp) == pytest.approx(-1)
    known = np.isfinite(cmp)
    mean_of_own = statistics.own_mean(done.view)
    assert done.cmp_correlation(mean_of_own) == pytest.approx(np.corrcoef(mean_of_own[known], cmp[known])[0, 1])
    young = simulate(HGM, World(PLAIN, 8), evaluations=3, seed=8)
    assert np.isnan(young.cmp_correlation(statistics.own_mean(young.view)))


def _descends(parent: np.ndarray, node: int, ancestor: int) -> bool:
    while node > ancestor:
        node = int(parent[node])
    return node == ancestor


def test_the_oracle_has_as_many_children_and_finds_more() -> None:
    pairs = []
    for seed in range(10):
        world = World(PLAIN, seed)
        done = simulate(HGM, world, evaluations=300, seed=seed)
        pairs.append((done.best_score, oracle(world, done.children)))
        assert oracle(world, 0) == pytest.approx(0.40, abs=1e-6)
    best, told = np.mean(pairs, axis=0)
    assert told > best + 0.02


def test_the_published_ordering_comes_out() -> None:
    """HGM 0.57, DGM 0.53, SICA 0.50 after 800 evaluations (arXiv 2510.21614, Table 2), each within 0.03.

    With the policies that are shipped, on the seeds of the table in docs/landscapes.md and the two families of which
    that holds best. Sixty seeds tell a mean to about 0.03, so another sixty may miss the band by chance.
    """
    families = (FAMILIES["independent"], FAMILIES["opposed"])
    plan = Plan(
        contenders=contenders(["dgm", "sica"]), landscapes=families, seeds=60, budgets=(800,), equal="evaluations"
    )
    comparison = Comparison(plan=plan, matches=tuple(match for found in played(plan, jobs=1) for match in found))
    for family in plan.families:
        scores = [comparison.summary(policy, 800, family).score.mean for policy in ("hgm", "dgm", "sica")]
        assert scores == pytest.approx([0.57, 0.53, 0.50], abs=0.03), family
    hgm, dgm, sica = (comparison.summary(policy, 800).score.mean for policy in ("hgm", "dgm", "sica"))
    assert hgm > dgm > sica


def test_a_file_gives_parameters_and_starts_from_a_family(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('family = "opposed"\nstep_noise = 1\nchain_length = 2\n')
    mine = load_landscape(file)
    assert mine == replace(FAMILIES["opposed"], name="mine", step_noise=1, chain_length=2)
    file.write_text('name = "own"\n')
    assert load_landscape(file) == Landscape(name="own")
    lines = [f"{key} = {value!r}" for key, value in asdict(FAMILIES["fragile"]).items()]
    file.write_text("\n".join(lines))
    assert load_landscape(file) == FAMILIES["fragile"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("step_nose = 0.5", "step_nose"),
        ('family = "easy"', "easy"),
        ("family = 3", "3"),
        ("broken = 1.5", "broken must be a number from 0 to 1"),
        ("broken = true", "broken"),
        ("tasks = 2.5", "tasks must be a whole number from 2 to 10000"),
        ("step_noise = nan", "step_noise"),
        ('drift = "much"', "drift"),
        ("rejected = 1", "rejected"),
        ("start = 0.8", "ceiling must be above start"),
        ('name = ""', "name"),
        ("tasks = ", "Invalid value"),
        ('family = ["rare"]', "no family an array"),
        ("[family]\nrare = 1", "no family a table"),
        ("drift = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("tasks" + ".a" * 200 + " = 1", "not a table"),
        ("tasks = 1" + "0" * 5000, "too many digits"),
        ("tasks = 0x1" + "0" * 5000, "20,001 bits"),
        ("drift = '" + "x" * 5000 + "'", "not 'x{58}…$"),
        ("#" * (MOST_BYTES + 1), "at most 1,000,000 bytes"),
    ],
    ids=lambda text: text[:30],
)
def test_what_is_wrong_in_a_file_is_named_and_so_is_the_file(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=rf"mine\.toml: .*{named}"):
        load_landscape(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_landscape(tmp_path / "none.toml")
    os.mkfifo(tmp_path / "pipe.toml")
    for place in (Path("/dev/zero"), tmp_path / "pipe.toml", tmp_path):
        with pytest.raises(ConfigError, match=f"^{place}: .* regular file"):
            load_landscape(place)


def test_a_search_without_budget_or_worker_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a budget"):
        simulate(HGM, World(PLAIN, 0), seed=0)
    with pytest.raises(ValueError, match="needs a worker"):
        simulate(HGM, World(PLAIN, 0), cost=10, workers=0, seed=0)


def test_every_parameter_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "landscapes.md").read_text()
    for parameter in asdict(PLAIN):
        assert f"`{parameter}`" in page, parameter
    for name in FAMILIES:
        assert f"`{name}`" in page, name
