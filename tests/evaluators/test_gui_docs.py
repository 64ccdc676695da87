"""docs/gui.md lists what the code has."""

import re
from pathlib import Path

from evaluators.gui.actions import ACTIONS
from evaluators.gui.pages import EXCLUDED

PAGE = (Path(__file__).parents[2] / "docs" / "gui.md").read_text()


def first_cells(heading: str) -> set[str]:
    """The words in code in the first column of a section's table."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_every_action_is_in_the_docs_and_no_other():
    assert first_cells("What an agent does") == set(ACTIONS)


def test_every_parameter_is_too():
    section = PAGE.partition("\n## What an agent does\n")[2]
    assert all(f"`{each.name}`" in section for action in ACTIONS.values() for each in action.parameters)


def test_every_page_that_is_left_out_is_in_the_docs_and_no_other():
    assert first_cells("What is left out") == set(EXCLUDED)
