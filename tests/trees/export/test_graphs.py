"""Trees for programs that work on graphs, read back by networkx and by graphviz."""

import io
import json
import re
import shutil
import subprocess
from xml.etree import ElementTree

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trees.export.test_table import document, node
from trees.export.graphs import dot, graphml
from trees.export.table import facts

HOSTILE = '\x00\x1b[2J\x9b\r\n\t"q" \\N \\ \\" <b>b</b> ]]> &lt; &#x202e; R&D \udcff\u202e\ufffe\u2028 größe'
SHOWN = '\\x00\\x1b[2J\\x9b\\r\n\t"q" \\N \\ \\" <b>b</b> ]]> &lt; &#x202e; R&D \\udcff\\u202e\\ufffe\\u2028 größe'
ONE_LINE = SHOWN.replace("\n", "\\n").replace("\t", "\\t").replace("&lt;", "＆lt;").replace("&#x", "＆#x")
LABELS = ["0  33 % of 3", "1  55 % of 20", "2  not measured", "3  0 % of 1"]
graphviz = pytest.mark.skipif(
    shutil.which("dot") is None, reason="graphviz is not installed (apt-get install graphviz)"
)


def many(number: int) -> dict:
    """Every node has up to two children."""
    children = [[n for n in (2 * i + 1, 2 * i + 2) if n < number] for i in range(number)]
    nodes = [
        node(i, (i - 1) // 2 if i else None, (i + 1).bit_length() - 1, children[i], i % 4, 1) for i in range(number)
    ]
    return {"run": "many", "benchmark": "builtin", "best": number - 1, "nodes": nodes}


def read_graphml(text: str) -> networkx.DiGraph:
    return networkx.read_graphml(io.BytesIO(text.encode()), node_type=int)


def graphviz_says(text: str, *flags: str) -> str:
    done = subprocess.run(["dot", *flags], input=text.encode(), capture_output=True, timeout=120, check=True)
    assert not done.stderr
    return done.stdout.decode()


def drawn(text: str) -> dict:
    """Node -> its attributes, as graphviz understands them."""
    return {item["name"]: item for item in json.loads(graphviz_says(text, "-Tdot_json"))["objects"]}


def arrows(text: str) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in re.findall(r"^\s*(\d+) -> (\d+)", text, re.MULTILINE)]


def test_graphml_says_what_the_table_says():
    graph = read_graphml(graphml(document()))
    assert graph.graph.items() >= {"run": "demo", "benchmark": "builtin", "best": 1}.items()
    assert sorted(graph.edges) == [(0, 1), (0, 2), (1, 3)]
    for one, label in zip(document()["nodes"], LABELS, strict=True):
        known = {name: value for name, value in facts(one, best=1).items() if value is not None}
        known = {name: value for name, value in known.items() if name not in ("id", "parent")}
        assert {"brief": ""} | graph.nodes[one["id"]] == known | {"label": label}
    assert [number for number, found in graph.nodes(data=True) if found["is_best"]] == [1]


def test_graphml_keeps_hostile_text_and_shows_what_is_hidden():
    odd = document(brief=HOSTILE, mode=HOSTILE) | {"run": HOSTILE, "benchmark": HOSTILE}
    graph = read_graphml(graphml(odd))
    found = (graph.nodes[1]["brief"], graph.nodes[1]["mode"], graph.graph["run"], graph.graph["benchmark"])
    assert found == (SHOWN,) * 4


@given(st.text(st.characters(), max_size=50))
def test_any_text_comes_back_from_graphml(text):
    brief = read_graphml(graphml(document(brief=f"<{text}>"))).nodes[1]["brief"]
    assert all(character in "\n\t" or character.isprintable() for character in brief)
    if text.isprintable():
        assert brief == f"<{text}>"


def test_numbers_written_as_whole_ones_do_not_split_a_column():
    changed = document()
    changed["nodes"][0]["cost"] = {"usd": 0, "tokens": 0, "seconds": 0.5}
    changed["nodes"][1]["cost"] = {"usd": 0.25, "tokens": 0, "seconds": 1}
    keys = [key.get("id") for key in ElementTree.fromstring(graphml(changed)) if key.tag.endswith("key")]
    assert len(keys) == len(set(keys))
    graph = read_graphml(graphml(changed))
    assert (graph.nodes[0]["usd"], graph.nodes[1]["seconds"]) == (0.0, 1.0)


@pytest.mark.parametrize("number", [1, 10_000])
def test_graphml_of_one_node_and_of_ten_thousand(number):
    graph = read_graphml(graphml(many(number)))
    assert len(graph) == number
    assert set(graph.edges) == {((i - 1) // 2, i) for i in range(1, number)}


@pytest.mark.parametrize("number", [1, 10_000])
def test_dot_has_every_node_and_edge_once(number):
    text = dot(many(number))
    assert re.findall(r"^  (\d+) \[", text, re.MULTILINE) == [str(i) for i in range(number)]
    assert arrows(text) == [((i - 1) // 2, i) for i in range(1, number)]


def test_dot_is_one_statement_a_line_whatever_is_in_it():
    odd = document(brief=HOSTILE + "\x85\u2029") | {"run": HOSTILE}
    assert len(dot(odd).splitlines()) == len(dot(document()).splitlines())
    assert "…" in dot(document(brief="x" * 301))
    assert "x" * 300 not in dot(document(brief="x" * 301))
    assert f'"{"x" * 300}"' in dot(document(brief="x" * 300))


@graphviz
def test_graphviz_draws_the_tree():
    svg = graphviz_says(dot(document()), "-Tsvg")
    root = ElementTree.fromstring(svg)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    plain = {text.replace("\xa0", " ") for text in texts if text}
    assert plain == {"Run demo: 4 agents, 24 evaluations on builtin", *LABELS}
    assert sorted(re.findall(r"<title>(\d)&#45;&gt;(\d)</title>", svg)) == [("0", "1"), ("0", "2"), ("1", "3")]


@graphviz
def test_graphviz_sees_the_agent_handed_over():
    text = dot(document())
    assert [name for name, item in drawn(text).items() if item.get("peripheries") == "2"] == ["1"]
    edges = json.loads(graphviz_says(text, "-Tdot_json"))["edges"]
    thick = [(edge["tail"], edge["head"]) for edge in edges if edge.get("penwidth") == "4"]
    assert thick == [(0, 1)]


@graphviz
def test_graphviz_shows_hostile_text_as_text():
    svg = graphviz_says(dot(document(brief=HOSTILE) | {"run": "</text>&#x202e;\\G\"'"}), "-Tsvg")
    root = ElementTree.fromstring(svg)
    tips = [element.get("{http://www.w3.org/1999/xlink}title") for element in root.iter()]
    assert ONE_LINE in tips
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any(text.startswith("Run </text>＆#x202e;\\G\"':") for text in texts)


@graphviz
def test_graphviz_reads_any_text_as_written():
    texts = [
        f"{a}{b}{c}" for a in ("", "\\", '"', "<", "&") for b in ("\\", '"', "<b>", "x\n") for c in (">", "\\", '"')
    ]
    nodes = [node(0, None, 0, list(range(1, len(texts) + 1)), 1, 1)]
    nodes += [node(i, 0, 1, [], 1, 1) | {"brief": text} for i, text in enumerate(texts, start=1)]
    svg = graphviz_says(dot({"run": "demo", "benchmark": "b", "best": 0, "nodes": nodes}), "-Tsvg")
    tips = {element.get("{http://www.w3.org/1999/xlink}title") for element in ElementTree.fromstring(svg).iter()}
    assert {text.replace("\n", "\\n") for text in texts} <= tips


@graphviz
def test_graphviz_reads_ten_thousand():
    # Reading only: laying them out takes minutes.
    done = subprocess.run(["nop"], input=dot(many(10_000)).encode(), capture_output=True, timeout=120, check=True)
    assert not done.stderr
    assert len(arrows(done.stdout.decode())) == 9_999
