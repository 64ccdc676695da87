from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from trees.escape import told_apart
from trees.export.plots import Panel, Point, multiples

SVG = "{http://www.w3.org/2000/svg}"


def panel(title: str, *names: str, shift: float = 0.0) -> Panel:
    points = [Point(100, 0.4 + shift, 0.35 + shift, 0.45 + shift), Point(800, 0.5 + shift, 0.48 + shift, 0.52 + shift)]
    return Panel(title=title, lines=dict.fromkeys(names, points))


def drawn(*panels: Panel) -> ElementTree.Element:
    return ElementTree.fromstring(multiples(panels, title="Scores & more", note="a <note>", positions="cost"))


def test_every_panel_and_line_is_drawn():
    root = drawn(panel("one", "hgm", "a<b"), panel("two", "hgm", "a<b", shift=0.1))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"Scores & more", "a <note>", "one", "two", "hgm", "a<b", "100", "800"} <= {*texts}
    assert len([*root.iter(f"{SVG}circle")]) == 8
    assert "a<b at 800: 0.6000, 0.5800 to 0.6200" in [title.text for title in root.iter(f"{SVG}title")]


def test_all_panels_have_the_same_scale_which_holds_every_interval():
    root = drawn(panel("one", "hgm"), panel("two", "hgm", shift=0.1))
    ticks = [text.text for text in root.iter(f"{SVG}text") if text.get("text-anchor") == "end"]
    assert ticks == 2 * ["0.3", "0.4", "0.5", "0.6", "0.7"]


def test_names_are_made_fit_for_xml():
    root = drawn(panel("a\x1b[31mred", "n\x00"))
    assert not [text.text for text in root.iter() if text.text and ("\x1b" in text.text or "\x00" in text.text)]


def test_long_names_and_titles_are_told_apart():
    options = ["hgm:root_evaluations=0", "hgm:root_evaluations=10"]
    alike = [f"hgm:alpha={'0' * 20}{digit}{'0' * 20}" for digit in "12"]
    long = [f"{'a' * 40}{digit}{'b' * 40}" for digit in "12"]
    root = drawn(*(panel(title, "hgm", *options, *alike) for title in long))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    legend = [text.text for text in root.findall(f"{SVG}text")][-5:]
    assert legend == ["hgm", "hgm:root_…ations=0", "hgm:root_…tions=10", "hgm:alph…0000000 4", "hgm:alph…0000000 5"]
    assert {"a" * 19 + "…" + "b" * 18 + f" {number}" for number in (1, 2)} <= {*texts}


@given(
    st.lists(st.text(st.sampled_from("ab\x1b\n "), max_size=30), min_size=1, max_size=12, unique=True),
    st.integers(8, 20),
)
def test_names_fit_and_none_is_like_another(names, limit):
    shown = told_apart(names, limit)
    assert len({*shown}) == len(names)
    assert all(len(one) <= limit and one.isprintable() for one in shown)
    assert all(one == name for one, name in zip(shown, names, strict=True) if len(name) <= limit and name.isprintable())


def test_one_position_and_differences_of_nothing_can_be_drawn():
    root = drawn(Panel(title="flat", lines={"hgm": [Point(100, 0.0, 0.0, 0.0)]}))
    assert [circle.get("cx") for circle in root.iter(f"{SVG}circle")] == ["125.0"]


def test_many_lines_are_told_apart_by_dashes():
    root = drawn(panel("one", *(f"policy {number}" for number in range(20))))
    looks = {(path.get("stroke"), path.get("stroke-dasharray")) for path in root.findall(f"{SVG}path")}
    assert len(looks) == 20


def test_the_same_values_give_the_same_text():
    panels = [panel("one", "hgm")]
    made = {multiples(panels, title="t", note="n", positions="p") for _ in range(2)}
    assert len(made) == 1
