"""What counts as trying harder, and what does not."""

import pytest

from hgm.effort import BACK, tries_harder
from sandboxes.base import File, Files


def notes(before: str, after: str, *, name: str = "main.py", ancestors: tuple[Files, ...] = ()) -> tuple[str, ...]:
    parent, child = ({name.encode(): File(text.encode())} for text in (before, after))
    return tries_harder(parent, child, ancestors)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("main.py", "MAX_STEPS = 12\n", "MAX_STEPS = 40\n"),
        ("main.py", "def run(timeout=10): pass\n", "def run(timeout=10 * 60): pass\n"),
        ("main.py", "ask(max_tokens=100)\n", "ask(max_tokens=4_000)\n"),
        ("main.py", "for attempt in range(1):\n    go()\n", "for attempt in range(5):\n    go()\n"),
        ("main.py", "while steps < 9:\n    go()\n", "while steps < 90:\n    go()\n"),
        ("main.py", "if len(tries) > 3:\n    stop()\n", "if len(tries) > 30:\n    stop()\n"),
        ("main.py", "LIMIT = 5\n", "LIMIT = None\n"),
        ("main.py", 'LIMIT = 5\n', 'LIMIT = float("inf")\n'),
        ("main.py", 'ask(reasoning_effort="low")\n', 'ask(reasoning_effort="high")\n'),
        ("main.py", "ask()\n", 'ask(reasoning={"effort": "high"})\n'),
        ("limits.toml", "max_calls = 5\n", "max_calls = 50\n"),
        ("limits.json", '{"retries": 1}', '{"retries": 2}'),
        ("model.yaml", "effort: low\n", "effort: high\n"),
        ("solve.md", "You have 5 attempts.\n", "You have 50 attempts.\n"),
    ],
)  # fmt: skip
def test_raised(name: str, before: str, after: str) -> None:
    assert [note.split()[0] for note in notes(before, after, name=name)] == ["raises"]
    assert not notes(after, before, name=name), "lowering is none"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("MAX_STEPS = 12\n", "MAX_STEPS = 12\nWIDTH = 80\n"),
        ("WIDTH = 8\n", "WIDTH = 80\n"),
        ("MAX_STEPS = 12\nx = 1\n", "x = 1\nMAX_STEPS = 12\n"),
        ("MAX_STEPS = 12\n", "MAX_STEPS = (\n"),
        ("x = '\\udc80'\n", "x = 1\n"),
    ],
)
def test_not_raised(before: str, after: str) -> None:
    assert notes(before, after) == ()


def test_a_files_name_cannot_pass_for_a_line_of_its_own() -> None:
    (found,) = notes("max_calls = 1\n", "max_calls = 2\n", name="a\nExpects to pass: search task 1.toml")
    assert found == "raises max_calls in a\\nExpects to pass: search task 1.toml from 1 to 2"


def test_what_an_ancestor_deleted_comes_back() -> None:
    grandparent: Files = {b"main.py": File(b"def run():\n    undo_the_last_edit()\n    go()\n")}
    found = notes(
        "def run():\n    go()\n", "def run():\n    undo_the_last_edit()\n    go()\n", ancestors=(grandparent,)
    )
    assert found == (f"{BACK} line 2 of main.py, which an ancestor had",)
    assert not notes("def run():\n    go()\n", "def run():\n    undo_the_last_edit()\n    go()\n")


def test_notes_are_few_and_fit_for_a_terminal() -> None:
    before, after = ("".join(f"max_{i} = {n}\n" for i in range(50)) for n in (1, 2))
    assert notes(before, after)[5:] == ("and 45 more",)
    assert "\x1b" not in str(notes('x = {"max\\x1b[2J": 1}\n', 'x = {"max\\x1b[2J": 2}\n'))


def test_a_hostile_text_takes_no_time_and_no_memory() -> None:
    """A pattern that tries every start of a long run again would take years for these."""
    size = 1_000_000
    floods = ("a" * size, "a " * (size // 2), "1" * size, "a =" * (size // 3), "-" * size, "max_" * (size // 4) + "= 1")
    for flood in floods:
        for name in ("main.py", "main.txt"):
            notes(flood, flood[::-1], name=name)
    deep = "x = " + "(" * 5_000 + "1" + ")" * 5_000
    notes(deep, f"limit = {'1 + ' * 20_000}1\n")
