# ruff: noqa: E501 - programs as one line of text
"""Exercises of our own in the layout of Exercism's: who solves them passes, and no forgery does."""

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from evaluators.base import Exercise, Split, Task
from evaluators.fetching import fetch
from evaluators.grading import grade_once, grade_reference
from evaluators.languages import LANGUAGES
from evaluators.polyglot import PolyglotBenchmark, recipe
from evaluators.registry import validate
from evaluators.selection import Selection, selected
from hgm.errors import ConfigError, EvaluatorError
from hgm.second_attempt import second_attempt
from sandboxes.base import File, SandboxProvider
from sandboxes.choose import choose
from sandboxes.engine import connect
from sandboxes.images import is_built
from sandboxes.recipes import build
from trees.records import Outcome

GO = {
    "add.go": "package add\n\nfunc Add(a, b int) int { return 0 }\n",
    "add_test.go": """package add

import (
	"fmt"
	"testing"
)

func TestAdd(t *testing.T) {
	if Add(1, 2) != 3 {
		t.Fatalf("Add(1, 2) = %d", Add(1, 2))
	}
}

func TestNothing(t *testing.T) {
	if (Add(0, 5) != 5) != false {
		t.Fatal("nothing")
	}
}

func ExampleAdd() {
	fmt.Println("unended")
	// Output: unended
}
""",
    "bonus_test.go": '//go:build bonus\n\npackage add\n\nimport "testing"\n\nfunc TestBonus(t *testing.T) {}\n',
    "go.mod": "module add\n\ngo 1.18\n",
    ".meta/example.go": "package add\n\nfunc Add(a, b int) int { return a + b }\n",
}
JAVASCRIPT = {
    "add.js": "export const add = (a, b) => {\n  throw new Error('Remove this line');\n};\n",
    "add.spec.js": """import { add } from './add';

describe('add', () => {
  test('adds two', () => expect(add(1, 2)).toEqual(3));
  xtest("it's fine with nothing", () => expect(add(0, 5)).toEqual(5));
});
""",
    "package.json": '{"name": "add", "dependencies": {}}',
    "babel.config.js": "module.exports = {presets: ['@exercism/babel-preset-javascript']};\n",
    ".meta/proof.ci.js": "export const add = (a, b) => a + b;\n",
}
RUST = {
    "src/lib.rs": 'pub fn add(_a: i32, _b: i32) -> i32 {\n    todo!("add")\n}\n',
    "Cargo.toml": '[package]\nedition = "2021"\nname = "add"\nversion = "0.0.0"\n',
    "tests/add.rs": """use add::*;

#[test]
fn two() {
    assert_eq!(add(1, 2), 3);
}

mod more {
    use add::*;

    #[test]
    #[ignore]
    fn nothing() {
        assert_eq!(add(0, 5), 5);
    }
}
""",
    ".meta/example.rs": "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n",
}
JAVA = {
    "src/main/java/Adder.java": "class Adder {\n    int add(int a, int b) {\n        return 0;\n    }\n}\n",
    "src/test/java/AdderTest.java": """import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Test;

public class AdderTest {
    @Test
    public void two() {
        assertThat(new Adder().add(1, 2)).isEqualTo(3);
    }

    @Disabled("Remove to run test")
    @Test
    public void nothing() {
        assertThat(new Adder().add(0, 5)).isEqualTo(5);
    }
}
""",
    "build.gradle": 'dependencies {\n    testImplementation "org.assertj:assertj-core:3.25.1"\n}\n',
    ".meta/src/reference/java/Adder.java": "class Adder {\n    int add(int a, int b) {\n        return a + b;\n    }\n}\n",
}
CPP = {
    "add.cpp": '#include "add.h"\n',
    "add.h": "#pragma once\nnamespace add {}\n",
    "add_test.cpp": """#include "add.h"
#ifdef EXERCISM_TEST_SUITE
#include <catch2/catch.hpp>
#else
#include "test/catch.hpp"
#endif

TEST_CASE("two & more") { REQUIRE(add::add(1, 2) == 3); }

#if defined(EXERCISM_RUN_ALL_TESTS)
TEST_CASE("nothing") { REQUIRE(add::add(0, 5) == 5); }
#endif
""",
    "test/tests-main.cpp": '#define CATCH_CONFIG_MAIN\n#include "catch.hpp"\n',
    ".meta/example.cpp": '#include "add.h"\nnamespace add {\nint add(int a, int b) { return a + b; }\n}\n',
    ".meta/example.h": "#pragma once\nnamespace add {\nint add(int a, int b);\n}\n",
}
PYTHON = {
    "add.py": "def add(a, b):\n    pass\n",
    "add_test.py": """import unittest

from add import add


class AddTest(unittest.TestCase):
    def test_two(self):
        self.assertEqual(add(1, 2), 3)
""",
    ".meta/example.py": "def add(a, b):\n    return a + b\n",
}
LISTED = {
    "go": ("add.go", "add_test.go", ".meta/example.go"),
    "javascript": ("add.js", "add.spec.js", ".meta/proof.ci.js"),
    "rust": ("src/lib.rs", "tests/add.rs", ".meta/example.rs"),
    "java": ("src/main/java/Adder.java", "src/test/java/AdderTest.java", ".meta/src/reference/java/Adder.java"),
    "python": ("add.py", "add_test.py", ".meta/example.py"),
}


def config(language: str) -> str:
    if language == "cpp":
        files = {
            "solution": ["add.cpp", "add.h"],
            "test": ["add_test.cpp"],
            "example": [".meta/example.cpp", ".meta/example.h"],
        }
    else:
        solution, test, example = LISTED[language]
        extra = ["Cargo.toml"] if language == "rust" else []
        files = {"solution": [solution, *extra], "test": [test], "example": [example]}
    return json.dumps({"files": files})


def written(folder: Path, exercises: Mapping[str, Mapping[str, str]]) -> Path:
    data = folder / "polyglot.jsonl"
    rows = [
        {
            "id": f"{language}__add",
            "language": language,
            "files": {**files, ".docs/instructions.md": "Add two numbers.\n", ".meta/config.json": config(language)},
        }
        for language, files in exercises.items()
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return data


ALL = {"go": GO, "javascript": JAVASCRIPT, "rust": RUST, "java": JAVA, "cpp": CPP, "python": PYTHON}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Task]:
    """Language -> the task."""
    benchmark = PolyglotBenchmark(written(tmp_path_factory.mktemp("polyglot"), ALL))
    found = [benchmark.task(task_id) for split in Split for task_id in benchmark.tasks(split)]
    return {task.groups["language"]: task for task in found}


@pytest.fixture(scope="module")
def docker() -> SandboxProvider:
    for language in LANGUAGES:
        if not is_built(connect(), recipe(language).image):
            build(connect(), recipe(language), progress=lambda line: None)
    return choose("docker")


def verdict(task: Task, docker: SandboxProvider, changes: Mapping[str, str]) -> tuple[Outcome, str]:
    files = {**task.workspace, **{path.encode(): File(text.encode()) for path, text in changes.items()}}
    found = grade_once(task, files, docker, run="polyglot", job=task.id, slot=0)
    return found.outcome, found.cause


def test_an_agent_gets_neither_tests_nor_examples(tasks) -> None:
    assert tasks.keys() == ALL.keys()
    for language, task in tasks.items():
        told = task.statement.encode() + b"".join(path + file.data for path, file in task.workspace.items())
        assert b"Add two numbers." in told
        hidden = {
            path: text
            for path, text in ALL[language].items()
            if path.startswith(".meta") or "add_" in path or "spec" in path
        }
        assert hidden
        for path, text in hidden.items():
            assert path.encode() not in task.workspace
            assert text.encode() not in told
        assert "Cargo.toml" not in task.statement  # what is the agent's to change, and nothing else


@pytest.mark.needs("docker")
@pytest.mark.parametrize("language", ALL)
def test_the_reference_passes_and_the_stub_does_not(language, tasks, docker) -> None:
    task = tasks[language]
    found = grade_reference(task, docker, run="polyglot", job=task.id, slot=0)
    assert (found.outcome, found.cause) == (Outcome.PASSED, "")
    assert set(found.tests.values()) == {True}
    assert len(found.tests) == (1 if language == "python" else 2)
    assert verdict(task, docker, {}) == (Outcome.FAILED, "tests")


FORGERIES = [
    ("go", "tests", {"add_test.go": 'package add\nimport "testing"\nfunc TestAdd(t *testing.T) {}\n'}),
    (
        "go",
        "tests",
        {"x_test.go": 'package add\nimport ("os"; "testing")\nfunc TestMain(m *testing.M) { os.Exit(0) }\n'},
    ),
    (
        "go",
        "tampering",
        {
            "add.go": 'package add\nimport ("fmt"; "os")\nfunc Add(a, b int) int { return 0 }\nfunc init() {\n'
            'fmt.Println("--- PASS: TestAdd (0.00s)\\n--- PASS: TestNothing (0.00s)\\nPASS")\nos.Exit(0)\n}\n'
        },
    ),
    (
        "go",
        "tests",
        {"add.go": 'package add\nimport "os"\nfunc Add(a, b int) int { return 0 }\nfunc init() { os.Exit(0) }\n'},
    ),
    (
        "go",
        "tampering",
        {
            "add.go": "package add\nconst false = 1 == 1\nfunc Add(a, b int) int {\nif a == 1 { return 3 }\nreturn 0\n}\n"
        },
    ),
    ("javascript", "tests", {"add.js": "export const add = () => 0;\nprocess.exit(0);\n"}),
    ("javascript", "tests", {"add.spec.js": "test('adds two', () => {});\n"}),
    (
        "javascript",
        "tests",
        {"package.json": '{"jest": {"testMatch": []}}', "jest.config.js": "module.exports = {testMatch: []};\n"},
    ),
    (
        "javascript",
        "tampering",
        {
            "add.js": "export const add = () => 0;\nconst yes = () => new Proxy(() => {}, {get: () => yes, apply: () => yes()});\n"
            "globalThis.expect = yes;\nglobalThis.expect = new Proxy(yes, {apply: () => new Proxy({}, {get: () => () => {}})});\n"
        },
    ),
    (
        "javascript",
        "tampering",
        {
            "add.js": "export const add = () => 0;\nconst row = (title) => ({title, status: 'passed'});\n"
            "require('fs').writeFileSync('/tmp/report.json', JSON.stringify({numFailedTestSuites: 0, "
            'testResults: [{assertionResults: [row("adds two"), row("it\'s fine with nothing")]}]}));\nprocess.exit(0);\n'
        },
    ),
    (
        "rust",
        "tests",
        {
            "src/lib.rs": "pub fn add(_: i32, _: i32) -> i32 { 0 }\n"
            "#[macro_export]\nmacro_rules! assert_eq { ($($t:tt)*) => { () } }\n"
        },
    ),
    (
        "rust",
        "tampering",
        {
            "src/lib.rs": "pub fn add(_: i32, _: i32) -> i32 { 0 }\n"
            'extern "C" fn early() {\n    println!("test two ... ok\\ntest nothing ... ok");\n    std::process::exit(0);\n}\n'
            '#[used]\n#[link_section = ".init_array"]\nstatic EARLY: extern "C" fn() = early;\n'
        },
    ),
    (
        "rust",
        "tests",
        {"build.rs": "fn main() { std::process::exit(0) }\n", "tests/add.rs": "#[test]\nfn two() {}\n"},
    ),
    (
        "rust",
        "tests",
        {"Cargo.toml": '[package]\nname = "add"\nversion = "0.0.0"\n[[test]]\nname = "add"\ntest = false\n'},
    ),
    (
        "java",
        "tests",
        {
            "src/main/java/Adder.java": "class Adder { static { System.exit(0); } int add(int a, int b) { return 0; } }\n"
        },
    ),
    (
        "java",
        "tests",
        {
            "src/main/java/org/assertj/core/api/Assertions.java": "package org.assertj.core.api;\n"
            "public class Assertions { public static Yes assertThat(Object x) { return new Yes(); }\n"
            "  public static class Yes { public Yes isEqualTo(Object y) { return this; } } }\n"
        },
    ),
    (
        "cpp",
        "tests",
        {
            "add.h": "#pragma once\n#include <cstdlib>\nnamespace add { inline int add(int, int) { return 0; }\n"
            "struct Early { Early() { std::_Exit(0); } };\nstatic Early early; }\n"
        },
    ),
    (
        "cpp",
        "tests",
        {
            "add.h": "#pragma once\n#define CATCH_CONFIG_DISABLE\nnamespace add { inline int add(int, int) { return 0; } }\n"
        },
    ),
    ("python", "tampering", {"add.py": "import os\nos._exit(0)\n"}),
    (
        "python",
        "tampering",
        {"add.py": "class Any(int):\n    def __eq__(self, other): return True\n\ndef add(*values): return Any()\n"},
    ),
    ("python", "tests", {"conftest.py": "collect_ignore = ['add_test.py']\n", "add_test.py": "def test_two(): pass\n"}),
]


@pytest.mark.needs("docker")
@pytest.mark.parametrize(("language", "cause", "changes"), FORGERIES)
def test_no_forgery_passes(language, cause, changes, tasks, docker) -> None:
    assert verdict(tasks[language], docker, changes) == (Outcome.FAILED, cause)


@pytest.mark.needs("docker")
def test_new_sources_of_the_agents_count(tasks, docker) -> None:
    more = {
        "add.go": "package add\n\nfunc Add(a, b int) int { return sum(a, b) }\n",
        "sum.go": "package add\n\nfunc sum(a, b int) int { return a + b }\n",
    }
    assert verdict(tasks["go"], docker, more) == (Outcome.PASSED, "")


@pytest.mark.needs("docker")
def test_a_second_attempt_shows_what_the_tests_print_and_no_canary(tasks, docker) -> None:
    task = tasks["go"]
    files = {**task.workspace, b"add.go": File(b"package add\n\nfunc Add(a, b int) int { return a - b }\n")}
    failed = grade_once(task, files, docker, run="polyglot", job=task.id, slot=0)
    assert b"Hgm" in failed.log
    again = second_attempt(task, files, failed, docker, run="polyglot", job=task.id, slot=0)
    assert "Add(1, 2) = -1" in again.statement
    assert "Hgm" not in again.statement
    assert again.workspace == files


def test_what_cannot_be_a_task_is_left_out_by_name(tmp_path) -> None:
    needy = {**RUST, "Cargo.toml": f'{RUST["Cargo.toml"]}[dependencies]\nrayon = "1"\n'}
    mute = {**GO, "add_test.go": "package add\n"}
    benchmark = PolyglotBenchmark(written(tmp_path, {"rust": needy, "go": mute, "python": PYTHON}))
    assert benchmark.refused == {
        "go/add": "its files hold no test",
        "rust/add": "it needs what its image has not: rayon",
    }
    assert sum(len(benchmark.tasks(split)) for split in Split) == 1
    assert selected(benchmark, Selection(groups={"language": ("python",)})).refused == {}
    assert selected(benchmark, Selection(without=("go/add",))).refused.keys() == {"rust/add"}
    with pytest.raises(ConfigError, match="polyglot leaves go/add out: its files hold no test"):
        selected(benchmark, Selection(ids=("go/add",)))


def test_unusable_records_say_where(tmp_path) -> None:
    data = tmp_path / "x.jsonl"
    data.write_text(
        '{"id": "go__add", "language": "go", "files": {}}\n{"id": "../etc", "language": "go", "files": {}}\n'
    )
    with pytest.raises(EvaluatorError, match=r"line 2: id "):
        PolyglotBenchmark(data)
    (tmp_path / "odd").mkdir()
    for unreadable in ("dependencies = 1\n", f"dependencies = {'9' * 5_000}\n", "dependencies = " + "[" * 5_000):
        odd = {**RUST, "Cargo.toml": unreadable}
        assert PolyglotBenchmark(written(tmp_path / "odd", {"rust": odd, "python": PYTHON})).refused == {
            "rust/add": "it needs what its image has not: a Cargo.toml that cargo can read"
        }
    clone = tmp_path / "clone"
    (clone / "go" / "exercises" / "practice" / "Foo_Bar").mkdir(parents=True)
    with pytest.raises(EvaluatorError, match=r"Foo_Bar: id "):
        PolyglotBenchmark(clone)
    (clone / "cpp").mkdir()
    (clone / "cpp" / "exercises").symlink_to(tmp_path)
    (tmp_path / "practice").mkdir()
    with pytest.raises(EvaluatorError, match=r"leads out of"):
        PolyglotBenchmark(clone)
    data.write_text('{"id": "cobol__add", "language": "cobol", "files": {}}\n')
    with pytest.raises(EvaluatorError, match="nothing here can test cobol"):
        PolyglotBenchmark(data)
    with pytest.raises(ConfigError, match="holds no exercise"):
        PolyglotBenchmark(tmp_path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"../x": ""}, "part"),
        ({".git/config": ""}, "takes for .git"),
        ({"a": "", "a/b": ""}, "a is a file and a folder"),
        ({"a": "x" * 300_001}, "longer than 300,000"),
    ],
)
def test_files_that_no_folder_can_hold_are_refused(tmp_path, files, said) -> None:
    data = tmp_path / "x.jsonl"
    data.write_text(json.dumps({"id": "go__add", "language": "go", "files": files}) + "\n")
    with pytest.raises(EvaluatorError, match=rf"line 1: files .*{said}"):
        PolyglotBenchmark(data)


def test_tests_that_python_cannot_read_leave_an_exercise_out(tmp_path) -> None:
    deep = {**PYTHON, "add_test.py": "(" * 10_000}
    benchmark = PolyglotBenchmark(written(tmp_path, {"python": deep, "go": GO}))
    assert "its tests cannot be read" in benchmark.refused["python/add"]


def test_what_is_printed_is_read_in_linear_time() -> None:
    flood = '<TestCase name="a" x>\n' * 300_000
    for language in LANGUAGES.values():
        began = time.process_time()
        language.rows(flood + "test a ... ok\n" * 100_000)
        assert time.process_time() - began < 5


def test_a_clone_holds_the_same_tasks_as_the_file(tmp_path) -> None:
    data, clone = written(tmp_path, ALL), tmp_path / "clone"
    for line in data.read_text().splitlines():
        row = json.loads(line)
        for path, text in row["files"].items():
            file = clone / row["language"] / "exercises" / "practice" / "add" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=clone, check=True)
    commit, count = fetch(f"file://{clone}", tmp_path / "fetched")
    assert (len(commit), count) == (40, len(ALL))
    assert PolyglotBenchmark(tmp_path / "fetched").fingerprint() == PolyglotBenchmark(data).fingerprint()
    with pytest.raises(ConfigError, match="exists already"):
        fetch(f"file://{clone}", tmp_path / "fetched")


@pytest.mark.needs("docker")
def test_real_exercises_validate(shared_data, docker) -> None:
    names = ("go/poker", "javascript/wordy", "rust/acronym", "java/change", "cpp/diamond", "python/affine-cipher")
    benchmark = selected(PolyglotBenchmark(shared_data("polyglot.jsonl")), Selection(ids=names))
    checks = list(validate(benchmark, docker, run="polyglot", repeats=1, workers=2))
    assert {check.name: check.problem for check in checks} == dict.fromkeys(names, "")


@pytest.mark.parametrize("path", [b"add_test.go", b"sub/more_test.go"])
def test_every_test_file_is_a_test_whatever_the_exercise_lists(path) -> None:
    assert LANGUAGES["go"].tests.search(path.decode())


def test_gradings_are_suites_of_their_languages(tasks) -> None:
    grading = tasks["rust"].grading
    assert isinstance(grading, Exercise)
    assert grading.expected == ("two", "nothing")
    assert grading.solution == (b"src/lib.rs",)
    assert b"#[ignore]" not in grading.files[b"tests/add.rs"].data
