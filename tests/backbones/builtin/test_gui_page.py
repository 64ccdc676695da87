"""A page as it is read: roles, names, states, texts; whatever the lines are."""

from time import process_time

import pytest

from hgm.backbones.builtin import gui_page

PAGE = """\
- generic [active] [ref=e1] [box=0,0,332,210]:
  - text: Username
  - textbox [ref=e2] [box=7,78,128,21]: kim
  - 'link "Tab: #1" [ref=f2e3] [cursor=pointer] [box=7,58,45,23]':
    - /url: "#tabs-1"
  - generic [ref=e4]: "-12"
  - checkbox [checked] [ref=e5]
  - text: News
  - combobox [ref=e6]:
    - option "Pear \\"x\\"" [selected]
    - option "Plum"
  - button "Send" [disabled] [ref=e7]
"""


@pytest.fixture
def page():
    return gui_page.read(PAGE)


def test_elements_have_role_name_state_text_and_place(page):
    link = page.get("f2e3")
    assert (link.role, link.name, link.box, link.pressable) == ("link", "Tab: #1", (7, 58, 45, 23), True)
    assert page.get("e2").text == "kim"
    assert page.get("e4").said == "-12"
    assert page.get("e5").states == {"checked"}
    assert page.get("e7").states == {"disabled"}
    assert [item.name for item in page.inside(page.get("e6"))] == ['Pear "x"', "Plum"]


def test_a_field_is_called_what_stands_beside_it(page):
    assert page.label(page.get("e2")) == "Username"
    assert page.label(page.get("e5")) == "News"


def test_lines_that_are_none_are_left_out():
    assert gui_page.read("Nothing here.\n- this is a list\n- of remarks") is None
    assert gui_page.read(f"The page:\n{PAGE}\n[cut: 30 more characters]").get("e7") is not None
    assert gui_page.read('- button "Se') is None


def test_a_page_without_indentation_is_read_as_well():
    flat = "\n".join(line.strip() for line in PAGE.splitlines())
    assert gui_page.read(flat).get("e7").name == "Send"


HOSTILE = {
    "deep": "\n".join(" " * depth + f"- generic [ref=e{depth}]:" for depth in range(3_000)),
    "wide": "\n".join(f'- button "b" [ref=e{number}]' for number in range(20_000)),
    "a long line": '- button "' + "x" * 200_000,
    "many brackets": "- button " + "[" * 50_000,
    "many states": "- button" + " [a]" * 20_000,
    "many quotes": "- '" + "'" * 50_001 + ":",
    "backslashes": '- button "' + "\\" * 50_001 + '"',
    "control characters": "".join(map(chr, range(32))) * 500 + '\n- button "\x00\x1b[2J\u202e" [ref=e1]',
    "no end": '- button "a" [ref=e1] [box=' + "9" * 40_000,
    "surrogates": '- button "\ud800" [ref=e1]',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_take_no_time(name):
    start = process_time()
    page = gui_page.read(HOSTILE[name])
    if page is not None:
        assert len(page.elements) <= gui_page.MAX_ELEMENTS
        assert [page.label(item) for item in page.elements]
        assert page.silent() is not None
    assert process_time() - start < 0.6
