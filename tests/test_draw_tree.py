"""The picture of a tree, from a document as `hgm tree export` writes it."""

from xml.etree import ElementTree

import pytest

from scripts.draw_tree import draw
from trees.export.json import NodeFacts, RunFacts, export
from trees.records import Expansion, Outcome
from trees.tree import Tree

SVG = "{http://www.w3.org/2000/svg}"


def document(run: str = "demo", best: int = 2) -> dict:
    """A seed with two children, one with a child of its own that was never measured."""
    tree = Tree(tasks=4, budget=10)
    for parent in (0, 0, 1):
        tree.start_expansion(parent)
        tree.finish_expansion(parent, Expansion.CHILD)
    for node, task, outcome in ((0, 0, Outcome.FAILED), (1, 1, Outcome.FAILED), (2, 2, Outcome.PASSED)):
        tree.start_evaluation(node, task)
        tree.finish_evaluation(node, task, outcome)
    nodes = [NodeFacts(commit=str(node) * 40, tree=str(node) * 40) for node in range(4)]
    facts = RunFacts(
        run=run,
        benchmark="builtin",
        backbone="builtin/rules",
        policy="hgm",
        seed=0,
        budget={"evaluations": 10},
        best=best,
        results={},
    )
    return export(tree.view(), nodes, facts)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_agent_and_every_edge_is_drawn_once():
    root = ElementTree.fromstring(draw(document()))
    assert len(list(root.iter(f"{SVG}circle"))) == 4
    assert len(list(root.iter(f"{SVG}path"))) == 3


def test_no_two_agents_share_a_place_and_all_are_inside():
    root = ElementTree.fromstring(draw(document()))
    places = [(float(one.get("cx")), float(one.get("cy"))) for one in root.iter(f"{SVG}circle")]
    _, _, width, height = map(float, root.get("viewBox").split())
    assert len(set(places)) == 4
    assert all(0 < x < width and 0 < y < height for x, y in places)


def test_scores_stand_under_their_agents():
    found = texts(draw(document()))
    assert {"seed  0/1", "#1  0/1", "#2  1/1", "#3  not measured"} <= set(found)


def test_the_agent_handed_over_is_ringed():
    widths = [one.get("stroke-width") for one in ElementTree.fromstring(draw(document(best=3))).iter(f"{SVG}circle")]
    assert widths.index(max(widths, key=float)) == 3


def test_the_offline_backbone_is_not_passed_off_as_a_language_model():
    assert any("not a language model" in text for text in texts(draw(document())))


def test_names_are_text_and_never_markup():
    name = '</text><script>alert("x")</script>&'
    svg = draw(document(run=name))
    assert "<script" not in svg
    assert any(name in text for text in texts(svg))


def test_the_same_document_gives_the_same_picture():
    assert draw(document()) == draw(document())


def test_another_document_is_refused():
    with pytest.raises(SystemExit, match="not an export"):
        draw({"schema": "hgm.tree", "version": 2})
