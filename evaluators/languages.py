"""What exercises in one programming language look like, and how its own test runner is asked about them.

Every runner compiles first and prints a mark then; whatever comes after the mark is read by the host, as text that the
code under test may have printed too. A canary is a test that must fail, under a name that nobody knows before, one for
each kind of assertion: `evaluators.grade_exercise` says what they are for.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import TypeAlias

from sandboxes.base import File, Files
from trees.toml import tables

Rows: TypeAlias = list[tuple[str, bool]]
"""Test and whether it passed, as reported."""


@dataclass(frozen=True, kw_only=True)
class Language:
    """One language's customs. Paths are relative to the exercise's folder."""

    tests: re.Pattern[str]
    """Paths of tests, whatever the exercise's own list says."""
    sources: re.Pattern[str]
    """New files at such paths are part of an agent's solution, unless they are tests."""
    commands: str
    """A shell script; $mark is to be printed before the tests run, and "$@" are the paths of the tests."""
    activated: Callable[[str], str]
    """A test file with every test switched on: all but the first are switched off as published."""
    names: Callable[[str], Iterable[str]]
    """The tests of an activated test file."""
    rows: Callable[[str], Rows]
    """What a run printed behind the mark."""
    with_canaries: Callable[[str, str], str]
    """A test file with canaries added, and the word that their names contain."""
    packages: Callable[[Mapping[str, str]], Iterable[str]] = lambda texts: ()
    """What of an exercise's files (path -> text) says that it needs, beyond the language and its test runner."""
    available: frozenset[str] = frozenset()
    """Packages that the image has."""


def canary_names(word: str, count: int) -> list[str]:
    """Before all other names and after them, where names decide the order."""
    return [f"{'Aa' if number % 2 else 'Zz'}{word}{number}" for number in range(count)]


def _matches(pattern: str, flags: int = re.MULTILINE) -> Callable[[str], Iterator[str]]:
    compiled = re.compile(pattern, flags)
    return lambda text: (match["name"] for match in compiled.finditer(text))


def _without(pattern: str, instead: str = "") -> Callable[[str], str]:
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda text: compiled.sub(instead, text)


def _reported(pattern: str, passed: str) -> Callable[[str], Rows]:
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda text: [(match["name"], match["result"] == passed) for match in compiled.finditer(text)]


def _go_canaries(text: str, word: str) -> str:
    failing = (
        *('t.Fatal("on purpose")', 't.Errorf("on %s", "purpose")', "t.Fail()"),
        # A package may give Go's own names another meaning, for its tests too.
        *("if true { t.Fail() }", "if !false { t.Fail() }", 'if len("a") == 1 { t.Fail() }'),
        "var none error; if none == nil { t.Fail() }",
    )
    return text + "".join(
        f"\nfunc Test{name}(t *testing.T) {{ {body} }}\n"
        for name, body in zip(canary_names(word, len(failing)), failing, strict=True)
    )


def _go_names(text: str) -> Iterator[str]:
    constraint = re.search(r"^//go:build (.+)$", text, re.MULTILINE)
    return iter(()) if constraint and not _holds(constraint[1]) else _GO_TESTS(text)


def _holds(constraint: str) -> bool:
    """Whether a file with this build constraint is compiled where no tag is given."""
    before, now = "", re.sub(r"\w+", "F", constraint).replace(" ", "")
    while before != now:
        before = now
        for known, value in (("!F", "T"), ("!T", "F"), ("(F)", "F"), ("(T)", "T")):
            now = now.replace(known, value)
        now = re.sub(r"([TF])&&([TF])", lambda sides: "T" if sides[0] == "T&&T" else "F", now)
        if "&&" not in now:
            now = re.sub(r"([TF])\|\|([TF])", lambda sides: "F" if sides[0] == "F||F" else "T", now)
    return now == "T"


_GO_TESTS = _matches(r"^func (?P<name>Test[A-Z_0-9]\w*)\(\w+ \*testing\.T\)")
GO = Language(
    tests=re.compile(r"_test\.go$"),
    sources=re.compile(r"\.go$"),
    commands="""\
export HOME=/tmp GOCACHE=/var/cache/go GOPROXY=off GOFLAGS=-mod=mod GOTOOLCHAIN=local
go test -c -o /tmp/tests . || exit
echo "$mark"
exec /tmp/tests -test.v
""",
    activated=str,
    names=_go_names,
    # Behind what a program has printed without an end of line; tests alone, since examples are not expected.
    rows=_reported(r"--- (?P<result>PASS|FAIL|SKIP): (?P<name>Test\w*) \([\d.]+s\)$", "PASS"),
    with_canaries=_go_canaries,
)


def _rust_canaries(text: str, word: str) -> str:
    failing = ("assert!(1 == 2);", "assert_eq!(1, 2);", "assert_ne!(1, 1);", 'panic!("on purpose");')
    return text + "".join(
        f"\n#[test]\n#[allow(non_snake_case)]\nfn {name}() {{ {body} }}\n"
        for name, body in zip(canary_names(word, len(failing)), failing, strict=True)
    )


def _crates(texts: Mapping[str, str]) -> Iterable[str]:
    try:
        named = tables(texts.get("Cargo.toml", "")).get("dependencies", {})
    except ValueError:
        named = None
    return list(named) if isinstance(named, dict) else ["a Cargo.toml that cargo can read"]


def _rust_names(text: str) -> Iterator[str]:
    attributes = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#["):
            attributes += line
        elif line:
            found = re.match(r"fn (\w+)\(", line)
            if found and "#[test]" in attributes and "#[cfg(feature" not in attributes:
                yield found[1]
            attributes = ""


RUST = Language(
    tests=re.compile(r"^tests/"),
    sources=re.compile(r"^src/.*\.rs$"),
    commands="""\
export HOME=/tmp CARGO_TARGET_DIR=/tmp/target
targets=$(for path; do name=${path#tests/}; echo "--test ${name%.rs}"; done)
cargo test --offline --no-run $targets || exit
echo "$mark"
exec cargo test --offline --no-fail-fast $targets -- --test-threads=1
""",
    activated=_without(r"^[ \t]*#\[ignore.*?\][ \t]*\n"),
    names=_rust_names,
    rows=_reported(r"^test (?:\w+::)*(?P<name>\w+)(?: - should panic)? \.\.\. .*?(?P<result>ok|FAILED|ignored)$", "ok"),
    with_canaries=_rust_canaries,
    packages=_crates,
    available=frozenset({"anyhow", "time"}),
)


def _java_canaries(text: str, word: str) -> str:
    failing = (
        "org.assertj.core.api.Assertions.assertThat(1).isEqualTo(2);",
        "org.assertj.core.api.Assertions.assertThat(false).isTrue();",
        "org.assertj.core.api.Assertions.assertThatExceptionOfType(Exception.class).isThrownBy(() -> {});",
        "org.junit.jupiter.api.Assertions.assertEquals(1, 2);",
        'throw new IllegalStateException("on purpose");',
    )
    added = "".join(
        f"\n    @org.junit.jupiter.api.Test\n    public void {name}() {{ {body} }}\n"
        for name, body in zip(canary_names(word, len(failing)), failing, strict=True)
    )
    before, end, after = text.rpartition("}")
    return f"{before}{added}{end}{after}"


_LIBRARY = re.compile(r"""mplementation[ (]+(?:platform\()?["']([\w.-]+):""")
JAVA = Language(
    tests=re.compile(r"^src/test/"),
    sources=re.compile(r"^src/main/java/.*\.java$"),
    commands="""\
libraries=$(printf '/usr/share/java/%s.jar:' junit-jupiter-api junit-jupiter-params junit-jupiter-engine \\
    junit-platform-commons junit-platform-engine junit-platform-launcher opentest4j apiguardian-api \\
    assertj-core byte-buddy)
find src/main/java src/test/java -name '*.java' -print0 |
    xargs -0 javac -nowarn -encoding UTF-8 -d /tmp/classes -cp "$libraries" /hgm/grader/Report.java || exit
echo "$mark"
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx512m -cp "$libraries/tmp/classes" Report /tmp/classes
""",
    activated=_without(r"^[ \t]*@Disabled(\(.*\))?[ \t]*\n"),
    names=_matches(r"^[ \t]*@Test\b[^;{}]{0,300}?\bvoid\s{1,9}(?P<name>\w{1,200})\s{0,9}\("),
    rows=_reported(r"^test (?P<result>passed|failed|skipped): (?P<name>\w+)$", "passed"),
    with_canaries=_java_canaries,
    packages=lambda texts: _LIBRARY.findall(texts.get("build.gradle", "")),
    available=frozenset({"org.junit", "org.junit.jupiter", "org.assertj"}),
)


def _cpp_canaries(text: str, word: str) -> str:
    failing = (
        *("REQUIRE(1 == 2)", "CHECK(1 == 2)", "REQUIRE_FALSE(1 == 1)", "FAIL()"),
        *("REQUIRE(false)", "REQUIRE_FALSE(true)"),
        *("REQUIRE_THROWS([]{}())", "REQUIRE_THROWS_AS([]{}(), int)", "REQUIRE_NOTHROW([]{ throw 1; }())"),
    )
    return text + "".join(
        f'\nTEST_CASE("{name}") {{ {body}; }}\n'
        for name, body in zip(canary_names(word, len(failing)), failing, strict=True)
    )


def _cpp_rows(text: str) -> Rows:
    rows, name = [], ""
    for line in text.splitlines():
        if begun := re.match(r'\s*<TestCase name="([^"]*)"', line):
            name = unescape(begun[1])
        elif ended := re.match(r'\s*<OverallResult success="(\w+)"', line):
            rows.append((name, ended[1] == "true"))
            name = ""
    return rows


CPP = Language(
    tests=re.compile(r"_test\.cpp$|^test/"),
    sources=re.compile(r"^[^/]+\.(cpp|h|hpp)$"),
    commands="""\
find . -maxdepth 1 -name '*.cpp' -print0 |
    xargs -0 g++ -std=c++17 -g -Wall -Wextra -Wpedantic -Werror -pthread -I. \\
    -DEXERCISM_TEST_SUITE -DEXERCISM_RUN_ALL_TESTS -o /tmp/tests \\
    -Wl,--whole-archive -lexercise-main -Wl,--no-whole-archive || exit
echo "$mark"
/tmp/tests --reporter xml --out /tmp/report.xml
status=$?
cat /tmp/report.xml
exit $status
""",
    activated=str,
    names=lambda text: (unescape(name) for name in _matches(r'^TEST_CASE\(\s*"(?P<name>[^"\\]*)"')(text)),
    rows=_cpp_rows,
    with_canaries=_cpp_canaries,
)

_TITLE = re.compile(
    r"""(?:^|[\s;])(?:test|it)\(\s*(?P<quote>['"`])(?P<name>(?:\\.|(?!(?P=quote))[^\\\n]){0,500})(?P=quote)"""
)
_SWITCHED_OFF = re.compile(r"(?:^|(?<=[\s;]))x(?=(?:test|it)\()")


def _javascript_canaries(text: str, word: str) -> str:
    failing = (
        "expect(1).toBe(2)",
        "expect([1]).toEqual([2])",
        "expect(1).not.toBe(1)",
        "expect(() => {}).toThrow()",
        "expect([1]).toContain(2)",
        "expect(false).toBeTruthy()",
        "(() => { throw new Error('on purpose'); })()",
    )
    added = [
        f"\ntest('{name}', () => {{ {body}; }});\n"
        for name, body in zip(canary_names(word, len(failing)), failing, strict=True)
    ]
    return "".join([*added[1::2], text, *added[0::2]])


def _javascript_rows(text: str) -> Rows:
    rows: Rows = []
    for line in text.splitlines():
        if line.startswith('{"numFailedTestSuites":'):
            try:
                suites = json.loads(line)["testResults"]
                tests = [test for suite in suites for test in suite["assertionResults"]]
                rows += [(str(test["title"]), test["status"] == "passed") for test in tests]
            except (ValueError, RecursionError, KeyError, TypeError):
                return []
    return rows


JAVASCRIPT = Language(
    tests=re.compile(r"\.(spec|test)\.\w+$"),
    sources=re.compile(
        r"^(?!(.*/)?(node_modules|__mocks__|__tests__)/)(?!(.*/)?[^/]*\.?config\.\w+$).*\.(js|mjs|cjs)$"
    ),
    commands="""\
echo "$mark"
jest --config /hgm/grader/jest.json --ci --runInBand --json --outputFile=/tmp/report.json --runTestsByPath "$@"
status=$?
echo
cat /tmp/report.json
exit $status
""",
    activated=lambda text: _SWITCHED_OFF.sub("", text),
    names=lambda text: (re.sub(r"\\(.)", r"\1", match["name"]) for match in _TITLE.finditer(text)),
    rows=_javascript_rows,
    with_canaries=_javascript_canaries,
)

PYTHON = "python"
"""Its exercises are suites of pytest's (`evaluators.grade_suite`), in the lab's own sandboxes."""
LANGUAGES = {"cpp": CPP, "go": GO, "java": JAVA, "javascript": JAVASCRIPT, "rust": RUST}


def counted(language: Language, base: Files, files: Files, solution: Sequence[bytes]) -> Files:
    """The pristine base with what of an agent's `files` counts: its solution, and new sources that are no tests."""
    kept = {path: file for path, file in files.items() if path in solution or _is_new_source(language, base, path)}
    unsolved = {path: file for path, file in base.items() if path not in solution}
    return {**unsolved, **{path: File(file.data) for path, file in kept.items()}}


def _is_new_source(language: Language, base: Files, path: bytes) -> bool:
    name = path.decode(errors="surrogateescape")
    is_source = bool(language.sources.search(name)) and not language.tests.search(name)
    return is_source and path not in base and "\n" not in name
