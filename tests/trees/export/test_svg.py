"""The picture of a tree, read back by a strict parser."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trees.export.test_table import document, node
from trees.export.svg import colour, svg

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</title><script>alert("x")</script>&amp; ]]> \x00\x1b\x9b\r\udcff\u202e\ufffe'
SHOWN = '</title><script>alert("x")</script>&amp; ]]> \\x00\\x1b\\x9b\\r\\udcff\\u202e\\ufffe'


def picture(best: int = 1, backbone: str = "builtin/rules", **texts: str) -> dict:
    return document(**texts) | {"best": best, "backbone": backbone, "policy": "hgm"}


def whole(nodes: list[dict]) -> dict:
    names = {"run": "demo", "benchmark": "builtin", "backbone": "openai/x", "policy": "hgm"}
    return names | {"best": len(nodes) - 1, "nodes": nodes}


def chain(number: int) -> dict:
    return whole([node(i, i - 1 if i else None, i, [i + 1] if i + 1 < number else [], 1, 1) for i in range(number)])


def star(number: int) -> dict:
    return whole([node(0, None, 0, list(range(1, number)), 1, 1), *(node(i, 0, 1, [], 1, 1) for i in range(1, number))])


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.encode())


def circles(root: ElementTree.Element) -> list[ElementTree.Element]:
    """The agents, by number: unlike those of the legend they have tooltips."""
    return [circle for circle in root.iter(f"{SVG}circle") if circle.find(f"{SVG}title") is not None]


def place(circle: ElementTree.Element) -> tuple[float, float]:
    return float(circle.get("cx", "")), float(circle.get("cy", ""))


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def group(root: ElementTree.Element, name: str) -> ElementTree.Element:
    return next(element for element in root.iter(f"{SVG}g") if element.get("class") == name)


def ends(path: ElementTree.Element) -> tuple[tuple[float, float], tuple[float, float]]:
    numbers = [float(number) for number in path.get("d", "").replace("M", "").replace("C", " ").split()]
    return (numbers[0], numbers[1]), (numbers[-2], numbers[-1])


def test_every_agent_and_every_edge_is_drawn_once():
    root = parsed(svg(picture()))
    places = [place(circle) for circle in circles(root)]
    edges = [ends(path) for name in ("edges", "line") for path in group(root, name)]
    assert sorted(edges) == sorted((places[a], places[b]) for a, b in ((0, 1), (0, 2), (1, 3)))


def test_labels_say_number_and_score():
    assert {"0  33 % of 3", "1  55 % of 20", "2  not measured", "3  0 % of 1"} <= set(texts(parsed(svg(picture()))))


@pytest.mark.parametrize(("best", "line"), [(0, []), (1, [(0, 1)]), (3, [(0, 1), (1, 3)])])
def test_the_agent_handed_over_has_a_ring_and_a_thick_line(best, line):
    root = parsed(svg(picture(best)))
    places = [place(circle) for circle in circles(root)]
    (ring,) = [circle for circle in root.iter(f"{SVG}circle") if circle.get("class") == "ring"]
    assert place(ring) == places[best]
    assert [ends(path) for path in group(root, "line")] == [(places[a], places[b]) for a, b in line]
    assert float(group(root, "line").get("stroke-width", "")) > 2 * float(group(root, "edges").get("stroke-width", ""))


def test_colour_tells_the_score_and_hollow_is_not_measured():
    found = circles(parsed(svg(picture())))
    assert [circle.get("fill") for circle in found] == [colour(1 / 3), colour(0.55), "#ffffff", colour(0)]
    assert [circle.get("stroke-dasharray") is not None for circle in found] == [False, False, True, False]


def test_the_scale_grows_lighter_with_the_score():
    shades = [bytes.fromhex(colour(part / 50)[1:]) for part in range(51)]
    lights = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in shades]
    assert lights == sorted(set(lights))
    assert (colour(0), colour(1)) == ("#440154", "#fde725")


def test_a_screen_reader_is_told_the_outcome():
    root = parsed(svg(picture(3)))
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "hgm-title hgm-desc")
    assert root.findtext(f"{SVG}title") == "Run demo: 4 agents, 24 evaluations on builtin"
    assert "hands over agent 3, which passed 0 % of 1 evaluations. The line to it: 0, 1, 3." in root.findtext(
        f"{SVG}desc", ""
    )


def test_it_is_readable_on_dark_pages_and_needs_nothing_else():
    text = svg(picture())
    assert "prefers-color-scheme: dark" in text
    assert text.count("http") == 1, "only the namespace"


def test_the_offline_backbone_is_not_passed_off_as_a_language_model():
    remark = "not a language model"
    assert any(remark in text for text in texts(parsed(svg(picture()))))
    assert not any(remark in text for text in texts(parsed(svg(picture(backbone="openai/gpt-5")))))


def test_names_are_text_and_never_markup():
    odd = picture(backbone=HOSTILE, brief=HOSTILE) | {"run": HOSTILE, "benchmark": HOSTILE, "policy": HOSTILE}
    root = parsed(svg(odd))
    assert not list(root.iter(f"{SVG}script"))
    assert circles(root)[1].findtext(f"{SVG}title", "").endswith(SHOWN)
    assert root.findtext(f"{SVG}title", "").startswith(f"Run {SHOWN[:39]}…:")


@given(st.text(st.characters(), max_size=50))
def test_any_text_comes_back(text):
    tip = circles(parsed(svg(picture(brief=f"<{text}>"))))[1].findtext(f"{SVG}title", "")
    assert all(line.isprintable() for line in tip.split("\n"))
    assert tip.count("\n") == 2, "a brief cannot pass for a line of ours"
    if text.isprintable():
        assert tip.endswith(f"\n<{text}>")


def test_long_text_is_cut():
    tip = circles(parsed(svg(picture(brief="x" * 301))))[1].findtext(f"{SVG}title", "")
    assert tip.endswith("\n" + "x" * 299 + "…")


def test_one_agent_is_a_picture():
    root = parsed(svg(whole([node(0, None, 0, [], 0, 0)])))
    assert len(circles(root)) == 1
    assert "Run demo: 1 agent, 0 evaluations on builtin" in texts(root)


@pytest.mark.parametrize("make", [chain, star])
@pytest.mark.parametrize("number", [2, 300, 10_000])
def test_no_two_agents_share_a_place_and_all_are_inside(make, number):
    root = parsed(svg(make(number)))
    places = [place(circle) for circle in circles(root)]
    _, _, width, height = map(float, root.get("viewBox", "").split())
    assert len(set(places)) == number
    assert all(0 < x < width and 0 < y < height for x, y in places)
    assert max(width, height) < 37_000
    assert f"{number - 1}  50 % of 2" in texts(root), "the one handed over has its label always"


def test_the_same_document_gives_the_same_picture():
    assert svg(picture()) == svg(picture())
