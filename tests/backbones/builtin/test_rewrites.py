"""The grammar of self-modification on real files, cut files and hostile ones."""

import ast
from random import Random

import pytest

from hgm.backbones.builtin import rewrites
from hgm.backbones.builtin.conversation import Sheet
from tests.backbones.builtin.talk import SEED, improving, known

FOREIGN = '''\
import subprocess
from dataclasses import dataclass

@dataclass
class Agent:
    limit: int = 30
    temperature: float = 0.5

    async def run(self, goal, *, verbose=False):
        history = [goal]
        while len(history) < self.limit and not (verbose or goal is None):
            reply = await self.ask(history)
            history.append(reply)
            if reply == "submit":
                break
        return history


def shell(command):
    """Gibt die Ausgabe zurück."""
    done = subprocess.run(command, shell=True, capture_output=True)
    return done.stdout.decode() if done.returncode == 0 else "Fehler – ungültig"
'''
FILES = {
    **{str(path.relative_to(SEED)): path.read_text() for path in [*SEED.glob("*.py"), *SEED.glob("prompts/*.md")]},
    "foreign.py": FOREIGN,
}
WHOLE = {path: Sheet((text,), complete=True) for path, text in FILES.items()}


@pytest.mark.parametrize("path", FILES)
def test_every_rewrite_of_a_whole_file_applies_and_leaves_python(path):
    applied = 0
    found = rewrites.of(path, WHOLE[path], WHOLE, Random(1))
    for rewrite in found[:: 1 + len(found) // 150]:
        edit = rewrites.as_edit(WHOLE[path], rewrite)
        if edit is None:
            continue
        old, new = edit
        assert FILES[path].count(old) == 1
        changed = FILES[path].replace(old, new)
        if path.endswith(".py"):
            ast.parse(changed)
        applied += old != new
    assert applied >= 20


def test_python_is_changed_in_every_family():
    found = {rewrite.family for rewrite in rewrites.of("loop.py", WHOLE["loop.py"], WHOLE, Random(1))}
    assert found == {"constant", "condition", "order", "call", "copy"}
    assert {rewrite.family for rewrite in rewrites.of("p.md", Sheet(("One.\nTwo.\n",), True), {}, Random(1))} == {
        "prompt"
    }


@pytest.mark.parametrize("limit", [300, 900, 1500])
def test_files_that_were_cut_can_be_changed_where_they_were_seen(limit):
    applied = 0
    for path, sheet in known(*improving(limit=limit)).files.items():
        for rewrite in rewrites.of(path, sheet, {}, Random(2))[::8]:
            edit = rewrites.as_edit(sheet, rewrite)
            if edit is not None:
                assert FILES[path].count(edit[0]) >= 1
                assert sheet.count(edit[0]) == 1
                applied += 1
    assert applied > 10


def test_calls_are_to_functions_that_exist():
    found = [item.text for item in rewrites.of("loop.py", WHOLE["loop.py"], WHOLE, Random(1)) if item.family == "call"]
    called = {text.strip().rpartition(" = ")[2].partition("(")[0] for text in found}
    defined = {
        *(node.name for node in ast.parse(FILES["loop.py"]).body if isinstance(node, ast.FunctionDef)),
        *(f"tools.{node.name}" for node in ast.parse(FILES["tools.py"]).body if isinstance(node, ast.FunctionDef)),
    }
    assert called <= defined
    assert any(name.startswith("tools.") for name in called)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\0",
        "def",
        "x = '\ud800'\n",
        "((((" * 3000,
        "x = " + "-" * 500 + "1\n",
        "x = 1\n" * 3000,
        "if True: pass\n" * 2,
        "\r\nx = 1\r\nif x:\r\n    y = 2\r\n",
        "x = 1; y = 2; z = 3\n",
        "é = 'ü' if 'ß' < 'ä' else 0\n",
        "def f(a, /, *b, c=1, **d): return a\n",
        "\tx = 1\n",
        "lambda: (yield)\n",
        "x = 1e999; y = 10 ** 400; z = 1_000j\n",
    ],
)
def test_hostile_text_does_no_harm(text):
    for path in ("a.py", "a.md"):
        sheet = Sheet((text,), complete=True)
        for rewrite in rewrites.of(path, sheet, {path: sheet}, Random(3))[:500]:
            edit = rewrites.as_edit(sheet, rewrite)
            if edit is not None:
                assert text.count(edit[0]) == 1


def test_the_draw_alone_decides():
    both = [rewrites.of("loop.py", WHOLE["loop.py"], WHOLE, Random(5)) for _ in range(2)]
    assert both[0] == both[1]
