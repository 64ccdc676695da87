"""What a child may not bring along from the benchmark, and what it may."""

from pathlib import Path

import pytest

from evaluators.base import Case, Compared, Grading, Script, Split, Suite, Task
from evaluators.builtin import BuiltinBenchmark
from hgm.agents_by_name import find_agent
from hgm.leaks import MOST_CHANGED, first_leak, is_too_much, secrets, secrets_of
from sandboxes.base import File, Files

ANSWER = "    return sum(weights[key] * value for key, value in sorted(points.items()))"
SHOWN = "def score(points, weights):\n    total = sum(points.values()) + len(weights)\n    return total\n"
CASES = (
    Case(args=({},), expected={"alpha": [1, 2.5], "beta": None, "gamma": "Xyz"}),
    Case(args=(3,), expected=4817263549),
    Case(args=(4,), expected=1024),
)


def task(task_id: str = "acme__score-1042", grading: Grading | None = None) -> Task:
    return Task(
        id=task_id,
        benchmark="b",
        split=Split.SEALED,
        statement="Repair `score` in score.py.",
        workspace={b"score.py": File(SHOWN.encode())},
        test_command=(),
        grading=grading or Compared(module="score.py", function="score", cases=CASES),
        reference={b"score.py": File(f"import collections.abc as abc\n{SHOWN}{ANSWER}\n".encode())},
    )


SECRETS = secrets([task()])
PARENT: Files = {b"main.py": File(b"x = 1\n")}


def leak(text: str, *, parent: Files = PARENT, path: bytes = b"main.py") -> str:
    found = first_leak(parent, {**parent, path: File(text.encode())}, SECRETS)
    return "" if found is None else f"{found.path.decode()}:{found.line} {found.kind}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"x = 1\ndef f():\n{ANSWER}\n", "main.py:3 a line of a solution"),
        (f"x = 1\nA = {ANSWER!r}\n", "main.py:2 a line of a solution"),
        (f"x = 1\nA = {'def f():' + chr(10) + ANSWER!r}\n", "main.py:2 a line of a solution"),
        (f"x = 1\n{ANSWER.replace('(', '( ').replace(' for', chr(10) + ' for')}\n", "main.py:2 a line of a solution"),
        ("x = 1\nif task == 'acme__score-1042': pass\n", "main.py:2 the name of a task"),
        ("x = 1\n# see logs/acme__score-1042/out.txt\n", "main.py:2 the name of a task"),
        ("x = 1\nA = {'alpha': [1, 2.5], 'beta': None,\n     'gamma': 'Xyz'}\n", "main.py:2 an expected value"),
        ('x = 1\nA = \'{"alpha": [1, 2.5], "beta": null, "gamma": "Xyz"}\'\n', "main.py:2 an expected value"),
        ("x = 1\nif n == 3: return 4817263549\n", "main.py:2 an expected value"),
        ("x = 1\nif n == 4: return 1024\n", ""),
        ("x = 1\ntotal = sum(points.values()) + len(weights)\n", ""),
        ("x = 1\nimport collections.abc as abc\n", ""),
        ("x = 1\nscore = 1042\n", ""),
    ],
)
def test_leaks(text: str, found: str) -> None:
    assert leak(text) == found


def test_what_the_parent_had_is_no_leak_of_the_child() -> None:
    parent: Files = {**PARENT, b"old.py": File(f"# acme__score-1042\n{ANSWER}\n".encode())}
    assert leak(f"# acme__score-1042\n{ANSWER}\n", parent=parent) == ""


def test_the_name_of_a_new_file_counts() -> None:
    assert leak("", path=b"answers/acme__score-1042.py") == "answers/acme__score-1042.py:0 the name of a task"


def test_hidden_tests_by_name_and_content() -> None:
    hidden: Files = {
        b"checks/test_scoring_rules.py": File(b"import score\n\ndef test_a():\n    assert score.score(A, B) == 77\n")
    }
    for grading in (Suite(files=hidden, expected=()), Script(files=hidden)):
        found = secrets([task(grading=grading)])
        for text, kind in (
            ("open('checks/test_scoring_rules.py')", "the name of a hidden test"),
            ("'test_scoring_rules.py'", "the name of a hidden test"),
            ("assert score.score(A, B) == 77", "a line of a hidden test"),
        ):
            place = first_leak(PARENT, {b"main.py": File(text.encode())}, found)
            assert place is not None, text
            assert place.kind == kind


def test_what_many_tasks_share_is_a_convention() -> None:
    hidden: Files = {b"tests/test_behaviour.py": File(b"assert run_the_whole_program() == expected_output\n")}
    tasks = [task(f"acme__task-{number}42", Script(files=hidden)) for number in range(3)]
    child: Files = {b"main.py": File(b"open('tests/test_behaviour.py')\n" + hidden[b"tests/test_behaviour.py"].data)}
    assert first_leak(PARENT, child, secrets(tasks)) is None
    assert first_leak(PARENT, child, secrets(tasks[:1])) is not None


def test_the_seed_agent_holds_nothing_of_the_builtin_benchmark() -> None:
    """An agent that reads like any other is no leak, line by line."""
    known = secrets_of(BuiltinBenchmark())
    assert first_leak({}, find_agent("seed", Path("runs")), known) is None
    assert len(known.words) >= 400


def test_what_is_too_much_to_look_through_is_not_looked_through() -> None:
    assert not is_too_much(PARENT, {**PARENT, b"big": File(b"\n" * MOST_CHANGED)})
    assert is_too_much(PARENT, {**PARENT, b"big": File(b"\n" * MOST_CHANGED), b"more": File(b"\n")})
    big: Files = {b"big": File(b"a-" * (MOST_CHANGED // 2)), **PARENT}
    assert not is_too_much(big, {**big, b"more": File(b"\n")}), "what stays as it was costs nothing"
    assert leak("a-" * (MOST_CHANGED // 2)) == ""
