"""Text from agents, models and tasks never acts on the terminal: neither as escape codes nor as markup."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from hgm.cli.board import Board
from hgm.cli.displays import Plain, Redrawn, picture
from hgm.cli.report import diff_text, report
from hgm.cli.terminal import one_line, safe
from hgm.executors.local import LocalExecutor
from hgm.jobs import EvaluationResult, ExpandJob, ExpansionResult, Job, Result
from hgm.loop import Ending, Watch, search
from hgm.run import create, opened, read
from sandboxes.base import File
from tests.cli.command import Command
from tests.hgm.simulated import SEED_AGENT, created
from trees.policies import make_policy
from trees.records import Expansion, Outcome

EVIL = "\x1b[2J\x1b]0;owned\x07\r[bold red]m[/bold red] [/] :boom: \x9b31m \u202ereversed\u202c \x00 [link=file:///]x\\"
"""Clears the screen, sets the title, returns the carriage, is markup, is broken markup, and more."""
EVIL_LINE = EVIL.replace("\x00", "").replace("\r", "")
EVIL_NAME = EVIL.replace("\x00", "").replace("/", "|").encode()
OBEYED = set("\x1b\x07\r\x9b\u202e\u202c\x00")


def evil_work(job: Job, slot: int) -> Result:
    """Says evil things wherever an agent has a say."""
    number = int(job.id[1:])
    if not isinstance(job, ExpandJob):
        outcome = Outcome.PASSED if number % 2 else Outcome.FAILED
        return EvaluationResult(job=job.id, outcome=outcome, cause=EVIL, detail=EVIL)
    if number % 3 == 0:
        return ExpansionResult(job=job.id, kind=Expansion.REJECTED, reason=EVIL, files=SEED_AGENT)
    files = {
        **SEED_AGENT,
        b"main.py": File(f"# {number} {EVIL_LINE}\n".encode()),
        EVIL_NAME: File(b""),
    }
    return ExpansionResult(job=job.id, kind=Expansion.CHILD, brief=EVIL, files=files)


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A finished run full of evil text, runs/evil."""
    path = tmp_path / "runs" / "evil"
    event = created(budget=40)
    event["search_tasks"] = [f"{EVIL}{number}" for number in range(20)]
    event["benchmark"] = {"name": EVIL, "fingerprint": EVIL}
    event["versions"] = {"hgm": EVIL, "python": EVIL}
    create(path, event, SEED_AGENT)
    go_on(path, Watch())
    return path


def go_on(path: Path, watch: Watch) -> None:
    executor = LocalExecutor(evil_work, 1)
    with opened(path) as run:
        search(run, make_policy("hgm"), executor, watch=watch)
    executor.close()


def assert_harmless(text: str) -> None:
    assert "owned" in text, "nothing evil was shown at all"
    assert not OBEYED & set(text)
    assert "[bold red]m[/bold red]" in text, "markup was obeyed"
    assert "💥" not in text


@pytest.mark.parametrize(
    "words",
    [
        ("tree", "show"),
        ("tree", "show", "--long"),
        ("tree", "diff"),
        ("tree", "export"),
        ("runs", "show"),
        ("runs", "show", "--events"),
    ],
    ids=" ".join,
)
def test_commands_escape_it(hgm: Command, evil: Path, words: tuple[str, ...]) -> None:
    said = hgm(*words, "evil", *(["1"] if words == ("tree", "diff") else []))
    assert said.code == 0
    if words == ("tree", "export"):
        assert not OBEYED & set(said.out)
    else:
        assert_harmless(said.out)


def test_the_list_of_runs_escapes_it(hgm: Command, evil: Path) -> None:
    said = hgm("runs", "list")
    assert said.code == 0
    assert not OBEYED & set(said.out)


def test_the_report_escapes_it(evil: Path) -> None:
    stream = io.StringIO()
    report(Console(file=stream, width=200, highlight=False, emoji=False), evil, read(evil), Ending.FINISHED)
    assert not OBEYED & set(stream.getvalue())


def test_plain_lines_escape_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    display = Plain(tmp_path)
    play(tmp_path, display)
    said = capsys.readouterr().out
    assert_harmless(said)
    assert len(said.splitlines()) == read(tmp_path / "run").jobs, "one line per job"


def test_the_picture_escapes_it(tmp_path: Path) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system=None, width=200, emoji=False)
    display = Redrawn(tmp_path, console)
    shots: list[str] = []

    def shoot(board: Board) -> None:
        stream.seek(0)
        stream.truncate()
        console.print(picture(board, ""))
        shots.append(stream.getvalue())

    play(tmp_path, display, shoot=shoot)
    assert_harmless("".join(shots))


def play(tmp_path: Path, display: Plain | Redrawn, shoot=lambda board: None) -> None:
    """An evil run in front of a display."""
    event = created(budget=12)
    event["search_tasks"] = [f"{EVIL}{number}" for number in range(20)]
    create(tmp_path / "run", event, SEED_AGENT)

    def started(job: Job) -> None:
        display.started(job)
        display.stage(job.id, EVIL)
        shoot(display._board)

    def finished(job: Job, result: Result) -> None:
        display.finished(job, result)
        shoot(display._board)

    executor = LocalExecutor(evil_work, 1)
    with opened(tmp_path / "run") as run:
        display.opened(run.state)
        search(run, make_policy("hgm"), executor, watch=Watch(started=started, finished=finished))
    executor.close()


@pytest.mark.parametrize("text", [EVIL, "\\[red]", "a\\", "[/]", "[[red]]", "\\\\[bold]x[/bold]"])
def test_text_inside_markup_stays_text(text: str) -> None:
    stream = io.StringIO()
    Console(file=stream, width=500, emoji=False, highlight=False).print(f"[bold]{safe(text)}[/bold]|")
    from hgm.text import printable

    assert stream.getvalue() == printable(text) + "|\n"


def test_a_line_is_one_line() -> None:
    assert "\n" not in one_line("a\nb\r\nc\x85d\u2028e" * 50)
    assert len(one_line("word " * 100)) == 80


def test_a_diff_is_bounded() -> None:
    shown = diff_text(b"+x\n" * 10_000, lines=80, characters=6_000).plain
    assert "9920 more lines" in shown
    assert len(shown) < 7_000


def test_a_line_without_an_end_is_bounded() -> None:
    assert len(diff_text(b"+" + b"x" * 1_000_000, lines=80, characters=6_000).plain) < 7_000
