"""The policy that leaves nothing out, in simulated worlds."""

import numpy as np
import pytest

from hgm.errors import ConfigError
from trees.policies import POLICIES, make_policy, policy_of_run
from trees.policies.saturate import MOST_PER_CHILD
from trees.records import Evaluate, Expand
from trees.simulation import Landscape, Simulated, World, simulate

SMALL = Landscape(name="small", tasks=4, rejected=0.5)
BARREN = Landscape(name="barren", tasks=2, rejected=0.9)


def grown(landscape: Landscape = SMALL, *, seed: int = 0, workers: int = 1, **options: int) -> Simulated:
    policy = policy_of_run("saturate", **options)
    return simulate(policy, World(landscape, seed), evaluations=100_000, workers=workers, seed=seed, trace=True)


def depths(done: Simulated) -> list[int]:
    found: list[int] = []
    for parent in done.view.parent.tolist():
        found.append(0 if parent < 0 else found[parent] + 1)
    return found


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("landscape", [SMALL, BARREN])
def test_every_agent_gets_its_children_or_as_many_expansions_as_there_may_be(landscape, workers):
    for seed in range(5):
        done = grown(landscape, seed=seed, workers=workers, children=3, depth=2)
        assert max(depths(done)) <= 2
        assert done.view.seen.all()
        for depth, children, expansions in zip(depths(done), done.view.children, done.view.expansions, strict=True):
            if depth == 2:
                assert expansions == 0
            else:
                assert children == 3 or (children < 3 and expansions == 3 * MOST_PER_CHILD)
                assert expansions <= 3 * MOST_PER_CHILD


@pytest.mark.parametrize("workers", [1, 3])
def test_there_are_never_more_agents_than_may_be(workers):
    done = grown(workers=workers, children=3, depth=3, agents=8)
    assert len(done.scores) == 8
    assert done.evaluations == 8 * 4


def test_results_come_before_children_and_elder_agents_first():
    done = grown(children=2, depth=2)
    of = [decision.node for decision in done.decisions]
    assert of == sorted(of)
    for node in set(of):
        kinds = [type(decision) for decision in done.decisions if decision.node == node]
        assert kinds == sorted(kinds, key=[Evaluate, Expand].index)


def test_it_is_no_way_to_search_and_is_found_by_its_name_where_a_run_has_it():
    assert "saturate" not in POLICIES
    with pytest.raises(ConfigError, match=r"saturate is no way to search.*tree saturate.*: hgm, greedy, random"):
        make_policy("saturate", children=2)
    assert policy_of_run("hgm", alpha=0.5) == make_policy("hgm", alpha=0.5)
    assert policy_of_run("saturate", children=2).children == 2
    for options in ({"children": 0}, {"depth": 1.5}, {"agents": True}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            policy_of_run("saturate", **options)


def test_it_waits_for_an_agents_results_before_it_is_expanded():
    done = grown(workers=16, children=2, depth=1)
    first = next(at for at, decision in enumerate(done.decisions) if isinstance(decision, Expand))
    assert all(isinstance(decision, Evaluate) and decision.node == 0 for decision in done.decisions[:first])
    assert first == 4
    assert np.count_nonzero(done.view.children) == 1
