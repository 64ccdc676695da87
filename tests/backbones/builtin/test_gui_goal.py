"""What a goal is understood to ask for."""

from time import process_time

import pytest

from hgm.backbones.builtin import gui_goal
from hgm.backbones.builtin.gui_goal import Kind


def test_clauses_come_in_their_order():
    clauses = gui_goal.read('Open the "Fruit" section, tick Pear and Plum, then press Save.')
    assert [(item.kind, item.phrases()) for item in clauses] == [
        (Kind.PRESS, ("Fruit",)),
        (Kind.PICK, ("Pear", "Plum")),
        (Kind.PRESS, ("Save",)),
    ]


def test_quoted_texts_are_not_taken_apart():
    clause = gui_goal.read('Enter "salt, then press and stir." into the 2nd field')[0]
    assert clause.quoted == ("salt, then press and stir.",)
    assert (clause.kind, clause.ordinal) == (Kind.TYPE, 2)


def test_each_value_has_what_stands_before_it():
    clause = gui_goal.read('Type the name "kim" and the city "Oslo" into the form')[0]
    assert clause.before == ("Type the name", "and the city")


def test_words_for_kinds_of_elements_are_no_names():
    clause = gui_goal.read("Press the green Help button")[0]
    assert (clause.words, clause.roles, clause.names) == (("green", "Help"), {"button"}, ("Help",))


def test_a_path_is_several_things():
    assert gui_goal.read("Choose File>Export>As text")[0].phrases() == ("File", "Export", "As text")


@pytest.mark.parametrize("goal", ["", "\0" * 900, '"' * 3_000, "and then " * 9_000, "click, " * 9_000, "9st " * 9_000])
def test_hostile_goals_take_no_time(goal):
    start = process_time()
    clauses = gui_goal.read(goal)
    assert len(clauses) <= gui_goal.MAX_CLAUSES
    assert all(len(item.phrases()) <= gui_goal.MAX_PHRASES for item in clauses)
    assert process_time() - start < 0.5
