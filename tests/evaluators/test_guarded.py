import json

import pytest

from evaluators.guarded import plain, run_cases


def values(source: str, *arguments: object, limit: int = 5000) -> list[str]:
    return [run.value for run in run_cases(source, "f", [json.dumps(args) for args in arguments], limit=limit)]


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n        pass",
        "return f(x)",
        "for i in x:\n        x.append(i)",
        's = "ab"\n    while True:\n        s += s',
        's = "ab"\n    while True:\n        s = s + s',
        's = "ab"\n    while True:\n        s = s * 9',
        's = "ab"\n    while True:\n        s *= 9',
        "n = 3\n    while True:\n        n = n * n",
        "n = 3\n    while True:\n        n *= n",
        'return len("a" * 10**9)',
        "return [0] * 10**10",
        "return [i for i in range(10**9)]",
        "return sum(range(10**9))",
        "while True:\n        try:\n            f(x)\n        except Exception:\n            pass",
    ],
)
def test_endless_programs_end_with_nothing(body):
    assert values(f"def f(x):\n    {body}\n", [[1, 2]]) == [""]


def test_counting_changes_no_result():
    source = """\
def f(xs):
    total = 0
    shared = xs
    shared += [7]
    for x in xs:
        total += x * 2
    return [total, [x + 1 for x in xs], "a" * 3 + "b", xs * 2, -3 * 4.5]
"""
    scope: dict = {}
    exec(source, scope)  # noqa: S102 - our own text
    assert values(source, [[1, 2]]) == [json.dumps(scope["f"]([1, 2]))]


def test_steps_do_not_depend_on_earlier_cases():
    runs = run_cases("def f(n):\n    for i in range(n):\n        pass\n    return n\n", "f", ["[50]", "[50]"], limit=99)
    assert runs[0] == runs[1]
    assert runs[0].value == "50"


def test_every_case_gets_arguments_of_its_own():
    assert values("def f(x):\n    x.append(1)\n    return x\n", [[]], [[]]) == ["[1]", "[1]"]


def test_a_program_that_does_not_load_is_told_from_one_that_fails():
    assert run_cases("import nothing_of_the_kind\n", "f", ["[]"], limit=10) is None
    assert values("x = 1\n", []) == [""]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1: 2}, {1, 2}, b"x", object(), type("I", (int,), {})(3)]
)
def test_only_built_in_json_is_plain(value):
    with pytest.raises(TypeError):
        plain([value])


def test_tuples_become_lists():
    assert plain({"a": (1, (2.5, None)), "b": True}) == {"a": [1, [2.5, None]], "b": True}
