"""What is no action is refused, in words, before any browser hears of it."""

import json
import math
import re

import pytest

from evaluators.gui.actions import ACTIONS, LONGEST_TEXT, Refusal, checked, listed

SIZE = (332, 214)
GOOD = [
    {"name": "click", "bid": "e4"},
    {"name": "click", "bid": "f12e4", "button": "right", "modifiers": ["Control", "Shift"]},
    {"name": "dblclick", "bid": "e4"},
    {"name": "hover", "bid": "e4"},
    {"name": "fill", "bid": "e4", "value": "javascript:core.endEpisode(1)\n\tß"},
    {"name": "clear", "bid": "e4"},
    {"name": "focus", "bid": "e4"},
    {"name": "press", "bid": "e4", "key_comb": "Control+a"},
    {"name": "select_option", "bid": "e4", "options": ["a", "b"]},
    {"name": "drag_and_drop", "from_bid": "e4", "to_bid": "e5"},
    {"name": "scroll", "delta_x": 0.0, "delta_y": -300.0},
    {"name": "mouse_move", "x": 0.0, "y": 0.0},
    {"name": "mouse_down", "x": 331.0, "y": 213.0},
    {"name": "mouse_up", "x": 1.5, "y": 2.0, "button": "left"},
    {"name": "mouse_click", "x": 1.0, "y": 2.0},
    {"name": "mouse_dblclick", "x": 1.0, "y": 2.0},
    {"name": "mouse_drag_and_drop", "from_x": 1.0, "from_y": 2.0, "to_x": 3.0, "to_y": 4.0},
    {"name": "keyboard_press", "key": "Enter"},
    {"name": "keyboard_type", "text": "hello"},
    {"name": "noop", "wait_ms": 1000.0},
    {"name": "send_msg_to_user", "text": "hello"},
    {"name": "report_infeasible", "reason": "no"},
]


@pytest.mark.parametrize("action", GOOD, ids=lambda action: action["name"])
def test_good_ones_pass_as_they_are(action):
    assert checked(action, SIZE) == action


def test_all_of_them_are_tried_here_and_listed():
    assert {action["name"] for action in GOOD} == set(ACTIONS)
    assert [entry["name"] for entry in json.loads(json.dumps(listed()))] == list(ACTIONS)


@pytest.mark.parametrize("name", ["goto", "go_back", "new_tab", "tab_close", "upload_file", "evaluate", "python", ""])
def test_there_are_no_addresses_scripts_tabs_or_files(name):
    with pytest.raises(Refusal, match="no such action; there are click"):
        checked({"name": name, "url": "javascript:core.endEpisode(1)"}, SIZE)


@pytest.mark.parametrize(
    "bid",
    ["e4 >> css=body", "css=button", "e", "4", "e4\n", "aria-ref=e4", "e4;", "f1", "", None, 4, ["e4"], "e" + "1" * 9],
)
def test_a_selector_is_no_ref(bid):
    with pytest.raises(Refusal, match="bid"):
        checked({"name": "click", "bid": bid}, SIZE)


@pytest.mark.parametrize("x", [-1, 332, math.nan, math.inf, 10**400, "1", True, None, [1]])
def test_places_are_numbers_inside(x):
    with pytest.raises(Refusal):
        checked({"name": "mouse_click", "x": x, "y": 1}, SIZE)


@pytest.mark.parametrize(
    "key",
    [
        *("F5", "F12", "Alt+ArrowLeft", "Alt+F4", "Meta+l", "Control+t", "Control+n", "Control+w", "Control+l"),
        *(
            "Control+Shift+i",
            "Control+Shift+j",
            "Control+Shift+c",
            "Control+p",
            "Control+u+x",
            "Control+r",
            "Control+Tab",
        ),
        *(
            "BrowserBack",
            "ContextMenu",
            "",
            "Enter Enter",
            "ab",
            "Shift+é",
            "é",
            "٣",
            "Control+",
            "++",
            "Control+Control",
            5,
            None,
            "\n",
        ),
        *("Control+PageDown", "Control+Enter", "Control+o", "Control+s", "Control+j", "Control+h", "Control+Shift+t"),
    ],
)
def test_keys_of_the_browsers_own_are_refused(key):
    for action in ({"name": "keyboard_press", "key": key}, {"name": "press", "bid": "e1", "key_comb": key}):
        with pytest.raises(Refusal):
            checked(action, SIZE)


@pytest.mark.parametrize(
    ("key", "made"),
    [
        *(("a", "a"), ("+", "+"), ("Shift+Tab", "Shift+Tab"), ("ControlOrMeta+a", "Control+a"), ("~", "~")),
        *(("Shift+Control+z", "Control+Shift+z"), ("Control+A", "Control+A"), ("Shift++", "Shift++")),
    ],
)
def test_keys_that_edit_are_not(key, made):
    assert checked({"name": "keyboard_press", "key": key}, SIZE)["key"] == made


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (None, "an action is an object"),
        ("click('e4')", "an action is an object"),
        ([], "an action is an object"),
        ({}, "an action is an object"),
        ({"name": ["click"]}, "an action is an object"),
        ({"name": "click"}, "click needs bid"),
        ({"name": "click", "bid": "e4", "selector": "x"}, "takes bid, button, modifiers, and nothing else"),
        ({"name": "click", "bid": "e4", "button": "middle"}, "the middle one opens windows"),
        ({"name": "click", "bid": "e4", "button": ["left"]}, "it has to be one of"),
        ({"name": "click", "bid": "e4", "modifiers": ["Alt"]}, "modifiers: it has to be a list"),
        ({"name": "click", "bid": "e4", "modifiers": "Control"}, "modifiers: it has to be a list"),
        ({"name": "click", "bid": "e4", "modifiers": [["Control"]]}, "modifiers: it has to be a list"),
        ({"name": "fill", "bid": "e4", "value": "x" * (LONGEST_TEXT + 1)}, "2001 characters"),
        ({"name": "keyboard_type", "text": "x" * 501}, "501 characters, and 500 are allowed"),
        ({"name": "fill", "bid": "e4", "value": 4}, "it has to be text"),
        ({"name": "fill", "bid": "e4", "value": "\x1b"}, "cannot be typed"),
        ({"name": "fill", "bid": "e4", "value": "\ud800"}, "cannot be typed"),
        ({"name": "select_option", "bid": "e4", "options": [["a"]]}, "it has to be text"),
        ({"name": "select_option", "bid": "e4", "options": ["a"] * 51}, "at most 50"),
        ({"name": "noop", "wait_ms": 1001}, "from 0 to 1000"),
        ({"name": "scroll", "delta_x": 0, "delta_y": 1e9}, "from -10000 to 10000"),
    ],
)
def test_all_else_says_why(action, why):
    with pytest.raises(Refusal, match=re.escape(why)):
        checked(action, SIZE)
