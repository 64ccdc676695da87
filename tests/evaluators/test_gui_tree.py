"""The text of an observation, read back."""

from evaluators.gui.tree import parsed

TEXT = """\
- generic [active] [ref=e1] [box=0,0,332,210]:
  - tablist [ref=e4] [box=0,50,160,74]:
    - 'tab "Section #2: it''s" [expanded] [ref=e5] [box=4,54,152,18]'
    - link "one \\"two\\"" [ref=e6] [cursor=pointer] [box=7.5,58,45,23]:
      - /url: "#tabs-1"
  - textbox "Name" [disabled] [ref=e7] [box=4,143,128,21]: "10: x"
  - heading [level=2] [ref=e8]: Etti
  - text: plain words
nonsense
"""


def test_elements_have_what_their_line_says():
    root = parsed(TEXT)
    tab, link, field, heading, text = (found for found in root if found.role not in ("generic", "tablist"))
    assert (tab.name, tab.ref, tab.box, tab.marks) == ("Section #2: it's", "e5", (4, 54, 152, 18), {"expanded": ""})
    assert (link.name, link.middle, link.above.role) == ('one "two"', (30, 69.5), "tablist")
    assert (field.name, field.text, "disabled" in field.marks) == ("Name", "10: x", True)
    assert (heading.text, heading.marks, heading.box) == ("Etti", {"level": "2"}, None)
    assert (text.role, text.text, text.ref) == ("text", "plain words", "")


def test_words_are_those_of_all_that_is_below():
    assert parsed(TEXT).words.startswith("Section #2: it's one")
