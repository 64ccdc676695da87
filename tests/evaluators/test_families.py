import ast
from random import Random

import pytest

from evaluators import bugs, guarded
from evaluators.builtin import _pool
from evaluators.families import FAMILIES, Draft
from evaluators.program_text import Text, apply

SEEDS = 24


@pytest.fixture(scope="module")
def drafts() -> dict[str, list[Draft]]:
    return {name: [family(Random(f"{name} {seed}")) for seed in range(SEEDS)] for name, family in FAMILIES.items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_correct_programs_handle_all_their_inputs(name, drafts):
    for seed, draft in enumerate(drafts[name]):
        cases, runs = _pool(draft, Random(seed))
        assert len(cases) >= 10
        assert all(run.value for run in runs)


@pytest.mark.parametrize("name", FAMILIES)
def test_programs_differ_in_their_code_and_not_only_in_names(name, drafts):
    assert len({draft.source for draft in drafts[name]}) >= SEEDS // 3
    assert len({shape(draft.source) for draft in drafts[name]}) >= 3


def shape(source: str) -> str:
    """The program with all names made equal."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for field in ("id", "name", "arg"):
            if isinstance(getattr(node, field, None), str):
                setattr(node, field, "x")
    return ast.dump(tree)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_mistake_of_a_family_breaks_some_program_of_it(name, drafts):
    """Otherwise it is a slip in the family: a text that never occurs, or a change that changes nothing."""
    numbers = {len(draft.mistakes) for draft in drafts[name]}
    working = sum(breaks(draft, mistake) for draft in drafts[name] for mistake in draft.mistakes)
    assert working >= SEEDS // 4 or numbers == {0}


def breaks(draft, mistake) -> bool:
    if draft.source.count(mistake.old) != 1:
        return False
    cases, right = _pool(draft, Random(1))
    limit = 200 + 20 * max(run.steps for run in right)
    runs = guarded.run_cases(draft.source.replace(mistake.old, mistake.new), draft.function, cases, limit=limit)
    return runs is None or [run.value for run in runs] != [run.value for run in right]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_statement_names_the_function_and_not_its_code(name, drafts):
    for draft in drafts[name]:
        assert f"`{draft.function}(" in draft.intent
        assert "None" not in draft.intent or "None" in draft.source or "null" in draft.source
        assert "{" not in draft.intent.replace('{")"', "").replace('{">"', "") or name in ("brackets", "template")
        assert draft.source.isascii()


@pytest.mark.parametrize("kind", bugs.SINGLE)
def test_every_kind_of_bug_changes_the_program(kind, drafts):
    found = 0
    for name in FAMILIES:
        text = Text(drafts[name][0].source)
        for edit in bugs.edits(text, kind):
            changed = apply(text.source, [edit])
            assert changed != text.source
            found += 1
    assert found >= 20
