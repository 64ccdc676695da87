import ast

import pytest

from evaluators import bugs
from evaluators.families.draft import step, structure
from evaluators.program_text import Edit, Text, apply

SOURCE = """\
def f(xs, k):
    total = 0
    for i in range(1, len(xs)):
        if xs[i] > k and i != 3:
            total += xs[i - 1]
            k = max(k, i)
        elif xs[i] == 0:
            total = total * 2
            k -= 1
        else:
            break
    return min(total, k)
"""


def results(kind: str) -> list[str]:
    text = Text(SOURCE)
    return [apply(SOURCE, [edit]) for edit in bugs.edits(text, kind)]


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("comparison", "xs[i] > k", "xs[i] >= k"),
        ("bound", "range(1, len(xs))", "range(1, len(xs) - 1)"),
        ("bound", "xs[i - 1]", "xs[i]"),
        ("constant", "total * 2", "total * 3"),
        ("operator", "total += ", "total -= "),
        ("operator", "> k and i", "> k or i"),
        ("variable", "min(total, k)", "min(total, i)"),
        ("swapped", "max(k, i)", "max(i, k)"),
        ("negation", "elif xs[i] == 0:", "elif not (xs[i] == 0):"),
        ("initial", "total = 0", "total = 1"),
        ("call", "min(total, k)", "max(total, k)"),
        ("missing-update", "            k -= 1\n", ""),
        ("misplaced", "    return min(total, k)", "        return min(total, k)"),
        ("missing-branch", SOURCE[SOURCE.index("        elif") : SOURCE.index("    return")], ""),
    ],
)  # fmt: skip
def test_each_kind_makes_the_bug_that_it_is_named_for(kind, old, new):
    assert SOURCE.replace(old, new) in results(kind)


@pytest.mark.parametrize("kind", [*bugs.SINGLE, "missing-branch", "missing-lines"])
def test_bugs_leave_the_other_lines_as_they_were(kind):
    found = results(kind)
    assert found
    for changed in found:
        same = sum(line in changed.splitlines() for line in SOURCE.splitlines())
        assert same >= len(SOURCE.splitlines()) - 6
        assert changed.startswith("def f(xs, k):\n")


def test_most_bugs_parse():
    found = [changed for kind in bugs.SINGLE for changed in results(kind)]
    parsed = 0
    for changed in found:
        try:
            ast.parse(changed)
        except SyntaxError:
            continue
        parsed += 1
    assert parsed >= 0.95 * len(found)


def test_a_variable_is_never_added_to_itself():
    """It would double in every turn of a loop."""
    assert not any("total += total" in changed or "total = total * total" in changed for changed in results("variable"))


def test_a_block_that_loses_its_only_line_keeps_its_form():
    text = Text("def f(x):\n    for i in x:\n        x.sort()\n    return x\n")
    assert [apply(text.source, [edit]) for edit in bugs.edits(text, "missing-update")] == [
        "def f(x):\n    for i in x:\n        pass\n    return x\n"
    ]


def test_edits_are_applied_from_the_end():
    assert apply("abcdef", [Edit(0, 1, "AAA"), Edit(4, 5, "E")]) == "AAAbcdEf"


def test_mistakes_are_used_where_their_text_stands_once():
    text = Text(SOURCE)
    wrong = [step("break", "continue"), step("xs[i]", "xs"), structure("total = 0", "total = []"), step("absent", "")]
    assert [edit.text for edit in bugs.mistakes(text, "wrong-step", wrong)] == ["continue"]
    assert [edit.text for edit in bugs.mistakes(text, "wrong-structure", wrong)] == ["total = []"]
