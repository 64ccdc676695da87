import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evaluators.base import Split
from evaluators.builtin import BuiltinBenchmark
from hgm.arms import CONTROLS, way_of
from hgm.budget import Budget
from hgm.cli.options import settings
from hgm.config import PolicyConfig, resolve
from hgm.evaluation import SPLITS
from hgm.gains import ArmGain, Cost, report, repository_of, searched, unequal
from hgm.gateway.records import Usage
from hgm.jobs import EvaluationResult, Job, Result
from hgm.run import create, read
from hgm.search_command import search_command
from hgm.summary import comparison, spend
from tests.cli.command import Command
from tests.hgm.simulated import SEED_AGENT, Work, created, go_on, work
from tests.test_docs import parse
from trees.records import ROOT, Outcome

SEALED = [f"z{number}" for number in range(8)]
ARMS = {"hgm": 3, "flat_children": 3, "placebo": 3}


def metered(job: Job, slot: int) -> Result:
    """Children use 2.5 times the seed agent's tokens."""
    tokens = 1000 if getattr(job, "node", ROOT) == ROOT else 2500
    return replace(work(job, slot), usage=Usage(calls=1, input_tokens=tokens))


def hopeless(job: Job, slot: int) -> Result:
    """No child passes anything, and the seed agent passes everything."""
    result = metered(job, slot)
    if not isinstance(result, EvaluationResult):
        return result
    outcome = Outcome.PASSED if getattr(job, "node", ROOT) == ROOT else Outcome.FAILED
    return replace(result, outcome=outcome, cause="" if outcome is Outcome.PASSED else "crashed")


def search(
    path: Path, seed: int, *, arm: str = "hgm", stop_after: int | None = None, by: Work = metered, **changes: object
) -> Path:
    """A run of an arm: POLICY, one of `CONTROLS`, or `CONTROL of POLICY`."""
    control, _, policy = (arm if arm.partition(" of ")[0] in CONTROLS else f" of {arm}").partition(" of ")
    event = created(budget=25, policy=policy or "hgm", seed=seed, editor=CONTROLS.get(control, "self"))
    event["sealed_tasks"] = SEALED
    event["config"]["confirmation"]["sealed_repeats"] = 3
    create(path, {**event, **changes}, SEED_AGENT)
    go_on(path, by=by, stop_after=stop_after)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs of three arms; not to be changed."""
    folder = tmp_path_factory.mktemp("arms") / "runs"
    for arm, count in ARMS.items():
        for seed in range(count):
            search(folder / f"{arm}-{seed}", seed, arm=arm)
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    """A copy of them, where the command looks."""
    return Path(shutil.copytree(made, tmp_path / "runs"))


def names(*arms: str) -> Iterator[str]:
    return (f"{arm}-{seed}" for arm in arms for seed in range(ARMS[arm]))


def rows(text: str) -> Iterator[str]:
    """The first column of the tables."""
    return (line.partition("  ")[0] for line in text.splitlines())


def test_runs_are_told_by_themselves_and_by_arm(hgm: Command, runs: Path, tmp_path: Path) -> None:
    said = hgm("compare", *names(*ARMS), "-o", "gains.json")
    assert said.code == 0
    told = json.loads((tmp_path / "gains.json").read_text())
    assert (told["schema"], told["version"], told["openings"]) == ("hgm.gains", 1, 9)
    assert [arm["arm"] for arm in told["arms"]] == ["hgm", "flat_children", "placebo"]
    for arm in told["arms"]:
        own = [run for run in told["runs"] if run["arm"] == arm["arm"]]
        assert arm["runs"] == len(own) == 3
        assert arm["gain"] == pytest.approx(arm["winner_rate"] - arm["seed_rate"])
        assert arm["interval"][0] <= arm["gain"] <= arm["interval"][1]
        assert arm["arm"] in said.out
    assert {item["than"] for item in told["arms"][0]["differences"]} == {"placebo", "flat_children"}
    assert "McNemar" in said.out
    assert "opened 9 times" in said.out
    assert "z0" not in json.dumps(told), "results of single sealed tasks stay where they are"


def test_a_runs_gain_is_that_of_its_own_report_and_a_winning_seed_gains_nothing(made: Path) -> None:
    found = report(searched([(made / name, "") for name in names(*ARMS)]))
    kinds = set()
    for row in found.runs:
        compared = comparison(read(made / row.name))
        kinds.add(compared is None)
        if compared is None:
            assert (row.winner, row.gain, row.p) == (ROOT, (0, 0, 0), None)
            assert row.seed_rate == row.winner_rate
        else:
            assert (row.gain, row.smallest) == (compared.gain, compared.smallest)
            assert row.best_of_k is not None
            assert row.best_of_k.k == 3
            assert row.best_of_k.repeats >= 3
            assert row.best_of_k.rate is not None
            assert row.best_of_k.rate > (row.seed_rate or 0) - 0.2
    assert kinds == {True, False}, "the simulated runs should end both ways"


def test_repeats_of_equal_seeds_are_not_counted_twice(made: Path) -> None:
    """The seed agent of equal seeds is asked the same with the same seeds, whatever the policy."""
    alone, twice = (
        report(searched([(made / f"{arm}-0", "") for arm in arms])).runs[0].best_of_k
        for arms in (["hgm"], ["hgm", "flat_children"])
    )
    assert alone == twice


def test_two_runs_have_no_interval(hgm: Command, runs: Path) -> None:
    said = hgm("compare", "--arm", "mine=hgm-0,hgm-1", "--arm", "[b]=placebo-0", "-o", "gains.json")
    assert "mine: no interval over runs: that takes 3 at least" in said.out
    assert "[b]" in said.out
    told = json.loads(Path("gains.json").read_text())
    assert [arm["interval"] for arm in told["arms"]] == [None, None]


def test_runs_that_all_gained_the_same_have_no_interval_and_it_is_said_why(hgm: Command, runs: Path) -> None:
    for seed in range(3):
        shutil.rmtree(runs / f"placebo-{seed}")
        search(runs / f"placebo-{seed}", seed, arm="placebo", by=hopeless)
    said = hgm("compare", *names("hgm", "placebo"), "-o", "gains.json")
    assert "placebo: all runs gained the same: no interval" in said.out
    own, placebo = json.loads(Path("gains.json").read_text())["arms"]
    assert (placebo["runs"], placebo["gain"], placebo["interval"]) == (3, 0, None)
    assert own["interval"] is not None
    (apart,) = own["differences"]
    assert (apart["than"], apart["mean"], apart["interval"]) == ("placebo", own["gain"], None)


def test_what_is_missing_is_said(hgm: Command, runs: Path) -> None:
    search(runs / "greedy-0", 0, arm="greedy", stop_after=5)
    search(runs / "random-0", 0, arm="random", sealed_tasks=SEALED)
    said = hgm("compare", *names("hgm"), "greedy-0", "--arms", "test_time_k,greedy,placebo,hgm")
    assert said.code == 0
    assert "no gain of greedy-0: not finished" in said.out
    line = next(line for line in said.out.splitlines() if line.startswith("placebo is missing"))
    assert "hgm search --editor placebo --budget 25" in line
    assert "--run placebo" not in line, "that name is taken"
    assert "hgm is missing" not in said.out
    assert "greedy is missing" in said.out
    assert "equal cost:" not in said.out, "evaluations are no cost"
    tokens = [read(runs / name) for name in names("hgm")]
    mean = sum(spend(state).usage.tokens.total for state in tokens) / 3
    assert (
        f"For equal cost write --budget {Budget(tokens=round(mean))}, what hgm took on average, for --budget 25"
        in said.out
    )


@pytest.mark.parametrize(
    ("budget", "by", "told"),
    [
        (Budget(evaluations=25), work, "no tokens were counted"),
        (Budget(evaluations=25, seconds=3600.0), metered, "for --budget 25,1h"),
        (Budget(tokens=60_000), metered, ""),
        (Budget(tokens=60_000, usd=5.0), metered, ""),
    ],
    ids=["no tokens", "time", "tokens", "dollars"],
)
def test_the_same_budget_is_called_equal_cost_only_where_it_is_one(
    hgm: Command, tmp_path: Path, budget: Budget, by: Work, told: str
) -> None:
    search(tmp_path / "runs" / "one", 0, by=by, config={**created(seed=0)["config"], "budget": str(budget)})
    said = hgm("compare", "one", "--arms", "greedy,test_time_k")
    assert said.code == 0
    assert f"greedy is missing; with the same budget: hgm search --policy greedy --budget {budget} " in said.out
    assert ("the same budget is not the same cost" in said.out) == bool(told)
    assert told in said.out


def test_the_placebo_of_a_policy_is_set_beside_that_policy_alone(hgm: Command, runs: Path) -> None:
    for seed in range(3):
        search(runs / f"greedy-{seed}", seed, arm="greedy")
        search(runs / f"greedy-placebo-{seed}", seed, arm="placebo of greedy")
    own = [f"greedy-{seed}" for seed in range(3)]
    placebos = [f"greedy-placebo-{seed}" for seed in range(3)]
    said = hgm("compare", *own, *placebos, *names("hgm", "placebo"), "--arms", "placebo", "-o", "gains.json")
    than = {
        arm["arm"]: [(item["baseline"], item["than"]) for item in arm["differences"]]
        for arm in json.loads(Path("gains.json").read_text())["arms"]
    }
    assert than == {
        "hgm": [("placebo", "placebo")],
        "greedy": [("placebo", "placebo of greedy")],
        "placebo": [],
        "placebo of greedy": [],
    }
    assert {"hgm less placebo", "greedy less placebo of greedy"} <= {*rows(said.out)}
    assert "placebo is missing" not in said.out
    by_hand = hgm("compare", "--arm", f"mine={','.join(own)}", "--arm", f"sham={','.join(placebos)}", "-o", "g.json")
    assert by_hand.code == 0
    mine = next(arm for arm in json.loads(Path("g.json").read_text())["arms"] if arm["arm"] == "mine")
    assert [item["than"] for item in mine["differences"]] == ["sham"]


def test_the_command_for_a_placebo_is_of_the_first_arms_policy_and_options(hgm: Command, runs: Path) -> None:
    for seed in range(2):
        event = created(budget=25, seed=seed)
        event["config"]["policy"] = {"name": "greedy", "options": {"alpha": 0.5, "root_evaluations": 3}}
        search(runs / f"tuned-{seed}", seed, config=event["config"])
    said = hgm("compare", "tuned-0", "tuned-1", *names("placebo"), "--arms", "placebo")
    line = next(line for line in said.out.splitlines() if line.startswith("placebo is missing"))
    words = shlex.split(line.partition("do ")[2].partition(" --seed $seed")[0])
    parse(tuple(words))
    assert words[:6] == ["hgm", "search", "--editor", "placebo", "--policy", "greedy"]
    assert {"policy.options.alpha=0.5", "policy.options.root_evaluations=3"} <= {*words}
    assert line.endswith("--run greedy-placebo-$seed; done")
    assert "less placebo" not in said.out, "that one is of hgm"


def test_editors_that_do_not_improve_are_arms_beside_their_policy(hgm: Command, runs: Path) -> None:
    for arm in ("random_edit", "fixed_editor"):
        for seed in range(3):
            search(runs / f"{arm}-{seed}", seed, arm=arm)
    made = [f"{arm}-{seed}" for arm in ("random_edit", "fixed_editor") for seed in range(3)]
    said = hgm("compare", *names("hgm", "placebo"), *made, "--arms", "random_edit,fixed_editor", "-o", "gains.json")
    arms = json.loads(Path("gains.json").read_text())["arms"]
    assert {arm["arm"]: [item["than"] for item in arm["differences"]] for arm in arms} == {
        "hgm": ["placebo", "random_edit", "fixed_editor"],
        "fixed_editor": ["placebo", "random_edit"],
        "random_edit": ["placebo"],
        "placebo": [],
    }
    assert {"hgm less fixed_editor", "fixed_editor less random_edit", "random_edit less placebo"} <= {*rows(said.out)}
    assert "is missing" not in said.out
    assert "the runs differ in" not in said.out


def test_the_commands_for_editors_that_do_not_improve_make_runs_of_those_arms(hgm: Command, runs: Path) -> None:
    said = hgm("compare", *names("hgm"), "placebo-0", "--arms", "random_edit,fixed_editor,greedy")
    lines = {line.partition(" is missing")[0]: line for line in said.out.splitlines() if " is missing" in line}
    assert lines.keys() == {"random_edit", "fixed_editor", "greedy"}
    for arm, editor in (("random_edit", "random"), ("fixed_editor", "fixed")):
        assert f"do hgm search --editor {editor} --budget 25 " in lines[arm]
        assert lines[arm].endswith(f"--run {arm}-$seed; done")
        parse(tuple(shlex.split(lines[arm].partition("do ")[2].partition(" --seed $seed")[0])))
    assert "--editor" not in lines["greedy"]


def test_an_arm_for_runs_of_another_editor_keeps_it(hgm: Command, runs: Path) -> None:
    """A policy is compared with the same editor; the control has its own."""
    event = {**created(budget=25, editor="/agents/my ed"), "sealed_tasks": SEALED}
    editor = {**SEED_AGENT, b"more.py": SEED_AGENT[b"main.py"]}
    for name, policy in (("edited", "hgm"), ("flat", "flat_children")):
        event["config"] = {**event["config"], "policy": {"name": policy, "options": {}}}
        create(runs / name, event, SEED_AGENT, editor=editor)
        go_on(runs / name, by=metered)
    said = hgm("compare", "edited", "flat", "flat_children-0", "--arms", "flat_children,greedy,placebo", "-o", "g.json")
    assert "greedy is missing; with the same budget: hgm search --editor '/agents/my ed' --policy greedy" in said.out
    assert "placebo is missing; with the same budget: hgm search --editor placebo --budget 25" in said.out
    assert "flat_children is missing" not in said.out
    arms = {arm["arm"]: arm for arm in json.loads(Path("g.json").read_text())["arms"]}
    tree = read(runs / "edited").created["editor"]["tree"][:7]
    (apart,) = arms[f"hgm, edited by my ed {tree}"]["differences"]
    assert apart["than"] == f"flat_children, edited by my ed {tree}"


def test_a_run_may_be_called_as_a_command_was_or_is(hgm: Command, runs: Path) -> None:
    for seed, name in enumerate(("runs", "policies")):
        search(runs / name, seed)
    said = hgm("compare", "runs", "runs/policies")
    assert (said.code, "2 search runs in 1 arm" in said.out) == (0, True)
    said = hgm("compare", "hgm-2", "policies", "-o", "g.json")
    assert (said.code, "2 search runs in 1 arm" in said.out) == (0, True)


def test_help_teaches_both_ways_of_comparing(hgm: Command) -> None:
    said = hgm("compare", "--help")
    assert said.code == 0
    assert " compare [OPTIONS] [RUN...]" in said.out.partition("\n")[0]
    assert "hgm compare policies --seeds" in said.out
    assert "RUN ..." not in said.out
    assert "--landscape" in hgm("compare", "policies", "--help").out


def test_too_few_repeats_for_best_of_k_are_said(hgm: Command, runs: Path) -> None:
    few = created(budget=25, seed=1)  # two repeats
    few["sealed_tasks"] = SEALED
    create(runs / "few", few, SEED_AGENT)
    go_on(runs / "few", by=metered)
    assert read(runs / "few").winner != ROOT
    said = hgm("compare", "few", "--arms", "test_time_k")
    assert "best of 3 takes 3 repeats" in said.out
    assert "fewer than 3 repeats of each sealed task: few" in said.out


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"benchmark": {"name": "other", "fingerprint": "0"}}, "different benchmarks"),
        ({"benchmark": {"name": "simulated", "fingerprint": "1"}}, "different data"),
        ({"sealed_tasks": SEALED[1:]}, "different sealed tasks"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(hgm: Command, runs: Path, changes: dict, match: str) -> None:
    search(runs / "other", 5, stop_after=1, **changes)
    said = hgm("compare", "hgm-0", "other")
    assert (said.code, match in said.err) == (2, True)


def test_other_seed_agents_are_refused(hgm: Command, runs: Path) -> None:
    event = created()
    event["sealed_tasks"] = SEALED
    create(runs / "other", event, {**SEED_AGENT, b"more.py": SEED_AGENT[b"main.py"]})
    said = hgm("compare", "hgm-0", "other")
    assert (said.code, "different seed agents" in said.err) == (2, True)


def test_the_same_run_twice_and_its_copy_are_refused(hgm: Command, runs: Path) -> None:
    shutil.copytree(runs / "hgm-0", runs / "copy")
    assert "named twice" in hgm("compare", "hgm-0", runs / "hgm-0").err
    said = hgm("compare", "hgm-0", "copy")
    assert (said.code, "are the same search" in said.err) == (2, True)


def test_evaluations_nothing_and_unknown_words_are_refused(hgm: Command, runs: Path) -> None:
    event = created()
    event["evaluation"] = {
        "agent": "seed",
        "split": "search",
        "tasks": [[part.value, "t0"] for part in SPLITS["search"]],
        "repeats": 1,
    }
    create(runs / "evaluation", event, SEED_AGENT)
    for words, match in (
        (["hgm-0", "evaluation"], "is an evaluation"),
        ([], "e.g. hgm compare hgm-0 hgm-1 placebo-0; or hgm compare policies"),
        (["nothing"], "no such run"),
        (["--arm", "mine"], "write NAME=RUN,RUN"),
        (["hgm-0", "--arms", "magic"], "no such arm"),
        (["hgm-0", "-o", "no/such/folder.json"], "cannot be written"),
    ):
        said = hgm("compare", *words)
        assert (said.code, match in said.err) == (2, True), said


def test_the_command_for_an_arm_holds_every_setting(made: Path, tmp_path: Path) -> None:
    state = read(made / "hgm-0")
    state.config = resolve(
        budget=25,
        seed=4,
        workers=2,
        data="/some where/rows.jsonl",
        benchmark="quixbugs",
        backbones={"solver": "openai/gpt-5", "editor": "openai/gpt-5"},
        prices={"openai/gpt-5": {"input": 1.5, "output": 3}},
        selection={"ids": ["a", "b c"]},
        confirmation={"sealed_repeats": 5},
        limits={"memory_mb": 256},
        policy={"name": "hgm", "options": {"alpha": 0.5}},
    )
    state.budget = Budget(evaluations=25, usd=3)
    greedy = PolicyConfig(name="greedy", options={"alpha": 0.7})
    line = search_command(
        state, policy=greedy, editor="self", stem="greedy", seeds=[4], runs_dir=tmp_path, usual_dir=Path("runs")
    )
    words = shlex.split(line)
    parse(tuple(words))
    assert ("--policy greedy" in line, "--budget 25,3usd" in line, "--run greedy-4" in line) == (True, True, True)
    given = settings([words[place + 1] for place, word in enumerate(words) if word == "-o"])
    assert given.pop("policy") == {"options": {"alpha": 0.7}}
    again = resolve(budget=25, seed=4, workers=2, data="/some where/rows.jsonl", benchmark="quixbugs", **given)
    assert again.model_dump(exclude={"policy"}) == state.config.model_dump(exclude={"policy"})


def test_the_command_for_several_seeds_is_one_line(made: Path, tmp_path: Path) -> None:
    line = search_command(
        read(made / "hgm-0"),
        policy=PolicyConfig(),
        editor="placebo",
        stem="placebo",
        seeds=[0, 1],
        runs_dir=Path("runs"),
        usual_dir=Path("runs"),
    )
    assert line.startswith("for seed in 0 1; do hgm search --editor placebo --budget 25 ")
    assert line.endswith(" --seed $seed --run placebo-$seed; done")


def test_arms_that_cost_more_are_named() -> None:
    def arm(name: str, **cost: float | None) -> ArmGain:
        usual = {"evaluations": 100.0, "expansions": 20.0, "tokens": 1000.0, "usd": 1.0, "hours": 1.0}
        return ArmGain(arm=name, runs=3, without=0, cost=Cost(**{**usual, **cost}))

    found = list(unequal([arm("hgm"), arm("near", tokens=1049.0), arm("far", expansions=10.0, usd=None, hours=2.0)]))
    assert found == ["not at equal cost: far took 50% fewer expansions, 100% more hours than hgm"]


@pytest.mark.parametrize(
    ("name", "groups", "repository"),
    [
        ("django__django-16527", {}, "django/django"),
        ("scikit-learn__scikit-learn-1", {}, "scikit-learn/scikit-learn"),
        ("huffman", {"repo": "a/b"}, "a/b"),
        ("huffman-2", {}, ""),
    ],
)
def test_a_task_tells_its_repository(name: str, groups: dict[str, str], repository: str) -> None:
    task = BuiltinBenchmark().task(BuiltinBenchmark().tasks(Split.SEARCH)[0])
    assert repository_of(replace(task, name=name, groups=groups)) == repository


def test_policies_with_other_options_are_other_arms(made: Path) -> None:
    state = read(made / "hgm-0")
    state.config = resolve(budget=25, policy={"name": "hgm", "options": {"alpha": 0.5}})
    assert way_of(state).arm == "hgm (alpha=0.5)"
    assert way_of(read(made / "placebo-0")).arm == "placebo"


def test_other_settings_are_said(hgm: Command, runs: Path) -> None:
    event = created(budget=25, seed=9, limits={"memory_mb": 256})
    event["sealed_tasks"] = SEALED
    create(runs / "small", event, SEED_AGENT)
    go_on(runs / "small", by=metered, stop_after=3)
    assert "the runs differ in limits.memory_mb: 512, 256" in hgm("compare", "hgm-0", "small").out
