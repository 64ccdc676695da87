"""What the model knows nothing of: the programs it is tried on."""

import ast
import re
import sys
from pathlib import Path
from random import Random

import evaluators
import hgm
from evaluators.families import FAMILIES
from evaluators.gui.families import FAMILY_OF
from hgm.backbones.builtin import model

EVALUATORS = Path(evaluators.__file__).parent
PLAIN = frozenset(
    re.findall(
        r"\w+",
        "__init__ answer below bounded cache change check columns cut described digits execute fill find finished "
        "follow get groups index later letters load machine main numbers pairs paths plain position put render same "
        "shares show small suggest summary texts tick turn unique visit where",
    )
)
"""Everyday words of English, of programming and of forms that name a function of some task too. Longer lists need a
reason."""


def names():
    """What families, generated functions, tasks, their files and the functions in them are called; graders aside."""
    yield from FAMILIES
    yield from (path.stem for path in (EVALUATORS / "families").glob("*.py"))
    yield from (family(Random(seed)).function for family in FAMILIES.values() for seed in range(12))
    for path in (EVALUATORS / "tasks").rglob("*.py"):
        yield from (path.relative_to(EVALUATORS / "tasks").parts[0], path.stem)
        if path.name == "grade.py":
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                yield node.name


def test_no_name_of_a_task_is_a_word_of_the_backbone():
    known = set(names())
    assert len(known) > 200
    text = "\n".join(path.read_text() for path in Path(model.__file__).parent.glob("*.py"))
    words = set(re.findall(r"[A-Za-z]\w*", text))
    assert sorted(known & words - PLAIN) == []


def test_no_page_is_named_in_the_backbone_or_in_the_agent_that_it_drives():
    places = [Path(model.__file__).parent, Path(hgm.__file__).parent / "agents" / "gui_seed"]
    text = "\n".join(path.read_text() for place in places for path in place.rglob("*") if path.suffix in (".py", ".md"))
    assert [name for name in (*FAMILY_OF, *FAMILY_OF.values()) if "-" in name and name in text] == []


def test_the_backbone_imports_nothing_but_itself_errors_and_the_standard_library():
    for path in Path(model.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            for name in imported(node):
                top = name.partition(".")[0]
                assert top in sys.stdlib_module_names or name.startswith(("hgm.backbones.builtin", "hgm.errors"))


def imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
