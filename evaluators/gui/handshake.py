"""A page of one button that belongs to no benchmark: what an agent must cope with before it is measured on any."""

from evaluators.base import Played, Split, Task

PAGE = "handshake"
"""The page, which the stage brings itself."""
TASK = Task(
    id="handshake",
    benchmark="",
    split=Split.DEV,
    statement="Do what the page in the browser asks for.",
    workspace={},
    test_command=(),
    grading=Played(page=PAGE, seed=0, steps=8),
    reference={},
)
