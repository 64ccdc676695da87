"""How instructions are read: what, when, whether; and how many of them are followed."""

from random import Random

import pytest

from hgm.backbones.builtin.habits import Act, Rule, When, heeded, read_rules, write_line


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("Run the tests.", Rule(Act.TEST, When.ALWAYS, True)),
        ("- Run the tests after each edit.", Rule(Act.TEST, When.AFTER_EDIT, True)),
        ("Do not run the tests.", Rule(Act.TEST, When.ALWAYS, False)),
        ("Never run the tests after every change.", Rule(Act.TEST, When.AFTER_EDIT, False)),
        ("Read the files before you change anything.", Rule(Act.READ, When.BEFORE_EDIT, True)),
        ("Undo the last edit when the tests fail.", Rule(Act.UNDO, When.TEST_FAILED, True)),
        ("Revert your last change if a test still fails.", Rule(Act.UNDO, When.TEST_FAILED, True)),
        ("Stop when the tests pass.", Rule(Act.STOP, When.TEST_PASSED, True)),
        ("Don't repeat the same edit.", Rule(Act.REPEAT, When.ALWAYS, False)),
        ("Run the tests before you stop.", Rule(Act.TEST, When.BEFORE_STOP, True)),
        ("Read the whole file when the output is cut.", Rule(Act.READ, When.CUT, True)),
        ("Do not change the tests.", None),
        ("The weather is fine.", None),
    ],
)
def test_a_line_is_an_act_an_occasion_and_a_wish(line, rule):
    assert read_rules(line) == ((rule,) if rule else (), 1)


def test_an_occasion_may_come_first():
    rules, _ = read_rules("If a test still fails, revert your last change.")
    assert rules == (Rule(Act.UNDO, When.TEST_FAILED, True),)


def test_instead_of_forbids_what_follows():
    rules, _ = read_rules("Run the tests instead of reading or opening: look at the file.")
    assert rules[0] == Rule(Act.TEST, When.ALWAYS, True)
    assert not any(rule.wanted for rule in rules[1:])


def follows(extra):
    text = "\n".join(["Run the tests.", *(f"Filler number {number}." for number in range(extra))])
    rules, lines = read_rules(text)
    return sum(bool(heeded(rules, lines, Random(seed))) for seed in range(400)) / 400


def test_the_more_lines_the_less_each_is_followed():
    shares = [follows(extra) for extra in (0, 6, 14, 40)]
    assert shares[0] > 0.9
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.15


def test_an_endless_prompt_is_read_in_part():
    rules, lines = read_rules("Run the tests.\n" * 5000)
    assert len(rules) == lines <= 80


def test_lines_it_writes_are_varied_and_mostly_understood():
    written = [write_line(Random(seed)) for seed in range(300)]
    assert len(set(written)) > 150
    understood = [rule for line in written for rule in read_rules(line)[0]]
    assert len(understood) > 150
    assert {rule.act for rule in understood} == set(Act)
    assert {rule.wanted for rule in understood} == {True, False}
