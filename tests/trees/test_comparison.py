"""Policies compared in simulated worlds: the arithmetic on matches made by hand, and what is played for real."""

import json
from contextlib import closing
from dataclasses import dataclass, replace
from math import isnan, sqrt
from multiprocessing import active_children

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgm.errors import ConfigError
from tests.trees.options import an_option
from trees.policies import POLICIES, make_policy
from trees.policies.random import Random
from trees.simulation import FAMILIES, Landscape, World, oracle, simulate
from trees.simulation.comparison import Comparison, Match, Plan, Played, contender, contenders, play
from trees.simulation.comparison_document import document, text_of
from trees.simulation.guides import guide
from trees.simulation.processes import played
from trees.statistics import mean_interval, ratio_interval

SMALL = Landscape(name="small", tasks=12, broken=0.2)
BROKEN = Landscape(name="broken", tasks=12, broken=0.8)


def plan_of(*texts, **changes) -> Plan:
    plan = Plan(contenders=contenders(texts), landscapes=(SMALL, BROKEN), seeds=3, budgets=(60, 90))
    return replace(plan, **changes)


def comparison_of(plan: Plan, jobs: int = 1) -> Comparison:
    return Comparison(plan=plan, matches=tuple(match for found in played(plan, jobs=jobs) for match in found))


def outcome(score: float, *, best: float = 0.9, correlation: float = 0.5) -> Played:
    return Played(score, best, 10, 40, 12, correlation)


def match(family: str, seed: int, hgm: float, random: float, **changes) -> Match:
    ends = {"o1": 0.6, "o2": 0.8, **changes}
    return Match(family=family, seed=seed, budget=60, played=(outcome(hgm), outcome(random)), **ends)


def by_hand() -> Comparison:
    matches = (
        match("small", 1, 0.5, 0.6),
        match("small", 0, 0.4, 0.4),
        match("broken", 0, 0.3, 0.5),
        match("broken", 1, 0.4, 0.4, o1=0.5, o2=0.6),
    )
    return Comparison(plan=plan_of("random", seeds=2, budgets=(60,)), matches=matches)


def test_differences_are_paired_within_a_family():
    found = by_hand().summary("random", 60, "small")
    assert found.n == 2
    assert found.score == pytest.approx(mean_interval([0.4, 0.6]))
    assert found.difference == pytest.approx(mean_interval([0.0, 0.1]))
    assert found.difference_sd == pytest.approx(0.1 / sqrt(2))


def test_over_families_the_seed_is_the_unit():
    found = by_hand().summary("random", 60)
    assert found.n == 2
    assert found.score == pytest.approx(mean_interval([0.45, 0.5]))
    assert found.difference == pytest.approx(mean_interval([0.1, 0.05]))


def far() -> Comparison:
    """Four seeds in two families, with a clear way to both references."""
    gains, starts = (0.1, 0.0, 0.2, 0.1), (0.40, 0.42, 0.38, 0.40)
    matches = [
        match(family, seed, starts[seed], starts[seed] + gains[seed] * size, o1=0.6, o2=0.8)
        for family, size in (("small", 0.5), ("broken", 1.5))
        for seed in range(4)
    ]
    return Comparison(plan=plan_of("random", seeds=4, budgets=(60,)), matches=tuple(matches))


def test_the_way_to_the_references_is_that_of_the_means():
    found = far().summary("random", 60)
    assert found.to_o1 is not None
    assert found.to_o2 is not None
    assert found.to_o1.mean == pytest.approx(0.1 / (0.6 - 0.4))
    assert found.to_o2.mean == pytest.approx(0.1 / (0.8 - 0.4))
    assert far().summary("hgm", 60).to_o1 == pytest.approx((0, 0, 0))


def test_a_share_of_the_way_has_an_interval_over_seeds():
    found = far().summary("random", 60).to_o1
    assert found == pytest.approx(ratio_interval([0.1, 0.0, 0.2, 0.1], [0.2, 0.18, 0.22, 0.2]))
    told = document(far())["results"][1]["all"]
    assert told["to_o1"] == found.mean
    assert told["to_o1_interval"] == [found.low, found.high]
    assert found.low < 0.1 < 0.9 < found.high


def test_without_a_clear_way_there_is_no_share_of_it():
    """A way whose own interval holds 0, one of nothing at all, and one that leads down."""
    for ends in ((0.45, 0.39, 0.39, 0.40), (0.40, 0.42, 0.38, 0.40), (0.3, 0.3, 0.3, 0.3)):
        matches = tuple(replace(each, o1=ends[each.seed]) for each in far().matches)
        comparison = replace(far(), matches=matches)
        assert comparison.summary("random", 60).to_o1 is None
        told = document(comparison)["results"][1]["all"]
        assert (told["to_o1"], told["to_o1_interval"]) == (None, None)
        assert told["to_o2"] is not None


def test_correlations_are_averaged_where_they_are_known():
    known, unknown = outcome(0.5, correlation=0.4), outcome(0.5, correlation=float("nan"))
    pairs = zip(by_hand().matches, (known, unknown, unknown, unknown), strict=True)
    found = replace(by_hand(), matches=tuple(replace(each, played=(known, one)) for each, one in pairs))
    assert found.summary("random", 60).correlation == pytest.approx(0.4)
    assert isnan(found.summary("random", 60, "broken").correlation)
    assert document(found)["results"][1]["families"]["broken"]["cmp_correlation"] is None


def test_everybody_plays_in_the_same_worlds_and_references_come_from_hgm():
    (found, _) = play(plan_of("random"), plan_of().chunks()[3])
    world = World(BROKEN, 1)
    hgm, random = (simulate(make_policy(name), world, cost=60, seed=1) for name in ("hgm", "random"))
    assert (found.family, found.seed, found.budget) == ("broken", 1, 60)
    assert [one.score for one in found.played] == [hgm.score, random.score]
    assert found.o1 == hgm.best_score
    assert found.o2 == oracle(World(BROKEN, 1), hgm.children)
    assert found.played[0].evaluations + SMALL.expansion_cost * found.played[0].expansions == hgm.cost <= 60


def test_hgm_is_played_first_even_if_nobody_asks_for_it():
    assert plan_of("random").labels == ["hgm", "random"]
    assert plan_of("random", "hgm", "random").labels == ["hgm", "random"]
    assert plan_of("hgm:alpha=0.5").labels == ["hgm", "hgm:alpha=0.5"]


def test_at_equal_evaluations_no_tree_outgrows_that_of_hgm():
    eager = plan_of("hgm:alpha=1.0", equal="evaluations", budgets=(60,))
    for chunk in eager.chunks():
        ((hgm, other),) = (found.played for found in play(eager, chunk))
        assert hgm.evaluations == other.evaluations == 60
        assert other.children <= hgm.children
    ((hgm, other),) = (found.played for found in play(replace(eager, equal="cost"), eager.chunks()[0]))
    assert other.children > hgm.children


def test_processes_change_nothing_and_none_is_left():
    plan = plan_of("greedy", seeds=2)
    before = active_children()
    assert text_of(comparison_of(plan, jobs=2)) == text_of(comparison_of(plan, jobs=1))
    with closing(played(replace(plan, seeds=1000), jobs=2)) as worlds:
        next(worlds)
        assert len(active_children()) > len(before)
    assert active_children() == before


def test_large_budgets_take_a_tenth_of_the_seeds():
    plan = plan_of(seeds=40, first_seed=7, budgets=(100, 3200))
    assert plan.seeds_of(100) == range(7, 47)
    assert plan.seeds_of(3200) == range(7, 11)
    assert replace(plan, seeds=5).seeds_of(3200) == range(7, 9)
    assert [chunk.seed for chunk in plan_of(seeds=40, budgets=(3200,)).chunks()] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_document_says_all_that_it_takes_to_repeat_it():
    plan = plan_of("sica:parent=released", seeds=2, budgets=(60,))
    found = json.loads(text_of(comparison_of(plan)))
    assert (found["schema"], found["version"], found["numpy"]) == ("hgm-policy-comparison", 2, np.__version__)
    arguments = found["arguments"]
    assert arguments["policies"]["sica:parent=released"]["options"]["parent"] == "released"
    assert [Landscape(**given) for given in arguments["landscapes"]] == [SMALL, BROKEN]
    assert arguments["seeds"] == {"60": 2}
    assert [(line["budget"], line["policy"]) for line in found["results"]] == [(60, name) for name in plan.labels]
    assert set(found["results"][0]["families"]) == {"small", "broken"}


def test_options_are_values_where_they_can_be():
    assert contender("hgm:root_evaluations=0, temperature=false").policy == make_policy(
        "hgm", root_evaluations=0, temperature=False
    )


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("luck", "hgm, greedy, random"),
        ("hgm:beta=2", "alpha"),
        ("hgm:alpha=2", "at most 1"),
        ("hgm:alpha", "NAME:option=value"),
        ("hgm:", "NAME:option=value"),
        ("hgm:alpha=1" + "0" * 5000, "at most 1, not '1000"),
        ("hgm:alpha=0x" + "f" * 5000, "at most 1, not a whole number of 20,000 bits"),
        ("hgm:alpha=1e400", "at most 1, not inf"),
        ("hgm:alpha=nan", "at most 1, not nan"),
        ("hgm:root_evaluations=0x" + "f" * 5000, "from 0 to 1,000,000"),
        ("hgm:max_rejections_in_row=1000001", "from 1 to 1,000,000"),
        ("lineage:horizon=-inf", "from 0 to 100"),
        ("luck" * 5000, "hgm, greedy, random"),
        ("hgm:alpha=" + "[" * 5000, "at most 1"),
    ],
    ids=lambda text: text[:30],
)
def test_policies_that_there_are_not(text, remedy):
    with pytest.raises(ConfigError, match=remedy) as trouble:
        contender(text)
    assert len(str(trouble.value)) < 500


@given(name=st.sampled_from([*POLICIES, "saturate", "luck"]), options=st.lists(an_option(), max_size=3))
def test_whatever_options_say_there_is_a_policy_or_a_short_users_error(name, options):
    said = ""
    try:
        assert contender(":".join([name, *([",".join(options)] if options else [])])).policy.name == name
    except ConfigError as trouble:
        said = str(trouble)
    assert len(said) < 1_000


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": 1},
        {"first_seed": -1},
        {"budgets": (0,)},
        {"budgets": ()},
        {"workers": 0},
        {"equal": "luck"},
        {"landscapes": ()},
        {"landscapes": (SMALL, SMALL)},
    ],
)
def test_plans_that_make_no_sense(changes):
    with pytest.raises(ConfigError):
        plan_of(**changes)


@dataclass(frozen=True, kw_only=True)
class Numbered(Random):
    """Holds later nodes for better ones."""

    def guidance(self, view):
        return np.arange(len(view), dtype=np.float64)


def test_a_policy_may_tell_what_guides_it():
    world = World(FAMILIES["aligned"], 0)
    plan = plan_of(landscapes=(world.landscape,), budgets=(300,))
    numbered = contender("random")._replace(policy=Numbered())
    plan = replace(plan, contenders=(*plan.contenders, numbered, contender("random")))
    (found,) = play(plan, plan.chunks()[0])
    done = simulate(Numbered(), world, cost=300, seed=0)
    assert found.played[1].correlation == done.cmp_correlation(np.arange(len(done.scores), dtype=np.float64))
    assert isnan(found.played[2].correlation)


@pytest.mark.parametrize("name", ["hgm", "greedy"])
@pytest.mark.parametrize("seed", range(4))
def test_whom_a_policy_would_expand_has_the_largest_guide(name, seed):
    """At the end of a budget the draws of hgm have no width left."""
    policy = make_policy(name)
    view = simulate(policy, World(FAMILIES["opposed"], seed), cost=300, seed=seed).view
    found = guide(policy, view)
    assert found is not None
    assert policy.parent(view, np.random.default_rng(0)).node == np.nanargmax(found)


def test_nothing_is_removed_from_what_hgm_goes_by():
    view = simulate(make_policy("hgm"), World(FAMILIES["aligned"], 0), cost=300, seed=0).view
    passed, failed = int(view.successes.sum()), int(view.failures.sum())
    assert guide(make_policy("hgm"), view)[0] == pytest.approx((1 + passed) / (2 + passed + failed))
    leaves = (view.children == 0) & (view.successes + view.failures > 0)
    assert leaves.any()
    assert np.isfinite(guide(make_policy("hgm"), view)[leaves]).all()


def test_the_released_code_goes_by_its_lists_and_leaves_out_whom_it_never_expands():
    policy = make_policy("hgm_released")
    view = simulate(policy, World(FAMILIES["fragile"], 1), cost=500, seed=1).view
    found, lists = guide(policy, view), policy.clade_lists(view)
    assert found is not None
    for node in range(len(view)):
        if view.successes[node]:
            assert found[node] == pytest.approx((1 + lists.passed[node]) / (2 + lists.length[node]))
        else:
            assert isnan(found[node])
    assert np.isnan(found).any()


@pytest.mark.parametrize("text", ["random", "flat_children", "dgm", "sica:parent=released"])
def test_a_policy_that_says_nothing_has_no_guide(text):
    policy = contender(text).policy
    assert guide(policy, simulate(policy, World(SMALL, 0), cost=100, seed=0).view) is None
