"""What the rules do on small pages made by hand, and what they live on."""

from time import process_time

import pytest

from hgm.backbones.builtin import gui_match, gui_places
from hgm.backbones.builtin.wire import render
from tests.backbones.builtin.pages import PROMPT, ask, conversation, did, moves, turn, usual

SHOP = """\
- heading "Shop" [ref=e1] [box=0,0,300,20]
- button "Cancel" [ref=e2] [box=0,20,50,20]
- button "Order" [ref=e3] [box=60,20,50,20]
- link "Help" [ref=e4] [cursor=pointer] [box=120,20,30,20]
"""
FORM = """\
- generic [ref=e1]: City
- textbox [ref=e2]
- generic [ref=e3]: Name
- textbox [ref=e4]
- button "Save" [ref=e5]
"""
TICKS = """\
- checkbox "pear" [ref=e1]
- checkbox "plum" [ref=e2]
- checkbox "fig" [ref=e3]
- button "Save" [ref=e4]
"""
LIST = """\
- combobox [ref=e1]:
  - option "Red" [selected]
  - option "Blue"
- button "Save" [ref=e2]
"""


def test_what_is_named_is_pressed():
    assert usual("Click the Order button.", SHOP) == "click e3"
    assert usual('Press "Help".', SHOP) == "click e4"
    assert usual("Click the link.", SHOP) == "click e4"


def test_what_was_done_is_not_done_again():
    goal = 'Click "Order", then click "Help".'
    assert usual(goal, SHOP) == "click e3"
    assert usual(goal, SHOP, did("click", note="Order", bid="e3")) == "click e4"


def test_values_go_where_they_belong():
    goal = 'Enter the name "kim" and the city "Oslo", then press Save.'
    assert usual(goal, FORM) == "fill e4 kim"
    named = FORM.replace("[ref=e4]", "[ref=e4]: kim")
    assert usual(goal, named) == "fill e2 Oslo"
    assert usual(goal, named.replace("[ref=e2]", "[ref=e2]: Oslo")) == "click e5"


def test_a_value_is_changed_as_asked():
    assert usual('Type "KIM" in lower case letters into the 2nd field.', FORM) == "fill e4 kim"


def test_what_is_listed_is_ticked_once():
    goal = "Select pear, fig and click Save."
    assert usual(goal, TICKS) == "click e1"
    ticked = TICKS.replace('"pear"', '"pear" [checked]')
    assert usual(goal, ticked) == "click e3"
    assert usual(goal, ticked.replace('"fig"', '"fig" [checked]')) == "click e4"
    assert usual("Select nothing and click Save.", TICKS) == "click e4"


def test_an_option_is_chosen_by_its_list():
    assert usual("Choose Blue from the list and press Save.", LIST) == "select_option e1"
    assert usual("Choose Red from the list and press Save.", LIST) == "click e2"


def test_a_table_is_looked_up():
    page = '- row [ref=e1]:\n  - cell "Price" [ref=e2]\n  - cell "12" [ref=e3]\n'
    page += '- row [ref=e4]:\n  - cell "Colour" [ref=e5]\n  - cell "mauve" [ref=e6]\n- textbox [ref=e7]\n'
    assert usual("Enter the value of Colour into the field.", page) == "fill e7 mauve"


def test_text_is_copied_with_the_keys_for_it():
    page = "- textbox [ref=e1]: tra la\n- textbox [ref=e2]\n"
    goal = "Copy the text of the first field and paste it into the other."
    done = did("press", bid="e1", key_comb="Control+a")
    assert usual(goal, page) == "press e1 Control+a"
    assert usual(goal, page, done) == "press e1 Control+c"
    assert usual(goal, page, done, did("press", bid="e1", key_comb="Control+c")) == "press e2 Control+v"


def test_things_are_dragged_to_their_places():
    page = "".join(f"- listitem [ref=e{n}]: {text}\n" for n, text in enumerate(("Ann", "Bob", "Cy"), 1))
    assert usual("Drag Ann to the 3rd position.", page) == "drag_and_drop e1 e3"
    numbers = "".join(f'- listitem [ref=e{n}]: "{value}"\n' for n, value in enumerate((7, -2, 5), 1))
    assert usual("Sort the numbers in increasing order.", numbers) == "drag_and_drop e2 e1"
    assert usual("Pick the greatest number.", numbers) == "click e1"


def test_a_condition_is_waited_for():
    page = '- generic [ref=e1]: "Price: $30"\n- button "Buy" [ref=e2]\n'
    assert usual("Buy it when the price is less than $20.", page) == "noop"
    assert usual("Buy it when the price is less than $40.", page) == "click e2"


def test_other_parts_of_the_page_are_opened_where_a_thing_is_not_seen():
    page = '- tab "One" [selected] [ref=e1]\n- tab "Two" [ref=e2]\n- button "Undo" [ref=e3]\n'
    assert moves('Click "Delete".', page).get("click e2", 0) >= 10
    asked = f"{PROMPT}\nIf it is not on the page, open another tab."
    assert moves('Click "Delete".', page, prompt=asked)["click e2"] > moves('Click "Delete".', page)["click e2"]


def test_a_word_in_a_text_is_aimed_at():
    text = "Here are some words of which one only is meant, and more that are not."
    page = turn("", f"- paragraph [ref=e1] [box=10,20,150,33]: {text}\n").page
    for seed in range(5):
        x, y = gui_places.word(page, "Here", turn("", "- paragraph [ref=e1]", seed=seed).rng)
        assert 10 <= x <= 45
        assert 20 <= y <= 31
    assert gui_places.word(page, "her", turn("", "- paragraph [ref=e1]").rng) is None


def test_with_more_to_read_it_is_less_sure():
    page = turn("", TICKS).page
    scored = gui_match.find(page, "plum", page.elements)
    scored += gui_match.find(page, "pear", page.elements[:1])
    wrong = {
        size: sum(gui_match.choose([*scored, (0.6, page.elements[2])], turn("", TICKS, seed=n).rng, size=size, care=1.0)
                  is not page.elements[1] for n in range(300))
        for size in (500, 30_000, 90_000)
    }  # fmt: skip
    assert wrong[500] < wrong[30_000] < wrong[90_000]


def test_an_action_that_the_agent_does_not_offer_is_not_taken():
    assert set(moves("Choose Blue from the list.", LIST, names=["click"])) <= {"click e1", "click e2", ""}


def test_it_only_talks_without_a_page():
    assert ask("Click it.", "").tool == ""


@pytest.mark.parametrize("goal", ["Click the Order button.", "Find what is not there.", ""])
def test_the_same_request_gets_the_same_answer(goal):
    for seed in range(5):
        request = conversation(goal, SHOP, did("noop"), seed=seed)
        replies = {render(request, ask(goal, SHOP, did("noop"), seed=seed)) for _ in range(3)}
        assert len(replies) == 1


NAMES = " ".join(f"lorem{number}" for number in range(40))
GOALS = {
    "many clauses": "Select " + ", ".join(f"lorem{n} ipsum{n}" for n in range(60)) + " and click " * 40 + "Save.",
    "many values": 'Enter "a" "b" "c" ' * 90,
    "not a word": "\x00\x1b[2J \u202e" * 400,
}
PAGES = {
    "many names": "\n".join(f'- button "{NAMES} {number}" [ref=e{number}]' for number in range(900)),
    "many silent": "\n".join(f"{' ' * depth}- generic [ref=e{depth}] [cursor=pointer]:" for depth in range(190)) * 4,
    "many lists": "\n".join(f'- combobox [ref=e{n}]:\n  - option "x{n}"\n  - option "y{n}"' for n in range(300)),
    "many fields": "\n".join(f"- textbox [ref=e{number}]: lorem ipsum" for number in range(900)),
    "one text": f"- paragraph [ref=e1] [box=0,0,300,9000]: {'lorem ipsum ' * 4_000}",
    "many numbers": "\n".join(f'- listitem [ref=e{n}] [box=1,1,1,1]: "{-n}"' for n in range(900)),
    "control characters": '- button "\x00\x07\x1b[31m\u202e" [ref=e1]\n' * 900,
}


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("page", PAGES)
def test_the_work_for_a_hostile_page_is_bounded(goal, page):
    start = process_time()
    ask(GOALS[goal], PAGES[page], *[did("click", bid=f"e{number}") for number in range(300)])
    assert process_time() - start < 1.5


@pytest.mark.parametrize(
    "goal", ["Sort the numbers in increasing order.", "Drag -5 to the 3rd position.", "Copy the text."]
)
def test_other_skills_are_bounded_too(goal):
    start = process_time()
    for page in PAGES.values():
        ask(goal, page)
    assert process_time() - start < 3.0
