"""Recorded tables: a tiny one whose replays are counted by hand, and files that nobody should trust."""

import json
import os
from collections import Counter
from copy import deepcopy
from pathlib import Path

import pytest

from hgm.errors import ConfigError
from trees.policies import POLICIES, make_policy
from trees.records import ROOT, Evaluate, Expand
from trees.simulation import FAMILIES, AgentTable, load_table, oracle, simulate
from trees.simulation.comparison import Comparison, Plan, contenders
from trees.simulation.comparison_document import document, text_of
from trees.simulation.processes import played
from trees.simulation.table import MOST_BYTES, table_from

TINY = {
    "schema": "hgm-agent-table",
    "version": 1,
    "name": "tiny",
    "licence": "Apache-2.0",
    "made": {"date": "2026-01-31", "benchmark": "hand", "children": 2, "commit": None},
    "tasks": ["t-0", "t-1"],
    "repeats": 2,
    "expansion_cost": 3,
    "agents": [
        {
            "parent": None,
            "expansions": [{"child": 1, "seconds": 9}, {"child": None, "reason": "handshake"}, {"child": 2}],
            "results": ["pf", "ff"],
            "seconds": [2, None],
        },
        {"parent": 0, "expansions": [], "results": ["pp", "p-"]},
        {"parent": 0, "expansions": [{"child": 3}], "results": ["f-", "f-"]},
        {"parent": 2, "expansions": [], "results": ["pf", "pp"], "tokens": 120, "usd": 0},
    ],
}
SCORES = [0.25, 1.0, 0.0, 0.75]


def tiny(**changes: object) -> AgentTable:
    return table_from({**deepcopy(TINY), **changes})


def random_table(agents: int = 40, tasks: int = 8) -> AgentTable:
    """Every agent has up to three children and two rejected expansions; the younger, the better."""
    entries = [{"parent": None if n == 0 else (n - 1) // 3, "expansions": [{"child": None}] * 2} for n in range(agents)]
    for n, entry in enumerate(entries):
        entry["expansions"] = entry["expansions"] + [{"child": c} for c in range(3 * n + 1, 3 * n + 4) if c < agents]
        entry["results"] = ["".join("p" if (t + n + r) % 40 < n else "f" for t in range(tasks)) for r in range(2)]
    return tiny(name="grown", tasks=[f"t{t}" for t in range(tasks)], agents=entries)


def test_a_true_score_is_the_mean_of_all_measured_results():
    assert [entry.score for entry in tiny().agents] == SCORES


def test_what_a_table_does_not_say_takes_as_long_as_it_costs():
    table = tiny()
    assert table.agents[0].seconds.tolist() == [2, 1]
    assert [each.seconds for each in table.agents[0].expansions] == [9, 3, 3]


def test_expansions_are_drawn_without_replacement_in_every_order():
    orders = Counter()
    for seed in range(300):
        world = tiny().world(seed)
        root = world.root()
        assert world.expansions(root) == 3
        born = [world.birth(root, j).child for j in range(3)]
        orders[tuple(child and child.number for child in born)] += 1
    assert set(orders) == {(1, 2, None), (1, None, 2), (2, 1, None), (2, None, 1), (None, 1, 2), (None, 2, 1)}
    assert min(orders.values()) > 25


def test_a_seed_draws_the_same_whoever_asks_and_in_whatever_order():
    for seed in range(20):
        one, other = tiny().world(seed), tiny().world(seed)
        backwards = [other.birth(other.root(), j) for j in (2, 1, 0)][::-1]
        assert [b.child and b.child.number for b in backwards] == [
            b.child and b.child.number for b in (one.birth(one.root(), j) for j in range(3))
        ]
        late = [other.passes(other.root(), task) for task in (1, 0)][::-1]
        assert late == [one.passes(one.root(), task) for task in (0, 1)]


def passed(table: AgentTable, number: int, task: int, seeds: int = 400) -> float:
    worlds = [table.world(seed) for seed in range(seeds)]
    agents = [next(a for a in _all(world) if a.number == number) for world in worlds]
    return sum(world.passes(agent, task) for world, agent in zip(worlds, agents, strict=True)) / seeds


def _all(world):
    nodes = [world.root()]
    for node in nodes:
        births = (world.birth(node, j) for j in range(int(world.expansions(node))))
        nodes += [birth.child for birth in births if birth.child]
    return nodes


def test_an_evaluation_draws_one_of_the_repeats():
    assert passed(tiny(), 0, 0) == pytest.approx(0.5, abs=0.08)
    assert passed(tiny(), 0, 1) == 0
    assert passed(tiny(), 1, 1) == 1  # the other repeat is unmeasured
    assert passed(tiny(), 3, 1) == pytest.approx(0.5, abs=0.08)


def test_the_repeat_of_a_task_is_the_same_for_all_agents():
    agents = deepcopy(TINY["agents"])
    for agent in agents:
        agent["results"] = ["pf", "fp"]
    seen = set()
    for seed in range(40):
        world = tiny(agents=agents).world(seed)
        results = {tuple(world.passes(agent, task) for task in (0, 1)) for agent in _all(world)}
        assert len(results) == 1
        seen |= results
    assert len(seen) == 4, "and drawn for each task on its own"


def test_a_task_without_a_measured_repeat_is_drawn_from_the_other_results():
    assert passed(tiny(), 2, 1) == 0
    agents = deepcopy(TINY["agents"])
    agents[2]["results"] = ["f-", "p-"]
    assert passed(tiny(agents=agents), 2, 1) == pytest.approx(0.5, abs=0.08)


def test_the_reference_by_greedy_truth_takes_what_the_table_has():
    for seed in range(10):
        world = tiny().world(seed)
        assert oracle(world, 0) == SCORES[0]
        assert oracle(world, 2) >= SCORES[1]
        assert oracle(world, 100) == 1.0  # all three children, and no fourth


@pytest.mark.parametrize("name", list(POLICIES))
def test_every_policy_searches_a_table_within_its_budget(name):
    table = random_table()
    for seed in range(3):
        done = simulate(make_policy(name), table.world(seed), cost=250, seed=seed, workers=2, trace=True)
        assert done.cost <= 250
        assert done.expansions == sum(isinstance(each, Expand) for each in done.decisions)
        assert len({each for each in done.decisions if isinstance(each, Evaluate)}) == done.evaluations
        for node in range(len(done.scores)):
            made = sum(isinstance(each, Expand) and each.node == node for each in done.decisions)
            assert made <= 5


def test_with_everything_known_the_tree_is_the_table():
    table = random_table(agents=13)
    done = simulate(make_policy("random"), table.world(4), cost=10_000, seed=4)
    assert sorted(done.scores) == pytest.approx(sorted(entry.score for entry in table.agents))
    assert done.evaluations == 13 * 8
    assert done.expansions == sum(len(entry.expansions) for entry in table.agents)
    assert done.rejected == sum(each.child is None for entry in table.agents for each in entry.expansions)
    assert done.cost == table.whole_cost


def test_an_expansion_of_a_used_up_agent_is_refused_at_no_cost():
    class Stubborn:
        name = "stubborn"

        def choose(self, view, rng):
            return Expand(ROOT)

        def ranking(self, view, *, minimum=10):
            return [ROOT]

    done = simulate(Stubborn(), tiny().world(0), cost=1000, seed=0)
    assert (done.expansions, done.rejected, done.cost) == (3, 1, 9)
    assert done.view.expansions[ROOT] > 3
    assert done.view.rejections_in_row > 50


def test_a_comparison_plays_a_table_beside_a_landscape():
    plan = Plan(
        contenders=contenders(["greedy"]), landscapes=(FAMILIES["rare"], random_table()), seeds=3, budgets=(60,)
    )
    one, other = (
        Comparison(plan=plan, matches=tuple(match for matches in played(plan, jobs=jobs) for match in matches))
        for jobs in (1, 2)
    )
    assert text_of(one) == text_of(other)
    told = document(one)
    assert told["simulated"] is False
    _, source = told["arguments"]["landscapes"]
    assert (source["name"], source["agents"], source["made"]["benchmark"]) == ("grown", 40, "hand")
    true = {entry.score for entry in random_table().agents}
    recorded = [match for match in one.matches if match.family == "grown"]
    assert len(recorded) == 3
    assert all({match.o1, match.o2, *(each.score for each in match.played)} <= true for match in recorded)


def test_a_table_is_read_from_its_file(tmp_path: Path):
    file = tmp_path / "table.json"
    file.write_text(json.dumps(TINY))
    table = load_table(file)
    assert (table.name, table.tasks, table.repeats, table.expansion_cost) == ("tiny", 2, 2, 3.0)
    assert table.made == TINY["made"]
    assert table.whole_cost == 4 * 2 + 3 * 4
    assert len(table.digest) == 64


def test_the_table_that_is_published_is_what_its_page_says():
    table = load_table(Path(__file__).parents[2] / "benchmarks" / "tables" / "builtin.json")
    assert (table.name, len(table.agents), table.tasks, table.repeats) == ("builtin", 40, 17, 2)
    expansions = [each for agent in table.agents for each in agent.expansions]
    assert (len(expansions), sum(each.child is None for each in expansions)) == (75, 36)
    scores = [agent.score for agent in table.agents]
    assert (round(scores[0], 2), round(max(scores), 2)) == (0.35, 0.56)
    assert max(scores) == max(scores[each.child] for each in table.agents[0].expansions if each.child)
    assert sum(score > scores[agent.parent] for score, agent in zip(scores[1:], table.agents[1:], strict=True)) == 10


def changed(*path_and_value):
    *path, last, value = path_and_value
    told = deepcopy(TINY)
    place = told
    for step in path:
        place = place[step]
    place[last] = value
    return told


def without(name):
    return {key: value for key, value in TINY.items() if key != name}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([], "a record is wanted"),
        (without("licence"), "licence is missing"),
        ({**TINY, "extra": 1}, "there is no 'extra'"),
        (changed("schema", "hgm-tree"), "schema"),
        (changed("version", 2), "version 2"),
        (changed("version", True), "whole number"),
        (changed("name", "a\x1b[31m"), "name: 1 to 500 printable"),
        (changed("name", "\ud800"), "name: 1 to 500 printable"),
        (changed("tasks", ["t", "t"]), "twice"),
        (changed("tasks", []), "a list of 1 to"),
        (changed("repeats", 3), "results: a list of 3"),
        (changed("repeats", 10**9), "repeats"),
        (changed("expansion_cost", -1), "expansion_cost"),
        (changed("expansion_cost", float("inf")), "expansion_cost"),
        (changed("made", "date", 1.5), "made.date"),
        (changed("made", {f"fact {n}": n for n in range(101)}), "at most 100"),
        (changed("agents", []), "agents: a list"),
        (changed("agents", 0, "parent", 0), "seed agent"),
        (changed("agents", 1, "parent", None), "agents[1].parent"),
        (changed("agents", 1, "parent", 1), "agents[1].parent"),
        (changed("agents", 1, "parent", 3), "agents[1].parent"),
        (changed("agents", 3, "parent", 0), "no child of any expansion of agents[0]"),
        (changed("agents", 0, "expansions", 1, "child", 1), "child of two expansions"),
        (changed("agents", 0, "expansions", 0, "child", None), "agents[1] is no child"),
        (changed("agents", 2, "expansions", 0, "child", 0), "younger agent"),
        (changed("agents", 2, "expansions", 0, "child", 2), "younger agent"),
        (changed("agents", 2, "expansions", 0, "child", 4), "younger agent"),
        (changed("agents", 0, "expansions", [{"child": None}] * 1001), "0 to 1,000"),
        (changed("agents", 0, "expansions", 1, "reason", "x\n"), "reason"),
        (changed("agents", 0, "expansions", 0, "seconds", float("nan")), "seconds"),
        (changed("agents", 0, "expansions", 0, "seconds", "9"), "seconds"),
        (changed("agents", 0, "results", ["pf", "fq"]), "agents[0].results[1]"),
        (changed("agents", 0, "results", ["pf", "f"]), "2 letters"),
        (changed("agents", 0, "results", [["p", "f"], "ff"]), "2 letters"),
        (changed("agents", 0, "results", ["--", "--"]), "nothing is measured"),
        (changed("agents", 0, "seconds", [1]), "seconds: a list of 2"),
        (changed("agents", 3, "usd", -1), "agents[3].usd"),
        (changed("agents", 3, "colour", "red"), "there is no 'colour'"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(told, said):
    with pytest.raises(ConfigError) as caught:
        table_from(told)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b'{"schema": "hgm-agent-table"',
        b"[" * 100_000,
        b'{"expansion_cost": NaN}',
        b"1" * 5_000,
        b" " * (MOST_BYTES + 1),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_its_name(tmp_path: Path, content: bytes):
    file = tmp_path / "broken.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"broken\.json: "):
        load_table(file)


def test_a_file_that_is_not_there_is_a_users_error(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_table(tmp_path / "none.json")
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ConfigError, match="a regular file"):
            load_table(place)


def test_more_results_than_fit_are_refused_before_they_are_read():
    told = {**TINY, "tasks": [f"t{n}" for n in range(10_000)], "repeats": 100, "agents": TINY["agents"] * 10}
    with pytest.raises(ConfigError, match="at most 20,000,000 results"):
        table_from(told)
