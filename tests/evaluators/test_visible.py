import subprocess
import sys
from pathlib import Path

import pytest

from evaluators.base import Case
from evaluators.visible import check_file

CASES = [
    Case(args=(1, [2]), expected=3),
    Case(args=(2, [2]), expected=4),
    Case(args=(0, []), expected=0.5, tolerance=0.1),
]


def check(folder: Path, source: str | None, cases=CASES, *, cpu_s: float = 0.2) -> tuple[str, int]:
    (folder / "check.py").write_bytes(check_file("mod.py", "f", cases, cpu_s=cpu_s))
    if source is not None:
        (folder / "mod.py").write_text(source)
    run = subprocess.run([sys.executable, "-S", "check.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    assert sorted(path.name for path in folder.iterdir()) == ["check.py", *(["mod.py"] if source is not None else [])]
    return run.stdout, run.returncode


def test_a_solution_passes_quietly(tmp_path):
    source = "def f(a, b):\n    print('hello')\n    return a + b[0] if b else 0.45\n"
    assert check(tmp_path, source) == ("hello\nhello\nhello\n3 of 3 passed\n", 0)


def test_each_wrong_case_is_one_line(tmp_path):
    assert check(tmp_path, "def f(a, b):\n    return 4\n") == (
        "FAIL f(1, [2]): expected 3, got 4\nFAIL f(0, []): expected 0.5, got 4\n1 of 3 passed\n",
        1,
    )


def test_an_exception_is_shown_with_its_place(tmp_path):
    source = "def g(b):\n    return b[0]\n\n\ndef f(a, b):\n    return a + g(b)\n"
    assert check(tmp_path, source) == (
        '  File "mod.py", line 6, in f\n    return a + g(b)\n  File "mod.py", line 2, in g\n    return b[0]\n'
        "FAIL f(0, []): expected 0.5, raised IndexError: list index out of range\n2 of 3 passed\n",
        1,
    )


def test_an_endless_loop_is_cut_even_if_it_swallows_everything(tmp_path):
    source = """\
def f(a, b):
    while a == 1:
        try:
            while True:
                pass
        except:
            continue
    while a == 2:
        pass
    return 0.5
"""
    output, status = check(tmp_path, source.replace("continue", "raise"))
    assert output == "FAIL f(1, [2]): expected 3, timed out\nFAIL f(2, [2]): expected 4, timed out\n1 of 3 passed\n"
    assert status == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("True", "True"),
        ("1.0", "1.0"),
        ("(x for x in [1, object()])", "[1, <object>]"),
        ("object()", "<object>"),
        ("{1: {2}}", "{1: <set>}"),
        ("lambda: 0", "<function>"),
        ("[1] * 1000", "[" + "1, " * 98 + "1,..."),
        ("type('I', (int,), {})(1)", "<I>"),
    ],
)
def test_no_address_and_no_flood_is_printed(value, shown, tmp_path):
    output, _ = check(tmp_path, f"def f(a):\n    return {value}\n", [Case(args=(1,), expected=1)])
    assert output == f"FAIL f(1): expected 1, got {shown}\n0 of 1 passed\n"


def test_tuples_and_generators_count_as_lists(tmp_path):
    cases = [Case(args=(1,), expected=[1, [2]]), Case(args=(0,), expected=[0, 0])]
    source = "def f(a):\n    return (1, (2,)) if a else (0 for _ in 'ab')\n"
    assert check(tmp_path, source, cases) == ("2 of 2 passed\n", 0)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(:\n", '  File "mod.py", line 1\nFAIL import: SyntaxError: '),
        ("x = 1\ny = x / 0\n", '  File "mod.py", line 2, in <module>\n    y = x / 0\nFAIL import: ZeroDivisionError: '),
        ("g = 1\n", "FAIL import: AttributeError: "),
        (None, "FAIL import: ModuleNotFoundError: "),
    ],
)
def test_a_module_that_does_not_load_says_why(source, said, tmp_path):
    output, status = check(tmp_path, source)
    assert output.startswith(said)
    assert output.endswith("\n0 of 3 passed\n")
    assert status == 1


def test_the_output_is_the_same_in_every_run(tmp_path):
    source = "def f(a, b):\n    return {'a', 'b', 'c', str(id(a))} and [object(), f]\n"
    assert len({check(tmp_path, source) for _ in range(3)}) == 1
