import json
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest
from scipy.stats import beta

from trees.export.json import (
    Cost,
    ExpansionFacts,
    NodeFacts,
    Refusal,
    RunFacts,
    RunningFacts,
    SpentFacts,
    WaitingFacts,
    export,
    text_of,
)
from trees.records import Expansion, Outcome
from trees.tree import Tree

PUBLISHED = json.loads(files("trees.export").joinpath("schema.json").read_text("utf-8"))
COLUMNS = {
    "job": [3, 4],
    "node": [0, 1],
    "task": [0, 1],
    "split": [0, 1],
    "repeat": [0, 0],
    "outcome": [0, 1],
    "cause": [0, 1],
    "causes": ["", "crashed"],
    "tokens": [10, 20],
    "usd": [0.25, None],
    "seconds": [1.0, 2.5],
    "at": [1.0, 4.0],
}
FACTS = RunFacts(
    run="first",
    benchmark="builtin",
    backbone="builtin/rules",
    policy="hgm",
    seed=7,
    minimum_evaluations=10,
    budget={"evaluations": 40},
    best=1,
    results={"sealed": {"winner": {"passed": 7, "tasks": 10}, "seed": {"passed": 5, "tasks": 10}}},
    tasks=("one", "two"),
    measurements=COLUMNS,
    expansions=(
        ExpansionFacts(job="x1", node=0, kind="child", child=1, reason="", cost=Cost(usd=None, tokens=9), at=1.5),
    ),
    running=(
        RunningFacts(
            job="e7",
            kind="evaluate",
            node=1,
            task=1,
            seconds=0.5,
            doing="waits for a rate limit",
            waiting=WaitingFacts(why="HTTP 429", seconds=0.75),
            calls=2,
            tokens=30,
        ),
    ),
    is_live=True,
    workers=4,
    spent={"evaluations": SpentFacts(limit=40, used=6, reserved=1, per_hour=None)},
)


@pytest.fixture
def tree() -> Tree:
    """0 -> 1 -> 3, 0 -> 2; 0 has 1 of 3, 1 has 2 of 2, 2 nothing, 3 has 0 of 1; 3 runs on one more task."""
    tree = Tree(8, 40)
    for parent in (0, 0, 1):
        tree.start_expansion(parent)
        tree.finish_expansion(parent, Expansion.CHILD)
    for node, outcomes in {0: "pff", 1: "pp", 3: "f"}.items():
        for task, outcome in enumerate(outcomes):
            tree.start_evaluation(node, task)
            tree.finish_evaluation(node, task, Outcome.PASSED if outcome == "p" else Outcome.FAILED)
    tree.start_evaluation(3, 7)
    return tree


def facts_of(tree: Tree) -> list[NodeFacts]:
    return [NodeFacts(commit=f"{node:040x}", tree=f"{node + 100:040x}") for node in range(len(tree))]


def test_says_what_the_tree_says(tree):
    nodes = facts_of(tree)
    hostile = "contract: \x1b[2J \udcff"
    nodes[1] = replace(
        nodes[1],
        unmeasured=2,
        pending_expansions=1,
        rejected=(Refusal(job="e-9", reason=hostile, commit="a" * 40), Refusal(job="e-10", reason="empty")),
        job="e-1",
        brief="Try twice.",
        mode="single",
        notes=("raises TRIES in main.py from 1 to 2",),
        expectation={"tasks": 1, "child": {"passed": 1, "measured": 1}, "parent": {"passed": 0, "measured": 1}},
    )
    document = export(tree.view(), nodes, FACTS)
    assert document | {"nodes": []} == {
        "schema": "hgm.tree",
        "version": 2,
        "run": "first",
        "benchmark": "builtin",
        "backbone": "builtin/rules",
        "policy": "hgm",
        "seed": 7,
        "minimum_evaluations": 10,
        "budget": {"evaluations": 40},
        "evaluations": 6,
        "best": 1,
        "nodes": [],
        "tasks": ["one", "two"],
        "measurements": COLUMNS,
        "expansions": [
            {
                "job": "x1",
                "node": 0,
                "kind": "child",
                "child": 1,
                "reason": "",
                "cost": {"usd": None, "tokens": 9, "seconds": 0.0},
                "at": 1.5,
            }
        ],
        "running": [
            {
                "job": "e7",
                "kind": "evaluate",
                "node": 1,
                "task": 1,
                "seconds": 0.5,
                "doing": "waits for a rate limit",
                "waiting": {"why": "HTTP 429", "seconds": 0.75},
                "calls": 2,
                "tokens": 30,
            }
        ],
        "live": True,
        "workers": 4,
        "spent": {"evaluations": {"limit": 40, "used": 6, "reserved": 1, "per_hour": None}},
        "results": FACTS.results,
    }
    assert document["nodes"][1] == {
        "id": 1,
        "parent": 0,
        "status": "evaluated",
        "commit": f"{1:040x}",
        "tree": f"{101:040x}",
        "job": "e-1",
        "brief": "Try twice.",
        "mode": "single",
        "notes": ["raises TRIES in main.py from 1 to 2"],
        "expectation": {"tasks": 1, "child": {"passed": 1, "measured": 1}, "parent": {"passed": 0, "measured": 1}},
        "successes": 2,
        "failures": 0,
        "unmeasured": 2,
        "clade_successes": 2,
        "clade_failures": 1,
        "cmp": pytest.approx(2 / 3),
        "best_belief": pytest.approx(beta.ppf(0.01, 3, 1)),
        "interval": [pytest.approx(0.342, abs=1e-3), 1.0],
        "cost": {"usd": 0.0, "tokens": 0, "seconds": 0.0},
        "depth": 1,
        "children": [3],
        "rejected": [
            {"job": "e-9", "reason": hostile, "commit": "a" * 40},
            {"job": "e-10", "reason": "empty", "commit": None},
        ],
        "pending": {"evaluations": 0, "expansions": 1},
    }
    shown = [(n["parent"], n["depth"], n["children"], n["status"], n["cmp"]) for n in document["nodes"]]
    assert shown == [
        (None, 0, [1, 2], "evaluated", 0.5),
        (0, 1, [3], "evaluated", pytest.approx(2 / 3)),
        (0, 1, [], "unevaluated", None),
        (1, 2, [], "evaluated", 0.0),
    ]
    assert document["nodes"][3]["pending"] == {"evaluations": 1, "expansions": 0}


def test_follows_the_published_schema(tree):
    jsonschema.Draft202012Validator.check_schema(PUBLISHED)
    nodes = facts_of(tree)
    nodes[2] = replace(nodes[2], rejected=(Refusal(job="e-1", reason="no-code"),))
    document = export(tree.view(), nodes, FACTS)
    jsonschema.validate(json.loads(text_of(document)), PUBLISHED)
    alone = Tree(1, 1)
    jsonschema.validate(export(alone.view(), facts_of(alone), replace(FACTS, best=0, results={})), PUBLISHED)


def test_every_key_that_is_written_is_described_and_required(tree):
    document = export(tree.view(), facts_of(tree), FACTS)
    assert set(document) == set(PUBLISHED["properties"]) == set(PUBLISHED["required"])
    for name, written in (
        ("node", document["nodes"][0]),
        ("measurements", document["measurements"]),
        ("expansion", document["expansions"][0]),
        ("running", document["running"][0]),
        ("waiting", document["running"][0]["waiting"]),
        ("spent", document["spent"]["evaluations"]),
        ("cost", document["nodes"][0]["cost"]),
    ):
        described = PUBLISHED["$defs"][name]
        assert set(written) == set(described["properties"]) == set(described["required"]), name


@pytest.mark.parametrize(
    ("key", "wrong"),
    [("version", 1), ("seed", 1.5), ("nodes", []), ("best", -1), ("budget", 40), ("schema", "x"), ("live", 1)],
)
def test_the_schema_refuses_other_documents(tree, key, wrong):
    document = export(tree.view(), facts_of(tree), FACTS) | {key: wrong}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, PUBLISHED)


@pytest.mark.parametrize(("key", "wrong"), [("cmp", 1.5), ("parent", "0"), ("commit", "HEAD"), ("status", "x")])
def test_the_schema_refuses_other_nodes(tree, key, wrong):
    document = export(tree.view(), facts_of(tree), FACTS)
    document["nodes"][1][key] = wrong
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, PUBLISHED)


def test_text_is_ascii_and_strict(tree):
    odd = replace(FACTS, run="\x1b[31m \udcff größe \u202e", results={"x": 0.1})
    text = text_of(export(tree.view(), facts_of(tree), odd))
    assert text.isascii()
    assert all(character == "\n" or character.isprintable() for character in text)
    assert json.loads(text)["run"] == odd.run.replace("\udcff", "\\udcff"), "half a pair is no text to others"
    assert [line for line in text.splitlines() if "0.25" in line] == ['    "usd": [0.25, null],']
    with pytest.raises(ValueError, match="JSON compliant"):
        text_of(export(tree.view(), facts_of(tree), replace(FACTS, results={"x": float("nan")})))


def test_a_description_too_few_is_an_error(tree):
    with pytest.raises(ValueError, match="3 descriptions for a tree of 4 nodes"):
        export(tree.view(), facts_of(tree)[:-1], FACTS)


def test_the_schema_is_part_of_the_package():
    assert files("trees.export").joinpath("schema.json").is_file()
