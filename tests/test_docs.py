"""What README and docs say exists: commands, flags, files, headings, and every word of the tables of causes."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from hgm.cli.app import app
from tests.battery.every import HOSTILE, cheating

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
CODE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


(UsageError,) = typer.BadParameter.__bases__
"""Typer's own, or click's, as the version has it."""


class Line(NamedTuple):
    """A command in a page. In a sentence its name alone will do."""

    page: str
    words: tuple[str, ...]
    inline: bool = False

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def text_of(page: Path) -> str:
    """A page as readers see it."""
    return COMMENT.sub("", page.read_text())


def commands(program: str) -> Iterator[Line]:
    """Every command of one program, in blocks of code and inline, without what its output is piped into."""
    for page in PAGES:
        text = text_of(page)
        blocks = [line for block in CODE.findall(text) for line in block.splitlines()]
        spans = INLINE.findall(CODE.sub("", text))
        for line, inline in [*((line, False) for line in blocks), *((span, True) for span in spans)]:
            words = line.strip().removeprefix("$ ").partition("  #")[0].partition(" | ")[0]
            if words.split(" ")[0] == program and "…" not in words:
                yield Line(page.name, tuple(shlex.split(words, comments=True)), inline)


def parse(words: tuple[str, ...], *, inline: bool = False) -> None:
    """Parse as the command line would, without running anything."""
    command, context = typer.main.get_command(app), None
    name, *rest = words
    while hasattr(command, "commands"):
        context = command.context_class(command, info_name=name, parent=context)
        if not rest or rest[0] == "--help":
            return
        name, *rest = command.with_command(rest) if hasattr(command, "with_command") else rest
        found = command.get_command(context, name)
        assert found is not None, f"there is no command {name!r}"
        command = found
    if rest != ["--help"] and not (inline and not rest):
        command.make_context(name, rest, parent=context)


def examples() -> Iterator[Line]:
    """Every command in the help of a command; what comes after two spaces explains it."""
    ahead = [("hgm", typer.main.get_command(app))]
    while ahead:
        name, command = ahead.pop()
        ahead += [(f"{name} {inner}", found) for inner, found in getattr(command, "commands", {}).items()]
        for line in f"{command.help}\n{command.epilog}".splitlines():
            if line.strip().startswith("hgm "):
                yield Line(f"{name} --help", tuple(shlex.split(line.strip().partition("  ")[0].partition(" | ")[0])))


def test_there_are_examples():
    assert len({*examples()}) > 5


@pytest.mark.parametrize("line", sorted({*commands("hgm"), *examples()}), ids=str)
def test_commands_parse(line):
    try:
        parse(line.words, inline=line.inline)
    except UsageError as error:
        pytest.fail(f"{line}: {error.format_message()}")


@pytest.mark.parametrize("words", [("hgm", "serach"), ("hgm", "search", "--bugdet", "40"), ("hgm", "resume")])
def test_wrong_commands_do_not_parse(words):
    with pytest.raises((AssertionError, UsageError)):
        parse(words)


def test_the_readme_names_the_two_first_commands():
    found = {line.words for line in commands("hgm")} | {line.words for line in commands("make")}
    assert {("make", "search"), ("hgm", "search", "--budget", "40")} <= found


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wanted = {line.words[1] for line in commands("make") if len(line.words) > 1}
    assert wanted <= targets


def test_programs_named_in_pages_exist():
    scripts = {word for line in commands("python") for word in line.words if word.endswith(".py")}
    assert "scripts/screenshots.py" in scripts
    assert not [script for script in scripts if not (ROOT / script).is_file()]


def links() -> list[tuple[Path, str]]:
    return [(page, target) for page in PAGES for target in LINK.findall(CODE.sub("", text_of(page)))]


def test_links_inside_the_repository_resolve():
    inside = [(page, target) for page, target in links() if not target.startswith(("http:", "https:", "mailto:"))]
    assert len(inside) > 10
    assert not [f"{page.name}: {target}" for page, target in inside if not resolves(page, target)]


def resolves(page: Path, target: str) -> bool:
    path, _, heading = target.partition("#")
    file = (page.parent / path) if path else page
    return file.exists() and (not heading or heading in anchors(file))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_to_the_world_are_encrypted():
    assert not [target for _, target in links() if target.startswith("http:")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_is_reachable_from_the_readme(page):
    if page.parent == ROOT / "benchmarks":
        return
    seen, ahead = set(), [ROOT / "README.md"]
    while ahead:
        at = ahead.pop()
        if at not in seen and at.suffix == ".md":
            seen.add(at)
            ahead += [(at.parent / target.partition("#")[0]).resolve() for source, target in links() if source == at]
    assert page in seen


def test_files_that_newcomers_are_sent_to_exist():
    named = re.findall(r"`([\w/.]+\.(?:py|md)|[\w/]+/)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert "hgm/loop.py" in named
    assert not [name for name in named if not (ROOT / name).exists()]


CAUSE_GIVERS = {"blame", "trouble", "_cause", "_judge", "_judge_canaries"}
"""Functions that return a cause."""


def causes_in_code() -> set[str]:
    """Every word that the code may give: as `cause=…`, in an assignment to `cause`, or returned by a giver."""
    ours = [ROOT / f"hgm/{name}.py" for name in ("evaluate", "seen", "playing")]
    files = [*ours, *(ROOT / "evaluators").glob("*.py"), *(ROOT / "evaluators/gui").glob("*.py")]
    return {word for file in files for node in nodes_of(file) if says_a_cause(node) for word in words_in(node)}


def says_a_cause(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name in CAUSE_GIVERS
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id == "cause" for target in node.targets)
    return isinstance(node, ast.keyword) and node.arg == "cause"


def reasons_in_code() -> set[str]:
    nodes = [*nodes_of(ROOT / "hgm/gates.py"), *nodes_of(ROOT / "hgm/expand.py")]
    given = (node for node in nodes if isinstance(node, ast.keyword) and node.arg == "reason")
    blame = next(node for node in nodes_of(ROOT / "hgm/seen.py") if getattr(node, "name", "") == "blame")
    return {word for node in [*given, blame] for word in words_in(node)}


def nodes_of(file: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(file.read_bytes())))


def words_in(node: ast.AST) -> Iterator[str]:
    compared = {id(inner) for found in ast.walk(node) if isinstance(found, ast.Compare) for inner in ast.walk(found)}
    for inner in ast.walk(node):
        if (
            isinstance(inner, ast.Constant)
            and id(inner) not in compared
            and (found := re.fullmatch(r"([a-z]+(?:-[a-z]+)*)(?:: )?", str(inner.value)))
        ):
            yield found[1]


def table(heading: str) -> set[str]:
    """The words in code style of a section's table rows, but for its last column."""
    section = (ROOT / "docs/concepts.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.rsplit("|", 2)[0] for line in section.splitlines() if line.startswith("|")]
    return {word for row in rows for word in re.findall(r"`([a-z-]+)`", row)}


def test_the_table_of_causes_is_that_of_the_code():
    assert causes_in_code() | {"bad-workspace"} == table("Outcomes and causes") - {"passed", "failed", "unmeasured"}


def test_the_table_of_rejections_is_that_of_the_code():
    assert reasons_in_code() | {"bad-workspace"} == table("Why a child is rejected")


PROMISES = INLINE.findall(text_of(ROOT / "docs/security.md"))
TEST = re.compile(r"(tests/[\w/]+\.py)((?:::\w+)*)")


def named_tests() -> Iterator[tuple[str, list[str]]]:
    """File, and class or test in it, of every test that the page names; without a file it is in the one before."""
    file, above = "", list[str]()
    for word in PROMISES:
        if found := TEST.fullmatch(word):
            file, path = found[1], found[2].split("::")[1:]
            above = path[:-1]
            yield file, path
        elif word.startswith("test_"):
            yield file, [*above, word]


def stands_in(file: str, path: list[str]) -> bool:
    if not (ROOT / file).is_file():
        return False
    found: ast.AST | None = ast.parse((ROOT / file).read_bytes())
    for name in path:
        inside = getattr(found, "body", [])
        found = next((node for node in inside if getattr(node, "name", "") == name), None)
    return found is not None


def test_every_test_that_security_names_exists():
    named = [*named_tests()]
    assert len(named) > 80
    assert not ["::".join([file, *path]) for file, path in named if not stands_in(file, path)]


def test_a_test_that_does_not_exist_is_noticed():
    assert stands_in("tests/contracts/sandbox.py", ["SandboxContract", "test_has_no_network"])
    assert not stands_in("tests/contracts/sandbox.py", ["test_has_no_network"])
    assert not stands_in("tests/contracts/sandbox.py", ["SandboxContract", "test_has_a_network"])
    assert not stands_in("tests/contracts/no_sandbox.py", [])


def test_every_attempt_that_security_names_is_made():
    made = [*HOSTILE, *cheating()]
    known = {attempt.name for attempt in made} | {f"{attempt.kind}/*" for attempt in made}
    named = {word.removeprefix("battery::") for word in PROMISES if word.startswith("battery::")} - {"…"}
    assert named <= known, named - known
    left = {attempt.kind for attempt in made} - {name.removesuffix("/*") for name in named}
    assert not left, "kinds of attempts without a promise"


def test_every_promise_names_where_it_is_kept_and_what_holds_it():
    promised = text_of(ROOT / "docs/security.md").split("\n## ")[2]
    lines = [[cell.strip() for cell in line.split("|")] for line in promised.splitlines()]
    rows = [cells for cells in lines if len(cells) == 5 and cells[1] not in ("promise", "---")]
    assert len(rows) > 30
    for _, promise, kept, held, _ in rows:
        assert "`tests/" in held, promise
        files = [word for word in INLINE.findall(kept) if "/" in word]
        assert files or kept == "the same", promise
        assert not [file for file in files if not (ROOT / file).exists()], promise


def test_no_page_speaks_of_one_machine():
    assert not [page.name for page in PAGES if re.search(r"/work/|/root/\w|localhost:\d", page.read_text())]
